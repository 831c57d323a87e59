"""Completion in a real bash, by the script that the program itself prints; for other shells, what they are told.

A client's name is another user's text: what is offered is one word on the line, and runs nothing.
"""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.canaries import find_canaries
from fixtures.support import made_client, write_contexts

import qlik_keys as qk

pytestmark = pytest.mark.openbao
SCRIPT = """
. "$SCRIPT" || exit 9
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=()
_qlik_keys_completion qlik-keys
"""
PRINTED = """printf '%s\\n' "${{COMPREPLY[@]}}"\n"""
# The one offer is put on a line, and the line is run, as Tab and Enter do.
RUN = """eval "qlik-keys user me -q --client ${{COMPREPLY[0]}}"\n"""
WITH_BLANKS, DOLLAR, BACKTICK = "blanks in  it", "dollar $(touch pwned)", "back`touch pwned`tick"
QUOTES, DASH = "quo'te \"s", "--dash"


@pytest.fixture(scope="module")
def box():
    """A sandbox of its own: every client of its Vault is offered, and the first hundred alone."""
    with qk.sandbox.start() as started:
        yield started


@pytest.fixture(scope="module")
def made(box):
    with contextlib.ExitStack() as stack:
        for name in (WITH_BLANKS, DOLLAR, BACKTICK, QUOTES, DASH, "colon:ed"):
            stack.enter_context(made_client(box, name))
        yield stack.enter_context(made_client(box, "completed"))


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """What the program prints for a bash; each case needs it, and it is always the same."""
    folder = tmp_path_factory.mktemp("script")
    environment = {"HOME": str(folder), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    command = ["bash", "--norc", "-c", "qlik-keys completion bash > script"]
    subprocess.run(command, env=environment, cwd=folder, timeout=60, check=True)
    return folder / "script"


@pytest.fixture
def in_bash(settings, tmp_path, script):
    environment = {**settings, "PATH": f"{Path(sys.executable).parent}:{settings['PATH']}", "SCRIPT": str(script)}

    def run(words, then=PRINTED, **more):
        command, there = ["bash", "--norc", "-c", (SCRIPT + then).format(words=words)], {**environment, **more}
        done = subprocess.run(command, env=there, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        assert not (tmp_path / "pwned").exists()
        return done

    return run


@pytest.mark.parametrize(
    ("words", "some", "none"),
    [
        ("qlik-keys ''", {"demo", "provision", "raw", "doctor"}, set()),
        ("qlik-keys user me --context p", {"practice"}, {"elsewhere"}),
        ("qlik-keys context use ''", {"practice", "elsewhere"}, set()),
        ("qlik-keys user me --client '=' comp", {"completed"}, {"--client=completed"}),
        ("qlik-keys oauth-client get --", {"--context", "--help"}, {"--insecure"}),
        ("qlik-keys user me --client dollar", {f"'{DOLLAR}'"}, {DOLLAR}),
        ("qlik-keys user me --client quo", {"""'quo'"'"'te "s'"""}, set()),
        ("qlik-keys user me --client '\"bla'", {f'"{WITH_BLANKS}"'}, set()),
        ("qlik-keys user me --client '\"dollar'", set(), {DOLLAR, f'"{DOLLAR}"', f"'{DOLLAR}'"}),
        ("qlik-keys rotate ''", {"completed", "colon:ed"}, {DASH}),
        ("qlik-keys --context practice us", {"user"}, {"raw"}),
    ],
)
@pytest.mark.usefixtures("made")
def test_in_bash(words, some, none, in_bash, box, tmp_path):  # noqa: PLR0917  # fixtures
    write_contexts(tmp_path, box)
    done = in_bash(words)
    found = {*done.stdout.splitlines()}
    assert some <= found
    assert not none & found
    assert find_canaries(done.stdout + done.stderr, [box.api_key, box.vault_token]) == []


@pytest.mark.parametrize("beginning", ["bla", "dollar", "back", "quo", "\\'dollar"])
@pytest.mark.usefixtures("made")
def test_what_bash_puts_on_the_line_is_that_client_and_runs_nothing(beginning, in_bash):
    assert re.fullmatch("[0-9a-f]{24}\n", in_bash(f"qlik-keys user me --client {beginning}", RUN).stdout)


@pytest.mark.usefixtures("made")
def test_the_place_that_was_typed_before_counts(in_bash, box, tmp_path):
    write_contexts(tmp_path, box)
    nowhere = {"QLIK_TENANT_URL": "https://elsewhere.eu.qlikcloud.com"}
    for place in ("", f"-s {box.tenant_url}", "--context practice"):
        done = in_bash(f"qlik-keys user me {place} --client comp", **nowhere)
        assert done.stdout.splitlines() == (["completed"] if place else [""])


def asked(qlik_keys, shell, line, **more):
    ended = qlik_keys(_QLIK_KEYS_COMPLETE=f"complete_{shell}", _TYPER_COMPLETE_ARGS=line, **more)
    assert ended.err == ""
    return ended


@pytest.mark.usefixtures("made")
def test_zsh_evaluates_nothing_of_another_user_fish_quotes_by_itself_and_powershell_does_not(qlik_keys):
    line, more = "qlik-keys user me --client ", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    told = asked(qlik_keys, "zsh", line).out
    assert told.startswith("_arguments '*: :((")
    assert '"completed"' in told
    assert '"colon\\\\:ed"' in told
    inside = told.strip().removeprefix("_arguments '*: :((").removesuffix("))'")
    assert not {*"$`'"} & {*inside}
    assert [name for name in ("blanks", "dollar", "back", "quo", "dash") if name in told] == []
    assert '"--client=completed"' in asked(qlik_keys, "zsh", "qlik-keys user me --client=com").out
    assert '"raw":"Call any path of the tenant' in asked(qlik_keys, "zsh", "qlik-keys ra").out
    assert asked(qlik_keys, "zsh", "qlik-keys user me --client 'no such").out == "_files\n"
    assert {"completed", WITH_BLANKS, DOLLAR} <= {*asked(qlik_keys, "fish", line, **more).out.splitlines()}
    for typed, code in ((line, 0), ("qlik-keys raw get v1", 1)):
        assert asked(qlik_keys, "fish", typed, _TYPER_COMPLETE_FISH_ACTION="is-args").code == code
    told = asked(qlik_keys, "powershell", line).out.splitlines()
    assert {each.partition(":::")[0] for each in told} == {"completed", "colon:ed"}
