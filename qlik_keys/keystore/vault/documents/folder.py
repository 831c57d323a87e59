"""Documents in a KV version 2 mount: read, compare-and-set, list, destroy; it knows nothing of keys.

What is written is made inside the shielded call and what is read is parsed inside it, so that no frame that an error
can show holds a document (reliability-facts, section 3).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import hvac.exceptions

from qlik_keys.errors import Outcome, StoreDeleted, StoreDestroyed, StoreMisconfigured, StoreProtocolError
from qlik_keys.keystore.optional import RecordVersion
from qlik_keys.keystore.vault.documents.fields import command, format_time, parse_time, remove_all, undelete
from qlik_keys.keystore.vault.http import refusals as rights
from qlik_keys.keystore.vault.http.failures import said_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from qlik_keys.keystore.vault.http.api import VaultApi
    from qlik_keys.keystore.vault.http.connection import VaultConnection

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[Content]):
    """A document that was read.

    Attributes:
        content: what it says.
        version: its version.
        metadata: its custom metadata.
        gone_at: when the server deletes that version automatically, UTC; None for never.
    """

    content: Content
    version: int
    metadata: Mapping[str, str]
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What the answer to a write says.

    Attributes:
        version: the document's new version.
        metadata: its custom metadata, None where the server does not tell them (Vault before 1.9).
        gone_at: when the server deletes that version automatically, UTC; None for never.
    """

    version: int
    metadata: Mapping[str, str] | None
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What Vault keeps of a document in addition to its data.

    Attributes:
        metadata: its custom metadata.
        current_version: the newest version, 0 when none was ever written.
        current_is_gone: the newest version was deleted (softly, or by its age) or destroyed.
        current_is_destroyed: it is destroyed.
        gone_at: when the newest version was deleted, or will be by its age, UTC; None for never.
        kept: the versions whose data is still there, soft-deleted ones too.
        written: every version that is listed, oldest first.
    """

    metadata: Mapping[str, str]
    current_version: int
    current_is_gone: bool
    current_is_destroyed: bool
    gone_at: datetime | None
    kept: tuple[int, ...]
    written: tuple[RecordVersion, ...] = ()


class VaultFolder:
    """The documents of one mount.

    Args:
        connection: the mount.
    """

    def __init__(self, connection: VaultConnection) -> None:
        self._connection = connection
        self._mount = self.mount = connection.mount

    def read(
        self, path: str, parse: Callable[[Any, int], Content], *, version: int | None = None
    ) -> Found[Content] | None:
        """Return a document, parsed; None if there never was one.

        Args:
            path: where in the mount.
            parse: makes something of the data and its version.
            version: which one, the newest by default.

        Raises:
            StoreDeleted: that version was soft-deleted.
            StoreDestroyed: that version was destroyed.
            StoreError: it cannot be read.
        """
        full_path = self.full_path(path)

        def read(api: VaultApi) -> Found[Content] | None:
            try:
                answer = api.kv.read_secret_version(
                    path, version=version, mount_point=self._mount, raise_on_deleted_version=True
                )
            except hvac.exceptions.InvalidPath as error:
                _raise_unless_absent(error, self._mount, path)
                return None
            data, metadata = _data_and_metadata(answer, full_path)
            number = _number(metadata.get("version"), full_path)
            return Found(
                content=parse(data, number),
                version=number,
                metadata=_texts(metadata.get("custom_metadata")),
                gone_at=parse_time(metadata.get("deletion_time")),
            )

        return self._connection.call(read, rights.READ, path)

    def put(self, path: str, make: Callable[[], dict[str, Any]], *, cas: int) -> Put:
        """Write a document if its newest version is still the one that was read; return what the answer says.

        Args:
            path: where in the mount.
            make: makes the data, inside the shielded call.
            cas: the version that was read, 0 for none.

        Raises:
            StoreConflict: another version is there.
            StoreError: it was not written, or by `outcome` may have been.
        """
        full_path = self.full_path(path)

        def write(api: VaultApi) -> Put:
            answer = api.kv.create_or_update_secret(path, secret=make(), cas=cas, mount_point=self._mount)
            if not isinstance(answer, dict):
                raise _unreadable(full_path)
            data = answer.get("data")
            if not isinstance(data, dict):
                raise _not_version_2(full_path)
            told = _texts(data.get("custom_metadata")) if "custom_metadata" in data else None
            gone_at = parse_time(data.get("deletion_time"))
            return Put(version=_number(data.get("version"), full_path), metadata=told, gone_at=gone_at)

        return self._connection.call(write, rights.WRITE, path, repeatable=False)

    def set_metadata(self, path: str, metadata: Mapping[str, str]) -> None:
        """Set a document's custom metadata.

        Raises:
            StoreError: it was not set.
        """
        # hvac's own method also resets how long versions are kept (`delete_version_after`), which is not managed by
        # qlik_keys to set.
        url = f"/v1/{quote(self._mount)}/metadata/{quote(path)}"
        self._connection.call(
            lambda api: api.adapter.post(url=url, json={"custom_metadata": dict(metadata)}), rights.WRITE_METADATA, path
        )

    def history(self, path: str, *, now: datetime) -> History | None:
        """Return what Vault keeps of a document in addition to its data, None if there is none.

        Raises:
            StoreError: it cannot be read.
        """
        full_path = self.full_path(path)

        def read(api: VaultApi) -> History | None:
            try:
                answer = api.kv.read_secret_metadata(path, mount_point=self._mount)
            except hvac.exceptions.InvalidPath as error:
                if _is_plain_absence(error):
                    return None
                raise
            return _history(answer, now, full_path)

        return self._connection.call(read, rights.READ_METADATA, path)

    def names(self, path: str) -> list[str]:
        """Return the names of the documents in a folder, without its folders; none for a folder that is not there.

        Raises:
            StoreError: it cannot be listed.
        """
        return [name for name in self._listed(path) if not name.endswith("/")]

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders in a folder; none for a folder that is not there.

        Raises:
            StoreError: it cannot be listed.
        """
        return [name.rstrip("/") for name in self._listed(path) if name.endswith("/")]

    def _listed(self, path: str) -> list[str]:
        full_path = self.full_path(path)

        def read(api: VaultApi) -> list[str]:
            try:
                answer = api.kv.list_secrets(path, mount_point=self._mount)
            except hvac.exceptions.InvalidPath as error:
                if _is_plain_absence(error):
                    return []
                raise
            data = answer.get("data") if isinstance(answer, dict) else None
            found = data.get("keys") if isinstance(data, dict) else None
            if not isinstance(found, list):
                raise _unreadable(full_path)
            return sorted(name for name in found if isinstance(name, str))

        return self._connection.call(read, rights.LIST, f"{path}/")

    def destroy(self, path: str, versions: tuple[int, ...]) -> None:
        """Destroy the data of some versions permanently.

        Raises:
            StoreError: it was not done.
        """
        self._connection.call(
            lambda api: api.kv.destroy_secret_versions(path, versions=list(versions), mount_point=self._mount),
            rights.DESTROY,
            path,
        )

    def delete(self, path: str) -> None:
        """Destroy a document with its metadata and all versions; quiet when there is none.

        Raises:
            StoreError: it was not done.
        """
        self._connection.call(
            lambda api: api.kv.delete_metadata_and_all_versions(path, mount_point=self._mount), rights.DELETE, path
        )

    def full_path(self, path: str) -> str:
        """Return a path as a person would type it."""
        return f"{self._mount}/{path}"


def _is_plain_absence(error: hvac.exceptions.InvalidPath) -> bool:
    """Tell "nothing there" from a 404 that means something else: a mount or a namespace that does not exist."""
    return not said_by(error) or error.errors == []


def _raise_unless_absent(error: hvac.exceptions.InvalidPath, mount: str, path: str) -> None:
    """Return if there is nothing; raise what is to be said of a version that is gone.

    Raises:
        StoreDeleted: it was soft-deleted.
        StoreDestroyed: it was destroyed.
        hvac.exceptions.InvalidPath: the answer means something else.
    """
    try:
        metadata = json.loads(error.text or "{}")["data"]["metadata"]
    except (ValueError, KeyError, TypeError):
        metadata = None
    if not isinstance(metadata, dict):
        if _is_plain_absence(error):
            return
        raise error
    full_path = f"{mount}/{path}"
    if metadata.get("destroyed") is True:
        raise StoreDestroyed(
            f"The newest version of the document at {full_path} was destroyed: its content is lost permanently.",
            path=full_path,
            hint="If an older version is intact, it can be made the current version again: "
            f"{command('kv', 'metadata', 'get', f'-mount={mount}', path)} lists them. Otherwise "
            f"{remove_all(mount, path)} "
            "removes what is left.",
        )
    deleted_at = parse_time(metadata.get("deletion_time"))
    when = "" if deleted_at is None else f" at {format_time(deleted_at)}"
    raise StoreDeleted(
        f"The document at {full_path} was soft-deleted{when}.",
        path=full_path,
        deletion_time=deleted_at,
        hint=f"Its keys still exist: {undelete(mount, path, metadata.get('version', 'N'))} restores them, "
        f"{remove_all(mount, path)} removes them.",
    )


def _data_and_metadata(answer: Any, path: str) -> tuple[Any, dict[str, Any]]:
    outer = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(outer, dict):
        raise _unreadable(path)
    metadata = outer.get("metadata")
    if "data" not in outer or not isinstance(metadata, dict):
        raise _not_version_2(path)
    return outer["data"], metadata


def _history(answer: Any, now: datetime, path: str) -> History:
    data = answer.get("data") if isinstance(answer, dict) else None
    versions = data.get("versions") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(versions, dict):
        raise _unreadable(path)
    current = data.get("current_version")
    newest = versions.get(str(current), {})
    deleted_at = parse_time(newest.get("deletion_time"))
    # With an age limit that moment is still to come; `now` is in whole seconds, Vault's moments are not.
    has_passed = deleted_at is not None and deleted_at < now + timedelta(seconds=1)
    return History(
        metadata=_texts(data.get("custom_metadata")),
        current_version=current if isinstance(current, int) else 0,
        current_is_gone=newest.get("destroyed") is True or has_passed,
        current_is_destroyed=newest.get("destroyed") is True,
        gone_at=deleted_at,
        kept=tuple(sorted(int(number) for number, about in versions.items() if about.get("destroyed") is not True)),
        written=tuple(
            RecordVersion(number=number, written_at=written_at, is_destroyed=about.get("destroyed") is True)
            for number, about in sorted((int(number), about) for number, about in versions.items())
            if (written_at := parse_time(about.get("created_time"))) is not None
        ),
    )


def _texts(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _number(value: Any, path: str) -> int:
    if not isinstance(value, int):
        raise _unreadable(path)
    return value


def _unreadable(path: str) -> StoreProtocolError:
    return StoreProtocolError(
        f"The answer about {path} does not come from Vault.",
        path=path,
        hint="Check that the address is that of the Vault and that no proxy answers instead of it.",
        outcome=Outcome.UNKNOWN,
    )


def _not_version_2(path: str) -> StoreMisconfigured:
    return StoreMisconfigured(
        f"The answer about {path} is not one of KV version 2.",
        path=path,
        hint="Give the mount of a KV version 2 secrets engine; with version 1, keys could be overwritten without "
        "notice.",
    )
