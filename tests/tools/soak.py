"""`make soak`: ten thousand random schedules, on all cores; each has a number by which it can be run again alone.

make soak ARGS="--count 500 --seed 42"
make soak ARGS="--count 1 --seed 1234567"     the one that failed
make soak ARGS=--intents                      each operation, interrupted at each call by each kind of fault
make soak ARGS="--together 200"               eight processes rotate one client at the same time, so many clients
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from fixtures.actors import TOGETHER, Actors, rotate_together
from fixtures.intents import FAULTS, MORE_STATES, MOST_CALLS, STATES, Sides, interrupt
from fixtures.schedules import Schedule

import qlik_keys as qk
from qlik_keys.sandbox.openbao import OpenBao

STEPS = 6
_CHUNK = 10


class Where:
    """A Vault that another process runs."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token


def run_one(vault: Where, seed: int) -> str:
    """Run the schedule of a seed; return what failed, "" for nothing."""
    chance = random.Random(seed)  # repeatable, not secret
    try:
        Schedule(vault, chance.choice).run(steps=STEPS)
    except Exception:  # noqa: BLE001  # a schedule may fail in any way, and is told with its seed
        return f"seed {seed}\n{traceback.format_exc()}"
    return ""


def run_some(url: str, token: str, seeds: list[int]) -> list[str]:
    vault = Where(url, token)
    return [failure for seed in seeds if (failure := run_one(vault, seed))]


def interrupt_each(vault: Where, custody: str, operation: str, state: str, fault: str) -> tuple[int, list[str]]:
    """Interrupt an operation at each of its calls; return how many cases that were, and what failed."""
    failures, cases = [], 0
    sides = Sides(vault, custody)
    try:
        for number in range(MOST_CALLS):
            cases += 1
            try:
                if not interrupt(sides, operation, state, number, fault):
                    break
            except Exception:  # noqa: BLE001  # as for a schedule
                failures.append(f"{operation} {state} {fault} {number} {custody}\n{traceback.format_exc()}")
    finally:
        sides.close()
    return cases, failures


def all_intents(processes: int) -> int:
    """Run the whole matrix; return 1 where something failed."""
    kinds = [(of, state) for states in (STATES, MORE_STATES) for of, some in states.items() for state in some]
    began, cases, failures = time.monotonic(), 0, []
    with OpenBao.start() as vault, ProcessPoolExecutor(processes) as pool:
        running = [
            pool.submit(interrupt_each, Where(vault.url, vault.token), custody, operation, state, fault)
            for custody in ("kv", "transit")
            for operation, state in kinds
            for fault in FAULTS
        ]
        for done, ended in enumerate(as_completed(running), 1):
            some, failed = ended.result()
            cases += some
            failures += failed
            print("".join(f"\n{failure}" for failure in failed), end="", flush=True)
            print(f"\r{done} of {len(running)} series, {cases} cases, {len(failures)} failed ", end="", flush=True)
    print(
        f"\nintents: {len(kinds)} operations and states, {len(FAULTS)} faults, 2 custodies, at each call: "
        f"{cases} cases, {len(failures)} failed, {time.monotonic() - began:.0f} s"
    )
    return bool(failures)


def all_together(rounds: int) -> int:
    """Have eight processes rotate a client, for so many clients with each custody; return 1 where something failed."""
    began, failures, successes = time.monotonic(), 0, 0
    with (
        qk.sandbox.start() as box,
        contextlib.closing(Actors(box)) as actors,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
    ):
        for custody in ("kv", "transit"):
            with qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody) as store:
                for done in range(1, rounds + 1):
                    try:
                        successes += rotate_together(box, actors, tenant, store)
                    except Exception:  # noqa: BLE001  # as for a schedule
                        failures += 1
                        print(f"\n{traceback.format_exc()}", flush=True)
                    print(f"\r{custody}: {done} of {rounds} clients, {failures} failed ", end="", flush=True)
    print(
        f"\ntogether: {TOGETHER} processes, {rounds} clients, 2 custodies: {failures} failed, "
        f"{successes / (2 * rounds):.1f} of {TOGETHER} report the new key, {time.monotonic() - began:.0f} s"
    )
    return bool(failures)


def main() -> int:
    parser = argparse.ArgumentParser(description="Random schedules of two actors under faults.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first schedule; the others count on from it")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--intents", action="store_true", help="interrupt each operation at each call instead")
    parser.add_argument("--together", type=int, default=0, help="let processes rotate so many clients at once instead")
    told = parser.parse_args()
    if told.together:
        return all_together(told.together)
    if told.intents:
        return all_intents(told.processes)
    first = random.SystemRandom().randrange(10**9) if told.seed is None else told.seed
    seeds = list(range(first, first + told.count))
    print(f"{told.count} schedules of {STEPS} steps, seeds from {first}, {told.processes} processes", flush=True)
    began, done, failures = time.monotonic(), 0, []
    with OpenBao.start() as vault, ProcessPoolExecutor(told.processes) as pool:
        chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
        running = {pool.submit(run_some, vault.url, vault.token, chunk): chunk for chunk in chunks}
        for ended in as_completed(running):
            for failure in ended.result():
                failures.append(failure)
                print(f"\n{failure}", flush=True)
            done += len(running[ended])
            rate = done / (time.monotonic() - began)
            print(f"\r{done} done, {len(failures)} failed, {rate:.1f} a second ", end="", flush=True)
    print(
        f"\nsoak: {told.count} schedules of {STEPS} steps, seeds {first} to {first + told.count - 1}: "
        f"{len(failures)} failed, {time.monotonic() - began:.0f} s"
    )
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
