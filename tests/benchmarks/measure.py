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


def report(title: str, seconds: Mapping[str, list[float]], *, goal: float | None = None) -> None:
    """Print the medians and their ratios to the first variant; the second one is ours and has the goal."""
    names = list(seconds)
    floor = statistics.median(seconds[names[0]])
    print(f"\n{title}")
    for position, name in enumerate(names):
        median = statistics.median(seconds[name])
        told = f"  {name:<44} {median * 1e3:10.3f} ms  {median / floor:6.3f}"
        if position == 1 and goal is not None:
            told += f"   goal {goal:.2f}: {'met' if median / floor <= goal else 'MISSED'}"
        print(told)
    sys.stdout.flush()
