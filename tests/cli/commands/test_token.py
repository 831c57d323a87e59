"""The bridge: a token for a pipe, for a program, or in a qlik-cli context; nowhere else."""

import functools
import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fixtures.canaries import find_canaries, find_canaries_in_files
from fixtures.cli_terminal import PROGRAM
from fixtures.malicious_tenant import TOKEN, malicious_tenant
from fixtures.support import made_client, wait_for

import qlik_keys as qk

CONTEXTS = """\
# my contexts
current-context: mine
contexts:
    mine:   # the one I use
        server: https://acme.eu.qlikcloud.com
        headers:
            Authorization: Bearer not-a-real-key
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
    """Run `qlik-keys token` without a login to the tenant: the private key is all there is."""
    return lambda *words, **more: qlik_keys("token", "--client", "bridged", *words, QLIK_API_KEY=None, **more)


@pytest.fixture
def tenant_of(box, store, made):
    """Make a tenant that answers as a test wants, for the same client."""
    return functools.partial(malicious_tenant, box, store, made)


def subject_of(token, box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(token)) as tenant:
        return tenant.users.me().subject


WRONG = [
    ([], 2, "Choose where the token goes"),
    (["--stdout", "--exec"], 2, "Choose where the token goes"),
    (["--exec"], 2, "Name the program"),
    (["--stdout", "--", "ls"], 2, "A program can be given only with --exec"),
    (["--exec", "--", "no-such-program"], 127, "cannot be run"),
    (["--exec", "--", "/"], 126, "cannot be run"),
    (["--stdout", "--scope", "admin_classic"], 1, "scope"),
]


@pytest.mark.parametrize(("words", "code", "told"), WRONG)
def test_it_goes_nowhere_unless_it_is_said_where(words, code, told, bridge):
    ended = bridge(*words)
    assert (ended.code, ended.out, told in ended.err) == (code, "", True), ended.err


def test_down_a_pipe(bridge, box, made):
    ended = bridge("--stdout")
    token = ended.out.strip()
    assert find_canaries(ended.err, [token.partition(".")[2]]) == []
    assert subject_of(token, box) == f"qlikbot\\{made.client_id}"
    assert "scope apps:read." in bridge("--stdout", "--scope", "apps:read").err


def test_to_a_program_by_environment_and_by_a_context_that_is_gone_afterwards(bridge, box, made, tmp_path):
    code = (
        "import os, sys, json, pathlib, stat, yaml\n"
        "path = pathlib.Path(os.environ['QLIK_CLI_USER_HOME_DIR'], '.qlik', 'contexts.yml')\n"
        "document = yaml.safe_load(path.read_text())\n"
        "entry = document['contexts'][document['current-context']]\n"
        "same = entry['headers']['Authorization'] == 'Bearer ' + os.environ['QLIK_API_KEY']\n"
        "seen = [pathlib.Path('/proc', str(each), 'cmdline').read_text() for each in (os.getppid(), os.getpid())]\n"
        "quiet = os.environ['QLIK_API_KEY'] not in ''.join(seen)\n"
        "mode = oct(stat.S_IMODE(path.stat().st_mode))\n"
        "print(json.dumps([str(path), [mode, entry['server'], same, quiet], dict(os.environ)]))\n"
        "sys.exit(7)"
    )
    canaries = {"QLIK_CLIENT_SECRET": "canary-of-a-client-secret", "QLIK_CLIENT_ID": "canary-of-a-client-id"}
    ended = bridge("--exec", "--", sys.executable, "-c", code, **canaries)
    path, seen, environment = json.loads(ended.out)
    assert (ended.code, seen) == (7, ["0o600", box.tenant_url, True, True])
    assert not Path(path).exists()
    # It gets no login but the token.
    assert environment.keys() & {"VAULT_TOKEN", *canaries} == set()
    assert find_canaries(ended.out + ended.err, [*canaries.values(), box.vault_token]) == []
    assert (
        find_canaries_in_files(tmp_path, {"token": environment["QLIK_API_KEY"], "Vault token": box.vault_token}) == {}
    )
    assert subject_of(environment["QLIK_API_KEY"], box) == f"qlikbot\\{made.client_id}"
    # The program is qlik-keys here: it calls as the client, by environment and by context.
    for words in (("user", "me"), ("user", "me", "--context", "qlik-keys")):
        asked = bridge("--exec", "--", *PROGRAM, *words)
        assert json.loads(asked.out)["subject"] == f"qlikbot\\{made.client_id}", asked.err


@pytest.fixture
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture
def begin(settings, made, temporary):
    """Begin to run a program with a token; it is ended with the test."""
    started = []

    def begin(*program, **options):
        environment = {name: text for name, text in settings.items() if name != "QLIK_API_KEY"}
        environment |= {"TMPDIR": str(temporary)}
        words = [*PROGRAM, "token", "--client", "bridged", "--exec", "--", *program]
        # Under nohup the tests ignore one of these, and children inherit that.
        options = {"preexec_fn": lambda: [signal.signal(number, signal.SIG_DFL) for number in ENDINGS], **options}
        started.append(subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, **options))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait(30)
        process.stderr.close()


SLEEPER = [sys.executable, "-c", "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"]
# Windows has but the first, and imports this file even if it runs nothing of it.
ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
def test_a_program_that_is_ended_leaves_no_token_behind(number, begin, temporary, tmp_path):
    process = begin(*SLEEPER, str(tmp_path / "runs"))
    wait_for((tmp_path / "runs").exists, "it does not run")
    assert [*temporary.rglob("contexts.yml")]
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert [*temporary.iterdir()] == []


def test_interrupted_before_the_program_runs_it_leaves_no_token_behind(begin, temporary, tmp_path):
    process = begin(*SLEEPER, str(tmp_path / "runs"))
    wait_for(lambda: [*temporary.iterdir()], "no folder")
    process.send_signal(signal.SIGINT)
    wait_for(lambda: process.poll() is not None or (tmp_path / "runs").exists(), "it does neither")
    process.send_signal(signal.SIGTERM)  # an interrupt is the program's, once it runs
    assert process.wait(30) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert [*temporary.iterdir()] == []


def test_what_is_told_to_outlive_its_terminal_does(begin, tmp_path):
    process = begin(*SLEEPER, str(tmp_path / "runs"), preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for((tmp_path / "runs").exists, "it does not run")
    for number in (signal.SIGHUP, signal.SIGTERM):
        process.send_signal(number)
    assert process.wait(30) == 128 + signal.SIGTERM


def test_what_was_killed_is_swept_by_the_next_and_what_runs_is_not(begin, bridge, temporary, tmp_path):
    killed = begin(*SLEEPER, str(tmp_path / "killed"))
    wait_for((tmp_path / "killed").exists, "it does not run")
    left = {*temporary.iterdir()}
    living = begin(*SLEEPER, str(tmp_path / "living"))
    wait_for((tmp_path / "living").exists, "it does not run")
    used = {*temporary.iterdir()} - left
    assert len(left) == len(used) == 1
    killed.kill()
    killed.wait(30)
    (temporary / "qlik-keys-exec-empty").mkdir()  # of a command that has just started
    assert bridge("--exec", "--", "true", TMPDIR=str(temporary)).code == 0
    assert {*temporary.iterdir()} == used | {temporary / "qlik-keys-exec-empty"}
    assert [*temporary.rglob("contexts.yml")]
    living.terminate()
    assert living.wait(30) == 128 + signal.SIGTERM


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


def test_a_life_is_told_in_two_units_or_as_unknown(bridge, tenant_of, tmp_path):
    for seconds, told in (
        (5400, "1 hour 30 minutes,"),
        (108_000, "1 day 6 hours,"),
        (1, "1 second,"),
        (0, "0 seconds,"),
    ):
        with tenant_of({"expires_in": seconds}) as tenant:
            assert f"that is valid for {told} until 20" in bridge("--stdout", QLIK_TENANT_URL=tenant.url).err
    with tenant_of({"scope": ""}) as tenant:
        ended = bridge("--context", "nightly", QLIK_TENANT_URL=tenant.url)
    assert "whose lifetime the tenant does not report" in ended.err
    assert "scope not told." in ended.err
    file = tmp_path / ".qlik" / "contexts.yml"
    [(name, entry)] = yaml.safe_load(file.read_text())["contexts"].items()
    assert (name, "end unknown" in entry["comment"], stat.S_IMODE(file.stat().st_mode)) == ("nightly", True, 0o600)


@pytest.fixture
def file(tmp_path):
    """A file of contexts that has others."""
    (tmp_path / ".qlik").mkdir()
    file = tmp_path / ".qlik" / "contexts.yml"
    file.write_text(CONTEXTS)
    file.chmod(0o644)
    return file


def test_a_context_is_added_and_everything_else_stays(bridge, made, file, qlik_keys):
    tokens = []
    for _ in range(2):  # it is renewed under its own name
        ended = bridge("--context", "nightly")
        assert (ended.code, ended.out) == (0, "")
        assert "is valid for 6 hours, until 20" in ended.err
        assert "qlik --context nightly user me" in ended.err
        assert file.read_text().startswith(CONTEXTS)
        entry = yaml.safe_load(file.read_text())["contexts"]["nightly"]
        tokens.append(entry["headers"]["Authorization"].removeprefix("Bearer "))
        assert find_canaries(ended.err, [tokens[-1].partition(".")[2]]) == []
    assert tokens[0] != tokens[1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    me = qlik_keys("user", "me", "--context", "nightly", QLIK_TENANT_URL=None, QLIK_API_KEY=None)
    assert json.loads(me.out)["subject"] == f"qlikbot\\{made.client_id}"


def test_a_context_of_another_program_is_replaced_only_on_request(bridge, file):
    for name in ("mine", "oauth"):
        ended = bridge("--context", name)
        assert (ended.code, "login would be lost" in ended.err) == (1, True)
    assert file.read_text() == CONTEXTS
    assert bridge("--context", "oauth", "--replace").code == 0
    entry = yaml.safe_load(file.read_text())["contexts"]["oauth"]
    assert (entry["certificates"], "oauth-client-secret" in entry) == (["a", "b"], False)
