"""What is there: of a tenant's clients and their records, as much as a comparison with a fleet file needs.

One listing, one list of the store and one look at the metadata of each record: what a table of the clients costs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlik_keys.core.side_by_side import side_by_side
from qlik_keys.errors import QlikKeysError, StoreConflict, StoreNotFound, TenantNotFound
from qlik_keys.inventory.record_states import record_states, summary_of
from qlik_keys.keystore.lookup import CLIENT_ID
from qlik_keys.keystore.tenant_folder import folder_of
from qlik_keys.tenant.http.budget import LIMITS_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from qlik_keys.keystore.base import KeyStore, KeySummary
    from qlik_keys.tenant import OAuthClient, QlikTenant, RegisteredKey

# Qlik tells the consent by a call per client. Unasked, no more is spent on it than one minute's allowance.
CONSENT_LOOKUPS = LIMITS_PER_MINUTE[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundClient:
    """A client on a tenant, with what the store shows of it.

    Attributes:
        client_id: its id.
        name: its name.
        app_type: its type.
        scopes: what it may ask tokens for.
        grant_types: how it may ask for them.
        auth_methods: how it may log in.
        description: shown in Qlik's console.
        consent: its consent method, "" for none, None where no one asked.
        kids: the keys that are registered.
        key: the kind of its current key, "" where that is not known.
        summary: what the store shows; None for a client without a record.
        problem: why its record cannot be relied on, "" for no reason.
    """

    client_id: str
    name: str
    app_type: str = "web"
    scopes: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    auth_methods: tuple[str, ...] = ()
    description: str = ""
    consent: str | None = None
    kids: tuple[str, ...] = ()
    key: str = ""
    summary: KeySummary | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFacts:
    """What is there of a tenant.

    Attributes:
        clients: its clients.
        left: what the store shows of records whose clients are not on the tenant any more.
        pending: names of the clients that are being made.
    """

    clients: tuple[FoundClient, ...] = ()
    left: tuple[KeySummary, ...] = ()
    pending: frozenset[str] = field(default_factory=frozenset)


def facts_of(
    tenant: QlikTenant, store: KeyStore, *, consent_of: Collection[str] | None = (), consent: bool | None = None
) -> TenantFacts:
    """Look what is there; nothing is changed.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: its key store.
        consent_of: names of the clients whose consent method is wanted; None for those that have a record.
        consent: whether it is looked up; by default where there are at most 1,000 of them.

    Raises:
        TenantError, StoreError: one of them could not be asked.
    """
    store, host = folder_of(tenant, store), tenant.host
    clients = [*tenant.oauth_clients.iterate()]
    has = [name for name in store.client_ids(host) if CLIENT_ID.fullmatch(name)]
    answers = dict(zip(has, side_by_side(lambda each: _summary(store, host, each), has), strict=True))
    shown = {of: told for of, told in answers.items() if told is not None and not isinstance(told, QlikKeysError)}
    problems = {of: told.message for of, told in answers.items() if isinstance(told, QlikKeysError)}
    states = record_states(store, host, shown, {each.client_id: _kids(each.public_keys) for each in clients})
    problems |= dict.fromkeys(states.damaged, "Its record in the key store cannot be read: someone has edited it.")
    pending = frozenset(each.name for each in store.pending(host, on_damaged=lambda _: None))
    wanted = [
        each.client_id
        for each in clients
        if (each.client_id in states.summaries if consent_of is None else _name(each, states.summaries) in consent_of)
    ]
    looked_up = len(wanted) <= CONSENT_LOOKUPS if consent is None else consent
    consents = _consents(tenant, wanted) if looked_up else {}
    known = {each.client_id for each in clients}
    return TenantFacts(
        clients=tuple(
            _found(
                each,
                states.summaries.get(each.client_id),
                consents.get(each.client_id),
                problems.get(each.client_id, ""),
            )
            for each in clients
        ),
        left=tuple(
            told for of, told in states.summaries.items() if of not in known and told.client_name not in pending
        ),
        pending=pending,
    )


def _summary(store: KeyStore, host: str, client_id: str) -> KeySummary | None:
    summary = store.summary(host, client_id)
    if summary is not None:
        return summary
    try:
        return summary_of(store.read(host, client_id))  # someone has removed its metadata, or it is no record
    except (StoreNotFound, StoreConflict):
        return None


def _name(client: OAuthClient, summaries: dict[str, KeySummary]) -> str:
    """Return the name by which a client is declared: a marked record's, whatever someone has renamed the client to."""
    summary = summaries.get(client.client_id)
    return client.client_name if summary is None or summary.declaration is None else summary.client_name


def _consents(tenant: QlikTenant, client_ids: Sequence[str]) -> dict[str, str]:
    def look_up(client_id: str) -> str:
        try:
            return tenant.oauth_clients.connection_config(client_id).consent_method
        except TenantNotFound:
            return ""

    answers = zip(client_ids, side_by_side(look_up, client_ids), strict=True)
    return {of: answer for of, answer in answers if not isinstance(answer, QlikKeysError)}


def _found(client: OAuthClient, summary: KeySummary | None, consent: str | None, problem: str) -> FoundClient:
    current = "" if summary is None else summary.current_kid
    return FoundClient(
        client_id=client.client_id,
        name=client.client_name,
        app_type=client.app_type,
        scopes=client.allowed_scopes,
        grant_types=client.allowed_grant_types,
        auth_methods=client.allowed_auth_methods,
        description=client.description,
        consent=consent,
        kids=_kids(client.public_keys),
        key=next((_kind(key) for key in client.public_keys if current and key.kid == current), ""),
        summary=summary,
        problem=problem,
    )


def _kids(keys: Iterable[RegisteredKey]) -> tuple[str, ...]:
    return tuple(key.kid for key in keys)


def _kind(key: RegisteredKey) -> str:
    """Return the kind of a registered key as a fleet file names it; the modulus is base64url without padding."""
    if key.kty != "RSA":
        return key.alg
    return f"{key.alg}/{len(str(key.root.get('n', ''))) * 6 // 8 * 8}"
