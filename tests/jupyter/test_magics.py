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


# Names of clients are text of other users; IPython evaluates what stands in braces.
STRANGE, EVALUATED = "strange blanks", "strange {open('pwned', 'w')}"


@pytest.fixture(scope="module")
def made(box):
    with made_client(box, STRANGE), made_client(box, EVALUATED), made_client(box, "by-magic") as made:
        yield made


@pytest.fixture
def contexts(box, tmp_path):
    return write_contexts(tmp_path, box)


@pytest.fixture
def qlik(shell):
    return lambda line: shell.run_line_magic("qlik", line)


def test_lines_return_tables_a_diagnosis_and_the_panel(shell, made, qlik):
    shell.run_cell("df = %qlik oauth-client ls --filter 'clientName eq \"by-magic\"'").raise_error()
    frame = shell.user_ns["df"]
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["clientId"]) == [made.client_id]
    assert str(frame["createdAt"].dtype) == "datetime64[us, UTC]"
    assert {*frame.attrs} == {"tenant", "time"}
    assert isinstance(shell.run_line_magic("qlik_keys", ""), qk.Panel)
    assert made.client_id in list(qlik("clients")["client_id"])
    assert list(qlik("audit").columns)[:2] == ["severity", "code"]
    found = qlik("doctor --client by-magic")
    assert (type(found), found.is_healthy, "no finding" in found.to_text()) == (qk.Diagnosis, True, True)
    only = f"--filter 'clientId eq \"{made.client_id}\"'"
    assert qlik(f"oauth-client ls --limit 1 --totalResults {only}").attrs["totalResults"] == 1


def test_a_variable_is_the_users_by_any_name_with_any_quotes(shell, made, qlik):
    shell.user_ns["client"], shell.user_ns["d"] = made, {"k": made.client_id}
    assert qlik("oauth-client get {client.client_id}")["clientId"] == made.client_id
    assert qlik("oauth-client get $client.client_id -q") == [made.client_id]
    for field in ("{d['k']}", '{d["k"]}', "{ d['k'] }", "\"{d['k']}\"", "'{d[\"k\"]}'"):
        assert qlik(f"oauth-client get {field} -q") == [made.client_id], field
    for name in ("name", "line", "words", "word", "before", "cell", "self", "local_ns"):
        shell.user_ns[name] = made.client_id
        shell.run_cell(f"found = %qlik oauth-client get {{{name}}} -q").raise_error()
        assert shell.user_ns["found"] == [made.client_id], name
    shell.user_ns["given"] = "0" * 32  # a variable of a function counts before the notebook's
    lines = ["def ids(given):", "    found = %qlik oauth-client get {given} -q", "    return found"]
    shell.run_cell("\n".join([*lines, f"found = ids('{made.client_id}')"])).raise_error()
    assert shell.user_ns["found"] == [made.client_id]


def test_json_stays_json_in_an_option_and_in_a_cell(shell, made, qlik):
    shell.user_ns["client"] = made

    def described(words, value="$client {client}"):
        body = json.dumps([{"op": "add", "path": "/description", "value": value}])
        if words.startswith("--"):
            qlik(f"oauth-client patch {made.client_id} {words.replace('BODY', body)}")
        else:
            shell.run_cell_magic("qlik", f"oauth-client patch {words} {made.client_id}", body)
        return qlik(f"oauth-client get {made.client_id}")["description"]

    assert described("--body='BODY'") == described("--body 'BODY'") == "$client {client}"
    assert described("--op add --path /description '--value=${client}'") == "${client}"
    assert described(" -- ", "by cell") == "by cell"


@pytest.mark.parametrize(
    ("words", "column"),
    [
        ("oauth-token ls --userId none", "id"),
        ("oauth-client ls --totalResults --filter 'clientName eq \"none\"'", "createdAt"),
        ("context ls", "server"),
    ],
)
def test_where_there_is_nothing_the_table_has_its_columns(qlik, words, column):
    frame = qlik(words)
    assert isinstance(frame, pd.DataFrame)
    assert (len(frame), [*frame[column]]) == (0, [])
    assert column != "createdAt" or str(frame[column].dtype).startswith("datetime64")
    assert frame.attrs.get("totalResults") == (0 if "totalResults" in words else None)
    assert qlik(f"{words} -q") == []


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
    said = "".join(capsys.readouterr())
    assert "UsageError: Interrupted." in said
    assert "Traceback" not in said


def test_a_new_secret_does_not_show_itself(shell, qlik):
    words = "oauth-client create --appType web --clientName shown-once --allowedScopes user_default"
    answer = qlik(f"{words} --allowedGrantTypes client_credentials --allowedAuthMethods client_secret")
    shown = repr(answer) + shell.display_formatter.format(answer)[0]["text/plain"]
    assert find_canaries(shown, [answer["clientSecret"].reveal()]) == []
    client_id = answer["clientId"]
    more = qlik(f"oauth-client client-secret create --oauth-clientId {client_id}")
    assert repr(more["clientSecret"]) == "<clientSecret>"
    raw = qlik(f"raw post v1/oauth-clients/{client_id}/client-secrets --raw")
    assert repr(raw) == "<answer with a secret in it>"
    assert json.loads(raw.reveal())["clientId"] == client_id
    assert json.loads(qlik(f"oauth-client get {client_id} --raw"))["clientName"] == "shown-once"
    qlik(f"oauth-client rm {client_id} --confirm {client_id}")


def test_a_context_is_chosen_for_the_notebook_alone(contexts, monkeypatch, qlik):
    before = contexts.read_bytes()
    monkeypatch.setenv("QLIK_TENANT_URL", "https://somewhere-else.eu.qlikcloud.com")
    monkeypatch.setenv("QLIK_API_KEY", "not-of-this-tenant")
    chosen = qlik("context use practice")
    assert (chosen["name"], chosen["current"]) == ("practice", True)
    assert qlik("user me")["name"].startswith("Sandbox administrator")
    assert list(qlik("context ls").query("current")["name"]) == ["practice"]
    assert contexts.read_bytes() == before
    assert not (contexts.parents[1] / ".config").exists()


def test_an_alias_does_not_open_a_command_of_the_shell(contexts, monkeypatch, qlik):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(contexts.parents[1] / ".config"))
    qlik("alias add mine token --client x --stdout")
    for line in ("mine", "--json mine", "-v mine --json", "-- mine"):
        with pytest.raises(UsageError, match=r"`token` is for a shell|No such command 'mine'"):
            qlik(line)
    qlik("alias update mine user ls --limit 1")
    assert len(qlik("--raw=false mine")) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("raw get v1/nothing", "404"),
        ("user who", "No such command"),
        ("raw get 'v1", "not closed"),
        ("--show-completion", "is for a shell"),
        ("--install-completion=zsh", "is for a shell"),
        ("oauth-client create --body {", "Check the quotes"),
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
        ("user me --client unknown", "No client with the name 'unknown'"),
    ],
)
def test_what_is_wrong_is_one_line_and_no_traceback(shell, box, line, told, capsys):
    shell.run_cell(f"%qlik {line}")
    said = "".join(capsys.readouterr())
    assert said.startswith("UsageError: ")
    assert told in said
    assert "Traceback" not in said
    assert find_canaries(said, [box.api_key, box.vault_token]) == []


def test_help_is_printed(qlik, capsys):
    def told(line):
        assert qlik(line) is None
        return capsys.readouterr().out

    general, of_context = told("--help"), told("context --help")
    assert "qlik-cli commands:" in general
    assert [each for each in ("-completion", "sandbox", "  demo", "  lab", "  token") if each in general] == []
    assert "rename" in of_context
    assert [each for each in ("  create", "  init", "  update") if each in of_context] == []


def offered(shell, line):
    with provisionalcompleter():
        return {each.text for each in shell.Completer.completions(line, len(line))}


@pytest.mark.usefixtures("made", "contexts")
def test_completion(shell):
    for line, some, none in (
        ("%qlik ", {"user", "raw", "oauth-client", "doctor"}, {"token", "sandbox"}),
        ("df = %qlik oauth-client ", {"ls", "get", "create", "connection-config"}, set()),
        ("%%qlik raw po", {"post"}, {"get"}),
        ("%qlik raw get v1/users/me --q", {"--query", "--quiet"}, {"--insecure"}),
        ("%qlik user me --context ", {"practice", "elsewhere"}, set()),
        ("%qlik context use pr", {"practice"}, {"elsewhere"}),
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
    ):
        found = offered(shell, line)
        assert some <= found, line
        assert not none & found, line
    line = "%qlik user me -q --client 'strange bl"  # what completes a line replaces what was typed
    with provisionalcompleter():
        [found] = [*shell.Completer.completions(line, len(line))]
    shell.run_cell(line[: found.start] + found.text + line[found.end :]).raise_error()
    assert len(shell.user_ns["_"]) == 1


def test_completion_is_quiet_where_nothing_answers(shell, made, monkeypatch, capsys):
    assert made.name in offered(shell, "%qlik user me --client b")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert made.name not in offered(shell, "%qlik user me --client b")
    monkeypatch.delenv("VAULT_ADDR")
    assert made.name not in offered(shell, "%qlik user me --client b")
    assert capsys.readouterr() == ("", "")


def test_a_key_command_returns_its_result(shell, qlik):
    shell.run_cell("made = %qlik provision returned-by-the-magic").raise_error()
    made = shell.user_ns["made"]
    assert isinstance(made, qk.Provisioned)
    assert (made.name, made.created) == ("returned-by-the-magic", True)
    plan = qlik("rotate {made.client_id} --dry-run")
    assert (plan.operation, plan.blocked) == ("rotate", "")
    assert isinstance(qlik("rotate {made.client_id} --at-once"), qk.Rotated)
    assert qlik("retire") == []
    deleted = qlik("delete {made.client_id} --confirm {made.client_id}")
    assert (deleted["operation"], deleted["client_id"]) == ("delete", made.client_id)


def test_a_field_without_a_value_is_an_error_and_is_not_sent_and_other_braces_stay(shell, box, qlik):
    shell.user_ns["d"], before = [], len(box.requests())
    for field in ("{undefined_name}", "{box.nothing}", "x{undefined_name}y", "{d[9]}", "{d + 'x'}", "{1/0}"):
        for line in (f"raw get v1/{field}", f"oauth-client ls --filter '{field}'"):
            with pytest.raises(UsageError, match="has no value"):
                qlik(line)
    assert len(box.requests()) == before
    for word in ("{}", "{1", "$filter", "{{x}}", '{"a": 1}'):
        with pytest.raises(UsageError) as caught:
            qlik(f"frobnicate '{word}'")
        assert "has no value" not in str(caught.value)
