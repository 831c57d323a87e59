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
    from qlik_keys.tenant import QlikTenant

RECENT = timedelta(days=30)
# The events cannot be filtered by client. The newest come first, so a client in use is found on the first pages.
_MOST_PAGES = 10
_TENANTS_CLOCK = timedelta(hours=1)  # it may be ahead of this machine


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


def last_use(tenant: QlikTenant, client_id: str, clock: Clock) -> LastUse:
    """Return when a client last logged in.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        client_id: the client.
        clock: says what now is.
    """
    now = utc_now(clock)
    moments: list[datetime] = []
    since = now - RECENT
    try:
        for event_type in ISSUED:
            login, known_since = _newest(tenant, event_type, client_id, now)
            moments += [] if login is None else [login]
            since = max(since, known_since)
    except TenantError as problem:
        return LastUse(at=None, since=since, unknown=problem.message)
    return LastUse(at=max(moments, default=None), since=since)


def _newest(tenant: QlikTenant, event_type: str, client_id: str, now: datetime) -> tuple[datetime | None, datetime]:
    """Return a client's newest login by the events of one name, and since when these are known."""
    oldest = now
    for number, page in enumerate(tenant.events.issued_tokens(event_type, now - RECENT, now + _TENANTS_CLOCK), start=1):
        for event in page:
            oldest = min(oldest, event.event_time or oldest)
            if event.data.issued_to_client_id == client_id and event.event_time is not None:
                return event.event_time, now - RECENT
        if number == _MOST_PAGES:
            return None, oldest
    return None, now - RECENT
