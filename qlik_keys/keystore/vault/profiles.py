"""A tenant's profile and notes in KV version 2: documents in a folder of their own next to the records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import StoreDeleted, StoreDestroyed
from qlik_keys.keystore.notes import Note
from qlik_keys.keystore.profiles import profile_of

if TYPE_CHECKING:
    from qlik_keys.keystore.profiles import TenantProfile
    from qlik_keys.keystore.vault.documents.folder import VaultFolder

PROFILE_FOLDER = ".profile"
_FIELD, _NOTE_FIELD = "profile", "note"


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


def read_note(folder: VaultFolder, host_path: str, name: str) -> Note:
    """Return a note under a tenant's path, an empty one where there is none that can be read.

    Raises:
        StoreError: Vault cannot be asked.
    """
    try:
        found = folder.read(f"{host_path}/{PROFILE_FOLDER}/{name}", lambda data, _: _note_text(data))
    except (StoreDeleted, StoreDestroyed):
        found = None
    return Note(text="", version=0) if found is None else Note(text=found.content, version=found.version)


def write_note(folder: VaultFolder, host_path: str, name: str, note: Note) -> Note:
    """Write a note under a tenant's path, if it is still the one that was read; return it with its new version.

    Raises:
        StoreConflict: another one was written since.
        StoreError: it was not written, or by `outcome` may have been.
    """
    path = f"{host_path}/{PROFILE_FOLDER}/{name}"
    if note.version == 0:
        try:
            folder.read(path, lambda *_: None)
        except (StoreDeleted, StoreDestroyed):
            folder.delete(path)
    put = folder.put(path, lambda: {_NOTE_FIELD: note.text}, cas=note.version)
    return Note(text=note.text, version=put.version)


def _note_text(data: Any) -> str:
    text = data.get(_NOTE_FIELD) if isinstance(data, dict) else None
    return text if isinstance(text, str) else ""


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
