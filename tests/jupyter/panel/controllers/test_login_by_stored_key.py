"""The tenant's login by a key in the Vault, and the Vault's login by the environment: no secret is typed."""

from __future__ import annotations

import os
import uuid

import hvac
import pytest
from fixtures.canaries import find_canaries
from fixtures.support import connect_form, newest_card

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
from qlik_keys.jupyter.panel.model.forms import TokenForm
from qlik_keys.jupyter.panel.views.connect import ConnectView

pytestmark = pytest.mark.openbao
PASSWORD = "canary-password-4d1f"  # of a user that this test makes


@pytest.fixture
def login_client(box):
    """A client of the sandbox that may administrate, with its key in the Vault."""
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        made = qk.provision(tenant, store, name=f"rotation-{uuid.uuid4().hex[:8]}", scopes=["admin_classic"])
        yield made, store.read(tenant.host, made.client_id).current.private.reveal()
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)


@pytest.fixture
def of_environment(monkeypatch, tmp_path):
    """Make the controllers of a panel that was opened with these variables."""
    ended = []

    def make(**variables):
        for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_"))]:
            monkeypatch.delenv(name)
        for name, value in {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        made = PanelControllers(settings=Settings.resolve(), run=lambda task: task())
        ended.append(made)
        return made

    yield make
    for each in ended:
        each.connection.end_session()


@pytest.fixture
def user(box):
    """A user of the Vault who may work with the keys; returns (the mount of the login, the user's name)."""
    mount = f"people-{uuid.uuid4().hex[:8]}"
    vault = hvac.Client(box.vault_url, token=box.vault_token)
    vault.sys.enable_auth_method("userpass", path=mount)
    rules = 'path "secret/*" { capabilities = ["create", "read", "update", "list"] }'
    vault.sys.create_or_update_policy(mount, rules)
    vault.auth.userpass.create_or_update_user("ada", PASSWORD, policies=[mount], mount_point=mount)
    yield mount, "ada"
    vault.sys.disable_auth_method(mount)
    vault.sys.delete_policy(mount)
    vault.adapter.close()


def test_a_panel_opened_where_a_schedule_runs_connects_with_nothing_typed(box, login_client, user, of_environment):
    made, private_key = login_client
    controllers = of_environment(
        QLIK_TENANT_URL=box.tenant_url,
        QLIK_KEYS_LOGIN_CLIENT=made.name,
        VAULT_ADDR=box.vault_url,
        VAULT_USERNAME=user[1],
        VAULT_PASSWORD=PASSWORD,
        QLIK_KEYS_VAULT_AUTH="userpass",
        QLIK_KEYS_VAULT_AUTH_MOUNT=user[0],
    )
    view = ConnectView(controllers)
    view.draw(controllers.state)
    assert (view._credential.value, view._login_client.value, view._login.value) == (
        "vault_key",
        made.name,
        "environment",
    )
    assert not view._connect.disabled
    seen = [repr(view._form())]
    controllers.store.listen(lambda state: seen.append(repr(state)))
    controllers.connection.connect(view._form)
    assert newest_card(controllers) is None
    tenant = controllers.connection.tenant
    assert tenant.caller == f"private-key JWT of client {made.name}"
    controllers.clients.refresh(wait=True)
    assert made.client_id in set(controllers.state.clients.frame["client_id"])
    controllers.token.request(TokenForm(client_id=made.client_id))
    seen += [repr(vars(each)) for each in vars(controllers).values()]
    canaries = {"private key": private_key, "password": PASSWORD, "Vault token": box.vault_token}
    assert find_canaries("\n".join(seen), canaries) == []
    view._vault_url.value = "https://elsewhere.example:8200"
    assert "a login for the Vault" in view._missing()


def test_a_client_is_typed_by_id_and_one_without_a_key_in_the_vault_says_what_to_do(unconnected, box, login_client):
    made, _ = login_client
    connection = unconnected.connection
    for client, words in (("", "No client to log in as"), ("no-such-client", "no-such-client")):
        connection.connect(lambda client=client: form_of(box, client))
        card = newest_card(unconnected)
        assert words in card.what
        assert card.hint
        assert (unconnected.state.connection, connection.tenant) == (None, None)
    connection.connect(lambda: form_of(box, made.client_id))
    assert newest_card(unconnected) is None
    qk.rotate(connection.tenant, connection.key_store, made.client_id)  # its own key too
    unconnected.clients.refresh(wait=True)
    assert newest_card(unconnected) is None


def form_of(box, client):
    return connect_form(box, credential="vault_key", api_key=None, login_client=client)


@pytest.mark.parametrize(
    ("variables", "changes", "words"),
    [
        ({"QLIK_KEYS_LOGIN_CLIENT": "rotation"}, {"credential": "api_key", "api_key": None}, "no credential"),
        (
            {"QLIK_CLIENT_ID": "ours", "QLIK_CLIENT_SECRET": "canary-secret-77"},
            {"credential": "client_secret", "client_id": "another", "client_secret": None},
            "no credential",
        ),
        ({"QLIK_KEYS_VAULT_AUTH": "userpass"}, {"vault_login": "environment"}, "VAULT_USERNAME is not set"),
    ],
)
def test_a_login_that_was_not_chosen_is_not_used(box, of_environment, variables, changes, words):
    controllers = of_environment(QLIK_TENANT_URL=box.tenant_url, VAULT_ADDR=box.vault_url, **variables)
    controllers.connection.connect(lambda: connect_form(box, **changes))
    assert words in newest_card(controllers).what


def test_the_login_of_the_environment_goes_to_its_own_vault_alone(box, of_environment):
    controllers = of_environment(
        QLIK_TENANT_URL=box.tenant_url, VAULT_ADDR="https://elsewhere.example:8200", QLIK_KEYS_VAULT_AUTH="kubernetes"
    )
    controllers.connection.connect(lambda: connect_form(box, vault_login="environment"))
    card = newest_card(controllers)
    assert "for another Vault" in card.what
    assert "VAULT_ADDR" in card.hint
