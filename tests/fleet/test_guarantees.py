"""R1 to R12 for operations by a fleet: failing at their calls, with another actor at them, and in random schedules.

Each row has every ninth or eighth call, the faults in turn; `make soak ARGS=--fleets` has many more schedules, and
`make soak ARGS=--faults` each fault at each call. `fixtures/harness` says what a case is, and what is checked of it.
"""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from fixtures.harness import by_fleet, cases, guarantees
from fixtures.harness.by_fleet import STATES
from fixtures.harness.cases import Case, some_calls
from fixtures.harness.fleets import FleetSchedule, kill_at_random, run_seeded
from fixtures.harness.line import FAULTS
from fixtures.harness.sides import PREFIX, Sides
from fixtures.many_runs import ManyRuns
from fixtures.sandbox_client import serving
from fixtures.vault_server import VaultServer

import qlik_keys as qk
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = pytest.mark.openbao
FIRST_SEED = 20261129  # the same schedules at each run; `make soak` takes others


@pytest.fixture
def sides(openbao, custody):
    sides = Sides(openbao, custody)
    yield sides
    sides.close()


@pytest.mark.parametrize("custody", ["kv"])
def test_a_revocation_of_before_an_order_replaces_a_key_that_another_user_has_only_rotated(sides):
    """R10: the key that is compromised still logs in, for the time of the overlap."""
    client = sides.prepare("plain")
    kid, parts = next(iter(sides.keys(client.client_id).items()))
    sides.clock.advance(5)
    order = datetime.fromtimestamp(sides.clock.time(), UTC)
    sides.clock.advance(5)
    sides.other.act("rotate", client)
    assert sides.logs_in(client.client_id, kid, parts)
    fleet = qk.Fleet({"t": (sides.actor.tenant, sides.actor.store)})
    told = {"made_before": order, "clock": sides.clock}
    fleet.run("revoke", qk.Selection(clients=[client.client_id]), **told)
    assert not sides.logs_in(client.client_id, kid, parts)
    guarantees.check_settled(sides, client.client_id)
    assert fleet.plan("revoke", qk.Selection(clients=[client.client_id]), **told).count == 0


@pytest.mark.parametrize(("operation", "state"), STATES)
def test_an_operation_by_a_fleet_that_fails_at_any_call_is_finished_or_forgotten(openbao, operation, state):
    row = STATES.index((operation, state))
    with contextlib.closing(Sides(openbao, ("kv", "transit")[row % 2])) as sides:
        cases.run(sides, Case(operation, state))
        faults = itertools.islice(itertools.cycle(FAULTS), row, None)
        assert cases.run_all(sides, Case(operation, state), faults, some_calls(row, 9)) > 5


@pytest.mark.parametrize("custody", ["kv"])
@pytest.mark.parametrize(
    ("operation", "state", "other"),
    [
        *itertools.product(["rotate by fleet"], ["plain"], ["rotate", "rotate by fleet", "revoke"]),
        *itertools.product(["rotate at once by fleet"], ["plain"], ["revoke by fleet"]),
        ("rotate", "plain", "revoke by fleet"),
        ("revoke", "plain", "rotate by fleet"),
        ("revoke by fleet", "plain", "rotate"),
        ("retire by fleet", "rotate", "rotate by fleet"),
        *itertools.product(["adopt by fleet"], ["secret only"], ["adopt", "adopt by fleet"]),
        ("resume by fleet", "rotate until publish", "resume by fleet"),
    ],
)
def test_another_actor_at_any_call_leaves_one_winner_and_working_logins(sides, operation, state, other):
    calls = some_calls(len(operation + other), 8)
    assert cases.run_all(sides, Case(operation, state, other=other), itertools.repeat(""), calls) > 3


def test_with_a_dead_tenant_and_a_vault_sealed_in_the_middle_all_are_done_in_the_end_and_none_twice(openbao, tmp_path):
    """By a fleet's threads, while another actor changes some of the clients; one client is bad."""
    with VaultServer(tmp_path) as sealable:
        sealable.make_ready()
        for seed in range(FIRST_SEED, FIRST_SEED + 3):
            run_seeded(lambda choose: FleetSchedule(openbao, sealable, choose).run(), seed)


def test_killed_by_kill_9_at_random_requests_it_goes_on_and_none_is_done_twice(openbao):
    with contextlib.ExitStack() as stack:
        tenants = []
        for _ in range(2):
            served = stack.enter_context(serving(SandboxTenant))
            tenants.append(stack.enter_context(contextlib.closing(Sides(openbao, served=served))))
        vault = {"vault_url": openbao.url, "vault_token": openbao.token}
        boxes = [SimpleNamespace(**sides.where, **vault) for sides in tenants]
        runs = stack.enter_context(ManyRuns(*boxes, prefix=PREFIX))
        kills = []
        run_seeded(lambda choose: kills.append(kill_at_random(tenants, runs, choose)), FIRST_SEED)
        assert kills[0] > 0


@pytest.mark.parametrize("custody", ["kv"])
def test_killed_before_its_hook_has_run_a_fleet_runs_it_when_asked_to_resume(sides, tmp_path):
    """R5: whatever call it is killed at; told by the client's id and the key's, at least once."""
    seen = tmp_path / "seen"
    hook = qk.Hook("tell", command=["sh", "-c", f"echo $QLIK_KEYS_HOOK_ID >> {seen}"])
    ran = []
    for fault, first in (("killed", 0), ("killed after", 1)):
        for call in some_calls(first, 2):
            client = sides.prepare("plain")
            old = sides.document(client.client_id)["kid"]
            sides.actor.line.fail_at(call, fault)
            told = cases.told_by(
                lambda client=client: by_fleet.OPERATIONS["rotate by fleet"](
                    sides.actor.tenant, sides.actor.store, client, clock=sides.clock, hooks=[hook]
                )
            )
            sides.actor.line.calm()
            seen.touch()
            before = seen.read_text().split()
            was_promoted = sides.document(client.client_id)["kid"] != old
            resumed = qk.Fleet({"t": (sides.other.tenant, sides.other.store)}).resume(hooks=[hook], clock=sides.clock)
            after = seen.read_text().split()
            kid = sides.document(client.client_id)["kid"]
            if kid != old:
                assert set(after) == {f"{client.client_id}/{kid}/tell"}
                ran.append((was_promoted, before != after, resumed[0].resumed.operation if resumed else ""))
            assert sides.other.store.read(sides.host, client.client_id).pending_hooks == ()
            seen.unlink()
            sides.forget(client.name)
            if told.problem is None:
                break
    assert (True, True, "hooks") in ran
    assert (False, True, "rotate") in ran
