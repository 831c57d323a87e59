"""The panel without widgets: what can be done with it once it is connected.

`work` runs one thing at a time and keeps the state, `session` connects, `inspecting` takes a login apart, `calling`
calls with its token, `planning` changes clients that are there; here a client is made. Nothing here knows how it is
drawn; nothing here is written to a notebook.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.core.names import name_problem
from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.controllers.planning import Planning
from qlik_keys.jupyter.panel.model.showing import made_client, specification_of, waiting_steps
from qlik_keys.jupyter.panel.model.words import KEY_CHOICES, OWN_KEY
from qlik_keys.tenant.resources.scopes import scope_warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.jupyter.panel.model.state import ClientForm, MadeClient
    from qlik_keys.keys import KeySpec, PrivateKey

_TYPING_PAUSE_SECONDS = 0.4


class Presenter(Planning):
    """The panel's state and actions; safe to use from several threads.

    Args:
        settings: where credentials come from that were not typed.
        run: how work is run that nobody waits for; in a thread by default, so that neither kernel nor page waits.
        clock: time.
    """

    _name = ""

    def go_to(self, tab: str) -> None:
        """Bring a tab to the front."""
        if tab != self._state.tab:
            self._set(tab=tab)

    # --- a client ---

    def problem_of(self, form: ClientForm) -> str:
        """Return why that client cannot be made, in words, or "" if it can."""
        if self._state.connection is None:
            return "Connect first: a tenant and a Vault are needed."
        if not form.name.strip():
            return "Give the client a name."
        try:
            specification_of(form, _key_of(form))
        except ConfigurationError as error:
            return str(error)
        return "" if _key_is_there(form) else "Choose the file with your key."

    def preview(self, form: ClientForm) -> str:
        """Return the JSON that registers the client, with a word in the place of the key that is not made yet.

        Raises:
            ConfigurationError: the form is not valid.
        """
        specification = specification_of(form, _key_of(form))
        body = specification.registration(None).to_json()
        if specification.key is not None:
            whose = "your own key" if form.key_choice == OWN_KEY else f"a new key, {specification.key}"
            body["publicKeys"] = [f"the public half of {whose}"]
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
        """Return what a person should know of these choices, a sentence each."""
        warnings = list(scope_warnings(form.scopes))
        if not form.trusted:
            warnings.append("Without trusted consent a machine cannot log in, so the client will not be verified.")
        if form.client_secret and not form.private_key_jwt:
            warnings.append("A client secret alone is the weaker login: whoever sees it once has it.")
        if form.client_secret and self.secrets_note():
            warnings.append(self.secrets_note())
        if form.impersonation:
            warnings.append("With impersonation the client can act as any user of the tenant.")
        return tuple(warnings)

    def check_name(self, name: str) -> None:
        """Ask the tenant whether a name is free, next to any work; the answer is in `state.name_note`."""
        self._name = name.strip()
        self._set(name_note="")
        if self.tenant is not None and self._name:
            self._run(functools.partial(self._check_name, self._name))

    def _check_name(self, name: str) -> None:
        from qlik_keys.lifecycle.provisioning.specification import MAXIMUM_NAME_LENGTH  # noqa: PLC0415  # brings httpx
        from qlik_keys.tenant import eq  # noqa: PLC0415  # brings httpx

        if name_problem(name, longest=MAXIMUM_NAME_LENGTH):
            return  # it is refused in words of its own, next to which "is free" would be a contradiction
        self._clock.sleep(_TYPING_PAUSE_SECONDS)
        tenant = self.tenant
        if tenant is None or name != self._name or self._state.work:
            return
        try:
            same = next(tenant.oauth_clients.iterate(eq("clientName", name), page_size=1), None)
        except Exception:  # noqa: BLE001  # it is a help while typing; making the client asks again, and tells
            return
        note = f"✓ The name {name} is free."
        if same is not None:
            note = f"There is a client {name} already: you get that one, or are told what differs."
        if name == self._name:
            self._set(name_note=note)

    def make_client(self, form: ClientForm, *, complete: Callable[[], ClientForm] | None = None) -> None:
        """Make the client that the form describes, or finish one that was interrupted.

        Args:
            form: the choices.
            complete: returns them with the secrets that were typed; it may wait for these, where the work is done.
        """
        filled = complete or (lambda: form)
        self._work(f"Making the client {form.name.strip()}", lambda: self._make_client(filled()), at="new")

    def _make_client(self, form: ClientForm) -> None:
        from qlik_keys.lifecycle import provision  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        key = _loaded_key(form)
        specification = specification_of(form, key)
        self._set(plan=None, made=None, steps=waiting_steps(), steps_in="new", name_note="")
        try:
            made = provision(
                tenant,
                store,
                name=specification.name,
                scopes=specification.scopes,
                key=key,
                client_secret=specification.client_secret,
                description=specification.description,
                impersonation=specification.impersonation,
                trusted=specification.trusted,
                on_step=self._saw_step,
                cancel=self._cancel,
                clock=self._clock,
            )
        except BaseException:
            self._clients_may_differ()
            raise
        self.last_made = replace(made, client_secret=None)
        shown = made_client(made, store.location(tenant.host, made.client_id))
        self._keep_secret(made.client_secret, made.name)
        self._set(selected=(made.client_id,))
        self._tell_of_made(shown)
        note = self._refresh_after()
        if note:
            self._tell_of_made(replace(shown, warnings=(*shown.warnings, note)))

    def _tell_of_made(self, shown: MadeClient) -> None:
        """Show a client that was made, next to those before it, and tell of it where its button stands."""
        others = tuple(each for each in self._state.made_here if each.client_id != shown.client_id)
        self._set(made=shown, made_here=(*others, shown))
        what = "is made" if shown.created else "was there already, just as asked for"
        verified = " Its login is verified." if shown.subject else ""
        words = f"{shown.name} {what}.{verified} {' '.join(shown.warnings)}".strip()
        self._tell(words, kind="warning" if shown.warnings else "good")


def _key_of(form: ClientForm) -> KeySpec | str | None:
    """Return the kind of key that a form asks for; of one's own file it is known when it is loaded."""
    if not form.private_key_jwt:
        return None
    return "own" if form.key_choice == OWN_KEY else KEY_CHOICES[form.key_choice].spec


def _key_is_there(form: ClientForm) -> bool:
    return not form.private_key_jwt or form.key_choice != OWN_KEY or form.own_key is not None


def _loaded_key(form: ClientForm) -> KeySpec | PrivateKey | None:
    from qlik_keys.jupyter.panel.controllers.own_key import load_own_key  # noqa: PLC0415  # brings jwcrypto

    kind = _key_of(form)
    return load_own_key(form.own_key, form.own_key_passphrase) if isinstance(kind, str) else kind


def _code_of_key(key: KeySpec | str | None) -> str:
    if key is None:
        return "None"
    if isinstance(key, str):
        return 'qk.PrivateKey.from_pem(Path("key.pem").read_text())'
    return f"qk.KeySpec({key.alg!r}" + (f", bits={key.bits})" if key.bits else ")")
