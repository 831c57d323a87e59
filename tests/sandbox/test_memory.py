"""What the sandbox tenant remembers and forgets, and keys that are refused for their form alone."""

from __future__ import annotations

import pytest
from fixtures.sandbox_client import base64url

from qlik_keys.sandbox.simulator.messages import Refusal, Request
from qlik_keys.sandbox.simulator.rules.rates import RateLimits
from qlik_keys.sandbox.simulator.rules.registration import register_all
from qlik_keys.sandbox.simulator.state import State

MANY = 2000


def test_a_jti_is_remembered_while_its_assertion_may_live_however_many_come_after(clock):
    state = State(clock=clock, tenant_id="t", base_url="https://t")
    until = clock.time() + 310
    assert state.use_jti("c", "first", remember_until=until)
    for number in range(MANY):
        assert state.use_jti("c", f"short {number}", remember_until=clock.time() + 5)
        clock.advance(0.1)
    assert not state.use_jti("c", "first", remember_until=until)
    assert len(state._used_jtis["c"]) < MANY
    clock.advance(until - clock.time())
    assert state.use_jti("c", "first", remember_until=until + 300)


def test_a_jti_is_its_client_s_own_and_is_forgotten_with_it(clock):
    state = State(clock=clock, tenant_id="t", base_url="https://t")
    fields = {"clientName": "n", "allowedAuthMethods": []}
    client = state.add_client(fields=fields, created_by="u", created_by_type="user")
    until = clock.time() + 300
    assert state.use_jti(client.client_id, "j", remember_until=until)
    assert state.use_jti("another", "j", remember_until=until)
    state.remove_client(client)
    assert list(state._used_jtis) == ["another"]


def test_callers_who_have_gone_are_not_counted_permanently():
    rates = RateLimits()
    for number in range(10_050):
        rates.count(tier=1, caller=str(number), per_minute=1, now=0.0)
    rates.count(tier=1, caller="late", per_minute=1, now=301.0)
    assert len(rates._seen) == 1


def test_a_caller_who_is_still_counted_stays_counted_among_many():
    rates = RateLimits()
    for number in range(10_050):
        rates.count(tier=1, caller=str(number), per_minute=1, now=0.0)
    for _ in range(4):
        rates.count(tier=1, caller="0", per_minute=1, now=10.0)
    with pytest.raises(Refusal) as caught:
        rates.count(tier=1, caller="0", per_minute=1, now=10.0)
    assert (caught.value.status, caught.value.headers) == (429, (("retry-after", "290"),))


def test_a_token_request_without_a_client_is_counted_too(sandbox):
    sandbox.tenant.configure(enforce_rate_limits=True, tier2_per_minute=1)
    json_type = {"content-type": "application/json"}
    statuses = [sandbox.http.post("/oauth/token", content=b"{", headers=json_type).status_code for _ in range(6)]
    assert statuses == [400] * 5 + [429]


def test_a_header_that_is_there_twice_is_refused(sandbox):
    bearer = ("authorization", f"Bearer {sandbox.tenant.api_key}")
    request = Request(method="GET", path="/api/v1/oauth-clients", headers=(bearer, bearer))
    assert sandbox.tenant.handle(request).status == 400


class TestRegisteredKeys:
    @pytest.fixture
    def refused(self, client_keys):
        def check(key, word, changes, remove=()):
            jwk = {**client_keys[key].public.to_dict(), **changes}
            document = {name: value for name, value in jwk.items() if name not in remove}
            with pytest.raises(Refusal) as caught:
                register_all([document], current=(), history={}, now=0.0, maximum=None)
            assert caught.value.status == 400
            assert word in caught.value.detail
            assert all(document.get(name, "\0") not in caught.value.detail for name in ("n", "x", "y", "d", "q", "k"))

        return check

    @pytest.mark.parametrize(
        ("alg", "changes", "word"),
        [
            ("RS256", {"alg": "RS384"}, "alg"),
            ("RS256", {"alg": "PS256"}, "alg"),
            ("RS256", {"alg": "ES384"}, "alg"),
            ("ES384", {"alg": "RS256"}, "alg"),
            ("ES384", {"alg": ["ES384"]}, "alg"),
            ("ES384", {"kty": "OKP"}, "kty"),
            ("ES384", {"kty": ["EC"]}, "kty"),
            ("ES384", {"use": "SIG"}, "use"),
            ("ES384", {"kid": "k" * 513}, "kid"),
            ("ES384", {"crv": "p-384"}, "crv"),
            ("ES384", {"x5c": ["x"]}, "nothing else"),
            ("RS256", {"crv": "P-384"}, "nothing else"),
            ("RS256", {"e": "AAEAAQ"}, "fewest octets"),
            ("RS256", {"e": "Aw"}, "exponent"),
            ("RS256", {"e": "AQAA"}, "exponent"),
            ("RS256", {"e": base64url(b"\x01" * 33)}, "exponent"),
            ("RS256", {"n": base64url(b"\xff" * 255)}, "2048"),
            ("RS256", {"n": base64url(b"\xff" * 2049)}, "modulus"),
            ("RS256", {"n": base64url(b"\xff" * 255 + b"\xfe")}, "modulus"),
            ("ES384", {"x": base64url(b"\0" * 47)}, "48"),
            ("ES384", {"x": base64url(b"\0" + b"\x01" * 48)}, "48"),
        ],
    )
    def test_one_that_is_not_as_the_contract_says_is_refused(self, refused, alg, changes, word):
        refused(alg, word, changes)

    @pytest.mark.parametrize("alg", ["RS256", "RS512", "ES384"])
    @pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"])
    def test_any_private_member_is_refused_first_and_not_repeated(self, refused, alg, name):
        refused(alg, "private", {name: "c2VjcmV0LW51bWJlcg", "alg": "x"})

    @pytest.mark.parametrize("alg", ["RS256", "RS512", "ES384"])
    @pytest.mark.parametrize("name", ["kid", "kty", "alg", "use"])
    def test_any_member_that_is_missing_is_named(self, refused, alg, name):
        refused(alg, name, {}, remove=[name])

    @pytest.mark.parametrize("documents", ["x", None, {}, ["x"], [None], [[]]])
    def test_what_is_no_array_of_objects_is_refused(self, documents):
        with pytest.raises(Refusal):
            register_all(documents, current=(), history={}, now=0.0, maximum=None)
