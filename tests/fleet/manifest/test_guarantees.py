"""R1 to R12 for a fleet file that is applied: whatever happens at one of its calls, applied again it is as declared.

`fixtures/harness/declared` says what the file declares, and what is checked; `make soak ARGS=--fleets` has many more.
"""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from fixtures.harness.declared import Application
from fixtures.harness.fleets import run_seeded
from fixtures.harness.sides import PREFIX, Sides
from fixtures.many_runs import ManyRuns
from fixtures.sandbox_client import serving

from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = pytest.mark.openbao


def test_whatever_happens_at_a_call_it_is_as_declared_when_it_is_applied_again(openbao):
    """A fault, a kill, or another actor who rotates by hand: nothing twice, no orphan, and a second time no write."""
    first = random.SystemRandom().randrange(10**9)
    for seed in range(first, first + 16):
        run_seeded(lambda choose: Application(Sides(openbao), choose).run(), seed)


def test_killed_by_kill_9_at_random_requests_it_goes_on(openbao):
    with serving(SandboxTenant) as served:
        sides = Sides(openbao, served=served)
        box = SimpleNamespace(**sides.where, vault_url=openbao.url, vault_token=openbao.token)
        with ManyRuns(box, prefix=PREFIX) as runs:
            seed = random.SystemRandom().randrange(10**9)
            run_seeded(lambda choose: Application(sides, choose).run_killed(runs), seed)
