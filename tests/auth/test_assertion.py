"""The client assertion: its claims, and that another library verifies it."""

from __future__ import annotations

import uuid

import jwt
import pytest

from qlik_keys.auth.assertion import client_assertion

AUDIENCE = "https://acme.eu.qlikcloud.com/oauth/token"
CLIENT_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def assertion_of(client_keys, clock):
    def make(alg="ES384", **options):
        options = {"client_id": CLIENT_ID, "audience": AUDIENCE, "clock": clock, **options}
        made, key = client_assertion(client_keys[alg].signer(), **options), jwt.PyJWK(client_keys[alg].public.to_dict())
        lax = {"verify_iat": False, "verify_exp": False, "verify_sub": False}
        return jwt.decode_complete(made, key, algorithms=[alg], audience=AUDIENCE, options=lax)

    return make


@pytest.mark.parametrize("alg", ["RS256", "RS512", "ES384"])
def test_it_says_what_the_contract_asks_and_another_library_verifies_it(alg, assertion_of, client_keys, clock):
    made, now = assertion_of(alg), int(clock.now)
    assert made["header"] == {"alg": alg, "kid": client_keys[alg].kid, "typ": "JWT"}
    number = uuid.UUID(made["payload"].pop("jti"))
    assert (number.version, number.variant) == (4, uuid.RFC_4122)
    assert made["payload"] == {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": AUDIENCE, "iat": now - 60, "exp": now + 120}


def test_iat_is_a_minute_back_exp_at_most_five_minutes_after_it_and_what_a_tenant_would_refuse_is_refused(
    assertion_of, clock
):
    clock.now += 0.9
    odd = 'a"b\\c\u2028é'  # stays JSON
    for lifetime_seconds, ends in ((1, 1), (120, 120), (240, 240), (241, 240), (300, 240)):
        claims = assertion_of(lifetime_seconds=lifetime_seconds, client_id=odd)["payload"]
        assert (claims["iat"], claims["exp"], claims["iss"]) == (int(clock.now) - 60, int(clock.now) + ends, odd)
    for wrong in ({"lifetime_seconds": 301}, {"lifetime_seconds": 0}, {"client_id": ""}, {"audience": ""}):
        with pytest.raises(ValueError, match="must"):
            assertion_of(**wrong)
