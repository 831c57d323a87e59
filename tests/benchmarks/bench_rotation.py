"""Rotations: one client and a fleet of 200 against the bare calls that they need, and under the tenant's rate limits.

The floor makes the same key with `cryptography` and sends the same calls of the same kind and size for one rotation
without overlap (next key stored, published next to the old one, verified by a login, made current; the old one off the
tenant, out of the store and destroyed), one connection to each server. It checks no answer and could not go on after a
crash. The rate under limits is measured on the simulator with a clock of its own: a real five-minute window is waited
out without waiting, and the simulator refuses what is over the limit, as the contract says.
"""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from bench_provision import (
    GOAL_AWAY,
    LATENCY_SECONDS,
    QUICK_ROUNDS_AWAY,
    ROUNDS_AWAY,
    Floor,
    Vault,
    counted,
    public_jwk,
    round_trips,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from measure import Row, compared, interleaved, main

sys.path.append(str(Path(__file__).parents[1]))
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.sandbox import start
from qlik_keys.sandbox.openbao import OpenBao
from qlik_keys.sandbox.simulator.settings import SandboxSettings
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import RateBudget

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL = 1.15
REQUESTS = 22
GOAL_OF_THE_FLEET = 0.90
ROUNDS, QUICK_ROUNDS = 30, 2
FLEET, QUICK_FLEET = 200, 6
UNDER_LIMITS, QUICK_UNDER_LIMITS = 600, 40
TIER_2, QUICK_TIER_2 = 100, 10  # requests a minute: Qlik's limit, and one that a quick run can reach
GOAL_OF_THE_ALLOWED_RATE = 0.95
AT_ONCE = timedelta(0)


class RotationFloor(Floor):
    """The bare calls of rotations of one client, which `Floor.make` has made."""

    def begin(self, name: str) -> None:
        self.make(name)
        answer = self._tenant.get("/api/v1/oauth-clients", params={"filter": f'clientName eq "{name}"'}).json()
        self._id = answer["data"][0]["clientId"]
        self._version, self._made = 1, 0

    def _path(self) -> str:
        return f"{self._folder}/{self._id}"

    def _put(self, document: dict) -> None:
        self._vault.write(self._path(), document, self._version)
        self._version += 1

    def _publish(self, keys: list) -> None:
        address = f"/api/v1/oauth-clients/{self._id}"
        self._tenant.get(address).json()
        self._tenant.patch(address, json=[{"op": "replace", "path": "/publicKeys", "value": keys}]).raise_for_status()
        self._tenant.get(address).json()

    def rotate(self) -> None:
        document = self._vault.read(self._path())["data"]["data"]
        client = self._tenant.get(f"/api/v1/oauth-clients/{self._id}").json()
        key = ec.generate_private_key(ec.SECP384R1())
        self._made += 1
        kid = f"2026-11-24_{self._made:043}"
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        both = {**document, "keys": {**document["keys"], kid: {"private_jwk": pem}}}
        self._put(both)
        self._vault.read(self._path())
        self._publish([*client["publicKeys"], public_jwk(key, kid)])
        there = self._vault.read(self._path())["data"]["data"]["keys"][kid]["private_jwk"]
        self._log_in(serialization.load_pem_private_key(there.encode(), None), kid, self._id)
        self._put({**both, "private_key": pem, "kid": kid})
        self._vault.show(self._path(), {"client_name": "x", "kid": kid})
        self._vault.read(self._path())
        self._publish([public_jwk(key, kid)])
        alone = {**both, "private_key": pem, "kid": kid, "keys": {kid: {"private_jwk": pem}}}
        self._put(alone)
        self._vault.metadata(self._path())
        self._vault.destroy(self._path(), [self._version - 1, self._version - 2, self._version - 3])
        self._vault.metadata(self._path())
        self._put(alone)


def boundless() -> RateBudget:
    """A budget that never waits: the sandbox sets no limit here."""
    return RateBudget(limits_per_minute={1: 10**6, 2: 10**6})


def one_client_and_a_fleet(quick: bool) -> Iterator[Row]:
    fleet = QUICK_FLEET if quick else FLEET
    with start() as box:
        vault = Vault(box.vault_url, box.vault_token)
        with (
            contextlib.closing(vault),
            httpx.Client(base_url=box.tenant_url, headers={"Authorization": f"Bearer {box.api_key}"}) as bare,
            qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key), budget=boundless()) as tenant,
            qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
        ):
            floor = RotationFloor(box, bare, vault)
            floor.begin("floor")
            made = qk.provision(tenant, store, name="ours", scopes=["user_default"])

            def ours() -> object:
                return qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE)

            variants = {"httpx, requests, cryptography": floor.rotate, "qk.rotate, no overlap": ours}
            of_tenant, of_vault = counted(tenant, store, ours)
            yield Row(name="requests to rotate a client", ours=of_tenant + of_vault, unit="requests", goal=REQUESTS)
            seconds = interleaved(variants, QUICK_ROUNDS if quick else ROUNDS)
            yield compared("a client rotated without overlap", seconds, goal=GOAL)
            box.configure(latency_seconds=LATENCY_SECONDS)
            away = {
                "the round trips": lambda: round_trips(bare, vault, of_tenant=of_tenant, of_vault=of_vault),
                "qk.rotate, no overlap": ours,
            }
            seconds = interleaved(away, QUICK_ROUNDS_AWAY if quick else ROUNDS_AWAY)
            yield compared("a client rotated, the tenant 50 ms away, to its round trips", seconds, goal=GOAL_AWAY)
            box.configure(latency_seconds=0)
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


def under_limits(quick: bool) -> Row:
    rotations, limit = (QUICK_UNDER_LIMITS, QUICK_TIER_2) if quick else (UNDER_LIMITS, TIER_2)
    settings = SandboxSettings(enforce_rate_limits=True, tier2_per_minute=limit)
    clock = ManualClock()
    simulator = SandboxTenant("https://bench.eu.qlikcloud.com", clock=clock, settings=settings)
    answers = []
    with (
        OpenBao.start() as vault,
        qk.QlikTenant(
            simulator.base_url,
            credential=qk.ApiKey(simulator.api_key),
            transport=SandboxTransport(simulator),
            budget=RateBudget(limits_per_minute={1: 1000, 2: limit}, clock=clock),
            clock=clock,
        ) as tenant,
        qk.VaultKeyStore(vault.url, token=vault.token, clock=clock) as store,
    ):
        made = qk.provision(tenant, store, name="ours", scopes=["user_default"], clock=clock)
        clock.advance(300.0)
        tenant.subscribe(answers.append)
        began = clock.time()
        for _ in range(rotations):
            qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE, clock=clock)
        minutes = (clock.time() - began) / 60
    of_tier_2 = sum(exchange.tier == 2 for exchange in answers)
    refused = sum(exchange.status == 429 for exchange in answers)
    # The first window's share may be spent at once; after that, as many go as the window forgets.
    allowed_seconds = (of_tier_2 - 1) // (5 * limit) * 300
    share = allowed_seconds / (minutes * 60)
    if refused:
        raise RuntimeError(f"{refused} answers 429: the budget was not kept")
    return Row(
        name=f"share of the allowed rate, {rotations} rotations in simulated time",
        ours=share,
        unit="",
        goal=GOAL_OF_THE_ALLOWED_RATE,
        direction="at least",
    )


def rows(quick: bool) -> Iterator[Row]:
    yield from one_client_and_a_fleet(quick)
    yield under_limits(quick)


if __name__ == "__main__":
    main(rows)
