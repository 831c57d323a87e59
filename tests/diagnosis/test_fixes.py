"""Each fix does fix: the next diagnosis is healthy. None touches what it should not."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace
from datetime import timedelta

import pytest
from fixtures.fault_cases import ILLNESSES, IN_TRANSIT, MORE, stop_at
from fixtures.unhealthy_client import check_of, found, other_key_as

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, ManualActionRequired, ResumeError, StoreDenied, TenantUnreachable
from qlik_keys.rules.fixes import FIXES

pytestmark = pytest.mark.openbao
MENDABLE = {name: illness for name, illness in {**ILLNESSES, **MORE}.items() if illness.fix}
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])


def resume_ours(tenant, store):
    """Finish what can be: the sandbox is shared, and other tests leave damaged records in it on purpose."""
    with contextlib.suppress(ResumeError):
        qk.resume(tenant, store)


@BOTH
@pytest.mark.parametrize("name", MENDABLE)
def test_a_fix_fixes(patient, custody, name):
    patient.make()
    MENDABLE[name].inflict(patient)
    tenant, store = patient.doctors()
    [finding] = qk.doctor(tenant, store, patient.client_id).findings
    assert finding.fix == MENDABLE[name].fix
    assert qk.fix(tenant, store, patient.client_id, finding.fix)
    assert qk.doctor(tenant, store, patient.client_id).findings == ()
    # A second click finds nothing to do, and harms nothing.
    assert qk.fix(tenant, store, patient.client_id, finding.fix)
    assert qk.doctor(tenant, store, patient.client_id).findings == ()


def test_every_fix_is_tried_here():
    assert {illness.fix for illness in MENDABLE.values()} == set(FIXES)


@BOTH
@pytest.mark.parametrize("step", ["bind", "record", "verify", "remove_pending"])
def test_a_client_whose_making_was_cut_off_is_finished(patient, custody, step):
    patient.name = f"patient-cut-off-before-{step}-{custody}"
    wishes = {"name": patient.name, "scopes": ["user_default"]}
    stop_at(patient, step, lambda **told: qk.provision(patient.tenant, patient.store, **wishes, **told))
    [client] = [each for each in patient.tenant.oauth_clients.list() if each.client_name == patient.name]
    patient.client_id = client.client_id
    tenant, store = patient.doctors()
    finding = check_of(qk.doctor(tenant, store, patient.client_id), "store-record")
    if finding.verdict == "failed":
        assert finding.fix == "resume"
    qk.fix(tenant, store, patient.client_id, "resume")
    assert qk.doctor(tenant, store, patient.client_id).findings == ()
    assert patient.store.pending(patient.tenant.host) == []


def test_a_client_that_was_never_registered_is_told_by_its_name(patient):
    patient.name = patient.asked_for = "patient-never-registered"
    wishes = {"name": patient.name, "scopes": ["user_default"]}
    stop_at(patient, "register", lambda **told: qk.provision(patient.tenant, patient.store, **wishes, **told))
    diagnosis = patient.diagnose()
    assert found(diagnosis) == ["store-record"]
    assert not check_of(diagnosis, "store-record").fix  # it has no id that a fix could be given
    resume_ours(patient.tenant, patient.store)
    assert patient.diagnose().is_healthy


def test_resume_touches_no_other_client(patient):
    patient.make()
    other = qk.provision(patient.tenant, patient.store, name=f"{patient.name}-other", scopes=["user_default"])
    for client_id in (patient.client_id, other.client_id):
        stop_at(patient, "publish", lambda i=client_id, **told: qk.rotate(patient.tenant, patient.store, i, **told))
    qk.fix(patient.tenant, patient.store, patient.client_id, "resume")
    assert not patient.record.in_state("next")
    assert patient.store.read(patient.tenant.host, other.client_id).in_state("next")
    qk.delete(patient.tenant, patient.store, other.client_id, confirm=other.client_id)


def keys_of(patient):
    registered = {key.kid for key in patient.tenant.oauth_clients.get(patient.client_id).public_keys}
    return registered, patient.record


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
def test_what_takes_a_key_away_is_finished_by_a_person(patient, custody, operation, step, words):
    patient.make()
    tenant, store, client_id = patient.tenant, patient.store, patient.client_id
    stop_at(patient, step, lambda **told: operation(tenant, store, client_id, **told))
    before = keys_of(patient)
    [finding] = patient.diagnose().findings
    assert (finding.name, finding.fix) == ("store-record", "")
    assert words in finding.why
    assert "`qlik-keys resume`" in finding.advice
    with pytest.raises(ManualActionRequired):
        qk.fix(tenant, store, client_id, "resume")
    assert keys_of(patient) == before
    resume_ours(tenant, store)
    assert patient.diagnose().is_healthy


def test_a_first_key_takes_nothing_away(patient):
    patient.register()
    tenant, store, client_id = patient.tenant, patient.store, patient.client_id
    stop_at(patient, "publish", lambda **told: qk.adopt(tenant, store, client_id, **told))
    [finding] = patient.diagnose().findings
    assert (finding.name, finding.fix) == ("store-record", "resume")
    assert "adopt" in qk.fix(tenant, store, client_id, "resume")
    assert patient.diagnose().is_healthy


def test_what_is_not_safe_is_refused(patient):
    patient.make()
    tenant, store, client_id = patient.tenant, patient.store, patient.client_id
    for unknown in ("", "revoke", "client-exists"):
        with pytest.raises(ConfigurationError) as caught:
            qk.fix(tenant, store, client_id, unknown)
        assert "trust" in caught.value.hint
    # Another key under our key's name: with the method, its owner could log in.
    patient.patch("/publicKeys", [other_key_as(patient.record.current.kid)])
    patient.patch("/allowedAuthMethods", ["client_secret"])
    with pytest.raises(ManualActionRequired):
        qk.fix(tenant, store, client_id, "method")
    assert tenant.oauth_clients.get(client_id).allowed_auth_methods == ("client_secret",)
    page = patient.register(
        app_type="spa", allowed_grant_types=(), allowed_auth_methods=(), consent_method=None,
        redirect_uris=("https://example.com/",),
    ).client.client_id  # fmt: skip
    with pytest.raises(ManualActionRequired):
        qk.fix(tenant, store, page, "machine-to-machine")
    finding = check_of(qk.doctor(tenant, store, page), "machine-to-machine")
    assert (finding.verdict, finding.fix) == ("failed", "")
    tenant.oauth_clients.delete(client_id)


def by_tls(patient):
    """The tenant's address with https, where it speaks http: it cannot be reached."""
    patient.url = patient.box.tenant_url.replace("http:", "https:")


@pytest.mark.parametrize(
    ("astray", "kind"),
    [
        (by_tls, TenantUnreachable),
        (ILLNESSES["nothing listens"].inflict, TenantUnreachable),
        (MORE["a record under another name"].inflict, ManualActionRequired),
        (MORE["another path"].inflict, ManualActionRequired),
        (MORE["discovery refused"].inflict, ManualActionRequired),
    ],
)
def test_a_right_record_is_not_written_for_a_tenant_that_does_not_say_so(patient, astray, kind):
    patient.make()
    astray(patient)
    tenant, store = patient.doctors()
    before = store.read(tenant.host, patient.client_id)
    [finding] = qk.doctor(tenant, store, patient.client_id).findings
    assert (finding.name in ("tenant-url", "discovery"), finding.fix) == (True, "")
    store.write(replace(before, token_url=f"{before.token_url}/"))
    with pytest.raises(kind):
        qk.fix(tenant, store, patient.client_id, "token-url")
    assert store.read(tenant.host, patient.client_id).token_url == f"{before.token_url}/"


RIGHTS = ("trust", "machine-to-machine", "method")


def a_colleagues_web_app(patient):
    patient.register(allowed_grant_types=(), consent_method=None, redirect_uris=("https://app.example.com/",))


def a_colleagues_page(patient):
    patient.register(
        app_type="spa", allowed_grant_types=(), allowed_auth_methods=(), consent_method=None,
        redirect_uris=("https://example.com/",),
    )  # fmt: skip


def a_machine_that_logs_in_by_secret(patient):
    patient.register(consent_method=None)


def ours_with_a_strangers_key_alone(patient):
    patient.make()
    patient.patch("/publicKeys", [other_key_as("a-strangers")])
    weaken(patient)


def ours_with_a_strangers_key_next_to(patient):
    patient.make()
    [ours] = patient.tenant.oauth_clients.get(patient.client_id).public_keys
    patient.patch("/publicKeys", [ours, other_key_as("a-strangers")])
    weaken(patient)


def ours_whose_record_is_gone(patient):
    patient.make()
    patient.store.delete(patient.tenant.host, patient.client_id)
    weaken(patient)


def ours_in_whose_place_another_document_lies(patient):
    patient.make()
    patient.operator.secrets.kv.v2.create_or_update_secret(patient.path, secret={"password": "correct horse"})
    weaken(patient)


def weaken(patient):
    patient.patch("/allowedGrantTypes", ["urn:qlik:oauth:user-impersonation"])
    patient.patch("/allowedAuthMethods", ["client_secret"])
    patient.tenant.oauth_clients.set_consent(patient.client_id, "required")


def rights_of(patient):
    client = patient.tenant.oauth_clients.get(patient.client_id)
    consent = patient.tenant.oauth_clients.connection_config(patient.client_id).consent_method
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
def test_nobody_elses_key_or_secret_gets_more_rights(patient, strangers):
    strangers(patient)
    before = rights_of(patient)
    diagnosis = patient.diagnose()
    assert not {check.fix for check in diagnosis.findings} & set(RIGHTS)
    assert all(check.advice for check in diagnosis.findings)
    tenant, store = patient.doctors()
    for name in RIGHTS:
        with pytest.raises(ManualActionRequired) as caught:
            qk.fix(tenant, store, patient.client_id, name)
        assert caught.value.hint
    assert rights_of(patient) == before
    patient.tenant.oauth_clients.delete(patient.client_id)


@pytest.mark.parametrize("strangers", [a_colleagues_web_app, a_colleagues_page])
def test_who_lets_people_in_may_ask_them_for_consent(patient, strangers):
    strangers(patient)
    assert check_of(patient.diagnose(), "consent").verdict == "not_checked"


def test_a_token_that_cannot_be_renewed_says_so(patient):
    patient.make()
    patient.token_options = {"ttl": "5m", "renewable": False}
    tenant, store = patient.doctors()
    with pytest.raises(StoreDenied):
        qk.fix(tenant, store, patient.client_id, "renew-vault-token")


def test_the_lists_keep_what_they_had(patient):
    patient.make(impersonation=True)
    patient.patch("/allowedGrantTypes", ["urn:qlik:oauth:user-impersonation"])
    said = qk.fix(patient.tenant, patient.store, patient.client_id, "machine-to-machine")
    assert "client_credentials" in said
    client = patient.tenant.oauth_clients.get(patient.client_id)
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
def test_what_is_advised_in_words_fixes_too(patient, client_keys, name, custody, operation):
    illness = {**ILLNESSES, **IN_TRANSIT}[name]
    patient.make(**({"key": client_keys["RS256"]} if illness.is_rsa else {}))
    illness.inflict(patient)
    [finding] = patient.diagnose().findings
    assert operation.__name__ in finding.advice.lower()
    operation(patient.tenant, patient.store, patient.client_id)
    assert patient.diagnose().findings == ()


def test_another_client_of_the_same_name_as_one_that_is_being_made(patient):
    wishes = {"name": "patient-of-two", "scopes": ["user_default"]}
    stop_at(patient, "register", lambda **told: qk.provision(patient.tenant, patient.store, **wishes, **told))
    patient.register(client_name="patient-of-two")
    finding = check_of(patient.diagnose(), "store-record")
    assert (finding.verdict, finding.fix) == ("failed", "")
    assert "adopt" in finding.advice
    patient.store.remove_pending(patient.store.read_pending(patient.tenant.host, "patient-of-two"))
    patient.tenant.oauth_clients.delete(patient.client_id)
