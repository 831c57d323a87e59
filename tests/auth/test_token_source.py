"""A token is requested once for all callers, kept, renewed in time, and not lost by a temporary failure."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from unittest.mock import Mock

import httpx
import pytest
from fixtures.one_key_store import OneKeyStore
from fixtures.scripted_transport import ScriptedTransport, qlik_error

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
        by = {} if {"secret", "store", "signer"} & options.keys() else {"signer": signer}
        return TokenSource(TOKEN_URL, client_id="c1", clock=clock, transport=transport, **by, **options), transport

    return make


def failure(source, kind, words="."):
    with pytest.raises(kind, match=words) as caught:
        source.token()
    return caught.value


def test_the_constructor_asks_nothing_and_the_request_is_the_contracts(source_on, signer):
    source, transport = source_on(granted(), scopes=["apps", "users"])
    assert transport.sent == []
    source.token()
    [sent] = transport.sent
    header, claims = claims_of(sent)
    assert (sent.url, header["kid"], claims["aud"]) == (TOKEN_URL, signer.kid, TOKEN_URL)
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in sent.headers
    assert {name: value for name, value in sent.form.items() if name != "client_assertion"} == {
        "grant_type": "client_credentials",
        "client_id": "c1",
        "scope": "apps users",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }


def test_each_attempt_has_an_assertion_of_its_own(source_on):
    source, transport = source_on(qlik_error(503), httpx.ReadTimeout("x"), qlik_error(429, retry_after="9"), granted())
    source.token()
    claims = [claims_of(sent)[1] for sent in transport.sent]
    assert len({claim["jti"] for claim in claims}) == 4
    assert claims[3]["iat"] >= claims[2]["iat"] + 9


def test_a_client_secret_can_be_sent_in_a_header(source_on):
    source, transport = source_on(granted(), secret=" s3cret/+:x\n", secret_style="basic")
    source.token()
    assert "client_secret" not in transport.sent[0].form
    header = transport.sent[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(header) == b"c1:s3cret%2F%2B%3Ax"


def at(seconds, form=datetime.isoformat):
    return lambda now: form(now + timedelta(seconds=seconds))


LIVES = [
    *(({"expires_in": 3600}, 3600), ({"expires_in": "3600"}, 3600), ({"expires_in": -5}, 0)),
    *(({"expires_at": at(21600)}, 21600), ({"expires_in": 600, "expires_at": at(21600)}, 600)),
    *(({"expires_at": at(21600, datetime.timestamp)}, 21600), ({"expires_at": at(-100)}, 0)),
    *(({"expires_in": 1e300}, 366 * 86400), ({"expires_at": "9999-12-31T23:59:59Z"}, 366 * 86400)),
    *(({"expires_in": odd}, None) for odd in (None, "soon", True, [3600], "1" * 400)),
    *(({"expires_at": odd}, None) for odd in ("later", {})),
]


@pytest.mark.parametrize(("fields", "seconds"), LIVES)
def test_the_lifetime_is_read_in_each_form_and_one_minute_where_there_is_none(source_on, clock, fields, seconds):
    now = datetime.fromtimestamp(clock.time(), tz=UTC)
    told = {name: value(now) if callable(value) else value for name, value in fields.items()}
    token = source_on(granted(**told))[0].token()
    assert (token.lifetime, token.lifetime_known) == (60 if seconds is None else seconds, seconds is not None)
    assert token.expires_at == now + timedelta(seconds=token.lifetime)
    assert (token.scope, token.token_type, token.reveal()) == ("apps", "Bearer", "access-token-1")


NO_TOKENS = (b"null", b'""', b'["access-token-1"]', b"17", b'"access-token-1\\u00e9"', b'"t\\r\\nx: y"')
KINDS = {"mac": "of the type MAC", "Bearer access-token-1": "of an unknown type"}
ANSWERS = [
    *((content, "") for content in (b"", b"<html>", b"[]", b'"access-token-1"', b"{}", b"\xff\xfe", b"[" * 20_000)),
    (b'{"access_token": "access-token-1", "token_type": "Bearer"', ""),
    *((b'{"access_token": %s, "token_type": "Bearer"}' % value, "") for value in NO_TOKENS),
    *((granted(token_type=kind).content, words) for kind, words in KINDS.items()),
    (granted(token_type=None).content, "without `token_type`"),
    (b'{"access_token": "access-token-1"}', "without `token_type`"),
    (granted(token_type=["Bearer"]).content, "whose `token_type` is not text"),
]


def test_what_is_no_token_or_one_of_another_kind_is_named_not_quoted_and_never_used(source_on):
    for content, words in ANSWERS:
        source, transport = source_on(httpx.Response(200, content=content), granted("good", token_type="BEARER"))
        api = ScriptedTransport(httpx.Response(200))
        client = httpx.Client(base_url=URL, auth=PrivateKeyJwtAuth(source), transport=api)
        expected = (errors.TokenError, "applied", 200) if words else (errors.TenantProtocolError, "unknown", None)
        with (
            client,
            pytest.raises(
                expected[0], match=words or "that the API contract does not allow|a web page instead"
            ) as caught,
        ):
            client.get("/api/v1/users/me")
        error = caught.value
        assert (type(error), error.outcome, error.status, error.retryable) == (*expected, False)
        assert "access-token-1" not in f"{error} {vars(error)}"
        assert (api.sent, len(transport.sent), source.token().reveal()) == ([], 1, "good")


def test_a_scope_that_is_no_text_is_not_told(source_on):
    for scope, told in ((["apps"], ""), (None, ""), (7, ""), ("a\ud800b", "•••"), ("apps users", "apps users")):
        document = {"access_token": "access-token-1", "token_type": "Bearer", "scope": scope}
        source, _ = source_on(httpx.Response(200, content=json.dumps(document)))  # as \\u escapes
        assert source.token().scope == told


def test_where_the_clocks_differ_expires_at_is_counted_from_the_tenants_date(source_on, clock):
    theirs = datetime.fromtimestamp(clock.time() - 7200, tz=UTC)
    reply = granted(expires_at=(theirs + timedelta(hours=1)).isoformat())
    reply.headers["date"] = format_datetime(theirs, usegmt=True)
    source, _ = source_on(reply)
    assert source.token().lifetime == 3600


def test_freshness_at_the_boundary_seconds(source_on, clock):
    hour = {0: "FRESH", 3539: "FRESH", 3540: "RENEW", 3599: "RENEW", 3600: "EXPIRED"}
    for lifetime, moments in {3600: hour, 100: {89: "FRESH", 90: "RENEW", 100: "EXPIRED"}, 0: {0: "EXPIRED"}}.items():
        token, started = source_on(granted(expires_in=lifetime))[0].token(), clock.time()
        for after, expected in moments.items():
            clock.advance(started + after - clock.time())
            assert token.freshness(clock) is Freshness[expected], after


FAULTS = [
    (httpx.ConnectError("x"), errors.TenantUnreachable),
    (qlik_error(503), errors.TenantUnavailable),
    (qlik_error(429, retry_after="999"), errors.TenantThrottled),
    (REFUSED, errors.AssertionRejected),
]


def test_a_token_is_kept_until_a_minute_before_its_end_or_until_it_is_forced(source_on, clock):
    source, transport = source_on(ONE, TWO, granted("three", expires_in=3600))
    for seconds, name in ((0, "one"), (3539, "one"), (1, "two")):
        clock.advance(seconds)
        assert source.token().reveal() == source.token().reveal() == name
    assert source.token(force=True).reveal() == source.token().reveal() == "three"
    assert len(transport.sent) == 3


@pytest.mark.parametrize(("fault", "kind"), FAULTS)
def test_a_token_that_is_still_good_outlives_a_temporary_failure_and_no_refusal(source_on, clock, fault, kind):
    source, _ = source_on(ONE, fault)
    source.token()
    clock.advance(3540)
    if fault is not REFUSED:
        assert source.token().reveal() == "one"
        clock.advance(60)
    failure(source, kind)


def all_at_once(count, ask):
    """Ask in as many threads; return a future for each."""
    barrier = threading.Barrier(count)
    return [ThreadPoolExecutor(1).submit(lambda: (barrier.wait(30), ask())[1]) for _ in range(count)]


def test_threads_that_wait_share_the_failure_each_with_an_error_of_its_own(source_on):
    all_wait, asked, waiting = threading.Event(), threading.Event(), []

    def reply(_):
        asked.set()
        assert all_wait.wait(30)
        return refused(401, "invalid_client", date="Thu, 01 Jan 1970 00:00:00 GMT")

    def counted_wait(timeout):
        waiting.append(1)
        if len(waiting) == 8:
            all_wait.set()
        return wait(timeout)

    source, transport = source_on(reply)
    leader = all_at_once(1, source.token)
    assert asked.wait(30)
    wait, source._flight.done.wait = source._flight.done.wait, counted_wait
    found = [thread.exception(60) for thread in leader + all_at_once(8, source.token)]
    assert (len(transport.sent), len({id(error) for error in found})) == (1, 9)
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
    assert (waiting.result(60).reveal(), len(transport.sent)) == ("one", 2)


GONE, KEPT = httpx.Response(200), qlik_error(400)


@pytest.mark.parametrize(("answer", "told"), [(GONE, nullcontext()), (KEPT, pytest.raises(errors.TenantRejected))])
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
    assert (source.token().reveal(), len(transport.sent)) == ("three", 3)


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_request", "", "never seen"])
def test_a_refused_authentication_is_an_assertion_rejected(source_on, signer, status, error):
    source, transport = source_on(refused(status, error))
    rejected = failure(source, errors.AssertionRejected)
    assert (rejected.client_id, rejected.status, rejected.code) == ("c1", status, error)
    assert (rejected.detail, rejected.__context__) == ("so it is", None)
    # Where another host name might be accepted as audience, the tenant's metadata are asked for one.
    paths = ["POST /oauth/token", *(["GET /.well-known/oauth-authorization-server"] if status != 403 else [])]
    assert transport.paths() == paths
    assert signer.kid in rejected.message
    assert rejected.hint


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("by", [{}, {"secret": "the-client-secret"}], ids=["by key", "by secret"])
def test_refused_impersonation_is_told_of_the_user(source_on, status, by):
    source, _ = source_on(refused(status, "invalid_grant"), user=UserLookup("subject", "acme\\ada"), **by)
    rejected = failure(source, errors.AssertionRejected)
    assert repr("acme\\ada") in rejected.message
    assert "bot user" not in rejected.hint
    if status == 403:
        assert rejected.hint.startswith("That user is disabled")
    else:
        assert rejected.hint.startswith("Check that the client may impersonate (the grant urn:qlik:oauth:user-imp")
        assert "an enabled user has exactly this subject" in rejected.hint


def test_what_would_mean_another_user_or_all_scopes_is_refused(source_on):
    for field, value, words in (
        ("userId", "", "not be empty"),
        ("userId", " ", "not be empty"),
        ("email", "a", "userId"),
    ):
        with pytest.raises(ValueError, match=words):
            UserLookup(field, value)
    source, transport = source_on(granted(), scopes=["apps", ""])
    failure(source, ValueError, "a scope is empty")
    assert transport.sent == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_scopes_are_told_by_rfc_6749_and_not_by_qliks_own_words(source_on, status):
    qliks = qlik_error(status, title="invalid scope requested", code="invalid_scope")
    source, _ = source_on(refused(status, "invalid_scope"), qliks, scopes=["apps"])
    failure(source, errors.ScopeRejected, "apps")
    error = failure(source, errors.AssertionRejected, "invalid scope requested")
    assert (error.code, error.trace_id) == ("invalid_scope", "trace-1")


SKEWS = [*((-61, 0, True), (-60, 0, False), (0, 0, False), (70, 0, False), (71, 0, True))]
SKEWS += [(600, 600, False)]  # a cache's date counts with its age


@pytest.mark.parametrize(("behind", "age", "is_skewed"), SKEWS)
def test_a_clock_far_from_the_tenants_is_named_as_the_likely_reason(source_on, clock, behind, age, is_skewed):
    date = format_datetime(datetime.fromtimestamp(clock.time() - behind, tz=UTC), usegmt=True)
    source, _ = source_on(refused(date=date, **({"age": str(age)} if age else {})))
    error = failure(source, errors.TokenError)
    assert type(error) is (errors.ClockSkewError if is_skewed else errors.AssertionRejected)
    if is_skewed:
        assert error.skew_seconds == behind
        assert clock_skew_text(behind) in error.message
    assert ("clock" in f"{error.message} {error.hint}") is (behind != age)


def test_a_date_that_cannot_be_read_and_a_refused_secret_blame_no_clock(source_on):
    for date in ("yesterday", "", "Mon, 99 Foo 2026 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"):
        options = {"secret": "s3cret"} if "1970" in date else {}
        error = failure(source_on(refused(date=date), **options)[0], errors.AssertionRejected)
        assert "clock" not in f"{error.message} {error.hint}"
        assert ("client secret" if options else "key") in error.message


def test_how_far_a_clock_is_off_is_told_in_a_unit_that_fits():
    words = {
        -1: "1 second",
        -90: "90 seconds",
        -7200: "2 hours",
        120: "2 minutes",
        3600: "60 minutes",
        19_800: "6 hours",
    }
    for seconds, said in {**words, -31_536_000: "365 days"}.items():
        where = "behind" if seconds < 0 else "ahead of"
        assert clock_skew_text(seconds) == f"this machine's clock is {said} {where} the tenant's"


@pytest.fixture
def from_store(clock):
    def make(key, *replies):
        store, transport = OneKeyStore(key), ScriptedTransport(*replies)
        source = TokenSource.from_store(store, tenant_url=URL, client_id="c" * 32, clock=clock, transport=transport)
        return source, store, transport

    return make


def test_the_store_is_read_once_or_on_request_and_the_audience_is_not_taken_from_it(from_store, client_keys, source_on):
    source, store, transport = from_store(client_keys["ES384"], granted("one", expires_in=1))
    for reads in (0, 1, 1):
        assert store.reads == reads
        source.token(force=True)
    assert {claims_of(sent)[1]["aud"] for sent in transport.sent} == {TOKEN_URL}
    store.key = client_keys["RS256"]
    assert (source.refresh_signer(), source.refresh_signer()) == (True, False)  # whether it is another key
    assert source_on(granted())[0].refresh_signer() is False


@pytest.mark.parametrize("answer", [TWO, REFUSED], ids=["granted", "refused"])
@pytest.mark.parametrize("changed", [True, False])
def test_after_a_refusal_the_stores_key_is_tried_once_if_it_has_changed(from_store, client_keys, changed, answer):
    old, new = client_keys["ES384"], client_keys["RS256"]
    source, store, transport = from_store(old, ONE, REFUSED, answer)
    source.token()
    store.key = new if changed else old
    if changed and answer is TWO:
        assert source.token(force=True).reveal() == "two"
    else:
        with pytest.raises(errors.AssertionRejected, match=store.key.kid) as caught:
            source.token(force=True)
        assert changed or caught.value.__context__ is None
    assert [claims_of(sent)[0]["kid"] for sent in transport.sent] == [old.kid, old.kid, *([new.kid] * changed)]
    assert store.reads == (3 if changed and answer is REFUSED else 2)


def test_a_store_without_an_answer_or_a_key_is_reported_and_nothing_is_sent(from_store):
    for key, kind, words in (
        (errors.StoreSealed("The Vault is sealed."), errors.StoreSealed, "sealed"),
        (None, errors.StoreNotFound, r"no key of client c{32}"),
    ):
        source, _, transport = from_store(key, granted())
        failure(source, kind, words)
        assert transport.sent == []


def test_a_signer_that_fails_is_told_as_it_is_and_nothing_is_sent(source_on):
    away = errors.StoreUnreachable("The Vault is away.", retryable=True, outcome=errors.Outcome.UNKNOWN)
    source, transport = source_on(granted(), signer=Mock(kid="k", alg="ES384", sign=Mock(side_effect=away)))
    assert failure(source, errors.StoreUnreachable).outcome is errors.Outcome.NOT_APPLIED
    assert transport.sent == []


def test_misuse_is_told(signer):
    other = QlikTenant("other.eu.qlikcloud.com", credential=ApiKey("the-api-key"))
    for options, kind in (
        *(({"url": f"{URL}{path}", "signer": signer}, errors.ConfigurationError) for path in ("", "/oauth/authorize")),
        ({"url": "http://acme.eu.qlikcloud.com/oauth/token", "signer": signer}, errors.ConfigurationError),
        *(({}, TypeError), ({"signer": signer, "secret": "x"}, TypeError)),
        ({"signer": signer, "scopes": "apps users"}, TypeError),
        ({"signer": signer, "http": other.http}, errors.ConfigurationError),
        ({"secret": "two words"}, errors.ConfigurationError),
    ):
        with pytest.raises(kind):
            TokenSource(options.pop("url", TOKEN_URL), client_id="c1", **options)
