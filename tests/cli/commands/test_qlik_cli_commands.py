"""Every verb in qlik-cli's words, in each form: in a pipe, on a terminal, by ids alone.

A case names what comes to it once, as JSON with placeholders; the forms are held to it.
"""

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

import pytest
from fixtures.support import made_client, write_contexts

import qlik_keys as qk
from qlik_keys.tenant import eq

ME, CLIENT, SECRET_ONE, TENANT, API_KEY, TOKEN, CONSENT, CONTEXT, ELSEWHERE, BODY = json.loads(r"""[
{"id": "<bot>", "tenantId": "<tenant-id>", "status": "active", "subject": "qlikbot\\<id>", "name": "<name>",
 "roles": ["TenantAdmin"], "assignedGroups": [], "groups": [], "clientId": "<id>",
 "assignedRoles": [{"id": "role-TenantAdmin", "name": "TenantAdmin", "type": "default", "level": "admin"}],
 "created": "<time>", "createdAt": "<time>", "lastUpdated": "<time>", "lastUpdatedAt": "<time>",
 "links": {"self": {"href": "<url>/api/v1/users/<bot>"}}},
{"clientId": "<id>", "tenantId": "<tenant-id>", "appType": "web", "clientName": "<name>", "redirectUris": [],
 "allowedScopes": ["user_default"], "allowedGrantTypes": ["client_credentials"], "allowedOrigins": [],
 "allowedAuthMethods": ["client_secret", "private_key_jwt"],
 "publicKeys": [{"kid": "<kid>", "kty": "EC", "alg": "ES384", "use": "sig", "crv": "P-384", "x": "<x>", "y": "<y>"}],
 "clientSecrets": [{"hint": "<hint>", "createdAt": "<time>", "createdBy": "<admin>"}],
 "createdAt": "<time>", "updatedAt": "<time>", "createdBy": "<admin>", "createdByType": "user",
 "connectionConfig": {"consentMethod": "trusted"}},
{"hint": "<hint>", "createdAt": "<time>", "createdBy": "<admin>"},
{"id": "<tenant-id>", "name": "sandbox (no real tenant)", "hostnames": ["<host>"], "status": "active",
 "datacenter": "sandbox", "created": "<time>", "lastUpdated": "<time>", "createdByUser": "<admin>",
 "links": {"self": {"href": "<url>/api/v1/tenants/<tenant-id>"}}},
{"id": "<key>", "sub": "<admin>", "subType": "user", "tenantId": "<tenant-id>", "description": "the administrator's",
 "status": "active", "expiry": "<time>", "created": "<time>", "lastUpdated": "<time>", "createdByUser": "<admin>"},
{"id": "<token>", "userId": "<bot>", "tenantId": "<tenant-id>", "description": "<name>", "lastUsed": "<time>"},
{"consentMethod": "trusted", "status": "active", "deletedByOwner": false},
{"name": "practice", "current": false, "server": "<url>", "login": "bearer", "comment": "for exercises",
 "problems": []},
{"name": "elsewhere", "current": true, "server": "https://acme.eu.qlikcloud.com", "login": "client secret of abc",
 "comment": "", "problems": []},
{"appType": "web", "clientName": "made by words", "allowedScopes": ["user_default"],
 "allowedGrantTypes": ["client_credentials"], "allowedAuthMethods": ["client_secret"],
 "connectionConfig": {"consentMethod": "trusted"}}
]""")
MADE = {**CLIENT, **BODY, "clientId": "<new-id>", "publicKeys": [], "clientSecret": "<secret>"}
OF_ID = """--filter 'clientId eq "<id>"'"""
QUERY = """--query 'filter=clientId eq "<id>"'"""
USERS = "id  name  subject  status  roles  clientId  createdAt"
KEY = "<key>  the administrator's  <admin>  user  active"
STATUS = {"server": "<url>", "id": "<bot>", "name": "<name>", "status": "active"}
SECRET, SECRET_LINE = {"clientId": "<id>", "clientSecret": "<secret>", **SECRET_ONE}, "clientSecret  <secret>"
HEAD = "clientId  clientName  appType  allowedAuthMethods  allowedScopes  createdByType  createdAt"
ROW = "<id>  <name>  web  client_secret, private_key_jwt  user_default  user  <time>"
CREATE = """oauth-client create --connectionConfig-consentMethod trusted --appType web --clientName 'made by words'
    --allowedScopes user_default --allowedGrantTypes client_credentials --allowedAuthMethods client_secret"""


@dataclass(frozen=True)
class Case:
    """The words of a command, with placeholders as `<id>` for a client that is made for the case; what comes to it."""

    words: str
    shown: Any = None  # as JSON in a pipe
    table: tuple[str, ...] = ()  # lines on a terminal
    ids: tuple[str, ...] = ()  # by --quiet
    body: Any = None  # what is sent, as JSON


CASES = [
    Case("user me --client <name>", ME, ("subject  qlikbot\\<id>", "roles  TenantAdmin"), ("<bot>",)),
    Case(f"user ls {OF_ID}", [ME], (USERS, "<bot>  <name>  qlikbot\\<id>  active"), ("<bot>",)),
    Case("user get <bot>", ME, ("subject  qlikbot\\<id>",), ("<bot>",)),
    Case("user get <bot> --fields id,name", {"id": "<bot>", "name": "<name>"}, ("id  <bot>",), ("<bot>",)),
    Case("user count --client <name>", {"total": 1}, ("total  1",)),
    Case("tenant me --client <name>", TENANT, ("id  <tenant-id>",), ("<tenant-id>",)),
    Case("api-key ls --sub <admin> --limit 1", [API_KEY], ("id  description  sub  subType", KEY), ("<key>",)),
    Case("status --client <name>", STATUS, ("Connected to <url> as <name>",), ("<bot>",)),
    Case(f"raw GET v1/oauth-clients {QUERY}", [CLIENT], ("clientId  tenantId", "<id>  <tenant-id>"), ("<id>",)),
    Case(f"oauth-client ls {OF_ID} --totalResults --limit 1", [CLIENT], (HEAD, ROW, "1 of 1"), ("<id>",)),
    Case("oauth-client ls --filter 'clientId eq \"none\"'", [], ("The tenant has no such clients.",)),
    Case("oauth-client get <id>", CLIENT, ("clientName  <name>", "allowedScopes  user_default"), ("<id>",)),
    Case(CREATE, MADE, ("clientId  <new-id>", "clientSecret  <secret>"), ("<new-id>",)),
    Case("oauth-client create", MADE, ("clientId  <new-id>",), ("<new-id>",), body=BODY),
    Case("oauth-client publish <id>", {"publishedAt": "<time>"}, ("publishedAt  <time>",)),
    Case("oauth-client rm <id> --confirm <id>"),
    Case("oauth-client rm <id> --headers=QLIK-CONFIRM-DELETE=<id>"),
    Case("oauth-client client-secret create --oauth-clientId <id>", SECRET, (SECRET_LINE,), ("<id>",)),
    Case("oauth-client connection-config ls <id>", CONSENT, ("consentMethod  trusted", "deletedByOwner  no")),
    Case("oauth-token ls --userId <bot> --limit 1", [TOKEN], ("id  userId", "<token>  <bot>  <name>"), ("<token>",)),
    Case("context ls", [CONTEXT, ELSEWHERE], ("name  current", "practice  no  <url>"), ("practice", "elsewhere")),
    Case("context get practice", CONTEXT, ("server  <url>", "login  bearer"), ("practice",)),
    Case("context use practice", CONTEXT | {"current": True}, ("current  yes",), ("practice",)),
]


def changes(case):
    """Tell whether a case changes something, or counts what others have added to; the others share one client."""
    return not {"me", "ls", "get", "GET", "count", "status"} & {*case.words.split()} or "oauth-token" in case.words


def client_for_words(box, name):
    """Make a client with a key in the Vault, a secret and a token; yield what its values are called in the cases."""
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        made_client(box, name, client_secret=True) as made,
    ):
        client = tenant.oauth_clients.get(made.client_id)
        [token] = tenant.raw("get", "v1/oauth-tokens", query={"userId": made.verification.user.id}).json()["data"]
        admin = tenant.users.me().id
        [key] = tenant.raw("get", "v1/api-keys", query={"sub": admin}).json()["data"]
        yield {
            made.client_id: "<id>",
            made.name: "<name>",
            client.client_secrets[0].hint: "<hint>",
            made.client_secret.reveal(): "<secret>",
            token["id"]: "<token>",
            token["userId"]: "<bot>",
            admin: "<admin>",
            key["id"]: "<key>",
            token["tenantId"]: "<tenant-id>",
            box.tenant_url: "<url>",
            tenant.host: "<host>",
            made.kid: "<kid>",
            client.public_keys[0].root["x"]: "<x>",
            client.public_keys[0].root["y"]: "<y>",
        }
        for each in tenant.oauth_clients.list(eq("clientName", "made by words")):
            tenant.oauth_clients.delete(each.client_id)


@pytest.fixture(scope="module")
def shared_client(box):
    yield from client_for_words(box, "of-the-words")


@pytest.fixture
def known(case, request, box, tmp_path):
    """What the placeholders stand for, with qlik-cli contexts in the home folder."""
    write_contexts(tmp_path, box)
    if not changes(case):
        yield request.getfixturevalue("shared_client")
        return
    yield from client_for_words(box, "of-one-case")


def filled_in(words, known):
    for value, name in known.items():
        words = words.replace(name, value)
    return shlex.split(words)


def told(text, known):
    """Put the placeholders back, and let columns be two blanks apart."""
    for value, name in known.items():
        text = text.replace(value, name)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "<secret>", text)
    text = re.sub(r"\b[0-9a-f]{32}\b", "<new-id>", text)
    text = re.sub(r'("hint": ?)"[0-9a-f]{6}"', r'\1"<hint>"', text)
    return re.sub(" {2,}", "  ", text)


@pytest.mark.parametrize("case", CASES, ids=[" ".join(case.words.split()) for case in CASES])
def test_in_each_form(case, known, terminal, qlik_keys):
    words = filled_in(case.words, known)
    body = [] if case.body is None else ["--body", json.dumps(case.body)]
    ended = qlik_keys(*words, *body)
    assert ended.code == 0, ended.err
    assert (json.loads(told(ended.out, known)) if ended.out else None) == case.shown
    expected = "Note: 1 of 1.\n" if "--totalResults" in case.words else ""
    assert ended.err == expected or "take precedence over it" in ended.err
    if case.shown is None:
        return
    ended = terminal(*words, *body)
    assert ended.code == 0, ended.err
    lines = [line.rstrip() for line in told(ended.out, known).splitlines()]
    for line in case.table:
        assert any(found.startswith(line) for found in lines), (line, lines)
    by_ids = qlik_keys(*words, "-q", *body)
    assert (by_ids.code, tuple(told(by_ids.out, known).split())) == (0, case.ids), by_ids.err
    assert ("shown again" in by_ids.err) == ("clientSecret" in case.shown)
    if {"ls", "get"} & {*words}:
        assert json.loads(told(terminal(*words, "--json").out, known)) == case.shown
        if words[0] != "context" and not {"--fields", "--totalResults"} & {*words}:
            unmodified = qlik_keys(*words, "--raw").out
            whole = case.shown if isinstance(case.shown, dict) else {"data": case.shown}
            assert json.loads(told(unmodified, known)) | {"links": None} == whole | {"links": None}
            assert "\n" not in unmodified
