"""Fleets: rotations by threads and by Dask, an audit of many tenants, a plan of a fleet file, and rate limits.

Rotations: as many in a fleet of tenants as in one tenant alone, over the same kind of sandbox (several tenants in each
process, without limits) and one OpenBao; then the same fleet by a Dask cluster with two worker processes. Processor
time is what is short here, not waiting, so a cluster on this machine cannot be faster than threads.

Under limits: 100 tenants with 1,000 clients each. The requests are those of one real rotation, in their order and
tiers, paced by the product's own rate budget, and counted by the sandbox's own limits, which refuse what is too much;
each tenant has a clock of its own, so hours pass in seconds. The tenants are run by the fleet's own runner.

The audit's floor asks the same requests again, by httpx and requests, with as many threads, and reads their JSON.
"""

import contextlib
import dataclasses
import json
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import hvac
import requests
from bench_provision import boundless
from measure import Row, compared, interleaved, main

sys.path.append(str(Path(__file__).parents[1]))
from fixtures.dask_cluster import DaskCluster
from fixtures.many_tenants import many_tenants
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.core.side_by_side import WORKERS
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
ROUNDS = 2, 1
AUDITED = 500, 20  # clients of each tenant
DECLARED = 2000, 40
LIMITED = (100, 1000), (5, 400)
GOAL_OF_LIMITS = 1.05
GOAL_OF_DASK = 0.9
GOAL_OF_THE_AUDIT = 1.2
GOAL_OF_THE_PLAN = 1.1
PER_MINUTE = {1: 1000, 2: 100}


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
                limits.count(tier=tier, caller="", per_minute=PER_MINUTE[tier], now=clock.monotonic())
        seconds[name] = clock.time() - began

    members = [(f"tenant-{number}", Paced()) for number in range(tenants)]
    outcomes = ThreadRunner().run(work, members, told=lambda *_: None, cancel=threading.Event())
    assert [each.error for each in outcomes] == [None] * tenants
    # What the limit allows: the first window's share at once, then as many as the window forgets.
    of_tier = {tier: tiers.count(tier) * clients for tier in (1, 2)}
    least = max((of_tier[tier] - 1) // (5 * limit) * 300 for tier, limit in PER_MINUTE.items())
    yield Row(
        name=f"{tenants} tenants x {clients} clients rotated under limits, simulated, to the slowest tenant's least",
        floor=least,
        ours=max(seconds.values()),
        unit="s",
        ratio=max(seconds.values()) / least,
        goal=GOAL_OF_LIMITS,
    )


@dataclasses.dataclass
class Sides:
    """Tenants of one Vault, open with budgets that never wait, and the same tenants as references.

    A reference's secrets are in variables.
    """

    vault: object
    api_keys: dict
    pairs: dict

    @property
    def secrets(self):
        """The variables that the references name."""
        return {"VAULT_TOKEN": self.vault.token} | {_variable(name): key for name, key in self.api_keys.items()}

    @property
    def references(self):
        vault = qk.VaultReference(address=self.vault.url)
        return {
            name: qk.TenantReference(url=tenant.url, api_key_variable=_variable(name), vault=vault)
            for name, (tenant, _) in self.pairs.items()
        }

    def provision(self, count):
        """Make so many clients on each tenant."""

        def make(sides):
            for number in range(count):
                qk.provision(*sides, name=f"due-{number}", scopes=["user_default"])

        with ThreadPoolExecutor(WORKERS) as pool:
            [*pool.map(make, self.pairs.values())]


def _variable(name):
    return f"KEY_OF_{name}".replace("-", "_").upper()


@contextlib.contextmanager
def opened(count, processes, vault, *, seeded):
    """Yield `count` tenants, each with `seeded` clients of other programs."""
    with contextlib.ExitStack() as stack:
        here = [
            tenant
            for _ in range(processes)
            for tenant in stack.enter_context(many_tenants(count // processes, seeded=seeded))
        ]
        named = {f"tenant-{number:02}": tenant for number, tenant in enumerate(here)}
        pairs = {
            name: (
                stack.enter_context(tenant.open(budget=boundless())),
                stack.enter_context(qk.VaultKeyStore(vault.url, token=vault.token)),
            )
            for name, tenant in named.items()
        }
        yield Sides(vault=vault, api_keys={name: tenant.api_key for name, tenant in named.items()}, pairs=pairs)


def rotated(fleet, expected):
    """Rotate all clients of a fleet at once; return the seconds."""
    time.sleep(1.1)  # dates are in whole seconds
    began = time.perf_counter()
    results = fleet.rotate_due(before=datetime.now(UTC), overlap=AT_ONCE)
    assert [each.outcome for each in results] == ["rotated"] * expected
    return time.perf_counter() - began


def rotations(quick):
    count, due = TENANTS[quick], DUE[quick]
    total = count * due
    seconds, processor = {}, []
    with contextlib.ExitStack() as stack:
        vault = stack.enter_context(OpenBao.start())
        sides = stack.enter_context(opened(count, PROCESSES[quick], vault, seeded=CLIENTS[quick] - due))
        alone = stack.enter_context(opened(1, 1, vault, seeded=0))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        options = {"threads": count // 2, "level": "warning"}  # a worker's threads wait for the tenants
        cluster = DaskCluster(Path(folder), sides.secrets, **options)
        stack.enter_context(contextlib.closing(cluster))
        cluster.start()
        os.environ |= sides.secrets
        sides.provision(due)
        alone.provision(total)
        referred = qk.Fleet(sides.references)
        fleets = {
            "one tenant": qk.Fleet(alone.pairs),
            "threads": qk.Fleet(sides.pairs),
            "references": referred,
            "Dask": referred.with_runner("dask", address=cluster.address),
        }
        for fleet in fleets.values():  # connections are opened, workers import
            rotated(fleet, total)
        peak = _peak_mib()
        for _ in range(ROUNDS[quick]):
            for name, fleet in fleets.items():
                before = time.process_time()
                seconds.setdefault(name, []).append(rotated(fleet, total))
                if name == "threads":
                    processor.append((time.process_time() - before) / total)
        grown = _peak_mib() - peak
    what = f"rate of {total} rotations, {count} tenants"
    yield rate(f"{what}, threads, to as many in one tenant", seconds, "threads", "one tenant")
    by = f"{what}, Dask with 2 workers, to threads"
    yield dataclasses.replace(rate(by, seconds, "Dask", "references"), goal=GOAL_OF_DASK, direction="at least")
    yield Row(name=f"memory that {4 * total * ROUNDS[quick]} further rotations add", ours=grown, unit="MiB")
    each = statistics.median(processor)
    yield Row(name="processor time of this process for one rotation in a fleet", ours=1e3 * each)
    tiers = requests_of_a_rotation()
    allowed = min(limit / 60 / tiers.count(tier) for tier, limit in PER_MINUTE.items())
    yield Row(name="cores for 100 tenants, each at its limit", ours=100 * allowed * each, unit="cores")
    yield Row(name="tenants at their limits for which one core is enough", ours=1 / (allowed * each), unit="")


def rate(name, seconds, ours, floor):
    """Return the row of two rates: a ratio of 2 is twice as many in the same time."""
    figures = {each: 1e3 * statistics.median(seconds[each]) for each in (ours, floor)}
    ratio = statistics.median(a / b for a, b in zip(seconds[floor], seconds[ours], strict=True))
    return Row(name=name, floor=figures[floor], ours=figures[ours], ratio=ratio)


def _peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextlib.contextmanager
def recorded():
    """Yield the addresses that are asked of the Vault within the block, as (method, URL)."""
    asked, send = [], requests.adapters.HTTPAdapter.send

    def send_recorded(adapter, request, **options):
        asked.append((request.method, request.url))
        return send(adapter, request, **options)

    requests.adapters.HTTPAdapter.send = send_recorded
    try:
        yield asked
    finally:
        requests.adapters.HTTPAdapter.send = send


class Again:
    """Asks the requests of an audit of one tenant again, bare, and reads their JSON."""

    def __init__(self, sides, name):
        tenant, store = sides.pairs[name]
        exchanges = []
        unsubscribe = tenant.subscribe(exchanges.append)
        with recorded() as of_vault:
            qk.audit(tenant, store)
        unsubscribe()
        self._tenant = httpx.Client(base_url=tenant.url, headers={"Authorization": f"Bearer {sides.api_keys[name]}"})
        self._of_tenant = [(each.method, each.path, each.query) for each in exchanges]
        self._vault = requests.Session()
        self._vault.headers["X-Vault-Token"] = sides.vault.token
        self._vault.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=WORKERS))
        self._of_vault = of_vault

    def __len__(self):
        return len(self._of_tenant) + len(self._of_vault)

    def __call__(self):
        with ThreadPoolExecutor(WORKERS) as pool:
            [*pool.map(lambda each: self._ask_tenant(*each), self._of_tenant)]
            [*pool.map(lambda each: self._ask_vault(*each), self._of_vault)]

    def _ask_tenant(self, method, path, query):
        content = self._tenant.request(method, path, params=query).content
        return json.loads(content) if content else None  # a redirect has none

    def _ask_vault(self, method, url):
        return json.loads(self._vault.request(method, url).content)

    def close(self):
        self._tenant.close()
        self._vault.close()


def one_audit(quick):
    count, clients = TENANTS[quick], AUDITED[quick]
    with contextlib.ExitStack() as stack:
        vault = stack.enter_context(OpenBao.start())
        sides = stack.enter_context(opened(count, PROCESSES[quick], vault, seeded=clients))
        for tenant, _ in sides.pairs.values():
            seed_records(vault, tenant)
        again = [stack.enter_context(contextlib.closing(Again(sides, name))) for name in sides.pairs]
        fleet = qk.Fleet(sides.pairs)

        def floor():
            with ThreadPoolExecutor(count) as pool:
                [*pool.map(lambda each: each(), again)]

        variants = {"httpx, requests, json": floor, "Fleet.audit": fleet.audit}
        seconds = interleaved(variants, ROUNDS[quick], collects_garbage=True)
    name = f"audit of {count} tenants x {clients} clients, {sum(map(len, again)):,} requests"
    yield compared(name, seconds, goal=GOAL_OF_THE_AUDIT)


def one_plan(quick):
    count = DECLARED[quick]
    declared = [f"  - {{name: declared-{number:04}, scopes: [user_default]}}" for number in range(count)]
    with OpenBao.start() as vault, opened(1, 1, vault, seeded=0) as sides, tempfile.TemporaryDirectory() as folder:
        [(name, (tenant, _))] = sides.pairs.items()
        file = Path(folder) / "qlik-keys.yaml"
        head = ["version: 1", "fleet: bench", "tenants:", f"  {name}: {{url: {tenant.url}}}", "clients:"]
        file.write_text("\n".join([*head, *declared, ""]), encoding="utf-8")
        manifest, fleet = qk.Manifest.from_file(file), qk.Fleet(sides.pairs)
        applied = manifest.apply(fleet)
        assert applied.is_as_declared
        exchanges = []
        tenant.subscribe(exchanges.append)
        with recorded() as of_vault:
            plan = manifest.plan(fleet, consent=False)
        assert not plan.changes
    # The clients in pages of 100, a list of the records, and what the Vault shows of each.
    floor, ours = -(-count // 100) + 1 + count, len(exchanges) + len(of_vault)
    name = f"requests of a plan of {count:,} declared clients without drift"
    yield Row(name=name, floor=floor, ours=ours, unit="", ratio=ours / floor, goal=GOAL_OF_THE_PLAN)


def seed_records(vault, tenant):
    """Write to the Vault what a summary reads of each client, and a document of a record's size."""
    kv = hvac.Client(url=vault.url, token=vault.token)
    kv.adapter.session.get_adapter(vault.url).init_poolmanager(1, WORKERS)
    folder = f"qlik-keys/{tenant.host}"

    def seed(client):
        path, kid = f"{folder}/{client['client_id']}", next((key["kid"] for key in client["public_keys"]), "")
        dates = {"made_on": "2026-11-01T00:00:00Z", "rotate_by": "2027-11-01T00:00:00Z"}
        metadata = {"client_name": "seeded", "custody": "kv", "kid": kid, **dates}
        kv.secrets.kv.v2.update_metadata(path, custom_metadata={name: text for name, text in metadata.items() if text})
        kv.secrets.kv.v2.create_or_update_secret(path, secret={"keys": "k" * 600}, cas=0)

    with ThreadPoolExecutor(WORKERS) as pool:
        [*pool.map(seed, [client for page in tenant.oauth_clients.overviews() for client in page])]
    kv.adapter.close()


def rows(quick):
    for measure in (under_limits, rotations, one_audit, one_plan):
        yield from measure(quick)


if __name__ == "__main__":
    main(rows)
