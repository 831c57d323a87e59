"""qlik-cli's words in a shell, on the sandbox: as the administrator, as a context, as a client by its private key."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from canaries import find_canaries
from support import environment_of

import qlik_keys as qk

pytestmark = pytest.mark.openbao


@pytest.fixture(scope="module")
def made(box):
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        made = qk.provision(tenant, store, name="called", scopes=["user_default"])
        yield made
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)


@pytest.fixture
def shell(box, tmp_path, made):
    """Run a command as a person does; QLIK_API_KEY can be taken away."""

    def run(*words, api_key=box.api_key, **more):
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            **environment_of(box),
            **more,
        }
        if not api_key:
            del environment["QLIK_API_KEY"]
        code = "import sys; from qlik_keys.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True, check=False
        )
        assert find_canaries(done.stderr, [box.api_key, box.vault_token]) == []
        return done

    return run


def test_user_me_as_the_administrator_and_as_a_client(shell, made):
    assert json.loads(shell("user", "me").stdout)["name"].startswith("Sandbox administrator")
    for name in ("called", made.client_id):
        done = shell("user", "me", "--client", name, api_key="")
        assert json.loads(done.stdout)["subject"] == f"qlikbot\\{made.client_id}"
    assert shell("user", "me", "-q", "--client", "called").stdout.strip()


def test_raw_get_with_a_query_raw_and_quiet(shell, made):
    words = ("raw", "get", "v1/oauth-clients", "--query", f'filter=clientId eq "{made.client_id}"')
    assert [each["clientId"] for each in json.loads(shell(*words).stdout)["data"]] == [made.client_id]
    assert shell(*words, "-q").stdout == f"{made.client_id}\n"
    as_it_came = shell(*words, "--raw").stdout
    assert json.loads(as_it_came)["data"]
    assert "\n" not in as_it_came


def test_a_client_is_made_patched_and_deleted_raw(shell, tmp_path):
    body = {
        "appType": "web",
        "clientName": "raw",
        "allowedScopes": ["user_default"],
        "allowedGrantTypes": ["client_credentials"],
    }
    body |= {"allowedAuthMethods": ["client_secret"], "redirectUris": []}
    file = tmp_path / "body.json"
    file.write_text(json.dumps(body))
    created = shell("raw", "post", "v1/oauth-clients", "--body-file", str(file))
    client_id = json.loads(created.stdout)["clientId"]
    patch = '[{"op": "add", "path": "/description", "value": "patched"}]'
    assert shell("raw", "patch", f"v1/oauth-clients/{client_id}", "--body", patch).returncode == 0
    assert json.loads(shell("oauth-client", "get", client_id).stdout)["description"] == "patched"
    refused = shell("raw", "delete", f"v1/oauth-clients/{client_id}")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert shell("oauth-client", "get", client_id).returncode == 0  # no way around the confirmation
    gone = shell("raw", "delete", f"v1/oauth-clients/{client_id}", "--headers", f"qlik-confirm-delete={client_id}")
    assert (gone.returncode, gone.stdout) == (0, "")
    missing = shell("oauth-client", "get", client_id, "--json")
    assert missing.returncode == 1
    assert json.loads(missing.stderr)["error"] == "TenantNotFound"


def test_oauth_client_ls(shell, made):
    found = json.loads(shell("oauth-client", "ls", "--filter", 'clientName eq "called"').stdout)
    assert [each["clientId"] for each in found] == [made.client_id]
    assert len(shell("oauth-client", "ls", "-q", "--limit", "1").stdout.split()) == 1


def test_a_context_is_a_caller(shell, box, tmp_path):
    folder = tmp_path / ".qlik"
    folder.mkdir()
    (folder / "contexts.yml").write_text(
        f"contexts:\n  practice:\n    server: {box.tenant_url}\n"
        f"    headers:\n      Authorization: Bearer {box.api_key}\n"
    )
    done = shell("user", "me", "--context", "practice", api_key="", QLIK_TENANT_URL="")
    assert json.loads(done.stdout)["name"].startswith("Sandbox administrator")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["raw", "get", "https://elsewhere.example/api/v1/users/me"], 1, "the credential stays here"),
        (["raw", "get", "v1/../secrets"], 1, "no `..`"),
        (["raw", "get", "v1/users/me", "--query", "limit"], 1, "name=value"),
        (["raw", "post", "v1/oauth-clients", "--body", "{'a': 1}"], 1, "no JSON"),
        (["raw", "get", "v1/nothing"], 1, "404"),
        (["user", "me", "--client", "nobody"], 1, "No client with the name 'nobody'"),
        (["raw", "fetch", "v1/users/me"], 2, "No such command"),
        (["token", "--client", "called"], 2, "Say where the token may go"),
        (["token", "--client", "called", "--stdout", "--exec"], 2, "Say where the token may go"),
        (["token", "--client", "called", "--exec"], 2, "Name the program"),
        (["token", "--client", "called", "--exec", "--", "no-such-program"], 1, "cannot be run"),
    ],
)
def test_what_is_wrong_is_told(shell, words, code, told):
    done = shell(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in " ".join(done.stderr.replace("│", " ").split())


def test_a_token_goes_down_a_pipe(shell, box, made):
    done = shell("token", "--client", "called", "--stdout", api_key="")
    token = done.stdout.strip()
    assert "scope user_default" in done.stderr
    assert token not in done.stderr
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(token)) as tenant:
        assert tenant.users.me().subject == f"qlikbot\\{made.client_id}"


def test_a_program_gets_a_token_by_environment_and_by_a_context_that_is_gone_afterwards(shell, made, box):
    code = (
        "import os, sys, json, pathlib, stat, yaml\n"
        "path = pathlib.Path(os.environ['QLIK_CLI_USER_HOME_DIR'], '.qlik', 'contexts.yml')\n"
        "document = yaml.safe_load(path.read_text())\n"
        "entry = document['contexts'][document['current-context']]\n"
        "same = entry['headers']['Authorization'] == 'Bearer ' + os.environ['QLIK_API_KEY']\n"
        "print(json.dumps([str(path), oct(stat.S_IMODE(path.stat().st_mode)), entry['server'], same]))\n"
        "sys.exit(7)"
    )
    done = shell("token", "--client", "called", "--exec", "--", sys.executable, "-c", code, api_key="")
    path, mode, server, same = json.loads(done.stdout)
    assert (done.returncode, mode, server, same) == (7, "0o600", box.tenant_url, True)
    from pathlib import Path

    assert not Path(path).exists()
    # The program is ours here: it asks as whom it was let in.
    inner = "from qlik_keys.cli import main; main()"
    asked = shell("token", "--client", "called", "--exec", "--", sys.executable, "-c", inner, "user", "me", api_key="")
    assert json.loads(asked.stdout)["subject"] == f"qlikbot\\{made.client_id}"
