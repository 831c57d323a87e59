"""A tenant's profile and notes in KV version 2: documents in a folder of their own next to the records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import StoreDeleted, StoreDestroyed
from qlik_keys.keystore.optional import Note
from qlik_keys.keystore.profiles import profile_of
from qlik_keys.keystore.vault.documents.fields import object_in
from qlik_keys.keystore.vault.documents.records import check_segment

if TYPE_CHECKING:
    from qlik_keys.keystore.profiles import TenantProfile
    from qlik_keys.keystore.vault.documents.folder import VaultFolder

PROFILE_FOLDER = ".profile"
_PROFILE = "tenant"  # the name of the profile among the notes
_FIELD, _NOTE_FIELD = "profile", "note"


class TenantDocuments:
    """The documents about one tenant.

    Args:
        folder: all documents of the store.
        host_path: the tenant's folder.
    """

    def __init__(self, folder: VaultFolder, host_path: str) -> None:
        self._folder = folder
        self._path = f"{host_path}/{PROFILE_FOLDER}"

    def read_profile(self) -> TenantProfile | None:
        """Return the profile, None where there is none that can be read.

        Raises:
            StoreError: Vault cannot be asked.
        """
        try:
            return self._profile()[0]
        except (StoreDeleted, StoreDestroyed):
            return None

    def write_profile(self, profile: TenantProfile) -> None:
        """Write the profile, in place of the one that is there.

        Raises:
            StoreConflict: another probe has written at the same moment.
            StoreError: it was not written, or by `outcome` may have been.
        """
        path = self._path_of(_PROFILE)
        try:
            _, version = self._profile()
        except (StoreDeleted, StoreDestroyed):
            self._folder.delete(path)
            version = 0
        text = json.dumps(profile.to_json())
        self._folder.put(path, lambda: {_FIELD: text}, cas=version)

    def read_note(self, name: str) -> Note:
        """Return a note, an empty one where there is none that can be read.

        Raises:
            ConfigurationError: the name is not fit for a path.
            StoreError: Vault cannot be asked.
        """
        try:
            found = self._folder.read(self._path_of(name), lambda data, _: _note_text(data))
        except (StoreDeleted, StoreDestroyed):
            found = None
        return Note(text="", version=0) if found is None else Note(text=found.content, version=found.version)

    def write_note(self, name: str, note: Note) -> Note:
        """Write a note if it is still the one that was read; return it with its new version.

        Raises:
            ConfigurationError: the name is not fit for a path.
            StoreConflict: another one was written since.
            StoreError: it was not written, or by `outcome` may have been.
        """
        path = self._path_of(name)
        if note.version == 0:
            try:
                self._folder.read(path, lambda *_: None)
            except (StoreDeleted, StoreDestroyed):
                self._folder.delete(path)
        put = self._folder.put(path, lambda: {_NOTE_FIELD: note.text}, cas=note.version)
        return Note(text=note.text, version=put.version)

    def _path_of(self, name: str) -> str:
        return f"{self._path}/{check_segment(name, what='note')}"

    def _profile(self) -> tuple[TenantProfile | None, int]:
        found = self._folder.read(self._path_of(_PROFILE), lambda data, _: _decoded(data))
        return (None, 0) if found is None else (found.content, found.version)


def _note_text(data: Any) -> str:
    text = data.get(_NOTE_FIELD) if isinstance(data, dict) else None
    return text if isinstance(text, str) else ""


def _decoded(data: Any) -> TenantProfile | None:
    return profile_of(object_in(data.get(_FIELD))) if isinstance(data, dict) else None
