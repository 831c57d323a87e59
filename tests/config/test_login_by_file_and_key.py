"""The tenant's login without a secret in the environment: from files, or by a client's key in the Vault."""

from __future__ import annotations

import os

import pytest

from qlik_keys.config.settings import LOGIN_VARIABLES, Settings
from qlik_keys.errors import ConfigurationError

TENANT, OTHER = "https://acme.eu.qlikcloud.com", "https://globex.us.qlikcloud.com"
CANARY = "canary-5f1c9e"
VAULT = {"VAULT_ADDR": "https://vault.acme.example:8200", "VAULT_TOKEN": CANARY}


@pytest.fixture
def resolve(monkeypatch, tmp_path):
    def make(*, of="", **variables):
        for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_"))]:
            monkeypatch.delenv(name)
        for name, value in {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        return Settings.resolve(tenant_url=of or None)

    return make


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(f"{CANARY}\n")
    return str(path)


def test_an_api_key_and_a_client_secret_are_read_from_files(resolve, file):
    by_key = resolve(QLIK_TENANT_URL=TENANT, QLIK_API_KEY_FILE=file)
    assert (by_key.api_key.reveal(), by_key.sources["api_key"]) == (CANARY, "QLIK_API_KEY_FILE")
    by_secret = resolve(QLIK_TENANT_URL=TENANT, QLIK_CLIENT_ID="abc", QLIK_CLIENT_SECRET_FILE=file)
    assert by_secret.client_secret.reveal() == CANARY
    for settings, caller in ((by_key, "API key"), (by_secret, "client secret of client abc")):
        with settings.tenant() as tenant:
            assert tenant.caller == caller
        assert CANARY not in repr(settings)
        assert settings.notices == ()  # of the line end
    elsewhere = resolve(of=OTHER, QLIK_TENANT_URL=TENANT, QLIK_API_KEY_FILE=file)
    assert not elsewhere.has_credential
    assert any("ignored QLIK_API_KEY_FILE" in notice for notice in elsewhere.notices)


def test_a_client_whose_key_is_in_the_vault_logs_in_without_a_secret_of_the_tenant(resolve):
    settings = resolve(QLIK_TENANT_URL=TENANT, QLIK_KEYS_LOGIN_CLIENT="key-rotation", **VAULT)
    assert settings.has_credential
    with settings.tenant() as tenant:
        assert tenant.caller == "private-key JWT of client key-rotation"
    assert not resolve(of=OTHER, QLIK_TENANT_URL=TENANT, QLIK_KEYS_LOGIN_CLIENT="key-rotation", **VAULT).has_credential
    with pytest.raises(ConfigurationError, match="No Vault is configured"):
        resolve(QLIK_TENANT_URL=TENANT, QLIK_KEYS_LOGIN_CLIENT="key-rotation").tenant()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"QLIK_API_KEY": CANARY, "QLIK_API_KEY_FILE": "FILE"}, "QLIK_API_KEY and QLIK_API_KEY_FILE are both set"),
        ({"QLIK_API_KEY_FILE": "FILE", "QLIK_KEYS_LOGIN_CLIENT": "a"}, "QLIK_API_KEY_FILE and QLIK_KEYS_LOGIN_CLIENT"),
        ({"QLIK_CLIENT_ID": "a", "QLIK_KEYS_LOGIN_CLIENT": "b"}, "QLIK_CLIENT_ID and QLIK_KEYS_LOGIN_CLIENT are both"),
        ({"QLIK_CLIENT_SECRET_FILE": "FILE"}, "QLIK_CLIENT_SECRET_FILE is set, but no client id"),
        ({"QLIK_API_KEY_FILE": "/no"}, "QLIK_API_KEY_FILE names a file that cannot be read"),
        ({"QLIK_API_KEY_FILE": os.devnull}, "QLIK_API_KEY_FILE names a file that is empty"),
        ({"QLIK_API_KEY_FILE": "ODD"}, "QLIK_API_KEY_FILE contains a character that is not allowed"),
    ],
)
def test_what_is_not_one_login_is_refused_by_name_and_not_quoted(resolve, file, tmp_path, variables, message):
    (tmp_path / "odd").write_text(f"{CANARY}é", encoding="utf-8")
    places = {"FILE": file, "ODD": str(tmp_path / "odd")}
    with pytest.raises(ConfigurationError, match=message) as caught:
        resolve(QLIK_TENANT_URL=TENANT, **{name: places.get(value, value) for name, value in variables.items()})
    assert CANARY not in f"{caught.value}{caught.value.hint}"
    assert caught.value.hint


def test_a_program_with_a_token_of_its_own_gets_none_of_them():
    ours = {"QLIK_API_KEY_FILE", "QLIK_CLIENT_SECRET_FILE", "QLIK_KEYS_LOGIN_CLIENT", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}
    assert ours <= set(LOGIN_VARIABLES)
