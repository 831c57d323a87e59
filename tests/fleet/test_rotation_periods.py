"""How long a new key serves: as long as the one before it, on one client and on many, and never due again at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

import qlik_keys as qk

pytestmark = pytest.mark.openbao
DAY = timedelta(days=1)


def test_a_new_key_serves_as_long_as_the_one_before_and_no_run_rotates_it_again(world, name):
    sides = (world.tenant, world.store)
    client_id = qk.provision(*sides, name=name, scopes=["user_default"], rotate_after=10 * DAY).client_id

    def serves():
        return world.store.read(world.tenant.host, client_id).rotate_after

    for change in (qk.rotate, qk.revoke):
        kept = {"overlap": timedelta(0)} if change is qk.rotate else {}
        change(*sides, client_id, **kept)
        assert serves() // DAY == 10
    qk.rotate(*sides, client_id, rotate_after=30 * DAY)
    assert serves() == 30 * DAY
    qk.retire_due(*sides, client_id, force=True)

    fleet = qk.Fleet({"here": sides})
    always_due = qk.Selection(clients=[client_id], due=True, within=40 * DAY)
    [rotated] = fleet.run("rotate", always_due)
    assert rotated.outcome == "rotated"
    assert any("served 30d" in warning for warning in rotated.result.warnings)
    assert serves() == 90 * DAY
    assert fleet.plan("rotate", always_due).count == 0
