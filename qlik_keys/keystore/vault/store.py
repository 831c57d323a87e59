"""The key store in HashiCorp Vault or OpenBao: the front that people construct.

It says nothing to Vault before its first use, reads nothing from the environment (`settings` does that, and says so),
and sends neither token nor key anywhere but to the address it was given. What lies where is in
docs/reference/vault.md; how, in the modules next to this one.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Self

from qlik_keys.core.arguments import CLOCK, TEXT, Kind, optional, require, require_timeout
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.core.network.tls import Place
from qlik_keys.core.outcomes import after_effect
from qlik_keys.core.secret import Secret, guarded, wrong_type
from qlik_keys.errors import ConfigurationError, StoreDenied
from qlik_keys.keystore import defaults
from qlik_keys.keystore.vault.documents.folder import VaultFolder
from qlik_keys.keystore.vault.documents.records import CUSTODIES, check_folder
from qlik_keys.keystore.vault.http.adapter import VaultNetwork, checked_address, is_host
from qlik_keys.keystore.vault.http.api import VaultApi
from qlik_keys.keystore.vault.http.connection import VaultConnection
from qlik_keys.keystore.vault.http.login import AppRole, JwtLogin, KubernetesLogin, UserPass
from qlik_keys.keystore.vault.http.token import TokenKeeper, TokenStatus
from qlik_keys.keystore.vault.kv import KvKeys
from qlik_keys.keystore.vault.transit import TransitKeys, swept

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

    from qlik_keys.core.clock import Clock
    from qlik_keys.errors import StoreError
    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.keys.signer import Signer
    from qlik_keys.keystore.base import ClientRecord, Custody, KeyOwner, KeySummary, PendingClient, StoreCall, StoredKey
    from qlik_keys.keystore.optional import Note, RecordVersion, StoreHealth
    from qlik_keys.keystore.profiles import TenantProfile
    from qlik_keys.keystore.vault.http.login import Login

_FILE = Kind((str, os.PathLike, Place), "a path (str or Path)")

__all__ = ["AppRole", "JwtLogin", "KubernetesLogin", "TokenStatus", "UserPass", "VaultKeyStore"]


class VaultKeyStore:
    """Keeps clients' private keys in a KV version 2 engine, or has Vault's Transit engine keep them; a `KeyStore`.

    With either custody it reads, uses and retires the keys of both, so that moving a client from one to the other is a
    rotation.

    It is safe to use from several threads, which share one connection pool. The Vault token is renewed on use after two
    thirds of its life; with `login`, a new one is fetched when the old one can no longer be renewed.

    Args:
        url: Vault's address. Plain http is for loopback alone.
        token: a Vault token; or
        login: how to get one.
        mount: the path of the KV version 2 engine.
        prefix: the folder in it under which ours lie.
        namespace: the namespace, where the server has such.
        custody: who holds the keys that are made from now on: "kv", the store gives them to who may read it; or
            "transit", Vault makes them, signs with them and never gives them out.
        transit_mount: the path of the Transit engine; nothing is asked of it unless there is a key in it.
        ca_cert: a file or folder with the certificate authority of the Vault, or its text in PEM; without it, what
            SSL_CERT_FILE and its like name, else those that certifi brings. `Settings` passes what VAULT_CACERT names.
        client_cert: a file with a client certificate, if the Vault requires one.
        client_key: a file with its private key, where that is not in the same file.
        tls_server_name: the name that the Vault's certificate must have, where it is not the address's.
        proxy: the URL of a proxy; without it, what HTTPS_PROXY and NO_PROXY say. Nothing on loopback goes through one
            unless it is given here.
        timeout_seconds: how long to wait for a connection, and then for an answer.
        clock: time.

    Raises:
        TypeError: there is not exactly one of `token` and `login`, or a value is of another type; it is not quoted.
        ValueError: the custody is not known, or the time-out is not positive, or above a day.
        ConfigurationError: address, token, mount or prefix is malformed or unsafe.

    Example:
        >>> with VaultKeyStore("https://vault.example.com:8200", login=AppRole(role_id, secret_id)) as store:
        ...     store.client_ids("acme.eu.qlikcloud.com")
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | Secret | None = None,
        login: Login | None = None,
        mount: str = defaults.MOUNT,
        prefix: str = defaults.PREFIX,
        namespace: str | None = None,
        custody: Custody = "kv",
        transit_mount: str = defaults.TRANSIT_MOUNT,
        ca_cert: str | Path | Place | None = None,
        client_cert: str | Path | Place | None = None,
        client_key: str | Path | Place | None = None,
        tls_server_name: str = "",
        proxy: str | Secret | None = None,
        timeout_seconds: float = 10.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        # No frame of qlik_keys holds the plain text when something is refused: see `guarded`.
        given = None if token is None else guarded(token, what="Vault token")
        address = checked_address(url)
        named = proxy if proxy is None or isinstance(proxy, Secret) else guarded(proxy, what="argument proxy")
        del token, url, proxy
        if isinstance(given, Exception):
            raise given
        if isinstance(address, ConfigurationError):
            raise address
        if login is not None and not callable(getattr(login, "perform", None)):
            kind = type(login)
            del login
            raise wrong_type(kind, what="login", wanted="AppRole, UserPass, KubernetesLogin or JwtLogin")
        if isinstance(named, Exception):
            raise named
        if (given is None) == (login is None):
            raise TypeError("give exactly one of token and login")
        require(TEXT, mount=mount, prefix=prefix, custody=custody, transit_mount=transit_mount)
        require(TEXT, tls_server_name=tls_server_name)
        optional(TEXT, namespace=namespace)
        if namespace and not namespace.isprintable():
            raise ConfigurationError(
                "The namespace (VAULT_NAMESPACE) contains a character that is not allowed in an HTTP header.",
                hint="Write it as team/project.",
            )
        if tls_server_name and not is_host(tls_server_name):
            raise ConfigurationError(
                "The name that the Vault's certificate must have (VAULT_TLS_SERVER_NAME) is not a host name.",
                hint="Write it as vault.acme.example, without scheme or port.",
            )
        optional(_FILE, ca_cert=ca_cert, client_cert=client_cert, client_key=client_key)
        require_timeout(timeout_seconds)
        require(CLOCK, clock=clock)
        if custody not in CUSTODIES:
            raise ValueError(f"custody must be 'kv' or 'transit', not {custody!r}")
        self._url = address
        self._mount = check_folder(mount, what="mount")
        self._prefix = check_folder(prefix, what="prefix")
        self._namespace = (namespace or "").strip("/ ") or None
        self._api = VaultApi(
            self._url,
            namespace=self._namespace,
            network=VaultNetwork(
                ca_cert=ca_cert,
                client_cert=client_cert,
                client_key=client_key,
                server_name=tls_server_name,
                proxy=named,
            ),
            timeout_seconds=float(timeout_seconds),
            clock=clock,
        )
        self._clock = clock
        self._keeper = TokenKeeper(self._api, token=given, login=login, clock=clock)
        connection = VaultConnection(self._api, self._keeper, mount=self._mount, folder=self._prefix, clock=clock)
        self._keys = KvKeys(VaultFolder(connection), prefix=self._prefix, clock=clock)
        self._custody: Custody = custody
        self._uses_transit = custody == "transit"
        engine = check_folder(transit_mount, what="transit_mount")
        signing = VaultConnection(self._api, self._keeper, mount=engine, folder=None, clock=clock)
        self._transit = TransitKeys(signing, prefix=self._prefix, clock=clock)

    # --- the KeyStore ---

    @property
    def custody(self) -> Custody:
        """Who holds a client's first key: "kv" or "transit". Those that follow stay in the custody of the first."""
        return self._custody

    def make_key(self, spec: KeySpec, owner: KeyOwner, *, custody: Custody | None = None) -> StoredKey:
        """Make a key in state "next".

        With custody kv it is in memory, until `write_pending` or `write` stores it; else in Vault.

        Args:
            spec: the kind of key.
            owner: whose.
            custody: who should hold it; by default the store's.

        Raises:
            StoreError: Vault did not make it.
        """
        in_transit = (custody or self._custody) == "transit"
        return self._transit.make(spec, owner) if in_transit else self._keys.make_key(spec)

    def import_key(self, key: PrivateKey, owner: KeyOwner, *, custody: Custody | None = None) -> StoredKey:
        """Take a key that was made elsewhere, in state "next"; where its kid has its date, that counts.

        Raises:
            KeyMaterialError: Transit has no such kind of key.
            StoreError: Vault did not take it.
        """
        in_transit = (custody or self._custody) == "transit"
        return self._transit.take(key, owner) if in_transit else self._keys.import_key(key)

    def export_paths(self, reference: str) -> Sequence[str]:
        """Return how the key of that name could be got out of Transit: "exportable", "plaintext backup".

        Raises:
            StoreNotFound: the key is no longer there.
            StoreError: Vault cannot be asked, or its policy does not let us see.
        """
        return self._transit.export_paths(reference)

    def write_pending(self, pending: PendingClient) -> PendingClient:
        """Write a pending record, read it back, and return it with its new version.

        Raises:
            StoreConflict: another writer was first.
            StoreError: it was not written, or by `outcome` may have been.
            ValueError, TypeError: it cannot be written: a key without private half, a specification that is not JSON.
        """
        written = self._keys.write_pending(pending)
        if pending.version == 0 and pending.key is not None and self._was_swept(pending.key):
            self._keys.remove_pending(written)
            raise swept()
        return written

    def pending(
        self, tenant_host: str, *, on_damaged: Callable[[StoreError], None] | None = None
    ) -> Sequence[PendingClient]:
        """Return everything that is pending for that tenant and can be read, oldest first.

        Args:
            tenant_host: host of the tenant.
            on_damaged: told of each document of qlik_keys that is damaged or gone, which hides none of the
                others.

        Raises:
            StoreError: the documents cannot be listed, or Vault cannot be asked for one.
        """
        return self._keys.pending(tenant_host, on_damaged=on_damaged)

    def read_pending(self, tenant_host: str, name: str) -> PendingClient | None:
        """Return what is pending for that client name, None for nothing.

        Raises:
            StoreDeleted: it was soft-deleted.
            StoreError: it cannot be read.
        """
        return self._keys.read_pending(tenant_host, name)

    def remove_pending(self, pending: PendingClient, *, look_after: bool = True) -> None:
        """Destroy a pending record with all its versions, and look that it is gone; quiet when there is none.

        Raises:
            StoreConflict: another attempt at that client is pending by now; it is left alone.
            StoreError: it may still be there.
        """
        self._keys.remove_pending(pending, look_after=look_after)

    def discard_key(self, key: StoredKey) -> None:
        """Destroy a key that no document names any more; nothing is to be done where it was in a document alone.

        Raises:
            StoreError: it may still be there.
        """
        if key.reference:
            self._transit.destroy(key.reference)

    def sweep(
        self, tenant_host: str, *, of: Collection[str] | None = None, known: Collection[str] = ()
    ) -> Sequence[str]:
        """Destroy the keys in Transit that no document of that tenant names.

        Nothing is looked at with custody kv, unless this store has met a key in Transit.

        Args:
            tenant_host: host of the tenant.
            of: names of clients: only keys that were made for them are looked at, with custody kv too.
            known: names of keys that are known to be named: where these are all, no document is read.

        Raises:
            StoreError: Vault cannot be asked, or one may still be there.
        """
        if not self._uses_transit and of is None:
            return []
        from qlik_keys.keystore.vault.sweep import sweep  # noqa: PLC0415  # a login needs none

        try:
            return sweep(self._keys, self._transit, tenant_host, of=of, known=known)
        except StoreDenied:
            # A token for custody kv has no rights in Transit, and can have left nothing there; that it has met another
            # client's key is no reason to fail.
            if self._custody == "transit":
                raise
        return []

    def read(self, tenant_host: str, client_id: str) -> ClientRecord:
        """Return a client's record.

        Raises:
            StoreNotFound: there is none (`StoreDeleted` when it was soft-deleted).
            StoreConflict: the document at that path is not managed by qlik_keys.
            StoreError: it cannot be read.
        """
        record = self._keys.read(tenant_host, client_id)
        self._uses_transit = self._uses_transit or any(key.reference for key in record.keys.values())
        return record

    def write(self, record: ClientRecord, *, read_back: bool = True, is_first: bool = False) -> ClientRecord:
        """Write a record and what people see of it, read both back, and return what was read.

        Args:
            record: it has the version that was read.
            read_back: False where the record brings no key and makes none current: the answer to the write is enough.
            is_first: the client was made just now, so there can be nothing in its place, and no one looks.

        Raises:
            StoreConflict: another writer was first.
            StoreError: it was not written, or by `outcome` may have been.
            ValueError: it cannot be written: a key without private half, two current keys.
        """
        written = self._keys.write(record, read_back=read_back, is_first=is_first)
        # A key that is current in a new record was pending before, and named there, so that no sweep has met it.
        new = [key for key in record.keys.values() if key.state == "next"] if record.version == 0 else []
        if any(self._was_swept(key) for key in new):
            self._keys.withdraw(written)
            raise swept()
        return written

    def client_ids(self, tenant_host: str) -> Sequence[str]:
        """Return the ids of the clients that have a record for that tenant.

        Raises:
            StoreError: they cannot be listed.
        """
        return self._keys.client_ids(tenant_host)

    def tenant_hosts(self) -> Sequence[str]:
        """Return the host names under which there are records.

        Raises:
            StoreError: they cannot be listed.
        """
        return self._keys.tenant_hosts()

    def summary(self, tenant_host: str, client_id: str) -> KeySummary | None:
        """Return what Vault's custom metadata tell of a client, None when there is no record; no key is read.

        Raises:
            StoreError: they cannot be read.
        """
        return self._keys.summary(tenant_host, client_id)

    def signer(self, key: StoredKey) -> Signer:
        """Return a signer for a key that was read from this store.

        Raises:
            ValueError: it was not read from this store.
        """
        return self._transit.signer(key) if key.reference else self._keys.signer(key)

    def show(self, record: ClientRecord) -> None:
        """Let the custom metadata tell what a record says that was read with `is_shown_wrong`.

        Raises:
            StoreError: they may still tell something else.
        """
        self._keys.show(record)

    def purge(self, record: ClientRecord) -> None:
        """Destroy every version older than the record's, so that none shows a key that the record lacks.

        Raises:
            StoreError: some may still be there.
        """
        self._keys.purge(record)

    def delete(self, tenant_host: str, client_id: str) -> None:
        """Destroy a client's record with all its versions, keys and name entry; quiet when there is none.

        Raises:
            StoreConflict: the document at that path is not managed by qlik_keys.
            StoreError: it may still be there.
        """
        # The keys first: what is interrupted here is still named by the record, and is found when it is asked for
        # again.
        references = self._keys.references(tenant_host, client_id)
        # A client that was made twice has two records for a while, of one key, which what is pending names too.
        kept = {each.key.reference for each in self._keys.pending(tenant_host) if each.key} if references else set()
        with contextlib.ExitStack() as stack:
            for reference in references:
                if reference not in kept:
                    self._transit.destroy(reference)
                    stack.enter_context(after_effect())
            self._keys.delete(tenant_host, client_id)

    def ids_named(self, tenant_host: str, name: str) -> Sequence[str]:
        """Return the ids of the clients whose records bear exactly that name: a list, and a read for each in it.

        Raises:
            StoreError: they cannot be listed.
        """
        return self._keys.ids_named(tenant_host, name)

    def set_names_right(self, tenant_host: str, names: Mapping[str, str]) -> None:
        """Write the name entries that are missing.

        Args:
            tenant_host: host of the tenant.
            names: the name in each record, by client id.

        Raises:
            StoreError: one could not be written.
        """
        self._keys.set_names_right(tenant_host, names)

    def read_profile(self, tenant_host: str) -> TenantProfile | None:
        """Return what `probe` measured on a tenant, None where there is nothing that can be read.

        Raises:
            StoreError: Vault cannot be asked.
        """
        return self._keys.about(tenant_host).read_profile()

    def write_profile(self, tenant_host: str, profile: TenantProfile) -> None:
        """Write what was measured on a tenant, in place of what was there.

        Raises:
            StoreError: it was not written, or by `outcome` may have been.
        """
        self._keys.about(tenant_host).write_profile(profile)

    def read_note(self, tenant_host: str, name: str) -> Note:
        """Return a note about a tenant, an empty one where there is none that can be read.

        Raises:
            StoreError: Vault cannot be asked.
        """
        return self._keys.about(tenant_host).read_note(name)

    def write_note(self, tenant_host: str, name: str, note: Note) -> Note:
        """Write a note about a tenant if it is still the one that was read; no secret belongs in it.

        Raises:
            StoreConflict: another one was written since.
            StoreError: it was not written, or by `outcome` may have been.
        """
        return self._keys.about(tenant_host).write_note(name, note)

    def versions(self, tenant_host: str, client_id: str) -> Sequence[RecordVersion]:
        """Return when a client's record was written, oldest first, by the versions that Vault still lists.

        Raises:
            StoreError: Vault cannot be asked.
        """
        return self._keys.versions(tenant_host, client_id)

    # --- for people who watch or look it up ---

    def location(self, tenant_host: str, client_id: str) -> str:
        """Return where a client's secret lies, as `vault kv get` takes it; asks nothing."""
        return f"{self._mount}/{self._prefix}/{tenant_host}/{client_id}"

    def subscribe(self, callback: Callable[[StoreCall], None]) -> Callable[[], None]:
        """Call back with every request to the Vault, without headers and bodies; return what ends that.

        The callback runs in the thread that made the request; it is never called by two threads at a time.
        """
        return self._api.subscribe(callback)

    def _was_swept(self, key: StoredKey) -> bool:
        """Tell whether a key that was to be named for the first time was destroyed as one that no one names."""
        with after_effect():
            return bool(key.reference) and not self._transit.has(key.reference)

    # --- the token and the connection ---

    @property
    def url(self) -> str:
        """Vault's address."""
        return self._url

    def token_status(self) -> TokenStatus:
        """Return how long the Vault token lives and whether it is renewed; asks Vault when nothing is known yet.

        Raises:
            StoreError: there is no usable token.
        """
        return self._keeper.status()

    def health(self, tenant_host: str, client_id: str) -> StoreHealth:
        """Return how long the Vault token lives at this moment, and what it may do with a client's secret.

        Raises:
            StoreDenied: Vault accepts the token for nothing, or refuses the login.
            StoreError: Vault cannot be asked.
        """
        from qlik_keys.keystore.vault.health import health  # noqa: PLC0415  # a login needs none

        path = f"{self._mount}/data/{self._prefix}/{tenant_host}/{client_id}"
        return health(self._api, self._keeper, path=path, clock=self._clock)

    @property
    def uses_left(self) -> int | None:
        """How many requests a Vault token of limited uses (num_uses) is still good for, None for any number.

        It is known from the first request on, and counts what this store has sent since. Asks nothing.
        """
        return self._api.uses_left

    def reserving_uses(self, reserve: int) -> AbstractContextManager[None]:
        """Have every call that this thread makes in the block raise `StoreUsesReserved` sooner than leave fewer uses.

        A token that we log in again for is replaced when it is used up, and not spared.

        Args:
            reserve: how many requests the Vault token should be good for afterwards. The first look at it, by which
                that is known, is made in any case.
        """
        return self._api.reserving_uses(reserve)

    def renew_token(self) -> bool:
        """Renew the Vault token now, or log in again; return whether it has its whole life before it, or does not end.

        Raises:
            StoreError: Vault would not, or cannot be asked.
        """
        return self._keeper.renew()

    def revoke_token(self) -> bool:
        """Revoke the token that our own `login` got; a token that was passed in is left alone.

        The next use of the store logs in again. Whatever Vault leased to that token ends with it.

        Returns:
            Whether one was revoked.

        Raises:
            StoreError: Vault would not.
        """
        return self._keeper.revoke()

    def close(self) -> None:
        """Close the connections and forget the token; a later use begins again."""
        self._keeper.forget()
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if "_keys" not in vars(self):  # a verbose traceback shows a store whose constructor refused its arguments
            return "<VaultKeyStore, not made>"
        namespace = f" namespace={self._namespace}" if self._namespace else ""
        return f"<VaultKeyStore {self._url} {self._mount}/{self._prefix}{namespace} custody={self.custody}>"
