"""Every verb in qlik-cli's words, in each form: in a pipe, on a terminal, by ids alone, as a magic, as a cell magic.

A case names what comes to it once, as JSON with placeholders; the forms are held to it.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest
import typer
from fixtures.support import made_client, write_contexts

import qlik_keys as qk
from qlik_keys.cli.app import TREE, app
from qlik_keys.core.secret import Secret
from qlik_keys.tenant import eq

pytestmark = pytest.mark.openbao

ME = {
    "id": "<bot>",
    "tenantId": "<tenant-id>",
    "status": "active",
    "subject": "qlikbot\\<id>",
    "name": "<name>",
    "roles": ["TenantAdmin"],
    "assignedRoles": [{"id": "role-TenantAdmin", "name": "TenantAdmin", "type": "default", "level": "admin"}],
    "assignedGroups": [],
    "groups": [],
    "created": "<time>",
    "createdAt": "<time>",
    "lastUpdated": "<time>",
    "lastUpdatedAt": "<time>",
    "links": {"self": {"href": "<url>/api/v1/users/<bot>"}},
    "clientId": "<id>",
}
SECRET_ONE = {"hint": "<hint>", "createdAt": "<time>", "createdBy": "<admin>"}
CLIENT = {
    "clientId": "<id>",
    "tenantId": "<tenant-id>",
    "appType": "web",
    "clientName": "<name>",
    "allowedScopes": ["user_default"],
    "allowedGrantTypes": ["client_credentials"],
    "allowedAuthMethods": ["client_secret", "private_key_jwt"],
    "redirectUris": [],
    "allowedOrigins": [],
    "publicKeys": [{"kid": "<kid>", "kty": "EC", "alg": "ES384", "use": "sig", "crv": "P-384", "x": "<x>", "y": "<y>"}],
    "clientSecrets": [SECRET_ONE],
    "createdAt": "<time>",
    "updatedAt": "<time>",
    "createdBy": "<admin>",
    "createdByType": "user",
    "connectionConfig": {"consentMethod": "trusted"},
}
MADE = {
    **CLIENT,
    "clientId": "<new-id>",
    "clientName": "made by words",
    "allowedAuthMethods": ["client_secret"],
    "publicKeys": [],
    "clientSecret": "<secret>",
}
PAGE = {"data": [CLIENT], "links": {"self": {"href": "<url>/api/v1/oauth-clients?filter=<filter>"}}}
TENANT = {
    "id": "<tenant-id>",
    "name": "sandbox (no real tenant)",
    "hostnames": ["<host>"],
    "status": "active",
    "datacenter": "sandbox",
    "created": "<time>",
    "lastUpdated": "<time>",
    "createdByUser": "<admin>",
    "links": {"self": {"href": "<url>/api/v1/tenants/<tenant-id>"}},
}
API_KEY = {
    "id": "<key>",
    "sub": "<admin>",
    "subType": "user",
    "tenantId": "<tenant-id>",
    "description": "the administrator's",
    "status": "active",
    "expiry": "<time>",
    "created": "<time>",
    "lastUpdated": "<time>",
    "createdByUser": "<admin>",
}
BODY = {
    "appType": "web",
    "clientName": "made by words",
    "allowedScopes": ["user_default"],
    "allowedGrantTypes": ["client_credentials"],
    "allowedAuthMethods": ["client_secret"],
    "connectionConfig": {"consentMethod": "trusted"},
}
DESCRIBE = [{"op": "add", "path": "/description", "value": "described"}]
TRUST = [{"op": "replace", "path": "/consentMethod", "value": "trusted"}]
CONSENT = {"consentMethod": "trusted", "status": "active", "deletedByOwner": False}
CONTEXT = {
    "name": "practice",
    "current": False,
    "server": "<url>",
    "login": "bearer",
    "comment": "for exercises",
    "problems": [],
}
ELSEWHERE = {
    "name": "elsewhere",
    "current": True,
    "server": "https://acme.eu.qlikcloud.com",
    "login": "client secret of abc",
    "comment": "",
    "problems": [],
}
OF_ID = """--filter 'clientId eq "<id>"'"""
HEAD = "clientId  clientName  appType  allowedAuthMethods  allowedScopes  createdByType  createdAt"
ROW = "<id>  <name>  web  client_secret, private_key_jwt  user_default  user  <time>"


@dataclass(frozen=True)
class Case:
    """A verb, and what comes to it.

    Attributes:
        words: the command; `<id>`, `<name>`, `<hint>`, `<token>` stand for a client that is made for the case.
        shown: what a pipe gets as JSON, None for nothing at all.
        table: lines that a terminal shows.
        ids: what `--quiet` prints.
        body: the JSON body, by `--body` in a shell and as the cell in a notebook.
        frame: cells by column, where a notebook gets a DataFrame; else it gets what is `shown`.
        raw: what `--raw` prints, None where that is not looked at.
    """

    words: str
    shown: Any = None
    table: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    body: Any = None
    frame: dict[str, list[Any]] = field(default_factory=dict)
    raw: Any = None


CASES = [
    Case("user me --client <name>", ME, ("subject  qlikbot\\<id>", "roles  TenantAdmin"), ("<bot>",), raw=ME),
    Case(
        """user ls --filter 'clientId eq "<id>"'""",
        [ME],
        ("id  name  subject  status  roles  clientId  createdAt", "<bot>  <name>  qlikbot\\<id>  active"),
        ("<bot>",),
        frame={"id": ["<bot>"], "clientId": ["<id>"]},
        raw={"data": [ME], "links": None},
    ),
    Case("user get <bot>", ME, ("subject  qlikbot\\<id>",), ("<bot>",), raw=ME),
    Case("user get <bot> --fields id,name", {"id": "<bot>", "name": "<name>"}, ("id  <bot>",), ("<bot>",)),
    Case("user count --client <name>", {"total": 1}, ("total  1",)),
    Case("tenant me --client <name>", TENANT, ("id  <tenant-id>",), ("<tenant-id>",)),
    Case("tenant get <tenant-id>", TENANT, ("id  <tenant-id>",), ("<tenant-id>",), raw=TENANT),
    Case(
        "api-key ls --sub <admin> --limit 1",
        [API_KEY],
        ("id  description  sub  subType  status", "<key>  the administrator's  <admin>  user  active"),
        ("<key>",),
        frame={"id": ["<key>"], "sub": ["<admin>"]},
    ),
    Case("api-key get <key>", API_KEY, ("status  active",), ("<key>",), raw=API_KEY),
    Case(
        "status --client <name>",
        {"server": "<url>", "id": "<bot>", "name": "<name>", "status": "active"},
        ("Connected to <url> as <name>",),
        ("<bot>",),
    ),
    Case("raw GET v1/users/me --client <id>", ME, ("clientId  <id>",), ("<bot>",), raw=ME),
    Case("raw get v1/users/me --client <id>", ME, ("clientId  <id>",), ("<bot>",), raw=ME),
    Case(
        "raw get v1/oauth-clients --query 'filter=clientId eq \"<id>\"'",
        [CLIENT],
        ("clientId  tenantId  appType  clientName", "<id>  <tenant-id>  web  <name>"),
        ("<id>",),
        frame={"clientId": ["<id>"], "connectionConfig.consentMethod": ["trusted"]},
        raw=PAGE,
    ),
    Case("raw post v1/oauth-clients", MADE, ("clientId  <new-id>", "clientSecret  <secret>"), ("<new-id>",), body=BODY),
    Case("raw patch v1/oauth-clients/<id>", body=DESCRIBE),
    Case("raw delete v1/oauth-clients/<id> --headers qlik-confirm-delete=<id>"),
    Case(f"oauth-client ls {OF_ID}", [CLIENT], (HEAD, ROW), ("<id>",), frame={"clientId": ["<id>"]}, raw=PAGE),
    Case(
        f"oauth-client ls {OF_ID} --totalResults --limit 1 --sort -createdAt",
        [CLIENT],
        (HEAD, ROW, "1 of 1"),
        ("<id>",),
        frame={"clientName": ["<name>"]},
    ),
    Case(
        "oauth-client ls --filter 'clientId eq \"none\"'",
        [],
        ("The tenant has no such clients.",),
        frame={"clientId": [], "clientName": []},
    ),
    Case("oauth-client get <id>", CLIENT, ("clientName  <name>", "allowedScopes  user_default"), ("<id>",), raw=CLIENT),
    Case(
        "oauth-client create --appType web --clientName 'made by words' --allowedScopes user_default"
        " --allowedGrantTypes client_credentials --allowedAuthMethods client_secret"
        " --connectionConfig-consentMethod trusted",
        MADE,
        ("clientId  <new-id>", "clientSecret  <secret>"),
        ("<new-id>",),
    ),
    Case("oauth-client create", MADE, ("clientId  <new-id>",), ("<new-id>",), body=BODY),
    Case("oauth-client patch <id> --op add --path /description --value described"),
    Case("oauth-client patch <id>", body=DESCRIBE),
    Case("oauth-client publish <id>", {"publishedAt": "<time>"}, ("publishedAt  <time>",)),
    Case("oauth-client rm <id> --confirm <id>"),
    Case("oauth-client rm <id> --headers=QLIK-CONFIRM-DELETE=<id>"),
    Case(
        "oauth-client client-secret create --oauth-clientId <id>",
        {"clientId": "<id>", "clientSecret": "<secret>", **SECRET_ONE},
        ("clientId  <id>", "clientSecret  <secret>"),
        ("<id>",),
    ),
    Case("oauth-client client-secret rm <hint> --oauth-clientId <id>"),
    Case("oauth-client connection-config ls <id>", CONSENT, ("consentMethod  trusted", "deletedByOwner  no")),
    Case("oauth-client connection-config patch <id> --value trusted"),
    Case("oauth-client connection-config patch <id>", body=TRUST),
    Case("oauth-client connection-config rm <id>"),
    Case(
        "oauth-token ls --userId <bot> --limit 1",
        [
            {
                "id": "<token>",
                "userId": "<bot>",
                "tenantId": "<tenant-id>",
                "description": "<name>",
                "lastUsed": "<time>",
            }
        ],
        ("id  userId  description  lastUsed", "<token>  <bot>  <name>  <time>"),
        ("<token>",),
        frame={"id": ["<token>"], "userId": ["<bot>"]},
    ),
    Case("oauth-token rm <token>"),
    Case(
        "context ls",
        [CONTEXT, ELSEWHERE],
        ("name  current  server  login  comment", "practice  no  <url>  bearer  for exercises"),
        ("practice", "elsewhere"),
        frame={"name": ["practice", "elsewhere"]},
    ),
    Case("context get practice", CONTEXT, ("server  <url>", "login  bearer"), ("practice",)),
    Case("context use practice", CONTEXT | {"current": True}, ("current  yes",), ("practice",)),
]
IDS = [f"{number} {case.words}" for number, case in enumerate(CASES)]


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
    text = re.sub(r"\?filter=[^\"]*", "?filter=<filter>", text)
    return re.sub(" {2,}", "  ", text)


def with_body(case):
    return [] if case.body is None else ["--body", json.dumps(case.body)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_in_a_pipe(case, known, qlik_keys):
    ended = qlik_keys(*filled_in(case.words, known), *with_body(case))
    assert ended.code == 0, ended.err
    assert (json.loads(told(ended.out, known)) if ended.out else None) == case.shown
    expected = "Note: 1 of 1.\n" if "--totalResults" in case.words else ""
    assert ended.err == expected or "take precedence over it" in ended.err


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_on_a_terminal(case, known, terminal):
    ended = terminal(*filled_in(case.words, known), *with_body(case))
    assert ended.code == 0, ended.err
    lines = [line.rstrip() for line in told(ended.out, known).splitlines()]
    if case.shown is None:
        assert lines == []
    for line in case.table:
        assert any(found.startswith(line) for found in lines), (line, lines)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_as_json_on_a_terminal_by_ids_and_unmodified(case, known, terminal, qlik_keys):
    words = filled_in(case.words, known)
    if words[1] in ("ls", "get") or "ls" in words:  # what can be asked twice
        as_json = terminal(*words, "--json", *with_body(case))
        assert json.loads(told(as_json.out, known)) == case.shown
        if case.raw is not None:
            unmodified = qlik_keys(*words, "--raw")
            assert json.loads(told(unmodified.out, known)) | {"links": None} == case.raw | {"links": None}
            assert "\n" not in unmodified.out
    by_ids = qlik_keys(*words, "-q", *with_body(case))
    assert by_ids.code == 0, by_ids.err
    assert tuple(told(by_ids.out, known).split()) == case.ids
    assert ("shown again" in by_ids.err) == ("clientSecret" in (case.shown or ()))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_in_a_notebook(case, known, shell, capsys):
    line = shlex.join(filled_in(case.words, known))
    if case.body is None:
        value = shell.run_line_magic("qlik", line)
    else:
        value = shell.run_cell_magic("qlik", line, json.dumps(case.body, indent=1))
    assert capsys.readouterr() == ("", "")
    if case.frame:
        assert isinstance(value, pd.DataFrame)
        assert value.attrs["tenant"] in known or case.words.startswith("context")
        for column, cells in case.frame.items():
            assert [told(str(cell), known) for cell in value[column]] == cells
        for column in ("createdAt", "lastUsed"):
            assert column not in value or str(value[column].dtype).startswith("datetime64")
        return
    shown = case.shown
    if isinstance(shown, dict) and "clientSecret" in shown:
        secret = value.pop("clientSecret")
        assert isinstance(secret, Secret)
        assert (repr(secret), len(secret.reveal())) == ("<clientSecret>", 64)
        shown = {name: each for name, each in shown.items() if name != "clientSecret"}
    assert (None if value is None else json.loads(told(json.dumps(value), known))) == shown


def leaves(command, words=()):
    """Return every command of a part of the tree, as its words."""
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from leaves(command.get_command(None, name), (*words, name))
    else:
        yield " ".join(words), command


def test_every_verb_has_a_case():
    tree = typer.main.get_command(app)
    verbs = [
        words
        for name in TREE["qlik-cli commands"]
        if name not in ("alias", "completion", "token", "version")  # test_token.py, test_qlik_cli_forms.py
        for words, _ in leaves(tree.get_command(None, name), (name,))
    ]
    without = {verb for verb in verbs if not any(case.words.startswith(verb) for case in CASES)}
    # test_context_commands.py has those that change qlik-cli's file.
    changes = {f"context {verb}" for verb in ("create", "init", "update", "rename", "rm", "clear")}
    assert without - changes == {"raw put"}  # the tenant of the tests knows no PUT: test_calls.py sees it refused


def test_the_help_tells_what_the_commands_tell():
    tree = typer.main.get_command(app)
    for entries in TREE.values():
        for name, entry in entries.items():
            command = tree.get_command(None, name)
            assert entry.words == command.help.partition("\n")[0], name
            for words, leaf in leaves(command, (name,)):
                assert "Example: qlik-keys " + words in leaf.help.replace("\n", " "), words
