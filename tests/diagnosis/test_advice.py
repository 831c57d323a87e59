"""What the doctor advises can be done as it is said: its commands can be pasted, and no word is next to the point."""

from __future__ import annotations

import httpx
import pytest
from fixtures.fault_cases import FAULT_CASES, IN_TRANSIT, MORE
from fixtures.own_commands import assert_commands_parse, assert_parses, commands_in
from fixtures.unhealthy_client import check_of, found

import qlik_keys as qk
from qlik_keys.cli.app import run

pytestmark = pytest.mark.openbao


def test_a_command_that_is_none_is_found_out():
    for words in ("vault-policy consumer", "vault-policy", "revoke", "delete", "no-such-command"):
        with pytest.raises(Exception):  # noqa: B017  # typer's click has no public names for its errors
            assert_parses(words.split())
    assert_parses(["oauth-client", "get", "an-id"])


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


def test_a_redirect_says_to_which_host(client):
    client.make()
    elsewhere = {"location": "https://login.example.com/sso?token=canary"}
    client.on_its_way = lambda *_: httpx.Response(302, headers=elsewhere)
    check = check_of(client.diagnose(), "discovery")
    assert "login.example.com" in check.why
    assert "canary" not in f"{check.why} {check.advice}"


def test_a_pause_is_told_with_its_length(client):
    client.make()
    client.box.configure(fail_next=[{"fault": 429, "path": "/.well-known/*", "retry_after": 120}])
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["rate-budget"]
    assert "tier 1 for 120 seconds" in check_of(diagnosis, "rate-budget").why
    assert check_of(diagnosis, "login").verdict == "not_checked"  # it would wait for as long


def test_what_is_at_the_address_is_told_as_what_it_is(client):
    client.make()
    MORE["another path"].inflict(client)
    assert "another name" not in check_of(client.diagnose(), "discovery").why
    client.box.configure(fail_next=[{"fault": "lost_answer", "path": "/.well-known/*"}])
    check = check_of(client.diagnose(), "tenant-url")
    assert check.verdict == "failed"
    assert "took effect" not in f"{check.why} {check.advice}"  # a question changes nothing
    MORE["the tenant for a Vault"].inflict(client)
    assert "an answer that is not Vault's" in check_of(client.diagnose(), "store-record").why
