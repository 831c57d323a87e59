"""Who rotated what and when, for auditors: from the records, their versions in the store, and the tenant's events.

None of the three knows all of it. A record keeps the dates of the keys that exist, and of removed ones only the kids;
the store tells when it was written and not by whom; the tenant's events tell who changed a client and not what. What
cannot be known is part of the report, in sentences.

Not done here: reading Vault's own audit log, which has who wrote what; only its operators can.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from qlik_keys.core.arguments import CLOCK, Kind, optional, require
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.core.side_by_side import side_by_side
from qlik_keys.errors import QlikKeysError, StoreError, TenantError
from qlik_keys.keys.public import kid_made_on
from qlik_keys.keystore.base import MOST_REMOVED, ClientRecord
from qlik_keys.keystore.lookup import CLIENT_ID, check_sides
from qlik_keys.keystore.optional import ReportsVersions
from qlik_keys.keystore.tenant_folder import folder_of
from qlik_keys.tenant.resources.events import CLIENT_CHANGES
from qlik_keys.tenant.resources.users import BOT_SUBJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import KeyStore, KeySummary
    from qlik_keys.keystore.optional import RecordVersion
    from qlik_keys.tenant import QlikTenant

HISTORY_COLUMNS = ("time", "client_id", "name", "event", "kid", "by", "source", "detail")
_WINDOW = timedelta(days=365)
_TENANTS_CLOCK = timedelta(hours=1)  # it may be ahead of this machine
_AROUND = timedelta(minutes=1)  # a rotation's own moments are in whole seconds, and clocks differ a little
_MOST_PAGES = 100  # of a hundred events, for each kind of change
_NEVER_KNOWN = (
    "A record keeps the dates of the keys that exist. When a key was removed, and by whom, is not recorded.",
    f"Of removed keys, a record keeps the kids of the last {MOST_REMOVED}.",
    "A record names who started an operation only while that is in progress.",
    "The tenant's events tell who changed a client and not what: a rotation and a manual change look the same.",
    "Next to a promoted key stands the only user who changed the client at that time.",
    "Which key or secret a login used is in no event and no record.",
    "Who read or wrote a record is in Vault's own audit log, which this report does not read.",
)
_DAY = Kind((date,), "a date or a datetime with a time zone")  # a datetime is a date


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    time: datetime | None
    client_id: str
    name: str
    event: str
    source: str
    kid: str = ""
    by: str = ""
    detail: str = ""


@dataclass(slots=True)
class _Events:
    """The tenant's changes of clients: by client, when, what, who and under which name."""

    changes: defaultdict[str, list[tuple[datetime, str, str, str]]] = field(default_factory=lambda: defaultdict(list))
    unknown: list[str] = field(default_factory=list)

    def who(self, client_id: str, first: datetime, last: datetime) -> str:
        """Return who alone changed a client within a time, "" for no one or for several."""
        near = (first - _AROUND, last + _AROUND)
        found = {who for moment, _, who, _ in self.changes.get(client_id, ()) if near[0] <= moment <= near[1]}
        return found.pop() if len(found) == 1 else ""


def report(
    tenant: QlikTenant, store: KeyStore, *, since: date | datetime | None = None, clock: Clock = SYSTEM_CLOCK
) -> pd.DataFrame:
    """Return who did what to clients and their keys, and when, oldest first: for auditors.

    It takes two requests to the store for each record, a listing of the tenant's clients, and for each kind of change a
    request for each hundred events.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are. A login that may not read keys is told less, and the report says so.
        since: what is older is left out; by default only the tenant's events, which are asked for one year.
        clock: says what now is.

    Returns:
        A row an event, with the columns of `HISTORY_COLUMNS`: "time" in UTC, missing where it is not recorded;
        "source" is "record", "metadata", "store" (a version of the record) or "tenant" (its events). "by" is who
        changed the client on the tenant, or who started an operation that is in progress; "" for unknown. `attrs` has
        "tenant", "time", "since" and "unknown": in sentences, what cannot be known.

    Raises:
        TenantError, StoreError: one of them could not be asked.
        TypeError, ValueError: `since` is no date, or a datetime without a time zone.

    Example:
        >>> history = report(tenant, store, since=date(2026, 10, 1))
        >>> history.attrs["unknown"]  # doctest: +SKIP
    """
    check_sides(tenant, store)
    require(CLOCK, clock=clock)
    check_since(since)
    start = _start(since)
    store = folder_of(tenant, store)
    now = utc_now(clock)
    registered = {
        each["client_id"]: (each["client_name"], bool(each["public_keys"]))
        for page in tenant.oauth_clients.overviews()
        for each in page
    }
    events = _events(tenant, start or now - _WINDOW, now)
    client_ids = [each for each in store.client_ids(tenant.host) if CLIENT_ID.fullmatch(each)]
    found = _Found(names={of: name for of, (name, _) in registered.items()}, events=events)
    told = side_by_side(lambda client_id: _of_record(store, tenant.host, client_id), client_ids)
    for client_id, answer in zip(client_ids, told, strict=True):
        found.add_record(client_id, answer)
    found.add_events()
    unmanaged = sum(has_key for of, (_, has_key) in registered.items() if of not in set(client_ids))
    kept = [each for each in found.entries if start is None or each.time is None or each.time >= start]
    kept.sort(key=lambda each: (each.time is None, each.time or now, each.name, each.client_id, each.event))
    frame = _frame(kept)
    frame.attrs = {
        "tenant": tenant.url,
        "time": now.isoformat(),
        "since": "" if start is None else start.isoformat(),
        "unknown": [*found.unknown(unmanaged=unmanaged), *events.unknown],
    }
    return frame


class _Found:
    """What is known, client by client."""

    def __init__(self, *, names: dict[str, str], events: _Events) -> None:
        self.entries: list[_Entry] = []
        self._names, self._events = names, events
        self._unread, self._shortened, self._undated = 0, 0, 0

    def add_record(
        self, client_id: str, told: tuple[ClientRecord | KeySummary | None, Sequence[RecordVersion] | None] | Exception
    ) -> None:
        """Add what the store knows of one client."""
        if isinstance(told, Exception):
            self._unread += 1
            return
        record, versions = told
        name = record.client_name if record is not None else self._names.get(client_id, "")
        add: Callable[..., None] = lambda time, event, source, **more: self.entries.append(  # noqa: E731
            _Entry(time=time, client_id=client_id, name=name, event=event, source=source, **more)
        )
        if isinstance(record, ClientRecord):
            self._add_keys(record, add)
        else:
            self._unread += 1
            if record is not None and record.made_at is not None:
                add(record.made_at, "key-made", "metadata", kid=record.current_kid)
        if versions is None:
            self._undated += 1
            return
        self._shortened += bool(versions) and versions[0].number > 1
        for each in versions:
            destroyed = ", its content is destroyed" if each.is_destroyed else ""
            add(each.written_at, "record-written", "store", detail=f"version {each.number}{destroyed}")

    def _add_keys(self, record: ClientRecord, add: Callable[..., None]) -> None:
        for key in record.keys.values():
            end = f"; may be removed from {key.retire_at:%Y-%m-%d %H:%M} UTC" if key.retire_at else ""
            state = f"now {key.state}{end}"
            add(key.made_at, "key-made", "record", kid=key.kid, detail=f"{key.alg}, custody {key.custody}; {state}")
            if key.promoted_at is not None:
                who = self._events.who(record.client_id, key.made_at, key.promoted_at)
                detail = "who changed the client on the tenant at that time" if who else ""
                add(key.promoted_at, "key-promoted", "record", kid=key.kid, by=who, detail=detail)
        for kid in record.removed_kids:
            made_on = kid_made_on(kid)
            day = f"made on {made_on:%Y-%m-%d}; " if made_on else ""
            add(None, "key-removed", "record", kid=kid, detail=f"{day}when it was removed is not recorded")
        if record.operation is not None:
            operation = record.operation
            detail = f"in progress: {operation.to_text()}"
            add(operation.started_at, f"{operation.name}-started", "record", by=operation.started_by, detail=detail)

    def add_events(self) -> None:
        """Add the tenant's changes."""
        for client_id, changes in self._events.changes.items():
            for moment, what, who, name in changes:
                self.entries.append(
                    _Entry(
                        time=moment,
                        client_id=client_id,
                        name=name or self._names.get(client_id, ""),
                        event=f"client-{what.replace('.', '-')}",
                        source="tenant",
                        by=who,
                    )
                )

    def unknown(self, *, unmanaged: int) -> list[str]:
        """Return in sentences what cannot be known."""
        told = [*_NEVER_KNOWN]
        if self._shortened:
            told.append(
                f"Of {self._shortened} records Vault no longer lists the first versions (max_versions): the dates of "
                "these are unknown."
            )
        if self._undated:
            told.append(f"The store did not tell when {self._undated} records were written.")
        if self._unread:
            told.append(
                f"{self._unread} records could not be read with this login: of these only the current key is told."
            )
        if unmanaged:
            told.append(f"{unmanaged} clients have keys that this store does not have: nothing is known of these keys.")
        return told


def check_since(since: date | datetime | None) -> None:
    """Refuse what is no moment from which a report can begin.

    Raises:
        TypeError: it is no date.
        ValueError: it is a datetime without a time zone.
    """
    optional(_DAY, since=since)
    if isinstance(since, datetime) and since.tzinfo is None:
        raise ValueError("`since` must have a time zone")


def _start(since: date | datetime | None) -> datetime | None:
    if since is None or isinstance(since, datetime):
        return None if since is None else since.astimezone(UTC)
    return datetime.combine(since, time(), tzinfo=UTC)


def _of_record(
    store: KeyStore, tenant_host: str, client_id: str
) -> tuple[ClientRecord | KeySummary | None, Sequence[RecordVersion] | None]:
    """Return a client's record, or what may be seen of it without its keys; and when it was written."""
    record: ClientRecord | KeySummary | None
    try:
        record = store.read(tenant_host, client_id)
    except StoreError:
        record = store.summary(tenant_host, client_id)
    if not isinstance(store, ReportsVersions):
        return record, None
    try:
        return record, store.versions(tenant_host, client_id)
    except StoreError:
        return record, None


def _events(tenant: QlikTenant, since: datetime, now: datetime) -> _Events:
    """Return the changes of clients that the tenant tells of; a failure is told in the result."""
    found = _Events()
    seen: set[tuple[str, datetime, str, str]] = set()  # while Qlik renames events, a change may have one of each name
    try:
        for what in CLIENT_CHANGES:
            for event_type, pages in tenant.events.client_changes(what, since, now + _TENANTS_CLOCK):
                for number, page in enumerate(pages, start=1):
                    seen |= {
                        (each.data.client_id, each.event_time, what, each.user_id + "\0" + each.data.client_name)
                        for each in page
                        if each.data.client_id and each.event_time is not None
                    }
                    if number == _MOST_PAGES:
                        found.unknown.append(
                            f"There are more events {event_type!r} than were read: older ones are unknown."
                        )
                        break
    except TenantError as problem:
        found.unknown.append(
            f"The tenant's events could not be read, so who changed clients is unknown: {problem.message}"
        )
        return found
    people = _names_of(tenant, {who.partition("\0")[0] for _, _, _, who in seen})
    for client_id, moment, what, who in sorted(seen):
        user_id, _, name = who.partition("\0")
        found.changes[client_id].append((moment, what, people.get(user_id, user_id), name))
    if seen:
        oldest = min(moment for _, moment, _, _ in seen)
        found.unknown.append(
            f"The oldest event that the tenant returned is of {oldest:%Y-%m-%d %H:%M} UTC: "
            "whether there were older ones is not known."
        )
    else:
        found.unknown.append(f"The tenant has no event of a client since {since:%Y-%m-%d %H:%M} UTC.")
    return found


def _names_of(tenant: QlikTenant, user_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of users; one whom the tenant does not show keeps its id."""
    ids = sorted(filter(None, user_ids))
    people: dict[str, str] = {}
    for user_id, user in zip(ids, side_by_side(lambda each: tenant.users.find("id", each), ids), strict=True):
        if user is None or isinstance(user, QlikKeysError):
            continue
        kind = "client " if user.subject.startswith(BOT_SUBJECT) else ""
        people[user_id] = f"{kind}{user.name or user.subject} ({user_id})"
    return people


def _frame(entries: Sequence[_Entry]) -> pd.DataFrame:
    columns = {name: [getattr(each, name) for each in entries] for name in HISTORY_COLUMNS}
    kinds = dict.fromkeys(HISTORY_COLUMNS, "string") | {"time": "datetime64[us, UTC]"}
    return pd.DataFrame({name: pd.Series(values, dtype=kinds[name]) for name, values in columns.items()})
