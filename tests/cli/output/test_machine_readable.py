"""Every command with `--json`, in success and failure: one JSON document on standard output, JSON lines next to it."""

import json
import re
import uuid
from dataclasses import astuple
from types import SimpleNamespace

import pytest
import typer

from qlik_keys.cli.app import TREE, app

pytestmark = pytest.mark.openbao
TOP = typer.main.get_command(app)


def leaves(command, words):
    """Return each command below one, as its words and itself."""
    if not hasattr(command, "commands"):
        return [(" ".join(words), command)]
    return [leaf for name in command.commands for leaf in leaves(command.get_command(None, name), (*words, name))]


ENTRIES = {name: entry for entries in TREE.values() for name, entry in entries.items()}
LEAVES = dict(leaf for name in ENTRIES for leaf in leaves(TOP.get_command(None, name), (name,)))
ALIASES = {"alias add", "alias update"}  # any words are taken: the options are those of the command


@pytest.fixture
def run(qlik_keys):
    """Run a command line, and return its exit code and what is on its two streams."""
    return lambda *words, **settings: astuple(qlik_keys(*words, **settings))


def documents(code, out, err):
    """What both streams hold, each as JSON."""
    assert code in {0, 1, 2, 3}
    lines = [json.loads(line) for line in err.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return (json.loads(out) if out else None), lines


def words_for(name):
    """The required arguments and options of a command, each with the value x."""
    options = [each.opts[0] for each in LEAVES[name].params if each.required]
    return [word for option in options for word in ([option, "x"] if option.startswith("-") else ["x"])]


def test_every_command_has_json_and_tells_its_help_and_an_example():
    lacking = {n for n, c in LEAVES.items() if not any("--json" in each.opts for each in c.params)}
    assert lacking == {"demo", "lab"} | ALIASES
    for name, entry in ENTRIES.items():
        assert entry.words == TOP.get_command(None, name).help.partition("\n")[0], name
    for name, command in LEAVES.items():
        assert "Example: qlik-keys " + name in command.help.replace("\n", " "), name


@pytest.mark.parametrize("name", [name for name in LEAVES if name not in ALIASES])
def test_wrong_usage_is_json_and_help_has_a_short_form(run, name):
    words = name.split()
    for line in ([*words, "--json", "--no-such-option"], ["--json", *words, "one", "too", "many", "words", "here"]):
        ended = run(*line)
        document, [problem] = documents(*ended)
        assert document is None
        # Where more words are taken, they are names that do not exist, of contexts for example.
        assert (ended[0], problem["error"]) == (2, "Usage") or (ended[0] == 1 and "here" in line)
    if words_for(name):
        ended = run(*words, "--json")
        assert (ended[0], documents(*ended)[1][0]["error"]) == (2, "Usage")
    LEAVES[name].make_context(name, [], resilient_parsing=True)  # as a completion looks at it, without the root
    code, out, err = run(*words, "-h")
    assert (code, err, "Usage: qlik-keys" in out) == (0, "", True)
    assert out == run(*words, "--help")[1]


@pytest.mark.parametrize("name", [n for n in LEAVES if n not in {"demo", "lab", "sandbox", "raw get"}])
def test_a_failure_is_json(run, name):
    """There is no tenant and no Vault, and no client has the names."""
    nowhere = dict.fromkeys(("QLIK_TENANT_URL", "QLIK_API_KEY", "VAULT_ADDR", "VAULT_TOKEN"))
    code, out, err = run(*name.split(), "--json", *words_for(name), **nowhere)
    document, problems = documents(code, out, err)
    if not code:
        assert problems == []
    elif name != "doctor":
        assert (code in (1, 2), document, bool(problems)) == (True, None, True)


def test_results_that_only_json_has(run):
    name = f"日本 ☃ {uuid.uuid4().hex[:8]}"

    def done(*words, code=0):
        ended, out, err = run(*words, "--json")
        assert (ended, err) == (code, "")
        return json.loads(out)

    [made] = done("provision", name, "--scope", "user_default")
    assert (made["name"], made["created"]) == (name, True)
    token = done("token", "--client", name, "--stdout")
    assert (token["token_type"], token["scope"], token["client"]) == ("Bearer", "user_default", name)
    assert re.fullmatch(r"[\w.-]{20,}", token["access_token"])
    assert token["expires_in"] > 0
    assert done("token", "--client", name, "--context", "practice")["context"] == "practice"
    assert done("context", "rename", "practice", "other") == {"renamed": "practice", "name": "other"}
    assert done("context", "rm", "other") == {"removed": ["other"]}
    assert done("context", "clear") == {"current": None}
    assert made["client_id"] in [each["client_id"] for each in done("clients")]
    assert (done("retire"), done("resume")) == ([], [])
    trust = ("oauth-client", "connection-config", "patch", made["client_id"], "--value", "required", "--json")
    assert run(*trust) == (0, "", "")  # the tenant answers nothing
    assert done("doctor", "--client", name, code=3)["findings"] == ["consent-not-trusted"]
    assert done("delete", name, "--confirm", made["client_id"])[0]["operation"] == "delete"
    assert done("vault-policy", "--role", "admin")["role"] == "admin"
    assert done("completion", "bash")["shell"] == "bash"


def test_audit_says_by_its_code_whether_there_are_findings(run, box):
    create = ("--appType", "web", "--allowedGrantTypes", "client_credentials", "--allowedAuthMethods", "client_secret")
    made = json.loads(run("oauth-client", "create", "--clientName", "a secret alone", *create, "--json")[1])
    code, out, err = run("audit", "--json")
    found = json.loads(out)
    assert (code, bool(found), err) == (3, True, "")
    high = "high" in {each["severity"] for each in found}
    for level, code in (("never", 0), ("high", 3 if high else 0), ("huge", 2)):
        assert run("audit", "--json", "--fail-on", level)[0] == code
    run("oauth-client", "rm", made["clientId"], "--confirm", made["clientId"])


def test_an_internal_error_is_json_without_its_text(run, monkeypatch):
    def broken(*_, **__):
        raise ValueError("canary-of-a-secret")

    monkeypatch.setattr("json.dumps", broken)  # a fault in a library
    monkeypatch.setattr("qlik_keys.cli.output.errors.json", SimpleNamespace(dumps=json.JSONEncoder().encode))
    code, out, err = run("user", "me", "--json")
    monkeypatch.undo()
    document, [problem] = documents(code, out, err)
    assert (code, document, problem["error"], problem["outcome"]) == (1, None, "ValueError", "unknown")
    assert "canary" not in err


def test_a_config_file_asks_for_json_in_errors_too(run, tmp_path):
    path = tmp_path / "config.yml"
    path.write_text("json: true\nunknown: x\n")
    for line in (("user", "get", "unknown"), ("--context", "unknown", "user", "me")):
        code, out, err = run("-c", str(path), *line)
        assert (code, out, len(documents(code, out, err)[1])) == (1, "", 1)
    # It is of that run alone, and what stands behind the dashes is an id.
    for more in (["unknown"], ["unknown", "--json", "--json=false"], ["--", "--json"]):
        assert run("user", "get", *more)[2].startswith("Error: ")


def test_a_word_that_is_none_and_the_version_are_json_where_that_is_asked_for(run):
    for line in ("no-such-command --json", "user bogus --json=1", "user --json=maybe", "--json=false --json"):
        assert documents(*run(*line.split()))[1][0]["error"] == "Usage"
    for words in (("--version", "--json"), ("--json", "--version"), ("version", "--json=true")):
        document, lines = documents(*run(*words))
        assert ([*document], lines) == (["version"], [])
    assert run("-v", "--version")[:2] == (0, f"{document['version']}\n")


def test_no_word_of_a_command_may_be_empty(run):
    for name, command in LEAVES.items():
        for place, param in enumerate(each for each in command.params if each.param_type_name == "argument"):
            if name != "token" and not (name in ALIASES and place):  # those take the words of another command
                code, out, err = run(*name.split(), *["x"] * place, "", "--json")
                assert (code, out) == (2, ""), (name, param.name, err)
    for line in ("oauth-client rm", "delete", "oauth-client client-secret rm --oauth-clientId x"):
        assert "the value is empty" in run(*line.split(), "  ")[2]
