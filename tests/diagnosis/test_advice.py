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


@pytest.mark.parametrize("name", ["plain", 'o\'brien & "sons"', "-dash", "--help"])
@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_commands_bear_the_names_that_are_meant(unhealthy_client, custody, name):
    unhealthy_client.name = f"{name} {custody}"
    made = qk.provision(
        unhealthy_client.tenant, unhealthy_client.store, name=unhealthy_client.name, scopes=["user_default"]
    )
    unhealthy_client.client_id = made.client_id
    FAULT_CASES["deleted"].inflict(unhealthy_client)
    advice = check_of(unhealthy_client.diagnose(), "client-exists").advice
    assert assert_commands_parse(advice) == 3
    _, clear, make = commands_in(advice)
    assert clear == ["delete", unhealthy_client.client_id, "--confirm", unhealthy_client.client_id]
    assert make[-1] == unhealthy_client.name


@pytest.mark.parametrize(
    ("fault_case", "custody"),
    [(FAULT_CASES["may not read"], "kv"), (IN_TRANSIT["may not sign"], "transit")],
    ids=["read", "sign"],
)
def test_the_policy_that_is_advised_suffices(unhealthy_client, fault_case, custody, capsys):
    unhealthy_client.make()
    fault_case.inflict(unhealthy_client)
    [words] = commands_in(check_of(unhealthy_client.diagnose(), "vault-rights").advice)
    capsys.readouterr()
    assert run(words, prog_name="qlik-keys") == 0
    unhealthy_client.rules = capsys.readouterr().out
    assert unhealthy_client.client_id in unhealthy_client.rules
    assert unhealthy_client.diagnose().is_healthy


def test_the_policy_is_for_the_stores_own_places(unhealthy_client, vault_operator, capsys):
    mount, prefix = "elsewhere", "team/keys"
    if f"{mount}/" not in vault_operator.sys.list_mounted_secrets_engines()["data"]:
        vault_operator.sys.enable_secrets_engine("kv", path=mount, options={"version": "2"})
    places = {"mount": mount, "prefix": prefix}
    with qk.VaultKeyStore(unhealthy_client.box.vault_url, token=unhealthy_client.box.vault_token, **places) as store:
        made = qk.provision(unhealthy_client.tenant, store, name="unhealthy-elsewhere", scopes=["user_default"])
        unhealthy_client.client_id, unhealthy_client.name, unhealthy_client.store_options = (
            made.client_id,
            "unhealthy-elsewhere",
            places,
        )
        unhealthy_client.rules = f'path "{mount}/metadata/*" {{ capabilities = ["list"] }}'
        [words] = commands_in(check_of(unhealthy_client.diagnose(), "vault-rights").advice)
        capsys.readouterr()
        run(words, prog_name="qlik-keys")
        unhealthy_client.rules = capsys.readouterr().out
        assert unhealthy_client.diagnose().is_healthy
        store.delete(unhealthy_client.tenant.host, unhealthy_client.client_id)


def test_what_is_left_of_a_client_that_is_gone_is_cleared_away_first(unhealthy_client):
    unhealthy_client.make()
    FAULT_CASES["deleted"].inflict(unhealthy_client)
    assert found(unhealthy_client.diagnose()) == ["client-exists"]
    qk.delete(
        unhealthy_client.tenant, unhealthy_client.store, unhealthy_client.client_id, confirm=unhealthy_client.client_id
    )
    made = qk.provision(
        unhealthy_client.tenant, unhealthy_client.store, name=unhealthy_client.name, scopes=["user_default"]
    )
    unhealthy_client.asked_for = unhealthy_client.name
    diagnosis = unhealthy_client.diagnose()
    assert (diagnosis.client_id, diagnosis.is_healthy) == (made.client_id, True)
    unhealthy_client.client_id = made.client_id


def test_a_record_that_was_destroyed_is_replaced_as_the_advice_says(unhealthy_client):
    unhealthy_client.make()
    MORE["destroyed"].inflict(unhealthy_client)
    advice = check_of(unhealthy_client.diagnose(), "store-record").advice
    assert commands_in(advice) == [["adopt", unhealthy_client.client_id]]
    qk.adopt(unhealthy_client.tenant, unhealthy_client.store, unhealthy_client.client_id)
    assert unhealthy_client.diagnose().is_healthy


def test_a_proxy_of_the_environment_is_named(unhealthy_client, monkeypatch):
    unhealthy_client.make()
    unhealthy_client.url = "https://acme.eu.qlikcloud.com"
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:correct-horse@127.0.0.1:9/")
    check = check_of(unhealthy_client.diagnose(), "tenant-url")
    assert check.verdict == "failed"
    assert "the proxy 127.0.0.1:9:" in check.advice
    assert "correct-horse" not in f"{check.why} {check.advice}"


def test_a_question_that_was_interrupted_changes_nothing(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.box.configure(fail_next=[{"fault": "lost_answer", "path": "/.well-known/*"}])
    check = check_of(unhealthy_client.diagnose(), "tenant-url")
    assert check.verdict == "failed"
    assert "took effect" not in f"{check.why} {check.advice}"


def test_a_redirect_says_to_which_host(unhealthy_client):
    unhealthy_client.make()

    def redirected(request, response):
        del request, response
        return httpx.Response(302, headers={"location": "https://login.example.com/sso?token=canary"})

    unhealthy_client.on_its_way = redirected
    check = check_of(unhealthy_client.diagnose(), "discovery")
    assert "login.example.com" in check.why
    assert "canary" not in f"{check.why} {check.advice}"


def test_another_path_is_no_other_name(unhealthy_client):
    unhealthy_client.make()
    MORE["another path"].inflict(unhealthy_client)
    assert "another name" not in check_of(unhealthy_client.diagnose(), "discovery").why


def test_a_pause_is_told_with_its_length(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.box.configure(fail_next=[{"fault": 429, "path": "/.well-known/*", "retry_after": 120}])
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["rate-budget"]
    assert "tier 1 for 120 seconds" in check_of(diagnosis, "rate-budget").why
    assert check_of(diagnosis, "login").verdict == "not_checked"  # it would wait for as long


def test_an_address_that_is_no_vaults_is_told_as_that(unhealthy_client):
    unhealthy_client.make()
    MORE["the tenant for a Vault"].inflict(unhealthy_client)
    assert "an answer that is not Vault's" in check_of(unhealthy_client.diagnose(), "store-record").why
