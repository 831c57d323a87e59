"""Options before the verb, flags with a value, `help` and aliases: what the tree gets to read."""

import json
import shlex

import pytest
import typer

from qlik_keys.cli.app import app
from qlik_keys.cli.options.word_order import in_order

WORDS = [
    ("--json user me", "user me --json"),
    ("-v --context prod user me -q", "user me -v --context prod -q"),
    ("--context user user me", "user me --context user"),
    ("-s https://a.example -c x.yml raw get v1/users/me", "raw get -s https://a.example -c x.yml v1/users/me"),
    ("--server=https://a.example user ls", "user ls --server=https://a.example"),
    ("--headers a=b raw --query c=d GET v1/items", "raw GET --headers a=b --query c=d v1/items"),
    ("oauth-client --json client-secret create -q", "oauth-client client-secret create --json -q"),
    ("user ls --totalResults --totalResults=F", "user ls"),
    ("user ls --raw=1 --json=TRUE -q=t", "user ls --raw --json -q"),
    ("raw get v1/a --query a=true", "raw get v1/a --query a=true"),
    ("oauth-client patch ID --value --raw=true", "oauth-client patch ID --value --raw=true"),
    ("user ls --raw=maybe", "user ls --raw=maybe"),
    ("user get -- --json=true", "user get -- --json=true"),
    ("help user ls", "user ls --help"),
    ("--json nonsense", "nonsense"),
    ("--bogus user me", "--bogus user me"),
    ("-- token", "-- token"),
    ("alias add new user ls --json", "alias add new user ls --json"),
    ("", ""),
]


@pytest.fixture
def tree():
    return typer.main.get_command(app)


@pytest.mark.parametrize(("typed", "read"), WORDS, ids=[case[0] for case in WORDS])
def test_the_tree_reads_what_qlik_cli_takes(typed, read, tree):
    assert shlex.join(in_order(shlex.split(typed), tree)) == read
    assert shlex.join(in_order(shlex.split(read), tree)) == read


def test_an_alias_is_read_as_its_command(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "qlik-keys").mkdir()
    aliases = {"newest": ["--json", "user", "ls", "--sort", "-createdAt"], "user": ["token"], "bad": "x"}
    aliases["loop"] = ["--json", "loop"]
    (tmp_path / "qlik-keys" / "aliases.json").write_text(json.dumps(aliases))
    assert shlex.join(in_order(["newest", "--limit", "1"], tree)) == "user ls --json --sort -createdAt --limit 1"
    assert in_order(["--raw=true", "newest"], tree) == ["user", "ls", "--json", "--sort", "-createdAt", "--raw"]
    assert in_order(["user", "me"], tree) == ["user", "me"]
    assert in_order(["bad"], tree) == ["bad"]
    assert in_order(["-v", "loop"], tree) == ["loop", "-v"]
    (tmp_path / "qlik-keys" / "aliases.json").write_text("[")
    assert in_order(["newest"], tree) == ["newest"]
