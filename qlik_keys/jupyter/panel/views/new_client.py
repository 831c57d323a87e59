"""The tab "New client": the form, the steps as they happen, and the verification."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.model.forms import ClientForm
from qlik_keys.jupyter.panel.model.state import COMMON
from qlik_keys.jupyter.panel.model.words import KEY_CHOICES, OWN_KEY, OWN_KEY_ADVICE
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.views.scope_calls import ScopeCalls
from qlik_keys.jupyter.panel.widgets import controls as ui
from qlik_keys.jupyter.panel.widgets.fields import ScopePicker, SecretField
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
    from qlik_keys.jupyter.panel.model.state import PanelState


class NewClientView:
    """The tab "New client": the form, the steps as they happen, and the verification."""

    groups = (*COMMON, "new_client", "secrets")

    def __init__(self, controllers: PanelControllers) -> None:
        self._store = controllers.store
        self._new_client = new_client = controllers.new_client
        self._name = ui.text("Name", placeholder="nightly-etl")
        self._name_note = ui.html("qk-note", "qk-line")
        self._description = ui.text("Description", placeholder="optional; shown in Qlik's console")
        self._scopes = ScopePicker(["user_default"])
        self._scope_calls = ScopeCalls(self._scopes)
        self._private_key_jwt = ui.checkbox("Private key JWT", value=True)
        self._key_choice = ui.choice(
            "Key",
            {each.label: name for name, each in KEY_CHOICES.items()} | {"My own key · a PEM or JWK file": OWN_KEY},
            kind=widgets.Dropdown,
        )
        self._own_key = SecretField(
            label="Key file", help_text="A private key as PEM or JWK. It goes to the kernel only.", kind="file"
        )
        self._passphrase = SecretField(label="Passphrase", help_text="only for an encrypted PEM", any_text=True)
        self._secrets = (self._own_key, self._passphrase)
        self._made: Any = None
        self._client_secret = ui.checkbox("Client secret (shown once)", value=False)
        self._machine = ui.checkbox("Machine-to-machine", value=True, disabled=True)
        self._impersonation = ui.checkbox("May impersonate users", value=False)
        self._trusted = ui.checkbox("Consent method: trusted", value=True)
        self._advice, self._warnings, self._preview, self._why = (
            ui.html("qk-note"),
            ui.html(),
            ui.html(),
            ui.html("qk-note"),
        )
        self._inputs = (
            self._name,
            self._description,
            self._scopes,
            self._private_key_jwt,
            self._key_choice,
            self._client_secret,
            self._impersonation,
            self._trusted,
        )
        self._create = ui.form_button(
            "Create client",
            controllers.work,
            lambda: new_client.make(self.form, complete=self._complete),
            fields=(*self._inputs, *self._secrets),
        )
        self._controls = ui.StepControls(controllers.work, "new_client")
        self._place = ResultPlace(controllers, "new")
        self._steps, self._result = ui.html("qk-live"), ui.html()
        who = ui.box(
            ui.static("<h3>New client</h3>"),
            ui.static(
                "<p class='qk-fixed'><b>Type:</b> Web. Only a client of this type may be machine-to-machine.</p>"
            ),
            self._name,
            self._name_note,
            self._description,
            self._scopes,
            self._scope_calls.widget,
            classes="qk-card",
        )
        how = ui.box(
            ui.static("<p class='qk-label'>Authentication method</p>"),
            self._private_key_jwt,
            self._key_choice,
            self._advice,
            *self._secrets,
            self._client_secret,
            ui.static("<p class='qk-label'>Permissions</p>"),
            self._machine,
            self._impersonation,
            self._trusted,
            self._warnings,
            classes="qk-card",
        )
        # The button, and the result below it: what grows is at the end.
        result = ui.box(
            self._preview,
            ui.box(self._create, self._why, classes="qk-actions"),
            self._place,
            ui.box(ui.box(self._controls.widget, self._steps, classes="qk-column"), self._result, classes="qk-new"),
            classes="qk-card qk-result",
        )
        self.widget = ui.box(ui.box(who, how, classes="qk-new"), result, classes="qk-pane qk-form")
        for field in self._inputs:
            field.observe(lambda _: self._redraw(), names="value")
        for secret in self._secrets:
            secret.on_change(self._redraw)
        self._name.continuous_update = True
        self._name.observe(lambda change: new_client.check_name(change["new"]), names="value")

    def forget(self) -> None:
        """Empty the fields that held secrets."""
        for secret in self._secrets:
            secret.clear()

    def _redraw(self) -> None:
        self._store.tell(self.draw)

    def _complete(self) -> ClientForm:
        """Return what is filled in, after the page's messages have arrived."""
        return replace(self.form, own_key=self._own_key.wait(), own_key_passphrase=self._passphrase.wait())

    @property
    def form(self) -> ClientForm:
        """What is filled in."""
        return ClientForm(
            name=self._name.value,
            description=self._description.value,
            scopes=tuple(self._scopes.value),
            private_key_jwt=self._private_key_jwt.value,
            key_choice=self._key_choice.value,
            own_key=self._own_key.secret,
            own_key_passphrase=self._passphrase.secret,
            client_secret=self._client_secret.value,
            impersonation=self._impersonation.value,
            trusted=self._trusted.value,
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._place.draw(state)
        self._controls.draw(state)
        ui.put(self._steps, markup.steps(state.new_client.steps))
        ui.put(self._result, markup.made(state.new_client.made_here))
        ui.fill(self._name_note, markup.plain(state.new_client.name_note))
        if state.new_client.made is not self._made:
            self._made = state.new_client.made
            if self._made is not None:
                self.forget()
        self._draw_form(state)

    def _draw_form(self, state: PanelState) -> None:
        form, new_client = self.form, self._new_client
        why = new_client.problem_of(form)
        self._create.disabled = bool(state.work.doing or why)
        ui.put(self._why, markup.plain(why))
        ui.show(self._key_choice, visible=form.private_key_jwt)
        is_own = form.key_choice == OWN_KEY
        for secret in self._secrets:
            ui.show(secret, visible=form.private_key_jwt and is_own)
        advice = OWN_KEY_ADVICE if is_own else KEY_CHOICES[form.key_choice].advice
        ui.put(self._advice, markup.plain(advice) if form.private_key_jwt else "")
        ui.put(self._warnings, markup.warnings(new_client.warnings_of(form)))
        if not form.name.strip():
            # There is nothing to preview, and a panel that was just opened loads no module that makes clients.
            ui.put(self._preview, markup.preview(*["Give the client a name first."] * 2))
            return
        try:
            ui.put(self._preview, markup.preview(new_client.preview(form), new_client.code_of(form)))
        except ConfigurationError as problem:
            ui.put(self._preview, markup.preview(*[str(problem)] * 2))
