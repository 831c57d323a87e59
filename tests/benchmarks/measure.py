"""How the benchmarks measure: variants interleaved in one run, medians, ratios to the first one (the floor).

These machines are shared and noisy, so no figure is compared between runs, and no test asserts one.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def interleaved(variants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run each variant once a round, so that a slow moment hits them all; return the seconds of each run."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for run in variants.values():  # warm
        run()
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            shift = number % len(names)  # no variant always comes after the same one
            for name in names[shift:] + names[:shift]:
                began = time.perf_counter()
                variants[name]()
                seconds[name].append(time.perf_counter() - began)
    finally:
        gc.enable()
    return seconds


def ratios(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return each variant's ratio to the first one: the median of the rounds' ratios, since a round has one weather."""
    floor = next(iter(seconds.values()))
    return {
        name: statistics.median(ours / bare for ours, bare in zip(runs, floor, strict=True))
        for name, runs in seconds.items()
    }


def report(title: str, seconds: Mapping[str, list[float]], *, goal: float | None = None) -> None:
    """Print the medians and the ratios to the first variant; the second one is ours and has the goal."""
    print(f"\n{title}")
    for position, (name, ratio) in enumerate(ratios(seconds).items()):
        told = f"  {name:<44} {statistics.median(seconds[name]) * 1e3:10.3f} ms  {ratio:6.3f}"
        if position == 1 and goal is not None:
            told += f"   goal {goal:.2f}: {'met' if ratio <= goal else 'MISSED'}"
        print(told)
    sys.stdout.flush()
