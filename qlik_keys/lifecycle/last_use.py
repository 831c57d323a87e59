"""When a client last logged in, for the plan of what removes a login (qlik-cloud-contract, "Events").

The events name the client and the grant, and neither the key nor the secret: a login may have been by the new key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from qlik_keys.core.clock import utc_now
from qlik_keys.errors import TenantError, TenantProtocolError
from qlik_keys.tenant.resources.events import are_newest_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tenant.resources.models import IssuedTokenEvent

RECENT = timedelta(days=30)
# The events cannot be filtered by client. The newest come first, so a client in use is found on the first pages.
_MOST_PAGES = 10
_TENANTS_CLOCK = timedelta(hours=1)  # it may be ahead of this machine
_CLOCKS_APART = timedelta(minutes=2)  # between the tenant, which dates events, and the machine that dated the record


@dataclass(frozen=True, slots=True, kw_only=True)
class LastUse:
    """When a client last logged in, as far as the events tell.

    Attributes:
        at: when, UTC; None for not since `since`, or unknown.
        since: since when the events are known, UTC.
        unknown: why that cannot be told, "" where it can.
    """

    at: datetime | None
    since: datetime
    unknown: str = ""

    def to_text(self) -> str:
        """Return it in a sentence; "unknown" where that cannot be told, never "not"."""
        if self.unknown:
            return f"When it last logged in is unknown: {self.unknown}"
        if self.at is not None:
            return (
                f"It last logged in at {self.at:%Y-%m-%d %H:%M} UTC: make sure that no consumer still uses what is "
                "removed. Which key or secret was used is not told."
            )
        return f"It has not logged in since {self.since:%Y-%m-%d %H:%M} UTC."


def last_use(
    tenant: QlikTenant, client_id: str, clock: Clock, *, apart_from: tuple[datetime, datetime] | None = None
) -> LastUse:
    """Return when a client last logged in.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        client_id: the client.
        clock: says what now is.
        apart_from: from when until when, UTC, logins do not count.
    """
    now = utc_now(clock)
    moments: list[datetime] = []
    since = now - RECENT
    try:
        for _, pages in tenant.events.issued_tokens(now - RECENT, now + _TENANTS_CLOCK):
            login, known_since = _newest(pages, client_id, now, apart_from)
            moments += [] if login is None else [login]
            since = max(since, known_since)
    except TenantError as problem:
        return LastUse(at=None, since=since, unknown=problem.message)
    return LastUse(at=max(moments, default=None), since=since)


def use_of_old_key(tenant: QlikTenant, record: ClientRecord, clock: Clock) -> LastUse | None:
    """Return when a client last logged in, apart from its new key's verification; None where no overlap is cut short.

    Until a key is promoted its one login is the verification, and the record has both dates. So a login before them was
    not by that key; one after them may have been by either.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        record: the client's.
        clock: says what now is.
    """
    current, end = record.current, record.old_keys_end
    if current is None or end is None or end <= utc_now(clock):
        return None
    verified = (current.made_at - _CLOCKS_APART, (current.promoted_at or current.made_at) + _CLOCKS_APART)
    return last_use(tenant, record.client_id, clock, apart_from=verified)


def _newest(
    pages: Iterator[Sequence[IssuedTokenEvent]],
    client_id: str,
    now: datetime,
    apart_from: tuple[datetime, datetime] | None,
) -> tuple[datetime | None, datetime]:
    """Return a client's newest login by the events of one name, and since when these are known.

    Raises:
        TenantProtocolError: the events do not tell.
    """
    moments: list[datetime] = []
    newest: datetime | None = None
    begin, end = apart_from or (None, None)
    for number, page in enumerate(pages, start=1):
        told = [(each.data.issued_to_client_id, each.event_time) for each in page]
        if told and not any(of for of, _ in told):
            raise TenantProtocolError("The tenant's events of issued tokens do not say to which client.")
        if (client_id, None) in told:
            raise TenantProtocolError("The tenant's events tell of a login of this client, and not when it was.")
        moments += [moment for _, moment in told if moment is not None]
        for of, moment in told:
            if of != client_id or moment is None or (begin and end and begin <= moment <= end):
                continue
            newest = max(newest or moment, moment)
        is_in_order = are_newest_first(moments)
        if newest is not None and is_in_order:
            return newest, now - RECENT
        if number == _MOST_PAGES:
            if not is_in_order:
                raise TenantProtocolError("The tenant's events are not in the order that was asked for.")
            return None, min(moments, default=now)
    return newest, now - RECENT
