"""The tenant's clients as a table, with what the key store knows of their keys.

The one place that touches pandas. Qlik keeps no date per key, so a key's age comes from the store's metadata, or from a
kid of our form (`<UTC date>_<thumbprint>`). No private key is read for it: the store's summaries are enough.

Not done here: changing anything; showing the table (`panel`, `cli`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import pandas as pd

from qlik_keys.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.keys import kid_made_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qlik_keys.clock import Clock
    from qlik_keys.keystore.base import KeyStore, KeySummary
    from qlik_keys.tenant import OAuthClient, QlikTenant

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
_TIMES = ("key_made", "rotate_by", "created", "updated")
_NUMBERS = ("key_age_days", "secrets")
# Qlik tells the consent by a call per client: a listing of a large tenant must not spend the tenant's rate limit on it.
CONSENT_LOOKUPS = 100
_DUE_SOON_DAYS = 14

FINDINGS: dict[str, str] = {
    "locked-out": "the key that the store holds is not registered on the tenant: consumers cannot log in",
    "rotation-overdue": "the key is past the date by which it should have been replaced",
    "rotation-due": f"the key should be replaced within {_DUE_SOON_DAYS} days",
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
    listed = tenant.oauth_clients.list()
    summaries = {} if store is None else _summaries(store, tenant.host, {client.client_id for client in listed})
    look_up = len(listed) <= CONSENT_LOOKUPS if consent is None else consent
    now = utc_now(clock)
    rows = []
    for client in listed:
        method = (
            tenant.oauth_clients.connection_config(client.client_id).consent_method
            if (look_up and _is_machine(client))
            else None
        )
        rows.append(_row(client, summaries.get(client.client_id), method, now, store_known=store is not None))
    frame = _frame(rows)
    frame.attrs = {"tenant": tenant.url, "time": now.isoformat()}
    return frame


def _summaries(store: KeyStore, tenant_host: str, wanted: set[str]) -> dict[str, KeySummary]:
    found = (
        store.summary(tenant_host, client_id) for client_id in store.client_ids(tenant_host) if client_id in wanted
    )
    return {summary.client_id: summary for summary in found if summary is not None}


def _is_machine(client: OAuthClient) -> bool:
    return "client_credentials" in client.allowed_grant_types


@dataclass(frozen=True, slots=True)
class _Age:
    made: datetime | None
    days: int | None
    rotate_by: datetime | None


def _row(
    client: OAuthClient, summary: KeySummary | None, consent: str | None, now: datetime, *, store_known: bool
) -> tuple[Any, ...]:
    kids = tuple(key.kid for key in client.public_keys)
    made = summary.made_at if summary else _newest_date(kids)
    age = _Age(made, (now - made).days if made else None, summary.rotate_by if summary else None)
    return (
        client.client_id,
        client.client_name,
        client.app_type,
        client.allowed_grant_types,
        client.allowed_auth_methods,
        client.allowed_scopes,
        consent,
        kids,
        tuple(key.alg for key in client.public_keys),
        summary.current_kid if summary else None,
        summary.custody if summary else None,
        age.made,
        age.days,
        age.rotate_by,
        len(client.client_secrets),
        client.created_at,
        client.updated_at,
        client.created_by_type,
        bool(client.disable_tag),
        _findings(client, summary, consent, age, now, store_known=store_known),
    )


def _newest_date(kids: Sequence[str]) -> datetime | None:
    dates = [made_on for made_on in map(kid_made_on, kids) if made_on is not None]
    return _midnight(max(dates)) if dates else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _findings(
    client: OAuthClient, summary: KeySummary | None, consent: str | None, age: _Age, now: datetime, *, store_known: bool
) -> tuple[str, ...]:
    kids = {key.kid for key in client.public_keys}
    machine = _is_machine(client)
    days_left = (age.rotate_by - now).total_seconds() / 86400 if age.rotate_by else None
    found: Mapping[str, bool] = {
        "locked-out": bool(summary and summary.current_kid and summary.current_kid not in kids),
        "rotation-overdue": days_left is not None and days_left < 0,
        "rotation-due": days_left is not None and 0 <= days_left <= _DUE_SOON_DAYS,
        "secret-only": machine and "private_key_jwt" not in client.allowed_auth_methods,
        "admin-scope": "admin_classic" in client.allowed_scopes,
        "consent-not-trusted": consent is not None and consent != "trusted",
        "no-key-in-store": bool(store_known and kids and summary is None),
        "key-age-unknown": bool(kids and age.made is None),
        "dynamic-registration": client.created_by_type == "dcr",
        "disabled": bool(client.disable_tag),
    }
    return tuple(name for name in FINDINGS if found[name])


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(COLUMNS, ())
    series: dict[str, pd.Series[Any]] = {}
    for name, values in columns.items():
        if name in _TEXTS:
            series[name] = pd.Series(list(values), dtype="string")
        elif name in _TIMES:
            series[name] = pd.Series(list(values), dtype="datetime64[us, UTC]")
        elif name in _NUMBERS:
            series[name] = pd.Series(list(values), dtype="Int64")
        elif name == "disabled":
            series[name] = pd.Series(list(values), dtype="bool")
        else:
            series[name] = pd.Series(list(values), dtype="object")
    return pd.DataFrame(series)
