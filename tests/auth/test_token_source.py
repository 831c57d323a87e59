"""A token is requested once for all callers, kept, renewed in time, and not lost by a temporary failure."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from fixtures.one_key_store import OneKeyStore
from fixtures.scripted_transport import ScriptedTransport, qlik_error

import qlik_keys as qk
from qlik_keys import errors
from qlik_keys.auth.http_auth import Freshness, PrivateKeyJwtAuth, TokenSource
from qlik_keys.auth.token_endpoint import UserLookup, clock_skew_text
from qlik_keys.tenant import ApiKey, QlikTenant

URL = "https://acme.eu.qlikcloud.com"
TOKEN_URL = URL + "/oauth/token"


def granted(token="access-token-1", **fields) -> httpx.Response:
    return httpx.Response(200, json={"access_token": token, "token_type": "Bearer", "scope": "apps", **fields})


def refused(status=401, error="invalid_client", **headers) -> httpx.Response:
    return httpx.Response(status, json={"error": error, "error_description": "so it is"}, headers=headers)


ONE, TWO, REFUSED = granted("one", expires_in=3600), granted("two", expires_in=3600), refused()


def claims_of(sent) -> tuple[dict, dict]:
    parts = sent.form["client_assertion"].split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
    return header, claims


@pytest.fixture
def signer(client_keys):
    return client_keys["ES384"].signer()


@pytest.fixture
def source_on(clock, signer):
    def make(*replies, **options):
        transport = ScriptedTransport(*replies)
        by = {} if {"secret", "store"} & options.keys() else {"signer": signer}
        return TokenSource(TOKEN_URL, client_id="c1", clock=clock, transport=transport, **by, **options), transport

    return make


# What is sent


def test_the_constructor_asks_nothing_and_the_request_is_the_contracts(source_on, signer, clock):
    source, transport = source_on(granted(), scopes=["apps", "users"])
    assert transport.sent == []
    source.token()
    header, claims = claims_of(transport.sent[0])
    assert transport.sent[0].url == TOKEN_URL
    assert transport.sent[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in transport.sent[0].headers
    assert {name: value for name, value in transport.sent[0].form.items() if name != "client_assertion"} == {
        "grant_type": "client_credentials",
        "client_id": "c1",
        "scope": "apps users",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert header == {"alg": "ES384", "kid": signer.kid, "typ": "JWT"}
    assert claims.pop("jti")
    now = int(clock.time())
    assert claims == {"iss": "c1", "sub": "c1", "aud": TOKEN_URL, "iat": now - 60, "exp": now + 120}


def test_each_attempt_has_an_assertion_of_its_own(source_on):
    source, transport = source_on(qlik_error(503), httpx.ReadTimeout("x"), qlik_error(429, retry_after="9"), granted())
    source.token()
    claims = [claims_of(sent)[1] for sent in transport.sent]
    assert len({claim["jti"] for claim in claims}) == 4
    assert claims[3]["iat"] >= claims[2]["iat"] + 9


def test_impersonation_names_the_user(source_on):
    source, transport = source_on(granted(), user=UserLookup("subject", 'auth0|"x"'))
    source.token()
    assert transport.sent[0].form["grant_type"] == "urn:qlik:oauth:user-impersonation"
    assert json.loads(transport.sent[0].form["user_lookup"]) == {"field": "subject", "value": 'auth0|"x"'}


@pytest.mark.parametrize(
    ("secret", "options", "in_form", "in_header"),
    [
        (" the-client-secret\n", {}, "the-client-secret", ""),
        ("s3cret/+:x", {"secret_style": "basic"}, None, "c1:s3cret%2F%2B%3Ax"),
    ],
)
def test_a_client_secret_is_sent_in_the_chosen_style(source_on, secret, options, in_form, in_header):
    source, transport = source_on(granted(), secret=secret, **options)
    source.token()
    assert transport.sent[0].form.get("client_secret") == in_form
    header = transport.sent[0].headers.get("authorization", "").removeprefix("Basic ")
    assert base64.b64decode(header).decode() == in_header


# How long it lives


def at(seconds, form=datetime.isoformat):
    return lambda now: form(now + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("fields", "seconds", "known"),
    [
        ({"expires_in": 3600}, 3600, True),
        ({"expires_in": "3600"}, 3600, True),
        ({"expires_at": at(21600)}, 21600, True),
        ({"expires_in": 600, "expires_at": at(21600)}, 600, True),
        ({}, 60, False),
        ({"expires_in": None, "expires_at": None}, 60, False),
        ({"expires_in": "soon", "expires_at": "later"}, 60, False),
        ({"expires_in": True}, 60, False),
        ({"expires_in": [3600], "expires_at": {}}, 60, False),
        ({"expires_in": "1" * 400}, 60, False),
        ({"expires_at": at(21600, datetime.timestamp)}, 21600, True),
        ({"expires_in": -5}, 0, True),
        ({"expires_in": 1e300}, 366 * 86400, True),
        ({"expires_at": "9999-12-31T23:59:59Z"}, 366 * 86400, True),
        ({"expires_at": at(-100)}, 0, True),
    ],
)
def test_the_lifetime_is_read_in_each_form_and_one_minute_where_there_is_none(source_on, clock, fields, seconds, known):
    now = datetime.fromtimestamp(clock.time(), tz=UTC)
    told = {name: value(now) if callable(value) else value for name, value in fields.items()}
    source, _ = source_on(granted(**told))
    token = source.token()
    assert (token.lifetime, token.lifetime_known) == (seconds, known)
    assert token.expires_at == now + timedelta(seconds=seconds)
    assert (token.scope, token.token_type, token.reveal()) == ("apps", "Bearer", "access-token-1")


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_bearer_in_any_letters_is_bearer(source_on, kind):
    source, _ = source_on(granted(token_type=kind))
    assert source.token().token_type == kind


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("mac", "of the type MAC"),
        ("DPoP", "of the type DPoP"),
        ("N_A", "of the type N_A"),
        ("Bearer access-token-1", "of an unknown type"),
        ("", "of an unknown type"),
        (None, "without `token_type`"),
        (..., "without `token_type`"),  # not even null
        (["Bearer"], "whose `token_type` is not text"),
        (7, "whose `token_type` is not text"),
    ],
)
def test_a_token_of_another_kind_is_refused_and_never_used(source_on, clock, kind, words):
    told = {} if kind is ... else {"token_type": kind}
    answer = httpx.Response(200, json={"access_token": "access-token-1", "scope": "apps", **told})
    source, transport = source_on(answer, granted("good"))
    api = ScriptedTransport(httpx.Response(200))
    with (
        httpx.Client(base_url=URL, auth=PrivateKeyJwtAuth(source), transport=api) as client,
        pytest.raises(errors.TokenError, match=words) as caught,
    ):
        client.get("/api/v1/users/me")
    error = caught.value
    assert type(error) is errors.TokenError
    assert (error.outcome, error.status, error.client_id, error.retryable) == ("applied", 200, "c1", False)
    assert "access-token-1" not in f"{error} {vars(error)}"
    assert (api.sent, len(transport.sent)) == ([], 1)
    assert source.token().reveal() == "good"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b'"access-token-1"',
        b"{}",
        *(
            b'{"access_token": %s, "token_type": "Bearer"}' % value
            for value in (b"null", b'""', b'["access-token-1"]', b"17", b'"access-token-1\\u00e9"', b'"t\\r\\nx: y"')
        ),
        b'{"access_token": "access-token-1", "token_type": "Bearer"',
        b"\xff\xfe",
        b"[" * 20_000,
    ],
)
def test_an_answer_that_is_no_token_is_named_and_not_quoted(source_on, content):
    source, _ = source_on(httpx.Response(200, content=content))
    with pytest.raises(errors.TenantProtocolError, match="something that the API contract does not allow") as caught:
        source.token()
    assert caught.value.outcome is errors.Outcome.UNKNOWN
    assert "access-token-1" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize(
    ("scope", "told"),
    [(["apps", "users"], ""), (None, ""), (7, ""), ("a\ud800b", "•••"), ("apps users", "apps users")],
)
def test_a_scope_that_is_no_text_is_not_told(source_on, scope, told):
    content = json.dumps({"access_token": "access-token-1", "token_type": "Bearer", "scope": scope})  # as \\u escapes
    source, _ = source_on(httpx.Response(200, content=content))
    assert source.token().scope == told


def test_where_the_clocks_differ_expires_at_is_counted_from_the_tenants_date(source_on, clock):
    theirs = datetime.fromtimestamp(clock.time() - 7200, tz=UTC)
    reply = granted(expires_at=(theirs + timedelta(hours=1)).isoformat())
    reply.headers["date"] = format_datetime(theirs, usegmt=True)
    source, _ = source_on(reply)
    assert source.token().lifetime == 3600


@pytest.mark.parametrize(
    ("lifetime", "after", "expected"),
    [
        (3600, 0, Freshness.FRESH),
        (3600, 3539, Freshness.FRESH),
        (3600, 3540, Freshness.RENEW),
        (3600, 3599, Freshness.RENEW),
        (3600, 3600, Freshness.EXPIRED),
        (100, 89, Freshness.FRESH),
        (100, 90, Freshness.RENEW),
        (100, 100, Freshness.EXPIRED),
        (0, 0, Freshness.EXPIRED),
    ],
)
def test_freshness_at_the_boundary_seconds(source_on, clock, lifetime, after, expected):
    source, _ = source_on(granted(expires_in=lifetime))
    token = source.token()
    clock.advance(after)
    assert token.freshness(clock) is expected


# Kept and renewed


def test_a_token_is_kept_until_a_minute_before_its_end_or_until_it_is_forced(source_on, clock):
    source, transport = source_on(ONE, TWO, granted("three", expires_in=3600))
    assert [source.token().reveal() for _ in range(3)] == ["one"] * 3
    clock.advance(3539)
    assert source.token().reveal() == "one"
    clock.advance(1)
    assert source.token().reveal() == "two"
    assert source.token(force=True).reveal() == source.token().reveal() == "three"
    assert len(transport.sent) == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (httpx.ConnectError("x"), errors.TenantUnreachable),
        (qlik_error(503), errors.TenantUnavailable),
        (qlik_error(429, retry_after="999"), errors.TenantThrottled),
        (REFUSED, errors.AssertionRejected),
    ],
    ids=["unreachable", "unavailable", "throttled", "refused"],
)
def test_a_token_that_is_still_good_outlives_a_temporary_failure_and_no_refusal(source_on, clock, fault, kind):
    source, _ = source_on(ONE, fault)
    source.token()
    clock.advance(3540)
    if fault is not REFUSED:
        assert source.token().reveal() == "one"
        clock.advance(60)
    with pytest.raises(kind):
        source.token()


def test_a_failure_is_not_kept(source_on):
    source, transport = source_on(REFUSED, httpx.Response(404), ONE)
    with pytest.raises(errors.AssertionRejected):
        source.token()
    assert source.token().reveal() == "one"
    assert len(transport.sent) == 3  # with the question for another host name


def all_at_once(count, ask):
    """Ask in as many threads; return a future for each."""
    barrier = threading.Barrier(count)
    return [ThreadPoolExecutor(1).submit(lambda: (barrier.wait(30), ask())[1]) for _ in range(count)]


@pytest.mark.parametrize("is_renewal", [False, True])
def test_of_fifty_threads_one_asks_and_all_get_the_same(source_on, is_renewal):
    source, transport = source_on(ONE, TWO)
    rejected = source.token() if is_renewal else None
    threads = all_at_once(50, (lambda: source.renew(rejected)) if is_renewal else source.token)
    results = [thread.result(60) for thread in threads]
    if is_renewal:
        source.forget(rejected)  # a late refusal of the old token leaves the new one
        assert source.token() is results[0]
    assert len(transport.sent) == 1 + is_renewal
    assert len({id(token) for token in results}) == 1
    assert results[0].reveal() == ("two" if is_renewal else "one")


def test_threads_that_wait_share_the_failure_each_with_an_error_of_its_own(source_on):
    everybody_waits, asked = threading.Event(), threading.Event()

    def reply(request):
        asked.set()
        assert everybody_waits.wait(30)
        return refused(401, "invalid_client", date="Thu, 01 Jan 1970 00:00:00 GMT")

    source, transport = source_on(reply)
    leader = all_at_once(1, source.token)
    assert asked.wait(30)
    wait, waiting = source._flight.done.wait, []

    def counted_wait(timeout):
        waiting.append(1)
        if len(waiting) == 8:
            everybody_waits.set()
        return wait(timeout)

    source._flight.done.wait = counted_wait
    found = [thread.exception(60) for thread in leader + all_at_once(8, source.token)]
    assert len(transport.sent) == 1
    assert len({id(error) for error in found}) == 9
    assert {type(error) for error in found} == {errors.ClockSkewError}
    assert len({(str(error), error.skew_seconds, error.status, error.hint) for error in found}) == 1


def test_if_the_thread_that_asks_is_interrupted_another_takes_over(source_on):
    asked, go_on = threading.Event(), threading.Event()

    def interrupted(request):
        asked.set()
        assert go_on.wait(30)
        raise KeyboardInterrupt

    source, transport = source_on(interrupted, ONE)
    [leader] = all_at_once(1, source.token)
    assert asked.wait(30)
    flight = source._flight
    flight.done.wait = lambda timeout, wait=flight.done.wait: (go_on.set(), wait(timeout))[1]
    [waiting] = all_at_once(1, source.token)
    assert isinstance(leader.exception(60), KeyboardInterrupt)
    assert waiting.result(60).reveal() == "one"
    assert len(transport.sent) == 2


# Revoked


@pytest.mark.parametrize(
    ("answer", "told"),
    [(httpx.Response(200), nullcontext()), (qlik_error(400), pytest.raises(errors.TenantRejected))],
    ids=["revoked", "refused"],
)
def test_revoke_ends_the_current_token_and_forgets_it_even_if_it_fails(source_on, answer, told):
    source, transport = source_on(ONE, answer, TWO)
    source.revoke()
    assert transport.sent == []
    source.token()
    with told:
        source.revoke()
    assert transport.paths() == ["POST /oauth/token", "POST /oauth/revoke"]
    assert transport.sent[1].form == {"token": "one", "token_type_hint": "access_token"}
    assert source.token().reveal() == "two"


def test_a_late_refusal_of_an_old_token_does_not_cost_the_new_one(source_on):
    source, transport = source_on(ONE, TWO, granted("three"))
    first, second = source.token(), source.token(force=True)
    source.forget(first)
    assert source.token() is second
    source.forget(second)
    assert source.token().reveal() == "three"
    assert len(transport.sent) == 3


# Refused


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_request", "", "never seen"])
def test_a_refused_authentication_is_an_assertion_rejected(source_on, signer, status, error):
    source, transport = source_on(refused(status, error))
    with pytest.raises(errors.AssertionRejected) as caught:
        source.token()
    rejected = caught.value
    assert (rejected.client_id, rejected.status, rejected.code) == ("c1", status, error)
    assert rejected.detail == "so it is"
    assert signer.kid in rejected.message
    assert rejected.hint
    assert rejected.__context__ is None
    # Where another host name might be accepted as audience, the tenant's metadata are asked for one.
    paths = ["POST /oauth/token", *(["GET /.well-known/oauth-authorization-server"] if status != 403 else [])]
    assert transport.paths() == paths


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("by", [{}, {"secret": "the-client-secret"}], ids=["by key", "by secret"])
def test_refused_impersonation_is_told_of_the_user(source_on, status, by):
    source, _ = source_on(refused(status, "invalid_grant"), user=UserLookup("subject", "acme\\ada"), **by)
    with pytest.raises(errors.AssertionRejected) as caught:
        source.token()
    rejected = caught.value
    assert repr("acme\\ada") in rejected.message
    assert "bot user" not in rejected.hint
    if status == 403:
        assert rejected.hint.startswith("That user is disabled")
    else:
        assert rejected.hint.startswith("Check that the client may impersonate (the grant urn:qlik:oauth:user-imp")
        assert "an enabled user has exactly this subject" in rejected.hint
        assert "If both are true: check that the client exists" in rejected.hint


def test_what_would_mean_another_user_or_all_scopes_is_refused(source_on):
    for field, value, words in (
        ("userId", "", "must not be empty"),
        ("userId", " ", "must not be empty"),
        ("email", "a@b", "userId"),
    ):
        with pytest.raises(ValueError, match=words):
            UserLookup(field, value)
    source, transport = source_on(granted(), scopes=["apps", ""])
    with pytest.raises(ValueError, match="a scope is empty"):
        source.token()
    assert transport.sent == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_scopes_are_told_by_rfc_6749(source_on, status):
    source, _ = source_on(refused(status, "invalid_scope"), scopes=["apps"])
    with pytest.raises(errors.ScopeRejected) as caught:
        source.token()
    assert "apps" in caught.value.message


def test_qliks_own_words_are_shown_but_decide_nothing(source_on):
    source, _ = source_on(qlik_error(400, title="invalid scope requested", code="invalid_scope"), scopes=["apps"])
    with pytest.raises(errors.AssertionRejected) as caught:
        source.token()
    assert (caught.value.code, caught.value.trace_id) == ("invalid_scope", "trace-1")
    assert "invalid scope requested" in caught.value.message


@pytest.mark.parametrize(
    ("behind", "age", "kind"),
    [
        (-3600, 0, errors.ClockSkewError),
        (-61, 0, errors.ClockSkewError),
        (-60, 0, errors.AssertionRejected),
        (0, 0, errors.AssertionRejected),
        (70, 0, errors.AssertionRejected),
        (71, 0, errors.ClockSkewError),
        (3600, 0, errors.ClockSkewError),
        (600, 600, errors.AssertionRejected),  # a cache's date counts with its age
    ],
)
def test_a_clock_far_from_the_tenants_is_named_as_the_likely_reason(source_on, clock, behind, age, kind):
    date = format_datetime(datetime.fromtimestamp(clock.time() - behind, tz=UTC), usegmt=True)
    source, _ = source_on(refused(date=date, **({"age": str(age)} if age else {})))
    with pytest.raises(errors.TokenError) as caught:
        source.token()
    assert type(caught.value) is kind
    if kind is errors.ClockSkewError:
        assert caught.value.skew_seconds == behind
        assert clock_skew_text(behind) in caught.value.message
    assert ("clock" in f"{caught.value.message} {caught.value.hint}") is (behind != age)


@pytest.mark.parametrize(
    ("date", "options", "words"),
    [
        ("yesterday", {}, "key"),
        ("", {}, "key"),
        ("Mon, 99 Foo 2026 00:00:00 GMT", {}, "key"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", {"secret": "s3cret"}, "client secret"),
    ],
)
def test_a_date_that_cannot_be_read_and_a_refused_secret_blame_no_clock(source_on, date, options, words):
    source, _ = source_on(refused(date=date), **options)
    with pytest.raises(errors.AssertionRejected, match=words) as caught:
        source.token()
    assert "clock" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (-1, "1 second behind"),
        (-90, "90 seconds behind"),
        (120, "2 minutes ahead of"),
        (3600, "60 minutes ahead of"),
        (-7200, "2 hours behind"),
        (19_800, "6 hours ahead of"),
        (-31_536_000, "365 days behind"),
    ],
)
def test_how_far_a_clock_is_off_is_told_in_a_unit_that_fits(ahead, words):
    assert clock_skew_text(ahead) == f"this machine's clock is {words} the tenant's"


# From the store


@pytest.fixture(scope="module")
def other_key():
    return qk.generate()


@pytest.fixture
def from_store(clock):
    def make(key, *replies):
        store, transport = OneKeyStore(key), ScriptedTransport(*replies)
        source = TokenSource.from_store(store, tenant_url=URL, client_id="c" * 32, clock=clock, transport=transport)
        return source, store, transport

    return make


def test_the_store_is_read_once_and_the_audience_is_not_taken_from_it(from_store, client_keys):
    source, store, transport = from_store(client_keys["ES384"], granted("one", expires_in=1))
    assert store.reads == 0
    source.token()
    source.token(force=True)
    assert store.reads == 1
    assert claims_of(transport.sent[0])[1]["aud"] == TOKEN_URL


@pytest.mark.parametrize("answer", [TWO, REFUSED], ids=["granted", "refused"])
@pytest.mark.parametrize("has_changed", [True, False])
def test_after_a_refusal_the_stores_key_is_tried_once_if_it_has_changed(
    from_store, client_keys, other_key, has_changed, answer
):
    old = client_keys["ES384"]
    source, store, transport = from_store(old, ONE, REFUSED, answer)
    source.token()
    store.key = other_key if has_changed else old
    if has_changed and answer is TWO:
        assert source.token(force=True).reveal() == "two"
    else:
        with pytest.raises(errors.AssertionRejected, match=store.key.kid) as caught:
            source.token(force=True)
        assert has_changed or caught.value.__context__ is None
    kids = [claims_of(sent)[0]["kid"] for sent in transport.sent]
    assert kids == [old.kid, old.kid, *([other_key.kid] * has_changed)]
    assert store.reads == (3 if has_changed and answer is REFUSED else 2)


def test_refresh_signer_says_whether_the_key_changed(from_store, client_keys, other_key, source_on):
    source, store, _ = from_store(client_keys["ES384"], granted())
    assert source.refresh_signer()
    assert not source.refresh_signer()
    store.key = other_key
    assert source.refresh_signer()
    assert not source_on(granted())[0].refresh_signer()


@pytest.mark.parametrize(
    ("key", "kind", "words"),
    [
        (errors.StoreSealed("The Vault is sealed."), errors.StoreSealed, "sealed"),
        (None, errors.StoreNotFound, r"no key of client c{32}"),
    ],
    ids=["sealed", "no key"],
)
def test_a_store_without_an_answer_or_a_key_is_reported_and_nothing_is_sent(from_store, key, kind, words):
    source, _, transport = from_store(key, granted())
    with pytest.raises(kind, match=words):
        source.token()
    assert transport.sent == []


def test_a_signer_that_fails_is_told_as_it_is_and_nothing_is_sent(clock):
    class Sealed:
        kid, alg = "k", "ES384"

        def sign(self, data):
            raise errors.StoreUnreachable("The Vault is away.", retryable=True, outcome=errors.Outcome.UNKNOWN)

    transport = ScriptedTransport(granted())
    source = TokenSource(TOKEN_URL, client_id="c1", signer=Sealed(), clock=clock, transport=transport)
    with pytest.raises(errors.StoreUnreachable) as caught:
        source.token()
    assert transport.sent == []
    assert caught.value.outcome is errors.Outcome.NOT_APPLIED


# Misuse


@pytest.mark.parametrize("url", [URL, URL + "/oauth/authorize", "http://acme.eu.qlikcloud.com/oauth/token"])
def test_what_is_no_token_endpoint_is_refused(url, signer):
    with pytest.raises(errors.ConfigurationError):
        TokenSource(url, client_id="c1", signer=signer)


def test_shared_connections_must_be_the_same_tenants(signer):
    tenant = QlikTenant("other.eu.qlikcloud.com", credential=ApiKey("the-api-key"))
    with pytest.raises(errors.ConfigurationError):
        TokenSource(TOKEN_URL, client_id="c1", signer=signer, http=tenant.http)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, TypeError),
        ({"signer": "S", "secret": "x"}, TypeError),
        ({"signer": "S", "scopes": "apps users"}, TypeError),
        ({"signer": "S", "client_id": ""}, ValueError),
        ({"signer": "S", "assertion_seconds": 301}, ValueError),
        ({"signer": "S", "assertion_seconds": 0}, ValueError),
        ({"secret": "two words"}, errors.ConfigurationError),
    ],
)
def test_misuse_is_told(options, kind, signer):
    given_ = {name: signer if value == "S" else value for name, value in options.items()}
    with pytest.raises(kind):
        TokenSource(TOKEN_URL, **{"client_id": "c1", **given_})


def test_a_token_does_not_show_itself(source_on):
    source, _ = source_on(granted("canary-access-token"))
    token = source.token()
    assert "canary" not in repr(token) + str(token) + f"{token}" + repr(source) + repr(vars(source))
    with pytest.raises(TypeError):
        pickle.dumps(token)
    for way in (token.secret.__getstate__, token.secret.__reduce__, lambda: copy.copy(token.secret)):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            way()
    assert "canary" not in repr(replace(token, scope="x"))
