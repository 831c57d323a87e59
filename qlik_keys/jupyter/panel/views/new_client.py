"""The tab "New client": the tutorial's choices, the steps as they happen, and the verification."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.model.state import ClientForm
from qlik_keys.jupyter.panel.model.words import KEY_CHOICES, OWN_KEY, OWN_KEY_ADVICE
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.views.scope_calls import ScopeCalls
from qlik_keys.jupyter.panel.widgets.controls import (
    StepControls,
    box,
    checkbox,
    choice,
    fill,
    form_button,
    html,
    put,
    show,
    text,
    words,
)
from qlik_keys.jupyter.panel.widgets.fields import ScopePicker, SecretField
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.presenter import Presenter
    from qlik_keys.jupyter.panel.model.state import PanelState


class NewClientView:
    """The tab "New client": the tutorial's choices, the steps as they happen, and the verification."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._name = text("Name", placeholder="nightly-etl")
        self._name_note = html("qk-note", "qk-line")
        self._description = text("Description", placeholder="optional; shown in Qlik's console")
        self._scopes = ScopePicker(["user_default"])
        self._scope_calls = ScopeCalls(self._scopes)
        self._private_key_jwt = checkbox("Private key JWT", value=True)
        self._key_choice = choice(
            "Key",
            {each.label: name for name, each in KEY_CHOICES.items()} | {"My own key · a PEM or JWK file": OWN_KEY},
            kind=widgets.Dropdown,
        )
        self._own_key = SecretField(
            label="Key file", help_text="A private key as PEM or JWK. It goes to the kernel alone.", kind="file"
        )
        self._passphrase = SecretField(label="Passphrase", help_text="only for an encrypted PEM", any_text=True)
        self._secrets = (self._own_key, self._passphrase)
        self._made: Any = None
        self._client_secret = checkbox("Client secret (shown once)", value=False)
        self._machine = checkbox("Machine-to-machine", value=True, disabled=True)
        self._impersonation = checkbox("May impersonate users", value=False)
        self._trusted = checkbox("Consent method: trusted", value=True)
        self._advice, self._warnings, self._preview, self._why = html("qk-note"), html(), html(), html("qk-note")
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
        self._create = form_button(
            "Create client",
            presenter,
            lambda: presenter.make_client(self.form, complete=self._complete),
            fields=(*self._inputs, *self._secrets),
        )
        self._controls = StepControls(presenter, "new")
        self._told = ResultPlace(presenter, "new")
        self._steps, self._result = html("qk-live"), html()
        who = box(
            words("<h3>The choices of Qlik's tutorial</h3>"),
            words("<p class='qk-fixed'><b>Type:</b> Web. Only this type may be machine-to-machine.</p>"),
            self._name,
            self._name_note,
            self._description,
            self._scopes,
            self._scope_calls.widget,
            classes="qk-card",
        )
        how = box(
            words("<p class='qk-label'>Authentication method</p>"),
            self._private_key_jwt,
            self._key_choice,
            self._advice,
            *self._secrets,
            self._client_secret,
            words("<p class='qk-label'>Permissions</p>"),
            self._machine,
            self._impersonation,
            self._trusted,
            self._warnings,
            classes="qk-card",
        )
        # The button, and below it what comes of it: what grows, grows at the end.
        result = box(
            self._preview,
            box(self._create, self._why, classes="qk-actions"),
            self._told,
            box(box(self._controls.widget, self._steps, classes="qk-column"), self._result, classes="qk-new"),
            classes="qk-card qk-result",
        )
        self.widget = box(box(who, how, classes="qk-new"), result, classes="qk-pane qk-form")
        for field in self._inputs:
            field.observe(lambda _: presenter.redraw(), names="value")
        for secret in self._secrets:
            secret.on_change(presenter.redraw)
        self._name.continuous_update = True
        self._name.observe(lambda change: presenter.check_name(change["new"]), names="value")

    def forget(self) -> None:
        """Empty the fields that held secrets."""
        for secret in self._secrets:
            secret.clear()

    def _complete(self) -> ClientForm:
        """Return what is filled in when what the page sent has arrived."""
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
        self._told.draw(state)
        self._controls.draw(state)
        put(self._steps, markup.steps(state.steps_of("new")))
        put(self._result, markup.made(state.made_here))
        fill(self._name_note, markup.plain(state.name_note))
        if state.made is not self._made:
            self._made = state.made
            if state.made is not None:
                self.forget()
        self._draw_form(state)

    def _draw_form(self, state: PanelState) -> None:
        form, presenter = self.form, self._presenter
        why = presenter.problem_of(form)
        self._create.disabled = bool(state.work or why)
        put(self._why, markup.plain(why))
        show(self._key_choice, visible=form.private_key_jwt)
        is_own = form.key_choice == OWN_KEY
        for secret in self._secrets:
            show(secret, visible=form.private_key_jwt and is_own)
        advice = OWN_KEY_ADVICE if is_own else KEY_CHOICES[form.key_choice].advice
        put(self._advice, markup.plain(advice) if form.private_key_jwt else "")
        put(self._warnings, markup.warnings(presenter.warnings_of(form)))
        if not form.name.strip():
            # Nothing to preview, and an opened panel needs nothing of what makes clients.
            put(self._preview, markup.preview(*["Give the client a name first."] * 2))
            return
        try:
            put(self._preview, markup.preview(presenter.preview(form), presenter.code_of(form)))
        except ConfigurationError as problem:
            put(self._preview, markup.preview(*[str(problem)] * 2))
