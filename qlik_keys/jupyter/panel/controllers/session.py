"""The panel's connection: a sandbox, a tenant and a Vault of one's own, or what a cell hands over; and its end."""

from __future__ import annotations

import contextlib
import functools
import importlib
import weakref
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.errors import ConfigurationError, QlikKeysError, TenantError
from qlik_keys.jupyter.panel.controllers.work import Worker, in_thread
from qlik_keys.jupyter.panel.model.showing import tenant_request, vault_request
from qlik_keys.jupyter.panel.model.state import NOTHING_DONE, NOTHING_KNOWN, Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.config.settings import Settings
    from qlik_keys.core.clock import Clock
    from qlik_keys.core.secret import Secret
    from qlik_keys.jupyter.panel.controllers.work import Runner
    from qlik_keys.jupyter.panel.model.state import ConnectForm
    from qlik_keys.keystore.base import Custody, KeyStore
    from qlik_keys.lifecycle import Provisioned
    from qlik_keys.sandbox import Sandbox
    from qlik_keys.tenant import QlikTenant


_MANY_SECRETS = 2  # as many wait before a further one is warned of
_sessions: weakref.WeakSet[Session] = weakref.WeakSet()  # those of the panels of this kernel


class Session(Worker):
    """What the panel is connected to, and what it holds for that long.

    Args:
        settings: where credentials come from that were not typed.
        run: how work is run that nobody waits for.
        clock: time.
    """

    def __init__(self, *, settings: Settings, run: Runner = in_thread, clock: Clock = SYSTEM_CLOCK) -> None:
        super().__init__(run=run, clock=clock)
        self._settings = settings
        self._box: Sandbox | None = None
        self._owned: list[Any] = []
        self._unsubscribe: list[Callable[[], None]] = []
        self._waiting: list[tuple[Secret, str, str]] = []  # secrets that are shown once, whose, and of what kind
        self._was_warned = False
        self.tenant: QlikTenant | None = None
        self.store: KeyStore | None = None
        self.last_made: Provisioned | None = None

    @property
    def settings(self) -> Settings:
        """Where credentials come from that were not typed."""
        return self._settings

    @property
    def sandbox(self) -> Sandbox | None:
        """The sandbox that it started, None for none."""
        return self._box

    def use(self, tenant: QlikTenant, store: KeyStore, *, wait: bool = False) -> None:
        """Connect to a tenant and a store that the caller made, and keeps."""
        self._work("Connecting", functools.partial(self._connect, tenant, store, ()), wait=wait)

    def start_sandbox(self, *, custody: Custody = "kv", again: bool = False, wait: bool = False) -> None:
        """Start a sandbox and connect to it.

        Args:
            custody: who holds the keys that are made in it.
            again: also where one is connected already, which ends; else nothing is done there.
            wait: return when it is there.
        """
        if not again and self._box is not None and self._box.running and self._state.connection is not None:
            return
        doing = "Starting the sandbox: a practice tenant and a real OpenBao server"
        self._work(doing, functools.partial(self._start_sandbox, custody), at="sandbox", wait=wait)

    def _start_sandbox(self, custody: Custody) -> None:
        from qlik_keys import sandbox  # noqa: PLC0415  # the extra [sandbox] may be missing
        from qlik_keys.keystore.vault.store import VaultKeyStore  # noqa: PLC0415  # brings hvac
        from qlik_keys.tenant import ApiKey, QlikTenant  # noqa: PLC0415  # brings httpx

        left = self._let_go()
        box = self._box = sandbox.start()
        tenant = QlikTenant(box.tenant_url, credential=ApiKey(box.api_key))
        store = VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody)
        self._owned = [tenant, store]
        self._connect_owned(tenant, store, left)

    def connect(self, fill_in: Callable[[], ConnectForm]) -> None:
        """Connect to a tenant and a Vault of the person's own; both are asked before it counts as connected.

        Args:
            fill_in: returns what was typed; it may wait for it, since it is called where the work is done.
        """
        self._work("Connecting", functools.partial(self._connect_form, fill_in), at="connect")

    def _connect_form(self, fill_in: Callable[[], ConnectForm]) -> None:
        from qlik_keys.jupyter.panel.controllers.connecting import build_store, build_tenant  # noqa: PLC0415  # brings httpx and hvac

        form = fill_in()
        tenant = build_tenant(form, self._settings)
        try:
            store = build_store(form, self._settings.refreshed())
        except BaseException:
            tenant.close()
            raise
        left = self._let_go()
        self._owned = [tenant, store]
        self._connect_owned(tenant, store, (*tenant.notices, *left))

    def _connect_owned(self, tenant: QlikTenant, store: KeyStore, notices: tuple[str, ...]) -> None:
        try:
            self._connect(tenant, store, notices)
        except BaseException:
            self._let_go()
            raise

    def _connect(self, tenant: QlikTenant, store: KeyStore, notices: tuple[str, ...]) -> None:
        # An opened panel does without it, and a form's first letter must not wait for it: here nobody waits.
        for module in ("previews", "provisioning.operations", "rotation.operations"):
            importlib.import_module(f"qlik_keys.lifecycle.{module}")
        user = tenant.users.me()
        store.client_ids(tenant.host)
        connection = Connection(
            mode="sandbox" if _is_sandbox(tenant) else "real",
            tenant_url=tenant.url,
            tenant_host=tenant.host,
            identity=user.name or user.subject,
            roles=tuple(user.roles),
            vault_url=str(getattr(store, "url", "")),
            custody=store.custody,
            notices=notices,
        )
        self.tenant, self.store = tenant, store
        self._unsubscribe = [
            tenant.subscribe(lambda exchange: self._add_request(tenant_request(exchange))),
            store.subscribe(lambda call: self._add_request(vault_request(call))),
        ]
        at = self._state.work_at
        self._set(connection=connection, results={}, **NOTHING_KNOWN, **NOTHING_DONE)
        if at != "top":  # nobody pressed a button for what a cell handed over
            words = " ".join([f"Connected to {connection.tenant_host} as {connection.identity}.", *notices])
            self._tell(f"{words} Next: the tab New client.", kind="warning" if notices else "good")

    def end_session(self, *, wait: bool = False) -> None:
        """Let go of everything: secrets, connections, the Vault token if the panel logged in, the sandbox.

        While a secret that is shown once waits to be stored, the first time is a warning and nothing ends.
        """
        self._work("Ending the session", self._end, wait=wait)

    def _end(self) -> None:
        if self._waiting and not self._was_warned:
            self._was_warned = True
            names = ", ".join(f"{what[:1].lower()}{what[1:]} of {of}" for _, of, what in self._waiting)
            raise ConfigurationError(
                f"Not ended: a secret that is shown once would be lost ({names}).",
                hint='Show it, store it and press "I have stored it"; or end the session once more.',
            )
        self._was_warned, self._waiting = False, []
        self._tell_of_secrets()
        left = self._let_go()
        self._set(connection=None, error=None, results={}, **NOTHING_KNOWN, **NOTHING_DONE)
        self._tell(" ".join(["The session is ended: nothing is connected.", *left]), kind="warning" if left else "good")

    def _let_go(self) -> tuple[str, ...]:
        """Close what the panel opened; return what a person should know of it: it never stands in an end's way."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        owned, self._owned, self._unsubscribe = self._owned, [], []
        box, self._box = self._box, None
        self.tenant = self.store = None
        self.last_error = self.last_made = None
        self._set(connection=None)
        left: tuple[str, ...] = ()
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
                    self.last_error = problem
                    left = ("The Vault token that the panel got could not be revoked: it ends by itself.",)
        return left

    def _forget_client(self, client_id: str) -> None:
        """Leave a client that was deleted out of all that is shown: it is offered nowhere any more."""
        state = self._state
        frame, found = state.clients, state.audit
        self._set(
            made_here=tuple(each for each in state.made_here if each.client_id != client_id),
            made=None if state.made is not None and state.made.client_id == client_id else state.made,
            clients=None if frame is None else frame[frame["client_id"] != client_id],
            audit=None if found is None else found[found["client_id"] != client_id],
            selected=tuple(each for each in state.selected if each != client_id),
        )

    def _clients_may_differ(self) -> None:
        """Say next to the table of clients and its findings that they may be out of date, until they are asked for."""
        if self._state.clients is not None:
            self._set(clients_differ=True)

    def secrets_note(self) -> str:
        """Return what to know before a further secret is made that is shown once, "" where few wait."""
        waiting = len(self._waiting)
        if waiting < _MANY_SECRETS:
            return ""
        return f"{waiting} client secrets wait to be stored already. Store them first: ending loses all."

    def client_secret(self) -> Secret | None:
        """Return the first secret that waits to be stored, None for none."""
        return self._waiting[0][0] if self._waiting else None

    def dismiss(self, at: str) -> None:
        """Put away what is told at a place; the next end of the session warns again where this was its warning."""
        if at == "top":
            self._was_warned = False
        super().dismiss(at)

    def client_secret_is_stored(self) -> None:
        """Forget the first secret that waits: the person has it. The next one is shown then."""
        secret = self.client_secret()
        if secret is None:
            return
        for each in {self, *_sessions}:
            each.forget_secret(secret)

    def forget_secret(self, secret: Secret) -> None:
        """Let a secret wait no longer, whichever panel it was made in."""
        left = [each for each in self._waiting if each[0] is not secret]
        if len(left) < len(self._waiting):
            self._waiting, self._was_warned = left, False
            self._tell_of_secrets()

    def share_secrets(self) -> None:
        """Take over what waits in the kernel's other panels: a cell that is run again shows a new one instead."""
        for other in _sessions - {self}:
            for waiting in other._waiting:  # noqa: SLF001  # one of our own kind
                if all(waiting[0] is not each[0] for each in self._waiting):
                    self._waiting = [*self._waiting, waiting]
        _sessions.add(self)
        if self._waiting:
            self._tell_of_secrets()

    def _keep_secret(self, secret: Secret | None, of: str, *, what: str = "Client secret") -> None:
        """Let a secret wait until the person says that it is stored: no later one takes its place."""
        if secret is not None:
            self._waiting = [*self._waiting, (secret, of, what)]
            self._was_warned = False
            self._tell_of_secrets()

    def _tell_of_secrets(self) -> None:
        _, of, what = self._waiting[0] if self._waiting else (None, "", "")
        self._set(secret_of=of, secret_what=what, secrets_waiting=len(self._waiting))

    def _connected(self) -> tuple[QlikTenant, KeyStore]:
        if self.tenant is None or self.store is None:
            raise ConfigurationError("Nothing is connected.", hint="Start the sandbox, or connect to a tenant.")
        if self.tenant.http.is_closed:
            raise ConfigurationError(
                "The connection to the tenant was closed by the cell or the panel that made it.",
                hint="Connect again, or run that cell again.",
            )
        return self.tenant, self.store


def _is_sandbox(tenant: QlikTenant) -> bool:
    from qlik_keys.auth.inspection import is_sandbox  # noqa: PLC0415  # brings httpx

    try:
        return is_sandbox(tenant)
    except TenantError:
        return False  # the sandbox would have answered
