"""The tab "Connect".

No field is ever disabled: the kernel handles typing and work in different threads, and a widget that gets a value from
the page while another thread changes it can lose that change. Buttons get no values, so they are safe.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import ipywidgets as widgets

from qlik_keys.config.qlik_cli.contexts import known_contexts
from qlik_keys.config.vault_environment import METHOD
from qlik_keys.core.origins import same_origin
from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.model.forms import ConnectForm
from qlik_keys.jupyter.panel.model.state import COMMON
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.views.probe import ProbeView
from qlik_keys.jupyter.panel.widgets import controls as ui
from qlik_keys.jupyter.panel.widgets.fields import SecretField
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace
from qlik_keys.keystore import defaults
from qlik_keys.tenant.url import normalise_tenant_url

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
    from qlik_keys.jupyter.panel.model.state import PanelState

_BINDER_VARIABLES = ("BINDER_SERVICE_HOST", "BINDER_LAUNCH_HOST", "BINDER_REQUEST")


class ConnectView:
    """The tab "Connect": the sandbox by one click, or the user's own tenant and Vault."""

    groups = (*COMMON, "probe")

    def __init__(self, controllers: PanelControllers) -> None:
        self._controllers = controllers
        self._connection = connection = controllers.connection
        work, settings = controllers.work, connection.settings
        self._start = ui.button("Start the sandbox", work, self._start_sandbox, kind="qk-primary")
        self._start.tooltip = "Starts a practice tenant and a real OpenBao server on this machine"
        self._sandbox_custody = ui.checkbox("The Vault signs and never gives the key out (Transit)", value=False)
        self._tenant_url = ui.text(
            "Tenant address", value=settings.tenant_url, placeholder="https://acme.eu.qlikcloud.com"
        )
        self._contexts = known_contexts()
        logins = {"API key": "api_key", "OAuth client": "client_secret", "Key in the Vault": "vault_key"}
        self._credential = ui.choice(
            "Log in with", logins | ({"qlik-cli context": "context"} if self._contexts else {})
        )
        self._context = ui.choice(
            "Context", {f"{name} · {server}": name for name, server in self._contexts.items()}, kind=widgets.Dropdown
        )
        self._api_key = SecretField(label="API key", help_text=self._found("api_key", "of a user who is TenantAdmin"))
        self._client_id = ui.text("Client id", value=settings.client_id)
        self._client_secret = SecretField(
            label="Client secret", help_text=self._found("client_secret", "of a client with the scope admin_classic")
        )
        self._login_client = ui.text("Client, by id or name", value=settings.login_client, placeholder="key-rotation")
        self._about_key = ui.static(
            "<p class='qk-note'>It logs in by its private key, which the Vault has: no secret of the tenant is needed. "
            "The client needs the scope admin_classic.</p>"
        )
        if settings.client_secret is not None:
            self._credential.value = "client_secret"
        elif settings.login_client:
            self._credential.value = "vault_key"
        self._vault_url = ui.text(
            "Vault address", value=settings.vault_url, placeholder="https://vault.example.com:8200"
        )
        method = settings.vault.named(METHOD)[1] or "token"
        of_environment = {f"{METHOD}: {method}": "environment"} if method.lower() != "token" else {}
        self._login = ui.choice(
            "Log in by", of_environment | {"Token": "token", "AppRole": "approle", "User and password": "userpass"}
        )
        self._vault_token = SecretField(label="Vault token", help_text=self._found("vault_token", ""))
        self._role_id = ui.text("Role id")
        self._secret_id = SecretField(label="Secret id", help_text="of the AppRole")
        self._password = SecretField(label="Password", any_text=True)
        self._mount = ui.text("KV mount", value=settings.vault_mount or defaults.MOUNT)
        self._prefix = ui.text("Folder", value=settings.vault_prefix or defaults.PREFIX)
        self._namespace = ui.text("Namespace", value=settings.vault_namespace, placeholder="none")
        self._custody = ui.choice(
            "Who holds the private keys",
            {"KV: programs read the key": "kv", "Transit: the Vault signs and never gives it out": "transit"},
        )
        self._custody.value = settings.custody or "kv"
        self._tenant_note, self._why = ui.html("qk-note", "qk-line"), ui.html("qk-note")
        self._started, self._connected = ResultPlace(controllers, "sandbox"), ResultPlace(controllers, "connect")
        self._binder = ui.checkbox(
            "This session runs on a public Binder server, and I may type these secrets here.", value=False
        )
        self._secrets = (self._api_key, self._client_secret, self._vault_token, self._secret_id, self._password)
        self._inputs = (
            self._tenant_url,
            self._credential,
            self._context,
            self._client_id,
            self._login_client,
            self._vault_url,
            self._login,
            self._role_id,
            self._mount,
            self._prefix,
            self._namespace,
            self._custody,
            self._binder,
        )
        self._connect = ui.form_button(
            "Connect tenant and Vault",
            work,
            lambda: connection.connect(self._form),
            fields=(*self._inputs, *self._secrets),
        )
        self._probe = ProbeView(controllers)
        own = [
            ui.box(self._tenant_url, self._tenant_note, self._credential, classes="qk-column"),
            ui.box(
                *(self._context, self._api_key, self._client_id, self._client_secret, self._login_client),
                self._about_key,
                classes="qk-column",
            ),
            ui.box(self._vault_url, self._login, classes="qk-column"),
            ui.box(self._vault_token, self._role_id, self._secret_id, self._password, classes="qk-column"),
            ui.box(self._mount, self._prefix, self._namespace, classes="qk-three"),
            self._custody,
        ]
        if any(name in os.environ for name in _BINDER_VARIABLES):
            own.append(self._binder)
        else:
            self._binder.value = True
        self.widget = ui.box(
            ui.box(
                ui.box(
                    ui.static(
                        "<h3>Try it on the sandbox</h3><p>A practice tenant on this machine that refuses what Qlik "
                        "Cloud refuses, and a real OpenBao server for the keys. You fill in nothing, nothing in it is "
                        "real, and nothing is left when it stops.</p>"
                    ),
                    self._sandbox_custody,
                    self._start,
                    self._started,
                    classes="qk-card",
                ),
                ui.box(
                    ui.static(
                        "<h3>Your own tenant and Vault</h3><p>A secret that you type goes to the kernel only; it is "
                        "never saved in the notebook. Clients are made on a real tenant: the first token of a client "
                        "creates a bot user there, which uses a licence in some subscriptions.</p>"
                    ),
                    *own,
                    ui.box(self._connect, self._why, classes="qk-actions"),
                    self._connected,
                    classes="qk-card qk-form",
                ),
                classes="qk-connect",
            ),
            self._probe.widget,
            classes="qk-pane",
        )
        for field in self._inputs:
            field.observe(lambda _: self._redraw(), names="value")
        for secret in self._secrets:
            secret.on_change(self._redraw)
        for field in (self._credential, self._context):
            field.observe(lambda _: self._take_context(), names="value")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._started.draw(state)
        self._connected.draw(state)
        self._probe.draw(state)
        self._start.disabled = bool(state.work.doing)
        replaces = self._connection.sandbox is not None and state.connection is not None
        self._start.description = "End this sandbox and start a new one" if replaces else "Start the sandbox"
        (self._start.add_class if replaces else self._start.remove_class)("qk-danger")
        self._draw_form(state)

    def forget(self) -> None:
        """Empty the fields that held secrets."""
        for secret in self._secrets:
            secret.clear()

    def _redraw(self) -> None:
        self._controllers.store.tell(self.draw)

    def _start_sandbox(self) -> None:
        self._connection.start_sandbox(custody="transit" if self._sandbox_custody.value else "kv", again=True)

    def _take_context(self) -> None:
        if self._credential.value == "context" and self._context.value:
            self._tenant_url.value = self._contexts[self._context.value]

    def _form(self) -> ConnectForm:
        return ConnectForm(
            tenant_url=self._tenant_url.value,
            credential=self._credential.value,
            context=self._context.value or "",
            api_key=self._api_key.wait(),
            login_client=self._login_client.value,
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
            custody=self._custody.value,
        )

    def _draw_form(self, state: PanelState) -> None:
        login, credential = self._login.value, self._credential.value
        ui.show(self._context, visible=credential == "context")
        ui.show(self._api_key, visible=credential == "api_key")
        ui.show(self._client_id, visible=credential == "client_secret")
        ui.show(self._client_secret, visible=credential == "client_secret")
        ui.show(self._login_client, visible=credential == "vault_key")
        ui.show(self._about_key, visible=credential == "vault_key")
        ui.show(self._vault_token, visible=login == "token")
        ui.show(self._role_id, visible=login in ("approle", "userpass"))
        ui.show(self._secret_id, visible=login == "approle")
        ui.show(self._password, visible=login == "userpass")
        self._role_id.description = "User" if login == "userpass" else "Role id"
        ui.fill(self._tenant_note, self._address_note())
        why = self._missing()
        self._connect.disabled = bool(state.work.doing or why)
        ui.put(self._why, markup.plain(why))

    def _address_note(self) -> str:
        if not self._tenant_url.value.strip():
            return ""
        try:
            url, notices = normalise_tenant_url(self._tenant_url.value)
        except ConfigurationError as error:
            return f"<span class='qk-problem'>{markup.plain(str(error))}</span>"
        return markup.plain(f"{url}: {'; '.join(notices)}" if notices else "")

    def _missing(self) -> str:
        settings = self._connection.settings
        tenant_is_known = bool(settings.tenant_url) and same_origin(self._tenant_url.value, settings.tenant_url)
        vault_is_known = bool(settings.vault_url) and same_origin(self._vault_url.value, settings.vault_url)
        credential, login = self._credential.value, self._login.value
        client_id = self._client_id.value.strip()
        has_credential = (credential != "client_secret" or bool(client_id)) and {
            "api_key": self._api_key.filled or (tenant_is_known and settings.api_key is not None),
            "context": bool(self._context.value),
            "client_secret": self._client_secret.filled
            or (tenant_is_known and settings.client_secret is not None and client_id == settings.client_id),
            "vault_key": bool(self._login_client.value.strip()),
        }[credential]
        has_login = {
            "token": self._vault_token.filled or (vault_is_known and settings.vault_token is not None),
            "environment": vault_is_known,
            "approle": bool(self._role_id.value.strip()) and self._secret_id.filled,
            "userpass": bool(self._role_id.value.strip()) and self._password.filled,
        }[login]
        missing = {
            "the tenant's address": bool(self._tenant_url.value.strip()),
            "a credential for the tenant": has_credential,
            "the Vault's address": bool(self._vault_url.value.strip()),
            "a login for the Vault": has_login,
            "your confirmation that this is a public Binder server": self._binder.value,
        }
        lacking = [name for name, there in missing.items() if not there]
        return f"Still needed: {', '.join(lacking)}." if lacking else ""

    def _found(self, name: str, otherwise: str) -> str:
        source = self._connection.settings.sources.get(name)
        return f"Leave it empty to use the one from {source}." if source else otherwise
