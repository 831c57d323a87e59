"""Foreign errors are translated by a table without a gap; error bodies are read for known fields and never pasted."""

import inspect
import json
import socket
import ssl
from datetime import UTC, datetime

import httpx
import pytest
from fixtures.canaries import find_canaries

from qlik_keys import errors
from qlik_keys.core.redaction import MAXIMUM_TEXT, Redactor
from qlik_keys.core.secret import Secret
from qlik_keys.tenant.http import failures
from qlik_keys.tenant.http.failures import Problem, network_error, read_problem, read_retry_after, status_error

HTTPX_ERRORS = [thing for _, thing in inspect.getmembers(httpx, inspect.isclass) if issubclass(thing, BaseException)]
SECRET = "eyJhbGciOiJFUzM4NCJ9-the-canary-of-a-bearer_0123456789"


def make(kind: type[Exception]) -> Exception:
    if kind is httpx.HTTPStatusError:
        return kind(SECRET, request=httpx.Request("GET", "https://a"), response=httpx.Response(500))
    if issubclass(kind, httpx.StreamError) and kind is not httpx.StreamError:
        return kind()
    return kind(SECRET)


def test_httpx_has_no_exception_that_the_table_lacks():
    assert len(HTTPX_ERRORS) > 20
    assert [kind for kind in HTTPX_ERRORS if kind not in failures.NETWORK_FAILURES] == []
    assert [kind for kind in HTTPX_ERRORS if not issubclass(kind, failures.CAUGHT)] == []


@pytest.mark.parametrize("kind", HTTPX_ERRORS, ids=lambda kind: kind.__name__)
def test_each_is_translated_without_its_text_and_its_request(kind):
    error = network_error(make(kind), host="acme", method="POST", path="/p")
    assert isinstance(error, errors.TenantUnreachable | errors.TenantProtocolError)
    assert (error.method, error.path, error.status) == ("POST", "/p", None)
    assert "acme" in error.message
    assert kind is not httpx.DecodingError or error.outcome is errors.Outcome.UNKNOWN
    assert error.__cause__ is error.__context__ is None
    assert SECRET not in str(error) + repr(vars(error))


@pytest.mark.parametrize(
    ("behind", "words", "retryable"),
    [
        (ssl.SSLCertVerificationError(1, SECRET), "its certificate is refused", False),
        (ssl.SSLError(1, SECRET), "TLS failed", True),
        (socket.gaierror(-2, SECRET), "the host name does not exist", True),
        (ConnectionRefusedError(111, SECRET), "connection refused", True),
    ],
)
def test_the_cause_of_a_failure_to_connect_is_shown_with_what_to_do(behind, words, retryable):
    error = httpx.ConnectError(SECRET)
    error.__cause__ = behind
    shown = network_error(error, host="acme", method="GET", path="/p")
    assert words in shown.message
    assert shown.hint
    assert shown.retryable is retryable
    assert SECRET not in str(shown)


def problem_of(document, *secrets) -> Problem:
    return read_problem(json.dumps(document).encode(), Redactor(*secrets))


def test_qliks_own_error_body_and_that_of_rfc_6749_are_read():
    qlik = problem_of(
        {"errors": [{"code": "OAUTH-1", "title": "No", "detail": "why", "meta": {"x": SECRET}}], "traceId": "t"}
    )
    assert (qlik.code, qlik.title, qlik.detail, qlik.trace_id) == ("OAUTH-1", "No", "why", "t")
    assert (qlik.is_rfc6749, qlik.words) == (False, "No: why [OAUTH-1]")
    oauth = problem_of({"error": "invalid_client", "error_description": "who?", "error_uri": SECRET})
    assert (oauth.code, oauth.detail, oauth.is_rfc6749) == ("invalid_client", "who?", True)
    assert SECRET not in repr(qlik) + repr(oauth)


ODD_BODIES = [b"<html>" + SECRET.encode(), b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"[" * 9999]
ODD_ERRORS = ([], [7], ["x"], {}, None, [{"code": 7, "title": None, "detail": {"a": 1}}])


@pytest.mark.parametrize("content", [*ODD_BODIES, *(json.dumps({"errors": odd}).encode() for odd in ODD_ERRORS)])
def test_a_body_without_a_known_field_has_no_words(content):
    assert read_problem(content, Redactor()).words == ""


@pytest.mark.parametrize("name", ["code", "title", "detail"])
def test_a_secret_that_the_tenant_echoes_is_redacted_and_texts_are_cut_short_and_printable(name):
    document = {"errors": [{name: f"token {SECRET}!\x1b[31m\nb" + "x" * 5000}], "traceId": SECRET}
    problem = problem_of(document, Secret(SECRET, any_text=True))
    assert find_canaries(repr(problem), [SECRET[:25], SECRET[25:]]) == []
    text = getattr(problem, name)
    assert ("•••" in text, len(text) <= MAXIMUM_TEXT, text.isprintable()) == (True, True, True)


NOON = "Sat, 28 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        (" 5 ", None, 5),
        *((absurd, None, wait) for absurd, wait in (("9" * 400, 86_400), ("1.5", None), ("-3", None), ("٣", None))),
        (None, None, None),
        ("Sat, 28 Nov 2026 12:00:30 GMT", NOON, 30),
        ("Saturday, 28-Nov-26 12:00:30 GMT", NOON, 30),  # the old form of RFC 9110 5.6.7
        ("Sat, 28 Nov 2026 11:59:00 GMT", NOON, 0),
        ("Mon, 30 Nov 2026 12:00:00 GMT", NOON, 86_400),
        ("Sat, 28 Nov 2026 12:00:30 GMT", None, 20),
        ("Sat, 28 Nov 2026 12:00:30 GMT", "soon", 20),
        ("Sat, 99 Nov 2026 12:00:30 GMT", NOON, None),
    ],
)
def test_retry_after_is_bounded_seconds_or_a_moment_by_the_servers_clock(value, date, seconds):
    ours = datetime(2026, 11, 28, 12, 0, 10, tzinfo=UTC).timestamp()
    assert read_retry_after(value, date=date, now=ours) == seconds


def hint_of(status, problem):
    return status_error(status, problem, host="acme", method="GET", path="/p", retry_after=None, hints={}).hint


def test_a_proxy_that_requires_a_login_is_not_taken_for_the_tenant():
    assert "A proxy, not the tenant, requires a login" in hint_of(407, Problem())
    assert "The network requires a login" in hint_of(511, Problem())


@pytest.mark.parametrize(
    ("problem", "wanted"),
    [
        (Problem(code="HTTP-403", title="Forbidden", detail="Missing permission apps:read."), "apps:read"),
        (Problem(code="insufficient_scope", detail="spaces.shared:read or user_default"), "spaces.shared:read (or"),
        (Problem(detail="needs a scope: user_default, admin.users:read, users, users:read"), "users:read (or"),
        (Problem(title="Insufficient scopes"), "the scope that the tenant requires"),
        (Problem(title="Not permitted", detail="the users may not do this"), ""),
    ],
)
def test_a_403_that_names_a_scope_says_what_to_do_about_it(problem, wanted):
    hint = hint_of(403, problem)
    assert ("The token lacks a scope: give the client " + wanted in hint) is bool(wanted)
    assert ("Tenant Admin" in hint) is not bool(wanted)
