"""Every row of docs/qlik-cli.md, run in this process against the sandbox: it gives what the page says."""

import contextlib
import json
import re
import shlex
from pathlib import Path

import pytest
from fixtures.support import write_contexts

import qlik_keys as qk

pytestmark = pytest.mark.openbao

PAGE = Path(__file__).parents[3] / "docs" / "qlik-cli.md"
ROW = re.compile(
    r"^\| `(?P<line>qlik .*?)` \| (?P<gives>[a-z]+)(?:: (?P<reason>[^|]*?))? \|(?P<source>[^|]*\|)?$", re.MULTILINE
)
ROWS = [found.groupdict() for found in ROW.finditer(PAGE.read_text(encoding="utf-8"))]
CODES = {"refused": 2, "failed": 1}
CLIENT = {"appType": "native", "clientName": "of a row", "redirectUris": ["https://a.example"]}
MACHINE = json.loads("""{
    "appType": "web", "clientName": "of a row", "description": "to be changed", "allowedScopes": ["user_default"],
    "allowedGrantTypes": ["client_credentials"], "allowedAuthMethods": ["client_secret"],
    "connectionConfig": {"consentMethod": "trusted"}
}""")
PATCH = [{"op": "replace", "path": "/clientName", "value": "of a row, patched"}]
# One of these in an output is a secret that was shown where none belongs.
SECRETS = ("canary", "SECRET", "MY-API-KEY")


@pytest.fixture(scope="module")
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def known(box, tenant):
    """What the placeholders stand for that no row changes."""
    [admin, *_] = tenant.raw("get", "v1/users").json()["data"]
    [key, *_] = tenant.raw("get", "v1/api-keys", query={"sub": admin["id"]}).json()["data"]
    for name in ("first", "second", "third"):
        tenant.raw("post", "v1/oauth-clients", body=CLIENT | {"clientName": name})
    names = {"USER-ID": admin["id"], "TENANT-ID": admin["tenantId"], "KEY-ID": key["id"]}
    for path, prefix in (("v1/oauth-clients", "CLIENT-"), ("v1/users", "")):
        first = tenant.raw("get", path, query={"limit": "1"}).json()["links"]
        forward = first["next"]["href"].partition("next=")[2].partition("&")[0]
        second = tenant.raw("get", path, query={"limit": "1", "next": forward}).json()["links"]
        names[f"{prefix}NEXT"] = forward
        names[f"{prefix}PREV"] = second["prev"]["href"].partition("prev=")[2].partition("&")[0]
    return {**names, "TENANT": box.tenant_url}


@pytest.fixture
def run(box, tenant, known, tmp_path, monkeypatch, qlik_keys):  # noqa: PLR0917  # fixtures
    """Run a line of the page in a home folder of its own; a client, a secret or a token of it is made for the row."""
    write_contexts(tmp_path, box)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "client.json").write_text(json.dumps(CLIENT))
    (tmp_path / "patch.json").write_text(json.dumps(PATCH))
    (tmp_path / "config.yml").write_text(
        f"server: {box.tenant_url}\nheaders:\n  Authorization: Bearer {box.api_key}\nretry: 1\n"
    )
    made = []

    def filled(line):
        names = dict(known)
        if re.search("CLIENT-ID|HINT|TOKEN-ID", line):
            client = tenant.raw("post", "v1/oauth-clients", body=MACHINE).json()
            made.append(client["clientId"])
            names |= {"CLIENT-ID": client["clientId"], "HINT": client["clientSecrets"][0]["hint"]}
            if "TOKEN-ID" in line:
                names["TOKEN-ID"] = token_of(box, tenant, client)
        for name, value in names.items():
            line = re.sub(rf"\b{name}\b(?![-])", value, line)
        return line

    yield lambda line: qlik_keys(*shlex.split(filled(line))[1:])
    for client_id in made:
        with contextlib.suppress(qk.errors.TenantNotFound):  # a row may have deleted it
            tenant.oauth_clients.delete(client_id)


def token_of(box, tenant, client):
    """The id of a token that the client gets."""
    credential = qk.ClientSecret(client["clientId"], client["clientSecret"])
    with qk.QlikTenant(box.tenant_url, credential=credential) as caller:
        me = caller.users.me().id
    [token] = tenant.raw("get", "v1/oauth-tokens", query={"userId": me}).json()["data"]
    return token["id"]


def kind_of(out):
    """Return what an output is, in the words of the page."""
    if not out:
        return "nothing"
    try:
        document = json.loads(out)
    except ValueError:
        if re.match(r"id +name *\n-+", out):
            return "names"
        return "ids" if all(re.fullmatch(r"[\w-]{6,}", line) for line in out.splitlines()) else "text"
    if isinstance(document, list):
        return "list" if all(isinstance(each, dict) for each in document) else "ids"
    return "page" if {"data", "links"} <= document.keys() else "document"


@pytest.mark.parametrize("row", ROWS, ids=[row["line"] for row in ROWS])
def test_a_row_of_the_page_gives_what_it_says(row, run):
    ended = run(row["line"])
    assert "Traceback" not in ended.err
    assert not any(secret in ended.out + ended.err for secret in SECRETS)
    assert ended.code == CODES.get(row["gives"], 0), ended.err
    if row["gives"] in CODES:
        assert ended.out == ""
        assert row["reason"].strip("`") in ended.err
        said = [line for line in ended.err.splitlines() if not line.startswith(("> ", "< "))]  # but for --verbose
        assert len(said) <= 4
    else:
        assert kind_of(ended.out) == row["gives"], ended.out


def test_the_page_has_all_the_forms():
    """A row that the pattern does not read would not be run."""
    text = PAGE.read_text(encoding="utf-8")
    assert len(ROWS) == text.count("\n| `qlik ")
    assert len({row["line"] for row in ROWS}) > 150
