"""The plan for a client's keys: each state names one next step, and no order of steps locks anybody out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import qlik_keys as qk
from qlik_keys.keystore.base import ClientRecord, StartedOperation, StoredKey
from qlik_keys.lifecycle.provisioning.plan import Conflict, Done, Step
from qlik_keys.lifecycle.record_changes import to_register
from qlik_keys.lifecycle.rotation.plan import KeyIntent, leaving, plan_keys
from qlik_keys.tenant import OAuthClient

NOW = datetime(2026, 3, 1, tzinfo=UTC)
INTENT = KeyIntent(now=NOW)
NEW = replace(INTENT, new_key=True)


@pytest.fixture(scope="module")
def keys():
    return [qk.generate(qk.KeySpec("ES384")) for _ in range(3)]


def stored(key, state, **fields):
    return StoredKey(public=key.public, state=state, made_at=NOW, private=key, **fields)


def record(*held, **fields):
    return ClientRecord(
        tenant_host="acme.eu.qlikcloud.com",
        client_id="c" * 32,
        client_name="etl",
        token_url="https://acme.eu.qlikcloud.com/oauth/token",
        custody="kv",
        keys={key.kid: key for key in held},
        **fields,
    )


def client(*registered, methods=("private_key_jwt",)):
    return OAuthClient.model_validate(
        {
            "clientId": "c" * 32,
            "clientName": "etl",
            "appType": "web",
            "allowedAuthMethods": list(methods),
            "publicKeys": [key.public.to_dict() for key in registered],
        }
    )


def next_step(there, held, intent):
    step = plan_keys(there, held, intent)
    return step.action.value if isinstance(step, Step) else type(step)


def test_the_steps_of_a_rotation_in_order(keys):
    old, new, _ = keys
    verified = frozenset({new.kid})
    later = NOW + timedelta(hours=1)
    current, upcoming = stored(old, "current"), stored(new, "next")
    promoted, waiting = stored(new, "current"), stored(old, "previous", retire_at=later)
    due = replace(waiting, retire_at=NOW)
    table = [
        (client(old), record(current), NEW, "make_next"),
        (client(old), record(current, upcoming, overlap_seconds=60), INTENT, "publish"),
        (client(old, new), record(current, upcoming), INTENT, "verify_next"),
        (client(old, new), record(current, upcoming), replace(INTENT, verified=verified), "promote"),
        (client(old, new), record(promoted, waiting), replace(INTENT, verified=verified), Done),
        (client(old, new), record(promoted, waiting), NEW, Conflict),
        (client(old, new), record(promoted, due), INTENT, "end_overlap"),
        (client(old, new), record(promoted, due, overlap_seconds=0), INTENT, "verify_current"),
        (client(old, new), record(promoted, due, overlap_seconds=0), replace(INTENT, verified=verified), "unpublish"),
        (client(new), record(promoted, due, overlap_seconds=0), INTENT, "retire"),
        (client(new), record(promoted, unpurged=True), INTENT, "purge"),
        (client(new), record(promoted), INTENT, Done),
    ]
    for there, held, intent, expected in table:
        assert next_step(there, held, intent) == expected, expected


def test_a_retirement_that_would_lock_out_is_a_conflict(keys):
    old, new, _ = keys
    held = record(stored(new, "current"), stored(old, "previous", retire_at=NOW))
    step = plan_keys(client(old), held, INTENT)
    assert isinstance(step, Conflict)
    assert step.differences == {"current key": (new.kid, [old.kid])}
    early = record(stored(new, "current"), stored(old, "previous", retire_at=NOW + timedelta(hours=1)))
    assert next_step(client(old), early, replace(INTENT, force_retire=True)) is Conflict


def test_force_takes_a_key_whose_overlap_is_not_over(keys):
    old, new, _ = keys
    held = record(stored(new, "current"), stored(old, "previous", retire_at=NOW + timedelta(hours=1)))
    assert next_step(client(old, new), held, INTENT) is Done
    assert next_step(client(old, new), held, replace(INTENT, force_retire=True)) == "end_overlap"


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
    registered = [key.kid for key in to_register(sound, intent, without="")]
    assert registered == [newest.kid]
    assert [key.kid for key in to_register(sound, intent, without=newest.kid, restores=True)] == [old.kid]


def test_the_overlap_ends_at_its_second(keys):
    old, new, _ = keys
    held = record(stored(new, "current"), stored(old, "previous", retire_at=NOW))
    assert next_step(client(old, new), held, replace(INTENT, now=NOW - timedelta(seconds=1))) is Done
    assert next_step(client(old, new), held, INTENT) == "end_overlap"


def test_where_the_tenant_takes_one_key(keys):
    old, new, _ = keys
    held = record(stored(old, "current"), stored(new, "next"))
    assert next_step(client(old), held, replace(INTENT, one_key_only=True)) == "swap"
    given_up = replace(INTENT, given_up=True)
    assert next_step(client(old), held, given_up) == "retire"
    assert next_step(client(old, new), held, given_up) == "unpublish"


def test_an_adopted_client_loses_its_secrets_last(keys):
    key = keys[0]
    both = ("client_secret", "private_key_jwt")
    adopting = replace(NEW, remove_secrets=True)
    started = replace(adopting, new_key=False)
    assert next_step(client(methods=("client_secret",)), record(), adopting) == "make_next"
    assert next_step(client(methods=("client_secret",)), record(stored(key, "next")), started) == "publish"
    held = record(stored(key, "current"))
    assert next_step(client(key, methods=both), held, started) == "verify_current"
    assert (
        next_step(client(key, methods=both), held, replace(started, verified=frozenset({key.kid}))) == "remove_secrets"
    )
    assert next_step(client(key), held, started) is Done
    assert next_step(client(methods=both), held, started) is Conflict
