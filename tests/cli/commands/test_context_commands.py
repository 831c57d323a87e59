"""qlik-cli's contexts: chosen, made and changed, with the secrets of their file where they are; `--config`; aliases."""

import contextlib
import json
import os
import select
import stat
import subprocess

import pytest
import yaml
from fixtures.canaries import find_canaries
from fixtures.cli_terminal import PROGRAM, Ended
from fixtures.support import machine_client, wait_for, write_contexts

ALONE = {"QLIK_TENANT_URL": None, "QLIK_API_KEY": None}
URL, KIND, KEY, CLIENT, SECRET = "The tenant's URL", "Log in by", "API key:", "Client id", "Client secret:"


@pytest.fixture
def answered(settings):
    """Run a command that asks questions, and answer each when it is asked: a hidden one takes nothing typed before."""

    def run(*words, answers):
        import pty
        import termios

        ours, theirs = pty.openpty()
        environment = {name: value for name, value in settings.items() if name not in ALONE}
        # In a session of its own, so that it asks here and not on the terminal from which the tests are run.
        pipes = {"stdin": theirs, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
        with subprocess.Popen([*PROGRAM, *words], env=environment, **pipes) as process, contextlib.ExitStack() as stack:
            stack.callback(process.kill)
            err = b""
            for question, answer in answers:
                while question.encode() not in err and select.select([process.stderr], [], [], 60)[0]:
                    if not (piece := os.read(process.stderr.fileno(), 4096)):
                        break
                    err += piece
                if question in (KEY, SECRET):  # it throws away what is typed before it hides
                    wait_for(lambda: not termios.tcgetattr(theirs)[3] & termios.ECHO, "it shows what is typed", 60)
                os.write(ours, f"{answer}\n".encode())
            out, rest = process.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        return Ended(process.returncode, out.decode(), (err + rest).decode())

    return run


@pytest.fixture
def file(box, tmp_path):
    file = write_contexts(tmp_path, box)
    file.chmod(0o644)
    return file


@pytest.fixture
def chosen(qlik_keys):
    """List the contexts that are current."""

    def look(**more):
        return [each["name"] for each in json.loads(qlik_keys("context", "ls", **more).out) if each["current"]]

    return look


def contexts(tmp_path):
    return yaml.safe_load((tmp_path / ".qlik" / "contexts.yml").read_text())


def test_a_choice_is_kept_and_the_file_is_not_touched(file, qlik_keys, chosen, box):
    before = (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_mode)
    assert chosen() == ["elsewhere"]
    used = qlik_keys("context", "use", "practice", **ALONE)
    assert (used.code, json.loads(used.out)["server"], used.err) == (0, box.tenant_url, "")
    assert chosen() == ["practice"]
    assert json.loads(qlik_keys("context", "get").out)["name"] == "practice"
    assert json.loads(qlik_keys("user", "me", **ALONE).out)["name"].startswith("Sandbox administrator")
    ended = qlik_keys("user", "me", QLIK_TENANT_URL="http://127.0.0.1:9", QLIK_API_KEY=None)
    assert (ended.code, "No credential is configured" in ended.err) == (1, True)  # its login is for its own tenant
    ended = qlik_keys("context", "use", "nowhere")
    assert (ended.code, "There are: elsewhere, practice" in ended.err) == (1, True)
    assert chosen() == ["practice"]
    shown = "".join(qlik_keys("context", *words).out for words in (["ls"], ["get"], ["get", "elsewhere"]))
    assert find_canaries(shown, [box.api_key, "canary-of-a-client-secret"]) == []
    # A program that is given a token has a file of its own.
    another = file.with_name("of-a-program.yml")
    another.write_text(file.read_text())
    assert chosen(QLIK_CLI_USER_HOME_DIR=str(another)) == ["elsewhere"]
    assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_mode) == before
    # One that is gone is not replaced by another.
    file.write_text(file.read_text().replace("practice", "renamed"))
    ended = qlik_keys("user", "me", **ALONE)
    assert (ended.code, "no qlik-cli context 'practice'" in ended.err) == (1, True)
    assert "qlik-keys context use NAME" in ended.err


def test_ignored_context_settings_are_reported(qlik_keys, file, box):
    file.write_text(
        f"current-context: a\nbase: &b {{comment: x}}\ncontexts:\n"
        f"  a:\n    <<: *b\n    server: {box.tenant_url}?token=canary-in-a-query\n    insecure: true\n"
        f"    headers: {{Authorization: Bearer {box.api_key}}}\n"
    )
    [shown] = json.loads(qlik_keys("context", "ls").out)
    assert shown["server"] == box.tenant_url
    merge, insecure = shown["problems"]
    assert "merge key (<<), which is not supported" in merge
    assert "`insecure` is ignored" in insecure
    me = qlik_keys("user", "me", **ALONE)
    assert (me.code, me.err.count("the setting `insecure` is ignored: certificates are always verified")) == (0, 1)


def test_by_questions_a_context_is_made_tried_and_current(answered, qlik_keys, box, tmp_path):
    answers = [(URL, box.tenant_url), (KIND, "A"), (KEY, box.api_key)]
    ended = answered("context", "init", "practice", answers=answers)
    assert (ended.code, find_canaries(ended.out + ended.err, [box.api_key])) == (0, []), ended.err
    assert f"Connected to {box.tenant_url} as Sandbox administrator" in ended.err
    assert stat.S_IMODE((tmp_path / ".qlik" / "contexts.yml").stat().st_mode) == 0o600
    entry = {"server": box.tenant_url, "server-type": "cloud", "headers": {"Authorization": f"Bearer {box.api_key}"}}
    assert contexts(tmp_path) == {"current-context": "practice", "contexts": {"practice": entry}}
    me = qlik_keys("user", "me", **ALONE)
    assert json.loads(me.out)["name"].startswith("Sandbox administrator"), me.err
    again = answered("context", "init", "practice", answers=())
    assert (again.code, "'practice' exists already" in again.err) == (1, True)


def test_a_login_that_does_not_work_is_not_written(answered, tenant, box, tmp_path):
    ended = answered("context", "init", answers=[(URL, box.tenant_url), (KIND, ""), (KEY, "wrong-key-canary")])
    assert (ended.code, find_canaries(ended.out + ended.err, ["wrong-key-canary"])) == (1, [])
    assert not (tmp_path / ".qlik").exists()
    made = tenant.oauth_clients.create(machine_client("of a context"))
    client_id, secret = made.client.client_id, made.client_secret.reveal()
    answers = [(URL, box.tenant_url), (KIND, "o"), (CLIENT, client_id), (SECRET, secret)]
    ended = answered("context", "init", answers=answers)
    assert (ended.code, find_canaries(ended.out + ended.err, [secret])) == (0, []), ended.err
    written = contexts(tmp_path)
    assert written["current-context"] == tenant.host
    assert written["contexts"][tenant.host]["oauth-client-secret"] == secret
    tenant.oauth_clients.delete(client_id)


def test_a_secret_comes_from_standard_input_or_a_variable(qlik_keys, box, tmp_path):
    words = ("context", "create", "practice", "--server", box.tenant_url)
    made = qlik_keys(*words, "--api-key", "-", stdin=f"{box.api_key}\n")
    assert (made.code, made.err, json.loads(made.out)["login"]) == (0, "", "bearer")
    assert json.loads(qlik_keys("user", "me", "--context", "practice", **ALONE).out)["name"].startswith("Sandbox")

    def update(*given, **more):
        return qlik_keys("context", "update", "practice", "--api-key", *given, **more)

    by_variable = update("env:MINE", MINE="another-key-canary")
    assert (by_variable.code, by_variable.err) == (0, "")
    assert contexts(tmp_path)["contexts"]["practice"]["headers"] == {"Authorization": "Bearer another-key-canary"}
    typed = update("typed-key-canary")
    assert (typed.code, "--api-key - prompts for it" in typed.err) == (0, True)
    assert not find_canaries(typed.out + typed.err, ["typed-key-canary"])
    for given, code in (("", 2), ("env:NOT_THERE", 1)):
        nothing = update(given)
        assert (nothing.code, "is empty" in nothing.err) == (code, True)
    both = update("x", "--oauth-client-id", "y")
    assert (both.code, "two logins" in both.err) == (2, True)
    bad = update("unfit-key-canary-ü")
    assert (bad.code, "Traceback" in bad.err, find_canaries(bad.err, ["unfit-key-canary"])) == (1, False, [])


def test_the_choice_here_follows_the_file(file, qlik_keys, chosen, tmp_path):
    words = [["use", "practice"], ["rename", "practice", "training"], ["rm", "training"], ["clear"]]
    states = [(["practice"], "elsewhere"), (["training"], "elsewhere"), (["elsewhere"], "elsewhere"), ([], "")]
    for command, state in zip(words, states, strict=True):
        assert qlik_keys("context", *command, **ALONE).code == 0
        assert (chosen(), contexts(tmp_path).get("current-context", "")) == state


WRONG_CONFIGS = [
    ("headers: {Authorization: Bearer canary}\n", "has a login but no server"),
    ("server: https://a.example\nheaders: {Authorization: Basic canary}\n", "no bearer"),
    ("server: https://user:canary@a.example\n", "user or a password"),
    ("server: https://a.example\ninsecure: true\n", "always verified"),
    ("server: https://a.example\nserver-type: windows\n", "Qlik Cloud"),
    ("retry: eleven\n", "is not a number from 0 to 10"),
    ("[canary\n", "is not valid YAML"),
]


def test_options_come_from_a_file(qlik_keys, box, file, tmp_path):
    config = tmp_path / "config.yml"

    def me(text, *words, **more):
        config.write_text(text)
        return qlik_keys("user", "me", "-c", str(config), *words, **{**ALONE, **more})

    login = f"server: {box.tenant_url}\nheaders: {{authorization: Bearer {box.api_key}, X-Mine: a}}\n"
    done = me(f"{login}quiet: true\napp: unknown-app\n")
    assert (done.code, len(done.out.split())) == (0, 1)
    assert done.err == f"Note: these settings of {config} are ignored: app.\n"
    assert json.loads(me("context: practice\nretry: 2\ninterval: 1\njson: true\n").out)["status"] == "active"
    for text, told in WRONG_CONFIGS:
        ended = me(text)
        assert (ended.code in (1, 2), told in ended.err) == (True, True), text
        assert ("canary" in ended.err, "Traceback" in ended.err) == (False, False)
    # Its login goes to no other server, and no other login to its server.
    acme = "https://acme.eu.qlikcloud.com"
    ended = me(f"server: {acme}\nheaders: {{Authorization: Bearer {box.api_key}}}\n", "-s", box.tenant_url)
    assert (ended.code, "another tenant" in ended.err) == (1, True)
    ended = me(f"server: {box.tenant_url}\n", QLIK_TENANT_URL=acme, QLIK_API_KEY=box.api_key)
    assert (ended.code, "No credential is configured" in ended.err) == (1, True)


def test_an_alias_is_a_command_and_holds_no_secret(qlik_keys):
    assert qlik_keys("alias", "add", "newest", "user", "ls", "--sort", "-createdAt", "--limit", "1").code == 0
    assert len(json.loads(qlik_keys("newest", "--json").out)) == 1
    listed = [{"name": "newest", "command": "user ls --sort -createdAt --limit 1"}]
    assert json.loads(qlik_keys("alias", "ls").out) == listed
    refused = [
        ("add newest user me", "use alias update"),
        ("add user user me", "the name of a command"),
        ("add x space ls", "`space` of qlik-cli is not available here"),
        ("add x context create y --api-key canary", "must not contain an option with a secret"),
        ("update x user me", "use alias add"),
        ("rm x", "no such alias"),
    ]
    for words, told in refused:
        ended = qlik_keys("alias", *words.split())
        assert (ended.code, told in ended.err) == (2, True), ended.err
    assert qlik_keys("alias", "update", "newest", "user", "count").code == 0
    assert json.loads(qlik_keys("newest").out)["total"] >= 3
    assert qlik_keys("alias", "rm", "newest").code == 0
    assert qlik_keys("newest").code == 2
