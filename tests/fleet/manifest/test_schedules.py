"""Schedules on a declared fleet: the keys that they replace stay as the file says, so no difference comes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

import qlik_keys as qk
from qlik_keys.fleet.manifest.reading import manifest_of

pytestmark = pytest.mark.openbao
DECLARED = timedelta(days=30)


@pytest.fixture
def fleet(world):
    return qk.Fleet({"here": (world.tenant, world.store)})


@pytest.fixture
def ids(world, fleet, name):
    """A declared client with an overlap of its own, one without, and one that is not declared."""
    manifest = manifest_of(
        f"version: 1\nfleet: {name}\ndefaults: {{scopes: [user_default], rotate-after: 30d}}\n"
        f"tenants: {{here: {{url: https://acme.eu.qlikcloud.com}}}}\nclients:\n"
        f"  - {{name: {name}-week, overlap: 7d}}\n  - {{name: {name}-none, overlap: 0h}}\n"
    )
    made = {each.change.client.removeprefix(f"{name}-"): each.client_id for each in manifest.apply(fleet).changes}
    plain = qk.provision(
        world.tenant, world.store, name=f"{name}-plain", scopes=["user_default"], rotate_after=DECLARED
    )
    return manifest, made | {"plain": plain.client_id}


def age(world, client_id, by):
    """Make a client's key older."""
    record = world.store.read(world.tenant.host, client_id)
    key = record.current
    used = key.promoted_at or key.made_at
    older = record.with_key(replace(key, made_at=key.made_at - by, promoted_at=used - by))
    world.store.write(replace(older, rotate_by=record.rotate_by - by), read_back=False)


def serves(world, client_id):
    record = world.store.read(world.tenant.host, client_id)
    return record.rotate_after, {state: len(record.in_state(state)) for state in ("current", "previous")}


@pytest.mark.parametrize("how", ["rotate_due", "selection", "one", "revoke"])
def test_a_key_that_is_replaced_serves_as_declared_and_the_plan_shows_no_drift(world, fleet, ids, how):
    manifest, found = ids
    for client_id in found.values():
        age(world, client_id, DECLARED)
    if how == "rotate_due":
        results = qk.rotate_due(world.tenant, world.store, client_ids=[*found.values()])
        assert {each.outcome for each in results} == {"rotated"}
    elif how == "selection":
        due = qk.Selection(due=True)
        plan = fleet.plan("rotate", due)
        assert plan.irreversible  # one of them is declared to have no overlap
        assert not fleet.plan("rotate", due, overlap=timedelta(hours=1)).irreversible
        assert {each.outcome for each in fleet.run(plan)} == {"rotated"}
    else:
        operation = qk.rotate if how == "one" else qk.revoke
        for client_id in found.values():
            operation(world.tenant, world.store, client_id)
    assert manifest.plan(fleet).changes == ()
    one_and = {"current": 1, "previous": 0 if how == "revoke" else 1}
    assert serves(world, found["week"]) == (DECLARED, one_and)
    assert serves(world, found["none"]) == (DECLARED, {"current": 1, "previous": 0})
    assert serves(world, found["plain"]) == (DECLARED, one_and)  # as long as the key before
    if how != "revoke":
        record = world.store.read(world.tenant.host, found["week"])
        assert record.old_keys_end - record.current.promoted_at == timedelta(days=7)
    # What is asked for counts.
    world_of = (world.tenant, world.store)
    qk.rotate(*world_of, found["none"], overlap=timedelta(hours=2), rotate_after=timedelta(days=5))
    assert serves(world, found["none"]) == (timedelta(days=5), {"current": 1, "previous": 1})


def test_a_declared_key_that_serves_for_less_than_the_time_ahead_is_not_rotated_at_each_run(world, fleet, ids):
    _, found = ids
    ahead = qk.Selection(due=True, within=timedelta(days=45), clients=(found["week"],))
    assert fleet.run("rotate", ahead) == []
    age(world, found["week"], timedelta(days=16))  # in the second half of its time
    assert [each.outcome for each in fleet.run("rotate", ahead)] == ["rotated"]
    assert fleet.run("rotate", ahead) == []
