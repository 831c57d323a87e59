"""What the doctor advises can be done as it is said: its commands can be pasted, and no word is next to the point."""

from __future__ import annotations

import pytest
from fixtures.fault_cases import FAULT_CASES, IN_TRANSIT
from fixtures.own_commands import assert_commands_parse, commands_in
from fixtures.unhealthy_client import check_of, found

import qlik_keys as qk
from qlik_keys.cli.app import run

pytestmark = pytest.mark.openbao


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_commands_bear_the_names_that_are_meant(client, custody):
    for name in ("plain", 'o\'brien & "sons"', "-dash", "--help"):
        client.provision(f"{name} {custody}")
        FAULT_CASES["deleted"].inflict(client)
        advice = check_of(client.diagnose(), "client-exists").advice
        assert assert_commands_parse(advice) == 3
        _, clear, make = commands_in(advice)
        assert clear == ["delete", client.client_id, "--confirm", client.client_id]
        assert make[-1] == client.name


def policy_that_is_advised(client, capsys):
    [words] = commands_in(check_of(client.diagnose(), "vault-rights").advice)
    capsys.readouterr()
    assert run(words, prog_name="qlik-keys") == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault_case", "custody"),
    [(FAULT_CASES["may not read"], "kv"), (IN_TRANSIT["may not sign"], "transit")],
    ids=["read", "sign"],
)
def test_the_policy_that_is_advised_suffices(client, fault_case, custody, capsys):
    client.make()
    fault_case.inflict(client)
    client.rules = policy_that_is_advised(client, capsys)
    assert client.client_id in client.rules
    assert client.diagnose().is_healthy


def test_the_policy_is_for_the_stores_own_places(client, vault_operator, capsys):
    client.name, client.store_options = "unhealthy-elsewhere", {"mount": "elsewhere", "prefix": "team/keys"}
    vault_operator.sys.enable_secrets_engine("kv", path="elsewhere", options={"version": "2"})
    with qk.VaultKeyStore(client.box.vault_url, token=client.box.vault_token, **client.store_options) as store:
        client.client_id = qk.provision(client.tenant, store, name=client.name, scopes=["user_default"]).client_id
    client.rules = 'path "elsewhere/metadata/*" { capabilities = ["list"] }'
    client.rules = policy_that_is_advised(client, capsys)
    assert client.diagnose().is_healthy


def test_what_is_left_of_a_client_that_is_gone_is_cleared_away_first(client):
    client.make()
    FAULT_CASES["deleted"].inflict(client)
    assert found(client.diagnose()) == ["client-exists"]
    qk.delete(*client.everywhere, confirm=client.client_id)
    client.provision()
    client.asked_for = client.name
    diagnosis = client.diagnose()
    assert (diagnosis.client_id, diagnosis.is_healthy) == (client.client_id, True)


def test_a_proxy_of_the_environment_is_named(client, monkeypatch):
    client.make()
    client.url = "https://acme.eu.qlikcloud.com"
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:correct-horse@127.0.0.1:9/")
    check = check_of(client.diagnose(), "tenant-url")
    assert check.verdict == "failed"
    assert "the proxy 127.0.0.1:9:" in check.advice
    assert "correct-horse" not in f"{check.why} {check.advice}"
