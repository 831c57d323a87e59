"""Token sources for programs of many processes: multiprocessing, Spark, Dask.

A token source holds a key and tokens, and cannot be pickled. What is sent to the other processes is a factory, which
names the tenant, the client, and what holds the login to the Vault; each process makes a source of its own by it.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlik_keys.core.arguments import TEXT, Kind, optional, require, texts
from qlik_keys.fleet.references import TenantReference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlik_keys.auth.token_endpoint import UserLookup
    from qlik_keys.auth.token_source import TokenSource
    from qlik_keys.keystore.vault.store import VaultKeyStore

_REFERENCE = Kind((TenantReference,), "a TenantReference")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What one process has made by a factory."""

    source: TokenSource
    store: VaultKeyStore


class TokenSourceFactory:
    """Makes token sources for one client, one a process; can be pickled, and holds no secret.

    Args:
        reference: the tenant and its Vault; its login to the tenant is not used, since the client's own key is.
        client_id: the client, by id or name.
        scopes: what to ask for; none asks for all that the client may have.
        user: ask for tokens of that user (impersonation) instead of the client's own bot user.

    Raises:
        TypeError: an argument is of another type.
        ValueError: the client id is empty.

    Example:
        >>> factory = TokenSourceFactory(TenantReference(url="https://acme.eu.qlikcloud.com"), client_id="nightly-etl")
        >>> factory
        <TokenSourceFactory client_id=nightly-etl at https://acme.eu.qlikcloud.com>
    """

    def __init__(
        self,
        reference: TenantReference,
        *,
        client_id: str,
        scopes: Iterable[str] = (),
        user: UserLookup | None = None,
    ) -> None:
        from qlik_keys.auth.token_endpoint import UserLookup  # noqa: PLC0415  # brings httpx

        require(_REFERENCE, reference=reference)
        require(TEXT, client_id=client_id)
        optional(Kind((UserLookup,), "a UserLookup"), user=user)
        if not client_id.strip():
            raise ValueError("client_id must not be empty")
        self._asked = (reference, client_id, texts("scopes", scopes), user)

    def __call__(self) -> TokenSource:
        """Return this process's token source: the same one at each call, also for an equal factory.

        The login to the Vault is looked up where this is called; nothing is asked before the source's first token.

        Raises:
            ConfigurationError: a variable is not set, a file cannot be read, or there is no login to the Vault.
        """
        with _opened.lock:
            key = (os.getpid(), self)
            if key not in _opened.by_process:
                _opened.by_process[key] = self._open()
            return _opened.by_process[key].source

    def close(self) -> None:
        """Close this process's token source and its connection to the Vault, if there are any."""
        with _opened.lock:
            there = _opened.by_process.pop((os.getpid(), self), None)
        if there is not None:
            there.source.close()
            there.store.close()

    def _open(self) -> _Opened:
        from qlik_keys.auth.token_source import TokenSource  # noqa: PLC0415  # brings httpx

        reference, client_id, scopes, user = self._asked
        settings = reference.settings(login=False)
        store = settings.store()
        source = TokenSource.from_store(
            store, tenant_url=settings.tenant_url, client_id=client_id, scopes=scopes, user=user
        )
        return _Opened(source=source, store=store)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenSourceFactory) and self._asked == other._asked

    def __hash__(self) -> int:
        return hash(self._asked)

    def __repr__(self) -> str:
        reference, client_id, *_ = self._asked
        return f"<TokenSourceFactory client_id={client_id} at {reference.url or reference.context}>"


class _OpenedSources:
    """The sources of this process, and those that a fork has copied from its parent, which are left alone."""

    def __init__(self) -> None:
        self.by_process: dict[tuple[int, TokenSourceFactory], _Opened] = {}
        self.renew_lock()
        if hasattr(os, "register_at_fork"):  # another thread of the parent may hold the lock at that moment
            os.register_at_fork(after_in_child=self.renew_lock)

    def renew_lock(self) -> None:
        """Start with a lock that no one holds."""
        self.lock = threading.Lock()


_opened = _OpenedSources()
