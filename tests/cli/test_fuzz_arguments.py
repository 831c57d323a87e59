"""Any command line ends in an answer, in words on how to write it, or in one of our errors; never in another one."""

import contextlib
import io

import pytest
import typer
from fixtures.support import environment_of
from hypothesis import given, settings
from hypothesis import strategies as st

import qlik_keys as qk
from qlik_keys.cli.app import TREE, UsageProblem, app, run
from qlik_keys.errors import QlikKeysError

pytestmark = pytest.mark.openbao
# What starts servers and programs, changes the shell's own files, or waits for a person.
NOT_RUN = {"demo", "sandbox", "lab", "token"}
NOT_SAID = {"--install-completion", "--show-completion", "--exec", "--output-file"}


def vocabulary(command):
    """Yield every word and option of a command and of those below it."""
    for each in command.params:
        if each.param_type_name == "option":
            yield from each.opts
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        if name not in NOT_RUN:
            yield name
            yield from vocabulary(command.get_command(None, name))


VOCABULARY = sorted({*vocabulary(typer.main.get_command(app))} - NOT_SAID)
BEGINNINGS = [name for entries in TREE.values() for name in entries if name not in NOT_RUN]
VALUES = ["0", "-1", "1e9", "a=b", "=", "a=b,c=d", '{"a": 1}', "[", "v1/users/me", "//x", "..", "%2e", "é", "0" * 32]
# No blank in front and nothing to expand: a shell would have removed it.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
words_behind = st.lists(st.sampled_from(VOCABULARY) | st.sampled_from(VALUES) | texts, max_size=6)


@pytest.fixture(scope="module")
def box():
    """A sandbox of its own, which a random line may change."""
    with qk.sandbox.start() as started:
        yield started


@settings(max_examples=80, deadline=None)
@given(first=st.sampled_from(BEGINNINGS), rest=words_behind)
def test_any_command_line(first, rest, box, monkeypatch, tmp_path):
    for name, value in {**environment_of(box), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # some commands write a file
    out, ours = io.StringIO(), contextlib.suppress(QlikKeysError, UsageProblem)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), ours:
        assert isinstance(run([first, *rest], prog_name="qlik-keys"), int)
    assert not any(secret in out.getvalue() for secret in (box.api_key, box.vault_token))
