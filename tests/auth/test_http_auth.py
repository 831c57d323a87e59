"""Tokens on requests: to their tenant alone, once more after a 401, and never shown."""

from __future__ import annotations

import asyncio
import itertools

import httpx
import pytest
from fixtures.scripted_transport import ScriptedTransport, qlik_error

from qlik_keys import errors
from qlik_keys.auth.http_auth import ClientSecret, PrivateKeyJwtAuth, TokenSource
from qlik_keys.tenant import ApiKey, QlikTenant, RetryPolicy

URL = "https://acme.eu.qlikcloud.com"
TOKEN_URL = URL + "/oauth/token"
USER = httpx.Response(200, json={"id": "u1"})
UNAUTHORIZED = httpx.Response(401)


def tokens():
    """A token endpoint that gives token-1, token-2 and so on."""
    answer, number = {"token_type": "Bearer", "expires_in": 3600}, itertools.count(1)
    return ScriptedTransport(lambda _: httpx.Response(200, json={"access_token": f"token-{next(number)}", **answer}))


@pytest.fixture
def login(clock, client_keys):
    endpoint, signer = tokens(), client_keys["ES384"].signer()
    return PrivateKeyJwtAuth(
        TokenSource(TOKEN_URL, client_id="c1", signer=signer, clock=clock, transport=endpoint)
    ), endpoint


ELSEWHERE = httpx.Response(307, headers={"location": "https://evil.example/take"})
ON_THE_TENANT = httpx.Response(302, headers={"location": "/api/v1/users/u1"})


def ways(api, stream):
    return {
        "get": lambda: api.get("/api/v1/x"),
        "post": lambda: api.post("/api/v1/x", json={"a": 1}),
        "stream": lambda: api.post("/api/v1/x", content=stream),
        "elsewhere": lambda: api.get("https://acme.eu.qlikcloud.com:443@evil.example/api"),
        "plain": lambda: api.get("http://acme.eu.qlikcloud.com/api"),
    }


async def parts():
    yield b"a"


# What the API answers, what each request gets in the end, and the number of the token that it was sent with.
EXCHANGES = {
    "one for all": ([USER], {"get": 200, "post": 200, "plain": 200}, [1, 1, None]),
    "redirect elsewhere": ([ELSEWHERE, UNAUTHORIZED], {"post": 401}, [1, None]),
    "redirect": ([ON_THE_TENANT, USER], {"get": 200}, [1, 1]),
    "401 repeated": ([UNAUTHORIZED, USER], {"post": 200}, [1, 2]),
    "401 twice, elsewhere": ([UNAUTHORIZED], {"get": 401, "elsewhere": 401}, [1, 2, None]),
    "stream sent once": ([UNAUTHORIZED, USER], {"stream": 401, "get": 200}, [1, 2]),
    "403 final": ([httpx.Response(403)], {"get": 403}, [1]),
}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_each_request_carries_the_token_that_is_due(login, is_async, exchange):
    (replies, calls, sent), (auth, endpoint) = EXCHANGES[exchange], login
    transport = ScriptedTransport(*replies)
    options = {"base_url": URL, "auth": auth, "transport": transport, "follow_redirects": True}

    async def asked():
        async with httpx.AsyncClient(**options) as api:
            return [(await ways(api, parts())[call]()).status_code for call in calls]

    if is_async:
        statuses = asyncio.run(asked())
    else:
        with httpx.Client(**options) as api:
            statuses = [ways(api, iter([b"a", b"b"]))[call]().status_code for call in calls]
    assert statuses == [*calls.values()]
    assert transport.bearers() == [number and f"Bearer token-{number}" for number in sent]
    assert len(endpoint.sent) == max(filter(None, sent))
    assert [*calls] != ["post"] or {each.content for each in transport.sent} == {b'{"a":1}'}


@pytest.fixture
def on_one_transport(clock):
    """A tenant whose token endpoint and API share a transport: what reaches it is kept apart by path."""

    def make(credential, *, token=None, api=(USER,), **options):
        endpoint, on_api = tokens() if token is None else ScriptedTransport(token), ScriptedTransport(*api)
        by_path = {"/oauth/token": endpoint}
        transport = ScriptedTransport(lambda sent: by_path.get(sent.url.path, on_api).handle_request(sent))
        tenant = QlikTenant(URL, credential=ApiKey("the-api-key"), transport=transport, clock=clock, **options)
        return tenant.with_credential(credential(tenant)), endpoint, on_api

    return make


def by_secret(_):
    return ClientSecret("c1", "the-client-secret", scopes=["admin_classic"])


def test_a_client_secret_is_a_credential(on_one_transport):
    tenant, token_transport, api_transport = on_one_transport(by_secret)
    assert tenant.users.me().id == "u1"
    assert token_transport.sent[0].form == {
        "grant_type": "client_credentials",
        "client_id": "c1",
        "scope": "admin_classic",
        "client_secret": "the-client-secret",
    }
    assert api_transport.bearers() == ["Bearer token-1"]
    assert repr(tenant) == f"<QlikTenant {URL} as client secret of client c1>"


def test_a_private_key_jwt_is_a_credential_over_shared_connections(on_one_transport, client_keys):
    def by_key(tenant):
        signer = client_keys["RS256"].signer()
        return PrivateKeyJwtAuth(TokenSource(tenant.token_url, client_id="c1", signer=signer, http=tenant.http))

    tenant, token_transport, api_transport = on_one_transport(by_key, api=[UNAUTHORIZED, USER])
    assert tenant.users.me().id == "u1"
    assert len(token_transport.sent) == 2
    assert api_transport.bearers() == ["Bearer token-1", "Bearer token-2"]
    assert [tenant.budget.snapshot()[tier].used for tier in (1, 2)] == [2, 2]
    assert repr(tenant) == f"<QlikTenant {URL} as private-key JWT of client c1>"
    with pytest.raises(errors.ConfigurationError, match=r"other\.eu"):
        QlikTenant("https://other.eu.qlikcloud.com", credential=by_key(tenant))


FAILURES = [
    (httpx.Response(401, json={"error": "invalid_client"}), errors.AssertionRejected),
    (qlik_error(503), errors.TenantUnavailable),
    (httpx.ReadTimeout("x"), errors.TenantUnreachable),
]


@pytest.mark.parametrize(("token", "kind"), FAILURES)
def test_without_a_token_a_change_is_not_applied_and_not_tried_again(on_one_transport, token, kind):
    tenant, token_transport, api_transport = on_one_transport(by_secret, token=token, retry=RetryPolicy(attempts=3))
    with pytest.raises(kind) as caught:
        tenant.oauth_clients.delete("c1")
    assert caught.value.outcome is errors.Outcome.NOT_APPLIED
    assert api_transport.sent == []
    assert len(token_transport.sent) == (1 if kind is errors.AssertionRejected else 3)


@pytest.mark.parametrize("value", ["", " ", "two words", "naïve-secret", "line\nbreak"])
@pytest.mark.parametrize("kind", [ApiKey, lambda value: ClientSecret("c1", value)])
def test_what_cannot_be_a_secret_is_refused_without_being_quoted(kind, value):
    with pytest.raises(errors.ConfigurationError) as caught:
        kind(value)
    if value.strip():
        assert value not in str(caught.value)
    ours = [entry for entry in caught.traceback if "qlik_keys" in str(entry.path) and "tests" not in entry.path.parts]
    assert ours
    assert not any(local == value for entry in ours for local in entry.frame.f_locals.values() if value.strip())
