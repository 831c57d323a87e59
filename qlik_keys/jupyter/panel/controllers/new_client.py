"""A new client: what the form leads to, whether its name is free, and the client itself."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.core.names import name_problem
from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.model.conversion import made_client, specification_of, waiting_steps
from qlik_keys.jupyter.panel.model.words import EXISTED_ALREADY, KEY_CHOICES, OWN_KEY
from qlik_keys.tenant.resources.scopes import scope_warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.jupyter.panel.controllers.clients import Parts
    from qlik_keys.jupyter.panel.controllers.waiting_secrets import SecretsController
    from qlik_keys.jupyter.panel.model.forms import ClientForm
    from qlik_keys.jupyter.panel.model.shown import MadeClient
    from qlik_keys.jupyter.panel.model.state import PanelState
    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.lifecycle import Provisioned

_TYPING_PAUSE_SECONDS = 0.4


class NewClientController:
    """The making of a client.

    Args:
        parts: what every controller works with.
        secrets: where its client secret waits.

    Attributes:
        last_made: the client that was made last, without its secret; None for none.
    """

    def __init__(self, parts: Parts, secrets: SecretsController) -> None:
        self._store, self._work, self._connection, self._clients = parts
        self._secrets = secrets
        self._name = ""
        self._asks_later = False
        self.last_made: Provisioned | None = None
        parts.connection.on_release(self._forget)
        self._store.listen(self._check_name_after_work, "work")

    def problem_of(self, form: ClientForm) -> str:
        """Return why that client cannot be made, in words, or "" if it can."""
        if self._store.state.connection is None:
            return "Connect first: a tenant and a Vault are needed."
        if not form.name.strip():
            return "Give the client a name."
        try:
            specification_of(form, _key_of(form))
        except ConfigurationError as error:
            return str(error)
        return "" if _key_is_there(form) else "Choose the file with your key."

    def preview(self, form: ClientForm) -> str:
        """Return the JSON that registers the client, with words in the place of the key, which is not made yet.

        Raises:
            ConfigurationError: the form is not valid.
        """
        specification = specification_of(form, _key_of(form))
        body = specification.registration(None).to_json()
        if specification.key is not None:
            key = "your own key" if form.key_choice == OWN_KEY else f"a new key, {specification.key}"
            body["publicKeys"] = [f"the public half of {key}"]
        return json.dumps(body, indent=2, ensure_ascii=False)

    def code_of(self, form: ClientForm) -> str:
        """Return the Python that makes the same client.

        Raises:
            ConfigurationError: the form is not valid.
        """
        specification = specification_of(form, _key_of(form))
        options = {
            "name": repr(specification.name),
            "scopes": repr([*specification.scopes]),
            "key": _code_of_key(specification.key),
            "description": repr(specification.description) if specification.description else "",
            "client_secret": "True" if specification.client_secret else "",
            "impersonation": "True" if specification.impersonation else "",
            "trusted": "" if specification.trusted else "False",
        }
        lines = "".join(f"    {name}={value},\n" for name, value in options.items() if value)
        imports = "from pathlib import Path\n\n" if isinstance(specification.key, str) else ""
        return f"{imports}import qlik_keys as qk\n\nmade = qk.provision(\n    panel.tenant,\n    panel.store,\n{lines})"

    def warnings_of(self, form: ClientForm) -> tuple[str, ...]:
        """Return what to know of these choices, a sentence each."""
        warnings = list(scope_warnings(form.scopes))
        if not form.trusted:
            warnings.append("Without trusted consent a machine cannot log in, so the client will not be verified.")
        if form.client_secret and not form.private_key_jwt:
            warnings.append("A client secret alone is the weaker login: any reader of it can log in.")
        if form.client_secret and self._secrets.note():
            warnings.append(self._secrets.note())
        if form.impersonation:
            warnings.append("With impersonation the client can act as any user of the tenant.")
        return tuple(warnings)

    def check_name(self, name: str) -> None:
        """Ask the tenant whether a name is free, next to any work; the answer is in `state.new_client.name_note`."""
        self._name = name.strip()
        self._store.update("new_client", name_note="")
        if self._connection.tenant is not None and self._name:
            self._work.run_next_to(functools.partial(self._check_name, self._name))

    def _check_name_after_work(self, state: PanelState) -> None:
        """Ask about the name that was typed while work was in progress, unless the work has made that client.

        That it exists is told by the result then, which a longer note above it would move.
        """
        if self._asks_later and not state.work.doing:
            self._asks_later = False
            made = state.new_client.made
            if made is None or made.name != self._name:
                self.check_name(self._name)

    def _check_name(self, name: str) -> None:
        from qlik_keys.lifecycle.provisioning.specification import MAXIMUM_NAME_LENGTH  # noqa: PLC0415  # brings httpx
        from qlik_keys.tenant import eq  # noqa: PLC0415  # brings httpx

        if name_problem(name, longest=MAXIMUM_NAME_LENGTH):
            return  # the form says why it is refused: "is free" next to that would contradict it
        self._work.clock.sleep(_TYPING_PAUSE_SECONDS)
        tenant = self._connection.tenant
        if tenant is None or name != self._name:
            return
        if self._store.state.work.doing:
            self._asks_later = True
            return
        try:
            same = next(tenant.oauth_clients.iterate(eq("clientName", name), page_size=1), None)
        except Exception:  # noqa: BLE001  # it only helps while typing; making the client asks again, and reports
            return
        note = f"✓ The name {name} is free."
        if same is not None:
            note = f"A client {name} exists: you get that one, or the differences if it was made with other choices."
        if name == self._name:
            self._store.update("new_client", name_note=note)

    def make(self, form: ClientForm, *, complete: Callable[[], ClientForm] | None = None) -> None:
        """Make the client that the form describes, or finish one that was interrupted.

        Args:
            form: the choices.
            complete: returns them with the secrets that were typed; it may wait for these, where the work is done.
        """
        filled = complete or (lambda: form)
        self._work.run(f"Making the client {form.name.strip()}", lambda: self._make(filled()), at="new")

    def _make(self, form: ClientForm) -> None:
        from qlik_keys.lifecycle import provision  # noqa: PLC0415  # brings httpx

        tenant, key_store = self._connection.connected()
        key = _loaded_key(form)
        specification = specification_of(form, key)
        steps = self._work.steps
        with self._store.lock:
            state = self._store.state
            started = replace(state.new_client, made=None, steps=waiting_steps(), name_note="")
            self._store.set(new_client=started, change=state.change.without_plan())
            steps.begin("new_client")
        try:
            made = provision(
                tenant,
                key_store,
                name=specification.name,
                scopes=specification.scopes,
                key=key,
                client_secret=specification.client_secret,
                description=specification.description,
                impersonation=specification.impersonation,
                trusted=specification.trusted,
                on_step=steps.saw,
                cancel=steps.cancelled,
                clock=self._work.clock,
            )
        except BaseException:
            self._clients.note_change()
            raise
        self.last_made = replace(made, client_secret=None)
        shown = made_client(made, key_store.location(tenant.host, made.client_id))
        self._secrets.keep(made.client_secret, made.name)
        self._clients.select((made.client_id,))
        self._show_made(shown)
        note = self._clients.list_after_change()
        if note:
            self._show_made(replace(shown, warnings=(*shown.warnings, note)))

    def _show_made(self, shown: MadeClient) -> None:
        """Show a client that was made, next to those before it, and the result at the button."""
        with self._store.lock:
            before = self._store.state.new_client.made_here
            others = tuple(each for each in before if each.client_id != shown.client_id)
            self._store.update("new_client", made=shown, made_here=(*others, shown))
        what = "is made" if shown.created else EXISTED_ALREADY
        verified = " Its login is verified." if shown.subject else ""
        words = f"{shown.name} {what}.{verified} {' '.join(shown.warnings)}".strip()
        self._work.result(words, kind="warning" if shown.warnings else "good")

    def _forget(self) -> None:
        self.last_made = None


def _key_of(form: ClientForm) -> KeySpec | str | None:
    """Return the kind of key that a form asks for; that of the user's own file is known when it is loaded."""
    if not form.private_key_jwt:
        return None
    return "own" if form.key_choice == OWN_KEY else KEY_CHOICES[form.key_choice].spec


def _key_is_there(form: ClientForm) -> bool:
    return not form.private_key_jwt or form.key_choice != OWN_KEY or form.own_key is not None


def _loaded_key(form: ClientForm) -> KeySpec | PrivateKey | None:
    from qlik_keys.jupyter.panel.operations.own_key import load_own_key  # noqa: PLC0415  # brings jwcrypto

    kind = _key_of(form)
    return load_own_key(form.own_key, form.own_key_passphrase) if isinstance(kind, str) else kind


def _code_of_key(key: KeySpec | str | None) -> str:
    if key is None:
        return "None"
    if isinstance(key, str):
        return 'qk.PrivateKey.from_pem(Path("key.pem").read_text())'
    return f"qk.KeySpec({key.alg!r}" + (f", bits={key.bits})" if key.bits else ")")
