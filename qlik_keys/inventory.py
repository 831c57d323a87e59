"""The tenant's clients as a table, with what the key store knows of their keys.

The one place that touches pandas. Qlik keeps no date per key, so a key's age comes from the store's metadata, or from a
kid of our form (`<UTC date>_<thumbprint>`). No private key is read for it: the store's summaries are enough.

The table is made column by column, since that is several times faster than row by row and a tenant may have ten
thousand clients. The pages are fetched one after the other: each names the next.

Not done here: changing anything; showing the table (`panel`, `cli`).
"""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from qlik_keys.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.keys import kid_made_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from qlik_keys.clock import Clock
    from qlik_keys.keystore.base import KeyStore, KeySummary
    from qlik_keys.tenant import ClientOverview, QlikTenant

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
_WRITTEN_TIMES = ("created", "updated")
_NUMBERS = ("key_age_days", "secrets")
# Qlik tells the consent by a call per client: a listing of a large tenant must not spend the tenant's rate limit on it.
CONSENT_LOOKUPS = 100
_DUE_SOON = timedelta(days=14)

FINDINGS: dict[str, str] = {
    "locked-out": "the key that the store holds is not registered on the tenant: consumers cannot log in",
    "rotation-overdue": "the key is past the date by which it should have been replaced",
    "rotation-due": f"the key should be replaced within {_DUE_SOON.days} days",
    "secret-only": "a machine logs in by a client secret alone",
    "admin-scope": "admin_classic: this client may administer the whole tenant",
    "consent-not-trusted": "a machine cannot log in before its consent method is trusted",
    "no-key-in-store": "the tenant has a public key whose private half is not in this store",
    "key-age-unknown": "neither the store nor the key's name tells when the key was made",
    "dynamic-registration": "the client registered itself",
    "disabled": "the tenant has disabled the client",
}


def clients(
    tenant: QlikTenant, store: KeyStore | None = None, *, consent: bool | None = None, clock: Clock = SYSTEM_CLOCK
) -> pd.DataFrame:
    """Return the tenant's clients, a row a client, sorted as the tenant sorts them.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: adds what the store knows of the keys: current kid, custody, dates.
        consent: look up each machine's consent method, which takes a call per client; by default only where the
            tenant has at most 100 clients, and the column is empty otherwise.
        clock: says what now is.

    Returns:
        The columns of `COLUMNS` with real dtypes: times in UTC, lists as tuples, missing values as missing. `attrs` has
        "tenant" (its address) and "time" (ISO, UTC). `FINDINGS` explains the names in the column "findings".

    Raises:
        TenantError, StoreError: one of them could not be asked.
    """
    listed = tenant.oauth_clients.overviews()
    found = {} if store is None else _summaries(store, tenant.host, {client.client_id for client in listed})
    summaries = [found.get(client.client_id) for client in listed]
    look_up = len(listed) <= CONSENT_LOOKUPS if consent is None else consent
    consents = [_consent(tenant, client) for client in listed] if look_up else [None] * len(listed)
    now = utc_now(clock)
    frame = _frame(_columns(listed, summaries, consents, now, store_known=store is not None))
    frame.attrs = {"tenant": tenant.url, "time": now.isoformat()}
    return frame


def _summaries(store: KeyStore, tenant_host: str, wanted: set[str]) -> dict[str, KeySummary]:
    found = (
        store.summary(tenant_host, client_id) for client_id in store.client_ids(tenant_host) if client_id in wanted
    )
    return {summary.client_id: summary for summary in found if summary is not None}


def _consent(tenant: QlikTenant, client: ClientOverview) -> str | None:
    if "client_credentials" not in client.allowed_grant_types:
        return None
    return tenant.oauth_clients.connection_config(client.client_id).consent_method


def _columns(
    listed: Sequence[ClientOverview],
    summaries: Sequence[KeySummary | None],
    consents: Sequence[str | None],
    now: datetime,
    *,
    store_known: bool,
) -> dict[str, list[Any]]:
    kids = [tuple([key.kid for key in client.public_keys]) for client in listed]
    made = [summary.made_at if summary else _newest_date(names) for summary, names in zip(summaries, kids, strict=True)]
    findings = [
        tuple(_findings(client, summary, method, made_at, now, store_known=store_known))
        for client, summary, method, made_at in zip(listed, summaries, consents, made, strict=True)
    ]
    return {
        "client_id": [client.client_id for client in listed],
        "name": [client.client_name for client in listed],
        "app_type": [client.app_type for client in listed],
        "grant_types": [client.allowed_grant_types for client in listed],
        "auth_methods": [client.allowed_auth_methods for client in listed],
        "scopes": [client.allowed_scopes for client in listed],
        "consent": [*consents],
        "kids": kids,
        "algs": [tuple([key.alg for key in client.public_keys]) for client in listed],
        "current_kid": [summary.current_kid if summary else None for summary in summaries],
        "custody": [summary.custody if summary else None for summary in summaries],
        "key_made": made,
        "key_age_days": [(now - made_at).days if made_at else None for made_at in made],
        "rotate_by": [summary.rotate_by if summary else None for summary in summaries],
        "secrets": [len(client.client_secrets) for client in listed],
        "created": [client.created_at for client in listed],
        "updated": [client.updated_at for client in listed],
        "created_by": [client.created_by_type for client in listed],
        "disabled": [bool(client.disable_tag) for client in listed],
        "findings": findings,
    }


def _newest_date(kids: Iterable[str]) -> datetime | None:
    dates = [made_on for made_on in map(kid_made_on, kids) if made_on is not None]
    return _midnight(max(dates)) if dates else None


@functools.cache
def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _findings(
    client: ClientOverview,
    summary: KeySummary | None,
    consent: str | None,
    made_at: datetime | None,
    now: datetime,
    *,
    store_known: bool,
) -> Iterator[str]:
    """Yield what there is to say of a client, in the order of `FINDINGS`."""
    kids = client.public_keys
    if summary is not None:
        if summary.current_kid and all(key.kid != summary.current_kid for key in kids):
            yield "locked-out"
        if summary.rotate_by and summary.rotate_by < now:
            yield "rotation-overdue"
        elif summary.rotate_by and summary.rotate_by - now <= _DUE_SOON:
            yield "rotation-due"
    if "private_key_jwt" not in client.allowed_auth_methods and "client_credentials" in client.allowed_grant_types:
        yield "secret-only"
    if "admin_classic" in client.allowed_scopes:
        yield "admin-scope"
    if consent is not None and consent != "trusted":
        yield "consent-not-trusted"
    if kids and store_known and summary is None:
        yield "no-key-in-store"
    if kids and made_at is None:
        yield "key-age-unknown"
    if client.created_by_type == "dcr":
        yield "dynamic-registration"
    if client.disable_tag:
        yield "disabled"


def _frame(columns: dict[str, list[Any]]) -> pd.DataFrame:
    series: dict[str, pd.Series[Any]] = {}
    for name in COLUMNS:
        values = columns[name]
        if name in _TEXTS:
            series[name] = pd.Series(values, dtype="string")
        elif name in _TIMES:
            series[name] = pd.Series(values, dtype="datetime64[us, UTC]")
        elif name in _WRITTEN_TIMES:
            # Without a zone it is UTC; what is no date at all is missing.
            read = pd.to_datetime(values, format="ISO8601", utc=True, errors="coerce")
            series[name] = pd.Series(read, dtype="datetime64[us, UTC]")
        elif name in _NUMBERS:
            series[name] = pd.Series(values, dtype="Int64")
        elif name == "disabled":
            series[name] = pd.Series(values, dtype="bool")
        else:
            series[name] = pd.Series(values, dtype="object")
    return pd.DataFrame(series, copy=False)
