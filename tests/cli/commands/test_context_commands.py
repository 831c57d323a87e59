"""`context create|init|update|rename|rm|clear`: qlik-cli's file by questions, by standard input, by a variable."""

from __future__ import annotations

import json
import os
import select
import stat
import subprocess
import time

import pytest
import yaml
from fixtures.canaries import find_canaries
from fixtures.cli_terminal import PROGRAM, Ended
from fixtures.support import machine_client, write_contexts

import qlik_keys as qk

pytestmark = pytest.mark.openbao

ALONE = {"QLIK_TENANT_URL": None, "QLIK_API_KEY": None}
URL, KIND, KEY, CLIENT, SECRET = "The tenant's URL", "Log in by", "API key:", "Client id", "Client secret:"


@pytest.fixture
def answered(settings):
    """Run a command that asks questions, and answer each when it is asked: a hidden one takes nothing typed before."""

    def run(*words, answers=()):
        environment = {name: value for name, value in settings.items() if name not in ALONE}
        import pty
        import termios

        ours, theirs = pty.openpty()
        # In a session of its own, so that it asks here and not on the terminal of whoever runs the tests.
        process = subprocess.Popen(
            [*PROGRAM, *words],
            env=environment,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        err = b""
        try:
            for question, answer in answers:
                while question.encode() not in err and select.select([process.stderr], [], [], 60)[0]:
                    piece = os.read(process.stderr.fileno(), 4096)
                    if not piece:
                        break
                    err += piece
                if question in (KEY, SECRET):  # it throws away what is typed before it hides
                    for _ in range(6000):
                        if not termios.tcgetattr(theirs)[3] & termios.ECHO:
                            break
                        time.sleep(0.01)
                os.write(ours, f"{answer}\n".encode())
            out, rest = process.communicate(timeout=60)
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)
        return Ended(process.returncode, out.decode(), (err + rest).decode())

    return run


def contexts(tmp_path):
    return yaml.safe_load((tmp_path / ".qlik" / "contexts.yml").read_text())


def current(tmp_path):
    return contexts(tmp_path).get("current-context", "")


def test_by_questions_a_context_is_made_tried_and_current(answered, qlik_keys, box, tmp_path):
    answers = [(URL, box.tenant_url), (KIND, "A"), (KEY, box.api_key)]
    ended = answered("context", "init", "practice", answers=answers)
    assert ended.code == 0, ended.err
    assert f"Connected to {box.tenant_url} as Sandbox administrator" in ended.err
    assert not find_canaries(ended.out + ended.err, [box.api_key])
    file = tmp_path / ".qlik" / "contexts.yml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    entry = {"server": box.tenant_url, "server-type": "cloud", "headers": {"Authorization": f"Bearer {box.api_key}"}}
    assert contexts(tmp_path) == {"current-context": "practice", "contexts": {"practice": entry}}
    me = qlik_keys("user", "me", **ALONE)
    assert json.loads(me.out)["name"].startswith("Sandbox administrator"), me.err
    again = answered("context", "init", "practice")
    assert (again.code, "'practice' exists already" in again.err) == (1, True)


def test_a_login_that_does_not_work_is_not_written(answered, tenant, box, tmp_path):
    answers = [(URL, box.tenant_url), (KIND, ""), (KEY, "wrong-key-canary")]
    ended = answered("context", "init", answers=answers)
    assert ended.code == 1
    assert not find_canaries(ended.out + ended.err, ["wrong-key-canary"])
    assert not (tmp_path / ".qlik").exists()
    client = tenant.oauth_clients.create(machine_client("of a context"))
    made, secret = client.client.client_id, client.client_secret.reveal()
    answers = [(URL, box.tenant_url), (KIND, "o"), (CLIENT, made), (SECRET, secret)]
    ended = answered("context", "init", answers=answers)
    assert ended.code == 0, ended.err
    assert not find_canaries(ended.out + ended.err, [secret])
    name = current(tmp_path)
    assert name == tenant.host
    assert contexts(tmp_path)["contexts"][name]["oauth-client-secret"] == secret
    tenant.oauth_clients.delete(made)


def test_a_secret_comes_from_standard_input_or_a_variable(qlik_keys, box, tmp_path):
    words = ("context", "create", "practice", "--server", box.tenant_url)
    made = qlik_keys(*words, "--api-key", "-", stdin=f"{box.api_key}\n")
    assert (made.code, made.err, json.loads(made.out)["login"]) == (0, "", "bearer")
    assert json.loads(qlik_keys("user", "me", "--context", "practice", **ALONE).out)["name"].startswith("Sandbox")
    by_variable = qlik_keys("context", "update", "practice", "--api-key", "env:MINE", MINE="another-key-canary")
    assert (by_variable.code, by_variable.err) == (0, "")
    assert contexts(tmp_path)["contexts"]["practice"]["headers"] == {"Authorization": "Bearer another-key-canary"}
    typed = qlik_keys("context", "update", "practice", "--api-key", "typed-key-canary")
    assert (typed.code, "--api-key - prompts for it" in typed.err) == (0, True)
    shown = typed.out + typed.err + qlik_keys("context", "ls").out + qlik_keys("context", "get", "practice").out
    assert not find_canaries(shown, ["typed-key-canary"])
    for given, code in (("", 2), ("env:NOT_THERE", 1)):
        nothing = qlik_keys("context", "update", "practice", "--api-key", given)
        assert (nothing.code, "is empty" in nothing.err) == (code, True)
    both = qlik_keys("context", "update", "practice", "--api-key", "x", "--oauth-client-id", "y")
    assert (both.code, "two logins" in both.err) == (2, True)
    bad = qlik_keys("context", "update", "practice", "--api-key", "unfit-key-canary-ü")
    assert (bad.code, "Traceback" in bad.err, find_canaries(bad.err, ["unfit-key-canary"])) == (1, False, [])


def test_the_choice_here_follows_the_file(qlik_keys, box, tmp_path):
    write_contexts(tmp_path, box)

    def chosen():
        return [each["name"] for each in json.loads(qlik_keys("context", "ls").out) if each["current"]]

    assert qlik_keys("context", "use", "practice", **ALONE).code == 0
    assert qlik_keys("context", "rename", "practice", "training").code == 0
    assert (chosen(), current(tmp_path)) == (["training"], "elsewhere")
    assert qlik_keys("context", "rm", "training").code == 0
    assert (chosen(), current(tmp_path)) == (["elsewhere"], "elsewhere")
    assert qlik_keys("context", "clear").code == 0
    assert (chosen(), current(tmp_path)) == ([], "")


def test_options_come_from_a_file(qlik_keys, box, tmp_path):
    file = tmp_path / "config.yml"
    file.write_text(
        f"server: {box.tenant_url}\nheaders: {{authorization: Bearer {box.api_key}, X-Mine: a}}\nquiet: true\n"
        "app: none-of-ours\n"
    )
    done = qlik_keys("user", "me", "-c", str(file), **ALONE)
    assert (done.code, len(done.out.split()), done.err) == (0, 1, f"Note: these settings of {file} are ignored: app.\n")
    write_contexts(tmp_path, box)
    file.write_text("context: practice\nretry: 2\ninterval: 1\njson: true\n")
    assert json.loads(qlik_keys("--config", str(file), "user", "me", **ALONE).out)["status"] == "active"
    canary = "canary-in-a-config"
    wrong = {
        f"headers: {{Authorization: Bearer {canary}}}\n": "has a login but no server",
        f"server: https://a.example\nheaders: {{Authorization: Basic {canary}}}\n": "no bearer",
        f"server: https://user:{canary}@a.example\n": "user or a password",
        "server: https://a.example\ninsecure: true\n": "always verified",
        "server: https://a.example\nserver-type: windows\n": "Qlik Cloud",
        "retry: eleven\n": "is not a number from 0 to 10",
        f"[{canary}\n": "is not valid YAML",
    }
    for text, told in wrong.items():
        file.write_text(text)
        ended = qlik_keys("user", "me", "-c", str(file), **ALONE)
        assert ended.code in (1, 2), text
        assert told in ended.err, text
        assert canary not in ended.err
        assert "Traceback" not in ended.err


def test_a_config_s_login_goes_to_no_other_server(qlik_keys, box, tmp_path):
    file = tmp_path / "config.yml"
    file.write_text(f"server: https://acme.eu.qlikcloud.com\nheaders: {{Authorization: Bearer {box.api_key}}}\n")
    ended = qlik_keys("user", "me", "-c", str(file), "-s", box.tenant_url, **ALONE)
    assert (ended.code, "another tenant" in ended.err) == (1, True)
    file.write_text(f"server: {box.tenant_url}\n")
    ended = qlik_keys("user", "me", "-c", str(file), QLIK_TENANT_URL="https://acme.eu.qlikcloud.com")
    assert (ended.code, "No credential is configured" in ended.err) == (1, True)


def test_an_alias_is_a_command_and_holds_no_secret(qlik_keys):
    assert qlik_keys("alias", "add", "newest", "user", "ls", "--sort", "-createdAt", "--limit", "1").code == 0
    assert len(json.loads(qlik_keys("newest", "--json").out)) == 1
    assert json.loads(qlik_keys("alias", "ls").out) == [
        {"name": "newest", "command": "user ls --sort -createdAt --limit 1"}
    ]
    refused = [
        (["add", "newest", "user", "me"], "use alias update"),
        (["add", "user", "user", "me"], "the name of a command"),
        (["add", "x", "space", "ls"], "`space` of qlik-cli is not available here"),
        (["add", "x", "context", "create", "y", "--api-key", "canary"], "must not contain an option with a secret"),
        (["update", "x", "user", "me"], "use alias add"),
        (["rm", "x"], "no such alias"),
    ]
    for words, told in refused:
        ended = qlik_keys("alias", *words)
        assert (ended.code, told in ended.err) == (2, True), ended.err
    assert qlik_keys("alias", "update", "newest", "user", "count").code == 0
    assert json.loads(qlik_keys("newest").out)["total"] >= 3
    assert qlik_keys("alias", "rm", "newest").code == 0
    assert qlik_keys("newest").code == 2


def test_the_completion_of_a_shell_is_one_that_runs(qlik_keys):
    script = qlik_keys("completion", "bash")
    assert (script.code, script.err) == (0, "")
    assert script.out == qlik_keys("completion", "BASH").out
    checked = subprocess.run(["bash", "-n"], input=script.out, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "_QLIK_KEYS_COMPLETE=complete_bash" in script.out
    assert qlik_keys("version").out.strip() == qk.__version__
    assert "tcsh" not in qlik_keys("completion", "tcsh").out
