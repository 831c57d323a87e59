"""What a `KeyStore` may offer in addition; no store needs to, and who needs it asks by `isinstance`.

How its own login stands, how its keys could leave it, of which tenants it has records, what was measured on a tenant,
small notes about a tenant, and when records were written; no secret is in any of them. A note is replaced by
compare-and-set, so that of two programs that write one, the second is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from qlik_keys.keystore.profiles import TenantProfile

NOTIFIED = "notified"  # the note of what notifications have told


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """How a store's own login stands, for anyone who looks for faults.

    Attributes:
        known: False when the server does not tell how long the login lives.
        seconds_left: how long it lives unless it is renewed, None when it does not end or nothing is known.
        life_seconds: how long it lives from a renewal on, None likewise.
        renewable: whether the server would renew it.
        replaceable: whether the store logs in again automatically when it ends.
        path: where the client's record lies, as the server's rules name it.
        capabilities: what the login may do there, as the server names it; None when it does not tell.
        longest_seconds: how long it lives at most, however often it is renewed; None for no such end.
        uses_left: how many requests it is good for, None for any number.
    """

    known: bool
    seconds_left: float | None
    life_seconds: float | None
    renewable: bool
    replaceable: bool
    path: str
    capabilities: tuple[str, ...] | None
    longest_seconds: float | None = None
    uses_left: int | None = None


@runtime_checkable
class ReportsHealth(Protocol):
    """What a `KeyStore` may also offer: how its own login stands. No store needs to."""

    def health(self, tenant_host: str, client_id: str) -> StoreHealth:
        """Return how the login stands, and what it may do with that client's record.

        Raises:
            StoreDenied: the server accepts the login for nothing.
            StoreError: it cannot be asked.
        """
        ...

    def renew_token(self) -> bool:
        """Renew the login now; return whether it has its whole life before it, or does not end.

        Raises:
            StoreError: the server would not, or cannot be asked.
        """
        ...


@runtime_checkable
class ReservesUses(Protocol):
    """What a `KeyStore` may also offer: to leave the last uses of a login that is good for so many alone."""

    @property
    def uses_left(self) -> int | None:
        """How many requests the login is still good for; None for any number, or where no one knows. Asks nothing."""
        ...

    def reserving_uses(self, reserve: int) -> AbstractContextManager[None]:
        """Have every call that this thread makes in the block raise `StoreUsesReserved` sooner than leave fewer uses.

        Args:
            reserve: how many requests the login should be good for afterwards, unless it was not from the beginning.
        """
        ...


@runtime_checkable
class ReportsExportPaths(Protocol):
    """What a `KeyStore` may also offer: how a key could leave the engine that keeps it. No store needs to."""

    def export_paths(self, reference: str) -> Sequence[str]:
        """Return how the private half of a key of that name could be got out of the engine, none where it cannot.

        Raises:
            StoreError: the engine cannot be asked, or does not tell.
        """
        ...


@runtime_checkable
class ListsTenants(Protocol):
    """What a `KeyStore` may also offer: of which tenants it has records."""

    def tenant_hosts(self) -> Sequence[str]:
        """Return the host names under which there are records.

        Raises:
            StoreError: they cannot be listed, for example since the login may see one tenant's alone.
        """
        ...


@runtime_checkable
class KeepsProfiles(Protocol):
    """What a `KeyStore` may also offer: to keep what was measured on a tenant."""

    def read_profile(self, tenant_host: str) -> TenantProfile | None:
        """Return a tenant's profile, None where there is none that can be read.

        Raises:
            StoreError: the store cannot be asked.
        """
        ...

    def write_profile(self, tenant_host: str, profile: TenantProfile) -> None:
        """Write a tenant's profile; the one before is replaced.

        Raises:
            StoreError: it was not written, or by `outcome` may have been.
        """
        ...


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
