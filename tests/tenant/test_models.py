"""Answers are read generously, keys of others word for word, and nothing shows what it should not."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from qlik_keys.errors import TenantProtocolError
from qlik_keys.tenant.resources.models import OAuthClient, OverviewPage, RegisteredKey, User, parse

FULL = json.loads("""{
    "clientId": "c1", "clientName": "etl", "appType": "web", "description": "d", "somethingNew": {"a": 1},
    "redirectUris": ["https://a.example"], "allowedOrigins": [], "allowedScopes": ["apps", "user_default"],
    "allowedGrantTypes": ["client_credentials"], "allowedAuthMethods": ["private_key_jwt"],
    "publicKeys": [{"kid": "k1", "kty": "EC", "alg": "ES384", "use": "sig", "crv": "P-384", "x": "1", "y": "2"}],
    "jwksUri": "https://j.example", "createdByType": "dcr", "disableTag": "why",
    "clientSecrets": [{"hint": "abcd", "createdAt": "2026-01-02T03:04:05.678Z", "createdBy": "u1"}],
    "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T05:04:05+02:00"
}""")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def read(document) -> OAuthClient:
    return parse(OAuthClient, json.dumps(document).encode(), "GET", "/x")


def test_a_whole_client():
    client = read(FULL)
    assert (client.created_at, client.updated_at) == (MOMENT.replace(microsecond=678000), MOMENT)
    assert (client.client_secrets[0].hint, client.client_secrets[0].created_by) == ("abcd", "u1")
    assert (client.public_keys[0].kid, client.public_keys[0].alg, client.public_keys[0].use) == ("k1", "ES384", "sig")
    assert (client.created_by_type, client.disable_tag, client.jwks_uri) == ("dcr", "why", "https://j.example")
    assert (client.allowed_scopes, client.deleted_at) == (("apps", "user_default"), None)
    assert hash(client) == hash(read(FULL))
    with pytest.raises(ValidationError):
        client.client_name = "other"  # it is frozen


def test_what_a_caller_does_not_see_has_a_default():
    client = read({"clientId": "c1"})
    assert (client.client_name, client.allowed_scopes, client.public_keys, client.created_at) == ("", (), (), None)
    assert overview({"clientId": "c1"}).keys() == overview(FULL).keys()


def overview(document):
    return parse(OverviewPage, json.dumps({"data": [document]}).encode(), "GET", "/x").data[0]


@pytest.mark.parametrize("odd", [None, 7, [], {}, "text", [None], {"a": 1}, [{"kid": 7}]], ids=repr)
@pytest.mark.parametrize("name", [None, *(name for name in FULL if name != "clientId")])
def test_an_overview_reads_as_the_whole_client_does(name, odd):
    document = FULL if name is None else {**FULL, name: odd}
    brief, whole = overview(document), read(document)
    for field in ("client_name", "app_type", "allowed_scopes", "allowed_grant_types", "allowed_auth_methods"):
        assert brief[field] == getattr(whole, field)
    assert (brief["created_by_type"], brief["disable_tag"]) == (whole.created_by_type, whole.disable_tag)
    assert [(key["kid"], key["alg"]) for key in brief["public_keys"]] == [(k.kid, k.alg) for k in whole.public_keys]
    assert brief["client_secrets"] == whole.client_secrets


def test_a_date_without_a_zone_is_utc_and_one_out_of_the_calendar_is_none():
    assert read({**FULL, "createdAt": "2026-01-02T03:04:05"}).created_at == MOMENT
    assert read({**FULL, "createdAt": "9999-12-31T23:59:59-12:00"}).created_at is None
    for created in ("created", "createdAt"):  # either name of a user's date
        user = parse(User, json.dumps({"id": "u", created: "2026-01-02T03:04:05Z"}).encode(), "GET", "/x")
        assert user.created_at == MOMENT


def test_keys_of_others_are_kept_word_for_word_as_copies_and_private_ones_not_shown():
    odd = {"kid": "k", "kty": "OKP", "x5c": ["a", {"b": 1}], "n": None, "alg": 7}
    key = read({**FULL, "publicKeys": [odd]}).public_keys[0]
    assert (key.kty, key.alg, key.use, key.is_private) == ("OKP", "", "", False)
    key.to_dict()["x5c"].append("changed")
    assert key.to_dict() == odd
    assert RegisteredKey(odd) == key
    private = read({**FULL, "publicKeys": [{"kid": "k", "d": "canary-private-member"}]})
    assert private.public_keys[0].is_private
    assert "canary-private-member" not in repr(private) + str(private) + str(private.public_keys[0])


def test_an_answer_that_is_wrong_is_named_and_not_pasted():
    for content in (b'{"clientId": "canary-value', b'{"clientId": ["canary-value"]}', b"canary-value"):
        with pytest.raises(TenantProtocolError) as caught:
            parse(OAuthClient, content, "GET", "/x")
        assert "canary-value" not in str(caught.value)
        assert caught.value.__context__ is caught.value.__cause__ is None
