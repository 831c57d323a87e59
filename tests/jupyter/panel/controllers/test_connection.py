"""The connection: by form, by sandbox, by a cell; what does not connect is a card, and the end releases everything."""

from __future__ import annotations

import io
import traceback

import pytest
from fixtures.canaries import find_canaries
from fixtures.loopback import Loopback, Reply
from fixtures.support import connect_form, made_in_panel, newest_card
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.core.secret import Secret
from qlik_keys.errors import TenantAuthError
from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
from qlik_keys.jupyter.panel.model.forms import CallForm, TokenForm
from qlik_keys.jupyter.panel.model.state import PanelState

pytestmark = pytest.mark.openbao


def test_a_sandbox_is_started_once_replaced_on_request_and_ends_with_the_session(unconnected):
    connection = unconnected.connection
    with pytest.raises(qk.errors.ConfigurationError, match="Nothing is connected"):
        unconnected.clients.refresh(wait=True)
    assert newest_card(unconnected).kind == "ConfigurationError"  # what a cell waits for is raised there and shown too
    connection.start_sandbox(wait=True)
    first = connection.sandbox
    connection.start_sandbox(wait=True)
    assert connection.sandbox is first
    connection.start_sandbox(custody="transit", again=True, wait=True)
    assert connection.sandbox is not first
    assert not first.running
    assert unconnected.state.connection.custody == "transit"
    url = unconnected.state.connection.tenant_url
    connection.end_session()
    assert (unconnected.state.connection, connection.tenant, connection.sandbox) == (None, None, None)
    with qk.QlikTenant(url, credential=qk.ApiKey("x" * 20)) as tenant, pytest.raises(qk.errors.TenantUnreachable):
        tenant.users.me()


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"api_key": Secret("no-such-key-1234567")}, "TenantAuthError", "credential"),
        ({"api_key": None}, "ConfigurationError", "no credential"),
        ({"vault_token": None}, "ConfigurationError", "no token"),
        ({"vault_token": Secret("s.no-such-token-12345")}, "StoreDenied", "token"),
        ({"vault_url": ""}, "ConfigurationError", "No Vault address"),
        ({"vault_url": "http://vault.example.com:8200"}, "ConfigurationError", "plain http"),
        ({"tenant_url": "http://127.0.0.1:1"}, "TenantUnreachable", "127.0.0.1"),
        ({"vault_url": "http://127.0.0.1:1"}, "StoreUnreachable", "127.0.0.1"),
        ({"mount": "nowhere"}, "StoreMisconfigured", "nowhere"),
        ({"vault_login": "userpass", "role_id": "ada", "secret_id": None}, "ConfigurationError", "password"),
    ],
)
def test_what_does_not_connect_is_a_card_with_what_to_do(unconnected, box, changes, kind, words):
    unconnected.connection.connect(lambda: connect_form(box, **changes))
    card = unconnected.state.results["connect"].card
    assert card.kind == type(unconnected.store.last_error).__name__ == kind
    assert words in f"{card.what} {card.hint}"
    assert card.hint
    assert (unconnected.state.connection, unconnected.state.work.doing) == (None, "")
    if isinstance(unconnected.store.last_error, TenantAuthError):
        assert card.outcome == "Nothing was changed."


def test_a_credential_of_the_environment_goes_to_its_own_address_alone(box):
    urls = {"tenant_url": box.tenant_url, "vault_url": box.vault_url}
    settings = Settings.resolve(**urls, api_key=box.api_key, vault_token=box.vault_token)
    controllers = PanelControllers(settings=settings, run=lambda task: task())

    def connect(**changes):
        controllers.connection.connect(lambda: connect_form(box, api_key=None, vault_token=None, **changes))
        return newest_card(controllers)

    assert connect() is None
    connection = controllers.state.connection
    assert (connection.mode, connection.tenant_url, connection.vault_url) == ("sandbox", box.tenant_url, box.vault_url)
    assert (bool(connection.identity), "TenantAdmin" in connection.roles) == (True, True)
    assert "no credential" in connect(tenant_url="https://elsewhere.eu.qlikcloud.com").what
    assert "no token" in connect(vault_url="https://elsewhere.example:8200").what
    controllers.connection.end_session()


def test_a_loopback_tenant_that_does_not_say_that_it_is_a_sandbox_is_real_and_a_closed_one_says_so(unconnected, box):
    ada = {"id": "u", "subject": "acme\\ada", "name": "Ada", "roles": []}
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as key_store:
        with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
            unconnected.connection.use(tenant, key_store)
            unconnected.token.request(TokenForm(client_id=made_in_panel(unconnected, "closed elsewhere")))
        unconnected.calls.call(CallForm(method="GET", path="v1/users/me"))
        assert "was closed" in newest_card(unconnected).what
        assert "Connect again" in newest_card(unconnected).hint
        with (
            Loopback(lambda call: Reply(200, {} if call.path.startswith("/.well-known/") else ada)) as proxy,
            qk.QlikTenant(proxy.url, credential=qk.ApiKey(box.api_key)) as tenant,
        ):
            unconnected.connection.use(tenant, key_store)
            assert unconnected.state.connection.mode == "real"


def test_nothing_outlives_the_session_even_if_the_vault_token_cannot_be_revoked(controllers, name):
    class Unreachable:
        closed = False

        def revoke_token(self):
            raise qk.errors.StoreUnreachable("The Vault cannot be reached.")

        def close(self):
            self.closed = True

    controllers.token.request(TokenForm(client_id=made_in_panel(controllers, name)))
    controllers.calls.call(CallForm(method="GET", path="v1/users/me"))
    controllers.audit.run()
    owned = Unreachable()
    controllers.connection._owned.append(owned)
    controllers.connection.end_session()
    assert owned.closed
    result = controllers.state.results["top"]
    assert (result.kind, "could not be revoked" in result.words) == ("warning", True)
    state, fresh = controllers.state, PanelState()
    for group in ("connection", "new_client", "change", "audit", "token", "calls", "doctor", "secrets"):
        assert getattr(state, group) == getattr(fresh, group), group
    assert (state.clients.frame, state.audit.findings, state.clients.selected) == (None, None, ())
    assert controllers.token._token is controllers.calls._last_answer is controllers.new_client.last_made is None
    assert len(controllers.history.frame()) == 0


def test_no_state_and_no_traceback_has_a_secret(unconnected, box):
    key, token = "canary-api-key-0123456789abcdef", "s.canary-vault-token-0123456789"
    canaries = {"API key": key, "Vault token": token, "real key": box.api_key, "real token": box.vault_token}
    seen = []
    unconnected.store.listen(lambda state: seen.append(repr(state)))
    for changes in (
        {"api_key": Secret(key, what="API key")},
        {"vault_token": Secret(token, what="Vault token")},
        {},
    ):
        unconnected.connection.connect(lambda changes=changes: connect_form(box, **changes))
        if changes:
            error = unconnected.store.last_error
            seen.append(VerboseTB().text(type(error), error, error.__traceback__))
            out = io.StringIO()
            traceback.TracebackException.from_exception(error, capture_locals=True).print(file=out)
            seen.append(out.getvalue())
    client_id = made_in_panel(unconnected, "panel-canaries", client_secret=True)
    canaries["client secret"] = unconnected.secrets.first().reveal()
    record = unconnected.connection.key_store.read(unconnected.connection.tenant.host, client_id)
    canaries["private key"] = record.current.private.reveal()
    seen += [repr(vars(controller)) for controller in vars(unconnected).values()]
    seen.append(repr(unconnected.new_client.last_made))
    assert find_canaries("\n".join(seen), canaries) == []
