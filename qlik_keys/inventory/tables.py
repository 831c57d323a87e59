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
from collections import defaultdict
from datetime import UTC, datetime, time
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from qlik_keys.core.arguments import CALLBACK, CLOCK, FLAG, optional, require
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.core.side_by_side import side_by_side
from qlik_keys.errors import QlikKeysError, TenantNotFound
from qlik_keys.inventory.findings import (
    declared_of,
    findings_of,
    findings_of_record,
    hooks_of,
    operation_of,
    remedy_of,
)
from qlik_keys.inventory.frames import read_times
from qlik_keys.inventory.record_states import RecordStates, foreign_documents, record_states
from qlik_keys.inventory.usage import Usage, add_usage, usage_of
from qlik_keys.keys.public import BASE64URL, kid_made_on
from qlik_keys.keystore.lookup import check_sides
from qlik_keys.keystore.tenant_folder import folder_of
from qlik_keys.rules.records import FOREIGN_DOCUMENT
from qlik_keys.tenant.http.budget import LIMITS_PER_MINUTE
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import KeyStore, KeySummary
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
# Qlik tells the consent by a call per client. Unasked, a listing spends on it no more than one minute's allowance.
CONSENT_LOOKUPS = LIMITS_PER_MINUTE[1]
_DATE_LETTERS = len("2026-11-24")
_KID_LETTERS = _DATE_LETTERS + 1 + 43


def clients(
    tenant: QlikTenant,
    store: KeyStore | None = None,
    *,
    consent: bool | None = None,
    usage: bool = False,
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
        usage: add the columns of `usage.USAGE_COLUMNS`, and the findings "unused-90-days" and "secret-still-used", from
            the events of the last 90 days: a request for each hundred logins, 1,000 at most.
        on_progress: told what is looked up ("keys", "consent"), how many are done, and of how many.
        clock: says what now is.

    Returns:
        The columns of `COLUMNS` with real dtypes: times in UTC, lists as tuples, missing values as missing. `attrs` has
        "tenant" (its address) and "time" (ISO, UTC). `qlik_keys.rules.catalogue` explains the names in the column
        "findings". With `usage`, `attrs["usage"]` has since when logins are known ("since", None for not at all) and
        why no longer ("reason"): a missing `last_login` means "never since then", a missing `logins_30d` "unknown".
        By client id, where there is any: `attrs["hooks"]`, which hooks are pending, and `attrs["declared"]`, what the
        record has from a fleet file ("fleet", "owner", "tags").

    Raises:
        TenantError, StoreError: one of them could not be asked.
        TypeError: an argument is of another type.
    """
    check_sides(tenant, store, may_lack_store=True)
    store = None if store is None else folder_of(tenant, store)
    optional(FLAG, consent=consent)
    require(FLAG, usage=usage)
    optional(CALLBACK, on_progress=on_progress)
    require(CLOCK, clock=clock)
    columns = _listed(tenant.oauth_clients.overviews())
    client_ids = columns["client_id"]
    shown, unread, foreign = _summaries(store, tenant.host, client_ids, on_progress)
    machines = [
        of for of, grants in zip(client_ids, columns["grant_types"], strict=True) if CLIENT_CREDENTIALS in grants
    ]
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
    told = {client_id: findings_of_record(summary, now, states) for client_id, summary in found.items()}
    told |= dict.fromkeys(foreign, (FOREIGN_DOCUMENT.name,))
    columns["of_record"] = _column(client_ids, told, missing=())
    columns["findings"] = findings_of(columns, now, store_known=store is not None)
    frame = _frame(columns, now)
    frame.attrs = {"tenant": tenant.url, "time": now.isoformat()}
    if usage:
        add_usage(frame, usage_of(tenant, now), now)
    details = {client_id: detail for client_id, summary in found.items() if (detail := remedy_of(summary))}
    if details:
        frame.attrs["details"] = details
    operations = {of: operation_of(summary, states) for of, summary in found.items() if summary.is_in_progress}
    if operations:
        frame.attrs["operations"] = operations
    hooks = {of: words for of, summary in found.items() if (words := hooks_of(summary))}
    if hooks:
        frame.attrs["hooks"] = hooks
    declared = {of: declared_of(each) for of, summary in found.items() if (each := summary.declaration) is not None}
    if declared:
        frame.attrs["declared"] = declared
    if tenant.deprecations:
        frame.attrs["deprecations"] = {endpoint.name: endpoint.words for endpoint in tenant.deprecations}
    return frame


def row_without_client(finding: str, *, usage: bool) -> pd.DataFrame:
    """Return a row in the form of `clients` that has a finding and nothing else.

    Args:
        finding: its name.
        usage: whether the table has the columns of the last use.
    """
    columns: dict[str, list[Any]] = {name: [()] for name in COLUMNS}
    columns |= {name: [None] for name in (*_TEXTS, *_TIMES, "secrets")}
    columns |= {name: [""] for name in ("client_id", "name", *_WRITTEN_TIMES)}
    columns |= {"disabled": [False], "findings": [(finding,)]}
    now = datetime.fromtimestamp(0, UTC)  # without a date of a key, there is no age
    frame = _frame(columns, now)
    if usage:
        add_usage(frame, Usage(), now)
        frame.attrs.clear()
    return frame


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
        What it shows by client id; the ids of those that it failed to tell about; those whose documents are not managed
        by qlik_keys.
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
        elif name == "secrets":
            series[name] = pd.Series(values, dtype="Int64")
        elif name == "disabled":
            series[name] = pd.Series(values, dtype="bool")
        else:
            series[name] = pd.Series(values, dtype="object")
    return pd.DataFrame(series, copy=False)
