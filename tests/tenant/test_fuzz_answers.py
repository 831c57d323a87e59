"""Whatever a server answers, a call ends in a value or in one of our own errors, and the secret that was sent is not
in it, also where the server says it back.
"""

from __future__ import annotations

import json
import traceback
from base64 import b64decode
from functools import partial
from urllib.parse import parse_qsl, unquote_plus

import httpx
import pytest
from fixtures.canaries import find_canaries
from fixtures.support import ManualClock
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qlik_keys.auth.http_auth import TokenSource, UserLookup
from qlik_keys.auth.token_answer import read_token_answer
from qlik_keys.core.redaction import Redactor
from qlik_keys.core.secret import Secret
from qlik_keys.errors import QlikKeysError, TenantProtocolError, TokenError
from qlik_keys.tenant import ApiKey, NewOAuthClient, QlikTenant, RetryPolicy
from qlik_keys.tenant.http.failures import read_problem
from qlik_keys.tenant.http.session import Session
from qlik_keys.tenant.resources.models import AuthorizationServerMetadata, ClientPage, OAuthClient, User, parse

URL = "https://acme.eu.qlikcloud.com"
CLIENT_ID = "0123456789abcdef0123456789abcdef"
ONCE = RetryPolicy(attempts=1)
FREELY = settings(deadline=None)

# What a header may carry (RFC 9110 5.5), blanks excepted, and carets and tildes, by which a traceback underlines. Long
# enough that a slice of it is found.
LETTERS = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="^~")
SECRETS = st.text(LETTERS, min_size=24, max_size=60)
NAMES = st.sampled_from(["access_token", "token_type", "expires_in", "expires_at", "scope", "error", "errors", "code",
                         "error_description", "title", "detail", "traceId", "data", "links", "next", "href", "clientId",
                         "publicKeys", "clientSecrets", "id", "createdAt", "issuer", "token_endpoint"])  # fmt: skip
# ECHO stands for what was sent; the server puts it in.
ECHO = "\N{BALLOT BOX}"
TEXTS = (
    st.text(max_size=20)
    | st.sampled_from(["", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1e999"])
    | st.tuples(st.text(max_size=9), st.text(max_size=400)).map(ECHO.join)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([10**400, -(2**63), 1e308]) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
ERRORS = st.fixed_dictionaries({"errors": st.lists(st.dictionaries(NAMES, TEXTS), min_size=1, max_size=2)})
DOCUMENTS = JSON | ERRORS | st.dictionaries(NAMES, TEXTS)
ODD = st.sampled_from(
    [b"", b"[" * 20_000, b'{"a":' * 5_000, b"\xef\xbb\xbf{}", b'{"error": "\\ud800"}', b"NaN", b'"\\u0000"']
)
BODIES = DOCUMENTS.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=80) | ODD
STATUSES = st.sampled_from(
    [200, 200, 200, 201, 204, 302, 307, 308, 304, 400, 401, 403, 404, 409, 413, 429, 500, 503, 599]
)
VALUES = st.binary(max_size=40).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b""))
LOCATIONS = st.sampled_from(
    [b"/api/v1/users/u1", b"//evil.example", b"http://[::1", b"https://acme.eu.qlikcloud.com:x/", b"?", b"\xff", b"%"]
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "date": VALUES,
        "retry-after": VALUES | st.sampled_from([b"0", b"9" * 400, b"-1", b"\xd9\xa3"]),
        "location": VALUES | LOCATIONS,
        "content-type": VALUES,
        "content-encoding": st.sampled_from([b"gzip", b"deflate", b"br", b"zstd", b"identity", b"\xff"]),
    },
)
ANSWERS = st.tuples(STATUSES, HEADERS, BODIES)
SAYS_BACK = json.dumps({"error": ECHO, "error_description": ECHO, "traceId": ECHO}).encode()
TOKEN = "a-token+/=%&" * 3


def said_back(request):
    """Return all that a server may say back of what it was sent: unmodified, and as it has read it."""
    header = request.headers.get("authorization", "")
    _, _, credential = header.partition(" ")
    texts = [header, credential, request.content.decode()]
    if header.startswith("Basic "):
        decoded = b64decode(credential).decode()
        texts += [decoded, *map(unquote_plus, decoded.split(":"))]
    return [*texts, *(value for _, value in parse_qsl(request.content.decode()))]


class Echo(httpx.BaseTransport):
    """Answers with what was sent put in, and remembers the assertions."""

    def __init__(self, answer):
        self.answer = answer
        self.assertions = []

    def handle_request(self, request):
        self.assertions += [value for name, value in parse_qsl(request.read().decode()) if name == "client_assertion"]
        status, headers, body = self.answer
        mark = json.dumps(ECHO)[1:-1].encode()
        body = body.replace(mark, json.dumps(" ".join(said_back(request)))[1:-1].encode())
        return httpx.Response(status, headers=list(headers.items()), content=iter([body]))


def shown(error):
    """Return all that an error shows: its text, its attributes, its traceback, and those of what is behind it."""
    assert error.__context__ is None
    assert error.__cause__ is None
    return "".join([*traceback.format_exception(error), repr(error), repr(vars(error))])


def ends_well(call, secrets):
    """Make a call; it returns, or fails in one of our errors that shows none of the secrets."""
    try:
        return call()
    except QlikKeysError as error:
        failure = error
    assert find_canaries(shown(failure), secrets) == []
    return None


def source_at(transport, **options):
    session = Session(URL, transport=transport, clock=ManualClock(), retry=ONCE)
    return TokenSource(f"{URL}/oauth/token", client_id=CLIENT_ID, http=session, **options)


class TestTokens:
    @FREELY
    @given(ANSWERS, SECRETS, st.sampled_from(["form", "basic"]))
    @example((400, {}, SAYS_BACK), "+/=%&" * 6, "form")
    @example((400, {}, SAYS_BACK), "+/=%&" * 6, "basic")
    def test_a_client_secret_is_not_shown(self, answer, secret, style):
        source = source_at(Echo(answer), secret=secret, secret_style=style)
        token = ends_well(source.token, [secret])
        assert token is None or token.expires_at.tzinfo is not None

    @FREELY
    @given(ANSWERS, st.none() | st.builds(UserLookup, st.just("subject"), st.text(min_size=1).filter(str.strip)))
    @example((400, {}, SAYS_BACK), None)
    def test_an_assertion_is_not_shown(self, client_keys, answer, user):
        transport = Echo(answer)
        source = source_at(transport, signer=client_keys["ES384"].signer(), user=user)
        ends_well(source.token, transport.assertions)
        assert len(transport.assertions) == 1

    @FREELY
    @given(ANSWERS)
    @example((400, {}, SAYS_BACK))
    def test_a_token_is_not_shown_when_it_is_revoked(self, answer):
        token = json.dumps({"access_token": TOKEN, "token_type": "Bearer"}).encode()
        transport = Echo((200, {}, token))
        source = source_at(transport, secret="s" * 32)
        source.token()
        transport.answer = answer
        ends_well(source.revoke, [TOKEN])


CALLS = {
    "me": lambda tenant: tenant.users.me(),
    "list": lambda tenant: list(tenant.oauth_clients.list()),
    "overviews": lambda tenant: list(tenant.oauth_clients.overviews()),
    "get": lambda tenant: tenant.oauth_clients.get(CLIENT_ID),
    "create": lambda tenant: tenant.oauth_clients.create(NewOAuthClient(app_type="web", client_name="x")),
    "delete": lambda tenant: tenant.oauth_clients.delete(CLIENT_ID),
    "publish": lambda tenant: tenant.oauth_clients.publish(CLIENT_ID),
    "secret": lambda tenant: tenant.oauth_clients.create_secret(CLIENT_ID),
    "consent": lambda tenant: tenant.oauth_clients.connection_config(CLIENT_ID),
    "raw": lambda tenant: tenant.raw("GET", "v1/items", query={"limit": "1"}).json(),
}


@pytest.mark.parametrize("name", CALLS)
@FREELY
@given(answer=ANSWERS, api_key=SECRETS)
@example(answer=(403, {}, SAYS_BACK), api_key="+/=%&" * 6)
@example(answer=(200, {}, b"[" * 20_000), api_key="k" * 24)
def test_a_call_to_the_tenant_does_not_show_the_credential(name, answer, api_key):
    with QlikTenant(URL, credential=ApiKey(api_key), transport=Echo(answer), clock=ManualClock(), retry=ONCE) as tenant:
        ends_well(partial(CALLS[name], tenant), [api_key])


@given(DOCUMENTS.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=80) | ODD)
def test_any_bytes_are_a_value_or_a_protocol_error(content):
    readers = [
        partial(parse, model, content, "POST", "/x")
        for model in (AuthorizationServerMetadata, ClientPage, OAuthClient, User)
    ]
    readers.append(partial(read_token_answer, content, client_id="c1", status=200, method="POST", path="/x"))
    for read in readers:
        try:
            read()
        except (TenantProtocolError, TokenError) as error:
            assert ECHO not in shown(error)  # noqa: PT017  # as a value it would stand for what was sent


@given(BODIES, st.lists(SECRETS, max_size=2))
def test_any_error_body_is_read(content, secrets):
    mark = json.dumps(ECHO)[1:-1].encode()
    known = Redactor(*(Secret(each, any_text=True) for each in secrets if each))
    problem = read_problem(
        content.replace(mark, json.dumps(" ".join(secrets))[1:-1].encode()),
        known,
    )
    assert find_canaries(repr(problem), secrets) == []
    assert all(len(one) <= 300 for one in (problem.code, problem.title, problem.detail, problem.trace_id))
