"""Whose a client is. Pure; the checks ask it of what was seen, and the fixes again of what is there when they act."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlik_keys.keystore.base import ClientRecord, StoredKey
    from qlik_keys.tenant import OAuthClient, RegisteredKey


def is_same_key(registered: RegisteredKey, stored: StoredKey) -> bool:
    """Tell whether a registered key is the store's, whatever its kid."""
    return stored.public.is_same_as(registered.to_dict())


def is_ours_alone(client: OAuthClient, record: ClientRecord | None) -> bool:
    """Tell whether the record's current key is registered with the client, and none that the record does not know.

    Only then does a wider right go to nobody but those who may have it by the record. False too where the caller is not
    shown the client's keys.
    """
    if record is None or record.current is None or client.jwks_uri:
        return False
    current, keys = record.current, record.keys
    if not all(key.kid in keys and is_same_key(key, keys[key.kid]) for key in client.public_keys):
        return False
    return any(key.kid == current.kid for key in client.public_keys)
