"""A tenant's profile in KV version 2: one document per tenant, in a folder of its own next to the records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import StoreDeleted, StoreDestroyed
from qlik_keys.keystore.profiles import profile_of

if TYPE_CHECKING:
    from qlik_keys.keystore.profiles import TenantProfile
    from qlik_keys.keystore.vault.documents.folder import VaultFolder

PROFILE_FOLDER = ".profile"
_FIELD = "profile"


def read_profile(folder: VaultFolder, host_path: str) -> TenantProfile | None:
    """Return the profile under a tenant's path, None where there is none that can be read.

    Raises:
        StoreError: Vault cannot be asked.
    """
    try:
        return _read(folder, host_path)[0]
    except (StoreDeleted, StoreDestroyed):
        return None


def write_profile(folder: VaultFolder, host_path: str, profile: TenantProfile) -> None:
    """Write the profile under a tenant's path, in place of the one that is there.

    Raises:
        StoreConflict: another probe has written at the same moment.
        StoreError: it was not written, or by `outcome` may have been.
    """
    try:
        _, version = _read(folder, host_path)
    except (StoreDeleted, StoreDestroyed):
        folder.delete(_path(host_path))
        version = 0
    text = json.dumps(profile.to_json())
    folder.put(_path(host_path), lambda: {_FIELD: text}, cas=version)


def _path(host_path: str) -> str:
    return f"{host_path}/{PROFILE_FOLDER}/tenant"


def _read(folder: VaultFolder, host_path: str) -> tuple[TenantProfile | None, int]:
    found = folder.read(_path(host_path), lambda data, _: _decoded(data))
    return (None, 0) if found is None else (found.content, found.version)


def _decoded(data: Any) -> TenantProfile | None:
    text = data.get(_FIELD) if isinstance(data, dict) else None
    try:
        return profile_of(json.loads(text)) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
