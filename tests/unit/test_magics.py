"""The magics in a real IPython shell, on the sandbox; every verb of theirs is in tests/cli/test_words.py."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from canaries import find_canaries
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from support import made_client, write_contexts

import qlik_keys as qk

pytestmark = pytest.mark.openbao


@pytest.fixture(scope="module")
def made(box):
    with made_client(box, "by-magic") as made:
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


def test_our_own_tables_and_the_doctor_are_values_too(shell, made):
    frame = shell.run_line_magic("qlik", "clients")
    assert made.client_id in list(frame["client_id"])
    assert list(shell.run_line_magic("qlik", "audit").columns)[:2] == ["severity", "finding"]
    found = shell.run_line_magic("qlik", "doctor --client by-magic")
    assert isinstance(found, qk.Diagnosis)
    assert found.is_healthy
    assert "no finding" in found.words()


def test_variables_go_in_and_json_stays_json(shell, made):
    shell.user_ns["client"] = made
    assert shell.run_line_magic("qlik", "oauth-client get {client.client_id}")["clientId"] == made.client_id
    assert shell.run_line_magic("qlik", "oauth-client get $client.client_id -q") == [made.client_id]
    body = json.dumps([{"op": "add", "path": "/description", "value": "{client}"}])
    shell.run_line_magic("qlik", f"oauth-client patch {made.client_id} --body '{body}'")
    assert shell.run_line_magic("qlik", f"oauth-client get {made.client_id}")["description"] == "{client}"


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


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("raw get v1/nothing", "404"),
        ("user who", "No such command"),
        ("raw get 'v1", "not closed"),
        ("token --client x --stdout", "is for a shell"),
        ("raw get //elsewhere.example/v1/users/me", "the credential stays here"),
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
    assert "In qlik-cli's words:" in capsys.readouterr().out
    assert shell.run_line_magic("qlik", "raw --help") is None
    assert "Any call to the tenant's REST API" in capsys.readouterr().out


def test_the_panel_by_magic(shell):
    panel = shell.run_line_magic("qlik_keys", "")
    assert isinstance(panel, qk.Panel)


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
    ],
)
@pytest.mark.usefixtures("made", "contexts")
def test_completion(shell, line, some, none):
    found = offered(shell, line)
    assert some <= found
    assert not none & found


def test_completion_is_quiet_where_nothing_can_be_asked(shell, made, monkeypatch, capsys):
    assert made.name in offered(shell, "%qlik user me --client b")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert made.name not in offered(shell, "%qlik user me --client b")
    monkeypatch.delenv("VAULT_ADDR")
    assert made.name not in offered(shell, "%qlik user me --client b")
    assert capsys.readouterr() == ("", "")
