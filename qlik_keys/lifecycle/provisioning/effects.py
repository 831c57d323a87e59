"""What each action of "provision" makes of the two sides: one pure function, for the real run and for the dry run.

The real run hands in what tenant and store have answered, the dry run what they would hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from qlik_keys.keystore.base import ClientRecord, PendingClient
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.provisioning.plan import TenantState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from qlik_keys.keystore.base import Custody, StoredKey
    from qlik_keys.lifecycle.provisioning.plan import Provision, StoreState
    from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
    from qlik_keys.tenant import OAuthClient


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionState:
    """What a run knows: what tenant and store say, and what it has found out itself."""

    tenant: TenantState
    store: StoreState
    intent: Provision


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What an action has left on tenant or store.

    Attributes:
        client_id: the client that it was about, "" for none.
        pending: the pending record that was written.
        client: the client that was registered.
        has_secret: the run holds the client secret of that client.
        record: the record that was written.
    """

    client_id: str = ""
    pending: PendingClient | None = None
    client: OAuthClient | None = None
    has_secret: bool = False
    record: ClientRecord | None = None


def effect_of(action: Action, state: ProvisionState, left: Left) -> ProvisionState:
    """Return the state after an action of "provision"."""
    return EFFECTS[action](state, left)


def pending_client(
    tenant_host: str, specification: ClientSpecification, key: StoredKey | None, now: datetime
) -> PendingClient:
    """Return the document that waits while a client is made."""
    return PendingClient(
        tenant_host=tenant_host,
        name=specification.name,
        specification=specification.to_document(),
        pending_at=now,
        key=key,
    )


def first_record(
    pending: PendingClient,
    specification: ClientSpecification,
    *,
    client_id: str,
    token_url: str,
    custody: Custody,
    now: datetime,
) -> ClientRecord:
    """Return the first record of a client that was registered from a pending record.

    Args:
        pending: the document.
        specification: what the client should be.
        client_id: the client.
        token_url: the tenant's token endpoint.
        custody: who holds the key of a client that has none yet.
        now: the time.
    """
    key = pending.key
    keys = {} if key is None else {key.kid: replace(key, state="current", promoted_at=now)}
    return ClientRecord(
        tenant_host=pending.tenant_host,
        client_id=client_id,
        client_name=specification.name,
        token_url=token_url,
        custody=custody if key is None else key.custody,
        keys=keys,
        rotate_by=now + timedelta(days=specification.rotate_after_days) if keys else None,
    )


def age(client: OAuthClient) -> tuple[str, str]:
    """Return what clients of one name are sorted by: the oldest first."""
    return (client.created_at.isoformat() if client.created_at else "", client.client_id)


def _pending_written(state: ProvisionState, left: Left) -> ProvisionState:
    return replace(state, store=replace(state.store, pending=left.pending))


def _registered(state: ProvisionState, left: Left) -> ProvisionState:
    client = left.client
    assert client is not None
    return replace(
        state,
        tenant=TenantState(clients=sorted((*state.tenant.clients, client), key=age)),
        intent=replace(
            state.intent,
            registered=state.intent.registered | {client.client_id},
            secret_known=left.has_secret,
            consent_known=True,  # asked for in the same call; the verification fails without it
        ),
    )


def _bound(state: ProvisionState, left: Left) -> ProvisionState:
    intent = state.intent
    if left.client_id not in intent.registered:  # another attempt's client: its consent and secret are not known
        untrusted = not intent.specification.trusted
        intent = replace(intent, consent_known=untrusted, secret_known=False, verified=untrusted)
    return replace(_pending_written(state, left), intent=intent)


def _recorded(state: ProvisionState, left: Left) -> ProvisionState:
    assert left.record is not None
    records = {**state.store.records, left.client_id: left.record}
    return replace(state, store=replace(state.store, records=records))


def _trusted(state: ProvisionState, _: Left) -> ProvisionState:
    return replace(state, intent=replace(state.intent, consent_known=True))


def _secret_replaced(state: ProvisionState, _: Left) -> ProvisionState:
    return replace(state, intent=replace(state.intent, secret_known=True))


def _duplicate_removed(state: ProvisionState, left: Left) -> ProvisionState:
    rest = [client for client in state.tenant.clients if client.client_id != left.client_id]
    return replace(state, tenant=TenantState(clients=rest))


def _verified(state: ProvisionState, _: Left) -> ProvisionState:
    return replace(state, intent=replace(state.intent, verified=True))


def _pending_removed(state: ProvisionState, _: Left) -> ProvisionState:
    return replace(state, store=replace(state.store, pending=None))


EFFECTS: Mapping[Action, Callable[[ProvisionState, Left], ProvisionState]] = MappingProxyType(
    {
        Action.WRITE_PENDING: _pending_written,
        Action.REGISTER: _registered,
        Action.BIND: _bound,
        Action.RECORD: _recorded,
        Action.TRUST: _trusted,
        Action.REPLACE_SECRET: _secret_replaced,
        Action.REMOVE_DUPLICATE: _duplicate_removed,
        Action.VERIFY: _verified,
        Action.REMOVE_PENDING: _pending_removed,
    }
)
