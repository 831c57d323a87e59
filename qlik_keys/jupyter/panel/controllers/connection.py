"""The panel's connection: to a sandbox, to a tenant and a Vault of the user, or to what a cell passes; and its end."""

from __future__ import annotations

import contextlib
import functools
import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import ConfigurationError, QlikKeysError, TenantError
from qlik_keys.jupyter.panel.model.conversion import tenant_request, vault_request
from qlik_keys.jupyter.panel.model.shown import Connection
from qlik_keys.jupyter.panel.model.state import no_login

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.config.settings import Settings
    from qlik_keys.jupyter.panel.controllers.waiting_secrets import SecretsController
    from qlik_keys.jupyter.panel.controllers.work import Work
    from qlik_keys.jupyter.panel.model.forms import ConnectForm
    from qlik_keys.jupyter.panel.model.store import PanelStore
    from qlik_keys.keystore.base import Custody, KeyStore
    from qlik_keys.sandbox import Sandbox
    from qlik_keys.tenant import QlikTenant


class ConnectionController:
    """What the panel is connected to.

    Args:
        store: the panel's state.
        work: runs what it does.
        secrets: what waits to be stored; while some do, the session ends only after a warning.
        settings: where credentials come from that were not typed.

    Attributes:
        settings: the same.
        tenant: the tenant, None for none.
        key_store: the key store, None for none.
        sandbox: the sandbox that it started, None for none.
    """

    def __init__(self, store: PanelStore, work: Work, secrets: SecretsController, *, settings: Settings) -> None:
        self._store = store
        self._work = work
        self._secrets = secrets
        self._owned: list[Any] = []
        self._unsubscribe: list[Callable[[], None]] = []
        self._forgetting: list[Callable[[], None]] = []
        self.settings = settings
        self.tenant: QlikTenant | None = None
        self.key_store: KeyStore | None = None
        self.sandbox: Sandbox | None = None

    def on_release(self, forget: Callable[[], None]) -> None:
        """Call back whenever a connection ends or is replaced: what belongs to it is forgotten then."""
        self._forgetting.append(forget)

    def connected(self) -> tuple[QlikTenant, KeyStore]:
        """Return tenant and key store.

        Raises:
            ConfigurationError: nothing is connected, or the connection was closed elsewhere.
        """
        if self.tenant is None or self.key_store is None:
            raise ConfigurationError("Nothing is connected.", hint="Start the sandbox, or connect to a tenant.")
        if self.tenant.http.is_closed:
            raise ConfigurationError(
                "The connection to the tenant was closed by the cell or the panel that made it.",
                hint="Connect again, or run that cell again.",
            )
        from qlik_keys.keystore.tenant_folder import folder_of  # noqa: PLC0415  # not when a panel is opened

        return self.tenant, folder_of(self.tenant, self.key_store)

    def use(self, tenant: QlikTenant, key_store: KeyStore, *, wait: bool = False) -> None:
        """Connect to a tenant and a key store that the caller made, and keeps."""
        self._work.run("Connecting", functools.partial(self._connect, tenant, key_store, ()), wait=wait)

    def start_sandbox(self, *, custody: Custody = "kv", again: bool = False, wait: bool = False) -> None:
        """Start a sandbox and connect to it.

        Args:
            custody: who holds the keys that are made in it.
            again: also while a sandbox is connected, which ends; otherwise nothing is done then.
            wait: return when it is ready.
        """
        is_there = self.sandbox is not None and self.sandbox.running and self._store.state.connection is not None
        if is_there and not again:
            return
        doing = "Starting the sandbox: a practice tenant and a real OpenBao server"
        self._work.run(doing, functools.partial(self._start_sandbox, custody), at="sandbox", wait=wait)

    def connect(self, fill_in: Callable[[], ConnectForm]) -> None:
        """Connect to a tenant and a Vault of the user; both are asked before it counts as connected.

        Args:
            fill_in: returns what was typed; it may wait for it, since it is called where the work is done.
        """
        self._work.run("Connecting", functools.partial(self._connect_form, fill_in), at="connect")

    def end_session(self, *, wait: bool = False) -> None:
        """Release everything: secrets, connections, the Vault token if the panel logged in, the sandbox.

        While a secret that is shown once waits to be stored, the first time is a warning and nothing ends.
        """
        self._work.run("Ending the session", self._end, wait=wait)

    def _start_sandbox(self, custody: Custody) -> None:
        from qlik_keys import sandbox  # noqa: PLC0415  # the extra [sandbox] may be missing
        from qlik_keys.keystore.vault.store import VaultKeyStore  # noqa: PLC0415  # brings hvac
        from qlik_keys.tenant import ApiKey, QlikTenant  # noqa: PLC0415  # brings httpx

        notes = self._release()
        box = self.sandbox = sandbox.start()
        tenant = QlikTenant(box.tenant_url, credential=ApiKey(box.api_key))
        key_store = VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody)
        self._connect_owned(tenant, key_store, notes)

    def _connect_form(self, fill_in: Callable[[], ConnectForm]) -> None:
        from qlik_keys.jupyter.panel.operations.connecting import build_store, build_tenant  # noqa: PLC0415  # brings httpx and hvac

        form = fill_in()
        key_store = build_store(form, self.settings.refreshed())
        try:
            tenant = build_tenant(form, self.settings, key_store)
        except BaseException:
            key_store.close()
            raise
        self._connect_owned(tenant, key_store, (*tenant.notices, *self._release()))

    def _connect_owned(self, tenant: QlikTenant, key_store: Any, notices: tuple[str, ...]) -> None:
        self._owned = [tenant, key_store]
        try:
            self._connect(tenant, key_store, notices)
        except BaseException:
            self._release()
            raise

    def _connect(self, tenant: QlikTenant, key_store: KeyStore, notices: tuple[str, ...]) -> None:
        self._forget()
        # Not loaded when a panel is opened, nor at the first letter of a form, which would wait for it.
        for module in ("previews", "provisioning.operations", "rotation.operations"):
            importlib.import_module(f"qlik_keys.lifecycle.{module}")
        user = tenant.users.me()
        from qlik_keys.keystore.tenant_folder import folder_of  # noqa: PLC0415  # not when a panel is opened

        folder_of(tenant, key_store).client_ids(tenant.host)
        connection = Connection(
            mode="sandbox" if _is_sandbox(tenant) else "real",
            tenant_url=tenant.url,
            tenant_host=tenant.host,
            identity=user.name or user.subject,
            roles=tuple(user.roles),
            vault_url=str(getattr(key_store, "url", "")),
            custody=key_store.custody,
            notices=notices,
            deprecations=_deprecations(tenant),
        )
        self.tenant, self.key_store = tenant, key_store
        add_request = self._work.steps.add_request
        self._unsubscribe = [
            tenant.subscribe(lambda exchange: add_request(tenant_request(exchange))),
            tenant.subscribe(lambda _: self._show_deprecations(tenant)),
            key_store.subscribe(lambda call: add_request(vault_request(call))),
        ]
        with self._store.lock:
            self._store.set(connection=connection, **self._store.state.of_no_tenant())
        if self._store.state.work.at != "top":  # no button was pressed for what a cell passes
            words = " ".join([f"Connected to {connection.tenant_host} as {connection.identity}.", *notices])
            self._work.result(f"{words} Next: the tab New client.", kind="warning" if notices else "good")

    def _show_deprecations(self, tenant: QlikTenant) -> None:
        found = _deprecations(tenant)
        with self._store.lock:
            connection = self._store.state.connection
            if connection is not None and self.tenant is tenant and found != connection.deprecations:
                self._store.set(connection=replace(connection, deprecations=found))

    def _end(self) -> None:
        self._secrets.drop_all()
        notes = self._release()
        with self._store.lock:
            self._store.set(**self._store.state.of_no_tenant())
        words = " ".join(["The session has ended: nothing is connected.", *notes])
        self._work.result(words, kind="warning" if notes else "good")

    def _release(self) -> tuple[str, ...]:
        """Close what the panel opened; return notes for the user: no error prevents the end."""
        self._forget()
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        owned, self._owned, self._unsubscribe = self._owned, [], []
        box, self.sandbox = self.sandbox, None
        self.tenant = self.key_store = None
        self._store.last_error = None
        self._store.set(connection=None)
        notes: tuple[str, ...] = ()
        with contextlib.ExitStack() as stack:  # all is closed, whatever fails before
            if box is not None:
                stack.callback(box.stop)
            for part in owned:
                stack.callback(part.close)
            for part in owned:
                try:
                    if hasattr(part, "revoke_token"):
                        part.revoke_token()
                except QlikKeysError as problem:
                    self._store.last_error = problem
                    notes = ("The Vault token of the panel could not be revoked: it expires by itself.",)
        return notes

    def _forget(self) -> None:
        for forget in self._forgetting:
            forget()
        self._store.set(**no_login())


def _deprecations(tenant: QlikTenant) -> tuple[str, ...]:
    return tuple(endpoint.words for endpoint in tenant.deprecations)


def _is_sandbox(tenant: QlikTenant) -> bool:
    from qlik_keys.auth.inspection import is_sandbox  # noqa: PLC0415  # brings httpx

    try:
        return is_sandbox(tenant)
    except TenantError:
        return False  # the sandbox would have answered
