"""What a fleet's work does where its result cannot hold a secret, and what reaches each client's run there."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from fixtures.harness.steps import interrupt, provision

import qlik_keys as qk
from qlik_keys.errors import FleetError, ManualActionRequired
from qlik_keys.fleet.runners.threads import ThreadRunner

pytestmark = pytest.mark.openbao
DAY = timedelta(days=1)


class Elsewhere(ThreadRunner):
    """Threads that count as another machine."""

    sends_results = True


def test_a_client_secret_is_made_only_where_it_can_be_shown(world, name):
    options = {"name": name, "scopes": ["user_default"], "client_secret": True}
    interrupt(qk.provision, world.tenant, world.store, **options, at="write_pending")
    fleet = qk.Fleet({"here": (world.tenant, world.store)}, runner=Elsewhere())
    with pytest.raises(FleetError) as caught:
        fleet.resume()
    [failure] = caught.value.failures
    assert isinstance(failure.error, ManualActionRequired)
    assert "without the cluster" in failure.error.hint
    assert world.clients_named(name) == []
    [result] = fleet.with_runner("threads").resume()
    assert (result.name, result.outcome) == (name, "finished")
    assert result.resumed.result.client_secret is not None
    world.assert_settled(name, secret=result.resumed.result.client_secret.reveal())


def test_hooks_of_a_fleets_run_are_run_for_each_client_and_by_its_resume(world, name, tmp_path):
    made = [provision(world.tenant, world.store, f"{name}-{number}", rotate_after=DAY) for number in range(2)]
    fleet = qk.Fleet({"here": (world.tenant, world.store)})
    ids = tuple(each.client_id for each in made)
    told = tmp_path / "told"
    code = f"import os; open({str(told)!r}, 'a').write(os.environ['QLIK_KEYS_HOOK_ID'] + '\\n')"
    tells = qk.Hook("tell", command=[sys.executable, "-c", code])
    fails = qk.Hook("tell", command=[sys.executable, "-c", "raise SystemExit(1)"])
    selection = qk.Selection(clients=ids, due=True, within=2 * DAY)
    results = fleet.run("rotate", selection, hooks=[fails])
    assert [each.outcome for each in results] == ["rotated"] * 2
    assert all(each.result.pending_hooks == ("tell",) for each in results)
    assert not told.exists()
    fleet.resume(hooks=[tells])
    kids = {each.client_id: each.result.kid for each in results}
    assert sorted(told.read_text().split()) == sorted(f"{client}/{kid}/tell" for client, kid in kids.items())
