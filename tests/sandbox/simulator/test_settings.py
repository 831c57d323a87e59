"""The settings of the sandbox tenant, each turned, through the door where its effect is seen."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import httpx
import pytest
from fixtures.sandbox_client import CLIENTS, SandboxClient, serving
from fixtures.support import ManualClock

from qlik_keys.sandbox.simulator.settings import Fault, SandboxSettings
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

TIER_1, TIER_2 = 5000, 500  # requests in five minutes


@pytest.fixture
def real_http():
    """The HTTP door of a tenant of one's own."""
    clock = ManualClock()
    with (
        serving(lambda address: SandboxTenant(address, clock=clock)) as (tenant, address),
        httpx.Client(base_url=address, timeout=30) as http,
    ):
        yield SandboxClient(tenant, http, clock)


def client_names(sandbox):
    return [one["clientName"] for one in sandbox.call("GET").json()["data"]]


class TestRateLimits:
    def ask(self, sandbox, tier):
        if tier == 1:
            return sandbox.call("GET", "?limit=1")
        return sandbox.call("PATCH", "/" + "0" * 32, json=[])

    def test_off_by_default(self, sandbox):
        statuses = {self.ask(sandbox, 2).status_code for _ in range(TIER_2 + 1)}
        assert 429 not in statuses

    @pytest.mark.parametrize(("tier", "limit"), [(1, 100), (2, TIER_2)])
    def test_a_tier_holds_five_minutes_worth_at_once(self, sandbox, tier, limit):
        assert 5 * sandbox.tenant.settings.tier1_per_minute == TIER_1
        sandbox.tenant.configure(enforce_rate_limits=True, tier1_per_minute=20)
        assert 429 not in {self.ask(sandbox, tier).status_code for _ in range(limit)}
        over = self.ask(sandbox, tier)
        assert (over.status_code, over.headers["retry-after"]) == (429, "300")
        (error,) = over.json()["errors"]
        assert (error["code"], error["title"]) == ("HTTP-429", "API rate limit reached.")
        assert self.ask(sandbox, 3 - tier).status_code != 429
        sandbox.clock.advance(299.5)
        assert self.ask(sandbox, tier).headers["retry-after"] == "1"
        sandbox.clock.advance(0.5)
        assert self.ask(sandbox, tier).status_code != 429

    def test_a_refused_request_changes_nothing(self, sandbox):
        sandbox.tenant.configure(enforce_rate_limits=True, tier2_per_minute=1)
        statuses = [sandbox.create(clientName=f"c{number}").status_code for number in range(6)]
        assert statuses == [201] * 5 + [429]
        assert len(client_names(sandbox)) == 5

    def test_each_user_has_a_limit_of_its_own(self, sandbox):
        _, api_key = sandbox.tenant.add_user(name="n", subject="s", roles=("TenantAdmin",))
        sandbox.tenant.configure(enforce_rate_limits=True, tier1_per_minute=1)
        other = {"headers": {"authorization": f"Bearer {api_key}"}}
        assert [sandbox.call("GET").status_code for _ in range(6)] == [200] * 5 + [429]
        assert [sandbox.call("GET", **other).status_code for _ in range(6)] == [200] * 5 + [429]

    def test_the_token_endpoint_counts_by_client(self, sandbox):
        sandbox.tenant.configure(enforce_rate_limits=True, tier2_per_minute=2)
        first, second = sandbox.client(), sandbox.client()

        def log_in(client):
            return sandbox.get_token(client.client_id, client_secret=client.secret).status_code

        assert [log_in(first) for _ in range(11)] == [200] * 10 + [429]
        basic = (first.client_id, first.secret)
        assert (
            sandbox.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=basic).status_code == 429
        )
        assert log_in(second) == 200

    def test_the_skew_of_the_tenant_s_clock_does_not_matter(self, sandbox):
        sandbox.tenant.configure(enforce_rate_limits=True, tier1_per_minute=1)
        statuses = []
        for number in range(6):
            sandbox.tenant.configure(clock_skew_seconds=1000 * number)
            statuses.append(sandbox.call("GET").status_code)
        assert statuses == [200] * 5 + [429]


class TestFaults:
    def test_a_status_is_met_as_often_as_said_and_before_any_effect(self, sandbox):
        fault = {"fault": 503, "method": "POST", "path": CLIENTS, "retry_after": 7, "times": 2}
        sandbox.tenant.configure(fail_next=[fault])
        assert sandbox.call("GET").status_code == 200
        for _ in range(2):
            answer = sandbox.create()
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
        assert sandbox.create().status_code == 201
        assert len(client_names(sandbox)) == 1

    def test_a_status_may_come_after_the_effect(self, sandbox):
        sandbox.tenant.configure(fail_next=[{"fault": 500, "after_effect": True, "method": "POST"}])
        answer = sandbox.create()
        assert (answer.status_code, "retry-after" in answer.headers) == (500, False)
        assert client_names(sandbox) == ["test client"]

    def test_faults_come_in_their_order_and_each_for_its_own_request(self, sandbox):
        faults = [{"fault": 429, "path": "/oauth/*"}, {"fault": 500, "method": "GET"}, {"fault": 503, "method": "GET"}]
        sandbox.tenant.configure(fail_next=faults)
        assert [sandbox.call("GET").status_code for _ in range(3)] == [500, 503, 200]
        assert sandbox.tenant.settings.fail_next == (Fault(**faults[0]),)
        assert sandbox.http.post("/oauth/token").status_code == 429
        assert sandbox.http.post("/oauth/token").status_code == 415

    @pytest.mark.parametrize("body", ["qlik", "rfc6749", "text"])
    def test_each_of_the_three_error_bodies(self, sandbox, body):
        sandbox.tenant.configure(fail_next=[{"fault": 500, "body": body}])
        answer = sandbox.call("GET")
        assert answer.status_code == 500
        if body == "qlik":
            assert answer.json()["errors"][0].keys() >= {"code", "title"}
            assert answer.json()["traceId"] == sandbox.tenant.requests()[-1].trace_id
        elif body == "rfc6749":
            assert answer.json().keys() == {"error", "error_description"}
        else:
            assert answer.headers["content-type"] == "text/html"
            assert answer.text.startswith("<html>")

    def test_oauth_errors_may_be_those_of_the_rfc(self, sandbox):
        sandbox.tenant.configure(oauth_error_style="rfc6749")
        answer = sandbox.get_token("0" * 32, client_secret="x")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert sandbox.call("GET", "/x").json()["errors"]  # the rest of the API stays as it is

    @pytest.mark.parametrize(("fault", "made"), [("lost_answer", 1), ("lost_request", 0)])
    @pytest.mark.parametrize("door", ["sandbox", "real_http"])
    def test_a_connection_is_cut_after_or_before_the_effect(self, request, door, fault, made):
        sandbox = request.getfixturevalue(door)
        sandbox.tenant.configure(fail_next=[{"fault": fault, "method": "POST", "path": CLIENTS}])
        with pytest.raises(httpx.RemoteProtocolError):
            sandbox.create()
        assert len(client_names(sandbox)) == made
        assert [entry.fault for entry in sandbox.tenant.requests()] == [fault, ""]


class TestClock:
    @pytest.mark.parametrize(("skew", "status"), [(-10, 200), (-11, 401), (119, 200), (120, 401), (10_000, 401)])
    def test_a_skewed_clock_judges_assertions(self, sandbox, client_keys, skew, status):
        """The assertion lives 120 seconds, and iat may be up to 10 in the future."""
        client = sandbox.client(client_keys["ES384"])
        sandbox.tenant.configure(clock_skew_seconds=skew)
        answer = sandbox.log_in(client)
        assert answer.status_code == status
        assert parsedate_to_datetime(answer.headers["date"]).timestamp() == sandbox.now() + skew

    def test_latency_passes_on_the_clock_of_the_synchronous_door(self, sandbox):
        sandbox.tenant.configure(latency_seconds=1.5)
        sandbox.call("GET")
        assert sandbox.clock.slept == [1.5]

    def test_latency_passes_for_real_at_the_http_door(self, real_http):
        real_http.tenant.configure(latency_seconds=60)
        with pytest.raises(httpx.ReadTimeout):
            real_http.call("GET", timeout=0.05)
        assert real_http.tenant.requests() == []


class TestKeys:
    def test_a_limit_on_keys_refuses_the_next_one(self, sandbox, more_keys):
        sandbox.tenant.configure(maximum_public_keys=1)
        first, second = more_keys[:2]
        client = sandbox.client(first)
        both = [first.public.to_dict(), second.public.to_dict()]
        patch = [{"op": "replace", "path": "/publicKeys", "value": both}]
        refused = sandbox.call("PATCH", f"/{client.client_id}", json=patch)
        assert refused.status_code == 400
        assert sandbox.create(first, second).status_code == 400
        assert sandbox.call("GET", f"/{client.client_id}").json()["publicKeys"] == both[:1]
        sandbox.tenant.configure(maximum_public_keys=2)
        assert sandbox.call("PATCH", f"/{client.client_id}", json=patch).status_code == 204

    def test_a_key_is_seen_when_it_has_propagated_and_the_old_one_all_the_time(self, sandbox, more_keys):
        old, new = more_keys[:2]
        client = sandbox.client(old)
        sandbox.clock.advance(100)
        sandbox.tenant.configure(key_propagation_seconds=30)
        value = [old.public.to_dict(), new.public.to_dict()]
        patch = [{"op": "replace", "path": "/publicKeys", "value": value}]
        assert sandbox.call("PATCH", f"/{client.client_id}", json=patch).status_code == 204
        assert sandbox.call("GET", f"/{client.client_id}").json()["publicKeys"] == value
        for seconds, status in ((0, 401), (29.9, 401), (0.1, 200)):
            sandbox.clock.advance(seconds)
            assert sandbox.log_in(client, key=new).status_code == status
            assert sandbox.log_in(client, key=old).status_code == 200


def test_users_me_may_redirect_elsewhere(sandbox):
    sandbox.tenant.configure(users_me_redirect="https://evil.example/api/v1/users/x")
    answer = sandbox.http.get("/api/v1/users/me", headers=sandbox.admin)
    assert answer.headers["location"] == "https://evil.example/api/v1/users/x"


class TestValues:
    @pytest.mark.parametrize(
        "settings",
        [
            {"latency": 1},
            {"latency_seconds": -1},
            {"latency_seconds": float("nan")},
            {"latency_seconds": "1"},
            {"latency_seconds": True},
            {"key_propagation_seconds": -0.1},
            {"clock_skew_seconds": float("inf")},
            {"tier1_per_minute": 0},
            {"tier2_per_minute": 1.5},
            {"token_lifetime_seconds": 0},
            {"maximum_public_keys": 0},
            {"maximum_tokens": "1"},
            {"enforce_rate_limits": 1},
            {"users_me_redirect": None},
            {"expiry_style": "never"},
            {"token_type": "BEARER"},
            {"oauth_error_style": "text"},
            {"fail_next": ["lost_answer"]},
            {"fail_next": [{}]},
            {"fail_next": [{"fault": 200}]},
            {"fail_next": [{"fault": True}]},
            {"fail_next": [{"fault": "lost"}]},
            {"fail_next": [{"fault": 500, "times": 0}]},
            {"fail_next": [{"fault": 500, "retry_after": 1.5}]},
            {"fail_next": [{"fault": 500, "retry_after": -1}]},
            {"fail_next": [{"fault": 500, "path": None}]},
            {"fail_next": [{"fault": 500, "body": "xml"}]},
            {"fail_next": [{"fault": 500, "after_effect": 1}]},
            {"fail_next": [{"fault": 500, "more": 1}]},
        ],
    )
    def test_a_wrong_one_is_refused_and_the_settings_stay(self, sandbox, settings):
        before = sandbox.tenant.settings
        with pytest.raises(ValueError, match=r"\w"):
            sandbox.tenant.configure(**{"latency_seconds": 1.0, **settings})
        assert sandbox.tenant.settings == before

    def test_a_negative_skew_is_a_clock_that_is_behind(self):
        assert SandboxSettings(clock_skew_seconds=-60).clock_skew_seconds == -60

    def test_settings_may_be_given_from_the_start(self, clock):
        tenant = SandboxTenant(
            "https://a.eu.qlikcloud.com", clock=clock, settings=SandboxSettings(clock_skew_seconds=5)
        )
        assert tenant.settings == SandboxSettings(clock_skew_seconds=5)
        assert json.dumps(tenant._state.stamp()).endswith('05.000Z"')
