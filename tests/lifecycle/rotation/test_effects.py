"""The effect of each action on a client and its record: values in, values out, and both runs use it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import qlik_keys as qk
from qlik_keys.keystore.base import ClientRecord, StartedOperation, StoredKey
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.provisioning import effects as provisioning_effects
from qlik_keys.lifecycle.provisioning.run import Provisioning
from qlik_keys.lifecycle.rotation.effects import EFFECTS, KeyState, Making, effect_of
from qlik_keys.lifecycle.rotation.plan import KeyIntent
from qlik_keys.lifecycle.rotation.run import KeyRun
from qlik_keys.tenant import OAuthClient

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MAKING = Making(now=NOW, rotate_after=timedelta(days=90))


@pytest.fixture(scope="module")
def keys():
    return [qk.generate(qk.KeySpec("ES384")) for _ in range(3)]


def stored(key, state, **fields):
    return StoredKey(public=key.public, state=state, made_at=NOW, private=key, **fields)


def state_of(registered, held, *, methods=("private_key_jwt",), removed=(), intent=None, **fields):
    client = OAuthClient.model_validate(
        {
            "clientId": "c" * 32,
            "clientName": "etl",
            "appType": "web",
            "allowedAuthMethods": list(methods),
            "publicKeys": [key.public.to_dict() for key in registered],
        }
    )
    record = ClientRecord(
        tenant_host="acme.eu.qlikcloud.com",
        client_id="c" * 32,
        client_name="etl",
        token_url="https://acme.eu.qlikcloud.com/oauth/token",
        custody="kv",
        keys={key.kid: key for key in held},
        **fields,
    )
    kids = frozenset(key.kid for key in removed)
    return KeyState(client=client, record=record, intent=intent or KeyIntent(now=NOW), removed=kids)


def registered_after(action, state):
    return [key.kid for key in effect_of(action, state, MAKING).client.public_keys]


def test_each_run_has_an_effect_for_each_of_its_actions():
    for run, effects in ((KeyRun, EFFECTS), (Provisioning, provisioning_effects.EFFECTS)):
        assert set(run._actions(run.__new__(run))) == set(effects)


def test_a_new_key_is_registered_next_to_the_old_one_with_its_method(keys):
    old, new, other = keys
    state = state_of([old, other], [stored(old, "current"), stored(new, "next")], methods=("client_secret",))
    after = effect_of(Action.PUBLISH, state, MAKING)
    assert [key.kid for key in after.client.public_keys] == [old.kid, other.kid, new.kid]
    assert after.client.public_keys[-1].to_dict() == new.public.to_dict()
    assert after.client.allowed_auth_methods == ("client_secret", "private_key_jwt")
    assert after.record == state.record
    assert [key.kid for key in state.client.public_keys] == [old.kid, other.kid]  # a value: nothing is changed in place


def test_a_swap_leaves_the_new_key_alone(keys):
    old, new, _ = keys
    state = state_of([old], [stored(old, "current"), stored(new, "next")])
    assert registered_after(Action.SWAP, state) == [new.kid]


def test_keys_that_came_back_are_taken_off_before_the_key_that_is_due(keys):
    old, new, gone = keys
    due = stored(old, "previous", retire_at=NOW)
    state = state_of([old, new, gone], [due, stored(new, "current")], removed=[gone], overlap_seconds=0)
    assert state.strays == {gone.kid}
    assert registered_after(Action.UNPUBLISH, state) == [old.kid, new.kid]
    assert registered_after(Action.UNPUBLISH, replace(state, removed=frozenset())) == [new.kid, gone.kid]


def test_the_last_write_of_an_operation_says_that_nothing_is_in_progress(keys):
    old, new, _ = keys
    rotation = StartedOperation(name="rotate", started_at=NOW)
    intent = KeyIntent(now=NOW, operation=rotation, verified=frozenset({new.kid}))
    held = [stored(old, "current"), stored(new, "next")]
    overlapping = state_of([old, new], held, intent=intent, overlap_seconds=3600, operation=rotation)
    after = effect_of(Action.PROMOTE, overlapping, MAKING)
    assert (after.record.current.kid, after.record.operation) == (new.kid, None)
    assert after.record.rotate_by == NOW + timedelta(days=90)
    assert after.record.keys[old.kid].retire_at == NOW + timedelta(hours=1)
    at_once = replace(overlapping, record=replace(overlapping.record, overlap_seconds=0))
    assert effect_of(Action.PROMOTE, at_once, MAKING).record.operation == rotation  # the old key is still to go


def test_a_verified_key_is_noted_and_client_secrets_go(keys):
    old, new, _ = keys
    held = [stored(old, "current"), stored(new, "next")]
    state = state_of([old, new], held, methods=("client_secret", "private_key_jwt"))
    assert effect_of(Action.VERIFY_NEXT, state, MAKING).intent.verified == {new.kid}
    assert effect_of(Action.VERIFY_CURRENT, state, MAKING).intent.verified == {old.kid}
    after = effect_of(Action.REMOVE_SECRETS, state, MAKING)
    assert (after.client.client_secrets, after.client.allowed_auth_methods) == ((), ("private_key_jwt",))
