"""qlik-cli's words leave no secret behind: in a shell (streams, arguments, files), in a notebook (values, history)."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from fixtures.canaries import find_canaries, find_canaries_in_files
from fixtures.cli_here import in_a_pipe_here
from fixtures.cli_terminal import in_a_pipe
from fixtures.support import environment_of

A_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.")  # a listed key may have these three letters by chance


@pytest.fixture
def environment(box, tmp_path):
    where = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    return environment_of(box) | where


FAILING = ("user me --client leaking --retry 0 -v", "raw get v1/users/me --client leaking --retry 0 --json")
REFUSED = (*FAILING, "token --client leaking --stdout --as-user unknown", "doctor --client leaking --json")
WORDS = (
    *("user me --client leaking -v", "user me --client leaking --json", "oauth-client ls -v", "context ls --json"),
    *("raw get v1/oauth-clients --client leaking --query limit=1 -v", "token --client leaking --exec -- true"),
    *("doctor --client leaking", "user me --client unknown -v", "token --client leaking --context x"),
)
FAULTS = {
    "": ({}, WORDS),
    "401": ({"path": "/oauth/token", "fault": 401, "body": "rfc6749"}, REFUSED),
    "lost": ({"path": "/oauth/token", "fault": "lost_answer", "times": 9}, FAILING),
    "500": ({"path": "/api/v1/users/*", "fault": 500, "body": "text", "times": 9}, FAILING),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_secret_is_printed_whatever_happens(fault, environment, leaks, safe):
    fails, commands = FAULTS[fault]
    for place, words in enumerate(commands):
        safe.box.configure(fail_next=[fails] if fails else [])
        is_about_the_process = place == 0 or "--exec" in words
        run = in_a_pipe if is_about_the_process else in_a_pipe_here
        ended = run(words.replace("leaking", safe.name).split(), environment)
        assert find_canaries(ended.out + ended.err, leaks.secrets) == [], words
        assert not A_JWT.search(ended.out + ended.err), words
        assert "Traceback" not in ended.err, words
    safe.box.configure(fail_next=[])


# Some cells fail, in frames that have a secret in reach; `keep` writes the new secret to a file, for the search.
NOTEBOOK = """
%load_ext qlik_keys
%qlik user me --client leaking
%qlik oauth-client ls
%qlik doctor --client leaking
made = %qlik oauth-client create --appType web --clientName leaked --allowedScopes user_default --allowedGrantTypes \
client_credentials --allowedAuthMethods client_secret
open(keep, "w").write(made["clientSecret"].reveal()) and None
made
print(made, made["clientSecret"])
%qlik oauth-client client-secret create --oauth-clientId {made['clientId']}
%qlik oauth-client get {made['clientId']}
import os, qlik_keys as qk
tenant = qk.QlikTenant(os.environ["QLIK_TENANT_URL"], credential=qk.ApiKey(os.environ["QLIK_API_KEY"]))
store = qk.VaultKeyStore(os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
there = next(each for each in tenant.oauth_clients.list() if each.client_name == "leaking")
key = store.read(tenant.host, there.client_id).current.private
key, tenant, store
qk.provision(tenant, store, name="leaking", scopes=["apps"], key=key)
%tb
tenant.with_credential(qk.ClientSecret("0" * 32, made["clientSecret"])).users.me()
%tb
%qlik user me --client unknown
%qlik raw get v1/nothing --client leaking
%tb
%qlik oauth-client rm {made['clientId']} --confirm {made['clientId']}
"""
SHELL = """
from IPython.terminal.interactiveshell import TerminalInteractiveShell
shell = TerminalInteractiveShell.instance()
shell.run_line_magic("xmode", "Verbose")
shell.push({"keep": sys.argv[1]})
for cell in sys.argv[2].split("\\n")[1:-1]:
    shell.run_cell(cell, store_history=True)
shell.history_manager.end_session()
"""


def test_a_notebook_and_its_history_hold_no_secret(environment, leaks, safe, tmp_path):
    """A real IPython with its history on disk, in `%xmode Verbose`."""
    secret = tmp_path / "secret.txt"
    words = [sys.executable, "-c", f"import sys{SHELL}", str(secret), NOTEBOOK.replace("leaking", safe.name)]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=240, check=True)
    leaks.secrets["new secret"] = secret.read_text()
    secret.unlink()
    for word in ("<clientSecret>", safe.name, "ManualActionRequired", "Traceback"):
        assert word in ended.stdout
    assert find_canaries(ended.stdout + ended.stderr, leaks.secrets) == []
    assert [*tmp_path.rglob("history.sqlite")], "there is no history to look through"
    assert find_canaries_in_files(tmp_path, leaks.secrets) == {}
