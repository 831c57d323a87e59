"""Secrets in answers are found by name, wherever they are, and everything else is left as it is."""

import copy
import json

import pytest
from fixtures.canaries import find_canaries

import qlik_keys as qk
from qlik_keys.core.secret import Secret
from qlik_keys.tenant.http.guarded import guarded_document, redacted_document

CANARY = "canary-secret-0123456789-abcdefghijklmnop"
NAMES = """
    clientSecret client_secret CLIENT-SECRET access_token accessToken refresh_token idToken apiKey api-key password
    secret token privateKey client_assertion executionToken tokens webhook_secret oldSecrets smtpPassword passphrase
    private_key_pem X-API-Keys Authorization secretAccessKey
"""
OTHER_NAMES = """
    hint token_endpoint secretsCount passwordChangedAt apiKeyHint secretHint nextPageToken publicKey key d k
    authorizationEndpoint
"""


@pytest.mark.parametrize("name", NAMES.split())
def test_a_secret_is_found_by_its_name_wherever_it_is(name):
    assert guarded_document({name: f" {CANARY}é "}) == {name: Secret(f" {CANARY}é ", any_text=True)}
    for document in (
        {name: CANARY},
        [{"data": [{name: CANARY}]}],
        {"a": {"b": [[{name: CANARY}]]}},
        {name: [CANARY]},
        {name: {name: CANARY}},
    ):
        before = copy.deepcopy(document)
        guarded, redacted = repr(guarded_document(document)), repr(redacted_document(document))
        assert find_canaries(guarded + redacted, [CANARY]) == []
        assert (f"<{name}>" in guarded, "•••" in redacted) == (True, True)
        assert document == before


@pytest.mark.parametrize(
    "document",
    [
        *(None, True, 3, "a text of its own, token and all", [], {}),
        *({name: CANARY} for name in OTHER_NAMES.split()),
        {"clientSecrets": [{"hint": CANARY, "createdAt": "2026-11-25"}], "passwordPolicy": {"minimum": CANARY}},
        {"tokenTypes": ["Bearer-of-tokens"], "tokens": 12345678, "maximumTokens": [1, 2]},
        {"token": "", "password": None, "secret": 12345678901, "apiKey": True},
        {"token": "seven77"},
        {"kty": "EC", "x": CANARY, "y": CANARY, "kid": CANARY, "n": CANARY},
        {"secret": {"value": CANARY}},
    ],
)
def test_what_is_no_secret_stays(document):
    assert guarded_document(document) == redacted_document(document) == document


@pytest.mark.parametrize("spec", [qk.KeySpec("ES384"), qk.KeySpec("RS256", bits=2048)], ids=str)
def test_the_private_members_of_a_jwk_are_secrets(spec):
    jwk = json.loads(qk.generate(spec).reveal("jwk"))
    public = qk.PublicJwk.from_jwk({name: jwk[name] for name in jwk if name not in ("d", "p", "q", "dp", "dq", "qi")})
    redacted = redacted_document({"keys": [jwk]})["keys"][0]
    assert {name: value for name, value in redacted.items() if value != "•••"} == public.to_dict()
    assert redacted.keys() == jwk.keys()


@pytest.mark.parametrize("wrap", [lambda one: [one], lambda one: {"a": one}, lambda one: {"token": one}])
def test_what_nests_too_deep_to_be_looked_through_is_one_secret(wrap):
    for depth in (101, 900):
        document = {"clientSecret": CANARY}
        for _ in range(depth):
            document = wrap(document)
        redacted = repr(redacted_document(document))
        assert find_canaries(repr(guarded_document(document)) + redacted, [CANARY]) == []
        assert "•••" in redacted
