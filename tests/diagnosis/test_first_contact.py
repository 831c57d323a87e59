"""The probe on tenants that no sandbox setting describes: odd answers, refusals, other probes, and killed ones."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import httpx
import hvac
import pytest
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys import errors
from qlik_keys.core.redaction import Redactor
from qlik_keys.diagnosis.probe.assumptions import ASSUMPTIONS
from qlik_keys.diagnosis.probe.results import Anonymizer
from qlik_keys.diagnosis.probe.throwaway import NAME, leftovers
from qlik_keys.keystore.profiles import TenantProfile
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

URL = "https://first.eu.qlikcloud.com"
PAGE = "<!doctype html><html><title>Log in</title></html>"


class Network(httpx.BaseTransport):
    """A sandbox tenant in this process, behind something that changes its answers, or fails from a request on."""

    def __init__(self, sandbox):
        self.inner = SandboxTransport(sandbox)
        self.answer = lambda _request, _number, response: response
        self.sent, self.dead_after = [], None

    def handle_request(self, request):
        self.sent.append(f"{request.method} {request.url.path}")
        if self.dead_after is not None and len(self.sent) > self.dead_after:
            raise httpx.ConnectError("the process is gone", request=request)
        response = self.inner.handle_request(request)
        return self.answer(request, len(self.sent), response)


class There:
    """A tenant as the probe meets it, and as its administrator sees it."""

    def __init__(self):
        self.clock = ManualClock()
        self.sandbox = SandboxTenant(URL, clock=self.clock)
        self.network = Network(self.sandbox)
        self.tenant = self.asked_by(self.network)
        self.admin = self.asked_by(SandboxTransport(self.sandbox))

    def asked_by(self, transport, key=None):
        return qk.QlikTenant(
            URL,
            credential=qk.ApiKey(key or self.sandbox.api_key),
            transport=transport,
            clock=self.clock,
            retry=qk.tenant.RetryPolicy(attempts=1),
        )

    def probe(self, store=None, **options):
        return qk.probe(self.tenant, store, confirm=self.tenant.host, clock=self.clock, **options)

    def remains(self):
        """What is left of probes: clients, and living tokens of their bots."""
        bots = [bot for bot in self.admin.users.bots() if bot.name == NAME]
        return [*leftovers(self.admin)], [token for bot in bots for token in self.admin.oauth_tokens.of_user(bot.id)]


@pytest.fixture
def there():
    return There()


def test_a_probe_that_dies_at_any_request_leaves_nothing_after_the_next_one(there):
    there.probe()
    usual = [*there.network.sent]
    tokens = 0
    last = [number for number, sent in enumerate(usual, 1) if sent.startswith("DELETE /api/v1/oauth-clients")][-1]
    for number in (last // 2, last, last + 1):  # the last ones: the client is gone, its token is not
        there.network.sent, there.network.dead_after = [], number
        with contextlib.suppress(errors.QlikKeysError):
            there.probe()
        tokens += len(there.remains()[1])
        there.network.sent, there.network.dead_after = [], None
        there.probe()
        assert there.remains() == ([], []), number
    assert tokens


@pytest.mark.parametrize("document", [{"data": None, "links": [], "hostnames": None}, [], None, {"data": [1, None]}])
def test_odd_lists_are_told_and_stop_no_probe(there, document):
    listings = {"/api/v1/oauth-tokens", "/api/v1/audits"}

    def answer(request, _, response):
        is_raw_list = request.url.path == "/api/v1/oauth-clients" and request.url.params.get("limit") in ("20", "101")
        is_tenant = request.url.path.startswith("/api/v1/tenants/")
        odd = response.status_code == 200 and (request.url.path in listings or is_raw_list or is_tenant)
        return httpx.Response(200, json=document) if odd and request.method == "GET" else response

    there.network.answer = answer
    report = there.probe()
    assert not report.seen("host-names").is_measured
    assert report.seen("filters").seen == "does not find it"
    assert there.remains()[0] == []


@pytest.mark.parametrize("status", [200, 401])
def test_a_login_page_is_no_tenant(there, status):
    page = httpx.Response(status, headers={"content-type": "text/html"}, text=PAGE)
    there.network.answer = lambda *_: page
    with pytest.raises(errors.TenantError) as caught:
        there.probe()
    assert "web page" in f"{caught.value.message} {caught.value.hint}"


def test_a_tenant_that_makes_no_such_client_is_a_report_too(there):
    def answer(request, _, response):
        if f"{request.method} {request.url.path}" != "POST /api/v1/oauth-clients":
            return response
        there.admin.oauth_clients.delete(json.loads(response.read())["clientId"])
        body = {"errors": [{"code": "X-1", "title": f"publicKeys must be texts on {there.tenant.host}"}]}
        return httpx.Response(400, json=body)

    there.network.answer = answer
    report = there.probe()
    assert [one.name for one in report.differences] == ["client"]
    assert report.seen("client").seen.startswith("refused with 400: ")
    assert "publicKeys must be texts on <host 1>" in report.seen("client").seen
    assert {one.name for one in report.observations} == {
        "client",
        *(name for name, one in ASSUMPTIONS.items() if not one.needs_client),
    } - {"next-page"}


def test_a_caller_who_may_not_manage_clients_is_told_that(there):
    _, key = there.sandbox.add_user(name="Ada", subject="auth0|ada")
    report = qk.probe(there.asked_by(there.network, key), confirm=there.tenant.host, clock=there.clock)
    assert "refused with 403" in report.seen("client").seen
    forbidden = httpx.Response(403, json={"errors": [{"code": "X", "title": "Forbidden"}]})
    there.network.answer = lambda request, _, response: forbidden if "oauth-clients" in request.url.path else response
    there.network.sent.clear()
    with pytest.raises(errors.TenantAuthError):  # not that a client of the probe could not be deleted
        there.probe()
    assert "POST /api/v1/oauth-clients" not in there.network.sent


@pytest.mark.openbao
class TestWhatIsKept:
    @pytest.fixture
    def store(self, box):
        with qk.VaultKeyStore(box.vault_url, token=box.vault_token, prefix="first-contact") as store:
            yield store

    def test_what_was_not_measured_this_time_stays_as_it_was_measured_before(self, there, store):
        there.sandbox.configure(keys_form="texts", maximum_public_keys=1)
        assert there.probe(store).unkept == ""
        measured = store.read_profile(there.tenant.host)
        assert (measured.keys_form, measured.maximum_keys) == ("texts", 1)
        failed = httpx.Response(503, json={})
        there.network.answer = lambda request, _, response: failed if request.method == "PATCH" else response
        there.clock.advance(60)
        assert there.probe(store).unkept == ""
        after = store.read_profile(there.tenant.host)
        assert (after.keys_form, after.maximum_keys) == ("texts", 1)
        assert after.probed_at > measured.probed_at

    def test_what_another_probe_has_disturbed_is_not_kept(self, there, store):
        def answer(request, _, response):
            if request.method == "PATCH":
                there.network.answer = lambda _request, _number, other: other
                for client in leftovers(there.admin):
                    there.admin.oauth_clients.delete(client.client_id)
            return response

        before = store.read_profile(there.tenant.host)
        there.network.answer = answer
        report = there.probe(store)
        assert "deleted by another probe" in report.unkept
        assert report.unkept in report.to_text()
        assert store.read_profile(there.tenant.host) == before

    @pytest.mark.parametrize(
        "document",
        [
            {"profile": "{"},
            {"profile": 5},
            {"other": "text"},
            {"profile": json.dumps({"probed_at": "9999-12-31T23:59:59-23:00"})},
            {"profile": json.dumps({"probed_at": "2026-01-01T00:00:00Z", "key_accepted_seconds": 1e9})},
        ],
    )
    def test_a_damaged_profile_counts_as_none_and_the_next_probe_replaces_it(self, box, store, document):
        host, vault = "damaged.eu.qlikcloud.com", hvac.Client(url=box.vault_url, token=box.vault_token)
        path = f"first-contact/{host}/.profile/tenant"
        vault.secrets.kv.v2.create_or_update_secret(path, document, mount_point="secret")
        vault.adapter.close()
        assert store.read_profile(host) is None
        profile = TenantProfile(probed_at=datetime(2026, 11, 29, tzinfo=UTC), keys_form="text")
        store.write_profile(host, profile)
        assert store.read_profile(host) == profile

    def test_a_store_that_does_not_take_it_is_told(self, there, box):
        with qk.VaultKeyStore(box.vault_url, token=f"{box.vault_token}x") as store:
            report = there.probe(store)
        assert report.unkept == "The key store did not take it (StoreDenied)."
        assert report.to_dict()["unkept"] == report.unkept


def test_names_are_replaced_once_and_as_whole_words():
    anonymizer = Anonymizer(Redactor(), keeps_names=False)
    for name, by in (("admin", "caller"), ("caller", "host 1"), ("admin@acme", "email")):
        anonymizer.replace(name, by)
    said = "TenantAdmin Admin, caller, admin@acme and qlikbot\\admin"
    assert anonymizer.text(said) == "TenantAdmin <caller>, <host 1>, <email> and qlikbot\\<caller>"


def test_a_wrong_clock_ends_the_probe_at_once_and_keeps_nothing(there):
    there.sandbox.configure(clock_skew_seconds=400)
    with pytest.raises(errors.ClockSkewError) as caught:
        there.probe()
    assert "7 minutes behind the tenant's" in caught.value.message
    assert sum(there.clock.slept) == 0
    assert there.remains() == ([], [])
