"""Changes to qlik-cli's file: what was asked for is done, and every other letter stays."""

from __future__ import annotations

import os
import stat

import pytest
import yaml

from qlik_keys.config.qlik_cli.changes import (
    Entry,
    clear_current,
    create_context,
    remove_contexts,
    rename_context,
    update_context,
)
from qlik_keys.config.qlik_cli.text import with_current, without_entry
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError

SERVER = "https://acme.eu.qlikcloud.com"
KEY, CLIENT_SECRET = "canary-of-an-api-key", "canary-of-a-client-secret"
FILE = """\
# mine
current-context: 'b'   # now
contexts:
  # the first
  a:
    server: x   # of a
    comment:   "aligned"
  b: {server: y, oauth-client-id: i, oauth-client-secret: s}
  # the last
  c:
    server: z
    headers:
      Authorization: Bearer old
      X-Mine: kept
    certificates: [1, 2]
rest: ~
"""


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "contexts.yml"
    path.write_text(FILE)
    return path


def read(path):
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)


def test_a_context_is_made_and_no_other_letter_changes(path):
    create_context(path, "new", Entry(server=SERVER, api_key=Secret(KEY), comment="mine"))
    lines = f"  new:\n    server: {SERVER}\n    server-type: cloud\n    comment: mine\n"
    lines += f"    headers:\n      Authorization: Bearer {KEY}\n"
    assert path.read_text() == FILE.replace("rest: ~\n", lines + "rest: ~\n")
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigurationError, match="'new' exists already"):
        create_context(path, "new", Entry(server=SERVER))
    for name, told in (("", "is empty"), (" ", "is empty"), ("a\nb", "a line break"), (" a", "a space before")):
        with pytest.raises(ConfigurationError, match=told):
            create_context(path, name, Entry(server=SERVER))


def test_the_first_context_makes_the_file(tmp_path):
    path = tmp_path / ".qlik" / "contexts.yml"
    entry = Entry(server=SERVER, client_id="i", client_secret=Secret(CLIENT_SECRET))
    create_context(path, "me@cloud", entry, make_current=True)
    written = {"server": SERVER, "server-type": "cloud", "oauth-client-id": "i", "oauth-client-secret": CLIENT_SECRET}
    assert read(path) == {"current-context": "me@cloud", "contexts": {"me@cloud": written}}
    if os.name == "posix":
        assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]


def test_a_new_login_takes_the_place_of_the_old_one(path):
    bearer = {"Authorization": f"Bearer {KEY}"}
    client = {"oauth-client-id": "j", "oauth-client-secret": CLIENT_SECRET}
    c = {"server": "z", "headers": {"X-Mine": "kept"}, "certificates": ["1", "2"]}
    for name, change, wanted in (
        ("c", Entry(api_key=Secret(KEY)), c | {"headers": {"X-Mine": "kept", **bearer}}),
        ("c", Entry(client_id="j", client_secret=Secret(CLIENT_SECRET)), c | client),
        ("b", Entry(api_key=Secret(KEY)), {"server": "y", "headers": bearer}),
        (
            *("b", Entry(comment="x", headers={"X-A": "1"})),
            {"server": "y", "comment": "x", "headers": {**bearer, "X-A": "1"}},
        ),
        ("a", Entry(server=SERVER), {"server": SERVER, "server-type": "cloud", "comment": "aligned"}),
    ):
        update_context(path, name, change)
        assert read(path)["contexts"][name] == wanted
    assert 'comment:   "aligned"' in path.read_text()
    with pytest.raises(ConfigurationError, match="no qlik-cli context 'd'"):
        update_context(path, "d", Entry(comment="x"))
    with pytest.raises(ConfigurationError, match="half of a client's credentials"):
        update_context(path, "a", Entry(client_id="x"))


def test_a_context_is_renamed_where_it_stands(path):
    rename_context(path, "b", "with: colon")
    renamed = FILE.replace("  b: {", "  'with: colon': {").replace("'b'   # now", "'with: colon'   # now")
    assert path.read_text() == renamed
    rename_context(path, "a", "2024")
    assert list(read(path)["contexts"]) == ["2024", "with: colon", "c"]
    for old, new, told in (
        ("c", "2024", "already"),
        ("nowhere", "x", "no qlik-cli context"),
        ("c", " ", "is empty"),
        ("c", "a\tb", "a tab .U.0009. as its character 2"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            rename_context(path, old, new)


def test_contexts_are_removed_with_their_lines_alone(path):
    before = path.read_text()
    with pytest.raises(ConfigurationError, match="'nowhere'"):
        remove_contexts(path, ["a", "nowhere"])
    assert path.read_text() == before
    remove_contexts(path, ["b"])
    removed = "  b: {server: y, oauth-client-id: i, oauth-client-secret: s}\n"
    assert path.read_text() == FILE.replace(removed, "").replace("'b'   # now", "''   # now")
    remove_contexts(path, ["a", "c"])
    assert read(path) == {"current-context": "", "contexts": "", "rest": "~"}
    create_context(path, "again", Entry(server=SERVER))
    assert list(read(path)["contexts"]) == ["again"]


def test_the_current_one_is_cleared(path):
    for _ in range(2):
        clear_current(path)
        assert path.read_text() == FILE.replace("'b'   # now", "''   # now")


CURRENT = {
    "contexts:\n  a: {server: x}\n": "current-context: n\ncontexts:\n  a: {server: x}\n",
    "current-context:\ncontexts:\n  a: {server: x}\n": "current-context: n\ncontexts:\n  a: {server: x}\n",
    "current-context: ~ # none\r\ncontexts: {}\r\n": "current-context: n # none\r\ncontexts: {}\r\n",
    "{contexts: {a: {server: x}}}\n": '{"current-context": "n", contexts: {a: {server: x}}}\n',
    "---\n# mine\ncontexts: {}\n": "---\n# mine\ncurrent-context: n\ncontexts: {}\n",
}


@pytest.mark.parametrize(("old", "new"), CURRENT.items())
def test_a_current_context_is_written_in_its_place(old, new):
    assert with_current(old, "n") == new


REMOVED = {
    "contexts: {a: {server: x}, b: {server: y}}\n": "contexts: {b: {server: y}}\n",
    "contexts: {a: {server: x}}  # mine\n": "contexts: {}  # mine\n",
    "contexts:\n  a:\n    comment: |\n      x\n\n      y\n  b: {server: y}\n": "contexts:\n  b: {server: y}\n",
    "contexts:\r\n  a:\r\n    server: x\r\nrest: 1\r\n": "contexts:\r\nrest: 1\r\n",
    "contexts:\n  a: {server: x}": "contexts:\n",
    "contexts:\n  a:\n  b:\n    server: y\n": "contexts:\n  b:\n    server: y\n",
    **dict.fromkeys(("contexts:\n  a: &x {server: x}\n  b: *x\n", "contexts:\n  b: {server: x}\n", "", "a: [\n")),
}


@pytest.mark.parametrize(("old", "new"), REMOVED.items())
def test_an_entry_is_removed_or_the_text_is_refused(old, new):
    assert without_entry(old, "a") == new


def test_nothing_of_the_file_is_quoted_where_it_cannot_be_kept(path):
    path.write_text(f"contexts:\n  a: &x\n    server: x\n    oauth-client-secret: {CLIENT_SECRET}\n  b: *x\n")
    before = path.read_text()
    with pytest.raises(ConfigurationError, match="cannot be preserved") as refused:
        remove_contexts(path, ["a"])
    assert CLIENT_SECRET not in str(refused.value) + refused.value.hint
    assert path.read_text() == before
    assert {*os.listdir(path.parent)} == {"contexts.yml", ".contexts.yml.qlik-keys-lock"}  # noqa: PTH208
