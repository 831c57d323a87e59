"""Each fix does fix, and each advice: the next diagnosis is healthy. None touches what it should not."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace
from datetime import timedelta

import pytest
from fixtures.fault_cases import FAULT_CASES, IN_TRANSIT, MORE, make
from fixtures.own_commands import assert_commands_parse, commands_in
from fixtures.unhealthy_client import check_of, found, other_key_as

import qlik_keys as qk
from qlik_keys.cli.app import run
from qlik_keys.errors import ConfigurationError, ManualActionRequired, ResumeError, StoreDenied, TenantUnreachable
from qlik_keys.rules.fixes import FIXES

pytestmark = pytest.mark.openbao
FIXABLE = {name: fault_case for name, fault_case in {**FAULT_CASES, **MORE}.items() if fault_case.fix}
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])


def resume_ours(client):
    """Finish what can be: the sandbox is shared, and other tests leave damaged records in it on purpose."""
    with contextlib.suppress(ResumeError):
        qk.resume(client.tenant, client.store)


@BOTH
@pytest.mark.parametrize("name", FIXABLE)
def test_a_fix_fixes(client, custody, name):
    client.make()
    FIXABLE[name].inflict(client)
    tenant, store = client.doctors()
    [finding] = qk.doctor(tenant, store, client.client_id).findings
    assert finding.fix == FIXABLE[name].fix
    for _ in range(2):  # a second click finds nothing to do, and harms nothing
        assert qk.fix(tenant, store, client.client_id, finding.fix)
        assert qk.doctor(tenant, store, client.client_id).findings == ()


def test_every_fix_is_tried_here():
    assert {fault_case.fix for fault_case in FIXABLE.values()} == set(FIXES)


@pytest.mark.parametrize(
    ("step", "custody"), [("bind", "transit"), ("record", "kv"), ("verify", "transit"), ("remove_pending", "kv")]
)
def test_an_interrupted_provisioning_is_finished(client, step):
    client.stop_provisioning(f"unhealthy-interrupted-before-{step}", step)
    [interrupted] = [each for each in client.tenant.oauth_clients.list() if each.client_name == client.name]
    client.client_id = interrupted.client_id
    finding = check_of(client.diagnose(), "store-record")
    if finding.verdict == "failed":
        assert finding.fix == "resume"
    client.fix("resume")
    assert client.diagnose().findings == ()
    assert client.store.pending(client.tenant.host) == []


def test_a_client_that_was_never_registered_is_told_by_its_name(client):
    client.asked_for = "unhealthy-never-registered"
    client.stop_provisioning(client.asked_for, "register")
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["store-record"]
    assert not check_of(diagnosis, "store-record").fix  # it has no id that a fix could be given
    resume_ours(client)
    assert client.diagnose().is_healthy


def test_resume_touches_no_other_client(client):
    other = client.provision("unhealthy-other").client_id
    client.stop("publish", qk.rotate)
    client.make()
    client.stop("publish", qk.rotate)
    client.fix("resume")
    assert not client.record.in_state("next")
    assert client.store.read(client.tenant.host, other).in_state("next")
    qk.delete(client.tenant, client.store, other, confirm=other)


def keys_of(client):
    return {key.kid for key in client.registered.public_keys}, client.record


AT_ONCE = functools.partial(qk.rotate, overlap=timedelta(0))


@pytest.mark.parametrize(
    ("operation", "step", "words", "custody"),
    [
        (qk.revoke, "publish", "revoke, started by ", "kv"),
        (qk.revoke, "promote", "revoke, started by ", "transit"),
        (qk.revoke, "unpublish", "revoke, started by ", "kv"),
        (qk.revoke, "retire", "revoke, started by ", "transit"),
        (qk.revoke, "purge", "revoke, started by ", "kv"),
        (AT_ONCE, "promote", "rotate, started by ", "transit"),
    ],
)
def test_what_removes_a_key_is_finished_by_a_person(client, operation, step, words):
    client.make()
    client.stop(step, operation)
    before = keys_of(client)
    [finding] = client.diagnose().findings
    assert (finding.name, finding.fix) == ("store-record", "")
    assert words in finding.why
    assert "`qlik-keys resume`" in finding.advice
    with pytest.raises(ManualActionRequired):
        client.fix("resume")
    assert keys_of(client) == before
    resume_ours(client)
    assert client.diagnose().is_healthy


def test_a_first_key_removes_nothing(client):
    client.register()
    client.stop("publish", qk.adopt)
    [finding] = client.diagnose().findings
    assert (finding.name, finding.fix) == ("store-record", "resume")
    assert "adopt" in client.fix("resume")
    assert client.diagnose().is_healthy


def a_colleagues_web_app(client):
    client.register(allowed_grant_types=(), consent_method=None, redirect_uris=("https://app.example.com/",))


def a_colleagues_page(client):
    nothing = {"allowed_grant_types": (), "allowed_auth_methods": (), "consent_method": None}
    client.register(app_type="spa", redirect_uris=("https://example.com/",), **nothing)


def test_what_is_not_safe_is_refused(client):
    client.make()
    for unknown in ("", "revoke", "client-exists"):
        with pytest.raises(ConfigurationError) as caught:
            client.fix(unknown)
        assert "trust" in caught.value.hint
    # Another key under our key's name: with the method, its owner could log in.
    client.patch("/publicKeys", [other_key_as(client.record.current.kid)])
    client.patch("/allowedAuthMethods", ["client_secret"])
    with pytest.raises(ManualActionRequired):
        client.fix("method")
    assert client.registered.allowed_auth_methods == ("client_secret",)
    client.tenant.oauth_clients.delete(client.client_id)


@pytest.mark.parametrize(
    ("astray", "kind"),
    [
        (FAULT_CASES["nothing listens"].inflict, TenantUnreachable),
        (MORE["a record under another name"].inflict, ManualActionRequired),
        (MORE["another path"].inflict, ManualActionRequired),
        (MORE["discovery refused"].inflict, ManualActionRequired),
    ],
)
def test_a_right_record_is_not_written_for_a_tenant_that_does_not_say_so(client, astray, kind):
    client.make()
    astray(client)
    tenant, store = client.doctors()
    before = store.read(tenant.host, client.client_id)
    [finding] = qk.doctor(tenant, store, client.client_id).findings
    assert (finding.name in ("tenant-url", "discovery"), finding.fix) == (True, "")
    store.write(replace(before, token_url=f"{before.token_url}/"))
    with pytest.raises(kind):
        qk.fix(tenant, store, client.client_id, "token-url")
    assert store.read(tenant.host, client.client_id).token_url == f"{before.token_url}/"


RIGHTS = ("trust", "machine-to-machine", "method")


def a_machine_that_logs_in_by_secret(client):
    client.register(consent_method=None)


def weakened(change):
    """A client that qlik_keys manages and that was changed, and has less rights than it needs."""

    def make(client):
        client.make()
        change(client)
        client.patch("/allowedGrantTypes", ["urn:qlik:oauth:user-impersonation"])
        client.patch("/allowedAuthMethods", ["client_secret"])
        client.set_consent("required")

    return make


def rights_of(client):
    consent = client.tenant.oauth_clients.connection_config(client.client_id).consent_method
    return client.registered.allowed_grant_types, client.registered.allowed_auth_methods, consent


STRANGERS = {
    "a colleague's web app": a_colleagues_web_app,
    "a colleague's page": a_colleagues_page,
    "a machine by secret": a_machine_that_logs_in_by_secret,
    "a stranger's key alone": weakened(lambda client: client.patch("/publicKeys", [other_key_as("a-strangers")])),
    "a stranger's key next to ours": weakened(
        lambda client: client.patch("/publicKeys", [*client.registered.public_keys, other_key_as("a-strangers")])
    ),
    "no record": weakened(FAULT_CASES["no record"].inflict),
    "another program's document": weakened(MORE["a document of another program"].inflict),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_client_with_another_users_key_or_secret_gets_no_more_rights(client, name):
    STRANGERS[name](client)
    before = rights_of(client)
    diagnosis = client.diagnose()
    assert not {check.fix for check in diagnosis.findings} & set(RIGHTS)
    assert all(check.advice for check in diagnosis.findings)
    if name.startswith("a colleague's"):  # what lets people in may ask them for consent
        assert check_of(diagnosis, "consent").verdict == "not_checked"
        assert check_of(diagnosis, "machine-to-machine").verdict == "failed"
    tenant, store = client.doctors()
    for right in RIGHTS:
        with pytest.raises(ManualActionRequired) as caught:
            qk.fix(tenant, store, client.client_id, right)
        assert caught.value.hint
    assert rights_of(client) == before
    client.tenant.oauth_clients.delete(client.client_id)


def test_a_token_that_cannot_be_renewed_says_so(client):
    client.make()
    client.token_options = {"ttl": "5m", "renewable": False}
    tenant, store = client.doctors()
    with pytest.raises(StoreDenied):
        qk.fix(tenant, store, client.client_id, "renew-vault-token")


def test_the_lists_keep_what_they_had(client):
    client.make(impersonation=True)
    client.patch("/allowedGrantTypes", ["urn:qlik:oauth:user-impersonation"])
    assert "client_credentials" in client.fix("machine-to-machine")
    assert set(client.registered.allowed_grant_types) == {"urn:qlik:oauth:user-impersonation", "client_credentials"}


@pytest.mark.parametrize(
    ("name", "custody", "operation"),
    [
        ("another key", "kv", qk.revoke),
        ("another key", "transit", qk.revoke),
        ("under its name", "kv", qk.revoke),
        ("under its name", "transit", qk.revoke),
        ("algorithm", "kv", qk.rotate),
        ("rotated in the engine", "transit", qk.revoke),
        ("gone from the engine", "transit", qk.revoke),
        ("destroyed", "kv", qk.adopt),
    ],
)
def test_what_is_advised_in_words_fixes_too(client, client_keys, name, custody, operation):
    fault_case = {**FAULT_CASES, **IN_TRANSIT, **MORE}[name]
    make(client, client_keys, fault_case)
    [finding] = client.diagnose().findings
    assert operation.__name__ in finding.advice.lower()
    operation(*client.everywhere)
    assert client.diagnose().findings == ()


def test_another_client_of_the_same_name_as_one_that_is_being_made(client):
    client.stop_provisioning("unhealthy-of-two", "register")
    client.register(client_name="unhealthy-of-two")
    finding = check_of(client.diagnose(), "store-record")
    assert (finding.verdict, finding.fix) == ("failed", "")
    assert "adopt" in finding.advice
    client.store.remove_pending(client.store.read_pending(client.tenant.host, "unhealthy-of-two"))
    client.tenant.oauth_clients.delete(client.client_id)


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_commands_bear_the_names_that_are_meant(client, custody):
    for name in ("plain", 'o\'brien & "sons"', "-dash", "--help"):
        client.provision(f"{name} {custody}")
        FAULT_CASES["deleted"].inflict(client)
        advice = check_of(client.diagnose(), "client-exists").advice
        assert assert_commands_parse(advice) == 3
        _, clear, again = commands_in(advice)
        assert clear == ["delete", client.client_id, "--confirm", client.client_id]
        assert again[-1] == client.name


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
