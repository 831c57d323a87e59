"""Each fix does fix: the next diagnosis is healthy. None touches what it should not."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace
from datetime import timedelta

import pytest
from fixtures.fault_cases import FAULT_CASES, IN_TRANSIT, MORE, stop_at
from fixtures.unhealthy_client import check_of, found, other_key_as

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, ManualActionRequired, ResumeError, StoreDenied, TenantUnreachable
from qlik_keys.rules.fixes import FIXES

pytestmark = pytest.mark.openbao
FIXABLE = {name: fault_case for name, fault_case in {**FAULT_CASES, **MORE}.items() if fault_case.fix}
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])


def resume_ours(tenant, store):
    """Finish what can be: the sandbox is shared, and other tests leave damaged records in it on purpose."""
    with contextlib.suppress(ResumeError):
        qk.resume(tenant, store)


@BOTH
@pytest.mark.parametrize("name", FIXABLE)
def test_a_fix_fixes(unhealthy_client, custody, name):
    unhealthy_client.make()
    FIXABLE[name].inflict(unhealthy_client)
    tenant, store = unhealthy_client.doctors()
    [finding] = qk.doctor(tenant, store, unhealthy_client.client_id).findings
    assert finding.fix == FIXABLE[name].fix
    assert qk.fix(tenant, store, unhealthy_client.client_id, finding.fix)
    assert qk.doctor(tenant, store, unhealthy_client.client_id).findings == ()
    # A second click finds nothing to do, and harms nothing.
    assert qk.fix(tenant, store, unhealthy_client.client_id, finding.fix)
    assert qk.doctor(tenant, store, unhealthy_client.client_id).findings == ()


def test_every_fix_is_tried_here():
    assert {fault_case.fix for fault_case in FIXABLE.values()} == set(FIXES)


@BOTH
@pytest.mark.parametrize("step", ["bind", "record", "verify", "remove_pending"])
def test_an_interrupted_provisioning_is_finished(unhealthy_client, custody, step):
    unhealthy_client.name = f"unhealthy-cut-off-before-{step}-{custody}"
    options = {"name": unhealthy_client.name, "scopes": ["user_default"]}
    stop_at(
        unhealthy_client,
        step,
        lambda **told: qk.provision(unhealthy_client.tenant, unhealthy_client.store, **options, **told),
    )
    [client] = [
        each for each in unhealthy_client.tenant.oauth_clients.list() if each.client_name == unhealthy_client.name
    ]
    unhealthy_client.client_id = client.client_id
    tenant, store = unhealthy_client.doctors()
    finding = check_of(qk.doctor(tenant, store, unhealthy_client.client_id), "store-record")
    if finding.verdict == "failed":
        assert finding.fix == "resume"
    qk.fix(tenant, store, unhealthy_client.client_id, "resume")
    assert qk.doctor(tenant, store, unhealthy_client.client_id).findings == ()
    assert unhealthy_client.store.pending(unhealthy_client.tenant.host) == []


def test_a_client_that_was_never_registered_is_told_by_its_name(unhealthy_client):
    unhealthy_client.name = unhealthy_client.asked_for = "unhealthy-never-registered"
    options = {"name": unhealthy_client.name, "scopes": ["user_default"]}
    stop_at(
        unhealthy_client,
        "register",
        lambda **told: qk.provision(unhealthy_client.tenant, unhealthy_client.store, **options, **told),
    )
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["store-record"]
    assert not check_of(diagnosis, "store-record").fix  # it has no id that a fix could be given
    resume_ours(unhealthy_client.tenant, unhealthy_client.store)
    assert unhealthy_client.diagnose().is_healthy


def test_resume_touches_no_other_client(unhealthy_client):
    unhealthy_client.make()
    other = qk.provision(
        unhealthy_client.tenant, unhealthy_client.store, name=f"{unhealthy_client.name}-other", scopes=["user_default"]
    )
    for client_id in (unhealthy_client.client_id, other.client_id):
        stop_at(
            unhealthy_client,
            "publish",
            lambda i=client_id, **told: qk.rotate(unhealthy_client.tenant, unhealthy_client.store, i, **told),
        )
    qk.fix(unhealthy_client.tenant, unhealthy_client.store, unhealthy_client.client_id, "resume")
    assert not unhealthy_client.record.in_state("next")
    assert unhealthy_client.store.read(unhealthy_client.tenant.host, other.client_id).in_state("next")
    qk.delete(unhealthy_client.tenant, unhealthy_client.store, other.client_id, confirm=other.client_id)


def keys_of(unhealthy_client):
    registered = {key.kid for key in unhealthy_client.tenant.oauth_clients.get(unhealthy_client.client_id).public_keys}
    return registered, unhealthy_client.record


AT_ONCE = functools.partial(qk.rotate, overlap=timedelta(0))


@BOTH
@pytest.mark.parametrize(
    ("operation", "step", "words"),
    [
        (qk.revoke, "publish", "revoke, started by "),
        (qk.revoke, "promote", "revoke, started by "),
        (qk.revoke, "unpublish", "revoke, started by "),
        (qk.revoke, "retire", "revoke, started by "),
        (qk.revoke, "purge", "revoke, started by "),
        (AT_ONCE, "promote", "rotate, started by "),
    ],
)
def test_what_removes_a_key_is_finished_by_a_person(unhealthy_client, custody, operation, step, words):
    unhealthy_client.make()
    tenant, store, client_id = unhealthy_client.tenant, unhealthy_client.store, unhealthy_client.client_id
    stop_at(unhealthy_client, step, lambda **told: operation(tenant, store, client_id, **told))
    before = keys_of(unhealthy_client)
    [finding] = unhealthy_client.diagnose().findings
    assert (finding.name, finding.fix) == ("store-record", "")
    assert words in finding.why
    assert "`qlik-keys resume`" in finding.advice
    with pytest.raises(ManualActionRequired):
        qk.fix(tenant, store, client_id, "resume")
    assert keys_of(unhealthy_client) == before
    resume_ours(tenant, store)
    assert unhealthy_client.diagnose().is_healthy


def test_a_first_key_removes_nothing(unhealthy_client):
    unhealthy_client.register()
    tenant, store, client_id = unhealthy_client.tenant, unhealthy_client.store, unhealthy_client.client_id
    stop_at(unhealthy_client, "publish", lambda **told: qk.adopt(tenant, store, client_id, **told))
    [finding] = unhealthy_client.diagnose().findings
    assert (finding.name, finding.fix) == ("store-record", "resume")
    assert "adopt" in qk.fix(tenant, store, client_id, "resume")
    assert unhealthy_client.diagnose().is_healthy


def test_what_is_not_safe_is_refused(unhealthy_client):
    unhealthy_client.make()
    tenant, store, client_id = unhealthy_client.tenant, unhealthy_client.store, unhealthy_client.client_id
    for unknown in ("", "revoke", "client-exists"):
        with pytest.raises(ConfigurationError) as caught:
            qk.fix(tenant, store, client_id, unknown)
        assert "trust" in caught.value.hint
    # Another key under our key's name: with the method, its owner could log in.
    unhealthy_client.patch("/publicKeys", [other_key_as(unhealthy_client.record.current.kid)])
    unhealthy_client.patch("/allowedAuthMethods", ["client_secret"])
    with pytest.raises(ManualActionRequired):
        qk.fix(tenant, store, client_id, "method")
    assert tenant.oauth_clients.get(client_id).allowed_auth_methods == ("client_secret",)
    page = unhealthy_client.register(
        app_type="spa", allowed_grant_types=(), allowed_auth_methods=(), consent_method=None,
        redirect_uris=("https://example.com/",),
    ).client.client_id  # fmt: skip
    with pytest.raises(ManualActionRequired):
        qk.fix(tenant, store, page, "machine-to-machine")
    finding = check_of(qk.doctor(tenant, store, page), "machine-to-machine")
    assert (finding.verdict, finding.fix) == ("failed", "")
    tenant.oauth_clients.delete(client_id)


def by_tls(unhealthy_client):
    """The tenant's address with https, where it speaks http: it cannot be reached."""
    unhealthy_client.url = unhealthy_client.box.tenant_url.replace("http:", "https:")


@pytest.mark.parametrize(
    ("astray", "kind"),
    [
        (by_tls, TenantUnreachable),
        (FAULT_CASES["nothing listens"].inflict, TenantUnreachable),
        (MORE["a record under another name"].inflict, ManualActionRequired),
        (MORE["another path"].inflict, ManualActionRequired),
        (MORE["discovery refused"].inflict, ManualActionRequired),
    ],
)
def test_a_right_record_is_not_written_for_a_tenant_that_does_not_say_so(unhealthy_client, astray, kind):
    unhealthy_client.make()
    astray(unhealthy_client)
    tenant, store = unhealthy_client.doctors()
    before = store.read(tenant.host, unhealthy_client.client_id)
    [finding] = qk.doctor(tenant, store, unhealthy_client.client_id).findings
    assert (finding.name in ("tenant-url", "discovery"), finding.fix) == (True, "")
    store.write(replace(before, token_url=f"{before.token_url}/"))
    with pytest.raises(kind):
        qk.fix(tenant, store, unhealthy_client.client_id, "token-url")
    assert store.read(tenant.host, unhealthy_client.client_id).token_url == f"{before.token_url}/"


RIGHTS = ("trust", "machine-to-machine", "method")


def a_colleagues_web_app(unhealthy_client):
    unhealthy_client.register(allowed_grant_types=(), consent_method=None, redirect_uris=("https://app.example.com/",))


def a_colleagues_page(unhealthy_client):
    unhealthy_client.register(
        app_type="spa", allowed_grant_types=(), allowed_auth_methods=(), consent_method=None,
        redirect_uris=("https://example.com/",),
    )  # fmt: skip


def a_machine_that_logs_in_by_secret(unhealthy_client):
    unhealthy_client.register(consent_method=None)


def ours_with_a_strangers_key_alone(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.patch("/publicKeys", [other_key_as("a-strangers")])
    weaken(unhealthy_client)


def ours_with_a_strangers_key_next_to(unhealthy_client):
    unhealthy_client.make()
    [ours] = unhealthy_client.tenant.oauth_clients.get(unhealthy_client.client_id).public_keys
    unhealthy_client.patch("/publicKeys", [ours, other_key_as("a-strangers")])
    weaken(unhealthy_client)


def ours_whose_record_is_gone(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.store.delete(unhealthy_client.tenant.host, unhealthy_client.client_id)
    weaken(unhealthy_client)


def ours_in_whose_place_another_document_lies(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.operator.secrets.kv.v2.create_or_update_secret(
        unhealthy_client.path, secret={"password": "correct horse"}
    )
    weaken(unhealthy_client)


def weaken(unhealthy_client):
    unhealthy_client.patch("/allowedGrantTypes", ["urn:qlik:oauth:user-impersonation"])
    unhealthy_client.patch("/allowedAuthMethods", ["client_secret"])
    unhealthy_client.tenant.oauth_clients.set_consent(unhealthy_client.client_id, "required")


def rights_of(unhealthy_client):
    client = unhealthy_client.tenant.oauth_clients.get(unhealthy_client.client_id)
    consent = unhealthy_client.tenant.oauth_clients.connection_config(unhealthy_client.client_id).consent_method
    return client.allowed_grant_types, client.allowed_auth_methods, consent


@pytest.mark.parametrize(
    "strangers",
    [
        a_colleagues_web_app,
        a_colleagues_page,
        a_machine_that_logs_in_by_secret,
        ours_with_a_strangers_key_alone,
        ours_with_a_strangers_key_next_to,
        ours_whose_record_is_gone,
        ours_in_whose_place_another_document_lies,
    ],
)
def test_a_client_with_another_users_key_or_secret_gets_no_more_rights(unhealthy_client, strangers):
    strangers(unhealthy_client)
    before = rights_of(unhealthy_client)
    diagnosis = unhealthy_client.diagnose()
    assert not {check.fix for check in diagnosis.findings} & set(RIGHTS)
    assert all(check.advice for check in diagnosis.findings)
    tenant, store = unhealthy_client.doctors()
    for name in RIGHTS:
        with pytest.raises(ManualActionRequired) as caught:
            qk.fix(tenant, store, unhealthy_client.client_id, name)
        assert caught.value.hint
    assert rights_of(unhealthy_client) == before
    unhealthy_client.tenant.oauth_clients.delete(unhealthy_client.client_id)


@pytest.mark.parametrize("strangers", [a_colleagues_web_app, a_colleagues_page])
def test_who_lets_people_in_may_ask_them_for_consent(unhealthy_client, strangers):
    strangers(unhealthy_client)
    assert check_of(unhealthy_client.diagnose(), "consent").verdict == "not_checked"


def test_a_token_that_cannot_be_renewed_says_so(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.token_options = {"ttl": "5m", "renewable": False}
    tenant, store = unhealthy_client.doctors()
    with pytest.raises(StoreDenied):
        qk.fix(tenant, store, unhealthy_client.client_id, "renew-vault-token")


def test_the_lists_keep_what_they_had(unhealthy_client):
    unhealthy_client.make(impersonation=True)
    unhealthy_client.patch("/allowedGrantTypes", ["urn:qlik:oauth:user-impersonation"])
    said = qk.fix(unhealthy_client.tenant, unhealthy_client.store, unhealthy_client.client_id, "machine-to-machine")
    assert "client_credentials" in said
    client = unhealthy_client.tenant.oauth_clients.get(unhealthy_client.client_id)
    assert set(client.allowed_grant_types) == {"urn:qlik:oauth:user-impersonation", "client_credentials"}


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
    ],
)
def test_what_is_advised_in_words_fixes_too(unhealthy_client, client_keys, name, custody, operation):
    fault_case = {**FAULT_CASES, **IN_TRANSIT}[name]
    unhealthy_client.make(**({"key": client_keys["RS256"]} if fault_case.is_rsa else {}))
    fault_case.inflict(unhealthy_client)
    [finding] = unhealthy_client.diagnose().findings
    assert operation.__name__ in finding.advice.lower()
    operation(unhealthy_client.tenant, unhealthy_client.store, unhealthy_client.client_id)
    assert unhealthy_client.diagnose().findings == ()


def test_another_client_of_the_same_name_as_one_that_is_being_made(unhealthy_client):
    options = {"name": "unhealthy-of-two", "scopes": ["user_default"]}
    stop_at(
        unhealthy_client,
        "register",
        lambda **told: qk.provision(unhealthy_client.tenant, unhealthy_client.store, **options, **told),
    )
    unhealthy_client.register(client_name="unhealthy-of-two")
    finding = check_of(unhealthy_client.diagnose(), "store-record")
    assert (finding.verdict, finding.fix) == ("failed", "")
    assert "adopt" in finding.advice
    unhealthy_client.store.remove_pending(
        unhealthy_client.store.read_pending(unhealthy_client.tenant.host, "unhealthy-of-two")
    )
    unhealthy_client.tenant.oauth_clients.delete(unhealthy_client.client_id)
