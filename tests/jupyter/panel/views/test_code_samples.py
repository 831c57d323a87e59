"""What a request is the same as: the code is run, on the sandbox, and the words are qlik-cli's."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from fixtures.loopback import Loopback, Reply
from fixtures.support import environment_of, made_client

import qlik_keys as qk
from qlik_keys.jupyter.panel.model.answers import body_of, headers_of, login_words, request_of
from qlik_keys.jupyter.panel.model.forms import CallForm, TokenForm
from qlik_keys.jupyter.panel.model.shown import ShownRequest
from qlik_keys.jupyter.panel.views.code_samples import samples_of_call, samples_of_request
from qlik_keys.keystore.base import ClientRecord, KeyOwner

ID = "0123456789abcdef0123456789abcdef"
CLIENTS = "/api/v1/oauth-clients"
ONE = f"{CLIENTS}/{ID}"


def request(method, address, *, body="", system="tenant"):
    return ShownRequest(
        system=system, method=method, path=address, address=address, body=body, status=200, milliseconds=1.0
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("GET /api/v1/users/me", "user me"),
        (f"GET {CLIENTS}?limit=100", "oauth-client ls --limit=100"),
        (
            f"GET {CLIENTS}?filter=clientName+eq+%22a%27b%22",
            "oauth-client ls '--filter=clientName eq \"a'\"'\"'b\"'",
        ),
        (f"GET {ONE}", f"oauth-client get {ID}"),
        (f"DELETE {ONE}", f"oauth-client rm {ID} --headers=QLIK-CONFIRM-DELETE={ID}"),
        (f"POST {ONE}/actions/publish", f"oauth-client publish {ID}"),
        (f"POST {ONE}/client-secrets", f"oauth-client client-secret create --oauth-clientId {ID}"),
        (f"DELETE {ONE}/client-secrets/a%20b", f"oauth-client client-secret rm 'a b' --oauth-clientId {ID}"),
        (f"PATCH {ONE} []", f"raw patch v1/oauth-clients/{ID} --body '[]'"),
        (f'PUT /api/v1/x "{"x" * 2000}"', "raw put v1/x --body-file body.json"),
        ("GET /api/v1/items?sort=-x&limit=1", "raw get v1/items --query sort=-x --query limit=1"),
        # What its commands have no flag for, or no flag without a value, goes by `raw`.
        ("GET /api/v1/users/me?fields=x", "raw get v1/users/me --query fields=x"),
        (f"GET {CLIENTS}?next=ab", "raw get v1/oauth-clients --query next=ab"),
        (f"GET {CLIENTS}?filter=", "raw get v1/oauth-clients --query filter="),
        (f"GET {CLIENTS}?sort=a&sort=b", "raw get v1/oauth-clients --query sort=a --query sort=b"),
        ("GET /api/foo/bar", "raw get /api/foo/bar"),
        ("GET /api/v1/items?next=a%2525b", "raw get v1/items --query next=a%2525b"),
        ("GET /api/v1/items?name=50%25", "raw get v1/items --query name=50%"),
        ("GET /api/v1/items?f=a%2Cb%3Dc", "raw get v1/items --query '\"f=a,b=c\"'"),
        (f"DELETE {ONE}/?x=1", f"raw delete v1/oauth-clients/{ID}/ --query x=1"),
    ],
)
def test_the_words_of_qlik_cli(asked, words):
    method, address, *body = asked.split(" ", 2)
    samples = samples_of_request(request(method, address, body="".join(body)), by_client=False)
    assert dict(samples)["qlik-cli"] == f"qlik {words}"


@pytest.fixture
def shell(box, tmp_path):
    """Run a script as a user who has copied it, with `qlik-keys`, and a `qlik` that prints its arguments."""
    programs = tmp_path / "bin"
    programs.mkdir()
    python = f"import sys; sys.path[:0] = {sys.path!r}; from qlik_keys.cli import main; main()"
    (programs / "qlik-keys").write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-c", python])} "$@"\n')
    (programs / "qlik").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    for program in programs.iterdir():
        program.chmod(0o700)
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 120}
    options["env"] = {**environment_of(box), "PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}

    def run(script):
        ended = subprocess.run(["/bin/sh", "-ec", script], check=False, **options)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    run.folder = tmp_path
    return run


TYPED = [
    ("GET", "v1/items/a b/é日/[1]/{id}/it's $HOME `id`!x", ""),
    ("GET", "v1/items/a%20b%2Fc/100%", ""),
    ("GET", 'v1/items?name[]=x&q={y}&e=&f=a,b=c&s=a+b&p=100%25&n=name eq "x=y"', ""),
    ("GET", 'v1/items?f=say "x", b=c&g=\'h,i=j', ""),
    ("GET", "/api/foo/bar", ""),
    ("POST", "v1/x", '{"a": "it\'s \\"q\\" $HOME `id` !x \\\\ \\n \U0001f600 \\u2028 \\u0000"}'),
    ("POST", "v1/x", '{"a": "half \\ud800", "n": 12345678901234567890123, "f": 1.50}'),
    ("POST", "v1/x", "[" * 300 + "]" * 300),
    ("PUT", "v1/x", "null"),
    ("PATCH", "v1/x", '"@/etc/passwd"'),
    ("DELETE", f"v1/oauth-clients/{ID}/?x=1", '{"ids": [1]}'),
    ("POST", "v1/x", json.dumps({"t": "x'$!" * 900, "half": "\ud800"})),
]


@contextlib.contextmanager
def a_key_for(box, tenant_url):
    """Have a key in the Vault for the client `ID` of a tenant that knows nothing of it."""
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store:
        host = urlsplit(tenant_url).netloc
        key = replace(store.make_key(qk.KeySpec("ES384"), KeyOwner(host, "typed")), state="current")
        names = {"tenant_host": host, "client_id": ID, "client_name": "typed", "token_url": f"{tenant_url}/oauth/token"}
        store.write(ClientRecord(**names, custody="kv", keys={key.kid: key}, rotate_by=None))
        yield
        store.delete(host, ID)


def told(calls):
    """What a tenant reads of calls: it decodes paths, queries and bodies."""
    read = []
    for call in calls:
        path, _, query = call.target.partition("?")
        headers = {name.lower(): value for name, value in call.headers.items()}
        body = json.loads(call.body) if call.body else "none"
        confirmed = headers.get("qlik-confirm-delete")
        read.append((call.method, path, parse_qsl(query, keep_blank_values=True), body, confirmed))
    return read


@pytest.mark.openbao
@pytest.mark.parametrize("way", ["curl", "qlik-keys", "Python"])
def test_a_copied_call_sends_what_was_typed(box, shell, way):
    granted = json.dumps({"access_token": "token-of-the-client", "token_type": "bearer", "expires_in": 600}).encode()

    def answer(call):
        return Reply(200, granted if call.path == "/oauth/token" else b"{}", {"content-type": "application/json"})

    with Loopback(answer) as elsewhere, a_key_for(box, elsewhere.url):
        tenant = qk.QlikTenant(elsewhere.url, credential=qk.ApiKey("key-0123456789"))
        # Only Python gets its token itself; the others are told.
        login, codes = ("--client", ID) if way == "Python" else (), []
        for method, path, body in TYPED:
            form = CallForm(method=method, path=path, body=body, confirm=ID)
            call = request_of(form, tenant.url)
            tenant.raw(call.method, call.address, body=body_of(call), headers=headers_of(call))
            if len(body) > 2000:
                (shell.folder / "body.json").write_text(body)
            codes.append(dict(samples_of_call(call, login=login, tenant_url=tenant.url))[way])
        tenant.close()
        typed = told(elsewhere.calls)
        assert [(method, body if body != "none" else "") for method, _, _, body, _ in typed] == [
            (method, json.loads(body) if body else "") for method, _, body in TYPED
        ]
        assert typed[0][1].startswith("/api/v1/items/a%20b/")
        assert typed[1][1] == "/api/v1/items/a%20b%2Fc/100%25"
        elsewhere.calls.clear()
        script = "\n".join(codes)
        if way == "Python":
            (shell.folder / "calls.py").write_text(script)
            script = f"{sys.executable} calls.py"
        shell(f"export QLIK_TENANT_URL={elsewhere.url} TOKEN=key-0123456789\n{script}")
        assert told([call for call in elsewhere.calls if call.path != "/oauth/token"]) == typed


@pytest.mark.openbao
def test_a_copied_call_logs_in_as_the_same_user_with_the_same_scopes(box, shell):
    ada = box.add_user("Ada Copied", "sandbox\\ada-copied")
    name, scopes = "it's the $ame", ["user_default", "apps:read"]
    with made_client(box, name, impersonation=True, scopes=scopes) as made:
        form = TokenForm(
            client_id=made.client_id, scopes=("apps:read",), user_field="subject", user_value="sandbox\\ada-copied"
        )
        by_id = replace(form, user_field="userId", user_value=ada.user_id)
        assert login_words(by_id, "c")[-2:] == ("--as-user", ada.user_id)
        login = login_words(form, made.name)
        samples = dict(samples_of_call(request("GET", "/api/v1/users/me"), login=login, tenant_url=box.tenant_url))
        first = samples["First, once in your shell"]
        assert "--scope apps:read" in first
        for way in ("curl", "qlik-keys"):
            assert json.loads(shell(f"{first}\n{samples[way]}"))["name"] == "Ada Copied"
        call = request("POST", "/api/v1/items?name=a+b", body='{"a": "it\'s"}')
        by_qlik_cli = dict(samples_of_call(call, login=login, tenant_url=box.tenant_url))["qlik-cli"]
        told = ["raw", "post", "v1/items", "--query", "name=a b", "--body", '{"a": "it\'s"}']
        assert shell(by_qlik_cli).splitlines() == told


def test_no_way_has_a_token_in_it():
    call = request("GET", "/api/v1/users/me")
    samples = samples_of_call(call, login=("--client", "c"), tenant_url="https://acme.eu.qlikcloud.com")
    assert [title for title, _ in samples] == ["First, once in your shell", "curl", "qlik-keys", "qlik-cli", "Python"]
    code = "\n".join(code for _, code in samples)
    assert "${TOKEN:?" in code
    assert "PrivateKeyJwtAuth(source)" in code
    assert re.search(r"\beyJ", code) is None


@pytest.mark.openbao
@pytest.mark.parametrize("program", ["sh", "bash"])
def test_what_is_copied_stops_where_something_is_missing(shell, program):
    """In each plain shell, as it is pasted and without `set -e`: no call with an empty token, none without its body."""
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")
    with Loopback(lambda _: Reply(200, b"{}")) as elsewhere:
        call = request("POST", "/api/v1/x", body=json.dumps("x" * 3000))
        samples = dict(samples_of_call(call, login=("--client", "no-such-client"), tenant_url=elsewhere.url))
        first = samples["First, once in your shell, next to the file body.json"]
        step = dict(samples_of_request(request("GET", "/api/v1/users/me"), by_client=False))["curl"]
        vault = dict(samples_of_request(request("POST", "/v1/secret/data/x", system="vault"), by_client=False))
        token = dict(samples_of_request(request("POST", "/oauth/token"), by_client=True))["curl"]
        begin = f"export QLIK_TENANT_URL={elsewhere.url} VAULT_ADDR={elsewhere.url}"
        for script, missing in {
            # There is no program of that name; there is no client of that name.
            f"export PATH=/usr/bin:/bin\n{first}\n{samples['curl']}": "run the first part first",
            f"export TOKEN=of-another-client\n{first}\n{samples['curl']}": "run the first part first",
            f"{begin} TOKEN=x\n{samples['curl']}": "body.json",
            f"{begin} QLIK_API_KEY=\n{step}": "an API key of an administrator",
            f"unset QLIK_TENANT_URL\n{step}": "the address of the tenant",
            f"{begin} CLIENT_ID=x\n{token}": "a JWT that the key of the client signs",
            f"{begin} VAULT_TOKEN=\ntouch document.json\n{vault['curl']}; rm -f document.json": "a token of the Vault",
            f"{begin}\n{vault['curl']}": "document.json",
            f"{begin}\n{vault['vault or bao']}": "document.json",
        }.items():
            if missing == "run the first part first":
                (shell.folder / "body.json").write_text("{}")
            told = shell(f"{program} -c {shlex.quote(script)} 2>&1 || echo; echo failed: $?; rm -f *.json")
            assert missing in told, script
        # A refused token has the tenant asked for its other host names; that needs neither a token nor a body.
        assert {call.target for call in elsewhere.calls} <= {"/.well-known/oauth-authorization-server"}
