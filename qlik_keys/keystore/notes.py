"""What a store may offer in addition: small notes about a tenant, and when records were written; no secret in either.

A note is replaced by compare-and-set, so that of two programs that write one, the second is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

NOTIFIED = "notified"  # the note of what notifications have told


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note that was read.

    Attributes:
        text: what it says, "" for one that is not there.
        version: the compare-and-set version that was read; 0 for one that must not exist yet.
    """

    text: str
    version: int


@runtime_checkable
class KeepsNotes(Protocol):
    """What a `KeyStore` may also offer: to keep notes. No store needs to."""

    def read_note(self, tenant_host: str, name: str) -> Note:
        """Return a note, an empty one where there is none that can be read.

        Raises:
            StoreError: the store cannot be asked.
        """
        ...

    def write_note(self, tenant_host: str, name: str, note: Note) -> Note:
        """Write a note if its version is still the one that was read; return it with its new version.

        Raises:
            StoreConflict: another one was written since.
            StoreError: it was not written, or by `outcome` may have been.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVersion:
    """A version of a client's record.

    Attributes:
        number: its number.
        written_at: when it was written, UTC, by the store's clock.
        is_destroyed: its content was destroyed.
    """

    number: int
    written_at: datetime
    is_destroyed: bool


@runtime_checkable
class ReportsVersions(Protocol):
    """What a `KeyStore` may also offer: when records were written. No store needs to."""

    def versions(self, tenant_host: str, client_id: str) -> Sequence[RecordVersion]:
        """Return the versions of a client's record that the store still lists, oldest first.

        Raises:
            StoreError: the store cannot be asked.
        """
        ...
