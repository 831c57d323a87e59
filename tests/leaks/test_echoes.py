"""A server that says back what it was sent, in any form and at any place: what we tell of it has no secret in it."""

from __future__ import annotations

import base64
import urllib.parse

import pytest
from fixtures.canaries import find_canaries
from fixtures.leaks import ERROR_SURFACES, TEXT_SURFACES, Leaks
from fixtures.loopback import CUT, Loopback, Reply
from fixtures.malicious_tenant import TOKEN, malicious_tenant
from fixtures.raw_server import RawServer

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError
from qlik_keys.tenant import RetryPolicy

API_KEY = "canary-apikey-ZZx81kd93jfkQpLmNbVc72~Yq"
CLIENT_SECRET = "canary/client+secret=Ha8s7d6f5g4h3j2k1"
VAULT_TOKEN = "canary-vault-token-ZZx81kd93jfkQpLmNbVc72Yq"


def in_base64(lead, encode=base64.b64encode):
    return lambda text: encode(b"?" * lead + text.encode() + b"?").decode()


# Not tried: with blanks in it, with letters of no width, reversed. A server that smuggles finds a form that no search
# knows; a search for pieces of eight letters refused the common operations.
FORMS = {
    "as it is": str,
    "in part": lambda text: text[3:30],
    "in capitals": str.upper,
    "for a URL": lambda text: urllib.parse.quote(text, safe=""),
    "for a URL, each letter": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "in hex": lambda text: text.encode().hex(),
    "in hex, in capitals": lambda text: text.encode().hex().upper(),
    **{f"in base64, {lead} letters behind": in_base64(lead) for lead in range(3)},
    **{f"in base64url, {lead} letters behind": in_base64(lead, base64.urlsafe_b64encode) for lead in range(3)},
}


def problem(text):
    return {"errors": [{"code": text, "title": text, "detail": f"got {text}!"}], "traceId": text}


def redirect_to(place, then=None):
    def answer(echo, call):
        if then is not None and call.path != "/api/v1/users/me":
            return then
        return Reply(302, headers={"location": place.format(urllib.parse.quote(echo, safe="%"))})

    return answer


def link_to_the_next_page(echo, call):
    following = f"http://{call.headers['Host']}{call.path}?next={urllib.parse.quote(echo)}"
    return Reply(200, {"data": [{"id": "1"}], "links": {"next": {"href": following}}})


def media_type(echo, _):
    return Reply(200, b"<html>", {"content-type": f"text/{echo}".encode("ascii", "replace").decode()})


def surfaces(form):
    return ERROR_SURFACES if form == "as it is" else TEXT_SURFACES


def me(tenant):
    return tenant.users.me()


ELSEWHERE = Reply(302, headers={"location": "/elsewhere"})
TENANT_PLACES = {
    **{
        f"an error {status}": (lambda echo, _, status=status: Reply(status, problem(echo)), me)
        for status in (400, 401, 404, 429, 500)
    },
    **{
        f"a redirect to {place}, then {number}": (redirect_to(place, then), me)
        for place in ("/api/v1/users/{}", "/api/v1/users/x?t={}", "/api/v1/users/x?{}=1", "/{}/me")
        for number, then in enumerate((Reply(404, problem("no")), CUT, ELSEWHERE))
    },
    "the host of a redirect": (redirect_to("https://{}.example/"), lambda tenant: tenant.raw("get", "v1/things")),
    "the host of a redirected POST": (redirect_to("https://{}.example/"), lambda tenant: tenant.raw("post", "v1/x")),
    "the link to the next page": (link_to_the_next_page, lambda tenant: [*tenant.raw_pages("v1/things")]),
    "a media type": (media_type, lambda tenant: tenant.raw("get", "v1/users/me").json()),
}


def forms_for(number):
    """The two first forms, and a third of the others: any three places in a row have them all."""
    first, second, *others = FORMS
    return [first, second, *others[number % 3 :: 3]]


@pytest.mark.parametrize("place", TENANT_PLACES)
def test_an_api_key_in_what_a_tenant_answers(place):
    answer, act = TENANT_PLACES[place]
    options = {"credential": qk.ApiKey(API_KEY), "retry": RetryPolicy(attempts=1)}
    for name in forms_for([*TENANT_PLACES].index(place)):
        form, leaks = FORMS[name], Leaks(**{"API key": API_KEY})
        with (
            Loopback(lambda call, form=form: answer(form(API_KEY), call)) as server,
            qk.QlikTenant(server.url, **options) as tenant,
            leaks.listening(tenant),
        ):
            error = leaks.fail(name, lambda: act(tenant), QlikKeysError, surfaces=surfaces(name))
            if "error" in place:
                assert (f"an error {error.status}", "•••" in error.detail) == (place, True)
                other = tenant.with_credential(qk.ApiKey("canary-of-another-api-key"))  # the key of an earlier call
                leaks.fail(f"{name} later", lambda other=other: act(other), QlikKeysError, surfaces=surfaces(name))
            elif "then" in place and name != "in part":  # a piece is followed, and shown nowhere
                assert isinstance(error, qk.errors.TenantProtocolError)
        leaks.check(folded=True)


def issued(**changes):
    document = {"access_token": TOKEN, "token_type": "Bearer", "scope": "user_default", "expires_in": 60}
    return Reply(200, {**document, **changes})


@pytest.mark.parametrize("style", ["form", "basic"])
def test_a_secret_in_what_the_token_endpoint_answers(style):
    leaks = Leaks(**{"client secret": CLIENT_SECRET, "token": TOKEN})
    with Loopback() as server, leaks.listening():
        for form, encode in FORMS.items():
            secret, issued_token = encode(CLIENT_SECRET), encode(TOKEN)
            answers = {
                f"{form}: error": Reply(401, problem(secret)),
                f"{form}: type": issued(token_type=f"bearer {secret}"),
                f"{form}: type, the token": issued(token_type=f"bearer {issued_token}"),
                f"{form}: scope": issued(scope=f"user_default {secret}"),
                f"{form}: scope, the token": issued(scope=f"user_default {issued_token}"),
            }
            for name, answer in answers.items():
                server.answer = lambda _, answer=answer: answer
                url = f"{server.url}/oauth/token"
                with qk.TokenSource(url, client_id="abc", secret=CLIENT_SECRET, secret_style=style) as source:
                    if "scope" not in name:
                        leaks.fail(name, source.token, QlikKeysError, surfaces=surfaces(form))
                        continue
                    token = source.token()
                assert (token.reveal(), token.scope[:13], "•••" in token.scope) == (TOKEN, "user_default ", True)
                leaks.show(name, token)
                leaks.show(f"{name} itself", token.scope)
    leaks.check(folded=True)


def test_an_assertion_in_an_error(safe):
    leaks, sent = Leaks(), []
    for form, encode in FORMS.items():

        def answer(call, encode=encode):
            sent.append(urllib.parse.parse_qs(call.body.decode())["client_assertion"][0])
            return Reply(401, problem(encode(sent[-1])))

        with (
            malicious_tenant(safe.box, safe.store, safe.made, answer) as server,
            qk.TokenSource.from_store(safe.store, tenant_url=server.url, client_id=safe.made.client_id) as source,
            leaks.listening(),
        ):
            leaks.fail(form, source.token, QlikKeysError, surfaces=surfaces(form))
    leaks.secrets = {f"signature {number}": each.rpartition(".")[2] for number, each in enumerate(sent)}
    leaks.check()


RAW_ANSWERS = {
    "a line that is no header": "HTTP/1.1 403 Forbidden\r\n{}\r\ncontent-length: 2\r\n\r\n{{}}",
    "behind such a line": "HTTP/1.1 200 OK\r\nbroken\r\nx: {}\r\ncontent-length: 2\r\n\r\n{{}}",
    "the status line": "HTTP/1.1 {}\r\n\r\n",
    "the reason": "HTTP/1.1 400 {}\r\ncontent-length: 2\r\n\r\n{{}}",
    "the length": "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{{}}",
    "a redirect": "HTTP/1.1 307 Elsewhere\r\nlocation: https://evil.example/{}\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", RAW_ANSWERS)
def test_a_vault_token_in_the_headers_of_an_answer(answer):
    leaks = Leaks(token=VAULT_TOKEN)
    with (
        RawServer(lambda _: [RAW_ANSWERS[answer].format(VAULT_TOKEN).encode()]) as server,
        qk.VaultKeyStore(server.url, token=VAULT_TOKEN, timeout_seconds=1) as store,
        leaks.listening(store),
    ):
        leaks.fail(answer, lambda: store.client_ids("acme.eu.qlikcloud.com"), qk.errors.StoreError)
    assert "HTTP" in leaks.shown["logs"].upper()  # the loggers were really heard
    leaks.check()
    assert not find_canaries(repr(store), leaks.secrets)
