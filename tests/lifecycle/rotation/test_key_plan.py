"""The plan for a client's keys, and the effect of each action: values in, values out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import qlik_keys as qk
from qlik_keys.keystore.base import ClientRecord, StartedOperation, StoredKey
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.provisioning import effects as provisioning_effects
from qlik_keys.lifecycle.provisioning.plan import Conflict, Done, Step
from qlik_keys.lifecycle.provisioning.run import Provisioning
from qlik_keys.lifecycle.record_changes import promoted, to_register
from qlik_keys.lifecycle.rotation.effects import EFFECTS, KeyState, Making, effect_of
from qlik_keys.lifecycle.rotation.plan import KeyIntent, leaving, plan_keys
from qlik_keys.lifecycle.rotation.run import KeyRun
from qlik_keys.tenant import OAuthClient

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
INTENT = KeyIntent(now=NOW)
NEW = replace(INTENT, new_key=True)
MAKING = Making(now=NOW, rotate_after=timedelta(days=90))


@pytest.fixture(scope="module")
def keys():
    return [qk.generate(qk.KeySpec("ES384")) for _ in range(3)]


def stored(key, state, **fields):
    return StoredKey(public=key.public, state=state, made_at=NOW, private=key, **fields)


def record(*held, **fields):
    names = {"tenant_host": "acme.eu.qlikcloud.com", "client_id": "c" * 32, "client_name": "etl", "custody": "kv"}
    token_url = "https://acme.eu.qlikcloud.com/oauth/token"
    return ClientRecord(**names, token_url=token_url, keys={key.kid: key for key in held}, **fields)


def client(*registered, methods=("private_key_jwt",)):
    fields = {"clientId": "c" * 32, "clientName": "etl", "appType": "web", "allowedAuthMethods": list(methods)}
    return OAuthClient.model_validate({**fields, "publicKeys": [key.public.to_dict() for key in registered]})


def next_step(there, held, intent):
    step = plan_keys(there, held, intent)
    return step.action.value if isinstance(step, Step) else type(step)


def test_each_state_has_one_next_step(keys):
    old, new, _ = keys
    verified, forced = replace(INTENT, verified=frozenset({new.kid})), replace(INTENT, force_retire=True)
    one_key, given_up = replace(INTENT, one_key_only=True), replace(INTENT, given_up=True)
    current, upcoming = stored(old, "current"), stored(new, "next")
    promoted, waiting = stored(new, "current"), stored(old, "previous", retire_at=NOW + HOUR)
    due = replace(waiting, retire_at=NOW)
    both, overlapping, over = record(current, upcoming), record(promoted, waiting), record(promoted, due)
    leaving_now = replace(over, overlap_seconds=0)
    table = [
        (client(old), record(current), NEW, "make_next"),
        (client(old), record(current, upcoming, overlap_seconds=60), INTENT, "publish"),
        (client(old, new), both, INTENT, "verify_next"),
        (client(old, new), both, verified, "promote"),
        (client(old, new), overlapping, verified, Done),
        (client(old, new), overlapping, NEW, Conflict),
        (client(old, new), overlapping, INTENT, Done),
        (client(old, new), overlapping, forced, "end_overlap"),
        (client(old), overlapping, forced, Conflict),  # it would lock out
        (client(old, new), over, replace(INTENT, now=NOW - timedelta(seconds=1)), Done),
        (client(old, new), over, INTENT, "end_overlap"),
        (client(old, new), leaving_now, INTENT, "verify_current"),
        (client(old, new), leaving_now, verified, "unpublish"),
        (client(new), leaving_now, INTENT, "retire"),
        (client(new), record(promoted, unpurged=True), INTENT, "purge"),
        (client(new), record(promoted), INTENT, Done),
        (client(old), both, one_key, "swap"),
        (client(old), both, given_up, "retire"),
        (client(old, new), both, given_up, "unpublish"),
    ]
    assert [next_step(*row[:3]) for row in table] == [row[3] for row in table]
    assert plan_keys(client(old), over, INTENT).differences == {"current key": (new.kid, [old.kid])}


def test_a_compromised_key_is_not_registered_and_not_made_current(keys):
    old, new, newest = keys
    operation = StartedOperation(name="revoke", started_at=NOW, compromised=frozenset({old.kid, new.kid}))
    intent = replace(INTENT, operation=operation)
    both = record(stored(old, "current"), stored(new, "next"), version=1, operation=operation)
    assert next_step(client(old), both, intent) == "retire"
    assert next_step(client(old, new), both, intent) == "unpublish"
    assert leaving(both, intent).kid == new.kid
    # After a swap it is all that logs in: it is promoted, and replaced then.
    assert next_step(client(new), both, intent) == "verify_next"
    first = record(stored(old, "current"), version=1, operation=operation)
    assert next_step(client(old), first, intent) == "make_next"
    sound = record(stored(old, "current"), stored(newest, "next"), version=1, operation=operation)
    assert next_step(client(old), sound, intent) == "publish"
    assert [key.kid for key in to_register(sound, intent, without="")] == [newest.kid]
    assert [key.kid for key in to_register(sound, intent, without=newest.kid, restores=True)] == [old.kid]


def test_an_adopted_client_loses_its_secrets_last(keys):
    key = keys[0]
    by_secret, both = client(methods=("client_secret",)), ("client_secret", "private_key_jwt")
    started = replace(INTENT, remove_secrets=True)
    verified, held = replace(started, verified=frozenset({key.kid})), record(stored(key, "current"))
    assert next_step(by_secret, record(), replace(started, new_key=True)) == "make_next"
    assert next_step(by_secret, record(stored(key, "next")), started) == "publish"
    assert next_step(client(key, methods=both), held, started) == "verify_current"
    assert next_step(client(key, methods=both), held, verified) == "remove_secrets"
    assert next_step(client(key), held, started) is Done
    assert next_step(client(methods=both), held, started) is Conflict


def test_an_overlap_in_a_record_ends_within_ten_years(keys):
    old, new, _ = keys
    started = record(stored(old, "current"), stored(new, "next"), overlap_seconds=10**12)
    ended = promoted(started, registered=[old.kid], now=NOW, rotate_after=timedelta(days=1))
    assert ended.keys[old.kid].retire_at == NOW + timedelta(days=3660)


def test_a_record_keeps_the_ten_newest_removed_keys():
    held = record()
    for number in range(12):
        held = held.without_key(f"2026-01-{number + 1:02}")
    assert held.removed_kids == tuple(f"2026-01-{number:02}" for number in range(3, 13))


def test_each_run_has_an_effect_for_each_of_its_actions():
    for run, effects in ((KeyRun, EFFECTS), (Provisioning, provisioning_effects.EFFECTS)):
        assert set(run._actions(run.__new__(run))) == set(effects)


def test_keys_that_came_back_are_removed_before_the_key_that_is_due(keys):
    old, new, gone = keys
    held = record(stored(old, "previous", retire_at=NOW), stored(new, "current"), overlap_seconds=0)
    state = KeyState(client=client(*keys), record=held, intent=INTENT, removed=frozenset({gone.kid}))
    settled = replace(state, removed=frozenset())
    assert state.strays == {gone.kid}
    for before, expected in ((state, [old.kid, new.kid]), (settled, [new.kid, gone.kid])):
        after = effect_of(Action.UNPUBLISH, before, MAKING).client
        assert [key.kid for key in after.public_keys] == expected


def test_the_last_write_of_an_operation_says_that_nothing_is_in_progress(keys):
    old, new, _ = keys
    rotation = StartedOperation(name="rotate", started_at=NOW)
    intent = replace(INTENT, operation=rotation, verified=frozenset({new.kid}))
    held = record(stored(old, "current"), stored(new, "next"), overlap_seconds=3600, operation=rotation)
    overlapping = KeyState(client=client(old, new), record=held, intent=intent, removed=frozenset())
    after = effect_of(Action.PROMOTE, overlapping, MAKING).record
    assert (after.current.kid, after.operation, after.rotate_by) == (new.kid, None, NOW + timedelta(days=90))
    assert after.keys[old.kid].retire_at == NOW + HOUR
    at_once = replace(overlapping, record=replace(held, overlap_seconds=0))
    assert effect_of(Action.PROMOTE, at_once, MAKING).record.operation == rotation  # the old key is still to go
