"""The settings of the sandbox tenant, each turned, through the door where its effect is seen."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import httpx
import pytest
from fixtures.sandbox_client import CLIENTS

from qlik_keys.sandbox.simulator.settings import Fault, SandboxSettings
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

TIER_1, TIER_2 = 5000, 500  # requests in five minutes


def client_names(sandbox):
    return [one["clientName"] for one in sandbox.call("GET").json()["data"]]


class TestRateLimits:
    def call(self, sandbox, tier):
        call = ("GET", "?limit=1") if tier == 1 else ("PATCH", f"/{'0' * 32}")
        return sandbox.call(*call, json=None if tier == 1 else [])

    @pytest.mark.parametrize(("tier", "limit"), [(1, 100), (2, TIER_2)])
    def test_a_tier_holds_five_minutes_worth_at_once_where_it_is_enforced(self, sandbox, tier, limit):
        assert 5 * sandbox.tenant.settings.tier1_per_minute == TIER_1
        for enforced in (False, True):
            sandbox.tenant.configure(enforce_rate_limits=enforced, tier1_per_minute=20)
            assert 429 not in {self.call(sandbox, tier).status_code for _ in range(limit)}
        over = self.call(sandbox, tier)
        assert (over.status_code, over.headers["retry-after"]) == (429, "300")
        (error,) = over.json()["errors"]
        assert (error["code"], error["title"]) == ("HTTP-429", "API rate limit reached.")
        assert self.call(sandbox, 3 - tier).status_code != 429
        sandbox.clock.advance(299.5)
        assert self.call(sandbox, tier).headers["retry-after"] == "1"
        sandbox.clock.advance(0.5)
        assert self.call(sandbox, tier).status_code != 429

    def test_each_user_has_a_limit_of_its_own_and_a_refused_request_changes_nothing(self, sandbox):
        _, api_key = sandbox.tenant.add_user(name="n", subject="s", roles=("TenantAdmin",))
        sandbox.tenant.configure(enforce_rate_limits=True, tier1_per_minute=1, tier2_per_minute=1)
        assert [sandbox.create().status_code for _ in range(6)] == [201] * 5 + [429]
        assert len(client_names(sandbox)) == 5
        statuses = []
        for number in range(5):
            sandbox.tenant.configure(clock_skew_seconds=1000 * number)  # the tenant's own clock does not matter
            statuses.append(sandbox.call("GET").status_code)
        assert statuses == [200] * 4 + [429]
        other = {"headers": {"authorization": f"Bearer {api_key}"}}
        assert [sandbox.call("GET", **other).status_code for _ in range(6)] == [200] * 5 + [429]

    def test_the_token_endpoint_counts_by_client(self, sandbox):
        sandbox.tenant.configure(enforce_rate_limits=True, tier2_per_minute=2)
        first, second = sandbox.client(), sandbox.client()

        def log_in(client):
            return sandbox.get_token(client.client_id, client_secret=client.secret).status_code

        assert [log_in(first) for _ in range(11)] == [200] * 10 + [429]
        options = {"data": {"grant_type": "client_credentials"}, "auth": (first.client_id, first.secret)}
        assert sandbox.http.post("/oauth/token", **options).status_code == 429
        assert log_in(second) == 200


class TestFaults:
    def test_a_status_is_met_as_often_as_configured_before_or_after_the_effect(self, sandbox):
        fault = {"fault": 503, "method": "POST", "path": CLIENTS, "retry_after": 7, "times": 2}
        sandbox.tenant.configure(fail_next=[fault])
        assert sandbox.call("GET").status_code == 200
        answers = [sandbox.create() for _ in range(3)]
        found = [(answer.status_code, answer.headers.get("retry-after")) for answer in answers]
        assert found == [(503, "7"), (503, "7"), (201, None)]
        assert len(client_names(sandbox)) == 1
        sandbox.tenant.configure(fail_next=[{"fault": 500, "after_effect": True, "method": "POST"}])
        answer = sandbox.create()
        assert (answer.status_code, "retry-after" in answer.headers) == (500, False)
        assert len(client_names(sandbox)) == 2

    def test_faults_come_in_their_order_and_each_for_its_own_request(self, sandbox):
        faults = [{"fault": 429, "path": "/oauth/*"}, {"fault": 500, "method": "GET"}, {"fault": 503, "method": "GET"}]
        sandbox.tenant.configure(fail_next=faults)
        assert [sandbox.call("GET").status_code for _ in range(3)] == [500, 503, 200]
        assert sandbox.tenant.settings.fail_next == (Fault(**faults[0]),)
        assert [sandbox.http.post("/oauth/token").status_code for _ in range(2)] == [429, 415]

    def test_each_of_the_three_error_bodies(self, sandbox):
        bodies = ("qlik", "rfc6749", "text")
        sandbox.tenant.configure(fail_next=[{"fault": 500, "body": body} for body in bodies])
        qlik, oauth, page = (sandbox.call("GET") for _ in bodies)
        assert qlik.json()["errors"][0].keys() >= {"code", "title"}
        assert qlik.json()["traceId"] == sandbox.tenant.requests()[0].trace_id
        assert oauth.json().keys() == {"error", "error_description"}
        assert (page.headers["content-type"], page.text[:6]) == ("text/html", "<html>")
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
    def test_a_skewed_clock_judges_assertions(self, sandbox, client_keys):
        """The assertion lives 120 seconds, and iat may be up to 10 in the future."""
        client = sandbox.client(client_keys["ES384"])
        for skew, status in ((-10, 200), (-11, 401), (119, 200), (120, 401), (10_000, 401)):
            sandbox.tenant.configure(clock_skew_seconds=skew)
            answer = sandbox.log_in(client)
            assert answer.status_code == status
            assert parsedate_to_datetime(answer.headers["date"]).timestamp() == sandbox.now() + skew

    def test_latency_passes_on_the_clock_or_for_real_at_the_http_door(self, sandbox, real_http):
        sandbox.tenant.configure(latency_seconds=1.5)
        sandbox.call("GET")
        assert sandbox.clock.slept == [1.5]
        real_http.tenant.configure(latency_seconds=60)
        with pytest.raises(httpx.ReadTimeout):
            real_http.call("GET", timeout=0.05)
        assert real_http.tenant.requests() == []


class TestKeys:
    def add(self, sandbox, client, *keys):
        value = [key.public.to_dict() for key in keys]
        patch = [{"op": "replace", "path": "/publicKeys", "value": value}]
        status = sandbox.call("PATCH", f"/{client.client_id}", json=patch).status_code
        registered = sandbox.call("GET", f"/{client.client_id}").json()["publicKeys"]
        return status, len(registered)

    def test_a_limit_on_keys_refuses_the_next_one(self, sandbox, more_keys):
        old, new = more_keys[:2]
        sandbox.tenant.configure(maximum_public_keys=1)
        client = sandbox.client(old)
        assert self.add(sandbox, client, old, new) == (400, 1)
        assert sandbox.create(old, new).status_code == 400
        sandbox.tenant.configure(maximum_public_keys=2)
        assert self.add(sandbox, client, old, new) == (204, 2)

    def test_a_key_is_seen_when_it_has_propagated_and_the_old_one_all_the_time(self, sandbox, more_keys):
        old, new = more_keys[:2]
        client = sandbox.client(old)
        sandbox.clock.advance(100)
        sandbox.tenant.configure(key_propagation_seconds=30)
        assert self.add(sandbox, client, old, new) == (204, 2)
        for seconds, status in ((0, 401), (29.9, 401), (0.1, 200)):
            sandbox.clock.advance(seconds)
            assert sandbox.log_in(client, key=new).status_code == status
            assert sandbox.log_in(client, key=old).status_code == 200


WRONG = {
    "latency": [1],
    "latency_seconds": [-1, float("nan"), "1", True],
    "key_propagation_seconds": [-0.1],
    "clock_skew_seconds": [float("inf")],
    "tier1_per_minute": [0],
    "tier2_per_minute": [1.5],
    "token_lifetime_seconds": [0],
    "maximum_public_keys": [0],
    "maximum_tokens": ["1"],
    "enforce_rate_limits": [1],
    "users_me_redirect": [None],
    "expiry_style": ["never"],
    "token_type": ["BEARER"],
    "oauth_error_style": ["text"],
    "fail_next": [["lost_answer"], [{}], *([{"fault": fault}] for fault in (200, True, "lost"))],
}
WRONG_FAULTS = {
    "times": [0],
    "retry_after": [1.5, -1],
    "path": [None],
    "body": ["xml"],
    "after_effect": [1],
    "more": [1],
}


def test_a_wrong_setting_is_refused_and_the_settings_stay(sandbox, clock):
    before = sandbox.tenant.settings
    wrong = [{name: value} for name, values in WRONG.items() for value in values]
    wrong += [{"fail_next": [{"fault": 500, name: one}]} for name, values in WRONG_FAULTS.items() for one in values]
    for settings in wrong:
        with pytest.raises(ValueError, match=r"\w"):
            sandbox.tenant.configure(**{"latency_seconds": 1.0, **settings})
    assert sandbox.tenant.settings == before
    given = SandboxSettings(clock_skew_seconds=-60)  # from the start, by a clock that is behind
    tenant = SandboxTenant("https://a.eu.qlikcloud.com", clock=clock, settings=given)
    assert tenant.settings == given
    assert tenant._state.stamp().endswith("59:00.000Z")
