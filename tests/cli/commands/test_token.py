"""The bridge: a token for a pipe, for a program, or in a qlik-cli context; nowhere else."""

from __future__ import annotations

import functools
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
from fixtures.canaries import find_canaries
from fixtures.cli_terminal import PROGRAM
from fixtures.malicious_tenant import TOKEN, malicious_tenant
from fixtures.support import made_client

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


@pytest.fixture
def tenant_of(box, store, made):
    """Make a tenant that answers as a test wants, for the same client."""
    return functools.partial(malicious_tenant, box, store, made)


def subject_of(token, box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(token)) as tenant:
        return tenant.users.me().subject


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "Choose where the token goes"),
        (["--stdout", "--exec"], 2, "Choose where the token goes"),
        (["--stdout", "--context", "x"], 2, "Choose where the token goes"),
        (["--exec"], 2, "Name the program"),
        (["--stdout", "--", "ls"], 2, "A program can be given only with --exec"),
        (["--exec", "--", "no-such-program"], 127, "cannot be run"),
        (["--exec", "--", "/"], 126, "cannot be run"),
        (["--context", ""], 2, "the value is empty"),
        (["--stdout", "--as-user", ""], 2, "the value is empty"),
        (["--stdout", "--as-subject", " "], 2, "the value is empty"),
        (["--stdout", "--scope", ""], 2, "the value is empty"),
        (["--stdout", "-s", ""], 2, "the value is empty"),
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
    assert "that is valid for 6 hours, until 20" in ended.err
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
        "quiet = os.environ['QLIK_API_KEY'] not in argv\n"
        "print(json.dumps([str(path), oct(stat.S_IMODE(path.stat().st_mode)), entry['server'], same, quiet]))\n"
        "sys.exit(7)"
    )
    ended = bridge("--exec", "--", sys.executable, "-c", code)
    path, mode, server, same, quiet = json.loads(ended.out)
    assert (ended.code, mode, server, same, quiet) == (7, "0o600", box.tenant_url, True, True)
    assert not Path(path).exists()
    # The program is ours here: it asks as whom it was let in, by environment and by context.
    for words in (("user", "me"), ("user", "me", "--context", "qlik-keys")):
        asked = bridge("--exec", "--", *PROGRAM, *words)
        assert json.loads(asked.out)["subject"] == f"qlikbot\\{made.client_id}", asked.err


def test_a_program_gets_no_login_but_the_token(qlik_keys, made, box):
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    canaries = {"QLIK_CLIENT_SECRET": "canary-of-a-client-secret", "QLIK_CLIENT_ID": "canary-of-a-client-id"}
    words = ["--client", "bridged", "--exec", "--", sys.executable, "-c", code]
    ended = qlik_keys("token", *words, QLIK_API_KEY=None, **canaries)
    environment = json.loads(ended.out)
    assert environment.keys() & {"VAULT_TOKEN", *canaries} == set()
    assert find_canaries(ended.out, [*canaries.values(), box.vault_token]) == []
    api_key = json.loads(qlik_keys("token", *words, QLIK_API_KEY="canary-of-an-api-key").out)["QLIK_API_KEY"]
    assert subject_of(api_key, box) == f"qlikbot\\{made.client_id}"


@pytest.fixture
def temporary(tmp_path):
    """A folder for temporary files in which nothing else is."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def begin(settings, made, temporary):
    """Begin to run a program with a token; it is ended with the test."""
    started = []

    def begin(*program, **options):
        environment = {name: text for name, text in settings.items() if name != "QLIK_API_KEY"}
        words = ["token", "--client", "bridged", "--exec", "--", *program]
        # Whoever runs the tests under nohup ignores one of these, and children inherit that.
        options = {"preexec_fn": lambda: [signal.signal(number, signal.SIG_DFL) for number in ENDINGS], **options}
        process = subprocess.Popen(
            [*PROGRAM, *words], env={**environment, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE, **options
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait(30)
        process.stderr.close()


def soon(look):
    """Return what is found as soon as there is something."""
    give_up_at = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    return found


SLEEPER = [sys.executable, "-c", "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"]
# Windows has but the first, and imports this file even if it runs nothing of it.
ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
def test_a_program_that_is_ended_leaves_no_token_behind(number, begin, temporary, tmp_path):
    process = begin(*SLEEPER, str(tmp_path / "runs"))
    soon((tmp_path / "runs").exists)
    assert [*temporary.rglob("contexts.yml")]
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert [*temporary.iterdir()] == []


@pytest.mark.parametrize("number", [*ENDINGS, signal.SIGINT], ids=lambda number: number.name)
def test_ended_before_the_program_runs_it_leaves_no_token_behind(number, begin, temporary, tmp_path):
    process = begin(*SLEEPER, str(tmp_path / "runs"))
    soon(lambda: [*temporary.iterdir()])
    process.send_signal(number)
    soon(lambda: process.poll() is not None or (tmp_path / "runs").exists())
    if number == signal.SIGINT:  # that is the program's, once it runs
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) in (128 + number, 128 + signal.SIGTERM)
    assert [*temporary.iterdir()] == []


def test_a_terminal_that_is_closed_leaves_no_token_behind(begin, temporary, tmp_path):
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()

    def take_the_terminal():
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    process = begin(*SLEEPER, str(tmp_path / "runs"), stdin=theirs, stdout=theirs, preexec_fn=take_the_terminal)
    os.close(theirs)
    soon((tmp_path / "runs").exists)
    os.close(ours)
    assert process.wait(30) == 128 + signal.SIGHUP
    assert [*temporary.iterdir()] == []


def test_what_is_told_to_outlive_its_terminal_does(begin, temporary, tmp_path):
    process = begin(*SLEEPER, str(tmp_path / "runs"), preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    soon((tmp_path / "runs").exists)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM


def test_what_was_killed_is_swept_by_the_next_and_what_runs_is_not(begin, bridge, temporary, tmp_path):
    killed = begin(*SLEEPER, str(tmp_path / "killed"))
    soon((tmp_path / "killed").exists)
    left = {*temporary.iterdir()}
    living = begin(*SLEEPER, str(tmp_path / "living"))
    soon((tmp_path / "living").exists)
    used = {*temporary.iterdir()} - left
    assert len(left) == len(used) == 1
    killed.kill()
    killed.wait(30)
    (temporary / "qlik-keys-exec-empty").mkdir()  # of somebody who just begins
    (temporary / "qlik-keys-notes").mkdir()
    assert bridge("--exec", "--", "true", TMPDIR=str(temporary)).code == 0
    assert {path.name for path in temporary.iterdir()} == {
        *(path.name for path in used),
        "qlik-keys-exec-empty",
        "qlik-keys-notes",
    }
    assert [*temporary.rglob("contexts.yml")]
    living.terminate()
    assert living.wait(30) == 128 + signal.SIGTERM


@pytest.mark.parametrize(("where", "told"), [(">/dev/full", "OSError"), (">&-", "it is closed")])
def test_a_closed_pipe_is_reported(where, told, settings, made):
    del settings["QLIK_API_KEY"]
    words = ["token", "--client", "bridged", "--stdout"]
    ended = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {where}', "sh", *PROGRAM, *words],
        env=settings,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, "Traceback" in ended.stderr, "Exception" in ended.stderr) == (1, False, False)
    assert f"cannot be written to standard output ({told})" in ended.stderr


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (5400, "1 hour 30 minutes,"),
        (90, "1 minute 30 seconds,"),
        (3605, "1 hour,"),
        (3600 * 30, "1 day 6 hours,"),
        (1, "1 second,"),
        (0, "0 seconds,"),
    ],
)
def test_a_life_is_told_in_two_units(seconds, told, bridge, tenant_of):
    with tenant_of({"expires_in": seconds}) as tenant:
        assert f"that is valid for {told} until 20" in bridge("--stdout", QLIK_TENANT_URL=tenant.url).err


@pytest.mark.parametrize("words", [["--stdout"], ["--exec", "--", "true"], ["--context", "x"]])
def test_the_tenant_s_words_are_printable_short_and_without_the_token(words, bridge, tenant_of):
    scope = f"user\x1b]0;owned\x07\x9b31m\nline two {TOKEN} {TOKEN.encode().hex()} " + "x" * 9000
    with tenant_of({"scope": scope, "expires_in": 60}) as tenant:
        ended = bridge(*words, QLIK_TENANT_URL=tenant.url)
    assert ended.code == 0
    assert "scope ••• line two" in ended.err
    assert all(line.isprintable() for line in ended.err.splitlines())
    assert len(ended.err) < 1500
    assert find_canaries(ended.err, [TOKEN]) == []
    with tenant_of({"scope": ""}) as tenant:
        assert "scope not told." in bridge(*words, QLIK_TENANT_URL=tenant.url).err


def test_an_unreported_token_lifetime_is_unknown(bridge, tenant_of, tmp_path):
    with tenant_of({}) as tenant:
        ended = bridge("--context", "nightly", QLIK_TENANT_URL=tenant.url)
    assert "whose lifetime the tenant does not report" in ended.err
    entry = yaml.safe_load((tmp_path / ".qlik" / "contexts.yml").read_text())["contexts"]["nightly"]
    assert "end unknown" in entry["comment"]


def test_a_context_is_added_and_everything_else_stays(bridge, box, made, tmp_path, qlik_keys):
    folder = tmp_path / ".qlik"
    folder.mkdir()
    file = folder / "contexts.yml"
    file.write_text(CONTEXTS)
    file.chmod(0o644)
    ended = bridge("--context", "nightly")
    assert (ended.code, ended.out) == (0, "")
    assert "is valid for 6 hours, until 20" in ended.err
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
    assert {path.name for path in folder.iterdir()} == {"contexts.yml", ".contexts.yml.qlik-keys-lock"}


def test_a_context_of_another_program_is_replaced_only_on_request(bridge, tmp_path):
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
    assert {*os.listdir(folder)} == {"contexts.yml", ".contexts.yml.qlik-keys-lock"}  # noqa: PTH208
