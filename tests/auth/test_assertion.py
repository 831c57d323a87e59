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


def decoded(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.parametrize("alg", ["RS256", "RS512", "ES384"])
def test_it_says_what_the_contract_asks_and_another_library_verifies_it(alg, client_keys, clock):
    key = client_keys[alg]
    assertion = client_assertion(key.signer(), client_id=CLIENT_ID, audience=AUDIENCE, clock=clock)
    header, claims, _ = assertion.split(".")
    assert decoded(header) == {"alg": alg, "kid": key.kid, "typ": "JWT"}
    now = int(clock.now)
    said = decoded(claims)
    assert uuid.UUID(said.pop("jti")).version == 4
    assert said == {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": AUDIENCE, "iat": now - 60, "exp": now + 120}
    jwt.decode(
        assertion,
        jwt.PyJWK(key.public.to_dict()),
        algorithms=[alg],
        audience=AUDIENCE,
        options={"verify_iat": False, "verify_exp": False},
    )


def test_each_assertion_serves_once(client_keys, clock):
    signer = client_keys["ES384"].signer()
    said = [client_assertion(signer, client_id=CLIENT_ID, audience=AUDIENCE, clock=clock) for _ in range(50)]
    numbers = {decoded(assertion.split(".")[1])["jti"] for assertion in said}
    assert len(numbers) == 50
    for number in numbers:
        found = uuid.UUID(number)
        assert (found.version, found.variant, str(found)) == (4, uuid.RFC_4122, number)


@pytest.mark.parametrize(("lifetime_seconds", "ends"), [(1, 1), (120, 120), (240, 240), (241, 240), (300, 240)])
def test_iat_is_a_minute_back_and_exp_at_most_five_minutes_after_it(lifetime_seconds, ends, client_keys, clock):
    clock.now += 0.9
    assertion = client_assertion(
        client_keys["ES384"].signer(),
        client_id=CLIENT_ID,
        audience=AUDIENCE,
        lifetime_seconds=lifetime_seconds,
        clock=clock,
    )
    claims = decoded(assertion.split(".")[1])
    now = int(clock.now)
    assert (claims["iat"], claims["exp"]) == (now - 60, now + ends)
    assert claims["exp"] - claims["iat"] <= 300
    assert "nbf" not in claims


@pytest.mark.parametrize(
    "wrong", [{"lifetime_seconds": 301}, {"lifetime_seconds": 0}, {"client_id": ""}, {"audience": ""}]
)
def test_what_a_tenant_would_refuse_is_refused_here(wrong, client_keys, clock):
    with pytest.raises(ValueError, match="must"):
        client_assertion(
            client_keys["ES384"].signer(), **{"client_id": CLIENT_ID, "audience": AUDIENCE, "clock": clock, **wrong}
        )


def test_odd_client_ids_stay_json(client_keys, clock):
    odd = 'a"b\\c\u2028é'
    assertion = client_assertion(client_keys["ES384"].signer(), client_id=odd, audience=AUDIENCE, clock=clock)
    assert decoded(assertion.split(".")[1])["iss"] == odd
