"""Failures of the network and the tenant: repeated where this is safe, and reported with what is known."""

import json
from base64 import b64encode

import httpx
import pytest
from fixtures.scripted_transport import ScriptedTransport, qlik_error

from qlik_keys import errors
from qlik_keys.errors import Outcome
from qlik_keys.tenant import ApiKey, NewOAuthClient, PatchOperation, QlikTenant, RetryPolicy

URL = "https://acme.eu.qlikcloud.com"
CLIENT = {"clientId": "c1", "clientName": "one"}
FOUND = httpx.Response(200, json=CLIENT)
NEW = NewOAuthClient(app_type="web", client_name="one")
RENAME = [PatchOperation("replace", "/clientName", "two")]

CALLS = {
    "get": lambda tenant: tenant.oauth_clients.get("c1"),
    "list": lambda tenant: tenant.oauth_clients.list(),
    "create": lambda tenant: tenant.oauth_clients.create(NEW),
    "patch": lambda tenant: tenant.oauth_clients.patch("c1", RENAME),
    "delete": lambda tenant: tenant.oauth_clients.delete("c1"),
    "publish": lambda tenant: tenant.oauth_clients.publish("c1"),
    "create_secret": lambda tenant: tenant.oauth_clients.create_secret("c1"),
    "delete_secret": lambda tenant: tenant.oauth_clients.delete_secret("c1", "ab"),
    "connection_config": lambda tenant: tenant.oauth_clients.connection_config("c1"),
    "set_consent": lambda tenant: tenant.oauth_clients.set_consent("c1", "trusted"),
    "delete_connection_config": lambda tenant: tenant.oauth_clients.delete_connection_config("c1"),
    "me": lambda tenant: tenant.users.me(),
    "metadata": lambda tenant: tenant.metadata(),
}
SAFE_TO_REPEAT = CALLS.keys() - {"create", "patch", "publish", "create_secret"}
NOT_SENT = [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x"), httpx.ProxyError("x")]
CUT = [httpx.ReadTimeout("x"), httpx.ReadError("x"), httpx.RemoteProtocolError("x"), httpx.WriteError("x")]
CUT += [httpx.WriteTimeout("x"), type("OfALaterHttpx", (httpx.ReadTimeout,), {})("x")]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        *((failure, (errors.TenantUnreachable, Outcome.NOT_APPLIED)) for failure in NOT_SENT),
        *((failure, (errors.TenantUnreachable, Outcome.UNKNOWN)) for failure in CUT),
        *((qlik_error(status), (errors.TenantUnavailable, Outcome.UNKNOWN)) for status in (500, 503)),
        (qlik_error(429, retry_after="7"), (errors.TenantThrottled, Outcome.NOT_APPLIED)),
    ],
)
def test_what_may_have_been_applied_is_repeated_only_where_that_is_safe(tenant_on, clock, call, failure, expected):
    tenant, transport = tenant_on(failure, retry=RetryPolicy(attempts=3))
    with pytest.raises(errors.TenantError) as caught:
        CALLS[call](tenant)
    times = 3 if Outcome.NOT_APPLIED in expected or call in SAFE_TO_REPEAT else 1
    assert (len(transport.sent), len(clock.slept)) == (times, times - 1)
    assert (type(caught.value), caught.value.outcome, caught.value.retryable) == (*expected, True)
    if errors.TenantThrottled in expected:
        assert (caught.value.retry_after, clock.slept) == (7, [7, 7])


@pytest.mark.parametrize(
    ("status", "retry_after", "first_wait", "waits"),
    [
        (429, "3", 10, 5),  # the longer of two waits counts
        (429, "7", 10, 7),
        (503, "7", 0.1, 7),
        (503, "Sat, 28 Nov 2026 12:00:07 GMT", 0.1, 7),
    ],
)
def test_a_wait_that_the_tenant_requests_counts_in_each_form(tenant_on, status, retry_after, first_wait, waits):
    refusal = qlik_error(status, retry_after=retry_after, date="Sat, 28 Nov 2026 12:00:00 GMT")
    retry = RetryPolicy(attempts=3, first_wait_seconds=first_wait, longest_wait_seconds=10)
    tenant, transport = tenant_on(refusal, httpx.ConnectError("x"), FOUND, retry=retry)
    assert tenant.oauth_clients.get("c1").client_id == "c1"
    assert len(transport.sent) == 3
    assert tenant.http.clock.slept[0] == waits


@pytest.mark.parametrize(
    ("header", "waits", "words"),
    [
        ("1", 1, "1 second"),
        ("120", 120, "2 minutes"),
        ("121", 121, "2 minutes"),
        ("99999999999", 86_400, "24 hours"),
        *((unreadable, 10, "10 seconds") for unreadable in ("soon", "-1", "")),
    ],
)
def test_an_absurd_or_unreadable_retry_after_is_bounded(tenant_on, clock, header, waits, words):
    tenant, transport = tenant_on(qlik_error(429, retry_after=header), retry=RetryPolicy(attempts=2, total_seconds=120))
    with pytest.raises(errors.TenantThrottled) as caught:
        tenant.users.me()
    assert clock.slept == ([waits] if waits <= 120 else [])
    assert len(transport.sent) == 1 + len(clock.slept)
    assert (caught.value.retry_after, caught.value.hint) == (waits, f"Try again in {words}.")


def test_a_429_holds_back_its_tier_and_not_the_other(tenant_on, clock):
    tenant, transport = tenant_on(qlik_error(429, retry_after="50"), FOUND, retry=RetryPolicy(total_seconds=40))
    for _ in range(2):
        with pytest.raises(errors.TenantThrottled):
            tenant.oauth_clients.create(NEW)
    tenant.oauth_clients.get("c1")
    assert (len(transport.sent), clock.slept) == (2, [])
    clock.advance(20)
    tenant.oauth_clients.set_consent("c1", "trusted")
    assert (len(transport.sent), clock.slept) == (3, [30])


def test_waits_between_repeats_grow_and_stay_within_the_total(tenant_on, clock):
    tenant, transport = tenant_on(qlik_error(503), retry=RetryPolicy(attempts=50, total_seconds=20))
    with pytest.raises(errors.TenantUnavailable):
        tenant.oauth_clients.get("c1")
    assert clock.slept[0] < clock.slept[2] < sum(clock.slept) <= 20
    assert 3 < len(transport.sent) < 50


def test_a_delete_that_finds_nothing_is_done_only_after_a_lost_answer(tenant_on):
    lost, missing, wait = httpx.ReadTimeout("x"), qlik_error(404), qlik_error(429, retry_after="1")
    tenant, transport = tenant_on(lost, missing)
    tenant.oauth_clients.delete("c1")
    assert len(transport.sent) == 2
    for replies, kind, outcome in (
        ((wait, missing), errors.TenantNotFound, Outcome.NOT_APPLIED),
        ((lost, httpx.ConnectError("x")), errors.TenantUnreachable, Outcome.UNKNOWN),
    ):
        tenant, _ = tenant_on(*replies, retry=RetryPolicy(attempts=2))
        with pytest.raises(kind) as caught:
            tenant.oauth_clients.delete("c1")
        assert caught.value.outcome is outcome


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, errors.TenantRejected) for status in (400, 418)),
        *((status, errors.TenantAuthError) for status in (401, 403)),
        (404, errors.TenantNotFound),
        (409, errors.TenantConflict),
    ],
)
def test_a_refusal_is_reported_by_its_status_and_never_repeated(tenant_on, call, status, kind):
    tenant, transport = tenant_on(qlik_error(status, title="Not so", code="AUTH-1", detail="because"))
    with pytest.raises(kind) as caught:
        CALLS[call](tenant)
    (sent,) = transport.sent
    error = caught.value
    assert (error.status, error.code, error.title, error.detail) == (status, "AUTH-1", "Not so", "because")
    assert (error.trace_id, error.outcome, error.retryable) == ("trace-1", Outcome.NOT_APPLIED, False)
    assert (error.method, error.path) == (sent.method, sent.path)
    assert "Not so: because [AUTH-1]" in error.message


VAULTS = ({"errors": []}, {"errors": ["no handler for route 'api/v1/x'"]})


@pytest.mark.parametrize("reply", [*(httpx.Response(404, json=each) for each in VAULTS), httpx.Response(404), None])
def test_a_404_of_another_kind_of_server_advises_to_check_the_address(tenant_on, reply):
    tenant, _ = tenant_on(reply or qlik_error(404))
    with pytest.raises(errors.TenantNotFound) as caught:
        tenant.oauth_clients.list()
    assert ("not that of a Vault" in caught.value.hint) is (reply is not None)


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308])
def test_a_redirect_that_the_contract_does_not_know_is_refused_and_not_followed(tenant_on, status):
    for location in ("https://evil.example/take", "/api/v1/oauth-clients/c2"):
        tenant, transport = tenant_on(httpx.Response(status, headers={"location": location}), FOUND)
        with pytest.raises(errors.TenantProtocolError) as caught:
            tenant.oauth_clients.patch("c1", RENAME)
        assert len(transport.sent) == 1
        assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("content", [b"<html>Sign in</html>", b"", b"null", b"[]", b'{"data": {}}', b'"\xff'])
def test_an_answer_that_is_no_tenants_is_a_protocol_error(tenant_on, content):
    tenant, _ = tenant_on(httpx.Response(200, content=content))
    for call in ("get", "list", "create", "publish", "create_secret", "connection_config", "me", "metadata"):
        with pytest.raises(errors.TenantProtocolError) as caught:
            CALLS[call](tenant)
        assert caught.value.outcome is (Outcome.NOT_APPLIED if call in SAFE_TO_REPEAT else Outcome.UNKNOWN)
        assert "Sign in" not in str(caught.value)
        assert caught.value.__context__ is None


class Endless(httpx.SyncByteStream):
    def __init__(self, part, before=lambda: None):
        self.part, self.before = part, before

    def __iter__(self):
        while True:
            self.before()
            yield self.part


def test_an_answer_without_end_is_interrupted_at_the_deadline_or_by_its_size(tenant_on, clock):
    drip, flood = Endless(b" ", lambda: clock.advance(1)), Endless(bytes(8 * 1024 * 1024))
    tenant, _ = tenant_on(lambda _: httpx.Response(200, stream=drip), timeout_seconds=5, retry=RetryPolicy(attempts=1))
    before = clock.time()
    with pytest.raises(errors.TenantUnreachable) as caught:
        tenant.oauth_clients.get("c1")
    assert (clock.time() - before < 30, caught.value.outcome) == (True, Outcome.UNKNOWN)
    tenant, _ = tenant_on(lambda _: httpx.Response(200, stream=flood))
    with pytest.raises(errors.TenantProtocolError):
        tenant.oauth_clients.get("c1")


def test_every_request_has_a_time_out(tenant_on):
    timeouts = []
    tenant, _ = tenant_on(lambda request: timeouts.append(request.extensions["timeout"]) or FOUND, timeout_seconds=4)
    tenant.oauth_clients.get("c1")
    assert timeouts == [{"connect": 4, "read": 4, "write": 4, "pool": 4}]
    for seconds in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="timeout_seconds"):
            tenant_on(FOUND, timeout_seconds=seconds)


def test_another_credential_shares_no_cookie_and_its_end_closes_no_other(tenant_on):
    tenant, transport = tenant_on(httpx.Response(200, json=CLIENT, headers={"set-cookie": "eas.sid=abc; Path=/"}))
    tenant.oauth_clients.get("c1")
    with tenant.with_credential(ApiKey("another-key")) as another:
        another.oauth_clients.get("c1")
    assert "cookie" not in transport.sent[1].headers
    assert transport.bearers() == ["Bearer the-api-key", "Bearer another-key"]
    with tenant:
        assert tenant.oauth_clients.get("c1").client_id == "c1"
    with pytest.raises(RuntimeError, match="closed"):
        tenant.oauth_clients.get("c1")


def test_an_interrupted_call_ends_without_the_frames_of_the_http_library(tenant_on):
    def reply(request):
        raise KeyboardInterrupt

    tenant, _ = tenant_on(reply)
    with pytest.raises(KeyboardInterrupt) as caught:
        tenant.oauth_clients.get("c1")
    assert caught.value.__context__ is None
    assert not any("httpx" in str(entry.path) for entry in caught.traceback)


KEY = "Kp2mV9qLx7Rt4bWc8NzYh3Jd6FgS1uEa-Qo5"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (httpx.Response(302, headers={"location": "https://elsewhere.example/"}), "another origin"),
        (httpx.Response(302, headers={"location": "?again"}), "in a loop"),
        (httpx.Response(200, json={"data": 1}), "not a list"),
        (httpx.Response(200, json={"data": [], "links": {"next": {"href": "/other"}}}), "another address"),
        (httpx.Response(200, json={"data": [], "links": {"next": {"href": "?"}}}), "repeats itself"),
        (httpx.Response(404), "404"),
        (httpx.ConnectTimeout("x"), "before the time-out"),
    ],
)
def test_a_path_of_the_users_own_is_sent_as_it_is_and_shown_without_the_key(reply, words, tenant_on):
    tenant, transport = tenant_on(reply, api_key=KEY, retry=RetryPolicy(attempts=1))
    with pytest.raises(errors.TenantError, match=words) as caught:
        list(tenant.raw_pages(f"v1/things/{KEY}"))
    assert transport.sent[0].path == f"/api/v1/things/{KEY}"
    assert KEY not in str(caught.value) + repr(vars(caught.value))
    assert "•••" in caught.value.path


def test_a_cursor_that_shares_its_parts_with_a_token_is_followed_and_shown(clock):
    """A tenant's keys are JWTs, its cursors base64 JSON: the same date, tenant, client and key stand in both."""
    parts = {"iat": "2026-11-28T00:00:00Z", "tenantId": "tenant-0123456789abcdef", "clientId": "3f2a9c0d11e44b7b8f6a"}

    def encoded(document):
        return b64encode(json.dumps(document).encode()).decode().rstrip("=")

    key = f"{encoded({'alg': 'ES384', 'kid': '20261128_key'})}.{encoded(parts)}.c2lnbmF0dXJl"
    cursors = [encoded({**parts, "page": page}) for page in range(3)] + [encoded(parts), encoded(parts)[4:]]
    links = [{"next": {"href": f"{URL}/api/v1/oauth-clients?next={cursor}"}} for cursor in cursors]
    pages = [httpx.Response(200, json={"data": [], "links": each}) for each in [*links, {}]]
    for watched in (False, True):
        transport, seen = ScriptedTransport(*pages), []
        with QlikTenant(URL, credential=ApiKey(key), transport=transport, clock=clock) as tenant:
            if watched:
                tenant.subscribe(seen.append)
            assert tenant.oauth_clients.list() == []
        assert [httpx.URL(sent.url).params.get("next") for sent in transport.sent] == [None, *cursors]
    # The last two are nothing but a part of the key: they are followed, and not shown.
    assert [each.query["next"] for each in seen[1:]] == [*cursors[:3], "•••", "•••"]


def test_a_server_may_name_a_client_that_an_earlier_call_named(tenant_on):
    client_id = "3f2a9c0d11e44b7b8f6a1c2d3e4f5a6b"
    tenant, _ = tenant_on(httpx.Response(200, json=CLIENT), qlik_error(409, title=f"client {client_id} has that name"))
    tenant.oauth_clients.get(client_id)
    with pytest.raises(errors.TenantConflict, match=client_id):
        tenant.oauth_clients.create(NEW)
