"""The client assertion: what stands in it, and that others verify it."""

from __future__ import annotations

import base64
import json
import uuid

import jwt
import pytest

from qlik_keys.auth.assertion import client_assertion

AUDIENCE = "https://acme.eu.qlikcloud.com/oauth/token"
CLIENT_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def assertion_of(client_keys, clock):
    """Make an assertion; return it, its header and its claims."""

    def make(alg="ES384", **options):
        options = {"client_id": CLIENT_ID, "audience": AUDIENCE, "clock": clock, **options}
        made = client_assertion(client_keys[alg].signer(), **options)
        return made, *(json.loads(base64.urlsafe_b64decode(part + "==")) for part in made.split(".")[:2])

    return make


@pytest.mark.parametrize("alg", ["RS256", "RS512", "ES384"])
def test_it_says_what_the_contract_asks_and_another_library_verifies_it(alg, assertion_of, client_keys, clock):
    assertion, header, claims = assertion_of(alg)
    assert header == {"alg": alg, "kid": client_keys[alg].kid, "typ": "JWT"}
    now = int(clock.now)
    assert uuid.UUID(claims.pop("jti")).version == 4
    assert claims == {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": AUDIENCE, "iat": now - 60, "exp": now + 120}
    key = jwt.PyJWK(client_keys[alg].public.to_dict())
    jwt.decode(assertion, key, algorithms=[alg], audience=AUDIENCE, options={"verify_iat": False, "verify_exp": False})


def test_each_assertion_serves_once(assertion_of):
    numbers = {assertion_of()[2]["jti"] for _ in range(50)}
    assert len(numbers) == 50
    for number in numbers:
        found = uuid.UUID(number)
        assert (found.version, found.variant, str(found)) == (4, uuid.RFC_4122, number)


@pytest.mark.parametrize(("lifetime_seconds", "ends"), [(1, 1), (120, 120), (240, 240), (241, 240), (300, 240)])
def test_iat_is_a_minute_back_and_exp_at_most_five_minutes_after_it(lifetime_seconds, ends, assertion_of, clock):
    clock.now += 0.9
    _, _, claims = assertion_of(lifetime_seconds=lifetime_seconds)
    now = int(clock.now)
    assert (claims["iat"], claims["exp"]) == (now - 60, now + ends)
    assert "nbf" not in claims


@pytest.mark.parametrize(
    "wrong", [{"lifetime_seconds": 301}, {"lifetime_seconds": 0}, {"client_id": ""}, {"audience": ""}]
)
def test_what_a_tenant_would_refuse_is_refused_here(wrong, assertion_of):
    with pytest.raises(ValueError, match="must"):
        assertion_of(**wrong)


def test_odd_client_ids_stay_json(assertion_of):
    odd = 'a"b\\c\u2028é'
    assert assertion_of(client_id=odd)[2]["iss"] == odd
