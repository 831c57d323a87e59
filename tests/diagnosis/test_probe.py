"""The probe: what it measures on each kind of tenant, that it leaves nothing, and that its report tells no secret."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from fixtures.cli_terminal import in_a_pipe
from fixtures.support import environment_of

import qlik_keys as qk
from qlik_keys import errors
from qlik_keys.diagnosis.probe.assumptions import ASSUMPTIONS
from qlik_keys.diagnosis.probe.results import Anonymizer
from qlik_keys.diagnosis.probe.throwaway import DESCRIPTION, NAME, leftovers
from qlik_keys.tenant import NewOAuthClient, eq

SIX_HOURS = "21600 seconds (expires_in) and expires_at"
ONE_HOUR = "3600 seconds (expires_in) and expires_at"
ONE_TRY = qk.tenant.RetryPolicy(attempts=1)
USUAL = {
    "api-version": "accepted, nothing is deprecated",
    "host-names": "1 in all, number 1 is in use",
    "users-me": "redirects to the user's own address on the same host",
    "page-length": "100 at most",
    "next-page": "a whole address with the parameter next",
    "token-list": "a list",
    "events": "a list",
    "refusals": "13 bodies, below",
    "client": "made",
    "client-id": "32 hexadecimal digits",
    "first-login": "at once",
    "token": f"with a key {SIX_HOURS}; with a client secret {SIX_HOURS}",
    "machine-tokens": "those of its bot user",
    "empty-scope": "all scopes of the client",
    "filters": "finds it, in any case",
    "absent-member": "refused",
    "keys-form": "objects",
    "new-key": "at once",
    "removed-key": "not at all",
    "most-keys": "6 or more",
    "replayed-jti": "refused",
    "audiences": "the one in use",
    "login-events": "com.qlik.oauth-token.issued",
    "after-deletion": "its token and its bot user",
}


@pytest.fixture(scope="module")
def box():
    """A sandbox of this file's own: its settings are turned while clients are probed."""
    with qk.sandbox.start() as started:
        with qk.QlikTenant(started.tenant_url, credential=qk.ApiKey(started.api_key)) as tenant:
            for name in ("one", "another"):
                tenant.oauth_clients.create(NewOAuthClient(app_type="native", client_name=name))
        yield started


@pytest.fixture
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant
        assert [*leftovers(tenant)] == []


@pytest.fixture
def store(box):
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store:
        yield store


@pytest.fixture
def configure(box):
    usual = {}

    def turn(**settings):
        from qlik_keys.sandbox.simulator.settings import SandboxSettings

        usual.update({name: getattr(SandboxSettings(), name) for name in settings})
        box.configure(**settings)

    yield turn
    box.configure(**usual)


def test_a_tenant_as_documented_is_as_expected(tenant, store):
    looks, earlier = [], len(tenant.users.search(NAME, limit=100))
    report = qk.probe(tenant, store, confirm=tenant.host, on_look=lambda *told: looks.append(told))
    assert {one.name: one.seen for one in report.observations} == USUAL
    assert [one.name for one in report.observations] == [*ASSUMPTIONS]
    assert (report.differences, report.is_read_only, report.api_version) == ((), False, "2026-11")
    assert report.requests <= 75 + earlier  # whether a probe that was killed has left a living token
    assert [done for _, done, _ in looks] == [*range(len(looks))]
    assert {total for _, _, total in looks} == {len(ASSUMPTIONS)}
    profile = store.read_profile(tenant.host)
    assert (profile.keys_form, profile.maximum_keys, profile.audiences) == ("objects", None, (tenant.token_url,))
    assert (profile.key_accepted_seconds, profile.key_refused_seconds) == (0.0, 0.0)
    assert len(report.seen("refusals").details) == 13
    body = report.seen("refusals").details["no such client"]
    assert (body["status"], body["body"]["errors"][0]["title"]) == (404, "Not found")


@pytest.mark.parametrize(
    ("settings", "name", "seen"),
    [
        ({"keys_form": "texts"}, "keys-form", "texts"),
        ({"keys_form": "text"}, "keys-form", "text"),
        ({"maximum_public_keys": 1}, "keys-form", "objects"),
        ({"maximum_public_keys": 1}, "most-keys", "1"),
        ({"maximum_tokens": 1}, "removed-key", "not at all"),
        ({"maximum_tokens": 1}, "replayed-jti", "refused"),
        ({"lists_machine_tokens": False}, "machine-tokens", "none of it"),
        ({"event_namespace": "core"}, "login-events", "com.qlik.core.oauth-token.issued"),
        ({"tokens_end_with_client": True}, "after-deletion", "its bot user"),
        ({"maximum_public_keys": 2}, "most-keys", "2"),
        ({"jti_remembered_seconds": 0}, "replayed-jti", "accepted"),
        ({"key_token_lifetime_seconds": 3600}, "token", f"with a key {ONE_HOUR}; with a client secret {SIX_HOURS}"),
        ({"expiry_style": "expires_at"}, "token", "with a key expires_at; with a client secret expires_at"),
        ({"empty_scope": "refused"}, "empty-scope", "refused with 400"),
        ({"absent_replace": "applied"}, "absent-member", "applied"),
        ({"filter_case": "exact"}, "filters", "finds it, in the same case alone"),
        ({"maximum_page_size": 1}, "page-length", "1 at most"),
        ({"users_me_redirect": "https://elsewhere.example/me"}, "users-me", "redirects to another host"),
        ({"deprecations": [{"path": "/oauth/token"}]}, "api-version", "accepted, deprecated: POST /oauth/token"),
        ({"oauth_error_style": "rfc6749"}, "refusals", "13 bodies, below"),
    ],
)  # fmt: skip
def test_each_other_answer_is_seen(tenant, configure, settings, name, seen):
    configure(**settings)
    report = qk.probe(tenant, confirm=tenant.host)
    assert report.seen(name).seen == seen
    assert (name in {one.name for one in report.differences}) is (ASSUMPTIONS[name].expected not in ("", seen))


@pytest.mark.parametrize(
    ("setting", "name"), [("key_propagation_seconds", "new-key"), ("key_removal_seconds", "removed-key")]
)
def test_how_long_a_tenant_takes_is_measured(tenant, store, configure, setting, name):
    configure(**{setting: 1.0})
    report = qk.probe(tenant, store, confirm=tenant.host)
    seconds = float(report.seen(name).seen.removesuffix(" seconds"))
    profile = store.read_profile(tenant.host)
    if name == "removed-key":
        assert 0.7 < seconds == pytest.approx(profile.key_refused_seconds, abs=0.06)
    else:  # the longer one of both logins with a key that was new
        assert 0.7 < seconds <= profile.key_accepted_seconds + 0.06


def test_a_read_only_probe_makes_no_client_and_needs_no_confirmation(tenant, store):
    before = store.read_profile(tenant.host)
    report = qk.probe(tenant, store, read_only=True)
    assert {one.name for one in report.observations} == {
        name for name, one in ASSUMPTIONS.items() if not one.needs_client
    }
    assert (report.is_read_only, report.stays, store.read_profile(tenant.host)) == (True, (), before)


@pytest.mark.parametrize("confirm", ["", "another.eu.qlikcloud.com"])
def test_a_probe_that_is_not_confirmed_says_what_it_would_do(tenant, confirm):
    with pytest.raises(errors.ConfigurationError) as caught:
        qk.probe(tenant, confirm=confirm)
    assert "creates a client named qlik_keys-probe" in caught.value.message
    assert "What stays: the client's bot user" in caught.value.message
    assert caught.value.hint == f"Pass confirm={tenant.host!r}, or read_only=True."


def test_what_an_earlier_probe_left_goes_and_a_client_of_that_name_of_others_stays(tenant):
    left = NewOAuthClient(app_type="native", client_name=NAME, description=DESCRIPTION)
    tenant.oauth_clients.create(left)
    tenant.oauth_clients.create(left)
    theirs = tenant.oauth_clients.create(NewOAuthClient(app_type="native", client_name=NAME)).client
    qk.probe(tenant, confirm=tenant.host)
    assert [client.client_id for client in tenant.oauth_clients.list(eq("clientName", NAME))] == [theirs.client_id]
    tenant.oauth_clients.delete(theirs.client_id)


@pytest.mark.parametrize("fault", [500, "lost_answer"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/v1/oauth-clients"), ("PATCH", "*"), ("POST", "/oauth/token")]
)
def test_a_failure_leaves_nothing(tenant, box, method, path, fault):
    """Faults meet every repeat; the one after them finds and removes what was made."""
    once = {"method": method, "path": path, "fault": fault, "times": 5, "after_effect": fault == 500}
    box.configure(fail_next=[once if fault == 500 else {**once, "after_effect": False}])
    try:
        report = qk.probe(
            tenant.__class__(tenant.url, credential=qk.ApiKey(box.api_key), retry=ONE_TRY), confirm=tenant.host
        )
    except errors.TenantError:
        report = None
    box.configure(fail_next=[])
    assert [*leftovers(tenant)] == []
    assert report is None or any(not one.is_measured for one in report.observations)


def test_a_probe_that_is_cancelled_leaves_nothing(tenant):
    cancel = threading.Event()

    def look(question, _done, _total):
        if question == ASSUMPTIONS["keys-form"].question:
            cancel.set()

    with pytest.raises(errors.Interrupted):
        qk.probe(tenant, confirm=tenant.host, on_look=look, cancel=cancel)


PROGRAM = """
import os, signal, sys
import qlik_keys as qk
tenant = qk.QlikTenant(os.environ["QLIK_TENANT_URL"], credential=qk.ApiKey(os.environ["QLIK_API_KEY"]))
seen = []
def watch(exchange):
    seen.append(exchange)
    if len(seen) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
tenant.subscribe(watch)
qk.probe(tenant, confirm=tenant.host)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_a_probe_that_is_killed_leaves_nothing_after_the_next_one(tenant, box):
    left, earlier = 0, len(tenant.users.search(NAME, limit=100))  # for each of them there is one request more
    for call in range(20 + earlier, 62 + earlier, 6):
        environment = {**os.environ, **environment_of(box)}
        killed = subprocess.run([sys.executable, "-c", PROGRAM, str(call)], env=environment, check=False, timeout=120)
        assert killed.returncode == -signal.SIGKILL
        left += len([*leftovers(tenant)])
    assert left >= 4
    qk.probe(tenant, confirm=tenant.host)
    assert [*leftovers(tenant)] == []


def test_no_secret_and_no_name_is_in_the_report(tenant, store, box):
    shown = []
    for names in (False, True):
        report = qk.probe(tenant, store, confirm=tenant.host, names=names)
        shown.append(report.to_text() + json.dumps(report.to_dict()) + repr(report) + report._repr_html_())
    user = tenant.users.me()
    for secret in (box.api_key, box.vault_token, "eyJ", "PRIVATE"):
        assert secret not in shown[0] + shown[1]
    for name in (tenant.host, user.name, user.subject, user.id, user.tenant_id):
        assert name not in shown[0]
    assert f"Probe of {tenant.host}" in shown[1]


def test_names_in_any_case_are_replaced_in_what_a_tenant_says():
    from qlik_keys.core.redaction import Redactor

    anonymizer = Anonymizer(Redactor(), keeps_names=False)
    anonymizer.replace("acme.eu.qlikcloud.com", "host 1")
    anonymizer.replace("", "nothing")
    said = {
        "detail": "No tenant Acme.EU.qlikcloud.com for 0123456789abcdef01234567",
        "more": ["acme.eu.qlikcloud.com"],
        "n": 1,
    }
    assert anonymizer.document(said) == {"detail": "No tenant <host 1> for •••", "more": ["<host 1>"], "n": 1}


class TestCommand:
    @pytest.fixture
    def environment(self, box, tmp_path):
        return {**environment_of(box), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}

    def test_the_report_comes_as_json_and_to_a_file(self, environment, tmp_path):
        file = tmp_path / "report.json"
        ended = in_a_pipe(["probe", "--yes", "--json", "--output", str(file)], environment)
        assert (ended.code, ended.err) == (0, "")
        report = json.loads(ended.out)
        assert report == json.loads(file.read_text())
        assert (report["tenant"], report["differences"], report["is_read_only"]) == ("the tenant", [], False)

    def test_it_is_not_started_unless_that_is_confirmed(self, environment):
        ended = in_a_pipe(["probe"], environment)
        assert ended.code == 2
        assert "It creates a client named qlik_keys-probe" in ended.err.replace("\n", " ")

    def test_differences_end_with_3_and_progress_goes_to_standard_error(self, environment, configure):
        configure(absent_replace="applied")
        ended = in_a_pipe(["probe", "--yes"], environment)
        assert ended.code == 3
        assert "[1/24] Where does users/me lead?" in ended.err
        assert json.loads(ended.out)["differences"] == ["absent-member"]

    def test_read_only_asks_nothing(self, environment):
        ended = in_a_pipe(["probe", "--read-only", "--json"], environment)
        assert (ended.code, ended.err) == (0, "")
        assert json.loads(ended.out)["is_read_only"] is True
