"""The tenant's clients as a table, with what the key store knows of their keys.

Qlik keeps no date per key, so a key's age comes from the store's metadata, or from a
kid of our form (`<UTC date>_<thumbprint>`). The store's summaries are enough for it; records are read
only where these cannot tell how one stands (`record_states`).

The table is made column by column, since that is several times faster than row by row and a tenant may have ten
thousand clients. The pages are fetched one after the other: each names the next.

Not done here: changing anything; showing the table (`panel`, `cli`).
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from qlik_keys.core.arguments import CALLBACK, CLOCK, FLAG, optional, require
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.core.side_by_side import side_by_side
from qlik_keys.errors import QlikKeysError, StoreDenied, TenantNotFound
from qlik_keys.inventory.engine_keys import export_paths
from qlik_keys.inventory.frames import read_times
from qlik_keys.inventory.record_states import RecordStates, foreign_documents, record_states
from qlik_keys.keys.public import BASE64URL, kid_made_on
from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.keystore.lookup import CLIENT_ID, check_sides
from qlik_keys.rules.access import NOT_CHECKED
from qlik_keys.rules.clients import (
    ADMIN_SCOPE,
    CONSENT_NOT_TRUSTED,
    DISABLED,
    DYNAMIC_REGISTRATION,
    METHOD_NOT_ALLOWED,
    SECRET_BESIDE_KEY,
    SECRET_ONLY,
)
from qlik_keys.rules.findings import FINDINGS
from qlik_keys.rules.fixes import BY_VAULT, shell_command
from qlik_keys.rules.keys import (
    CUSTODY_CHANGED,
    DUE_SOON,
    KEY_AGE_UNKNOWN,
    KEY_OLD,
    LOCKED_OUT,
    MANY_KEYS,
    NO_KEY_IN_STORE,
    OVERLAP_OVER,
    REMOVED_KEY_REGISTERED,
    ROTATION_DUE,
    ROTATION_OVERDUE,
    SHARED_KEY,
)
from qlik_keys.rules.model import SEVERITIES
from qlik_keys.rules.records import (
    DAMAGED_PENDING,
    FOREIGN_DOCUMENT,
    METADATA_DIFFER,
    OPERATION_INTERRUPTED,
    ORPHANED_RECORD,
    RECORD_DAMAGED,
    RECORD_DELETED,
    RECORD_DESTROYED,
    RECORD_EXPIRES,
    UNFINISHED,
    severity_of_interruption,
)
from qlik_keys.tenant.http.budget import LIMITS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qlik_keys.core.clock import Clock
    from qlik_keys.errors import StoreError
    from qlik_keys.keystore.base import KeyStore, KeySummary
    from qlik_keys.rules.model import Severity
    from qlik_keys.tenant import ClientOverview, QlikTenant

    Progress = Callable[[str, int, int], None]

Value = TypeVar("Value")
COLUMNS = (
    "client_id",
    "name",
    "app_type",
    "grant_types",
    "auth_methods",
    "scopes",
    "consent",
    "kids",
    "algs",
    "current_kid",
    "custody",
    "key_made",
    "key_age_days",
    "rotate_by",
    "secrets",
    "created",
    "updated",
    "created_by",
    "disabled",
    "findings",
)
_TEXTS = ("client_id", "name", "app_type", "consent", "current_kid", "custody", "created_by")
_TIMES = ("key_made", "rotate_by")
_LOOKED_AT = (
    "grant_types",
    "auth_methods",
    "scopes",
    "consent",
    "kids",
    "current_kid",
    "custody",
    "custody_before",
    "key_made",
    "rotate_by",
    "created_by",
    "disabled",
    "unread",
    "untold",
    "of_record",
    "secrets",
)
_GONE = {"deleted": RECORD_DELETED, "destroyed": RECORD_DESTROYED}
_ORDER = {name: place for place, name in enumerate(FINDINGS)}
_FIELDS = itemgetter(
    "client_id",
    "client_name",
    "app_type",
    "allowed_grant_types",
    "allowed_auth_methods",
    "allowed_scopes",
    "public_keys",
    "client_secrets",
    "created_at",
    "updated_at",
    "created_by_type",
    "disable_tag",
)
_KID, _ALG = itemgetter("kid"), itemgetter("alg")
_WRITTEN_TIMES = ("created", "updated")
_NUMBERS = ("secrets",)
# Qlik tells the consent by a call per client. Unasked, a listing spends on it no more than one minute's allowance.
CONSENT_LOOKUPS = LIMITS_PER_MINUTE[1]
_DATE_LETTERS = len("2026-11-24")
_KID_LETTERS = _DATE_LETTERS + 1 + 43
_MACHINE = "client_credentials"
_MOST_KEYS = 2  # a rotation needs two at a time

AUDIT_COLUMNS = ("severity", "code", "finding", "client_id", "name", "meaning", "advice", "command")


def clients(
    tenant: QlikTenant,
    store: KeyStore | None = None,
    *,
    consent: bool | None = None,
    on_progress: Progress | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> pd.DataFrame:
    """Return the tenant's clients, a row a client, sorted as the tenant sorts them.

    The store and the tenant are asked about eight clients at a time. A client that one of them fails to tell about is a
    row like the others, with the finding "not-checked" and missing values.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: adds what the store knows of the keys: current kid, custody, dates.
        consent: look up each machine's consent method, which takes a call per machine; by default only where there are
            at most 1,000 machines, and the column is empty otherwise.
        on_progress: told what is looked up ("keys", "consent"), how many are done, and of how many.
        clock: says what now is.

    Returns:
        The columns of `COLUMNS` with real dtypes: times in UTC, lists as tuples, missing values as missing. `attrs` has
        "tenant" (its address) and "time" (ISO, UTC). `qlik_keys.rules.findings` explains the names in the column
        "findings".

    Raises:
        TenantError, StoreError: one of them could not be asked.
        TypeError: an argument is of another type.
    """
    check_sides(tenant, store, may_lack_store=True)
    optional(FLAG, consent=consent)
    optional(CALLBACK, on_progress=on_progress)
    require(CLOCK, clock=clock)
    columns = _listed(tenant.oauth_clients.overviews())
    client_ids = columns["client_id"]
    shown, unread, foreign = _summaries(store, tenant.host, client_ids, on_progress)
    machines = [of for of, grants in zip(client_ids, columns["grant_types"], strict=True) if _MACHINE in grants]
    look_up = len(machines) <= CONSENT_LOOKUPS if consent is None else consent
    consents, untold = _consents(tenant, machines, on_progress) if look_up else ({}, set())
    columns["consent"] = _column(client_ids, consents)
    columns["unread"] = _column(client_ids, dict.fromkeys(unread, True), missing=False)
    columns["untold"] = _column(client_ids, dict.fromkeys(untold, True), missing=False)
    now = utc_now(clock)
    registered = dict(zip(client_ids, columns["kids"], strict=True))
    states = RecordStates({}) if store is None else record_states(store, tenant.host, shown, registered)
    found = states.summaries
    columns |= _of_keys(client_ids, found, columns["kids"])
    told = {client_id: _of_record(summary, now, states) for client_id, summary in found.items()}
    told |= dict.fromkeys(foreign, (FOREIGN_DOCUMENT.name,))
    columns["of_record"] = _column(client_ids, told, missing=())
    columns["findings"] = _findings(columns, now, store_known=store is not None)
    frame = _frame(columns, now)
    frame.attrs = {"tenant": tenant.url, "time": now.isoformat()}
    details = {client_id: detail for client_id, summary in found.items() if (detail := _detail(summary))}
    if details:
        frame.attrs["details"] = details
    operations = {of: _operation(summary, states) for of, summary in found.items() if summary.is_in_progress}
    if operations:
        frame.attrs["operations"] = operations
    return frame


def audit(
    tenant: QlikTenant,
    store: KeyStore,
    *,
    consent: bool | None = None,
    on_progress: Progress | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> pd.DataFrame:
    """Return what there is to say of the tenant's clients and their keys, a row a finding, highest severity first.

    Beside what `clients` finds it looks for clients whose making was interrupted, and for keys without a client.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are.
        consent: as for `clients`.
        on_progress: as for `clients`.
        clock: says what now is.

    Returns:
        The columns of `AUDIT_COLUMNS`; "severity" is an ordered category (critical, high, medium, low), "command" what
        fixes it in a shell, "" where a person has to look first. `attrs` as for `clients`.

    Raises:
        TenantError, StoreError: one of them could not be asked.

    Example:
        >>> found = audit(tenant, store)
        >>> found[found.severity == "high"]  # doctest: +SKIP
    """
    check_sides(tenant, store)
    return audit_of(clients(tenant, store, consent=consent, on_progress=on_progress, clock=clock), store, tenant.host)


def audit_of(frame: pd.DataFrame, store: KeyStore, tenant_host: str) -> pd.DataFrame:
    """Return the findings of a table that `clients` returned, with what only the store knows.

    Raises:
        StoreError: the store could not be asked.
    """
    rows = [
        (finding, client_id, name)
        for client_id, name, findings in zip(frame["client_id"], frame["name"], frame["findings"], strict=True)
        for finding in findings
    ]
    in_engine = frame.loc[frame["custody"] == "transit", ["client_id", "name"]]
    operations: dict[str, Any] = dict(frame.attrs.get("operations", {}))
    rows += export_paths(store, tenant_host, [*in_engine.itertuples(index=False, name=None)])
    damaged: list[StoreError] = []
    pending = store.pending(tenant_host, on_damaged=damaged.append)
    # An auditor may list these documents and read none, since keys are in them: that one is there is all it can tell.
    rows += [
        (UNFINISHED.name if isinstance(problem, StoreDenied) else DAMAGED_PENDING.name, "", problem.path)
        for problem in damaged
    ]
    rows += [(UNFINISHED.name, waiting.client_id, waiting.name) for waiting in pending]
    # A client that is just being made may have its record already, and no row yet.
    known = {*frame["client_id"], *(waiting.client_id for waiting in pending)}
    orphans = [client_id for client_id in store.client_ids(tenant_host) if client_id not in known]
    for client_id, name, findings, operation in _orphans(store, tenant_host, orphans):
        rows += [(finding, client_id, name) for finding in findings]
        if operation:
            operations[client_id] = operation

    def severity_of(finding: str, client_id: str) -> Severity:
        told = operations.get(client_id) if finding == OPERATION_INTERRUPTED.name else None
        return FINDINGS[finding].severity if told is None else told["severity"]

    rows.sort(key=lambda row: (SEVERITIES.index(severity_of(*row[:2])), _ORDER[row[0]], row[2], row[1]))
    details = frame.attrs.get("details", {})
    columns = {
        "severity": [severity_of(finding, client_id) for finding, client_id, _ in rows],
        "code": [FINDINGS[finding].code for finding, _, _ in rows],
        "finding": [finding for finding, _, _ in rows],
        "client_id": [client_id for _, client_id, _ in rows],
        "name": [name for _, _, name in rows],
        "meaning": [_meaning(finding, client_id, details, operations) for finding, client_id, _ in rows],
        "advice": [FINDINGS[finding].advice for finding, _, _ in rows],
        "command": [_command(finding, client_id, details) for finding, client_id, _ in rows],
    }
    found = pd.DataFrame({name: pd.Series(values, dtype="string") for name, values in columns.items()})
    found["severity"] = pd.Categorical(found["severity"], categories=[*SEVERITIES], ordered=True)
    found.attrs = dict(frame.attrs)
    return found


def _orphans(
    store: KeyStore, tenant_host: str, names: Sequence[str]
) -> list[tuple[str, str, tuple[str, ...], dict[str, str]]]:
    """Return what there is to say of documents without a client: name, client's name, findings, operation."""
    ids = [name for name in names if CLIENT_ID.fullmatch(name)]
    answers = dict(zip(ids, side_by_side(lambda each: store.summary(tenant_host, each), ids), strict=True))
    shown = {of: told for of, told in answers.items() if told is not None and not isinstance(told, QlikKeysError)}
    states = record_states(store, tenant_host, shown, {})
    foreign = foreign_documents(store, tenant_host, [name for name in names if answers.get(name) is None])
    found: list[tuple[str, str, tuple[str, ...], dict[str, str]]] = []
    for name in names:
        if name in foreign:
            # Its name may be anything; only a client's id stands in the column of ids.
            is_id = CLIENT_ID.fullmatch(name) is not None
            found.append((name if is_id else "", "" if is_id else name, (FOREIGN_DOCUMENT.name,), {}))
            continue
        summary = states.summaries.get(name)
        if summary is None or not summary.is_in_progress:
            client_name = "" if summary is None else summary.client_name
            damaged = (RECORD_DAMAGED.name,) if name in states.damaged else ()
            found.append((name, client_name, (ORPHANED_RECORD.name, *damaged), {}))
            continue
        findings = (ORPHANED_RECORD.name, OPERATION_INTERRUPTED.name)
        found.append((name, summary.client_name, findings, _operation(summary, states)))
    return found


def _operation(summary: KeySummary, states: RecordStates) -> dict[str, str]:
    """Return what is in progress with a client and how severe it is if it was interrupted, as JSON-ready values.

    A rotation or a retirement is not named in what the store shows: it takes nothing away that somebody counts on.
    """
    operation = summary.operation
    severity = severity_of_interruption(operation)
    if operation is not None:
        return {"severity": severity, "meaning": f"It is: {operation.to_text()}.", "words": operation.to_text()}
    what = "a rotation or a retirement"
    if summary.client_id in states.unread:
        what += ", or a manual change of the record: this login may not read which"
    return {"severity": severity, "meaning": f"It is {what}.", "words": what}


def _meaning(
    finding: str,
    client_id: str,
    details: Mapping[str, Mapping[str, str]],
    operations: Mapping[str, Mapping[str, str]],
) -> str:
    meaning = FINDINGS[finding].meaning
    if finding == OPERATION_INTERRUPTED.name:
        return f"{meaning} {operations[client_id]['meaning']}"
    is_of_moment = FINDINGS[finding].operation in BY_VAULT and client_id in details
    return f"{meaning} {details[client_id]['meaning']}" if is_of_moment else meaning


def _command(finding: str, client_id: str, details: Mapping[str, Mapping[str, str]]) -> str:
    operation = FINDINGS[finding].operation
    if operation in BY_VAULT:
        # As text for a shell: the quotes of a hint are not part of it.
        told = details.get(client_id, {}).get("command", "")
        return " && ".join(told.split("`")[1::2])
    return shell_command(operation, client_id)


def _listed(pages: Iterable[Sequence[ClientOverview]]) -> dict[str, list[Any]]:
    """Return the columns that a listing fills; no page is held longer than it takes."""
    columns: defaultdict[str, list[Any]] = defaultdict(list)
    for page in pages:
        if not page:
            continue
        ids, names, types, grants, methods, scopes, keys, secrets, created, updated, by, tags = zip(
            *map(_FIELDS, page), strict=True
        )
        columns["client_id"] += ids
        columns["name"] += names
        columns["app_type"] += types
        columns["grant_types"] += grants
        columns["auth_methods"] += methods
        columns["scopes"] += scopes
        columns["kids"] += [tuple(map(_KID, each)) for each in keys]
        columns["algs"] += [tuple(map(_ALG, each)) for each in keys]
        columns["secrets"] += map(len, secrets)
        columns["created"] += created
        columns["updated"] += updated
        columns["created_by"] += by
        columns["disabled"] += map(bool, tags)
    return columns


def _summaries(
    store: KeyStore | None, tenant_host: str, wanted: Sequence[str], on_progress: Progress | None
) -> tuple[dict[str, KeySummary], set[str], set[str]]:
    """Return what the store shows of those clients that it has.

    Returns:
        What it shows by client id; the ids of those that it failed to tell about; those whose documents are not ours.
    """
    if store is None:
        return {}, set(), set()
    has = set(store.client_ids(tenant_host))
    there = [client_id for client_id in wanted if client_id in has]
    found, failed = _looked_up(
        lambda client_id: store.summary(tenant_host, client_id), there, what="keys", on_progress=on_progress
    )
    unknown = [client_id for client_id in there if client_id not in found and client_id not in failed]
    return found, failed, foreign_documents(store, tenant_host, unknown)


def _consents(
    tenant: QlikTenant, machines: Sequence[str], on_progress: Progress | None
) -> tuple[dict[str, str], set[str]]:
    """Return the machines' consent methods, "" for none, and the ids of those that the tenant failed to tell about."""

    def look_up(client_id: str) -> str:
        try:
            return tenant.oauth_clients.connection_config(client_id).consent_method
        except TenantNotFound:
            return ""  # without a connection configuration nothing is trusted

    return _looked_up(look_up, machines, what="consent", on_progress=on_progress)


def _looked_up(
    look_up: Callable[[str], Value | None], client_ids: Sequence[str], *, what: str, on_progress: Progress | None
) -> tuple[dict[str, Value], set[str]]:
    told = None if on_progress is None else functools.partial(on_progress, what)
    found: dict[str, Value] = {}
    failed = set()
    answers = side_by_side(look_up, client_ids, on_progress=told)
    for client_id, answer in zip(client_ids, answers, strict=True):
        if isinstance(answer, QlikKeysError):
            failed.add(client_id)
        elif answer is not None:
            found[client_id] = answer
    return found, failed


def _column(client_ids: Sequence[str], values: Mapping[str, Any], *, missing: Any = None) -> list[Any]:
    """Return a value a client; most columns of most tables have none, and are made without a look-up each."""
    if not values:
        return [missing] * len(client_ids)
    return [values.get(client_id, missing) for client_id in client_ids]


def _of_keys(
    client_ids: Sequence[str], found: Mapping[str, KeySummary], kids: Sequence[tuple[str, ...]]
) -> dict[str, list[Any]]:
    dates: dict[str, datetime | None] = {}
    summaries = _column(client_ids, found)
    made = [
        summary.made_at if summary else _newest_date(names, dates) if names else None
        for summary, names in zip(summaries, kids, strict=True)
    ]
    columns: dict[str, list[Any]] = {
        name: [getattr(summary, name) if summary else None for summary in summaries] if found else summaries
        for name in ("current_kid", "custody", "custody_before", "rotate_by")
    }
    return columns | {"key_made": made}


def _newest_date(kids: Iterable[str], dates: dict[str, datetime | None]) -> datetime | None:
    """Return the newest date in kids of our form; `dates` keeps those that were read: a fleet has few."""
    newest: datetime | None = None
    for kid in kids:
        # As `KID`, without its search: ten thousand kids are looked at for a table.
        if len(kid) != _KID_LETTERS or kid[_DATE_LETTERS] != "_" or kid[_DATE_LETTERS + 1 :].strip(BASE64URL):
            continue
        day = kid[:_DATE_LETTERS]
        if day not in dates:
            made_on = kid_made_on(kid)
            dates[day] = None if made_on is None else datetime.combine(made_on, time(), tzinfo=UTC)
        made_at = dates[day]
        if made_at is not None and (newest is None or made_at > newest):
            newest = made_at
    return newest


def _of_record(summary: KeySummary, now: datetime, states: RecordStates) -> tuple[str, ...]:
    """Return what is to be said of a client's record, for most nothing."""
    is_returned = summary.client_id in states.returned
    is_odd = is_returned or summary.client_id in states.damaged or summary.client_id in states.shown_wrong
    if not (summary.gone or summary.gone_at or summary.retire_at or summary.is_in_progress or is_odd):
        return ()
    found = []
    if is_returned:
        found.append(REMOVED_KEY_REGISTERED.name)
    if summary.client_id in states.damaged:
        found.append(RECORD_DAMAGED.name)
    if summary.client_id in states.shown_wrong:
        found.append(METADATA_DIFFER.name)
    if summary.gone:
        found.append(_GONE[summary.gone].name)
    elif summary.gone_at:
        found.append(RECORD_EXPIRES.name)
    if summary.is_in_progress:
        found.append(OPERATION_INTERRUPTED.name)
    if summary.retire_at and summary.retire_at <= now:
        found.append(OVERLAP_OVER.name)
    return tuple(found)


def _detail(summary: KeySummary) -> dict[str, str]:
    """Return the moment and the command of what happens to a record, as JSON-ready values; nothing for most."""
    if summary.gone_at is None:
        return {}
    verb = "Deleted" if summary.gone else "To be deleted"
    return {"meaning": f"{verb} at {summary.gone_at:%Y-%m-%d %H:%M} UTC.", "command": summary.remedy}


# One flat list of checks: ten thousand rows go through it, and a call for each check would double the time.
def _findings(  # noqa: C901, PLR0912
    columns: Mapping[str, Sequence[Any]], now: datetime, *, store_known: bool
) -> list[tuple[str, ...]]:
    """Return what there is to say of each client, in the order of `FINDINGS`."""
    due_at = now + DUE_SOON
    old_before = now - ROTATE_AFTER - timedelta(days=1)  # in whole days, as ages are told
    shared = {kid for kid, count in Counter(chain.from_iterable(columns["kids"])).items() if count > 1}
    findings = []
    looked_at = (columns[name] for name in _LOOKED_AT)
    for (
        grants, methods, scopes, consent, kids, current, custody, before, made, rotate_by, by, disabled, unread,
        untold, told, secrets
    ) in zip(*looked_at, strict=True):  # fmt: skip
        found = []
        if current and current not in kids:
            found.append(LOCKED_OUT.name)
        if shared and not shared.isdisjoint(kids):
            found.append(SHARED_KEY.name)
        if rotate_by and rotate_by < now:
            found.append(ROTATION_OVERDUE.name)
        is_by_secret = "private_key_jwt" not in methods and _MACHINE in grants
        if is_by_secret and current:
            found.append(METHOD_NOT_ALLOWED.name)
        if before:
            found.append(CUSTODY_CHANGED.name)
        if store_known and kids and made and not rotate_by and made <= old_before:
            found.append(KEY_OLD.name)
        if len(kids) > _MOST_KEYS:
            found.append(MANY_KEYS.name)
        if is_by_secret and not current:
            found.append(SECRET_ONLY.name)
        if "admin_classic" in scopes:
            found.append(ADMIN_SCOPE.name)
        if consent is not None and consent != "trusted":
            found.append(CONSENT_NOT_TRUSTED.name)
        if unread or untold:
            found.append(NOT_CHECKED.name)
        if kids and store_known and custody is None and not unread:
            found.append(NO_KEY_IN_STORE.name)
        if rotate_by and now <= rotate_by <= due_at:
            found.append(ROTATION_DUE.name)
        if kids and made is None and not unread:
            found.append(KEY_AGE_UNKNOWN.name)
        if secrets and current and "client_secret" in methods:
            found.append(SECRET_BESIDE_KEY.name)
        if by == "dcr":
            found.append(DYNAMIC_REGISTRATION.name)
        if disabled:
            found.append(DISABLED.name)
        if told:
            found = sorted([*found, *told], key=_ORDER.__getitem__)
        findings.append(tuple(found))
    return findings


def _frame(columns: dict[str, list[Any]], now: datetime) -> pd.DataFrame:
    series: dict[str, pd.Series[Any]] = {}
    for name in COLUMNS:
        if name == "key_age_days":  # behind key_made
            series[name] = (pd.Timestamp(now) - series["key_made"]).dt.days.astype("Int64")
            continue
        values = columns[name]
        if name in _TEXTS and values.count(None) == len(values):
            # pandas looks at each missing value; without a store there are three such columns.
            series[name] = pd.Series(pd.NA, index=range(len(values)), dtype="string")
        elif name in _TEXTS:
            series[name] = pd.Series(values, dtype="string")
        elif name in _TIMES:
            series[name] = pd.Series(values, dtype="datetime64[us, UTC]")
        elif name in _WRITTEN_TIMES:
            series[name] = read_times(values)
        elif name in _NUMBERS:
            series[name] = pd.Series(values, dtype="Int64")
        elif name == "disabled":
            series[name] = pd.Series(values, dtype="bool")
        else:
            series[name] = pd.Series(values, dtype="object")
    return pd.DataFrame(series, copy=False)
