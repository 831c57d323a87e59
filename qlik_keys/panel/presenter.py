"""The panel without widgets: its state, and what can be done with it.

Every action runs through `_work`, which lets one run at a time, puts whatever goes wrong on a card, and keeps the
exception. Nothing here knows how it is drawn; nothing here is written to a notebook.
"""

from __future__ import annotations

import functools
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qlik_keys.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import ConfigurationError
from qlik_keys.origins import is_loopback
from qlik_keys.panel.showing import (
    error_card,
    made_client,
    specification_of,
    tenant_request,
    vault_request,
    waiting_steps,
    with_event,
    with_request,
)
from qlik_keys.panel.state import Connection, PanelState
from qlik_keys.panel.words import KEY_CHOICES

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from qlik_keys.clock import Clock
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle import Provisioned, StepEvent
    from qlik_keys.panel.state import ChangeForm, ClientForm, ConnectForm, ShownRequest
    from qlik_keys.sandbox import Sandbox
    from qlik_keys.secret import Secret
    from qlik_keys.settings import Settings
    from qlik_keys.tenant import QlikTenant

    Listener = Callable[[PanelState], None]
    Runner = Callable[[Callable[[], None]], None]


# What was done or planned last; another thing takes its place.
_NOTHING_DONE: dict[str, Any] = {"steps": (), "steps_in": "new", "plan": None, "changed": "", "made": None}


def in_thread(task: Callable[[], None]) -> None:
    """Run a task in a thread that does not keep the process alive."""
    threading.Thread(target=task, name="qlik_keys panel", daemon=True).start()


class Presenter:
    """The panel's state and actions; safe to use from several threads.

    Args:
        settings: where credentials come from that were not typed.
        run: how work is run that nobody waits for; in a thread by default, so that neither kernel nor page waits.
        clock: time.
    """

    def __init__(self, *, settings: Settings, run: Runner = in_thread, clock: Clock = SYSTEM_CLOCK) -> None:
        self._settings = settings
        self._run = run
        self._clock = clock
        self._lock = threading.RLock()
        self._state = PanelState()
        self._listeners: list[Listener] = []
        self._cancel = threading.Event()
        self._box: Sandbox | None = None
        self._owned: list[Any] = []
        self._unsubscribe: list[Callable[[], None]] = []
        self._client_secret: Secret | None = None
        self.tenant: QlikTenant | None = None
        self.store: KeyStore | None = None
        self.last_error: BaseException | None = None
        self.last_made: Provisioned | None = None

    # --- looking ---

    @property
    def state(self) -> PanelState:
        """What the panel shows now."""
        return self._state

    @property
    def settings(self) -> Settings:
        """Where credentials come from that were not typed."""
        return self._settings

    def listen(self, listener: Listener) -> None:
        """Tell a listener every new state, one after the other."""
        with self._lock:
            self._listeners.append(listener)
            listener(self._state)

    def redraw(self) -> None:
        """Tell every listener the state once more: something beside it has changed, for instance what is typed."""
        self._set()

    # --- connecting ---

    def use(self, tenant: QlikTenant, store: KeyStore, *, wait: bool = False) -> None:
        """Connect to a tenant and a store that the caller made, and keeps."""
        self._work("Connecting", functools.partial(self._connect, tenant, store, ()), wait=wait)

    def start_sandbox(self, *, wait: bool = False) -> None:
        """Start a sandbox and connect to it; where one is connected already, nothing is done."""
        if self._box is not None and self._box.running and self._state.connection is not None:
            return
        self._work("Starting the sandbox: a practice tenant and a real OpenBao server", self._start_sandbox, wait=wait)

    def _start_sandbox(self) -> None:
        from qlik_keys import sandbox  # noqa: PLC0415  # the extra [sandbox] may be missing
        from qlik_keys.keystore.vault import VaultKeyStore  # noqa: PLC0415  # brings hvac
        from qlik_keys.tenant import ApiKey, QlikTenant  # noqa: PLC0415  # brings httpx

        self._let_go()
        box = self._box = sandbox.start()
        tenant = QlikTenant(box.tenant_url, credential=ApiKey(box.api_key))
        store = VaultKeyStore(box.vault_url, token=box.vault_token)
        self._owned = [tenant, store]
        self._connect_owned(tenant, store, ())

    def connect(self, fill_in: Callable[[], ConnectForm]) -> None:
        """Connect to a tenant and a Vault of the person's own; both are asked before it counts as connected.

        Args:
            fill_in: returns what was typed; it may wait for it, since it is called where the work is done.
        """
        self._work("Connecting", functools.partial(self._connect_form, fill_in))

    def _connect_form(self, fill_in: Callable[[], ConnectForm]) -> None:
        from qlik_keys.panel.connecting import build_store, build_tenant  # noqa: PLC0415  # brings httpx and hvac

        form = fill_in()
        tenant = build_tenant(form, self._settings)
        try:
            store = build_store(form, self._settings)
        except BaseException:
            tenant.close()
            raise
        self._let_go()
        self._owned = [tenant, store]
        self._connect_owned(tenant, store, tenant.notices)

    def _connect_owned(self, tenant: QlikTenant, store: KeyStore, notices: tuple[str, ...]) -> None:
        try:
            self._connect(tenant, store, notices)
        except BaseException:
            self._let_go()
            raise

    def _connect(self, tenant: QlikTenant, store: KeyStore, notices: tuple[str, ...]) -> None:
        user = tenant.users.me()
        store.client_ids(tenant.host)
        connection = Connection(
            mode="sandbox" if is_loopback(urlsplit(tenant.url).hostname or "") else "real",
            tenant_url=tenant.url,
            tenant_host=tenant.host,
            identity=user.name or user.subject,
            roles=tuple(user.roles),
            vault_url=str(getattr(store, "url", "")),
            notices=notices,
        )
        self.tenant, self.store = tenant, store
        self._unsubscribe = [
            tenant.subscribe(lambda exchange: self._add_request(tenant_request(exchange))),
            store.subscribe(lambda call: self._add_request(vault_request(call))),
        ]
        self._set(connection=connection, clients=None, clients_at=None, **_NOTHING_DONE)

    def end_session(self, *, wait: bool = False) -> None:
        """Let go of everything: secrets, connections, the Vault token if the panel logged in, the sandbox."""
        self._work("Ending the session", self._end, wait=wait)

    def _end(self) -> None:
        self._let_go()
        self._set(connection=None, clients=None, clients_at=None, error=None, **_NOTHING_DONE)

    def _let_go(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        owned, self._owned, self._unsubscribe = self._owned, [], []
        box, self._box = self._box, None
        self.tenant = self.store = None
        self.last_error = self.last_made = self._client_secret = None
        self._set(connection=None, has_client_secret=False)
        try:
            for part in owned:
                if hasattr(part, "revoke_token"):
                    part.revoke_token()
        finally:
            for part in owned:
                part.close()
            if box is not None:
                box.stop()

    # --- a client ---

    def problem_of(self, form: ClientForm) -> str:
        """Return why that client cannot be made, in words, or "" if it can."""
        if self._state.connection is None:
            return "Connect first: a tenant and a Vault are needed."
        if not form.name.strip():
            return "Give the client a name."
        try:
            specification_of(form)
        except ConfigurationError as error:
            return str(error)
        return ""

    def preview(self, form: ClientForm) -> str:
        """Return the JSON that registers the client, with a word in the place of the key that is not made yet.

        Raises:
            ConfigurationError: the form is not valid.
        """
        specification = specification_of(form)
        body = specification.registration(None).to_json()
        if specification.key is not None:
            body["publicKeys"] = [f"the public half of a new key, {specification.key}"]
        return json.dumps(body, indent=2, ensure_ascii=False)

    def warnings_of(self, form: ClientForm) -> tuple[str, ...]:
        """Return what a person should know of these choices, a sentence each."""
        from qlik_keys.lifecycle.operations import scope_warnings  # noqa: PLC0415  # brings httpx

        warnings = list(scope_warnings(form.scopes))
        if not form.trusted:
            warnings.append("Without trusted consent a machine cannot log in, so the client will not be proved.")
        if form.client_secret and not form.private_key_jwt:
            warnings.append("A client secret alone is the weaker login: whoever sees it once has it.")
        if form.impersonation:
            warnings.append("With impersonation the client can act as any user of the tenant.")
        return tuple(warnings)

    def make_client(self, form: ClientForm) -> None:
        """Make the client that the form describes, or finish one that was cut off."""
        self._work(f"Making the client {form.name.strip()!r}", functools.partial(self._make_client, form))

    def _make_client(self, form: ClientForm) -> None:
        from qlik_keys.lifecycle import provision  # noqa: PLC0415  # brings httpx

        assert self.tenant is not None  # the button is off without a connection
        assert self.store is not None
        self._client_secret = None
        self._set(**_NOTHING_DONE | {"steps": waiting_steps()}, has_client_secret=False)
        specification = specification_of(form)
        made = provision(
            self.tenant,
            self.store,
            name=specification.name,
            scopes=specification.scopes,
            key=KEY_CHOICES[form.key_choice].spec if form.private_key_jwt else None,
            client_secret=specification.client_secret,
            description=specification.description,
            impersonation=specification.impersonation,
            trusted=specification.trusted,
            on_step=self._saw_step,
            cancel=self._cancel,
            clock=self._clock,
        )
        self.last_made, self._client_secret = replace(made, client_secret=None), made.client_secret
        self._set(
            made=made_client(made, self.store.location(self.tenant.host, made.client_id)),
            has_client_secret=made.client_secret is not None,
        )
        self._refresh()

    def cancel(self) -> None:
        """Stop the work after the step that it is in; what is done so far can be resumed."""
        self._cancel.set()
        self._set(cancelling=True)

    def client_secret(self) -> Secret | None:
        """Return the client secret that waits to be shown, None for none."""
        return self._client_secret

    def client_secret_is_stored(self) -> None:
        """Forget the client secret: the person has it."""
        self._client_secret = None
        self._set(has_client_secret=False)

    # --- a client's keys ---

    def plan_change(self, form: ChangeForm) -> None:
        """Show what a change would do; nothing is changed."""
        self._work(f"Looking at what {form.operation} would do", functools.partial(self._plan_change, form))

    def _plan_change(self, form: ChangeForm) -> None:
        from qlik_keys.panel.changing import plan_of  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        self._set(**_NOTHING_DONE)
        plan, steps = plan_of(tenant, store, form, clock=self._clock)
        self._set(plan=plan, steps=steps, steps_in="clients")

    def change(self, form: ChangeForm) -> None:
        """Do what was planned; where something else is wished for by now, show that plan first."""
        plan = self._state.plan
        if plan is None or replace(plan.form, confirm="") != replace(form, confirm=""):
            self.plan_change(form)
            return
        self._work(f"{form.operation} {plan.client_name}".strip(), functools.partial(self._change, form))

    def _change(self, form: ChangeForm) -> None:
        from qlik_keys.panel.changing import carry_out  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        words = carry_out(tenant, store, form, on_step=self._saw_step, cancel=self._cancel, clock=self._clock)
        self._set(plan=None, changed=words)
        self._refresh()

    def drop_plan(self) -> None:
        """Put a plan away."""
        self._set(**_NOTHING_DONE)

    def _connected(self) -> tuple[QlikTenant, KeyStore]:
        if self.tenant is None or self.store is None:
            raise ConfigurationError("Nothing is connected.", hint="Start the sandbox, or connect to a tenant.")
        return self.tenant, self.store

    # --- the table ---

    def refresh(self, *, wait: bool = False) -> None:
        """Ask for the tenant's clients."""
        self._work("Listing the tenant's clients", self._refresh, wait=wait)

    def _refresh(self) -> None:
        from qlik_keys.inventory import clients  # noqa: PLC0415  # brings pandas

        frame: pd.DataFrame = clients(*self._connected(), clock=self._clock)
        self._set(clients=frame, clients_at=utc_now(self._clock))

    # --- errors ---

    def dismiss_error(self) -> None:
        """Put the error card away; the exception stays in `last_error`."""
        self._set(error=None)

    def fail(self, error: BaseException, doing: str) -> None:
        """Put an error on a card and keep it."""
        self.last_error = error
        steps = tuple(replace(step, phase="failed") if step.phase == "running" else step for step in self._state.steps)
        self._set(error=error_card(error, doing), steps=steps)

    # --- the machinery ---

    def _work(self, doing: str, task: Callable[[], None], *, wait: bool = False) -> None:
        with self._lock:
            if self._state.work:
                busy = ConfigurationError(f"The panel is busy: {self._state.work}.", hint="Wait, or cancel it.")
                self.fail(busy, doing)
                if wait:
                    raise busy
                return
            self._cancel.clear()
            self._set(work=doing, cancelling=False, error=None)

        def guarded() -> None:
            try:
                task()
            except BaseException as error:
                self.fail(error, doing)
                if wait:
                    raise
            finally:
                self._set(work="", cancelling=False)

        if wait:
            guarded()
        else:
            self._run(guarded)

    def _set(self, **changes: Any) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)
            for listener in self._listeners:
                listener(self._state)

    def _saw_step(self, event: StepEvent) -> None:
        with self._lock:
            self._set(steps=with_event(self._state.steps, event))

    def _add_request(self, request: ShownRequest) -> None:
        with self._lock:
            self._set(steps=with_request(self._state.steps, request))
