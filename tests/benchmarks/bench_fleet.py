"""Fleets: rotations a second, by threads and by Dask; an audit of many tenants; rotations under rate limits.

Rotations: the same number of them in a fleet of 20 tenants and in one tenant alone, over the same sandboxes (several
tenants in each process, without limits) and one OpenBao. Processor time is what is short here, not waiting.

Under limits: 100 tenants with 1,000 clients each. The requests are those of one real rotation, in their order and
tiers, paced by the product's own rate budget, and counted by the sandbox's own limits, which refuse what is too much;
each tenant has a clock of its own, so hours pass in seconds. The tenants are run by the fleet's own runner.

The audit's floor asks the same requests again, by httpx and requests, with as many threads, and reads their JSON.
"""

import contextlib
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import hvac
from bench_provision import boundless
from measure import Row, interleaved, compared, main

sys.path.append(str(Path(__file__).parents[1]))
from fixtures.many_tenants import many_tenants
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.fleet.runners.threads import ThreadRunner
from qlik_keys.sandbox.openbao import OpenBao
from qlik_keys.sandbox.simulator.rules.rates import RateLimits
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import RateBudget

AT_ONCE = timedelta(0)
TENANTS = 20, 4
PROCESSES = 4, 2
CLIENTS = 200, 10  # of each tenant
DUE = 10, 2  # of them
LIMITED = (100, 1000), (5, 400)
GOAL_OF_LIMITS = 1.05


def requests_of_a_rotation():
    """Return the tiers of the requests that one rotation without overlap sends to the tenant, in their order."""
    simulator, exchanges = SandboxTenant("https://bench.eu.qlikcloud.com", clock=ManualClock()), []
    options = {"transport": SandboxTransport(simulator), "budget": boundless(), "clock": simulator.clock}
    with (
        OpenBao.start() as vault,
        qk.QlikTenant(simulator.base_url, credential=qk.ApiKey(simulator.api_key), **options) as tenant,
        qk.VaultKeyStore(vault.url, token=vault.token, clock=simulator.clock) as store,
    ):
        made = qk.provision(tenant, store, name="ours", scopes=["user_default"], clock=simulator.clock)
        tenant.subscribe(exchanges.append)
        qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE, clock=simulator.clock)
    return [exchange.tier for exchange in exchanges]


def under_limits(quick):
    tenants, clients = LIMITED[quick]
    tiers, seconds, all_started = requests_of_a_rotation(), {}, threading.Barrier(tenants)

    class Paced:
        """A tenant of which only the pace counts."""

        @contextlib.contextmanager
        def connect(self):
            yield None, None

    def work(name, _tenant, _store, *, told, cancel):
        all_started.wait(60)  # no tenant waits for another's end
        clock, limits = ManualClock(), RateLimits()
        budget, began = RateBudget(clock=clock), clock.time()
        for _ in range(clients):
            for tier in tiers:
                budget.acquire(tier)
                limits.count(tier=tier, caller="", per_minute={1: 1000, 2: 100}[tier], now=clock.monotonic())
        seconds[name] = clock.time() - began

    fleet = qk.Fleet({f"tenant-{number}": qk.TenantReference(url="https://x.eu.qlikcloud.com") for number in range(tenants)})
    members = [(name, Paced()) for name in fleet.names]
    outcomes = ThreadRunner().run(work, members, told=lambda *_: None, cancel=threading.Event())
    assert [each.error for each in outcomes] == [None] * tenants
    # What the limit allows: the first window's share at once, then as many as the window forgets.
    of_tier = {tier: tiers.count(tier) * clients for tier in (1, 2)}
    least = max((of_tier[tier] - 1) // (5 * limit) * 300 for tier, limit in ((1, 1000), (2, 100)))
    yield Row(
        name=f"{tenants} tenants x {clients} clients rotated under limits, simulated, to the slowest tenant's least",
        floor=least,
        ours=max(seconds.values()),
        unit="s",
        ratio=max(seconds.values()) / least,
        goal=GOAL_OF_LIMITS,
    )


@contextlib.contextmanager
def opened(count, processes, vault, *, seeded):
    """Yield tenants by name, each of them open with a budget that never waits, and its key store."""
    with contextlib.ExitStack() as stack:
        here = [
            tenant
            for _ in range(processes)
            for tenant in stack.enter_context(many_tenants(count // processes, seeded=seeded))
        ]
        yield {
            f"tenant-{number:02}": (
                stack.enter_context(tenant.open(budget=boundless())),
                stack.enter_context(qk.VaultKeyStore(vault.url, token=vault.token)),
            )
            for number, tenant in enumerate(here)
        }


def provisioned(tenant, store, count):
    for number in range(count):
        qk.provision(tenant, store, name=f"due-{number}", scopes=["user_default"])


def rotations(quick):
    count, due = TENANTS[quick], DUE[quick]
    with OpenBao.start() as vault, opened(count + 1, 1, vault, seeded=0) as alone:
        del alone
    with (
        OpenBao.start() as vault,
        opened(count, PROCESSES[quick], vault, seeded=CLIENTS[quick] - due) as sides,
        opened(1, 1, vault, seeded=0) as alone,
    ):
        with ThreadPoolExecutor(4) as pool:
            [*pool.map(lambda each: provisioned(*each, due), sides.values())]
        provisioned(*alone["tenant-00"], count * due)
        variants = {
            "one tenant": lambda: rotated(qk.Fleet(alone), count * due),
            "threads": lambda: rotated(qk.Fleet(sides), count * due),
        }
        seconds = interleaved(variants, ROUNDS[quick])
        yield compared(f"{count * due} rotations in {count} tenants, to as many in one", seconds)


def rotated(fleet, expected):
    time.sleep(1.1)  # dates are in whole seconds
    results = fleet.rotate_due(before=datetime.now(UTC), overlap=AT_ONCE)
    assert [each.outcome for each in results if each.outcome != "skipped"] == ["rotated"] * expected


def rows(quick):
    yield from under_limits(quick)


if __name__ == "__main__":
    main(rows)
