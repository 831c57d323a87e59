"""`make soak`: ten thousand random schedules, on all cores; each has a number by which it can be run again alone.

make soak ARGS="--count 500 --seed 42"
make soak ARGS="--count 1 --seed 1234567"     the one that failed
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
from schedules import Schedule

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


def main() -> int:
    parser = argparse.ArgumentParser(description="Random schedules of two actors under faults.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first schedule; the others count on from it")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    told = parser.parse_args()
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
    print()
    print(f"{len(failures)} of {told.count} failed; seeds from {first}; {time.monotonic() - began:.0f} s")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
