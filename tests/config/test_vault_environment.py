"""Vault's own variables: each supported, refused by name, or ignored with a note; one table for docs and code."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from qlik_keys.config.environment import VARIABLES, as_markdown
from qlik_keys.config.settings import LOGIN_VARIABLES, Settings
from qlik_keys.config.vault_environment import METHODS, read_vault_environment, spellings
from qlik_keys.core.network.tls import Place
from qlik_keys.errors import ConfigurationError

ADDRESS = "https://vault.acme.example:8200"
CANARY = "canary-5f1c9e"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_"))]:
        monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):  # the second is Windows'
        monkeypatch.setenv(name, str(tmp_path))


def resolved(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.resolve()


def options(**variables):
    return read_vault_environment(variables).options()


def test_the_documentation_has_the_table_as_it_is():
    assert as_markdown() in (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")


def test_the_table_and_the_code_name_the_same_variables():
    name = re.compile(r"\"((?:QLIK|VAULT|ACTIONS|SSL|REQUESTS_CA|CURL_CA|HTTPS?|ALL|NO)_[A-Z_]+)\"")
    constants = {"NO_COLOR", "NO_PROTOCOLS_AVAILABLE", "HTTP_REQUEST"}
    found = set()
    for file in (ROOT / "qlik_keys").rglob("*.py"):
        if file.name != "environment.py":
            found |= set(name.findall(file.read_text(encoding="utf-8")))
    known = {each.name for each in VARIABLES}
    assert found - constants <= known
    assert known - found == {"HTTPS_PROXY", "ALL_PROXY"}  # which are made of their small letters
    assert len(VARIABLES) == len({each.name for each in VARIABLES})


# Every variable that the client libraries of Vault and OpenBao read (their package `api`, and the token helper).
OF_THE_CLIENTS = (
    *("ADDR", "AGENT_ADDR", "CACERT", "CACERT_BYTES", "CAPATH", "CLIENT_CERT", "CLIENT_KEY", "CLIENT_TIMEOUT"),
    *("HEADERS", "SRV_LOOKUP", "SKIP_VERIFY", "NAMESPACE", "TLS_SERVER_NAME", "WRAP_TTL", "MAX_RETRIES", "TOKEN"),
    *("TOKEN_PATH", "MFA", "RATE_LIMIT", "HTTP_PROXY", "PROXY_ADDR", "DISABLE_REDIRECTS"),
)


def test_no_variable_of_vaults_client_is_passed_over():
    for name in OF_THE_CLIENTS:
        assert f"VAULT_{name}" in {each.name for each in VARIABLES}
        assert spellings(f"VAULT_{name}") == (f"BAO_{name}", f"VAULT_{name}")


@pytest.mark.parametrize("prefix", ["VAULT", "BAO"])
def test_tls_proxy_and_time_out(prefix):
    set_here = {
        "CACERT": "/ca.pem",
        "CLIENT_CERT": "/me.pem",
        "CLIENT_KEY": "/me.key",
        "TLS_SERVER_NAME": "vault.acme.example",
        "PROXY_ADDR": "http://p:3128",
        "HTTP_PROXY": "http://other:3128",
        "CLIENT_TIMEOUT": "1m30s",
    }
    found = options(**{f"{prefix}_{name}": value for name, value in set_here.items()})
    proxy = found.pop("proxy")
    assert (proxy.reveal(), proxy.what) == ("http://p:3128", f"{prefix}_PROXY_ADDR")
    assert found == {
        "ca_cert": Place("/ca.pem", f"{prefix}_CACERT"),
        "client_cert": Place("/me.pem", f"{prefix}_CLIENT_CERT"),
        "client_key": Place("/me.key", f"{prefix}_CLIENT_KEY"),
        "tls_server_name": "vault.acme.example",
        "timeout_seconds": 90.0,
    }


def test_authorities_count_in_vaults_own_order():
    every = {"VAULT_CACERT_BYTES": "-----BEGIN CERTIFICATE-----", "VAULT_CACERT": "/ca.pem", "VAULT_CAPATH": "/folder"}
    while every:
        first = next(iter(every))
        assert options(**every)["ca_cert"].source == first
        del every[first]
    assert options(VAULT_CAPATH="/folder")["ca_cert"] == Place("/folder", "VAULT_CAPATH")


def test_a_time_out_as_vault_writes_it():
    for text, seconds in (("30", 30), ("30s", 30), ("1m30s", 90), ("2h", 7200), ("1.5s", 1.5), ("500ms", 0.5)):
        assert options(VAULT_CLIENT_TIMEOUT=text)["timeout_seconds"] == seconds
    for text in ("0", "-1", "soon", "30 s", "0s", "1s1m", "1d", "٣", "86401", "100000h"):
        with pytest.raises(ConfigurationError, match=r"^VAULT_CLIENT_TIMEOUT is not a valid time-out"):
            options(VAULT_CLIENT_TIMEOUT=text)


def test_an_agents_address_comes_first_and_its_socket_is_refused(monkeypatch):
    settings = resolved(monkeypatch, VAULT_ADDR=ADDRESS, VAULT_AGENT_ADDR="http://127.0.0.1:8100", VAULT_TOKEN="t")
    assert (settings.vault_url, settings.sources["vault_url"]) == ("http://127.0.0.1:8100", "VAULT_AGENT_ADDR")
    with pytest.raises(ConfigurationError, match="VAULT_AGENT_ADDR"):
        resolved(monkeypatch, VAULT_AGENT_ADDR="unix:///run/agent.sock")


def test_openbaos_name_counts_first_also_where_it_is_empty(monkeypatch):
    settings = resolved(monkeypatch, BAO_ADDR=ADDRESS, VAULT_TOKEN="v")
    assert (settings.vault_url, settings.vault_token.reveal()) == (ADDRESS, "v")
    more = {"VAULT_ADDR": ADDRESS + "/", "BAO_TOKEN": "b", "VAULT_NAMESPACE": "team", "BAO_NAMESPACE": ""}
    settings = resolved(monkeypatch, **more)
    assert (settings.vault_token.reveal(), settings.vault_namespace) == ("b", "")
    assert (settings.sources["vault_url"], settings.sources["vault_token"]) == ("BAO_ADDR", "BAO_TOKEN")
    # A token does not go to another server than the one that it stands next to.
    monkeypatch.delenv("BAO_TOKEN")
    settings = resolved(monkeypatch, VAULT_ADDR="https://other.example")
    assert (settings.vault_url, settings.vault_token) == (ADDRESS, None)
    assert any("ignored the VAULT_ variables" in notice for notice in settings.notices)


def test_another_file_for_the_token(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    settings = resolved(monkeypatch, VAULT_ADDR=ADDRESS, BAO_TOKEN_PATH=str(tmp_path / "token"))
    assert (settings.vault_token.reveal(), settings.sources["vault_token"]) == ("from-file", "BAO_TOKEN_PATH")


@pytest.mark.parametrize("prefix", ["VAULT", "BAO"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("SKIP_VERIFY", value) for value in ("1", "TRUE", "yes", "2")),
        ("SRV_LOOKUP", "true"),
        ("WRAP_TTL", "5m"),
        ("MFA", "totp:123456"),
        ("HEADERS", '{"x": "y"}'),
    ],
)
def test_an_unsupported_variable_is_refused_by_its_name_when_a_vault_is_called(monkeypatch, prefix, name, value):
    settings = resolved(monkeypatch, VAULT_ADDR=ADDRESS, VAULT_TOKEN="t", **{f"{prefix}_{name}": value})
    with pytest.raises(ConfigurationError) as caught:
        settings.store()
    assert caught.value.message.startswith(f"{prefix}_{name} ")
    assert "nset it" in caught.value.hint
    assert value not in caught.value.message or len(value) == 1


@pytest.mark.parametrize("value", ["0", "F", "False", ""])
def test_a_switch_that_is_off_is_no_matter(monkeypatch, value):
    switches = {"VAULT_SKIP_VERIFY": value, "BAO_SRV_LOOKUP": value}
    resolved(monkeypatch, VAULT_ADDR=ADDRESS, VAULT_TOKEN="t", **switches).store().close()


@pytest.mark.parametrize("name", ["VAULT_MAX_RETRIES", "BAO_RATE_LIMIT", "VAULT_DISABLE_REDIRECTS"])
def test_an_ignored_variable_is_reported(monkeypatch, name):
    settings = resolved(monkeypatch, VAULT_ADDR=ADDRESS, VAULT_TOKEN="t", **{name: "5"})
    assert any(notice.startswith(f"ignored {name}: ") for notice in settings.notices)
    settings.store().close()
    monkeypatch.delenv("VAULT_ADDR")
    assert Settings.resolve().notices == ()


def test_each_method_is_a_login():
    every = {"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID": CANARY, "VAULT_ROLE": "ci", "VAULT_JWT": CANARY}
    every |= {"VAULT_USERNAME": "ada", "VAULT_PASSWORD": CANARY}
    every |= {"ACTIONS_ID_TOKEN_REQUEST_URL": ADDRESS, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": CANARY}
    logins = {each: repr(read_vault_environment({**every, "QLIK_KEYS_VAULT_AUTH": each}).login()) for each in METHODS}
    assert logins == {
        "token": "None",
        "approle": "<AppRole at approle>",
        "kubernetes": "<KubernetesLogin ci at kubernetes>",
        "jwt": "<JwtLogin ci at jwt>",
        "github-actions": "<GitHubActionsLogin ci at jwt>",
        "userpass": "<UserPass ada at userpass>",
    }
    elsewhere = {**every, "QLIK_KEYS_VAULT_AUTH": "UserPass", "QLIK_KEYS_VAULT_AUTH_MOUNT": "ldap"}
    assert repr(read_vault_environment(elsewhere).login()) == "<UserPass ada at ldap>"
    assert CANARY not in repr(read_vault_environment(every))


@pytest.mark.parametrize(
    ("method", "variables", "message"),
    [
        ("oidc", {}, "names an unknown login method"),
        ("approle", {}, "VAULT_ROLE_ID is not set"),
        ("userpass", {"USERNAME": "ada"}, "VAULT_PASSWORD is not set"),
        ("kubernetes", {}, "VAULT_ROLE is not set"),
        ("jwt", {"ROLE": "ci"}, "VAULT_JWT is not set"),
        ("jwt", {"ROLE": "ci", "JWT": "j", "JWT_FILE": "/f"}, "VAULT_JWT and VAULT_JWT_FILE are both set"),
        ("approle", {"ROLE_ID": "r", "SECRET_ID_FILE": "/no"}, "VAULT_SECRET_ID_FILE names a file that cannot be read"),
        ("approle", {"ROLE_ID": "r", "SECRET_ID_FILE": os.devnull}, "VAULT_SECRET_ID_FILE names a file that is empty"),
        ("approle", {"ROLE_ID": "r", "TOKEN": CANARY}, "only one of them"),
    ],
)
def test_a_login_that_is_not_whole_is_refused_by_name(monkeypatch, method, variables, message):
    named = {f"VAULT_{name}": value for name, value in variables.items()}
    settings = resolved(monkeypatch, VAULT_ADDR=ADDRESS, QLIK_KEYS_VAULT_AUTH=method, **named)
    with pytest.raises(ConfigurationError, match=message) as caught:
        settings.store()
    assert CANARY not in str(caught.value)
    assert caught.value.hint


def test_a_token_that_is_an_argument_outranks_the_environments_login(monkeypatch):
    with pytest.raises(ConfigurationError, match="QLIK_KEYS_VAULT_AUTH"):  # without one the other logins are named
        resolved(monkeypatch, VAULT_ADDR=ADDRESS).store()
    monkeypatch.setenv("QLIK_KEYS_VAULT_AUTH", "approle")
    assert Settings.resolve(vault_url=ADDRESS, vault_token="t").vault_login()["token"].reveal() == "t"


def test_a_program_with_a_token_of_its_own_gets_none_of_the_logins():
    ours = {"QLIK_API_KEY", "QLIK_CLIENT_SECRET", "QLIK_KEYS_VAULT_AUTH", "VAULT_PASSWORD", "VAULT_JWT"}
    assert {*ours, "VAULT_TOKEN", "BAO_TOKEN", "VAULT_SECRET_ID", "BAO_SECRET_ID"} <= set(LOGIN_VARIABLES)
