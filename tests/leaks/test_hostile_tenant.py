"""A tenant that says back what it was sent, in any form and at any place: what we tell of it has no secret in it."""

from __future__ import annotations

import base64
import contextlib
import logging
import traceback
import urllib.parse
from pathlib import Path

import pytest
from canaries import find_canaries
from hostile import TOKEN, hostile
from IPython.core.ultratb import VerboseTB
from loopback import CUT, Loopback, Reply
from support import made_client

import qlik_keys as qk
from qlik_keys.errors import TokenError
from qlik_keys.tenant import RetryPolicy

API_KEY = "canary-apikey-ZZx81kd93jfkQpLmNbVc72~Yq"
CLIENT_SECRET = "canary/client+secret=Ha8s7d6f5g4h3j2k1"


def in_base64(text, lead, encode=base64.b64encode):
    return encode(b"?" * lead + text.encode() + b"?").decode()


FORMS = {
    "as it is": lambda text: text,
    "in part": lambda text: text[3:30],
    "in capitals": str.upper,
    # Not tried any more: the secret with blanks in it, with letters that take no room, reversed. A server that wants to
    # smuggle finds a form that nobody knows; looking for pieces of eight letters refused the main job instead.
    "for a URL": lambda text: urllib.parse.quote(text, safe=""),
    "for a URL, each letter": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "in hex": lambda text: text.encode().hex(),
    "in hex, in capitals": lambda text: text.encode().hex().upper(),
    **{f"in base64, {lead} letters behind": lambda text, lead=lead: in_base64(text, lead) for lead in range(3)},
    **{
        f"in base64url, {lead} letters behind": lambda text, lead=lead: in_base64(text, lead, base64.urlsafe_b64encode)
        for lead in range(3)
    },
}


@pytest.fixture(params=FORMS.values(), ids=FORMS)
def form(request):
    return request.param


def shows_no(secret, *texts):
    """Whether a secret is in the texts in no form, nor in small letters."""
    text = "".join(texts)
    return find_canaries(text, [secret]) == find_canaries(text.lower(), [secret.lower()]) == []


def told(act, tenant):
    """Return all that is told of what is done with a tenant: the error with its attributes, and the exchanges."""
    seen = []
    tenant.subscribe(lambda exchange: seen.append(repr(exchange)))
    error = None
    try:
        act()
    except qk.errors.QlikKeysError as failure:
        error = failure
    shown = [] if error is None else [str(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    return "\n".join([*shown, *seen]), error


@contextlib.contextmanager
def tenant_that(answer, **credential):
    with Loopback(answer) as server:
        options = credential or {"credential": qk.ApiKey(API_KEY)}
        with qk.QlikTenant(server.url, retry=RetryPolicy(attempts=1), **options) as tenant:
            yield tenant


def problem(text):
    return {"errors": [{"code": text, "title": text, "detail": f"got {text}!"}], "traceId": text}


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_in_an_error(status, form):
    with tenant_that(lambda _: Reply(status, problem(form(API_KEY)))) as tenant:
        shown, error = told(tenant.users.me, tenant)
    assert (error.status, "•••" in error.detail) == (status, True)
    assert shows_no(API_KEY, shown)


@pytest.mark.parametrize("style", ["form", "basic"])
def test_a_client_secret_in_an_error(style, form):
    with (
        Loopback(lambda _: Reply(401, problem(form(CLIENT_SECRET)))) as server,
        qk.TokenSource(
            f"{server.url}/oauth/token", client_id="abc", secret=CLIENT_SECRET, secret_style=style
        ) as source,
    ):
        shown, error = told(source.token, source._http)
    assert error.status == 401
    assert shows_no(CLIENT_SECRET, shown)


@pytest.mark.parametrize("place", ["/api/v1/users/{}", "/api/v1/users/x?t={}", "/api/v1/users/x?{}=1", "/{}/me"])
@pytest.mark.parametrize("then", [Reply(404, problem("no")), CUT, Reply(302, headers={"location": "/elsewhere"})])
def test_in_a_redirect(place, then, form, caplog):
    caplog.set_level(logging.DEBUG)  # httpx has addresses at INFO, httpcore headers at DEBUG

    def answer(call):
        if call.path == "/api/v1/users/me":
            return Reply(302, headers={"location": place.format(urllib.parse.quote(form(API_KEY), safe="%"))})
        return then

    with tenant_that(answer) as tenant:
        shown, error = told(tenant.users.me, tenant)
    # Only a whole secret is refused; a piece of one is followed, and shown nowhere.
    assert form is FORMS["in part"] or isinstance(error, qk.errors.TenantProtocolError)
    assert shows_no(API_KEY, shown, caplog.text)


@pytest.mark.parametrize("method", ["get", "post"])
def test_in_the_host_of_a_redirect(method, form):
    def answer(_):
        return Reply(302, headers={"location": f"https://{urllib.parse.quote(form(API_KEY))}.example/"})

    with tenant_that(answer) as tenant:
        shown, error = told(lambda: tenant.raw(method, "v1/things"), tenant)
    assert "redirects" in error.message
    assert shows_no(API_KEY, shown)


def test_in_the_link_to_the_next_page(form, caplog):
    caplog.set_level(logging.DEBUG)  # httpx has addresses at INFO, httpcore headers at DEBUG

    def answer(call):
        following = f"http://{call.headers['Host']}{call.path}?next={urllib.parse.quote(form(API_KEY))}"
        return Reply(200, {"data": [{"id": "1"}], "links": {"next": {"href": following}}})

    with tenant_that(answer) as tenant:
        shown, error = told(lambda: [*tenant.raw_pages("v1/things")], tenant)
    assert isinstance(error, qk.errors.TenantProtocolError)
    assert shows_no(API_KEY, shown, caplog.text)


def test_in_a_media_type(form):
    kind = "text/" + form(API_KEY).encode("ascii", "replace").decode()
    with tenant_that(lambda _: Reply(200, b"<html>", {"content-type": kind})) as tenant:
        answer = tenant.raw("get", "v1/users/me")
        shown, error = told(answer.json, tenant)
    assert "no JSON" in error.message
    assert shows_no(API_KEY, shown, repr(answer))


@pytest.mark.parametrize("secret", [TOKEN, CLIENT_SECRET], ids=["the token", "the client secret"])
def test_in_the_answer_that_brings_a_token(secret, form):
    document = {"access_token": TOKEN, "token_type": "Bearer", "scope": "user_default", "expires_in": 60}
    with (
        Loopback(lambda _: Reply(200, {**document, "scope": f"user_default {form(secret)}"})) as server,
        qk.TokenSource(f"{server.url}/oauth/token", client_id="abc", secret=CLIENT_SECRET) as source,
    ):
        token = source.token()
    assert token.reveal() == TOKEN
    assert shows_no(secret, repr(token))
    assert (token.scope.startswith("user_default "), "•••" in token.scope) == (True, True)


@pytest.mark.parametrize("secret", [TOKEN, CLIENT_SECRET], ids=["the token", "the client secret"])
def test_in_the_type_of_a_token(secret, form):
    document = {"access_token": TOKEN, "token_type": f"bearer {form(secret)}", "expires_in": 60}
    with (
        Loopback(lambda _: Reply(200, document)) as server,
        qk.TokenSource(f"{server.url}/oauth/token", client_id="abc", secret=CLIENT_SECRET) as source,
        pytest.raises(TokenError) as caught,
    ):
        source.token()
    assert shows_no(secret, repr(caught.value), str(caught.value), str(vars(caught.value)))
    assert shows_no(TOKEN, str(caught.value), str(vars(caught.value)))


def verbose(error):
    """What `%xmode Verbose` shows of an error, without the test's own frame, which has the secrets."""
    frames = error.__traceback__
    while "tests" in Path(frames.tb_frame.f_code.co_filename).parts:
        frames = frames.tb_next
    return VerboseTB(theme_name="nocolor").text(type(error), error, frames)


def link_to(href):
    return lambda _: Reply(200, {"data": [{"id": "1"}], "links": {"next": {"href": href}}})


@pytest.mark.parametrize(
    ("answer", "act"),
    [
        (lambda _: Reply(302, headers={"location": f"/api/v1/users/x?t={API_KEY}"}), lambda tenant: tenant.users.me()),
        (lambda _: Reply(302, headers={"location": f"https://{API_KEY}.example/"}), lambda tenant: tenant.users.me()),
        (lambda _: Reply(302, headers={"location": f"/{API_KEY}"}), lambda tenant: tenant.raw("post", "v1/things")),
        (link_to(f"/api/v1/things?next={API_KEY}"), lambda tenant: [*tenant.raw_pages("v1/things")]),
        (link_to(f"https://evil.example/{API_KEY}"), lambda tenant: [*tenant.raw_pages("v1/things")]),
        (
            lambda _: Reply(200, f"<html>{API_KEY}".encode(), {"content-type": f"text/{API_KEY}"}),
            lambda tenant: tenant.raw("get", "v1/users/me").json(),
        ),
        (lambda _: Reply(201, {"clientSecret": API_KEY}), lambda tenant: tenant.oauth_clients.get("abc")),
    ],
    ids=[
        "redirect",
        "redirect elsewhere",
        "redirected POST",
        "next page",
        "next page elsewhere",
        "no JSON",
        "no client",
    ],
)
def test_in_the_variables_of_a_traceback(answer, act):
    """`%xmode Verbose` shows variables and attributes of each frame: what a tenant wrote is in none of them."""
    with tenant_that(answer) as tenant, pytest.raises(qk.errors.QlikKeysError) as caught:
        act(tenant)
    assert shows_no(API_KEY, verbose(caught.value))


@pytest.mark.parametrize("kind", ["mac", f"bearer {TOKEN}"])
def test_a_token_that_cannot_be_used_is_in_no_variable_of_a_traceback(kind):
    with (
        Loopback(lambda _: Reply(200, {"access_token": TOKEN, "token_type": kind, "expires_in": 60})) as server,
        qk.TokenSource(f"{server.url}/oauth/token", client_id="abc", secret=CLIENT_SECRET) as source,
        pytest.raises(TokenError) as caught,
    ):
        source.token()
    assert shows_no(TOKEN, verbose(caught.value))


def test_what_was_sent_before_is_known_as_well():
    """A bearer of yesterday's is no less a secret in today's answer."""
    said = ["nothing"]
    with tenant_that(lambda _: Reply(404, problem(said[0]))) as tenant:
        told(tenant.users.me, tenant)
        said[0] = API_KEY
        other = tenant.with_credential(qk.ApiKey("canary-of-another-api-key"))
        shown, _ = told(other.users.me, tenant)
    assert shows_no(API_KEY, shown)


def test_what_is_no_secret_stays():
    """What else is in a form is no secret: the client's id, the scopes, the grant."""
    scope = "user_default admin_classic"
    document = {"access_token": TOKEN, "token_type": "Bearer", "scope": scope, "expires_in": 60}
    with (
        Loopback(lambda _: Reply(200, document)) as server,
        qk.TokenSource(
            f"{server.url}/oauth/token", client_id="a" * 32, secret=CLIENT_SECRET, scopes=scope.split()
        ) as source,
    ):
        assert source.token().scope == scope
    words = f"client {'a' * 32} may not have client_credentials with {scope}"
    with (
        Loopback(lambda _: Reply(400, problem(words))) as server,
        qk.TokenSource(
            f"{server.url}/oauth/token",
            client_id="a" * 32,
            secret=CLIENT_SECRET,
            secret_style="basic",
            scopes=scope.split(),
        ) as source,
    ):
        shown, _ = told(source.token, source._http)
    assert words in shown


@pytest.fixture(scope="module")
def made(box):
    with made_client(box, "echoed") as made:
        yield made


@pytest.fixture
def store(box):
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store:
        yield store


@pytest.mark.openbao
def test_an_assertion_in_an_error(form, box, store, made):
    sent = []

    def answer(call):
        sent.append(urllib.parse.parse_qs(call.body.decode())["client_assertion"][0])
        return Reply(401, problem(form(sent[-1])))

    with hostile(box, store, made, answer) as server:
        source = qk.TokenSource.from_store(store, tenant_url=server.url, client_id=made.client_id)
        with source:
            shown, _ = told(source.token, source._http)
    for assertion in sent:
        assert shows_no(assertion.rpartition(".")[2], shown)
