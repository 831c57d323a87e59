"""Whatever a server answers, a call ends in a value or in one of our own errors, and the secret that was sent is not
in it, also where the server says it back.
"""

import json
import traceback
from base64 import b64decode
from urllib.parse import parse_qsl, unquote_plus

import httpx
import pytest
from fixtures.canaries import find_canaries
from fixtures.support import ManualClock
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qlik_keys.auth.http_auth import TokenSource
from qlik_keys.errors import QlikKeysError
from qlik_keys.tenant import ApiKey, NewOAuthClient, QlikTenant, RetryPolicy
from qlik_keys.tenant.http.session import Session

URL = "https://acme.eu.qlikcloud.com"
CLIENT_ID = "0123456789abcdef0123456789abcdef"

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
ODD = st.sampled_from([b"[" * 20_000, b'{"a":' * 5_000, b"\xef\xbb\xbf{}", b'{"error": "\\ud800"}', b"NaN"])
BODIES = DOCUMENTS.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=80) | ODD
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 302, 307, 304, 400, 401, 403, 404, 409, 413, 429, 500, 503, 599])
ODD_VALUES = [b"0", b"9" * 400, b"-1", b"\xd9\xa3", b"/api/v1/users/u1", b"//evil.example", b"http://[::1", b"?", b"%"]
ODD_VALUES += [URL.encode() + b":x/", b"gzip", b"deflate", b"br", b"zstd", b"identity", b"\xff"]
VALUES = st.binary(max_size=40).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b""))
HEADER_NAMES = st.sampled_from(["date", "retry-after", "location", "content-type", "content-encoding"])
HEADERS = st.dictionaries(HEADER_NAMES, VALUES | st.sampled_from(ODD_VALUES))
ANSWERS = st.tuples(STATUSES, HEADERS, BODIES)
SAYS_BACK = json.dumps({"error": ECHO, "error_description": ECHO, "traceId": ECHO}).encode()


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
        body = body.replace(json.dumps(ECHO)[1:-1].encode(), json.dumps(" ".join(said_back(request)))[1:-1].encode())
        return httpx.Response(status, headers=list(headers.items()), content=iter([body]))


def on_tenant(call):
    def with_key(transport, secret, _signer):
        options = {"transport": transport, "clock": ManualClock(), "retry": RetryPolicy(attempts=1)}
        with QlikTenant(URL, credential=ApiKey(secret), **options) as tenant:
            call(tenant)

    return with_key


def source_at(transport, **options):
    session = Session(URL, transport=transport, clock=ManualClock(), retry=RetryPolicy(attempts=1))
    return TokenSource(f"{URL}/oauth/token", client_id=CLIENT_ID, http=session, **options)


def revoked(transport, secret, _signer):
    token = json.dumps({"access_token": secret, "token_type": "Bearer"}).encode()
    answer, transport.answer = transport.answer, (200, {}, token)
    source = source_at(transport, secret="s" * 32)
    source.token()
    transport.answer = answer
    source.revoke()


CALLS = {
    "metadata": on_tenant(lambda tenant: tenant.metadata()),
    "me": on_tenant(lambda tenant: tenant.users.me()),
    "list": on_tenant(lambda tenant: tenant.oauth_clients.list()),
    "overviews": on_tenant(lambda tenant: list(tenant.oauth_clients.overviews())),
    "get": on_tenant(lambda tenant: tenant.oauth_clients.get(CLIENT_ID)),
    "create": on_tenant(lambda tenant: tenant.oauth_clients.create(NewOAuthClient(app_type="web", client_name="x"))),
    "delete": on_tenant(lambda tenant: tenant.oauth_clients.delete(CLIENT_ID)),
    "secret": on_tenant(lambda tenant: tenant.oauth_clients.create_secret(CLIENT_ID)),
    "raw": on_tenant(lambda tenant: tenant.raw("GET", "v1/items", query={"limit": "1"}).json()),
    "form": lambda transport, secret, _: source_at(transport, secret=secret, secret_style="form").token(),
    "basic": lambda transport, secret, _: source_at(transport, secret=secret, secret_style="basic").token(),
    "assertion": lambda transport, _, signer: source_at(transport, signer=signer).token(),
    "revoke": revoked,
}


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=50)
@given(answer=ANSWERS, secret=SECRETS)
@example(answer=(400, {}, SAYS_BACK), secret="+/=%&" * 6)
@example(answer=(403, {}, SAYS_BACK), secret="+/=%&" * 6)
@example(answer=(200, {}, b"[" * 20_000), secret="k" * 24)
def test_no_answer_makes_a_call_show_what_it_sent(client_keys, name, answer, secret):
    transport = Echo(answer)
    try:
        CALLS[name](transport, secret, client_keys["ES384"].signer())
    except QlikKeysError as error:
        failure = error
    else:
        return
    assert failure.__context__ is failure.__cause__ is None
    shown = "".join([*traceback.format_exception(failure), repr(failure), repr(vars(failure))])
    sent = transport.assertions if name == "assertion" else [secret, *transport.assertions]
    assert find_canaries(shown, sent) == []
