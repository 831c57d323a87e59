"""qlik-cli's words leave no secret behind: in a shell (streams, arguments, files), in a notebook (values, history)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fixtures.canaries import find_canaries, find_canaries_in_files
from fixtures.cli_terminal import PROGRAM, in_a_pipe
from fixtures.support import environment_of

import qlik_keys as qk

A_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.")  # a listed key may have these three letters by chance
pytestmark = pytest.mark.openbao


@pytest.fixture
def world(box, tmp_path):
    """A client with a key and a secret, the environment of its owner, and all that must be seen nowhere."""
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        made = qk.provision(tenant, store, name="leaking", scopes=["user_default"], client_secret=True)
        key = store.read(tenant.host, made.client_id).current.private
        canaries = {
            "API key": box.api_key,
            "Vault token": box.vault_token,
            "client secret": made.client_secret.reveal(),
            "d": json.loads(key.reveal("jwk"))["d"],
            "PEM": "".join(key.reveal().splitlines()[1:-1]),
        }
        environment = {
            **environment_of(box),
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": ":".join(sys.path),
        }
        yield made, environment, canaries
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)


FAULTS = [
    None,
    {"path": "/oauth/token", "fault": 401},
    {"path": "/oauth/token", "fault": 403, "body": "rfc6749"},
    {"path": "/oauth/token", "fault": "lost_answer", "times": 9},
    {"path": "/api/v1/users/*", "fault": 500, "body": "text", "times": 9},
    {"path": "/api/v1/users/*", "fault": 429, "retry_after": 0, "times": 9},
]
FAILING = ["user me --client leaking --retry 0", "raw get v1/users/me --client leaking --retry 0"]
WITHOUT_RETRY = ["token --client leaking --stdout --as-user nobody", "doctor --client leaking"]
WORDS = [
    "user me --client leaking",
    "raw get v1/oauth-clients --client leaking --query limit=1",
    "oauth-client ls",
    "token --client leaking --exec -- true",
    "doctor --client leaking",
    "user me --client nobody",
    "user me --client leaking --as-user nobody",
    "context ls",
    "token --client leaking --context x",
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_no_secret_is_printed_whatever_happens(fault, world, box):
    _, environment, canaries = world
    for words in WORDS if fault is None else [*FAILING, *(() if fault.get("times") else WITHOUT_RETRY)]:
        for more in ([], ["-v"], ["--json"]):
            if more == ["-v"] and words.startswith(("token", "doctor", "context")):
                continue
            given = words.split()
            place = given.index("--") if "--" in given else len(given)
            box.configure(fail_next=[] if fault is None else [fault])
            ended = in_a_pipe([*given[:place], *more, *given[place:]], environment)
            assert find_canaries(ended.out + ended.err, canaries) == [], words
            assert not A_JWT.search(ended.out + ended.err), words
            assert "Traceback" not in ended.err, words
    box.configure(fail_next=[])


def test_arguments_and_files_hold_no_secret(world, tmp_path):
    _, environment, canaries = world
    folder = tmp_path / "temporary"
    folder.mkdir()
    code = (
        "import os, pathlib, time\n"
        "pathlib.Path(os.environ['OUT']).write_text(os.environ['QLIK_API_KEY'])\n"
        "time.sleep(60)"
    )
    out = tmp_path / "token"
    process = subprocess.Popen(
        [*PROGRAM, "token", "--client", "leaking", "--exec", "--", sys.executable, "-c", code],
        env={**environment, "TMPDIR": str(folder), "OUT": str(out)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    give_up_at = time.monotonic() + 30
    while not (out.exists() and out.read_text()) and time.monotonic() < give_up_at:
        time.sleep(0.02)
    token = out.read_text().partition(".")[2]
    out.unlink()
    seen = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    process.terminate()
    told = b"".join(process.communicate(timeout=30))
    assert len(seen) > 2
    for text in (*seen, told):
        assert find_canaries(text, {**canaries, "token": token}) == []
    assert find_canaries_in_files(tmp_path, {**canaries, "token": token}) == {}
    assert [*folder.iterdir()] == []


NOTEBOOK = """
%load_ext qlik_keys
%qlik user me --client leaking
%qlik oauth-client ls
%qlik doctor --client leaking
made = %qlik oauth-client create --appType web --clientName leaked --allowedScopes user_default --allowedGrantTypes \
client_credentials --allowedAuthMethods client_secret
made
print(made, made["clientSecret"])
%qlik oauth-client client-secret create --oauth-clientId {made['clientId']}
%qlik oauth-client get {made['clientId']}
%qlik user me --client nobody
%qlik raw get v1/nothing --client leaking
%tb
%qlik oauth-client rm {made['clientId']} --confirm {made['clientId']}
"""


def test_a_notebook_and_its_history_hold_no_secret(world, tmp_path):
    """A real IPython with its history on disk, in `%xmode Verbose`; the new secret is told apart, for the search."""
    _, environment, canaries = world
    script = tmp_path / "cells.ipy"
    secret = tmp_path / "secret.txt"
    keep = f"open({str(secret)!r}, 'w').write(made['clientSecret'].reveal()) and None"
    script.write_text(NOTEBOOK.replace("\nmade\n", f"\n{keep}\nmade\n"))
    code = (
        "import io, sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from IPython.terminal.interactiveshell import TerminalInteractiveShell\n"
        "shell = TerminalInteractiveShell.instance()\n"
        "shell.run_line_magic('xmode', 'Verbose')\n"
        f"for cell in open({str(script)!r}).read().split('\\n')[1:-1]:\n"
        "    shell.run_cell(cell, store_history=True)\n"
        "shell.history_manager.end_session()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    new = secret.read_text()
    secret.unlink()
    assert "<clientSecret>" in ended.stdout
    assert "leaking" in ended.stdout
    canaries["new secret"] = new
    assert find_canaries(ended.stdout + ended.stderr, canaries) == []
    history = [*tmp_path.rglob("history.sqlite")]
    assert history, "there is no history to look through"
    assert find_canaries_in_files(tmp_path, canaries) == {}
