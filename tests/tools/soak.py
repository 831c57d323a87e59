"""`make soak`: ten thousand random schedules, on all cores; each has a number by which it can be run again alone.

make soak ARGS="--count 500 --seed 42"
make soak ARGS="--count 1 --seed 1234567"     the one that failed
make soak ARGS=--faults                       each operation, at each call by each kind of fault and with another actor
make soak ARGS="--together 200"               eight processes rotate one client at the same time, so many clients
make soak ARGS="--fleets --count 500"         fleets with a dead tenant and a sealed Vault, and fleet files, instead
"""

import argparse
import contextlib
import itertools
import os
import random
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from fixtures.harness.by_fleet import STATES as BY_FLEET
from fixtures.harness.cases import MEETINGS, MORE_STATES, STATES, Case, run_all
from fixtures.harness.declared import Application
from fixtures.harness.fleets import FleetSchedule
from fixtures.harness.guarantees import check_one_key_made
from fixtures.harness.line import FAULTS
from fixtures.harness.processes import TOGETHER, Processes, Vault
from fixtures.harness.schedules import Schedule
from fixtures.harness.sides import Sides
from fixtures.sandbox_client import serving
from fixtures.vault_server import VaultServer

from qlik_keys.sandbox.openbao import OpenBao
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

STEPS = 6
ALL_STATES = (*STATES, *MORE_STATES, *BY_FLEET)
_CHUNK = 10


def run_one(vault, seed):
    """Run the schedule of a seed; return what failed, "" for nothing."""
    chance = random.Random(seed)  # repeatable, not secret
    try:
        Schedule(vault, chance.choice).run(steps=STEPS)
    except Exception:  # noqa: BLE001  # a schedule may fail in any way, and is told with its seed
        return f"seed {seed}\n{traceback.format_exc()}"
    return ""


def run_some(vault, seeds):
    return [failure for seed in seeds if (failure := run_one(vault, seed))]


def run_fleets(vault, seeds):
    """Run the fleets and the fleet files of some seeds, with a Vault of their own to seal; return what failed."""
    failures = []
    with tempfile.TemporaryDirectory() as folder, VaultServer(Path(folder)) as sealable:
        sealable.make_ready()
        for seed in seeds:
            for make in (partial(FleetSchedule, vault, sealable), partial(Application, Sides(vault))):
                try:
                    make(random.Random(seed).choice).run()  # repeatable, not secret
                except Exception:  # noqa: BLE001  # as for a schedule
                    failures.append(f"seed {seed}\n{traceback.format_exc()}")
    return failures


def fail_each(vault, custody, case, fault):
    """Run a case at each of its calls; return how many calls that were, and what failed, "" for nothing."""
    with contextlib.closing(Sides(vault, custody)) as sides:
        try:
            return run_all(sides, case, itertools.repeat(fault)), ""
        except Exception:  # noqa: BLE001  # as for a schedule
            return 0, traceback.format_exc()


def all_faults(processes):
    """Run the whole matrix; return 1 where something failed."""
    began, cases, failures = time.monotonic(), 0, 0
    with OpenBao.start() as vault, ProcessPoolExecutor(processes) as pool:
        where = Vault(vault.url, vault.token)
        states = [Case(*kind) for kind in ALL_STATES]
        rows = [*itertools.product(("kv", "transit"), states, FAULTS)]
        rows += [(custody, Case(operation, state, other=other), "") for operation, state, other, custody in MEETINGS]
        running = [pool.submit(fail_each, where, *row) for row in rows]
        for done, ended in enumerate(as_completed(running), 1):
            calls, failure = ended.result()
            cases, failures = cases + calls, failures + bool(failure)
            print(f"\n{failure}" if failure else "", end="", flush=True)
            print(f"\r{done} of {len(running)} series, {cases} cases, {failures} failed ", end="", flush=True)
    print(
        f"\nfaults: {len(ALL_STATES)} operations and states, {len(FAULTS)} faults, 2 custodies, at each "
        f"call, and {len(MEETINGS)} meetings: {cases} cases, {failures} series failed, {time.monotonic() - began:.0f} s"
    )
    return bool(failures)


def all_together(rounds):
    """Have eight processes rotate a client, for so many clients with each custody; return 1 where something failed."""
    began, failures, successes = time.monotonic(), 0, 0
    with OpenBao.start() as vault:
        for custody in ("kv", "transit"):
            with (
                serving(SandboxTenant) as served,
                contextlib.closing(Sides(vault, custody, served=served)) as sides,
                contextlib.closing(Processes(sides)) as processes,
            ):
                for done in range(1, rounds + 1):
                    try:
                        successes += check_one_key_made(sides, processes)
                    except Exception:  # noqa: BLE001  # as for a schedule
                        failures += 1
                        print(f"\n{traceback.format_exc()}", flush=True)
                    print(f"\r{custody}: {done} of {rounds} clients, {failures} failed ", end="", flush=True)
    print(
        f"\ntogether: {TOGETHER} processes, {rounds} clients, 2 custodies: {failures} failed, "
        f"{successes / (2 * rounds):.1f} of {TOGETHER} report the new key, {time.monotonic() - began:.0f} s"
    )
    return bool(failures)


def main():
    parser = argparse.ArgumentParser(description="Random schedules of two actors under faults.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first schedule; the others count on from it")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--faults", action="store_true", help="let each operation fail at each call instead")
    parser.add_argument("--together", type=int, default=0, help="let processes rotate so many clients at once instead")
    parser.add_argument("--fleets", action="store_true", help="run schedules of fleets and of fleet files instead")
    told = parser.parse_args()
    if told.together:
        return all_together(told.together)
    if told.faults:
        return all_faults(told.processes)
    first = random.SystemRandom().randrange(10**9) if told.seed is None else told.seed
    kind = "schedules of fleets and as many of fleet files" if told.fleets else f"schedules of {STEPS} steps"
    print(f"{told.count} {kind}, seeds from {first}, {told.processes} processes", flush=True)
    began, done, failures = time.monotonic(), 0, []
    with OpenBao.start() as vault, ProcessPoolExecutor(told.processes) as pool:
        seeds = range(first, first + told.count)
        chunks = [seeds[start : start + _CHUNK] for start in range(0, told.count, _CHUNK)]
        where = Vault(vault.url, vault.token)
        running = {pool.submit(run_fleets if told.fleets else run_some, where, chunk): chunk for chunk in chunks}
        for ended in as_completed(running):
            for failure in ended.result():
                failures.append(failure)
                print(f"\n{failure}", flush=True)
            done += len(running[ended])
            rate = done / (time.monotonic() - began)
            print(f"\r{done} done, {len(failures)} failed, {rate:.1f} a second ", end="", flush=True)
    print(
        f"\nsoak: {told.count} {kind}, seeds {first} to {first + told.count - 1}: "
        f"{len(failures)} failed, {time.monotonic() - began:.0f} s"
    )
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
