"""Any command line ends in an answer, in words on how to write it, or in an error of ours; never in another one."""

from __future__ import annotations

import contextlib
import io
import string

import pytest
import typer
from fixtures.support import environment_of
from hypothesis import given, settings
from hypothesis import strategies as st

import qlik_keys as qk
from qlik_keys.cli.app import TREE, UsageProblem, app, run
from qlik_keys.cli.options.inputs import document_of, pairs
from qlik_keys.errors import ConfigurationError, QlikKeysError

pytestmark = pytest.mark.openbao
# What starts servers and programs, changes the shell's own files, or waits for somebody.
NOT_RUN = {"demo", "sandbox", "lab", "token"}
NOT_SAID = {"--install-completion", "--show-completion", "--exec", "--output-file"}


def vocabulary():
    """Return every word and option of the tree."""
    words = set()

    def walk(command):
        words.update(name for each in command.params for name in each.opts if each.param_type_name == "option")
        for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
            if name not in NOT_RUN:
                words.add(name)
                walk(command.get_command(None, name))

    walk(typer.main.get_command(app))
    return sorted(words - NOT_SAID)


VOCABULARY = vocabulary()
BEGINNINGS = [name for entries in TREE.values() for name in entries if name not in NOT_RUN]
# No blank in front and nothing to expand: a shell would have taken it away.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
values = texts | st.sampled_from(
    [
        "0",
        "-1",
        "1e9",
        "a=b",
        "=",
        "a=b,c=d",
        '{"a": 1}',
        "[",
        "v1/users/me",
        "v1/nothing",
        "//x",
        "..",
        "%2e",
        "é",
        "0" * 32,
    ]
)


@pytest.fixture(scope="module")
def box():
    """A sandbox of its own: what a random line does to it is nobody else's surprise."""
    with qk.sandbox.start() as started:
        yield started


lines = st.builds(
    lambda first, rest: [first, *rest],
    st.sampled_from(BEGINNINGS),
    st.lists(st.sampled_from(VOCABULARY) | values, max_size=6),
)


@settings(max_examples=80, deadline=None)
@given(words=lines)
def test_any_command_line(words, box, monkeypatch, tmp_path):
    for name, value in {**environment_of(box), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    out = io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        contextlib.suppress(QlikKeysError, UsageProblem),
    ):
        assert isinstance(run(words, prog_name="qlik-keys"), int)
    for secret in (box.api_key, box.vault_token):
        assert secret not in out.getvalue()


@given(text=texts | st.text(alphabet=string.ascii_letters + '=,"', max_size=20))
def test_any_pair(text):
    with contextlib.suppress(typer.BadParameter):
        assert all(name and name == name.strip() for name, _ in pairs([text], "--query"))


@given(text=st.text() | st.binary().map(repr))
def test_any_body(text, tmp_path_factory):
    file = tmp_path_factory.mktemp("body") / "body.json"
    file.write_text(text, "utf-8", errors="surrogatepass")
    for body, body_file in ((text, None), (None, file)):
        with contextlib.suppress(ConfigurationError):
            document_of(body, body_file)


def test_a_body_that_nests_without_end():
    with pytest.raises(ConfigurationError, match="not JSON"):
        document_of("[" * 100_000, None)
