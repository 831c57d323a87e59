"""The bridge: a token for a pipe, for a program, or in a qlik-cli context; nowhere else."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from canaries import find_canaries
from cli_terminal import PROGRAM
from support import made_client

import qlik_keys as qk

pytestmark = pytest.mark.openbao
CONTEXTS = """\
# my contexts
current-context: mine
some-new-key: {kept: yes}
contexts:
    mine:   # the one I use
        server: https://acme.eu.qlikcloud.com
        comment: "quoted: 'so'"
        headers:
            Authorization: Bearer not-a-real-key
        unknown: 0012
    oauth:
        server: https://acme.eu.qlikcloud.com
        oauth-client-id: abc
        oauth-client-secret: not-a-real-secret
        certificates: [a, b]
"""


@pytest.fixture(scope="module")
def made(box):
    with made_client(box, "bridged", scopes=["user_default", "apps:read"]) as made:
        yield made


@pytest.fixture
def bridge(qlik_keys, made):
    """Run `qlik-keys token` as somebody who is nobody on the tenant: the private key is all there is."""
    return lambda *words, **more: qlik_keys("token", "--client", "bridged", *words, QLIK_API_KEY=None, **more)


def subject_of(token, box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(token)) as tenant:
        return tenant.users.me().subject


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "Say where the token may go"),
        (["--stdout", "--exec"], 2, "Say where the token may go"),
        (["--stdout", "--context", "x"], 2, "Say where the token may go"),
        (["--exec"], 2, "Name the program"),
        (["--stdout", "--", "ls"], 2, "A program is for --exec"),
        (["--exec", "--", "no-such-program"], 1, "cannot be run"),
        (["--stdout", "--scope", "admin_classic"], 1, "scope"),
        (["--stdout", "--as-user", "x", "--as-subject", "y"], 2, "one user"),
    ],
)
def test_it_goes_nowhere_unless_it_is_said_where(words, code, told, bridge):
    ended = bridge(*words)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err


def test_down_a_pipe(bridge, box, made):
    ended = bridge("--stdout")
    token = ended.out.strip()
    assert "that lives 6 hours, until 20" in ended.err
    assert find_canaries(ended.err, [token.partition(".")[2]]) == []
    assert subject_of(token, box) == f"qlikbot\\{made.client_id}"
    assert "scope apps:read." in bridge("--stdout", "--scope", "apps:read").err


def test_to_a_program_by_environment_and_by_a_context_that_is_gone_afterwards(bridge, box, made):
    code = (
        "import os, sys, json, pathlib, stat, yaml\n"
        "path = pathlib.Path(os.environ['QLIK_CLI_USER_HOME_DIR'], '.qlik', 'contexts.yml')\n"
        "document = yaml.safe_load(path.read_text())\n"
        "entry = document['contexts'][document['current-context']]\n"
        "same = entry['headers']['Authorization'] == 'Bearer ' + os.environ['QLIK_API_KEY']\n"
        "argv = pathlib.Path('/proc', str(os.getppid()), 'cmdline').read_text()\n"
        "quiet = os.environ['QLIK_API_KEY'] not in argv and 'QLIK_CLIENT_SECRET' not in os.environ\n"
        "print(json.dumps([str(path), oct(stat.S_IMODE(path.stat().st_mode)), entry['server'], same, quiet]))\n"
        "sys.exit(7)"
    )
    ended = bridge("--exec", "--", sys.executable, "-c", code, QLIK_CLIENT_SECRET="x" * 40, QLIK_CLIENT_ID="y")
    path, mode, server, same, quiet = json.loads(ended.out)
    assert (ended.code, mode, server, same, quiet) == (7, "0o600", box.tenant_url, True, True)
    assert not Path(path).exists()
    # The program is ours here: it asks as whom it was let in, by environment and by context.
    for words in (("user", "me"), ("user", "me", "--context", "qlik-keys")):
        asked = bridge("--exec", "--", *PROGRAM, *words)
        assert json.loads(asked.out)["subject"] == f"qlikbot\\{made.client_id}", asked.err


def test_a_program_that_is_ended_leaves_no_token_behind(settings, made, tmp_path):
    del settings["QLIK_API_KEY"]
    folder = tmp_path / "temporary"
    folder.mkdir()
    words = ["token", "--client", "bridged", "--exec", "--", sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen([*PROGRAM, *words], env={**settings, "TMPDIR": str(folder)}, stderr=subprocess.DEVNULL)
    give_up_at = time.monotonic() + 30
    while not [*folder.rglob("contexts.yml")] and time.monotonic() < give_up_at:
        time.sleep(0.02)
    assert [*folder.rglob("contexts.yml")]
    time.sleep(0.3)  # until the program runs
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert [*folder.iterdir()] == []


def test_a_context_is_added_and_everything_else_stays(bridge, box, made, tmp_path, qlik_keys):
    folder = tmp_path / ".qlik"
    folder.mkdir()
    file = folder / "contexts.yml"
    file.write_text(CONTEXTS)
    file.chmod(0o644)
    ended = bridge("--context", "nightly")
    assert (ended.code, ended.out) == (0, "")
    assert "lives 6 hours, until 20" in ended.err
    assert "qlik --context nightly user me" in ended.err
    text = file.read_text()
    assert text.startswith(CONTEXTS)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    document = yaml.load(text, yaml.BaseLoader)
    entry = document["contexts"].pop("nightly")
    assert document == yaml.load(CONTEXTS, yaml.BaseLoader)
    token = entry["headers"]["Authorization"].removeprefix("Bearer ")
    assert (entry["server"], subject_of(token, box)) == (box.tenant_url, f"qlikbot\\{made.client_id}")
    assert find_canaries(ended.err, [token.partition(".")[2]]) == []
    # It is renewed under its own name, and used.
    assert bridge("--context", "nightly").code == 0
    renewed = yaml.safe_load(file.read_text())["contexts"]["nightly"]["headers"]["Authorization"]
    assert renewed.removeprefix("Bearer ") != token
    me = qlik_keys("user", "me", "--context", "nightly", QLIK_TENANT_URL=None, QLIK_API_KEY=None)
    assert json.loads(me.out)["subject"] == f"qlikbot\\{made.client_id}"
    assert [path.name for path in folder.iterdir()] == ["contexts.yml"]


def test_somebody_s_own_context_is_replaced_only_when_that_is_said(bridge, tmp_path):
    folder = tmp_path / ".qlik"
    folder.mkdir()
    file = folder / "contexts.yml"
    file.write_text(CONTEXTS)
    for name in ("mine", "oauth"):
        ended = bridge("--context", name)
        assert (ended.code, "login would be lost" in ended.err) == (1, True)
    assert file.read_text() == CONTEXTS
    assert bridge("--context", "oauth", "--replace").code == 0
    document = yaml.load(file.read_text(), yaml.BaseLoader)
    entry = document["contexts"]["oauth"]
    assert entry["certificates"] == ["a", "b"]
    assert "oauth-client-secret" not in entry
    assert document["contexts"]["mine"] == yaml.load(CONTEXTS, yaml.BaseLoader)["contexts"]["mine"]


def test_the_first_context_of_all(bridge, tmp_path):
    assert bridge("--context", "only").code == 0
    file = tmp_path / ".qlik" / "contexts.yml"
    assert [*yaml.safe_load(file.read_text())["contexts"]] == ["only"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    elsewhere = tmp_path / "elsewhere"
    assert bridge("--context", "only", QLIK_CLI_USER_HOME_DIR=str(elsewhere)).code == 0
    assert (elsewhere / ".qlik" / "contexts.yml").exists()


@pytest.mark.parametrize("text", ["contexts: [1, 2]\n", "a: {b: [}\n", "contexts:\n  a: 1\n  a: 2\n", "\x00"])
def test_a_file_that_cannot_be_kept_is_not_touched(text, bridge, tmp_path):
    folder = tmp_path / ".qlik"
    folder.mkdir()
    file = folder / "contexts.yml"
    file.write_text(text)
    ended = bridge("--context", "nightly")
    assert (ended.code, "Traceback" in ended.err) == (1, False)
    assert file.read_text() == text
    assert os.listdir(folder) == ["contexts.yml"]  # noqa: PTH208
