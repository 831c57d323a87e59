"""A token's context in qlik-cli's file: whatever the file holds, it is kept, or nothing is written."""

from __future__ import annotations

import multiprocessing
import os
import stat
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from qlik_keys.context_writing import write_token_context
from qlik_keys.errors import ConfigurationError
from qlik_keys.secret import Secret

TOKEN = "canary-of-an-access-token"
SERVER = "https://acme.eu.qlikcloud.com"


def write(path, name="made", **options):
    write_token_context(path, name, server=SERVER, token=Secret(TOKEN), remark="token of etl", **options)


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


@settings(max_examples=200, deadline=None)
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
    entry = after["contexts"].pop("made")
    assert entry["headers"] == {"Authorization": f"Bearer {TOKEN}"}
    before["contexts"] = before["contexts"] or {}
    assert after == before
    assert os.listdir(path.parent) == ["contexts.yml"]  # noqa: PTH208


@settings(max_examples=300, deadline=None)
@given(text=st.text() | st.builds("contexts:\n  {}".format, st.text()) | st.builds("contexts: {}".format, st.text()))
def test_any_text_is_kept_or_refused_by_our_own_error(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("qlik") / "contexts.yml"
    path.write_text(text, "utf-8", errors="surrogatepass", newline="")
    content = path.read_bytes()
    refused = None
    try:
        write(path)
    except ConfigurationError as error:
        refused = error
    if refused is None:
        assert read(path)["contexts"]["made"]["server"] == SERVER
    else:
        assert path.read_bytes() == content
        assert TOKEN not in str(refused)


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
    with pytest.raises(ConfigurationError, match="no name"):
        write(tmp_path / "contexts.yml", "a\nb")


def test_the_lock_of_a_writer_that_was_killed_is_broken_a_living_one_s_is_not(tmp_path):
    path = tmp_path / "contexts.yml"
    lock = tmp_path / ".contexts.yml.qlik-keys"
    lock.write_text("")
    os.utime(lock, (time.time() - 60,) * 2)
    write(path)
    assert [*read(path)["contexts"]] == ["made"]
    assert not lock.exists()
    lock.write_text("")
    with pytest.raises(ConfigurationError, match="another program is writing it"):
        write(path, "other")
    assert lock.exists()


def _writer(path, name, begin):
    begin.wait()
    write(path, name)


def test_many_writers_lose_none_of_their_contexts(tmp_path):
    path = tmp_path / "contexts.yml"
    path.write_text("contexts:\n  mine: {server: x}\n")
    spawn = multiprocessing.get_context("fork")
    begin = spawn.Event()
    writers = [spawn.Process(target=_writer, args=(path, f"writer-{number}", begin)) for number in range(6)]
    for writer in writers:
        writer.start()
    begin.set()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 6
    assert {*read(path)["contexts"]} == {"mine", *(f"writer-{number}" for number in range(6))}
