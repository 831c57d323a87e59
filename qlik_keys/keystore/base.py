"""What a key store is: the `KeyStore` Protocol and the values that it keeps.

A store keeps, per tenant host, one *record* per client (its keys and their states) and one *pending* document per
client that is being made. Every write is a compare-and-set on the version that was read, so that of two writers one
wins and the other is told. A store knows nothing of tenants, tokens or plans; `lifecycle` decides what is written.

The layout in Vault is in docs/reference/vault.md; the contract suite for anyone's store is `keystore.testing`; what a
store may offer in addition is in `keystore.optional`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from qlik_keys.errors import StoreError
    from qlik_keys.keys import Algorithm, KeySpec, PrivateKey, PublicJwk
    from qlik_keys.keys.signer import Signer
    from qlik_keys.keystore.declarations import Declaration

KeyState = Literal["next", "current", "previous"]
Custody = Literal["kv", "transit"]
OperationName = Literal["rotate", "retire", "revoke", "adopt", "delete"]
_MOST_HOOKS = 5  # that are named for people
MOST_REMOVED = 10  # kids of removed keys in a record: a call that was sent before ten rotations does not arrive now


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whose key is to be made, for a store whose engine names keys.

    Attributes:
        tenant_host: host of the tenant.
        client_name: the client's name.
        client_id: its id on the tenant, "" for a client that is yet to be made.
    """

    tenant_host: str
    client_name: str
    client_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key pair that a store keeps.

    Attributes:
        public: the public half, with its kid and algorithm.
        state: "next" (pending), "current" (what consumers use) or "previous" (waits to be retired).
        made_at: when it was made, UTC.
        promoted_at: when it became current, UTC.
        retire_at: when a previous key may be retired, UTC.
        private: the private half where the store holds it (KV); None where Vault signs (Transit).
        reference: the key's name in the store's engine, where `private` is None.
    """

    public: PublicJwk
    state: KeyState
    made_at: datetime
    promoted_at: datetime | None = None
    retire_at: datetime | None = None
    private: PrivateKey | None = field(default=None, compare=False)
    reference: str = ""

    @property
    def kid(self) -> str:
        """The key id."""
        return self.public.kid

    @property
    def alg(self) -> Algorithm:
        """The JWS algorithm."""
        return self.public.alg

    @property
    def custody(self) -> Custody:
        """Who holds the private half."""
        return "transit" if self.reference else "kv"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedOperation:
    """An operation on a client that is in progress: what another process needs to finish it as it was meant.

    Attributes:
        name: which.
        started_at: when, UTC.
        started_by: user and machine, for people; nothing secret.
        compromised: kids that must not log in when it is done (revoke).
        remove_secrets: client secrets go once a key is verified.
        keep_secret: the record stays when the client is deleted.
        remove_bot: the client's bot user is deleted with the client.
        allow_swap: where the tenant takes one key at a time, the new one may take the place of the old one.
        custody: who should hold the next key; None for who holds the current one.
        key: the kind of the next key, e.g. "ES384" or "RS256 4096"; "" for the kind of the current one.
        rotate_after_seconds: how long the next key should serve; None for as long as the current one.
        replaced: weaker operations that were in progress when this one took over.
        hooks: names of the hooks that are to run for the next key.
    """

    name: OperationName
    started_at: datetime
    started_by: str = ""
    compromised: frozenset[str] = frozenset()
    remove_secrets: bool = False
    keep_secret: bool = False
    remove_bot: bool = False
    allow_swap: bool = False
    custody: Custody | None = None
    key: str = ""
    rotate_after_seconds: int | None = None
    replaced: tuple[OperationName, ...] = ()
    hooks: tuple[str, ...] = ()

    @property
    def is_serious(self) -> bool:
        """Whether someone counts on its end: a key, a secret or a client still works that is to be gone."""
        return self.name in ("revoke", "delete") or self.remove_secrets

    def to_text(self) -> str:
        """Return for people which it is, who started it and when."""
        who = f" by {self.started_by}" if self.started_by else ""
        over = f" (in place of {', '.join(self.replaced)})" if self.replaced else ""
        return f"{self.name}{over}, started{who} at {self.started_at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRecord:
    """What the store keeps of one client.

    Attributes:
        tenant_host: host (and port, if it is not the default) of the tenant.
        client_id: the client's id on the tenant, 32 hex digits.
        client_name: its name when it was made.
        token_url: where its assertions go; their audience.
        custody: who holds the current key's private half; where there is none, the next one's.
        keys: its keys by kid; empty for a client that logs in by secret alone.
        rotate_by: when its current key should have been replaced, UTC.
        overlap_seconds: the overlap of the rotation that is in progress, None for none.
        unpurged: an older version of this record may still show a key that this one lacks.
        custody_before: who held the current key's predecessor, where that was another custody; else None.
        operation: the operation that is in progress, None for none.
        removed_kids: kids of keys that were removed, oldest first, `MOST_REMOVED` at most: one that is registered on
            the tenant again, by a list that was read before and written after, is removed again.
        pending_hooks: names of the hooks that are to succeed for the current key; what they run is not known here.
        declaration: the mark of the fleet file in which the client is declared, None for none.
        gone_at: when the store deletes what was read, or written, automatically, UTC; None for never.
        remedy: the command lines that keep it there.
        is_shown_wrong: `summary` tells something else than this record; `show` corrects it.
        version: the compare-and-set version that was read; 0 for a record that must not exist yet.
    """

    tenant_host: str
    client_id: str
    client_name: str
    token_url: str
    custody: Custody
    keys: Mapping[str, StoredKey]
    rotate_by: datetime | None = None
    overlap_seconds: int | None = None
    unpurged: bool = False
    custody_before: Custody | None = None
    operation: StartedOperation | None = None
    removed_kids: tuple[str, ...] = ()
    pending_hooks: tuple[str, ...] = ()
    declaration: Declaration | None = None
    gone_at: datetime | None = field(default=None, compare=False)
    remedy: str = field(default="", compare=False)
    is_shown_wrong: bool = field(default=False, compare=False)
    version: int = 0

    @property
    def is_in_progress(self) -> bool:
        """Whether an operation on its keys was started and is not at its end."""
        marks = (self.overlap_seconds is not None, self.unpurged, self.operation is not None)
        return bool(self.in_state("next")) or any(marks)

    def in_state(self, state: KeyState) -> list[StoredKey]:
        """Return the keys in that state, oldest first."""
        return sorted((key for key in self.keys.values() if key.state == state), key=lambda key: key.made_at)

    @property
    def current(self) -> StoredKey | None:
        """The key that consumers use, None for a client that logs in by secret alone."""
        return next(iter(self.in_state("current")), None)

    @property
    def rotate_after(self) -> timedelta | None:
        """How long the current key should serve, from when it came into use; None where there is no such date."""
        current = self.current
        if current is None or self.rotate_by is None:
            return None
        return self.rotate_by - (current.promoted_at or current.made_at)

    @property
    def old_keys_end(self) -> datetime | None:
        """When the last old key may be retired; None where a run that is in progress retires it."""
        if self.overlap_seconds is not None:
            return None
        return max((key.retire_at for key in self.in_state("previous") if key.retire_at is not None), default=None)

    @property
    def hooks_since(self) -> datetime | None:
        """Since when its hooks are pending, UTC; None for none."""
        return self.current.promoted_at if self.pending_hooks and self.current is not None else None

    def returned(self, registered: Iterable[str]) -> list[str]:
        """Return those of the kids on the tenant whose keys were removed."""
        return [kid for kid in registered if kid in self.removed_kids]

    def with_key(self, key: StoredKey) -> ClientRecord:
        """Return the record with that key added, or put instead of the one with its kid."""
        removed = tuple(kid for kid in self.removed_kids if kid != key.kid)
        return replace(self, keys={**self.keys, key.kid: key}, removed_kids=removed)

    def without_key(self, kid: str) -> ClientRecord:
        """Return the record without that key, and with its kid among the removed ones."""
        keys = {name: key for name, key in self.keys.items() if name != kid}
        return replace(self, keys=keys, removed_kids=(*self.removed_kids, kid)[-MOST_REMOVED:])


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingClient:
    """A client that is being made: its specification and its key wait here until it is verified.

    Attributes:
        tenant_host: host of the tenant.
        name: the client's name, which is what makes two attempts the same.
        specification: what was asked for, as JSON-ready values; `lifecycle` writes and reads it.
        pending_at: when, UTC.
        key: its key, None for a client that logs in by secret alone.
        client_id: set when the tenant has made the client.
        version: the compare-and-set version that was read; 0 for one that must not exist yet.
    """

    tenant_host: str
    name: str
    specification: Mapping[str, object]
    pending_at: datetime
    key: StoredKey | None = None
    client_id: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySummary:
    """What a store shows of a client without reading any key (Vault's custom metadata).

    Attributes:
        client_id: the client.
        client_name: its name when it was made.
        custody: who holds the private keys.
        current_kid: the key that consumers use, "" for none.
        made_at: when that key was made, UTC.
        rotate_by: when it should have been replaced, UTC.
        custody_before: who held that key's predecessor, where that was another custody; else None.
        reference: the key's name in the store's engine, "" where the store itself holds it, or it was not noted.
        retire_at: when its old keys may be retired, UTC; None where it has none, or a rotation is in progress.
        is_in_progress: an operation on its keys was started and is not at its end; its record says which.
        operation: that operation, with its name, its start and whether secrets go, where it is serious; else None.
        pending_hooks: names of the hooks that have not succeeded for the current key.
        hooks_since: since when they are pending, UTC; None for none.
        declaration: the mark of the fleet file in which the client is declared, None for none.
        rotate_after: how long the current key should serve, where there is such a mark; else None.
        gone: "deleted" for a record that can be brought back, "destroyed" for one that cannot, else "".
        gone_at: when it was deleted, or when the store deletes it automatically, UTC.
        remedy: the command lines that bring it back, or keep it there; "" where nothing is wrong.
    """

    client_id: str
    client_name: str
    custody: Custody
    current_kid: str
    made_at: datetime | None
    rotate_by: datetime | None
    custody_before: Custody | None = None
    reference: str = ""
    retire_at: datetime | None = None
    is_in_progress: bool = False
    operation: StartedOperation | None = None
    pending_hooks: tuple[str, ...] = ()
    hooks_since: datetime | None = None
    declaration: Declaration | None = None
    rotate_after: timedelta | None = None
    gone: Literal["", "deleted", "destroyed"] = ""
    gone_at: datetime | None = None
    remedy: str = ""

    @property
    def serves_days(self) -> int | None:
        """For how many days the current key should serve: by the mark, else by when it was made; None if unknown."""
        serves = self.rotate_after
        if serves is None and self.rotate_by is not None and self.made_at is not None:
            serves = self.rotate_by - self.made_at
        return None if serves is None else round(serves / timedelta(days=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCall:
    """One request to a store's server, for anyone who watches; neither headers nor bodies are told.

    Attributes:
        method: HTTP method.
        path: path with the query, which names documents and never holds a value.
        status: HTTP status, None when no answer came.
        elapsed_seconds: how long it took.
    """

    method: str
    path: str
    status: int | None
    elapsed_seconds: float


class KeyStore(Protocol):
    """A place for private keys.

    Every method may raise `StoreUnreachable`, `StoreSealed`, `StoreDenied`, `StoreMisconfigured` and
    `StoreProtocolError`. A failed write says by `outcome` whether it may have landed.
    """

    @property
    def custody(self) -> Custody:
        """Who holds a client's first key; those that follow stay in its custody unless another one is asked for."""
        ...

    def make_key(self, spec: KeySpec, owner: KeyOwner, *, custody: Custody | None = None) -> StoredKey:
        """Make a key in state "next"; where the engine makes it, it is there already, else it is in memory only.

        Args:
            spec: the kind of key.
            owner: whose.
            custody: who should hold it; by default as for a client's first key.
        """
        ...

    def import_key(self, key: PrivateKey, owner: KeyOwner, *, custody: Custody | None = None) -> StoredKey:
        """Take a key that was made elsewhere, in state "next"; `custody` as for `make_key`."""
        ...

    def write_pending(self, pending: PendingClient) -> PendingClient:
        """Write a pending record with compare-and-set, and return it with its new version; a new one is read back.

        Raises:
            StoreConflict: another writer was first, and what is there is not what was to be written.
        """
        ...

    def pending(
        self, tenant_host: str, *, on_damaged: Callable[[StoreError], None] | None = None
    ) -> Sequence[PendingClient]:
        """Return everything that is pending for that tenant and can be read, oldest first.

        Args:
            tenant_host: host of the tenant.
            on_damaged: told of each document of qlik_keys that is damaged or gone, which hides none of the
                others.
        """
        ...

    def read_pending(self, tenant_host: str, name: str) -> PendingClient | None:
        """Return what is pending for that client name, None for nothing."""
        ...

    def remove_pending(self, pending: PendingClient, *, look_after: bool = True) -> None:
        """Destroy a pending record with all its versions, and look that it is gone; quiet when there is none.

        Where its client is finished, a store need not look (`look_after` False): what were still there would be seen,
        and removed, by the next `resume`.
        """
        ...

    def discard_key(self, key: StoredKey) -> None:
        """Destroy a key that no document names any more, where the engine holds it; quiet when there is none."""
        ...

    def sweep(
        self, tenant_host: str, *, of: Collection[str] | None = None, known: Collection[str] = ()
    ) -> Sequence[str]:
        """Destroy the keys of that tenant that no document names: a run was interrupted after it had one made.

        Who is just about to name one of them gets a `StoreConflict`.

        Args:
            tenant_host: host of the tenant.
            of: names of clients: only keys that were made for clients of these names are looked at, also by a store
                that has met no key in an engine; by default all.
            known: references of keys that are known to be named: where these are all, no document is read.

        Returns:
            The names of those that were destroyed.
        """
        ...

    def read(self, tenant_host: str, client_id: str) -> ClientRecord:
        """Return a client's record.

        Raises:
            StoreNotFound: there is none (`StoreDeleted` when it was soft-deleted).
            StoreConflict: the document at that path is not managed by qlik_keys.
        """
        ...

    def write(self, record: ClientRecord, *, read_back: bool = True, is_first: bool = False) -> ClientRecord:
        """Write a record with compare-and-set, read it back, compare, and return what was read, with its new version.

        Without `read_back`, for a record that brings no key and makes none current, the answer to the write is enough;
        what is returned is then what was to be written. With `is_first` the client was made just now: nothing can be
        instead of its record, so a store need not look before it writes there.

        Raises:
            StoreConflict: another writer was first, and what is there is not what was to be written.
        """
        ...

    def client_ids(self, tenant_host: str) -> Sequence[str]:
        """Return the ids of the clients that have a record for that tenant."""
        ...

    def summary(self, tenant_host: str, client_id: str) -> KeySummary | None:
        """Return what may be shown of a client without reading its keys, None when there is no record."""
        ...

    def show(self, record: ClientRecord) -> None:
        """Let `summary` tell what a record says that was read with `is_shown_wrong`."""
        ...

    def signer(self, key: StoredKey) -> Signer:
        """Return a signer for a key that was read from this store."""
        ...

    def purge(self, record: ClientRecord) -> None:
        """Destroy every version older than the record's, once that one is seen, so that none shows a retired key."""
        ...

    def delete(self, tenant_host: str, client_id: str) -> None:
        """Destroy a client's record with all its versions, keys and name entry; quiet when there is none."""
        ...

    def ids_named(self, tenant_host: str, name: str) -> Sequence[str]:
        """Return the ids of the clients whose records bear exactly that name, by a constant number of requests.

        A record that is there and cannot be read counts: the reader of the record is told what is wrong with it.
        """
        ...

    def set_names_right(self, tenant_host: str, names: Mapping[str, str]) -> None:
        """Write the name entries that are missing: `names` has the name in each record, by client id."""
        ...

    def location(self, tenant_host: str, client_id: str) -> str:
        """Return where a person finds a client's record, as they would type it; asks nothing."""
        ...

    def subscribe(self, callback: Callable[[StoreCall], None]) -> Callable[[], None]:
        """Call back with every request to the store, in the thread that made it; return what ends that."""
        ...


def pending_document_name(name: str) -> str:
    """Return the name of the pending record for a client name.

    It is made of the client's name and not of a kid, so that two people who make the same client at once meet at the
    same compare-and-set, and so that a client without a key can be pending too (docs/decisions/0001).
    """
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def names_of_hooks(names: Sequence[str]) -> str:
    """Return the names of pending hooks for people; a record may have been edited, so they are quoted and limited."""
    quoted = [repr(name[:64]) if not (name.isascii() and name.isprintable()) else name[:64] for name in names]
    shown = ", ".join(quoted[:_MOST_HOOKS])
    return f"{shown} and {len(names) - _MOST_HOOKS} more" if len(names) > _MOST_HOOKS else shown
