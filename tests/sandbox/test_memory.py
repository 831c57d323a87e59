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


def test_callers_are_counted_among_many_until_their_requests_are_over():
    rates = RateLimits()
    for number in range(10_050):
        rates.count(tier=1, caller=str(number), per_minute=1, now=0.0)
    for _ in range(4):
        rates.count(tier=1, caller="0", per_minute=1, now=10.0)
    with pytest.raises(Refusal) as caught:
        rates.count(tier=1, caller="0", per_minute=1, now=10.0)
    assert (caught.value.status, caught.value.headers) == (429, (("retry-after", "290"),))
    rates.count(tier=1, caller="late", per_minute=1, now=311.0)
    assert len(rates._seen) == 1


def test_a_token_request_without_a_client_is_counted_too(sandbox):
    sandbox.tenant.configure(enforce_rate_limits=True, tier2_per_minute=1)
    json_type = {"content-type": "application/json"}
    statuses = [sandbox.http.post("/oauth/token", content=b"{", headers=json_type).status_code for _ in range(6)]
    assert statuses == [400] * 5 + [429]


def test_a_header_that_is_there_twice_is_refused(sandbox):
    bearer = ("authorization", f"Bearer {sandbox.tenant.api_key}")
    request = Request(method="GET", path="/api/v1/oauth-clients", headers=(bearer, bearer))
    assert sandbox.tenant.handle(request).status == 400


@pytest.fixture
def refused(client_keys):
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
    ("alg", "word", "changes"),
    [
        *(("RS256", "alg", {"alg": alg}) for alg in ("RS384", "PS256", "ES384")),
        *(("ES384", "alg", {"alg": alg}) for alg in ("RS256", ["ES384"])),
        *(("ES384", "kty", {"kty": kty}) for kty in ("OKP", ["EC"])),
        ("ES384", "use", {"use": "SIG"}),
        ("ES384", "kid", {"kid": "k" * 513}),
        ("ES384", "crv", {"crv": "p-384"}),
        ("ES384", "nothing else", {"x5c": ["x"]}),
        ("RS256", "nothing else", {"crv": "P-384"}),
        ("RS256", "fewest octets", {"e": "AAEAAQ"}),
        *(("RS256", "exponent", {"e": e}) for e in ("Aw", "AQAA", base64url(b"\x01" * 33))),
        ("RS256", "2048", {"n": base64url(b"\xff" * 255)}),
        *(("RS256", "modulus", {"n": base64url(n)}) for n in (b"\xff" * 2049, b"\xff" * 255 + b"\xfe")),
        *(("ES384", "48", {"x": base64url(x)}) for x in (b"\0" * 47, b"\0" + b"\x01" * 48)),
    ],
)
def test_a_key_that_is_not_as_the_contract_says_is_refused(refused, alg, word, changes):
    refused(alg, word, changes)


@pytest.mark.parametrize("alg", ["RS256", "ES384"])
def test_a_private_member_is_refused_first_and_not_repeated_and_a_missing_one_named(refused, alg):
    for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"):
        refused(alg, "private", {name: "c2VjcmV0LW51bWJlcg", "alg": "x"})
    for name in ("kid", "kty", "alg", "use"):
        refused(alg, name, {}, remove=[name])


def test_keys_that_are_no_array_of_objects_are_refused():
    for documents in ("x", None, {}, ["x"], [None], [[]]):
        with pytest.raises(Refusal):
            register_all(documents, current=(), history={}, now=0.0, maximum=None)
