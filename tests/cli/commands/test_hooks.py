"""Hooks on the command line: the file and its mistakes, a kill -9 in between, and what reports that one is pending."""

import json
import uuid

import pytest
from fixtures.canaries import find_canaries
from fixtures.cli_terminal import in_a_pipe
from fixtures.leaks import verbose, with_locals

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError

SECRET = "T0123ABCD/B0456EFGH/x8Kq2Lw9Zr4Tn6Vb1Yc3Mdf"
JWT = "eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJldGwifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"


@pytest.fixture
def made(tenant, store):
    name = f"hooked-{uuid.uuid4().hex[:8]}"
    made = qk.provision(tenant, store, name=name, scopes=["user_default"])
    yield made
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)


@pytest.mark.openbao
def test_killed_between_promotion_and_hook_it_runs_once_more_with_the_same_id(
    qlik_keys, settings, store, made, tmp_path
):
    """`kill -9` of the very process, at the moment at which the hook is told."""
    host = settings["QLIK_TENANT_URL"].removeprefix("http://")
    path, told = tmp_path / "hooks.yaml", tmp_path / "told"
    text = f"""
        hooks:
          restart-etl:
            command: [sh, -c, 'echo $QLIK_KEYS_HOOK_ID >> {told}; KILL']
            clients: ["hooked-*"]
            timeout: 1m30s
          others: {{command: [touch, {told}.others], clients: [payroll]}}
    """
    path.write_text(text.replace("KILL", "kill -9 $PPID"))
    planned = qlik_keys("rotate", made.name, "--dry-run", QLIK_KEYS_HOOKS=str(path))
    assert "Note: A hook runs after the promotion: restart-etl: the program 'sh', at most 90 seconds." in planned.out
    killed = in_a_pipe(["rotate", made.name, "--hooks", str(path)], settings)
    assert killed.code == -9
    record = store.read(host, made.client_id)
    assert (record.pending_hooks, record.current.kid != made.kid) == (("restart-etl",), True)

    [finding] = [row for row in json.loads(qlik_keys("audit", "--json").out) if row["client_id"] == made.client_id]
    assert (finding["code"], finding["finding"]) == ("QK319", "hook-pending")
    assert "hook-pending" in qlik_keys("doctor", "--client", made.name).out
    refused = qlik_keys("retire", made.name)
    assert (refused.code, "until these hooks have succeeded: restart-etl" in refused.err) == (1, True)
    assert "not defined here" in qlik_keys("resume").err

    path.write_text(text.replace("KILL", "false"))
    failed = qlik_keys("resume", "--hooks", str(path), "--json")
    assert (failed.code, "exit code 1" in json.loads(failed.err)["message"]) == (1, True)
    path.write_text(text.replace("KILL", "true"))
    assert qlik_keys("resume", QLIK_KEYS_HOOKS=str(path)).code == 0
    assert told.read_text().split() == 3 * [f"{made.client_id}/{record.current.kid}/restart-etl"]
    assert not (tmp_path / "told.others").exists()
    assert qlik_keys("resume").out == "There was no interrupted operation.\n"

    path.write_text(text.replace("KILL", "false"))
    assert qlik_keys("retire", made.name, "--force", "-q").code == 0
    rotated = qlik_keys("rotate", made.name, "--hooks", str(path), "--json")
    assert (rotated.code, json.loads(rotated.out)[0]["pending_hooks"]) == (0, ["restart-etl"])
    assert qlik_keys("resume", "--drop-hook", "restart-etl", "-q").code == 0
    assert store.read(host, made.client_id).pending_hooks == ()


MISTAKES = {
    "nothing": ("", "1:1: The file is empty; it needs the key `hooks`"),
    "no hooks": ("hook: {}", "1:1: There is no such key here; did you mean hooks?"),
    "none": ("hooks: {}", "1:8: This must not be empty"),
    "indent": ("hooks:\n  a:\n    command: [x]\n   url: y", "4:4: This is not valid YAML"),
    "unknown": ("hooks:\n  a:\n    comand: [x]", "3:5: There is no such key here; did you mean command?"),
    "twice": ("hooks:\n  a: {command: [x]}\n  a: {command: [y]}", "3:3: This key is in line 2 already"),
    "shell": ("hooks:\n  a:\n    command: systemctl restart", "3:14: A list is expected here"),
    "name": ("hooks:\n  Restart It: {command: [x]}", "2:3: This is not a name for a hook"),
    "both": ("hooks:\n  a: {command: [x], url: https://a.example}", "2:3: The hook 'a' needs exactly one"),
    "time": ("hooks:\n  a: {command: [x], timeout: soon}", "2:3: The time limit is not a duration"),
    "plain": ("hooks:\n  a: {url: http://a.example/x}", "2:3: "),
    "alias": ("hooks: &a\n  b: *a", "1:8: Anchors and aliases"),
    "login": ("hooks:\n  a:\n    url: https://user:SECRET@a.example", "3:10: This looks like a secret"),
    "path": ("hooks:\n  a:\n    url: https://hooks.example/services/SECRET", "3:10: This looks like a secret"),
    "argument": (
        f"hooks:\n  a: {{command: [curl, -H, 'Authorization: Bearer {JWT}']}}",
        "2:27: This looks like a secret",
    ),
    "key": ("hooks:\n  SECRET: {command: [x]}", "2:3: "),
    "UTF-16": ("hooks: {}".encode("utf-16"), "1:1: The file is UTF-16 text; save it as UTF-8"),
    "two": ("hooks:\n  a: {comand: [x]}\n  B: {command: x}", "has 3 mistakes"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_file_is_told_by_its_place_and_without_its_value(mistake, tmp_path):
    text, words = MISTAKES[mistake]
    path = tmp_path / "hooks.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.replace("SECRET", SECRET).encode())
    with pytest.raises(ConfigurationError) as caught:
        qk.read_hooks(path)
    assert words in str(caught.value)
    assert "mistakes" in words or f"{path}:{words}" in str(caught.value)
    shown = verbose(caught.value) + with_locals(caught.value)
    assert find_canaries(shown, {"secret": SECRET, "token": JWT}) == []


def test_a_file_that_is_missing_is_told_before_anything_is_asked(qlik_keys, box, tmp_path):
    before = len(box.requests())
    ended = qlik_keys("rotate", "some", "--hooks", str(tmp_path / "none.yaml"))
    assert (ended.code, "cannot be read: No such file or directory" in ended.err, len(box.requests())) == (
        1,
        True,
        before,
    )
