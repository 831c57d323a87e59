"""The magics in a real IPython shell, on the sandbox. All their verbs: cli/commands/test_qlik_cli_commands.py."""

from __future__ import annotations

import json
import os
import signal

import pandas as pd
import pytest
from fixtures.canaries import find_canaries
from fixtures.loopback import HANG, Loopback
from fixtures.support import made_client, write_contexts
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError

import qlik_keys as qk

pytestmark = pytest.mark.openbao


# Names of clients, which are somebody else's text; IPython evaluates what stands in braces.
STRANGE, EVALUATED = "strange blanks", "strange {open('pwned', 'w')}"


@pytest.fixture(scope="module")
def made(box):
    with made_client(box, STRANGE), made_client(box, EVALUATED), made_client(box, "by-magic") as made:
        yield made


@pytest.fixture
def contexts(box, tmp_path):
    return write_contexts(tmp_path, box)


def test_a_line_assigns_a_dataframe(shell, made):
    shell.run_cell("df = %qlik oauth-client ls --filter 'clientName eq \"by-magic\"'").raise_error()
    frame = shell.user_ns["df"]
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["clientId"]) == [made.client_id]
    assert str(frame["createdAt"].dtype) == "datetime64[us, UTC]"
    assert {*frame.attrs} == {"tenant", "time"}


def test_our_own_tables_the_doctor_and_the_panel_are_values_too(shell, made):
    assert isinstance(shell.run_line_magic("qlik_keys", ""), qk.Panel)
    frame = shell.run_line_magic("qlik", "clients")
    assert made.client_id in list(frame["client_id"])
    assert list(shell.run_line_magic("qlik", "audit").columns)[:2] == ["severity", "code"]
    found = shell.run_line_magic("qlik", "doctor --client by-magic")
    assert isinstance(found, qk.Diagnosis)
    assert found.is_healthy
    assert "no finding" in found.to_text()


@pytest.fixture
def described(shell, made):
    """Change the client's description by a line; return what it is then."""

    def change(words):
        shell.run_line_magic("qlik", f"oauth-client patch {made.client_id} {words}")
        return shell.run_line_magic("qlik", f"oauth-client get {made.client_id}")["description"]

    return change


def test_variables_go_in(shell, made):
    shell.user_ns["client"] = made
    assert shell.run_line_magic("qlik", "oauth-client get {client.client_id}")["clientId"] == made.client_id
    assert shell.run_line_magic("qlik", "oauth-client get $client.client_id -q") == [made.client_id]


@pytest.mark.parametrize("name", ["name", "line", "words", "word", "before", "cell", "self", "local_ns"])
def test_a_variable_is_the_user_s_whatever_it_is_called(shell, made, name):
    shell.user_ns[name] = made.client_id
    for field in (f"{{{name}}}", f"${name}"):
        shell.run_cell(f"found = %qlik oauth-client get {field} -q").raise_error()
        assert shell.user_ns["found"] == [made.client_id]


def test_a_variable_of_a_function_counts_before_the_notebook_s(shell, made):
    shell.user_ns["given"] = "0" * 32
    lines = ["def ids(given):", "    found = %qlik oauth-client get {given} -q", "    return found"]
    shell.run_cell("\n".join([*lines, f"found = ids('{made.client_id}')"])).raise_error()
    assert shell.user_ns["found"] == [made.client_id]


@pytest.mark.parametrize("field", ["{d['k']}", '{d["k"]}', "{ d['k'] }", "\"{d['k']}\"", "'{d[\"k\"]}'"])
def test_a_field_may_have_quotes_in_it(shell, made, field):
    shell.user_ns["d"] = {"k": made.client_id}
    assert shell.run_line_magic("qlik", f"oauth-client get {field} -q") == [made.client_id]


def test_json_stays_json_however_it_is_given(shell, made, described):
    shell.user_ns["client"] = made
    body = json.dumps([{"op": "add", "path": "/description", "value": "$client {client}"}])
    assert described(f"--body='{body}'") == described(f"--body '{body}'") == "$client {client}"
    assert described("--op add --path /description '--value=${client}'") == "${client}"


def test_a_cell_is_the_body_also_behind_two_dashes(shell, made):
    body = json.dumps([{"op": "add", "path": "/description", "value": "by cell"}])
    shell.run_cell_magic("qlik", f"oauth-client patch -- {made.client_id}", body)
    assert shell.run_line_magic("qlik", f"oauth-client get {made.client_id}")["description"] == "by cell"


@pytest.mark.parametrize(
    ("words", "column"),
    [
        ("oauth-client ls --filter 'clientName eq \"none\"'", "clientId"),
        ("oauth-token ls --userId none", "id"),
        ("oauth-client ls --totalResults --filter 'clientName eq \"none\"'", "createdAt"),
        ("context ls", "server"),
    ],
)
def test_where_there_is_nothing_the_table_has_its_columns(shell, words, column):
    frame = shell.run_line_magic("qlik", words)
    assert isinstance(frame, pd.DataFrame)
    assert (len(frame), [*frame[column]]) == (0, [])
    assert column != "createdAt" or str(frame[column].dtype).startswith("datetime64")
    assert frame.attrs.get("totalResults") == (0 if "totalResults" in words else None)
    assert shell.run_line_magic("qlik", f"{words} -q") == []


def test_how_many_there_are_stands_next_to_the_table(shell, made):
    words = f"oauth-client ls --limit 1 --totalResults --filter 'clientId eq \"{made.client_id}\"'"
    assert shell.run_line_magic("qlik", words).attrs["totalResults"] == 1


def test_an_interrupt_is_one_line(shell, monkeypatch, capsys):
    def interrupt(_):
        os.kill(os.getpid(), signal.SIGINT)
        return HANG

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Loopback(interrupt) as slow:
            monkeypatch.setenv("QLIK_TENANT_URL", slow.url)
            shell.run_cell("%qlik raw get v1/users/me")
    finally:
        signal.signal(signal.SIGINT, before)
    said = capsys.readouterr()
    assert "UsageError: Interrupted." in said.err + said.out
    assert "Traceback" not in said.out + said.err


def test_a_new_secret_does_not_show_itself(shell, box):
    words = "oauth-client create --appType web --clientName shown-once --allowedScopes user_default"
    words += " --allowedGrantTypes client_credentials --allowedAuthMethods client_secret"
    answer = shell.run_line_magic("qlik", words)
    secret = answer["clientSecret"].reveal()
    shown = repr(answer) + shell.display_formatter.format(answer)[0]["text/plain"]
    assert find_canaries(shown, [secret]) == []
    more = shell.run_line_magic("qlik", f"oauth-client client-secret create --oauth-clientId {answer['clientId']}")
    assert repr(more["clientSecret"]) == "<clientSecret>"
    raw = shell.run_line_magic("qlik", f"raw post v1/oauth-clients/{answer['clientId']}/client-secrets --raw")
    assert repr(raw) == "<answer with a secret in it>"
    assert json.loads(raw.reveal())["clientId"] == answer["clientId"]
    plain = shell.run_line_magic("qlik", f"oauth-client get {answer['clientId']} --raw")
    assert json.loads(plain)["clientName"] == "shown-once"
    shell.run_line_magic("qlik", f"oauth-client rm {answer['clientId']} --confirm {answer['clientId']}")


def test_a_context_is_chosen_for_the_notebook_alone(shell, contexts, box, monkeypatch):
    before = contexts.read_bytes()
    monkeypatch.setenv("QLIK_TENANT_URL", "https://somewhere-else.eu.qlikcloud.com")
    monkeypatch.setenv("QLIK_API_KEY", "not-of-this-tenant")
    chosen = shell.run_line_magic("qlik", "context use practice")
    assert (chosen["name"], chosen["current"]) == ("practice", True)
    assert shell.run_line_magic("qlik", "user me")["name"].startswith("Sandbox administrator")
    assert list(shell.run_line_magic("qlik", "context ls").query("current")["name"]) == ["practice"]
    assert contexts.read_bytes() == before
    assert not (contexts.parents[1] / ".config").exists()


def test_an_alias_does_not_open_a_shell_s_command(shell, contexts, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(contexts.parents[1] / ".config"))
    shell.run_line_magic("qlik", "alias add mine token --client x --stdout")
    for line in ("mine", "--json mine", "-v mine --json", "-- mine"):
        with pytest.raises(UsageError, match=r"`token` is for a shell|No such command 'mine'"):
            shell.run_line_magic("qlik", line)
    shell.run_line_magic("qlik", "alias update mine user ls --limit 1")
    assert len(shell.run_line_magic("qlik", "--raw=false mine")) == 1


def test_contexts_are_renamed_and_removed_for_the_notebook_too(shell, contexts, monkeypatch):
    for name in ("QLIK_TENANT_URL", "QLIK_API_KEY"):
        monkeypatch.delenv(name)
    shell.run_line_magic("qlik", "context use practice")
    shell.run_line_magic("qlik", "context rename practice training")
    assert shell.run_line_magic("qlik", "user me")["name"].startswith("Sandbox administrator")
    # Bots of other tests' clients are users too: it asks for one of whom nothing changes.
    grace = "--query 'filter=email eq \"grace@sandbox.example\"'"
    frame = shell.run_line_magic("qlik", f"raw GET v1/users --query limit=1,sort=name {grace}")
    assert (type(frame).__name__, list(frame["name"])) == ("DataFrame", ["Grace Example"])
    shell.run_line_magic("qlik", "context rm training elsewhere")
    assert len(shell.run_line_magic("qlik", "context ls")) == 0
    assert "canary" not in contexts.read_text()
    with pytest.raises(UsageError, match="No tenant is configured"):
        shell.run_line_magic("qlik", "user me")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("raw get v1/nothing", "404"),
        ("user who", "No such command"),
        ("raw get 'v1", "not closed"),
        ("--show-completion", "is for a shell"),
        ("--install-completion=zsh", "is for a shell"),
        ("oauth-client create --body {", "Check the quotes"),
        ("token --client x --stdout", "is for a shell"),
        ("-- token --client x --stdout", "is for a shell"),
        ("-s https://a.example token --client x --stdout", "is for a shell"),
        ("--client token token --stdout", "is for a shell"),
        ("help token", "is for a shell"),
        ("completion bash", "is for a shell"),
        ("context create x --server https://a.example --api-key canary", "`context create` is for a shell"),
        ("context --json update x --api-key canary", "`context update` is for a shell"),
        ("-v context init", "`context init` is for a shell"),
        ("app ls", "`app` of qlik-cli is not available here"),
        ("raw get //elsewhere.example/v1/users/me", "The credential was not sent there"),
        ("oauth-client rm 00000000000000000000000000000000", "qlik-confirm-delete="),
        ("user me --client nobody", "No client with the name 'nobody'"),
    ],
)
def test_what_is_wrong_is_one_line_and_no_traceback(shell, box, line, told, capsys):
    with pytest.raises(UsageError) as caught:
        shell.run_line_magic("qlik", line)
    assert told in str(caught.value)
    assert find_canaries(str(caught.value), [box.api_key, box.vault_token]) == []
    shell.run_cell(f"%qlik {line}")
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err


def test_help_is_printed(shell, capsys):
    assert shell.run_line_magic("qlik", "--help") is None
    told = capsys.readouterr().out
    assert "qlik-cli commands:" in told
    for elsewhere in ("-completion", "sandbox", "  demo", "  lab", "  token"):
        assert elsewhere not in told
    assert shell.run_line_magic("qlik", "context --help") is None
    told = capsys.readouterr().out
    assert "rename" in told
    assert not any(f"  {each}" in told for each in ("create", "init", "update"))
    assert shell.run_line_magic("qlik", "raw --help") is None
    assert "Call any path of the tenant's REST API" in capsys.readouterr().out


def offered(shell, line):
    with provisionalcompleter():
        return {each.text for each in shell.Completer.completions(line, len(line))}


@pytest.mark.parametrize(
    ("line", "some", "none"),
    [
        ("%qlik ", {"user", "raw", "oauth-client", "doctor"}, {"token", "sandbox"}),
        ("%qlik oauth-client cl", {"client-secret"}, {"ls"}),
        ("df = %qlik oauth-client ", {"ls", "get", "create", "connection-config"}, set()),
        ("%%qlik raw po", {"post"}, {"get"}),
        ("%qlik raw get v1/users/me --q", {"--query", "--quiet"}, {"--insecure"}),
        ("%qlik user me --client by-", {"by-magic"}, set()),
        ("%qlik user me --context ", {"practice", "elsewhere"}, set()),
        ("%qlik context use pr", {"practice"}, {"elsewhere"}),
        ("%qlik rotate by-m", {"by-magic"}, set()),
        ("%qlik nonsense ", set(), {"user"}),
        ("%qlik --", {"--help", "--version"}, {"--show-completion", "abs"}),
        ("%qlik raw get v1/users/me --", {"--query", "--client", "--help"}, {"--insecure", "abs"}),
        ("%qlik user me --client=by-", {"by-magic"}, set()),
        ("%qlik user me --client str", {f"'{STRANGE}'"}, {EVALUATED}),
        ("%qlik user me --client 'str", {f"'{STRANGE}'"}, set()),
        ('%qlik user me --client "strange bl', {f'"{STRANGE}"'}, set()),
        ("%qlik rotate ", {f"'{STRANGE}'", "by-magic"}, {EVALUATED, f"'{EVALUATED}'", "and"}),
        ("%qlik user me --context nowhere --client by-", set(), {"by-magic"}),
        ("%qlik user me --context practice --client by-", {"by-magic"}, set()),
    ],
)
@pytest.mark.usefixtures("made", "contexts")
def test_completion(shell, line, some, none):
    found = offered(shell, line)
    assert some <= found
    assert not none & found


def test_what_completes_a_line_replaces_what_was_typed(shell, made):
    line = "%qlik user me -q --client 'strange bl"
    with provisionalcompleter():
        [found] = [*shell.Completer.completions(line, len(line))]
    shell.run_cell(line[: found.start] + found.text + line[found.end :]).raise_error()
    assert len(shell.user_ns["_"]) == 1


def test_completion_is_quiet_where_nothing_can_be_asked(shell, made, monkeypatch, capsys):
    assert made.name in offered(shell, "%qlik user me --client b")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert made.name not in offered(shell, "%qlik user me --client b")
    monkeypatch.delenv("VAULT_ADDR")
    assert made.name not in offered(shell, "%qlik user me --client b")
    assert capsys.readouterr() == ("", "")


def test_a_key_command_returns_its_result(shell):
    shell.run_cell("made = %qlik provision returned-by-the-magic").raise_error()
    made = shell.user_ns["made"]
    assert isinstance(made, qk.Provisioned)
    assert (made.name, made.created) == ("returned-by-the-magic", True)
    plan = shell.run_line_magic("qlik", "rotate {made.client_id} --dry-run")
    assert (plan.operation, plan.blocked) == ("rotate", "")
    assert isinstance(shell.run_line_magic("qlik", "rotate {made.client_id} --at-once"), qk.Rotated)
    assert shell.run_line_magic("qlik", "retire") == []
    deleted = shell.run_line_magic("qlik", "delete {made.client_id} --confirm {made.client_id}")
    assert (deleted["operation"], deleted["client_id"]) == ("delete", made.client_id)


@pytest.mark.parametrize(
    "field", ["{undefined_name}", "{box.nothing}", "x{undefined_name}y", "{d[9]}", "{d + 'x'}", "{1/0}"]
)
def test_a_field_without_a_value_is_an_error_and_is_not_sent(shell, box, field):
    shell.user_ns["d"], before = [], len(box.requests())
    with pytest.raises(UsageError, match="has no value"):
        shell.run_line_magic("qlik", f"raw get v1/{field}")
    with pytest.raises(UsageError, match="has no value"):
        shell.run_line_magic("qlik", f"oauth-client ls --filter '{field}'")
    assert len(box.requests()) == before


@pytest.mark.parametrize("word", ["{}", "{1", "$filter", "{{x}}", '{"a": 1}'])
def test_braces_that_are_no_field_stay(shell, word):
    with pytest.raises(UsageError) as caught:
        shell.run_line_magic("qlik", f"frobnicate '{word}'")
    assert "has no value" not in str(caught.value)
