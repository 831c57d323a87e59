"""When clients last logged in, from the tenant's events of issued tokens (qlik-cloud-contract, "Events").

Which key or secret was used is not told. A caller who may not read events, and a window that is too short, give
"unknown", never "not used".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import TenantError
from qlik_keys.inventory.findings import ORDER
from qlik_keys.rules.clients import SECRET_STILL_USED, UNUSED_90_DAYS
from qlik_keys.tenant.http.budget import LIMITS_PER_MINUTE
from qlik_keys.tenant.resources.events import ISSUED
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from qlik_keys.tenant import QlikTenant

USAGE_COLUMNS = ("last_login", "last_grant", "logins_30d")
WINDOW = timedelta(days=90)
RECENT = timedelta(days=30)
# Pages of a hundred events: a listing spends no more on them than one minute's allowance.
MOST_PAGES = LIMITS_PER_MINUTE[1]
_TENANTS_CLOCK = timedelta(hours=1)  # it may be ahead of this machine


@dataclass(slots=True, kw_only=True)
class Usage:
    """The logins of clients within a window.

    Attributes:
        since: the start of what is known; None where nothing is.
        last: by client id the newest login and its grant type.
        recent: by client id how many logins there were in the last 30 days.
        reason: why less than the window is known, "" if all is.
    """

    since: datetime | None = None
    last: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    recent: Counter[str] = field(default_factory=Counter)
    reason: str = ""


def usage_of(tenant: QlikTenant, now: datetime, *, most_pages: int = MOST_PAGES) -> Usage:
    """Return the logins of the last 90 days; a failure is told in the result.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        now: the time.
        most_pages: how many requests it may take.
    """
    usage = Usage(since=now - WINDOW)
    issued: Counter[tuple[str, datetime, str]] = Counter()
    left = most_pages
    for event_type in ISSUED:
        named: Counter[tuple[str, datetime, str]] = Counter()
        try:
            for page in tenant.events.issued_tokens(event_type, now - WINDOW, now + _TENANTS_CLOCK):
                left -= 1
                told = [(each.data.issued_to_client_id, each.event_time, each.data.grant_type) for each in page]
                named.update((of, moment, grant) for of, moment, grant in told if of and moment is not None)
                moments = [moment for _, moment, _ in told if moment is not None]
                if left <= 0 and moments:
                    usage.since = _later(usage.since, min(moments))
                    usage.reason = f"There are more events than {most_pages} requests return."
                    break
        except TenantError as problem:
            return Usage(reason=problem.message)
        issued |= named  # the larger count of each: while Qlik renames events, a token may have one of each name
    for (client_id, moment, grant), count in issued.items():
        if client_id not in usage.last or usage.last[client_id][0] < moment:
            usage.last[client_id] = (moment, grant)
        if moment >= now - RECENT:
            usage.recent[client_id] += count
    return usage


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one


def columns_of(usage: Usage, client_ids: Sequence[str], now: datetime) -> dict[str, list[Any]]:
    """Return the columns of `USAGE_COLUMNS`; a number that is not known is missing, and not zero."""
    whole = usage.since is not None and usage.since <= now - RECENT
    return {
        "last_login": [usage.last[each][0] if each in usage.last else None for each in client_ids],
        "last_grant": [usage.last[each][1] if each in usage.last else None for each in client_ids],
        "logins_30d": [usage.recent[each] if whole else None for each in client_ids],
    }


def with_findings(usage: Usage, columns: Mapping[str, Sequence[Any]], now: datetime) -> list[tuple[str, ...]]:
    """Return the findings of each client with those of its use, where that is known."""
    names = ("client_id", "grant_types", "auth_methods", "kids", "secrets", "created", "findings")
    whole = usage.since is not None and usage.since <= now - WINDOW
    oldest = f"{now - WINDOW:%Y-%m-%dT%H:%M:%S}"
    found = []
    for client_id, grants, methods, kids, secrets, created, findings in zip(
        *(columns[name] for name in names), strict=True
    ):
        more = []
        # `created` is as the tenant wrote it: ISO, UTC, so that texts compare as times do.
        if whole and CLIENT_CREDENTIALS in grants and client_id not in usage.last and "" < created < oldest:
            more.append(UNUSED_90_DAYS.name)
        is_by_secret = bool(secrets) and "client_secret" in methods and not ("private_key_jwt" in methods and kids)
        if is_by_secret and usage.recent[client_id]:
            more.append(SECRET_STILL_USED.name)
        found.append(tuple(sorted([*findings, *more], key=ORDER.__getitem__)) if more else findings)
    return found
