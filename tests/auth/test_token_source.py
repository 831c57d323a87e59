"""Tokens are requested once for all who ask, kept, renewed in time, and never thrown away for a passing fault."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from fixtures.scripted_transport import Wire, qlik_error
from fixtures.support import ManualClock
from hypothesis import given
from hypothesis import strategies as st

import qlik_keys as qk
from qlik_keys import errors
from qlik_keys.auth.http_auth import Freshness, PrivateKeyJwtAuth, TokenSource
from qlik_keys.auth.token_endpoint import UserLookup, clock_words
from qlik_keys.keystore.base import ClientRecord, StoredKey
from qlik_keys.tenant import ApiKey, QlikTenant

URL = "https://acme.eu.qlikcloud.com"
TOKEN_URL = URL + "/oauth/token"


def granted(token="access-token-1", **fields) -> httpx.Response:
    return httpx.Response(200, json={"access_token": token, "token_type": "Bearer", "scope": "apps", **fields})


def rfc6749(status, error, **headers) -> httpx.Response:
    return httpx.Response(status, json={"error": error, "error_description": "so it is"}, headers=headers)


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
        wire = Wire(*replies)
        by = {} if {"secret", "store"} & options.keys() else {"signer": signer}
        return TokenSource(TOKEN_URL, client_id="c1", clock=clock, transport=wire, **by, **options), wire

    return make


class OneKeyStore:
    """A key store of one client whose key can be replaced; the rest of the Protocol is not asked here."""

    def __init__(self, key):
        self.key = key
        self.reads = 0

    def read(self, tenant_host, client_id):
        assert tenant_host == "acme.eu.qlikcloud.com"
        self.reads += 1
        if isinstance(self.key, Exception):
            raise self.key
        keys = {}
        if self.key is not None:
            stored = StoredKey(public=self.key.public, state="current", made_at=datetime.now(UTC), private=self.key)
            keys = {stored.kid: stored}
        return ClientRecord(
            tenant_host=tenant_host,
            client_id=client_id,
            client_name="x",
            token_url="https://elsewhere.example/oauth/token",
            custody="kv",
            keys=keys,
        )

    def signer(self, key):
        return key.private.signer()


# What is sent


def test_the_constructor_asks_nothing_and_the_request_is_the_contracts(source_on, signer, clock):
    source, wire = source_on(granted(), scopes=["apps", "users"])
    assert wire.sent == []
    source.token()
    header, claims = claims_of(wire.sent[0])
    assert wire.sent[0].url == TOKEN_URL
    assert wire.sent[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in wire.sent[0].headers
    assert {name: value for name, value in wire.sent[0].form.items() if name != "client_assertion"} == {
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
    source, wire = source_on(qlik_error(503), httpx.ReadTimeout("x"), qlik_error(429, retry_after="9"), granted())
    source.token()
    claims = [claims_of(sent)[1] for sent in wire.sent]
    assert len({claim["jti"] for claim in claims}) == 4
    assert claims[3]["iat"] >= claims[2]["iat"] + 9


def test_impersonation_names_the_user(source_on):
    source, wire = source_on(granted(), user=UserLookup("subject", 'auth0|"x"'))
    source.token()
    assert wire.sent[0].form["grant_type"] == "urn:qlik:oauth:user-impersonation"
    assert json.loads(wire.sent[0].form["user_lookup"]) == {"field": "subject", "value": 'auth0|"x"'}


def test_a_secret_goes_in_the_form(source_on):
    source, wire = source_on(granted(), secret=" the-client-secret\n")
    source.token()
    assert wire.sent[0].form["client_secret"] == "the-client-secret"
    assert "authorization" not in wire.sent[0].headers


def test_a_secret_goes_by_basic_where_that_is_asked_for(source_on):
    source, wire = source_on(granted(), secret="s3cret/+:x", secret_style="basic")
    source.token()
    assert "client_secret" not in wire.sent[0].form
    basic = base64.b64decode(wire.sent[0].headers["authorization"].removeprefix("Basic ")).decode()
    assert basic == "c1:s3cret%2F%2B%3Ax"


# How long it lives


@pytest.mark.parametrize(
    ("fields", "seconds", "known"),
    [
        ({"expires_in": 3600}, 3600, True),
        ({"expires_in": "3600"}, 3600, True),
        ({"expires_at": "NOW+21600"}, 21600, True),
        ({"expires_in": 600, "expires_at": "NOW+21600"}, 600, True),
        ({}, 60, False),
        ({"expires_in": None, "expires_at": None}, 60, False),
        ({"expires_in": "soon", "expires_at": "later"}, 60, False),
        ({"expires_in": True}, 60, False),
        ({"expires_in": [3600], "expires_at": {}}, 60, False),
        ({"expires_in": "1" * 400}, 60, False),
        ({"expires_at": "NOW+21600 as a number"}, 21600, True),
        ({"expires_in": -5}, 0, True),
        ({"expires_in": 1e300}, 366 * 86400, True),
        ({"expires_at": "9999-12-31T23:59:59Z"}, 366 * 86400, True),
        ({"expires_at": "NOW-100"}, 0, True),
    ],
)
def test_either_way_to_tell_the_life_of_a_token_is_understood_and_none_assumed(
    source_on, clock, fields, seconds, known
):
    now = datetime.fromtimestamp(clock.time(), tz=UTC)
    told = {
        **fields,
        **{
            name: (now + timedelta(seconds=int(value[3:].split()[0]))).isoformat()
            for name, value in fields.items()
            if str(value).startswith("NOW")
        },
    }
    if str(fields.get("expires_at", "")).endswith("number"):
        told["expires_at"] = datetime.fromisoformat(told["expires_at"]).timestamp()
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
        (["Bearer"], "whose `token_type` is not text"),
        (7, "whose `token_type` is not text"),
    ],
)
def test_a_token_of_another_kind_is_refused_and_never_used(source_on, clock, kind, words):
    source, wire = source_on(granted(token_type=kind), granted("good"))
    api = Wire(httpx.Response(200))
    with (
        httpx.Client(base_url=URL, auth=PrivateKeyJwtAuth(source), transport=api) as client,
        pytest.raises(errors.TokenError, match=words) as caught,
    ):
        client.get("/api/v1/users/me")
    error = caught.value
    assert type(error) is errors.TokenError
    assert (error.outcome, error.status, error.client_id, error.retryable) == ("applied", 200, "c1", False)
    assert "access-token-1" not in f"{error} {vars(error)}"
    assert (api.sent, len(wire.sent)) == ([], 1)
    assert source.token().reveal() == "good"


def test_an_answer_without_the_type_of_the_token_is_refused(source_on):
    source, _ = source_on(httpx.Response(200, json={"access_token": "access-token-1"}))
    with pytest.raises(errors.TokenError, match="without `token_type`"):
        source.token()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b'"access-token-1"',
        b"{}",
        b'{"access_token": null, "token_type": "Bearer"}',
        b'{"access_token": "", "token_type": "Bearer"}',
        b'{"access_token": ["access-token-1"], "token_type": "Bearer"}',
        b'{"access_token": 17, "token_type": "Bearer"}',
        b'{"access_token": "access-token-1\\u00e9", "token_type": "Bearer"}',
        b'{"access_token": "access-token-1\\r\\nx: y", "token_type": "Bearer"}',
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


def test_a_fresh_token_is_kept_and_renewed_a_minute_before_its_end(source_on, clock):
    source, wire = source_on(granted("one", expires_in=3600), granted("two", expires_in=3600))
    assert [source.token().reveal() for _ in range(3)] == ["one"] * 3
    clock.advance(3539)
    assert source.token().reveal() == "one"
    clock.advance(1)
    assert source.token().reveal() == "two"
    assert len(wire.sent) == 2


@pytest.mark.parametrize("fault", [httpx.ConnectError("x"), qlik_error(503), qlik_error(429, retry_after="999")])
def test_a_passing_fault_does_not_cost_a_token_that_is_still_good(source_on, clock, fault):
    source, _ = source_on(granted("one", expires_in=3600), fault)
    source.token()
    clock.advance(3540)
    assert source.token().reveal() == "one"
    clock.advance(60)
    with pytest.raises(errors.TenantError):
        source.token()


def test_a_refusal_is_told_even_if_the_old_token_is_still_good(source_on, clock):
    source, _ = source_on(granted("one", expires_in=3600), rfc6749(401, "invalid_client"))
    source.token()
    clock.advance(3540)
    with pytest.raises(errors.AssertionRejected):
        source.token()


def test_force_gets_a_new_one(source_on):
    source, _ = source_on(granted("one", expires_in=3600), granted("two", expires_in=3600))
    source.token()
    assert source.token(force=True).reveal() == "two"
    assert source.token().reveal() == "two"


def test_a_failed_mint_is_not_kept(source_on):
    source, wire = source_on(rfc6749(401, "invalid_client"), granted("one"))
    with pytest.raises(errors.AssertionRejected):
        source.token()
    assert source.token().reveal() == "one"
    assert len(wire.sent) == 2


def all_at_once(count, ask):
    results, barrier = [], threading.Barrier(count)

    def run():
        barrier.wait()
        try:
            results.append(ask())
        except errors.QlikKeysError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def join(threads):
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)


def test_of_fifty_threads_one_asks_and_all_get_the_same(source_on):
    source, wire = source_on(granted("one", expires_in=3600))
    threads, results = all_at_once(50, source.token)
    join(threads)
    assert len(wire.sent) == 1
    assert len({id(token) for token in results}) == 1
    assert len(results) == 50


def test_of_fifty_threads_that_were_answered_401_one_asks(source_on):
    source, wire = source_on(granted("one", expires_in=3600), granted("two", expires_in=3600))
    rejected = source.token()
    threads, results = all_at_once(50, lambda: source.renew(rejected))
    join(threads)
    assert len(wire.sent) == 2
    assert {token.reveal() for token in results} == {"two"}


def test_those_who_wait_share_the_failure_each_with_an_error_of_its_own(source_on):
    everybody_waits, asked = threading.Event(), threading.Event()

    def reply(request):
        asked.set()
        assert everybody_waits.wait(30)
        return rfc6749(401, "invalid_client", date="Thu, 01 Jan 1970 00:00:00 GMT")

    source, wire = source_on(reply)
    first, leaders = all_at_once(1, source.token)
    assert asked.wait(30)
    flight = source._flight
    waiting = []
    flight.done.wait = lambda timeout, wait=flight.done.wait: (
        waiting.append(1),
        _all_in(waiting, everybody_waits),
        wait(timeout),
    )[2]
    threads, results = all_at_once(8, source.token)
    join(first + threads)
    assert len(wire.sent) == 1
    found = leaders + results
    assert len({id(error) for error in found}) == 9
    assert {type(error) for error in found} == {errors.ClockSkewError}
    assert len({(str(error), error.skew_seconds, error.status, error.hint) for error in found}) == 1


def _all_in(waiting, event):
    if len(waiting) == 8:
        event.set()


def test_if_the_thread_that_asks_is_interrupted_another_takes_over(source_on):
    asked, go_on = threading.Event(), threading.Event()

    def interrupted(request):
        asked.set()
        assert go_on.wait(30)
        raise KeyboardInterrupt

    source, wire = source_on(interrupted, granted("one", expires_in=3600))
    seen = []

    def first():
        try:
            source.token()
        except KeyboardInterrupt:
            seen.append("interrupted")

    leader = threading.Thread(target=first)
    leader.start()
    assert asked.wait(30)
    flight = source._flight
    flight.done.wait = lambda timeout, wait=flight.done.wait: (go_on.set(), wait(timeout))[1]
    threads, results = all_at_once(1, source.token)
    join([leader, *threads])
    assert seen == ["interrupted"]
    assert results[0].reveal() == "one"
    assert len(wire.sent) == 2


# Revoked


def test_revoke_ends_the_current_token_and_forgets_it(source_on):
    source, wire = source_on(granted("one", expires_in=3600), httpx.Response(200), granted("two", expires_in=3600))
    source.revoke()
    assert wire.sent == []
    source.token()
    source.revoke()
    assert wire.paths() == ["POST /oauth/token", "POST /oauth/revoke"]
    assert wire.sent[1].form == {"token": "one", "token_type_hint": "access_token"}
    assert source.token().reveal() == "two"


def test_a_token_that_could_not_be_revoked_is_forgotten_all_the_same(source_on):
    source, _ = source_on(granted("one", expires_in=3600), qlik_error(400), granted("two", expires_in=3600))
    source.token()
    with pytest.raises(errors.TenantRejected):
        source.revoke()
    assert source.token().reveal() == "two"


# Refused


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_request", "", "never seen"])
def test_a_refused_authentication_is_an_assertion_rejected(source_on, signer, status, error):
    source, wire = source_on(rfc6749(status, error))
    with pytest.raises(errors.AssertionRejected) as caught:
        source.token()
    rejected = caught.value
    assert (rejected.client_id, rejected.status, rejected.code) == ("c1", status, error)
    assert rejected.detail == "so it is"
    assert signer.kid in rejected.message
    assert rejected.hint
    assert rejected.__context__ is None
    assert len(wire.sent) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("by", [{}, {"secret": "the-client-secret"}], ids=["by key", "by secret"])
def test_refused_impersonation_is_told_of_the_user(source_on, status, by):
    source, _ = source_on(rfc6749(status, "invalid_grant"), user=UserLookup("subject", "acme\\ada"), **by)
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
        assert "If so: check that the client exists" in rejected.hint


def test_what_would_mean_another_user_or_all_scopes_is_refused(source_on):
    for value in ("", " "):
        with pytest.raises(ValueError, match="not empty"):
            UserLookup("userId", value)
    source, wire = source_on(granted(), scopes=["apps", ""])
    with pytest.raises(ValueError, match="a scope is empty"):
        source.token()
    assert wire.sent == []


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_scopes_are_told_by_rfc_6749(source_on, status):
    source, _ = source_on(rfc6749(status, "invalid_scope"), scopes=["apps"])
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
    ("behind", "kind"),
    [
        (-3600, errors.ClockSkewError),
        (-61, errors.ClockSkewError),
        (-60, errors.AssertionRejected),
        (0, errors.AssertionRejected),
        (70, errors.AssertionRejected),
        (71, errors.ClockSkewError),
        (3600, errors.ClockSkewError),
    ],
)
def test_a_clock_far_from_the_tenants_is_the_likely_reason(source_on, clock, behind, kind):
    date = format_datetime(datetime.fromtimestamp(clock.time() - behind, tz=UTC), usegmt=True)
    source, _ = source_on(rfc6749(401, "invalid_client", date=date))
    with pytest.raises(errors.TokenError) as caught:
        source.token()
    assert type(caught.value) is kind
    if kind is errors.ClockSkewError:
        assert caught.value.skew_seconds == behind
        assert clock_words(behind) in caught.value.message
    assert ("clock" in f"{caught.value.message} {caught.value.hint}") is (behind != 0)


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
    assert clock_words(ahead) == f"this machine's clock is {words} the tenant's"


def test_a_date_from_a_cache_counts_with_its_age(source_on, clock):
    date = format_datetime(datetime.fromtimestamp(clock.time() - 600, tz=UTC), usegmt=True)
    source, _ = source_on(rfc6749(401, "invalid_client", date=date, age="600"))
    with pytest.raises(errors.AssertionRejected) as caught:
        source.token()
    assert "clock" not in caught.value.hint


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_a_date_that_cannot_be_read_blames_no_clock(source_on, date):
    source, _ = source_on(rfc6749(401, "invalid_client", date=date))
    with pytest.raises(errors.AssertionRejected):
        source.token()


def test_a_refused_secret_blames_no_clock(source_on):
    source, _ = source_on(rfc6749(401, "invalid_client", date="Thu, 01 Jan 1970 00:00:00 GMT"), secret="s3cret")
    with pytest.raises(errors.AssertionRejected, match="client secret"):
        source.token()


# From the store


@pytest.fixture(scope="module")
def other_key():
    return qk.generate()


def test_the_store_is_read_once_and_the_audience_is_not_taken_from_it(clock, client_keys):
    store, wire = OneKeyStore(client_keys["ES384"]), Wire(granted("one", expires_in=1))
    source = TokenSource.from_store(store, tenant_url=URL, client_id="c" * 32, clock=clock, transport=wire)
    assert store.reads == 0
    source.token()
    source.token(force=True)
    assert store.reads == 1
    assert claims_of(wire.sent[0])[1]["aud"] == TOKEN_URL


def test_when_the_stores_key_has_changed_the_new_one_is_tried_once(clock, client_keys, other_key):
    old, new = client_keys["ES384"], other_key
    store = OneKeyStore(old)
    wire = Wire(granted("one"), rfc6749(401, "invalid_client"), granted("two"))
    source = TokenSource.from_store(store, tenant_url=URL, client_id="c" * 32, clock=clock, transport=wire)
    source.token()
    store.key = new
    assert source.token(force=True).reveal() == "two"
    assert [claims_of(sent)[0]["kid"] for sent in wire.sent] == [old.kid, old.kid, new.kid]
    assert store.reads == 2


def test_when_the_stores_key_is_the_same_the_refusal_stands(clock, client_keys):
    store, wire = OneKeyStore(client_keys["ES384"]), Wire(rfc6749(401, "invalid_client"))
    source = TokenSource.from_store(store, tenant_url=URL, client_id="c" * 32, clock=clock, transport=wire)
    with pytest.raises(errors.AssertionRejected) as caught:
        source.token()
    assert len(wire.sent) == 1
    assert store.reads == 2
    assert caught.value.__context__ is None


def test_when_the_new_key_is_refused_too_there_is_no_third_try(clock, client_keys, other_key):
    store = OneKeyStore(client_keys["ES384"])
    wire = Wire(granted("one"), rfc6749(401, "invalid_client"))
    source = TokenSource.from_store(store, tenant_url=URL, client_id="c" * 32, clock=clock, transport=wire)
    source.token()
    store.key = other_key
    with pytest.raises(errors.AssertionRejected, match=other_key.kid):
        source.token(force=True)
    assert len(wire.sent) == 3


def test_refresh_signer_says_whether_the_key_changed(clock, client_keys, other_key, source_on):
    store = OneKeyStore(client_keys["ES384"])
    source = TokenSource.from_store(store, tenant_url=URL, client_id="c" * 32, clock=clock, transport=Wire(granted()))
    assert source.refresh_signer()
    assert not source.refresh_signer()
    store.key = other_key
    assert source.refresh_signer()
    assert not source_on(granted())[0].refresh_signer()


def test_a_store_that_fails_is_told_as_it_is(clock):
    store, wire = OneKeyStore(errors.StoreSealed("The Vault is sealed.")), Wire(granted())
    source = TokenSource.from_store(store, tenant_url=URL, client_id="c" * 32, clock=clock, transport=wire)
    with pytest.raises(errors.StoreSealed):
        source.token()
    assert wire.sent == []


def test_a_record_without_a_key_is_told(clock):
    source = TokenSource.from_store(OneKeyStore(None), tenant_url=URL, client_id="c" * 32, clock=clock)
    with pytest.raises(errors.StoreNotFound, match=r"no key of client c{32}"):
        source.token()


def test_a_signer_that_fails_is_told_as_it_is_and_nothing_is_sent(clock):
    class Sealed:
        kid, alg = "k", "ES384"

        def sign(self, data):
            raise errors.StoreUnreachable("The Vault is away.", retryable=True, outcome=errors.Outcome.UNKNOWN)

    wire = Wire(granted())
    source = TokenSource(TOKEN_URL, client_id="c1", signer=Sealed(), clock=clock, transport=wire)
    with pytest.raises(errors.StoreUnreachable) as caught:
        source.token()
    assert wire.sent == []
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


def test_a_user_is_looked_up_by_two_fields_alone():
    with pytest.raises(ValueError, match="userId"):
        UserLookup("email", "a@b")


def test_a_token_does_not_show_itself(source_on):
    source, _ = source_on(granted("canary-access-token"))
    token = source.token()
    assert "canary" not in repr(token) + str(token) + f"{token}" + repr(source) + repr(vars(source))
    with pytest.raises(TypeError):
        pickle.dumps(token)
    for way in (token.secret.__getstate__, token.secret.__reduce__, lambda: copy.copy(token.secret)):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            way()
    assert "canary" not in repr(replace(token, scope="x"))


ANSWERS = st.dictionaries(
    st.sampled_from(["access_token", "token_type", "expires_in", "expires_at", "scope", "error", "errors", "x"]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.just("2026-01-01T00:00:00Z")
    | st.datetimes().map(str)
    | st.lists(st.text(max_size=5), max_size=2),
)


@given(
    content=ANSWERS.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=60),
    status=st.sampled_from([200, 201, 302, 400, 401, 403, 404, 409, 422, 501]),
    date=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
)
def test_any_answer_is_a_token_or_one_of_our_errors(client_keys, content, status, date):
    clock = ManualClock()
    wire = Wire(httpx.Response(status, content=content, headers={"date": date}))
    source = TokenSource(TOKEN_URL, client_id="c1", signer=client_keys["ES384"].signer(), clock=clock, transport=wire)
    try:
        token = source.token()
    except errors.QlikKeysError as error:
        assert error.__context__ is None  # noqa: PT017
    else:
        assert token.expires_at.tzinfo is not None
        assert token.freshness(clock) in Freshness
