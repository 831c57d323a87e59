"""R1 to R12 for a fleet file that is applied: whatever happens at one of its calls, applied again it is as declared.

`fixtures/harness/declared` says what the file declares, and what is checked; `make soak ARGS=--fleets` has many more.
"""

from __future__ import annotations

import contextlib
import threading
from types import SimpleNamespace

import pytest
from fixtures.harness import guarantees
from fixtures.harness.declared import Application
from fixtures.harness.fleets import run_seeded
from fixtures.harness.sides import PREFIX, Sides
from fixtures.many_runs import ManyRuns
from fixtures.sandbox_client import serving

import qlik_keys as qk
from qlik_keys.fleet.manifest.apply import ApplyWork
from qlik_keys.fleet.manifest.reading import manifest_of
from qlik_keys.fleet.many.side_by_side import DEFAULT_WORKERS
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = pytest.mark.openbao
FIRST_SEED = 20261129  # the same schedules at each run; `make soak` takes others


def test_whatever_happens_at_a_call_it_is_as_declared_when_it_is_applied_again(openbao):
    """A fault, a kill, or another actor who rotates by hand: nothing twice, no orphan, and a second time no write."""
    for seed in range(FIRST_SEED, FIRST_SEED + 9):
        run_seeded(lambda choose: Application(Sides(openbao), choose).run(), seed)


def test_killed_by_kill_9_at_random_requests_it_goes_on(openbao):
    with serving(SandboxTenant) as served:
        sides = Sides(openbao, served=served)
        box = SimpleNamespace(**sides.where, vault_url=openbao.url, vault_token=openbao.token)
        with ManyRuns(box, prefix=PREFIX) as runs:
            run_seeded(lambda choose: Application(sides, choose).run_killed(runs), FIRST_SEED)


def test_interrupted_no_further_client_is_deleted(openbao):
    """R12: of many that are to go, those that have not been started stay."""
    with contextlib.closing(Sides(openbao)) as sides:
        actor, clients = sides.actor, [sides.prepare("plain") for _ in range(10)]
        fleet = qk.Fleet({"t0": (actor.tenant, actor.store)})
        head = f"version: 1\nfleet: f\ntenants: {{t0: {{url: {sides.where['tenant_url']}}}}}\nclients:\n"
        lines = [f"  - {{name: {client.name}, scopes: [user_default]}}\n" for client in clients]
        manifest_of(head + "".join(lines)).apply(fleet, clock=sides.clock)
        first = manifest_of(head + lines[0])
        cancel, heard = threading.Event(), []

        def interrupt(_, applied):
            cancel.set()  # as the runner does at Ctrl-C
            heard.append(applied)

        work = ApplyWork(fleet="f", declared={"t0": first.on("t0")}, prune=True, same_fleet=True, clock=sides.clock)
        [outcome] = fleet.each(work, told=interrupt, cancel=cancel)
        left = [client for client in clients[1:] if sides.clients_named(client.name)]
        assert 1 <= len(heard) <= DEFAULT_WORKERS
        assert len(left) == len(clients) - 1 - len(heard)
        assert {each.outcome for each in outcome.value.changes} == {"done", "skipped"}
        first.apply(fleet, clock=sides.clock, prune=True, same_fleet=True)
        assert sides.resume() == []
        assert [client for client in clients if sides.clients_named(client.name)] == clients[:1]
        guarantees.check_settled(sides, clients[0].client_id)
