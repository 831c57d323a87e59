"""The panel's widgets: each view draws the presenter's state and passes on what is clicked and typed.

What is typed in is never disabled: the kernel hears of typing and of work in different threads, and a widget that gets
a value from the page while another thread changes it can lose that change. Buttons get no values, so they are safe.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.errors import ConfigurationError
from qlik_keys.origins import same_origin
from qlik_keys.panel import markup
from qlik_keys.panel.controls import box, button, checkbox, choice, form_button, html, put, show, text, words
from qlik_keys.panel.fields import ScopePicker, SecretField, SecretOnce
from qlik_keys.panel.state import ClientForm, ConnectForm
from qlik_keys.panel.words import KEY_CHOICES
from qlik_keys.tenant.url import normalise_tenant_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.panel.presenter import Presenter
    from qlik_keys.panel.state import PanelState

_BINDER_VARIABLES = ("BINDER_SERVICE_HOST", "BINDER_LAUNCH_HOST", "BINDER_REQUEST")


class ConnectView:
    """The tab "Connect": the sandbox in one click, or a tenant and a Vault of one's own."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        settings = presenter.settings
        self._start = button("Start the sandbox", presenter, presenter.start_sandbox, kind="qk-primary")
        self._start.tooltip = "Starts a practice tenant and a real OpenBao server on this machine"
        self._tenant_url = text(
            "Tenant address", value=settings.tenant_url, placeholder="https://acme.eu.qlikcloud.com"
        )
        self._credential = choice("Log in with", {"API key": "api_key", "OAuth client": "client_secret"})
        self._api_key = SecretField(label="API key", help_text=self._found("api_key", "of a user who is TenantAdmin"))
        self._client_id = text("Client id", value=settings.client_id)
        self._client_secret = SecretField(
            label="Client secret", help_text=self._found("client_secret", "of a client with the scope admin_classic")
        )
        if settings.client_secret is not None:
            self._credential.value = "client_secret"
        self._vault_url = text("Vault address", value=settings.vault_url, placeholder="https://vault.example.com:8200")
        self._login = choice("Log in by", {"Token": "token", "AppRole": "approle", "User and password": "userpass"})
        self._vault_token = SecretField(label="Vault token", help_text=self._found("vault_token", ""))
        self._role_id = text("Role id")
        self._secret_id = SecretField(label="Secret id", help_text="of the AppRole")
        self._password = SecretField(label="Password", any_text=True)
        self._mount = text("KV mount", value="secret")
        self._prefix = text("Folder", value="qlik-keys")
        self._namespace = text("Namespace", value=settings.vault_namespace, placeholder="none")
        self._tenant_note, self._why, self._done = html("qk-note"), html("qk-note"), html()
        self._binder = checkbox("This session runs on a public Binder. I know what I type here.", value=False)
        self._secrets = (self._api_key, self._client_secret, self._vault_token, self._secret_id, self._password)
        self._inputs = (
            self._tenant_url,
            self._credential,
            self._client_id,
            self._vault_url,
            self._login,
            self._role_id,
            self._mount,
            self._prefix,
            self._namespace,
            self._binder,
        )
        self._connect = form_button(
            "Connect tenant and Vault",
            presenter,
            lambda: presenter.connect(self._form),
            fields=(*self._inputs, *self._secrets),
        )
        own = [
            box(self._tenant_url, self._tenant_note, self._credential, classes="qk-column"),
            box(self._api_key, self._client_id, self._client_secret, classes="qk-column"),
            box(self._vault_url, self._login, classes="qk-column"),
            box(self._vault_token, self._role_id, self._secret_id, self._password, classes="qk-column"),
            box(self._mount, self._prefix, self._namespace, classes="qk-three"),
        ]
        if any(name in os.environ for name in _BINDER_VARIABLES):
            own.append(self._binder)
        else:
            self._binder.value = True
        self.widget = box(
            self._done,
            box(
                box(
                    words(
                        "<h3>Try it on the sandbox</h3><p>A practice tenant on this machine that refuses what Qlik "
                        "Cloud refuses, and a real OpenBao server for the keys. Nothing to fill in, nothing real, "
                        "nothing left behind.</p>"
                    ),
                    self._start,
                    classes="qk-card",
                ),
                box(
                    words(
                        "<h3>Your own tenant and Vault</h3><p>What you type as a secret goes to the kernel alone; "
                        "the notebook never has it.</p>"
                    ),
                    *own,
                    box(self._connect, self._why, classes="qk-actions"),
                    classes="qk-card",
                ),
                classes="qk-connect",
            ),
            classes="qk-pane",
        )
        for field in self._inputs:
            field.observe(lambda _: presenter.redraw(), names="value")
        for secret in self._secrets:
            secret.on_change(presenter.redraw)

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        put(self._done, markup.connected(state.connection))
        self._start.disabled = bool(state.work)
        self._start.description = "Start the sandbox" if state.connection is None else "Start a new sandbox"
        self._draw_form(state)

    def forget(self) -> None:
        """Empty the fields that held secrets."""
        for secret in self._secrets:
            secret.clear()

    def _form(self) -> ConnectForm:
        return ConnectForm(
            tenant_url=self._tenant_url.value,
            credential=self._credential.value,
            api_key=self._api_key.wait(),
            client_id=self._client_id.value,
            client_secret=self._client_secret.wait(),
            vault_url=self._vault_url.value,
            vault_login=self._login.value,
            vault_token=self._vault_token.wait(),
            role_id=self._role_id.value,
            secret_id=(self._password if self._login.value == "userpass" else self._secret_id).wait(),
            mount=self._mount.value,
            prefix=self._prefix.value,
            namespace=self._namespace.value,
        )

    def _draw_form(self, state: PanelState) -> None:
        login, credential = self._login.value, self._credential.value
        show(self._api_key, visible=credential == "api_key")
        show(self._client_id, visible=credential == "client_secret")
        show(self._client_secret, visible=credential == "client_secret")
        show(self._vault_token, visible=login == "token")
        show(self._role_id, visible=login != "token")
        show(self._secret_id, visible=login == "approle")
        show(self._password, visible=login == "userpass")
        self._role_id.description = "User" if login == "userpass" else "Role id"
        put(self._tenant_note, self._address_note())
        why = state.work or self._missing()
        self._connect.disabled = bool(why)
        put(self._why, markup.plain(why))

    def _address_note(self) -> str:
        if not self._tenant_url.value.strip():
            return ""
        try:
            url, notices = normalise_tenant_url(self._tenant_url.value)
        except ConfigurationError as error:
            return f"<span class='qk-problem'>{markup.plain(str(error))}</span>"
        return markup.plain(f"{url}: {'; '.join(notices)}" if notices else "")

    def _missing(self) -> str:
        settings = self._presenter.settings
        tenant_is_known = bool(settings.tenant_url) and same_origin(self._tenant_url.value, settings.tenant_url)
        vault_is_known = settings.vault_token is not None and same_origin(self._vault_url.value, settings.vault_url)
        credential, login = self._credential.value, self._login.value
        has_credential = {
            "api_key": self._api_key.filled or (tenant_is_known and settings.api_key is not None),
            "client_secret": bool(self._client_id.value.strip())
            and (self._client_secret.filled or (tenant_is_known and settings.client_secret is not None)),
        }[credential]
        has_login = {
            "token": self._vault_token.filled or vault_is_known,
            "approle": bool(self._role_id.value.strip()) and self._secret_id.filled,
            "userpass": bool(self._role_id.value.strip()) and self._password.filled,
        }[login]
        missing = {
            "the tenant's address": bool(self._tenant_url.value.strip()),
            "a credential for the tenant": has_credential,
            "the Vault's address": bool(self._vault_url.value.strip()),
            "a login for the Vault": has_login,
            "your word that this is a public Binder": self._binder.value,
        }
        lacking = [name for name, there in missing.items() if not there]
        return f"Still needed: {', '.join(lacking)}." if lacking else ""

    def _found(self, name: str, otherwise: str) -> str:
        source = self._presenter.settings.sources.get(name)
        return f"Leave it empty to use the one from {source}." if source else otherwise


class NewClientView:
    """The tab "New client": the tutorial's choices, the steps as they happen, and the proof."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._name = text("Name", placeholder="nightly-etl")
        self._description = text("Description", placeholder="optional; shown in Qlik's console")
        self._scopes = ScopePicker(["user_default"])
        self._private_key_jwt = checkbox("Private key JWT", value=True)
        self._key_choice = choice(
            "Key", {each.label: name for name, each in KEY_CHOICES.items()}, kind=widgets.Dropdown
        )
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
            "Create client", presenter, lambda: presenter.make_client(self.form), fields=self._inputs
        )
        self._cancel = button("Cancel", presenter, presenter.cancel)
        self._steps, self._made, self._first_use = html(), html(), html()
        self._steps.add_class("qk-live")
        self._once = SecretOnce(
            label="Client secret",
            secret=presenter.client_secret,
            stored=presenter.client_secret_is_stored,
        )
        form = box(
            words("<h3>The choices of Qlik's tutorial</h3>"),
            words("<p class='qk-fixed'><b>Type:</b> Web. Only this type may be machine-to-machine.</p>"),
            self._name,
            self._description,
            self._scopes,
            words("<p class='qk-label'>Authentication method</p>"),
            self._private_key_jwt,
            self._key_choice,
            self._advice,
            self._client_secret,
            words("<p class='qk-label'>Permissions</p>"),
            self._machine,
            self._impersonation,
            self._trusted,
            self._warnings,
            self._preview,
            box(self._create, self._cancel, self._why, classes="qk-actions"),
            classes="qk-card qk-form",
        )
        result = box(self._made, self._once, self._first_use, self._steps, classes="qk-card qk-result")
        self.widget = box(form, result, classes="qk-pane qk-new")
        for field in self._inputs:
            field.observe(lambda _: presenter.redraw(), names="value")

    @property
    def form(self) -> ClientForm:
        """What is filled in."""
        return ClientForm(
            name=self._name.value,
            description=self._description.value,
            scopes=tuple(self._scopes.value),
            private_key_jwt=self._private_key_jwt.value,
            key_choice=self._key_choice.value,
            client_secret=self._client_secret.value,
            impersonation=self._impersonation.value,
            trusted=self._trusted.value,
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        show(self._cancel, visible=bool(state.work) and bool(state.steps) and state.steps_in == "new")
        self._cancel.disabled = state.cancelling
        put(self._steps, markup.steps(state.steps if state.steps_in == "new" else ()))
        put(self._made, markup.made(state.made))
        put(self._first_use, markup.first_use(state.made))
        if state.made is not None and state.has_client_secret:
            self._once.label = f"Client secret of {state.made.name}"
        show(self._once, visible=state.has_client_secret)
        self._draw_form(state)

    def _draw_form(self, state: PanelState) -> None:
        form, presenter = self.form, self._presenter
        why = state.work or presenter.problem_of(form)
        self._create.disabled = bool(why)
        put(self._why, markup.plain(why))
        show(self._key_choice, visible=form.private_key_jwt)
        put(self._advice, markup.plain(KEY_CHOICES[form.key_choice].advice) if form.private_key_jwt else "")
        put(self._warnings, markup.warnings(presenter.warnings_of(form)))
        try:
            put(self._preview, markup.preview(presenter.preview(form)))
        except ConfigurationError:
            put(self._preview, "")


class FrameView:
    """What is always in sight: the header, the tabs, the work in hand, and the error card.

    Args:
        presenter: what is drawn.
        tabs: title -> the tab's view.
        ending: called when the session is ended, before anything else.
    """

    def __init__(self, presenter: Presenter, tabs: dict[str, Any], *, ending: Callable[[], None]) -> None:
        self._presenter = presenter
        self._tabs = tabs
        self._header, self._work, self._error = html("qk-header"), html(), html()
        self._dismiss = button("Put away", presenter, presenter.dismiss_error, kind="qk-quiet")

        def end() -> None:
            ending()
            presenter.end_session()

        self._end = button("End session", presenter, end, kind="qk-quiet")
        self._buttons = {
            title: button(title, presenter, functools.partial(self.choose, title), kind="qk-tab") for title in tabs
        }
        self.widget = box(
            box(words("<b class='qk-mark'>qlik_keys</b>"), self._header, self._end, classes="qk-top"),
            box(*self._buttons.values(), classes="qk-tabs"),
            self._work,
            box(self._error, self._dismiss, classes="qk-error-row"),
            *(view.widget for view in tabs.values()),
            classes="qk-panel",
        )
        self.choose(next(iter(tabs)))

    def choose(self, title: str) -> None:
        """Bring a tab to the front."""
        for name, tab in self._buttons.items():
            (tab.add_class if name == title else tab.remove_class)("qk-chosen")
            tab.tooltip = f"{name}, the tab in front" if name == title else f"Go to {name}"
            show(self._tabs[name].widget, visible=name == title)

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        put(self._header, markup.header(state))
        put(self._work, markup.work(state))
        put(self._error, markup.error(state.error))
        show(self._dismiss, visible=state.error is not None)
        show(self._end, visible=state.connection is not None)
        self._end.disabled = bool(state.work)
