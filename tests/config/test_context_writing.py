"""A token's context in qlik-cli's file: whatever the file holds, it is kept, or nothing is written."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from qlik_keys.config.qlik_cli.writing import locked, write_token_context
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError

TOKEN = "canary-of-an-access-token"
SERVER = "https://acme.eu.qlikcloud.com"
FILES = {"contexts.yml", ".contexts.yml.qlik-keys-lock"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ORDINARY = {
    "null": "contexts:\n  a:\n    server: x\n    comment: null\n",
    "nothing is current": "current-context: ~\ncontexts:\n  a:\n    server: x\n",
    "a timestamp": "contexts:\n  a:\n    made: 2024-01-01 10:00:00 +02:00\n    on: 2024-01-01\n",
    "carriage returns": "current-context: a\r\ncontexts:\r\n  a:\r\n    server: x\r\n",
    "a byte order mark": "\ufeffcurrent-context: a\ncontexts:\n  a:\n    server: x\n",
    "a document's begin and end": "---\ncontexts:\n  a: {server: x}\n...\n",
    "blocks of text": "contexts:\n  a:\n    comment: >\n      aaa\n      bbb\n    other: |\n      x\n\nrest: 1\n",
    "a block of text that keeps its end": "contexts:\n  a:\n    other: |+\n      x\n\n\n# end\n",
    "escapes": 'contexts:\n  "\\u00e9":\n    comment: "a\\\n      b\\t\\u00e9"\n    c: 😀\n',
    "no end of the last line": "contexts:\n  a: {server: x}",
    "comments": "# mine\ncontexts: # all\n  # first\n  a:\n    server: x # of a\n  # last\n\nrest: 1\n# end",
    "anchors": "base: &b\n  server: x\ncontexts:\n  a:\n    <<: *b\n  c: &x\n    server: y\n  d: *x\n",
    "a tag": "contexts:\n  a: !!python/object:os.system {server: x}\n",
    "in braces": "{contexts: {a: {server: x}}, rest: [1, 2]}\n",
    "contexts in braces": "contexts: {a: {server: x}}   # mine\nrest: 1\n",
    "in braces without contexts": "{current-context: a}\n",
    "without contexts": "current-context: a\nrest:\n  - 1\n# end\n",
    "contexts of nothing": "contexts: # none\nrest: 1\n",
    "comments alone": "# nothing yet\n",
    "nothing": "",
}


def write(path, name="made", token=TOKEN, **options):
    write_token_context(path, name, server=SERVER, token=Secret(token), comment="qlik-keys: a token", **options)


def test_a_name_that_no_context_should_get_is_refused(tmp_path):
    for name, told in (("", "is empty"), (" made", "a space before"), ("made ", "a space before")):
        with pytest.raises(ConfigurationError, match=told):
            write(tmp_path / "contexts.yml", name)
    assert not list(tmp_path.iterdir())


def is_spliced(old, new):
    """Whether the new text is the old one with one piece put in."""
    pieces = ((old[:at], old[at:]) for at in range(len(old) + 1))
    return len(new) > len(old) and any(new.startswith(before) and new.endswith(behind) for before, behind in pieces)


def read(path):
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words | st.dates() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)
contexts = st.dictionaries(words, st.dictionaries(words, values, max_size=4) | values, max_size=4)
files = st.dictionaries(words, values, max_size=3).flatmap(
    lambda rest: st.builds(lambda named: {**rest, "contexts": named}, contexts)
)


@settings(max_examples=60, deadline=None)
@given(document=files, style=st.booleans(), indent=st.integers(2, 6))
def test_everything_else_is_just_as_it_was(document, style, indent, tmp_path_factory):
    path = tmp_path_factory.mktemp("qlik") / "contexts.yml"
    path.write_text(yaml.safe_dump(document, default_flow_style=style, indent=indent, allow_unicode=True), "utf-8")
    before, text = read(path), path.read_bytes()
    try:
        write(path)
    except ConfigurationError:
        assert path.read_bytes() == text
        return
    after = read(path)
    assert after["contexts"].pop("made")["headers"] == BEARER
    assert after == before | {"contexts": before["contexts"] or {}}
    assert is_spliced(text.replace(b"contexts: {}", b"contexts: "), path.read_bytes())
    assert {*os.listdir(path.parent)} == FILES  # noqa: PTH208


@pytest.mark.parametrize("text", ORDINARY.values(), ids=ORDINARY)
def test_no_letter_of_an_ordinary_file_changes(text, tmp_path):
    path = tmp_path / "contexts.yml"
    path.write_bytes(text.encode())
    write(path)
    before = path.read_bytes()
    assert is_spliced(text.encode(), before)
    entry = {"server": SERVER, "server-type": "cloud", "comment": "qlik-keys: a token", "headers": BEARER}
    assert read(path)["contexts"]["made"] == entry
    assert (b"\r\n" in text.encode()) == (before.count(b"\n") == before.count(b"\r\n"))
    # It is replaced where it stands.
    write(path, token="another-token")
    assert path.read_bytes() == before.replace(TOKEN.encode(), b"another-token")


LONG = "contexts:\n  a:  # me\n    k: 1  # kept\n    server: x\n    # a word\n    oauth-client-id: |\n      z\n"
LINES = f"    server: {SERVER}\n    server-type: cloud\n    comment: 'qlik-keys: a token'\n    headers:\n"
LINES += f"      Authorization: Bearer {TOKEN}\n"
WORDS = f'"server": "{SERVER}", "server-type": "cloud", "comment": "qlik-keys: a token", '
WORDS += f'"headers": {{"Authorization": "Bearer {TOKEN}"}}'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LONG, f"contexts:\n  a:  # me\n{LINES}    k: 1  # kept\n    # a word\n"),
        ("contexts:\n  2024:\n    server: x\n    k: v\n", f"contexts:\n  2024:\n{LINES}    k: v\n"),
        ("contexts:\n  a: {server: x, k: ~}  # mine\nb: 1\n", f"contexts:\n  a: {{{WORDS}, k: ~}}  # mine\nb: 1\n"),
        ("contexts: {a: {k: ~, server: x}}\n", f"contexts: {{a: {{{WORDS}, k: ~}}}}\n"),
        ("contexts: {a: [1, 2], b: 1}\n", f"contexts: {{a:  {{{WORDS}}}, b: 1}}\n"),
        ("contexts:\n  a: text\n  b: 1\n", f"contexts:\n  a:\n{LINES}  b: 1\n"),
        ("contexts:\n  a:\n  - 1\n  - 2\n  b: 1\n", f"contexts:\n  a:\n{LINES}  b: 1\n"),
        ("contexts:\n  a:\n  b: 1\n", f"contexts:\n  a:\n{LINES}  b: 1\n"),
    ],
)
def test_only_the_login_of_a_context_is_replaced(old, new, tmp_path):
    path = tmp_path / "contexts.yml"
    path.write_text(old)
    name = "2024" if "2024" in old else "a"
    with pytest.raises(ConfigurationError, match="login would be lost"):
        write(path, name)
    assert path.read_text() == old
    write(path, name, replace=True)
    assert path.read_text() == new


BILLIONS = "".join(f"  l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]\n" for level in range(1, 14))
MORE = ("oauth-client-secret: t", "oauth-client-id: t", "certificates: [a]", "headers: {X: y}", "headers: x")
OURS_AND_MORE = "contexts:\n  made:\n    comment: 'qlik-keys: not really'\n    {}\n"
NOT_KEPT = (
    *("contexts:\n  a: 1\n  a: 2\n", "contexts:\n  a: {server: x, server: y}\n", "a: 1\na: 2\n", "contexts: ''\n"),
    *("contexts:\n  made: &x {server: y}\n  b: *x\n  ? [1]\n  : 2\n", "&a {contexts: {}, a: *a}"),
)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (f"rest:\n  l0: &l0 [x]\n{BILLIONS}contexts:\n  a: {{server: x}}\n", {}, "cannot be preserved"),
        *((OURS_AND_MORE.format(more), {}, "login would be lost") for more in MORE),
        *((text, {"replace": True}, ".") for text in NOT_KEPT),
    ],
)
def test_what_cannot_be_kept_as_it_is_is_not_written(text, options, words, tmp_path):
    path = tmp_path / "contexts.yml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        write(path, **options)
    assert path.read_text() == text


@pytest.mark.skipif(os.name == "nt", reason="modes are of POSIX")
def test_a_link_stays_one_and_the_mode_becomes_private(tmp_path):
    real = tmp_path / "dotfiles" / "contexts.yml"
    real.parent.mkdir()
    real.write_text("contexts: {}\n")
    real.chmod(0o644)
    link = tmp_path / "contexts.yml"
    link.symlink_to(real)
    write(link)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert [*read(real)["contexts"]] == ["made"]


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be made"):
        write(tmp_path / "file" / "contexts.yml")


def _hold(path, held):
    with locked(path):
        held.set()
        signal.pause()


def test_a_writer_waits_for_a_living_one_and_not_for_one_that_was_killed(tmp_path):
    path, fork = tmp_path / "contexts.yml", multiprocessing.get_context("fork")
    held = fork.Event()
    other = fork.Process(target=_hold, args=(tmp_path / ".contexts.yml.qlik-keys-lock", held))
    other.start()
    assert held.wait(60)
    with pytest.raises(ConfigurationError, match="another program is writing the file"):
        write(path)
    assert not path.exists()
    other.kill()
    other.join(60)
    (tmp_path / ".contexts.yml.qlik-keys-new").write_text("half of a file")
    write(path)
    assert [*read(path)["contexts"]] == ["made"]
    assert {*os.listdir(tmp_path)} == FILES  # noqa: PTH208


def _writer(path, name, begin):
    begin.wait()
    write(path, name)


def test_many_writers_lose_none_of_their_contexts(tmp_path):
    path, fork = tmp_path / "contexts.yml", multiprocessing.get_context("fork")
    path.write_text("contexts:\n  mine: {server: x}\n")
    begin, names = fork.Event(), [f"writer-{number}" for number in range(6)]
    writers = [fork.Process(target=_writer, args=(path, name, begin)) for name in names]
    for writer in writers:
        writer.start()
    begin.set()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 6
    assert {*read(path)["contexts"]} == {"mine", *names}
