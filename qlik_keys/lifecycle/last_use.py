"""When a client last logged in, for the plan of what removes a login (qlik-cloud-contract, "Events").

The events name the client and the grant, and neither the key nor the secret: a login may have been by the new key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from qlik_keys.core.clock import utc_now
from qlik_keys.errors import TenantError
from qlik_keys.tenant.resources.events import ISSUED

if TYPE_CHECKING:
    from datetime import datetime

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.tenant import QlikTenant

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
        for event_type in ISSUED:
            login, known_since = _newest(tenant, event_type, client_id, now, apart_from)
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
    tenant: QlikTenant, event_type: str, client_id: str, now: datetime, apart_from: tuple[datetime, datetime] | None
) -> tuple[datetime | None, datetime]:
    """Return a client's newest login by the events of one name, and since when these are known."""
    oldest = now
    begin, end = apart_from or (now, now)
    for number, page in enumerate(tenant.events.issued_tokens(event_type, now - RECENT, now + _TENANTS_CLOCK), start=1):
        for event in page:
            oldest = min(oldest, event.event_time or oldest)
            moment = event.event_time
            if event.data.issued_to_client_id != client_id or moment is None:
                continue
            if apart_from is None or not begin <= moment <= end:
                return moment, now - RECENT
        if number == _MOST_PAGES:
            return None, oldest
    return None, now - RECENT
