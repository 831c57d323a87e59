"""Every command with `--json`, in success and failure: one JSON document on standard output, JSON lines next to it."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import astuple
from types import SimpleNamespace

import pytest
import typer

from qlik_keys.cli.app import TREE, app

pytestmark = pytest.mark.openbao
CODES = {0, 1, 2, 3}


def leaves(command=None, words=()):
    """Every command of the tree with its words."""
    command = command or typer.main.get_command(app)
    names = getattr(command, "commands", ()) if words else [name for entries in TREE.values() for name in entries]
    if words and not names:
        return [(words, command)]
    found = []
    for name in names:
        found += leaves(command.get_command(None, name), (*words, name))
    return found


LEAVES = {" ".join(words): command for words, command in leaves()}
NO_JSON = {"demo", "lab", "alias add", "alias update"}  # for people alone; an alias's options are the command's own


@pytest.fixture
def run(qlik_keys):
    """Run a command line, and return its exit code and what is on its two streams."""
    return lambda *words, **settings: astuple(qlik_keys(*words, **settings))


def documents(code, out, err):
    """What both streams hold, each as JSON."""
    assert code in CODES
    lines = [json.loads(line) for line in err.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return (json.loads(out) if out else None), lines


def words_for(name, value="x"):
    given = []
    for parameter in LEAVES[name].params:
        if parameter.required:
            option = parameter.opts[0]
            given += [option, value] if option.startswith("-") else [value]
    return given


def test_every_command_has_json():
    lacking = {n for n, c in LEAVES.items() if not any("--json" in each.opts for each in c.params)}
    assert lacking == NO_JSON


@pytest.mark.parametrize("name", LEAVES)
def test_wrong_usage_is_json(run, name):
    for words in (["--no-such-option"], ["one", "too", "many", "words", "here"]):
        if name in NO_JSON and name.startswith("alias"):
            continue  # any words are taken
        code, out, err = run(*name.split(), "--json", *words)
        assert documents(code, out, err)[0] is None
        [problem] = documents(code, out, err)[1]
        if code == 2:
            assert problem["error"] == "Usage"
        else:  # more words are taken: names of contexts, say, that nobody has
            assert code == 1
    if words_for(name):
        code, out, err = run(*name.split(), "--json")
        assert (code, documents(code, out, err)[1][0]["error"]) == (2, "Usage")


@pytest.mark.parametrize("name", [n for n in LEAVES if n not in {"demo", "lab", "sandbox", "raw get"}])
def test_a_failure_is_json(run, name):
    """There is no tenant and no Vault, and nobody has the names."""
    nowhere = dict.fromkeys(("QLIK_TENANT_URL", "QLIK_API_KEY", "VAULT_ADDR", "VAULT_TOKEN"))
    code, out, err = run(*name.split(), "--json", *words_for(name), **nowhere)
    document, problems = documents(code, out, err)
    if code:
        assert code in (1, 2) or name == "doctor"
        assert document is None or name == "doctor"
        assert problems or name == "doctor"
    else:
        assert problems == []


@pytest.mark.parametrize("name", ["no-such-command", "oauth-client no-such", "user", "", "context"])
def test_a_word_that_is_none_or_missing_is_json(run, name):
    assert documents(*run(*name.split(), "--json"))[1][0]["error"] == "Usage"


def test_a_whole_life_is_json(run):
    name = f"日本 ☃ {uuid.uuid4().hex[:8]}"

    def done(*words, code=0):
        ended, out, err = run(*words, "--json")
        assert (ended, err) == (code, "")
        return json.loads(out)

    assert done("provision", name, "--scope", "user_default", "--dry-run")
    [made] = done("provision", name, "--scope", "user_default")
    client_id = made["client_id"]
    assert (made["name"], made["created"]) == (name, True)
    token = done("token", "--client", name, "--stdout")
    assert (token["token_type"], token["scope"], token["client"]) == ("Bearer", "user_default", name)
    assert re.fullmatch(r"[\w.-]{20,}", token["access_token"])
    assert token["expires_in"] > 0
    assert done("token", "--client", name, "--context", "practice")["context"] == "practice"
    assert done("context", "use", "practice")["current"]
    assert done("context", "rename", "practice", "other") == {"renamed": "practice", "name": "other"}
    assert done("context", "rm", "other") == {"removed": ["other"]}
    assert done("context", "clear") == {"current": None}
    assert done("doctor", "--client", name)["is_healthy"]
    assert client_id in [each["client_id"] for each in done("clients")]
    assert done("rotate", name, "--at-once")[0]["client_id"] == client_id
    assert done("retire") == []
    assert done("resume") == []
    assert done("revoke", name)[0]["client_id"] == client_id
    assert done("oauth-client", "get", client_id)["clientName"] == name
    trust = ("oauth-client", "connection-config", "patch", client_id, "--value", "required", "--json")
    assert run(*trust) == (0, "", "")  # the tenant answers nothing
    assert done("doctor", "--client", name, code=3)["findings"] == ["consent-not-trusted"]
    ended, out, err = run("delete", name, "--json")
    assert (ended, out, json.loads(err)["error"]) == (2, "", "Usage")
    assert done("delete", name, "--confirm", client_id)[0]["operation"] == "delete"
    assert done("vault-policy", "--role", "admin")["role"] == "admin"
    assert done("completion", "bash")["shell"] == "bash"
    assert set(done("version")) == {"version"}
    assert done("user", "me")
    assert done("status")


def test_audit_says_by_its_code_whether_there_are_findings(run, box):
    create = ("--appType", "web", "--allowedGrantTypes", "client_credentials", "--allowedAuthMethods", "client_secret")
    made = json.loads(run("oauth-client", "create", "--clientName", "a secret alone", *create, "--json")[1])
    code, out, err = run("audit", "--json")
    assert (code, bool(json.loads(out)), err) == (3, True, "")
    assert run("audit", "--json", "--fail-on", "never")[0] == 0
    weights = {each["severity"] for each in json.loads(out)}
    assert run("audit", "--json", "--fail-on", "high")[0] == (3 if "high" in weights else 0)
    assert run("audit", "--json", "--fail-on", "huge")[0] == 2
    run("oauth-client", "rm", made["clientId"], "--confirm", made["clientId"])


def test_an_internal_error_is_json_without_its_text(run, monkeypatch):
    def broken(*_, **__):
        raise ValueError("canary-of-a-secret")

    monkeypatch.setattr("json.dumps", broken)  # not ours: a library that has a fault
    monkeypatch.setattr("qlik_keys.cli.output.errors.json", SimpleNamespace(dumps=json.JSONEncoder().encode))
    code, out, err = run("user", "me", "--json")
    monkeypatch.undo()
    document, [problem] = documents(code, out, err)
    assert (code, document, problem["error"], problem["outcome"]) == (1, None, "ValueError", "unknown")
    assert "canary" not in err


@pytest.mark.parametrize("name", ["", *LEAVES])
def test_short_help(run, name):
    if name.startswith("alias ") and name in NO_JSON:
        return
    code, out, err = run(*name.split(), "-h")
    assert (code, err) == (0, "")
    assert (out, "Usage: qlik-keys" in out) == (run(*name.split(), "--help")[1], True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("oauth-clinet ls", "Did you mean 'oauth-client'?"),
        ("oauth-client crate", "Did you mean 'create'?"),
        ("rotte x", "Did you mean 'rotate'?"),
        ("oauth-client client-secret creat", "Did you mean 'create'?"),
        ("oauth-client ls --limt 3", "Did you mean --limit?"),
        ("audit --fail-no high", "Did you mean --fail-on?"),
        ("frobnicate", "No such command 'frobnicate'."),
    ],
)
def test_what_was_meant_is_asked(run, words, told):
    code, out, err = run(*words.split())
    assert (code, out) == (2, "")
    assert told in err
    assert err.startswith("Usage: qlik-keys")


@pytest.mark.parametrize("words", [("--json=true",), ("--json=1",), ("--json=maybe",), ("--json=false", "--json")])
def test_json_is_asked_for_in_any_of_its_forms(run, words):
    for line in (("user", "bogus", *words), ("user", "get", "nobody", *words)):
        _, lines = documents(*run(*line))
        assert len(lines) == 1


def test_a_config_file_asks_for_json_in_errors_too(run, tmp_path):
    path = tmp_path / "config.yml"
    path.write_text("json: true\nunknown: x\n")
    for line in (("user", "get", "nobody"), ("--context", "nobody", "user", "me"), ("user", "ls", "--sort", "bogus")):
        code, out, err = run("-c", str(path), *line)
        assert (code, out) == (1, "")
        assert len(documents(code, out, err)[1]) == 1
    assert run("user", "get", "nobody")[2].startswith("Error: ")  # of that run alone
    assert run("user", "get", "nobody", "--json", "--json=false")[2].startswith("Error: ")
    assert run("user", "get", "--", "--json")[2].startswith("Error: ")  # behind the dashes it is an id


@pytest.mark.parametrize("words", [("--version", "--json"), ("--json", "--version"), ("--json=true", "--version")])
def test_the_version_is_json_where_that_is_asked_for(run, words):
    document, lines = documents(*run(*words))
    assert ([*document], lines) == (["version"], [])
    assert run("-v", "--version")[:2] == (0, f"{document['version']}\n")


def test_no_word_of_a_command_may_be_empty(run):
    free = {"token": "PROGRAM", "alias add": "COMMAND", "alias update": "COMMAND"}
    for name, command in LEAVES.items():
        for place, param in enumerate(each for each in command.params if each.param_type_name == "argument"):
            if name in free and (name == "token" or place):
                continue
            code, out, err = run(*name.split(), *["x"] * place, "", "--json")
            assert (code, out) == (2, ""), (name, param.name, err)
    for line in ("oauth-client rm", "delete", "oauth-client client-secret rm --oauth-clientId x"):
        assert "the value is empty" in run(*line.split(), "  ")[2]


@pytest.mark.parametrize(
    "line", ["provision x --custody zz", "rotate x --custody zz", "vault-policy --role zz", "provision x --scope="]
)
def test_a_value_that_an_option_does_not_know_is_wrong_usage(run, line):
    code, out, lines = (*(ended := run(*line.split(), "--json"))[:2], documents(*ended)[1])
    assert (code, out, lines[0]["error"]) == (2, "", "Usage")
