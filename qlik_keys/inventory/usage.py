"""When clients last logged in, from the tenant's events of issued tokens (qlik-cloud-contract, "Events").

Which key or secret was used is not told. A caller who may not read events, and a window that is too short, give
"unknown", never "not used".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from qlik_keys.errors import TenantError
from qlik_keys.inventory.findings import ORDER
from qlik_keys.rules.clients import SECRET_STILL_USED, UNUSED_90_DAYS
from qlik_keys.tenant.http.budget import LIMITS_PER_MINUTE
from qlik_keys.tenant.resources.events import are_newest_first
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS

if TYPE_CHECKING:
    from datetime import datetime

    from qlik_keys.tenant import QlikTenant

USAGE_COLUMNS = ("last_login", "last_grant", "logins_30d")
WINDOW = timedelta(days=90)
RECENT = timedelta(days=30)
# Pages of a hundred events: a listing spends no more on them than one minute's allowance.
MOST_PAGES = LIMITS_PER_MINUTE[1]
_UNREADABLE = "The tenant's events of issued tokens do not say when, or to which client."
_TENANTS_CLOCK = timedelta(hours=1)  # it may be ahead of this machine


@dataclass(slots=True, kw_only=True)
class Usage:
    """The logins of clients within a window.

    Attributes:
        since: the start of what is known; None where nothing is.
        last: by client id the newest login and its grant type.
        recent: by client id how many logins there were in the last 30 days.
        undated: ids of clients with a login of which no time is told.
        reason: why less than the window is known, "" if all is.
    """

    since: datetime | None = None
    last: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    recent: Counter[str] = field(default_factory=Counter)
    undated: set[str] = field(default_factory=set)
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
    try:
        for _, pages in tenant.events.issued_tokens(now - WINDOW, now + _TENANTS_CLOCK):
            named: Counter[tuple[str, datetime, str]] = Counter()
            moments: list[datetime] = []
            for page in pages:
                left -= 1
                told = [(each.data.issued_to_client_id, each.event_time, each.data.grant_type) for each in page]
                if told and not any(of and moment is not None for of, moment, _ in told):
                    return Usage(reason=_UNREADABLE)
                named.update((of, moment, grant) for of, moment, grant in told if of and moment is not None)
                usage.undated |= {of for of, moment, _ in told if moment is None}
                moments += [moment for _, moment, _ in told if moment is not None]
                if left <= 0 and told:
                    if not are_newest_first(moments):
                        return Usage(reason=f"{_more(most_pages)} They are not in the order that was asked for.")
                    usage.since = _later(usage.since, min(moments, default=now))
                    usage.reason = _more(most_pages)
                    break
            issued |= named  # the larger count of each: while Qlik renames events, a token may have one of each name
    except TenantError as problem:
        return Usage(reason=problem.message)
    for (client_id, moment, grant), count in issued.items():
        if client_id not in usage.last or usage.last[client_id][0] < moment:
            usage.last[client_id] = (moment, grant)
        if moment >= now - RECENT:
            usage.recent[client_id] += count
    return usage


def _more(most_pages: int) -> str:
    return f"There are more events than {most_pages} requests return."


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one


def add_usage(frame: pd.DataFrame, usage: Usage, now: datetime) -> None:
    """Add the columns of `USAGE_COLUMNS` to a table of clients, and the findings of their use.

    A number that is not known is missing, and not zero. `attrs["usage"]` has since when logins are known and why no
    longer.

    Args:
        frame: the table, which is changed.
        usage: the logins.
        now: the time at which they were looked up.
    """
    whole = usage.since is not None and usage.since <= now - RECENT
    client_ids = frame["client_id"].tolist()
    last = [usage.last.get(each, (None, None)) for each in client_ids]
    place, index = [*frame.columns].index("findings"), frame.index
    recent = [usage.recent[each] if whole and each not in usage.undated else None for each in client_ids]
    columns: dict[str, tuple[list[Any], str]] = {
        "last_login": ([moment for moment, _ in last], "datetime64[us, UTC]"),
        "last_grant": ([grant for _, grant in last], "string"),
        "logins_30d": (recent, "Int64"),
    }
    for more, (name, (values, dtype)) in enumerate(columns.items()):
        frame.insert(place + more, name, pd.Series(values, index=index, dtype=dtype))
    frame["findings"] = pd.Series(_with_findings(frame, usage, now), index=index, dtype="object")
    frame.attrs["usage"] = {"since": None if usage.since is None else usage.since.isoformat(), "reason": usage.reason}


def _with_findings(frame: pd.DataFrame, usage: Usage, now: datetime) -> list[tuple[str, ...]]:
    """Return the findings of each client with those of its use, where that is known."""
    names = ("client_id", "grant_types", "auth_methods", "kids", "secrets", "findings")
    whole = usage.since is not None and usage.since <= now - WINDOW
    is_older = (frame["created"] < pd.Timestamp(now - WINDOW)).tolist()  # False where the tenant tells no date
    found = []
    for client_id, grants, methods, kids, secrets, findings, older in zip(
        *(frame[name].tolist() for name in names), is_older, strict=True
    ):
        more = []
        if whole and CLIENT_CREDENTIALS in grants and client_id not in {*usage.last, *usage.undated} and older:
            more.append(UNUSED_90_DAYS.name)
        has_secret = secrets is not pd.NA and secrets > 0
        by_key = "private_key_jwt" in methods and kids
        is_by_secret = has_secret and "client_secret" in methods and not by_key
        if is_by_secret and usage.recent[client_id]:
            more.append(SECRET_STILL_USED.name)
        found.append(tuple(sorted([*findings, *more], key=ORDER.__getitem__)) if more else findings)
    return found
