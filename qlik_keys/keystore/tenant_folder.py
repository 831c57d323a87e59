"""The one folder of a tenant in a key store, whichever of the tenant's host names is in use.

A store files records by host name, and a tenant may have several (qlik-cloud-contract, "Host names"). `folder_of`
returns a store in which the host name in use stands for the folder that has the tenant's records: the own one where it
has records, else that of another host name, else the display name's. The other names are asked for only where
something is not found under the own one, so a tenant with one host name costs nothing (docs/decisions/0045).
"""

from __future__ import annotations

import contextlib
import functools
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from qlik_keys.errors import StoreDenied, StoreError, StoreNotFound, TenantError
from qlik_keys.keystore.optional import (
    KeepsNotes,
    KeepsProfiles,
    ListsTenants,
    ReportsExportPaths,
    ReportsHealth,
    ReportsVersions,
    ReservesUses,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.keystore.base import ClientRecord, Custody, KeyOwner, KeyStore, KeySummary, PendingClient, StoredKey
    from qlik_keys.keystore.optional import Note, RecordVersion, StoreHealth
    from qlik_keys.keystore.profiles import TenantProfile
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tenant.http.session import Session

Found = TypeVar("Found")
_MOST_FOLDERS = 20  # that are listed for a hint
_OTHER_NAME = (
    "If the tenant has another host name, give that one as the tenant's URL: the records may be filed under it."
)


def folder_of(tenant: QlikTenant, store: KeyStore) -> KeyStore:
    """Return the store in which the tenant's host name stands for the folder with its records; asks nothing.

    Args:
        tenant: asked for its host names where they are needed.
        store: a store, or what this function has returned.
    """
    return folder_at(tenant.http, store, names=tenant.host_names)


def folder_at(session: Session, store: KeyStore, *, names: Callable[[], Sequence[str]] | None = None) -> KeyStore:
    """Return what `folder_of` returns, for who has no credential: the tenant's metadata then tell of another name.

    Args:
        session: the conversation with the tenant; it keeps what was found.
        store: a store, or what this function has returned.
        names: returns the tenant's host names, the display name first.
    """
    inner = store.inner if isinstance(store, TenantFolder) else store
    known = session.folders.get(id(inner))
    folder = known if isinstance(known, TenantFolder) else _kind_for(inner)(session, inner)
    session.folders[id(inner)] = folder
    if names is not None:
        folder.names = names
    return cast("KeyStore", folder)


def records_elsewhere(tenant: QlikTenant, store: KeyStore) -> dict[str, Sequence[str]]:
    """Return the ids of clients that have a record under a host name that lists do not show, by host name.

    An earlier version filed a record under the name that was in use. A folder that may not be listed counts as empty.

    Args:
        tenant: asked for its host names.
        store: a store, or what `folder_of` has returned.

    Raises:
        TenantError: the tenant cannot tell its host names at the moment.
        StoreError: a folder could not be listed.
    """
    return cast("TenantFolder", folder_of(tenant, store)).elsewhere()


class TenantFolder:
    """A `KeyStore` that asks another one, for the folder that the tenant's records are in. Made by `folder_of`.

    Args:
        session: the conversation with the tenant.
        inner: the store.
    """

    def __init__(self, session: Session, inner: KeyStore) -> None:
        from qlik_keys.tenant.http.host_names import host_names  # noqa: PLC0415  # a store alone needs no httpx

        self.inner = inner
        self._session = session
        self.names: Callable[[], Sequence[str]] = lambda: host_names(session, None)
        self._own = session.host
        self._folder = ""
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)  # what has no host name in it

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._folder or self._own} of {self.inner!r}>"

    # --- one client ---

    def read(self, tenant_host: str, client_id: str) -> ClientRecord:
        """Return a client's record, from the folder of another host name where the own one has none."""
        place = self._place(tenant_host)
        missing: StoreNotFound
        try:
            return self._noted(place, self.inner.read(place, client_id))
        except StoreNotFound as error:
            if type(error) is not StoreNotFound or tenant_host != self._own:
                raise  # something is left of it there
            missing = error
        for other in self._others(place):
            try:
                return self.inner.read(other, client_id)
            except StoreDenied:
                continue  # the rights are for the own name: what is there is not ours to see
            except StoreNotFound as error:
                if type(error) is not StoreNotFound:
                    raise
        if self._session.names.source == "metadata":
            missing.hint = f"{missing.hint} {self._other_name(client_id)}".lstrip()
        raise missing

    def write(self, record: ClientRecord, *, read_back: bool = True, is_first: bool = False) -> ClientRecord:
        """Write a record; a new one goes where the tenant's are."""
        if not record.version:
            record = replace(record, tenant_host=self._sure_place(record.tenant_host))
        return self.inner.write(record, read_back=read_back, is_first=is_first)

    def summary(self, tenant_host: str, client_id: str) -> KeySummary | None:
        """Return what may be shown of a client."""
        return self._found(tenant_host, lambda place: self.inner.summary(place, client_id))

    def delete(self, tenant_host: str, client_id: str) -> None:
        """Destroy a client's record."""
        self.inner.delete(self._sure_place(tenant_host), client_id)

    def location(self, tenant_host: str, client_id: str) -> str:
        """Return where a person finds a client's record, as far as is known; asks nothing."""
        return self.inner.location(self._place(tenant_host), client_id)

    # --- all clients ---

    def client_ids(self, tenant_host: str) -> Sequence[str]:
        """Return the ids of the clients that have a record."""
        return self._found(tenant_host, self.inner.client_ids)

    def ids_named(self, tenant_host: str, name: str) -> Sequence[str]:
        """Return the ids of the clients whose records bear that name."""
        return self._found(tenant_host, lambda place: self.inner.ids_named(place, name))

    def set_names_right(self, tenant_host: str, names: Mapping[str, str]) -> None:
        """Write the name entries that are missing."""
        self.inner.set_names_right(self._sure_place(tenant_host), names)

    def sweep(
        self, tenant_host: str, *, of: Collection[str] | None = None, known: Collection[str] = ()
    ) -> Sequence[str]:
        """Destroy the keys that no document names."""
        return self.inner.sweep(self._sure_place(tenant_host), of=of, known=known)

    def elsewhere(self) -> dict[str, Sequence[str]]:
        """Return what `records_elsewhere` returns."""
        folder, found = self._decided(), {}
        for name in self.names():
            with contextlib.suppress(StoreDenied):
                found[name] = () if name == folder else self.inner.client_ids(name)
        return {name: client_ids for name, client_ids in found.items() if client_ids}

    # --- what is pending ---

    def make_key(self, spec: KeySpec, owner: KeyOwner, *, custody: Custody | None = None) -> StoredKey:
        """Make a key."""
        return self.inner.make_key(spec, self._owner(owner), custody=custody)

    def import_key(self, key: PrivateKey, owner: KeyOwner, *, custody: Custody | None = None) -> StoredKey:
        """Take a key that was made elsewhere."""
        return self.inner.import_key(key, self._owner(owner), custody=custody)

    def write_pending(self, pending: PendingClient) -> PendingClient:
        """Write a pending record; a new one goes where the tenant's records are."""
        if not pending.version:
            pending = replace(pending, tenant_host=self._sure_place(pending.tenant_host))
        return self.inner.write_pending(pending)

    def pending(
        self, tenant_host: str, *, on_damaged: Callable[[StoreError], None] | None = None
    ) -> Sequence[PendingClient]:
        """Return everything that is pending for the tenant."""
        return self._found(tenant_host, lambda place: self.inner.pending(place, on_damaged=on_damaged))

    def read_pending(self, tenant_host: str, name: str) -> PendingClient | None:
        """Return what is pending for that client name, None for nothing."""
        return self._found(tenant_host, lambda place: self.inner.read_pending(place, name))

    # --- which folder ---

    def _place(self, tenant_host: str) -> str:
        """Return the folder as far as it is known, for the own host name; another one is that of a record."""
        return self._folder or self._own if tenant_host == self._own else tenant_host

    def _sure_place(self, tenant_host: str) -> str:
        return self._decided() if tenant_host == self._own else tenant_host

    def _owner(self, owner: KeyOwner) -> KeyOwner:
        return replace(owner, tenant_host=self._sure_place(owner.tenant_host))

    def _noted(self, place: str, found: Found) -> Found:
        """Note that a folder is in use, for something was found in it."""
        if place == self._own and not self._folder:
            self._folder = place
        return found

    def _found(self, tenant_host: str, look: Callable[[str], Found]) -> Found:
        """Return what is in the folder; where nothing is in the own one, decide which it is and look again."""
        place = self._place(tenant_host)
        found = look(place)
        if found:
            return self._noted(place, found)
        if tenant_host != self._own or self._decided() == place:
            return found
        return look(self._folder)

    def _others(self, place: str) -> list[str]:
        names: Sequence[str] = ()
        with contextlib.suppress(TenantError):  # then nothing more can be found
            names = self.names()
        return [name for name in names if name != place]

    def _other_name(self, client_id: str) -> str:
        """Return what someone without a credential can do who finds no record: the tenant does not tell them its names.

        Where the login may list other folders, the one that has a record of the client is named. It is not used: an
        assertion of another tenant's client would go to this one.
        """
        from qlik_keys.tenant.url import may_be_same_tenant  # noqa: PLC0415  # as above

        found: list[str] = []
        with contextlib.suppress(StoreError):
            hosts = self.inner.tenant_hosts() if isinstance(self.inner, ListsTenants) else ()
            others = [host for host in hosts if host != self._own and may_be_same_tenant(self._session.url, host)]
            found = [host for host in others[:_MOST_FOLDERS] if client_id in self.inner.client_ids(host)]
        if not found:
            return _OTHER_NAME
        return (
            f"There is a record of this client under {found[0]}: if that is another host name of this tenant, give it "
            "as the tenant's URL."
        )

    def _decided(self) -> str:
        """Return the folder, having decided which it is.

        Raises:
            TenantError: the tenant cannot tell its host names at the moment.
            StoreError: the folders could not be listed.
        """
        with self._lock:
            if not self._folder and self._has_records(self._own):
                self._folder = self._own
            if not self._folder:
                names = self.names()
                others = (name for name in names if name != self._own)
                self._folder = next(filter(self._has_records, others), names[0])
            return self._folder

    def _has_records(self, host: str) -> bool:
        try:
            return bool(self.inner.client_ids(host))
        except StoreDenied:
            return host == self._own  # who may not list works where the rights are


class _WithHealth(TenantFolder):
    def health(self, tenant_host: str, client_id: str) -> StoreHealth:
        return cast("ReportsHealth", self.inner).health(self._place(tenant_host), client_id)

    def renew_token(self) -> bool:
        return cast("ReportsHealth", self.inner).renew_token()


class _WithUses(TenantFolder):
    @property
    def uses_left(self) -> int | None:
        return cast("ReservesUses", self.inner).uses_left

    def reserving_uses(self, reserve: int) -> contextlib.AbstractContextManager[None]:
        return cast("ReservesUses", self.inner).reserving_uses(reserve)


class _WithExportPaths(TenantFolder):
    def export_paths(self, reference: str) -> Sequence[str]:
        return cast("ReportsExportPaths", self.inner).export_paths(reference)


class _WithProfiles(TenantFolder):
    def read_profile(self, tenant_host: str) -> TenantProfile | None:
        return cast("KeepsProfiles", self.inner).read_profile(self._place(tenant_host))

    def write_profile(self, tenant_host: str, profile: TenantProfile) -> None:
        cast("KeepsProfiles", self.inner).write_profile(self._sure_place(tenant_host), profile)


class _WithNotes(TenantFolder):
    def read_note(self, tenant_host: str, name: str) -> Note:
        return self._note(tenant_host, name)[1]

    def write_note(self, tenant_host: str, name: str, note: Note) -> Note:
        is_known = self._folder or tenant_host != self._own
        place = self._place(tenant_host) if is_known else self._note(tenant_host, name)[0]
        return cast("KeepsNotes", self.inner).write_note(place, name, note)

    def _note(self, tenant_host: str, name: str) -> tuple[str, Note]:
        """Return where a note is and what it says: a program that reads it and one that writes it must agree.

        A tenant that cannot tell its host names has its notes under the own one.
        """
        notes, place = cast("KeepsNotes", self.inner), self._place(tenant_host)
        note = notes.read_note(place, name)
        other = place
        if not note.version:
            with contextlib.suppress(TenantError):
                other = self._sure_place(tenant_host)
        return other, note if other == place else notes.read_note(other, name)


class _WithVersions(TenantFolder):
    def versions(self, tenant_host: str, client_id: str) -> Sequence[RecordVersion]:
        return cast("ReportsVersions", self.inner).versions(self._place(tenant_host), client_id)


_PARTS = (
    (ReportsHealth, _WithHealth),
    (ReservesUses, _WithUses),
    (ReportsExportPaths, _WithExportPaths),
    (KeepsProfiles, _WithProfiles),
    (KeepsNotes, _WithNotes),
    (ReportsVersions, _WithVersions),
)


def _kind_for(inner: KeyStore) -> type[TenantFolder]:
    """Return the class that offers just what a store offers: those who look for more ask by `isinstance`."""
    return _kind(tuple(part for protocol, part in _PARTS if isinstance(inner, protocol)))


@functools.cache
def _kind(parts: tuple[type[TenantFolder], ...]) -> type[TenantFolder]:
    return type("TenantFolder", parts or (TenantFolder,), {})
