"""Hooks after a promotion: told which key and no secret, at least once, and nothing old goes before they succeed."""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import threading
import traceback
from dataclasses import replace
from datetime import timedelta

import pytest
from fixtures.canaries import find_canaries
from fixtures.leaks import below_the_test, verbose, with_locals
from fixtures.loopback import Loopback, Reply
from fixtures.support import wait_for

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, HookFailed, Interrupted, ManualActionRequired, ResumeError
from qlik_keys.lifecycle.hooks.running import HookCall

pytestmark = pytest.mark.openbao
PASS_WORD = "correct-horse-battery-staple-42"
WORKS = qk.Hook("restart", command=["true"])
FAILS = {
    "exit code": (["sh", "-c", "echo broken; exit 3"], "exit code 3. It wrote: 'broken'"),
    "too slow": (["sh", "-c", "echo waits; sleep 60 & wait"], "did not end within 0.3 seconds and was stopped"),
    "no such program": (["/no/such/program"], "cannot be started (FileNotFoundError)"),
    "killed": (["sh", "-c", "kill -9 $$"], "ended by the signal 9"),
}


def asked(sides, operation, client, *, by=None, **options):
    actor = by or sides.other
    return getattr(qk, operation)(actor.tenant, actor.store, client.client_id, clock=sides.clock, **options)


def resumed(sides, *hooks, **options):
    return qk.resume(sides.other.tenant, sides.other.store, hooks=hooks, clock=sides.clock, **options)


def pending(sides, client):
    return sides.other.store.read(sides.host, client.client_id).pending_hooks


def registered(sides, client):
    return [key["kid"] for key in sides.client(client.client_id)["publicKeys"]]


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_a_program_is_told_which_key_and_gets_no_secret(sides, tmp_path, monkeypatch):
    """No login of the environment, not under another name either, no key; what it does not need is in no argument."""
    told = tmp_path / "told"
    client, api_key, receiver = sides.prepare("plain"), sides.where["api_key"], f"https://{PASS_WORD}.example"
    secrets = {"QLIK_API_KEY": api_key, "MY_TENANT_KEY": api_key, "VAULT_TOKEN": sides.vault.token}
    for name, value in {**secrets, "BAO_TOKEN": sides.vault.token, "RECEIVER": receiver, "KEPT": "yes"}.items():
        monkeypatch.setenv(name, value)
    hooks = [
        qk.Hook(
            "restart", command=["sh", "-c", f'env > {told}; tr "\\0" " " < /proc/$$/cmdline >> {told}; cat >> {told}']
        ),
        qk.Hook("elsewhere", url_variable="RECEIVER", clients=["other-*", "0" * 32]),
    ]
    steps = []
    done = asked(sides, "rotate", client, hooks=hooks, on_step=lambda event: steps.append((event.step, event.phase)))
    assert (done.pending_hooks, pending(sides, client), steps[-1]) == ((), (), ("run_hook", "after"))
    environment = dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)
    assert environment["QLIK_KEYS_HOOK_ID"] == f"{client.client_id}/{done.kid}/restart"
    names = ("CLIENT_ID", "CLIENT_NAME", "KID", "TENANT")
    url = sides.where["tenant_url"]
    assert [environment[f"QLIK_KEYS_{name}"] for name in names] == [client.client_id, client.name, done.kid, url]
    assert environment["KEPT"] == "yes"
    keys = {kid: parts["d"] for kid, parts in sides.keys(client.client_id).items() if "d" in parts}
    assert find_canaries(told.read_bytes(), {**keys, **secrets, "receiver": receiver}) == []


@pytest.mark.parametrize("way", FAILS)
def test_while_one_fails_the_old_key_stays_and_is_reported(way, sides, monkeypatch):
    command, words = FAILS[way]
    client = sides.prepare("plain")
    monkeypatch.setenv("OUTPUT", sides.where["api_key"])
    failing = qk.Hook("restart", command=command, timeout=timedelta(seconds=0.3 if way == "too slow" else 60))
    done = asked(sides, "rotate", client, hooks=[failing], overlap=timedelta(hours=1))
    assert words in done.warnings[0]
    assert (done.made_key, done.pending_hooks, len(done.old_kids)) == (True, ("restart",), 1)
    sides.clock.advance(7200)
    with pytest.raises(ManualActionRequired, match="stays until these hooks have succeeded: restart"):
        asked(sides, "retire_due", client)
    assert qk.retire_due(sides.other.tenant, sides.other.store, clock=sides.clock) == []
    with pytest.raises(ManualActionRequired, match="keeps its old key until these hooks"):
        asked(sides, "rotate", client)
    [row] = qk.audit(sides.other.tenant, sides.other.store, clock=sides.clock).itertuples()
    assert (row.code, row.severity, row.command) == ("QK319", "high", "qlik-keys resume")
    assert "Pending: restart, since 20" in row.meaning
    if way == "exit code":
        with pytest.raises(ResumeError, match="exit code 3") as caught:
            resumed(sides, failing)
        assert isinstance(caught.value.failures[0].error, HookFailed)
        forced = asked(sides, "retire_due", client, force=True)
        assert (len(forced), pending(sides, client)) == (1, ("restart",))
    [finished] = resumed(sides, WORKS)
    assert (finished.operation, finished.result.pending_hooks) == ("hooks", ())
    assert registered(sides, client) == [done.kid]
    assert resumed(sides) == []


def test_a_cancellation_ends_the_program_and_leaves_the_hook_pending(sides, tmp_path):
    client, pid, cancel = sides.prepare("plain"), tmp_path / "pid", threading.Event()
    waits = qk.Hook("waits", command=["sh", "-c", f"echo $$ > {pid}; sleep 300 & wait"])

    def cancel_once_it_runs():
        wait_for(lambda: pid.exists() and pid.read_text().strip(), "the program")
        cancel.set()

    def listen(event):
        if (event.step, event.phase) == ("run_hook", "before"):
            threading.Thread(target=cancel_once_it_runs).start()

    with pytest.raises(Interrupted, match="while a hook was running"):
        asked(sides, "rotate", client, hooks=[waits], cancel=cancel, on_step=listen)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert pending(sides, client) == ("waits",)
    background = qk.Hook("waits", command=["sh", "-c", f"sleep 300 & echo $! > {pid}"])
    assert resumed(sides, background)[0].result.pending_hooks == ()
    os.kill(int(pid.read_text()), signal.SIGKILL)  # it goes on, and was not waited for


def test_what_a_failing_program_writes_is_shown_without_secrets(sides, monkeypatch):
    client, api_key = sides.prepare("plain"), sides.where["api_key"]
    loud = qk.Hook("loud", command=["sh", "-c", f"yes filler | head -c 300000; echo bad key {api_key}; exit 1"])
    [warning, *_] = asked(sides, "rotate", client, hooks=[loud]).warnings
    assert "bad key" in warning
    assert len(warning) < 1000
    assert find_canaries(warning, {"API key": api_key}) == []
    assert resumed(sides, qk.Hook("loud", command=["true"]))


def test_each_operation_waits_where_it_must_and_a_revocation_does_not(sides, tmp_path):
    """With no overlap, and before secrets are removed, the hook comes first; a compromised key goes before it."""
    seen = tmp_path / "seen"
    fails, works = (
        qk.Hook("tell", command=["sh", "-c", f"echo $QLIK_KEYS_HOOK_ID >> {seen}; exit {n}"]) for n in (1, 0)
    )
    at_once, compromised, adopted = sides.prepare("plain"), sides.prepare("plain"), sides.prepare("secret only")
    [old] = registered(sides, at_once)
    done = asked(sides, "rotate", at_once, overlap=timedelta(0), hooks=[fails])
    assert (registered(sides, at_once), done.old_kids, done.retired) == ([old, done.kid], (old,), ())
    steps = []
    revoked = asked(sides, "revoke", compromised, hooks=[fails], on_step=lambda event: steps.append(event.step))
    assert (registered(sides, compromised), pending(sides, compromised)) == ([revoked.kid], ("tell",))
    assert steps.index("unpublish") < steps.index("settle") < steps.index("run_hook")
    kept = asked(sides, "adopt", adopted, remove_secrets=True, hooks=[fails])
    assert sides.client(adopted.client_id)["allowedAuthMethods"] == ["client_secret", "private_key_jwt"]
    assert "not removed until the pending hooks succeed" in kept.warnings[-1]
    results = {item.client_id: item for item in resumed(sides, works)}
    assert [results[each.client_id].operation for each in (at_once, compromised, adopted)] == [
        "hooks",
        "hooks",
        "adopt",
    ]
    assert registered(sides, at_once) == [done.kid]
    assert sides.client(adopted.client_id)["allowedAuthMethods"] == ["private_key_jwt"]
    ids = seen.read_text().split()
    assert sorted(ids) == sorted(2 * [f"{each.client_id}/{each.kid}/tell" for each in (done, revoked, kept)])
    assert resumed(sides) == []


def test_a_rotation_that_was_interrupted_before_the_promotion_still_names_its_hooks(sides):
    """The one who finishes it has no definitions; nor does the one who rotates once more."""
    client = sides.prepare("plain")
    sides.do("rotate", client, until="verify_next", hooks=[WORKS])
    [finished] = resumed(sides)
    assert (finished.operation, finished.result.pending_hooks) == ("rotate", ("restart",))
    planned = qk.preview(sides.other.tenant, sides.other.store, "resume", hooks=[WORKS], clock=sides.clock)
    assert ([step.action for step in planned.steps], "the program 'true'" in planned.to_text()) == (["run_hook"], True)
    assert pending(sides, client) == ("restart",)
    [dropped] = resumed(sides, drop_hooks=["restart"])
    assert (dropped.result.pending_hooks, resumed(sides)) == ((), [])


def test_with_two_at_work_it_may_run_twice_with_one_id_and_a_newer_key_is_left_alone(sides, monkeypatch):
    """While the hook of one runs, the other resumes (it is told again), or revokes the key that it is told of."""
    for other in ("resume", "revoke"):
        client, told = sides.prepare("plain"), []

        def answer(call, other=other, client=client, told=told):
            told.append(call.json["hook_id"])
            if len(told) == 1 and other == "resume":
                resumed(sides, qk.Hook("refresh", url_variable="RECEIVER"))
            elif len(told) == 1:
                asked(sides, "revoke", client)
            return Reply(204)

        with Loopback(answer) as receiver:
            monkeypatch.setenv("RECEIVER", receiver.url)
            done = asked(sides, "rotate", client, by=sides.actor, hooks=[qk.Hook("refresh", url=receiver.url)])
        assert set(told) == {f"{client.client_id}/{done.kid}/refresh"}
        record = sides.other.store.read(sides.host, client.client_id)
        if other == "resume":
            assert (done.warnings, done.pending_hooks, record.pending_hooks, len(told)) == ((), (), (), 2)
        else:
            assert "has succeeded, but the record may still name it" in done.warnings[0]
            assert registered(sides, client) == [record.current.kid] != [done.kid]
            assert record.operation is None
            resumed(sides, drop_hooks=["refresh"])
    assert resumed(sides) == []


def test_an_address_is_told_by_post_and_is_shown_nowhere(sides, monkeypatch, caplog):
    """Its path is a secret. A redirect is not followed; the answer's body is not read."""
    caplog.set_level(logging.DEBUG)
    client, answers = (
        sides.prepare("plain"),
        [Reply(302, headers={"location": "/other"}), Reply(500, b"no"), Reply(202)],
    )
    with Loopback(lambda _: answers.pop(0)) as receiver:
        hook = qk.Hook("refresh", url_variable="RECEIVER")
        said = [asked(sides, "rotate", client, hooks=[hook]).warnings[0]]  # the variable is not set
        monkeypatch.setenv("RECEIVER", f"{receiver.url}/{PASS_WORD}")
        for _ in range(2):
            with pytest.raises(ResumeError) as caught:
                resumed(sides, hook)
            said += [str(caught.value), "".join(traceback.format_exception(caught.value))]
        [done] = resumed(sides, qk.Hook("refresh", url=f"{receiver.url}/{PASS_WORD}"))
    for words in ("RECEIVER is not set", "answered 302, a redirect, which is not followed", "answered 500"):
        assert any(words in text for text in said), words
    assert {call.target for call in receiver.calls} == {f"/{PASS_WORD}"}
    [first, *_] = receiver.calls
    assert first.json == {
        "hook_id": f"{client.client_id}/{done.result.kid}/refresh",
        "hook": "refresh",
        "client_id": client.client_id,
        "client_name": client.name,
        "kid": done.result.kid,
        "tenant": sides.where["tenant_url"],
    }
    assert json.loads(first.headers["idempotency-key"]) == first.json["hook_id"]
    assert not {"authorization", "cookie"} & {name.lower() for name in first.headers}
    shown = [*said, caplog.text, repr(hook), json.dumps(sides.document(client.client_id))]
    assert find_canaries("\n".join(shown), {"path": PASS_WORD}) == []


def test_a_record_that_was_edited_can_name_a_hook_and_not_define_one(sides, tmp_path):
    """What is not defined here is reported; what is defined runs for the client that the tenant knows by its name."""
    client, trace = sides.prepare("plain"), tmp_path / "ran"
    record = sides.other.store.read(sides.host, client.client_id)
    names = (f"touch {trace}", "\x1b[2Jrestart", "for-others", *(f"n{number}" for number in range(300)))
    sides.other.store.write(replace(record, pending_hooks=names, client_name="payroll"))
    defined = qk.Hook("for-others", command=["touch", str(trace)], clients=["payroll"])
    [done] = resumed(sides, defined)
    told = "\n".join(done.result.warnings)
    assert ("and 298 more" in told, "\x1b" in told, len(told) < 1000) == (True, False, True)
    [row] = qk.audit(sides.other.tenant, sides.other.store, clock=sides.clock).itertuples()
    assert ("\x1b" in row.meaning, "touch" in row.meaning) == (False, True)
    assert (trace.exists(), len(pending(sides, client))) == (False, len(names))
    resumed(sides, drop_hooks=names)
    assert resumed(sides) == []


WRONG = [
    ({}, "exactly one of command and URL"),
    ({"command": ["true"], "url": "https://a.example"}, "exactly one"),
    ({"command": []}, "no program"),
    ({"command": ["a\0b"]}, "no program"),
    ({"command": ["true"], "name": "Restart It"}, "not a name"),
    ({"command": ["true"], "timeout": timedelta(0)}, "time limit"),
    ({"command": ["true"], "timeout": timedelta(hours=2)}, "time limit"),
    ({"command": ["true"], "clients": []}, "no client"),
    ({"url": f"http://receiver.example/{PASS_WORD}"}, "plain http"),
    ({"url": f"https://user:{PASS_WORD}@receiver.example"}, "user name or a password"),
    ({"url": f"file:///{PASS_WORD}"}, "not a URL"),
    ({"url_variable": "https://a.example"}, "not the name of a variable"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_definition_that_is_wrong_is_refused_and_not_quoted(wrong, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        qk.Hook(**{"name": "restart", **wrong})
    error = caught.value.with_traceback(below_the_test(caught.tb))
    shown = verbose(error) + with_locals(error)
    assert find_canaries(shown, {"url": PASS_WORD}) == []


def test_types_pickles_and_names(sides):
    client = sides.prepare("plain")
    for hooks in ("restart", [1], 5, WORKS, [lambda: None]):
        with pytest.raises(TypeError):
            asked(sides, "rotate", client, hooks=hooks)
    with pytest.raises(ConfigurationError, match="Two hooks"):
        asked(sides, "revoke", client, hooks=[WORKS, WORKS])
    for words in ({"command": "true"}, {"command": [1]}, {"command": ["true"], "timeout": 5}, {"url": 5}):
        with pytest.raises(TypeError):
            qk.Hook("restart", **words)
    twin = pickle.loads(pickle.dumps(qk.Hook("a-b", url_variable="RECEIVER", clients=["etl-*"])))
    assert (twin.to_text(), twin.clients) == ("a-b: the URL in RECEIVER, at most 5 minutes", ("etl-*",))
    with pytest.raises(TypeError, match="url_variable"):
        pickle.dumps(qk.Hook("a", url=f"https://{PASS_WORD}.example"))
    told = HookCall(hook="a", client_id="b", client_name="c\0d", kid="e", tenant="f")
    assert told.environment()["QLIK_KEYS_CLIENT_NAME"] == "c d"
