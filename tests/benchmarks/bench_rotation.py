"""Rotations: one client and a fleet of 200 against the bare calls that they need, and under the tenant's rate limits.

The floor makes the same key with `cryptography` and sends the same calls of the same kind and size for one rotation
without overlap (next key stored, published next to the old one, verified by a login, made current; the old one off the
tenant, out of the store and destroyed), one connection to each server. It checks no answer and could not go on after a
crash. The rate under limits is measured on the simulator with a clock of its own: a real five-minute window is waited
out without waiting, and the simulator refuses what is over the limit, as the contract says.
"""

import contextlib
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench_provision import Floor, Vault, boundless, connected, figures, new_key, public_jwk
from cryptography.hazmat.primitives import serialization
from measure import Row, main

sys.path.append(str(Path(__file__).parents[1]))
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.sandbox.openbao import OpenBao
from qlik_keys.sandbox.simulator.settings import SandboxSettings
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import RateBudget

REQUESTS = 22
GOAL_OF_THE_FLEET = 0.90
ROUNDS = 30, 2
FLEET = 200, 6
UNDER_LIMITS = 600, 40
TIER_2 = 100, 10  # requests a minute: Qlik's limit, and one that a quick run can reach
GOAL_OF_THE_ALLOWED_RATE = 0.95
AT_ONCE = timedelta(0)


class RotationFloor(Floor):
    """The bare calls of rotations of one client, which `Floor.make` has made."""

    def begin(self, name):
        self.make(name)
        answer = self._tenant.get("/api/v1/oauth-clients", params={"filter": f'clientName eq "{name}"'}).json()
        self._id = answer["data"][0]["clientId"]
        self._path, self._address = f"{self._folder}/{self._id}", f"/api/v1/oauth-clients/{self._id}"
        self._version, self._made = 1, 0

    def _put(self, document):
        self._vault.write(self._path, document, self._version)
        self._version += 1

    def _publish(self, keys):
        self._tenant.get(self._address).json()
        change = {"op": "replace", "path": "/publicKeys", "value": keys}
        self._tenant.patch(self._address, json=[change]).raise_for_status()
        self._tenant.get(self._address).json()

    def rotate(self):
        document = self._vault.read(self._path)["data"]["data"]
        client = self._tenant.get(self._address).json()
        key, pem = new_key()
        self._made += 1
        kid = f"2026-11-24_{self._made:043}"
        both = {**document, "keys": {**document["keys"], kid: {"private_jwk": pem}}}
        self._put(both)
        self._vault.read(self._path)
        self._publish([*client["publicKeys"], public_jwk(key, kid)])
        there = self._vault.read(self._path)["data"]["data"]["keys"][kid]["private_jwk"]
        self._log_in(serialization.load_pem_private_key(there.encode(), None), kid, self._id)
        self._put({**both, "private_key": pem, "kid": kid})
        self._vault.show(self._path, {"client_name": "x", "kid": kid})
        self._vault.read(self._path)
        self._publish([public_jwk(key, kid)])
        alone = {**both, "private_key": pem, "kid": kid, "keys": {kid: {"private_jwk": pem}}}
        self._put(alone)
        self._vault.metadata(self._path)
        self._vault.destroy(self._path, [self._version - 1, self._version - 2, self._version - 3])
        self._vault.metadata(self._path)
        self._put(alone)


def one_client_and_a_fleet(quick):
    with (
        qk.sandbox.start() as box,
        contextlib.closing(Vault(box.vault_url, box.vault_token)) as vault,
        connected(box, budget=boundless()) as (bare, tenant, store),
    ):
        floor = RotationFloor(box, bare, vault)
        floor.begin("floor")
        made = qk.provision(tenant, store, name="ours", scopes=["user_default"])
        variants = {
            "httpx, requests, cryptography": floor.rotate,
            "qk.rotate, no overlap": lambda: qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE),
        }
        names = ("requests to rotate a client", "a client rotated without overlap")
        names += ("a client rotated, the tenant 50 ms away, to its round trips",)
        options = {"quick": quick, "rounds": ROUNDS[quick], "requests": REQUESTS}
        yield from figures(box, (bare, tenant, store), vault, variants, names, **options)
        yield from a_fleet(quick, tenant, store, floor)


def a_fleet(quick, tenant, store, floor):
    fleet = FLEET[quick]
    for number in range(fleet - 1):
        qk.provision(tenant, store, name=f"fleet-{number}", scopes=["user_default"])
    began = time.perf_counter()
    for _ in range(fleet):
        floor.rotate()
    bare_seconds = time.perf_counter() - began
    for workers in (4,) if quick else (1, 4):
        time.sleep(1.1)  # dates are in whole seconds
        moment, began = datetime.now(UTC), time.perf_counter()
        results = qk.rotate_due(tenant, store, before=moment, overlap=AT_ONCE, workers=workers)
        took = time.perf_counter() - began
        assert [item.outcome for item in results] == ["rotated"] * fleet
        yield Row(
            name=f"a fleet of {fleet} rotated, {workers} workers, to the calls one after another",
            floor=1e3 * bare_seconds,
            ours=1e3 * took,
            ratio=took / bare_seconds,
            goal=GOAL_OF_THE_FLEET if workers > 1 else None,
        )


def under_limits(quick):
    rotations, limit = UNDER_LIMITS[quick], TIER_2[quick]
    settings = SandboxSettings(enforce_rate_limits=True, tier2_per_minute=limit)
    clock, answers = ManualClock(), []
    simulator = SandboxTenant("https://bench.eu.qlikcloud.com", clock=clock, settings=settings)
    budget = RateBudget(limits_per_minute={1: 1000, 2: limit}, clock=clock)
    options = {"transport": SandboxTransport(simulator), "budget": budget, "clock": clock}
    with (
        OpenBao.start() as vault,
        qk.QlikTenant(simulator.base_url, credential=qk.ApiKey(simulator.api_key), **options) as tenant,
        qk.VaultKeyStore(vault.url, token=vault.token, clock=clock) as store,
    ):
        made = qk.provision(tenant, store, name="ours", scopes=["user_default"], clock=clock)
        clock.advance(300.0)
        tenant.subscribe(answers.append)
        began = clock.time()
        for _ in range(rotations):
            qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE, clock=clock)
        seconds = clock.time() - began
    of_tier_2 = sum(exchange.tier == 2 for exchange in answers)
    refused = sum(exchange.status == 429 for exchange in answers)
    if refused:
        raise RuntimeError(f"{refused} answers 429: the budget was not kept")
    # The first window's share may be spent at once; after that, as many go as the window forgets.
    share = (of_tier_2 - 1) // (5 * limit) * 300 / seconds
    name = f"share of the allowed rate, {rotations} rotations in simulated time"
    return Row(name=name, ours=share, unit="", goal=GOAL_OF_THE_ALLOWED_RATE, direction="at least")


def rows(quick):
    yield from one_client_and_a_fleet(quick)
    yield under_limits(quick)


if __name__ == "__main__":
    main(rows)
