"""Whose a client is, and what must not be done to one that others can log in as; setting a client trusted.

The doctor asks it of what was seen; its fixes and the panel ask again of what is there when they act.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.errors import ManualActionRequired, StoreConflict, StoreDamaged, StoreNotFound, TenantNotFound

if TYPE_CHECKING:
    from qlik_keys.keystore.base import ClientRecord, KeyStore, StoredKey
    from qlik_keys.tenant import OAuthClient, QlikTenant, RegisteredKey


def is_same_key(registered: RegisteredKey, stored: StoredKey) -> bool:
    """Tell whether a registered key is the store's, whatever its kid."""
    return stored.public.is_same_as(registered.to_dict())


def has_only_managed_keys(client: OAuthClient, record: ClientRecord | None) -> bool:
    """Tell whether the record's current key is registered with the client, and none that the record does not know.

    Only then does a wider right go to no one but those who may have it by the record. False too where the caller is not
    shown the client's keys.
    """
    if record is None or record.current is None or client.jwks_uri:
        return False
    current, keys = record.current, record.keys
    if not all(key.kid in keys and is_same_key(key, keys[key.kid]) for key in client.public_keys):
        return False
    return any(key.kid == current.kid for key in client.public_keys)


def is_trusted(tenant: QlikTenant, client_id: str) -> bool:
    """Tell whether the consent method of a client is "trusted".

    Raises:
        TenantError: the tenant could not be asked.
    """
    try:
        return tenant.oauth_clients.connection_config(client_id).consent_method == "trusted"
    except TenantNotFound:
        return False  # without a connection configuration nothing is trusted


def set_trusted(tenant: QlikTenant, client_id: str, *, risk: ManualActionRequired | None) -> None:
    """Set a client's consent method to trusted, without which no machine logs in.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        client_id: the client.
        risk: why others could then log in too, as `risk_of_wider_rights` says; None where our key alone is registered,
            or where a person has seen the risk and decided.

    Raises:
        ManualActionRequired: there is a risk.
        TenantError: it was not set, or by `outcome` may have been.
    """
    if risk is not None:
        raise risk
    tenant.oauth_clients.set_consent(client_id, "trusted")


def risk_of_wider_rights(store: KeyStore, tenant_host: str, client: OAuthClient) -> ManualActionRequired | None:
    """Return why a wider right of a client may let another user in, None where our key alone is registered.

    Raises:
        StoreError: the store could not be asked.
    """
    try:
        record = record_of(store, tenant_host, client.client_id)
    except StoreDamaged as damaged:
        return ManualActionRequired(
            f"It is unknown whether {client.client_name!r} has only the key that qlik_keys manages: its record is "
            "damaged.",
            hint=f"{damaged.message} {damaged.hint}".rstrip(),
        )
    if has_only_managed_keys(client, record):
        return None
    return ManualActionRequired(
        f"{client.client_name!r} does not have only the key that qlik_keys manages, so more permissions could let "
        "another person in.",
        hint="Check its keys and secrets in Qlik's console; a Tenant Admin can change it there.",
    )


def risk_of_unknown_keys(store: KeyStore, tenant_host: str, client: OAuthClient) -> ManualActionRequired | None:
    """Return why another user could log in as a client that a person has decided to trust, None for no such reason.

    A client secret is none: it is what the client was made with, and what it logs in by until it has a key.

    Raises:
        StoreError: the store could not be asked.
    """
    try:
        record = record_of(store, tenant_host, client.client_id)
    except StoreDamaged:
        return risk_of_wider_rights(store, tenant_host, client)
    keys = {} if record is None else record.keys
    if not client.jwks_uri and all(key.kid in keys and is_same_key(key, keys[key.kid]) for key in client.public_keys):
        return None
    return ManualActionRequired(
        f"{client.client_name!r} has a registered key that qlik_keys does not manage: who holds it could log in.",
        hint="Check its keys in Qlik's console; a Tenant Admin can set its consent method there.",
    )


def record_of(store: KeyStore, tenant_host: str, client_id: str) -> ClientRecord | None:
    """Return our record of a client, None where there is none.

    Raises:
        StoreError: the store could not be asked, or the record is damaged.
    """
    try:
        return store.read(tenant_host, client_id)
    except (StoreNotFound, StoreConflict):
        return None
