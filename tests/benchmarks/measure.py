"""How the benchmarks measure, and the row that each figure becomes.

The variants of a figure are interleaved in one run, so that a slow moment hits them all, and the ratio to the floor is
the median of the rounds' ratios. These machines are shared and noisy: no figure is compared between runs, and no test
asserts one.

A benchmark is a file `bench_*.py` with a function `rows(quick)`, which yields a `Row` when it is measured. It runs by
itself (`python tests/benchmarks/bench_listing.py --quick`) and in the runner (`run.py`).
"""

import argparse
import dataclasses
import gc
import json
import signal
import statistics
import time
from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure."""

    name: str  # what is measured
    ours: float  # what it is with qlik_keys
    unit: str = "ms"  # of `floor`, `peer` and `ours`: also "requests", or "" for a plain number
    floor: float | None = None  # the least that does the job, None where there is none
    peer: float | None = None  # the best of the others that do the same job, None where there is none
    peer_name: str = ""  # which one that is
    ratio: float | None = None  # `ours` to `floor`, measured pairwise; None where the figure stands by itself
    goal: float | None = None  # for the ratio where there is one, else for `ours`; None where it is only told
    direction: str = "at most"  # on which side of the goal it is met

    @property
    def verdict(self):
        """Return "met", "MISSED", or "" where there is no goal."""
        if self.goal is None:
            return ""
        figure = round(self.ours if self.ratio is None else self.ratio, 3)  # as it is shown
        return "met" if (figure <= self.goal if self.direction == "at most" else figure >= self.goal) else "MISSED"

    def to_json(self):
        """Return the row as JSON-ready values, its verdict with it."""
        return {**dataclasses.asdict(self), "verdict": self.verdict}


def interleaved(variants, rounds, *, collects_garbage=False):
    """Run each variant (name -> function) once a round; return the seconds of each run, by the variants' names.

    `collects_garbage` leaves Python's garbage collector on, as it is for users; it counts for many objects.
    """
    seconds = {name: [] for name in variants}
    names = list(variants)
    for run in variants.values():  # warm
        run()
    gc.collect()
    if not collects_garbage:
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


def compared(name, seconds, *, goal=None, others=()):
    """Return the row of an interleaved measurement: the first variant is the floor, the second is ours.

    The rest are peers but for the `others`, which do less than the job and are told in the progress only. The ratio is
    the median of the rounds' ratios, since one round has one weather.
    """
    floor, ours, *rest = seconds
    medians = {each: statistics.median(runs) * 1e3 for each, runs in seconds.items()}
    peer = min((each for each in rest if each not in others), key=medians.__getitem__, default="")
    for other in others:
        print(f"    {other}: {medians[other]:.3f} ms", flush=True)
    ratio = statistics.median(a / b for a, b in zip(seconds[ours], seconds[floor], strict=True))
    figures = {"floor": medians[floor], "ours": medians[ours], "peer": medians[peer] if peer else None, "ratio": ratio}
    return Row(name=name, **figures, peer_name=peer, goal=goal)


def table(rows):
    """Return rows as a table for people."""
    lines = [("figure", "floor", "best peer", "ours", "ratio", "goal", ""), *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = (
        [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]
        for name, *cells in lines
    )
    return "\n".join("  ".join(cells).rstrip() for cells in shown)


def _cells(row):
    sign = "<=" if row.direction == "at most" else ">="
    return (
        row.name,
        _amount(row.floor, row.unit),
        f"{_amount(row.peer, row.unit)} ({row.peer_name})" if row.peer_name else "",
        _amount(row.ours, row.unit),
        "" if row.ratio is None else f"{row.ratio:.3f}",
        "" if row.goal is None else f"{sign} {row.goal:g}",
        row.verdict,
    )


def _amount(value, unit):
    return "" if value is None else f"{value:.4g} {unit}".rstrip()


def main(rows, arguments=None):
    """Measure one benchmark by itself: each row is printed as soon as it is there, and all of them at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run, and roughly what comes of it")
    parser.add_argument("--rows", type=Path, help="append each row to this file, a line of JSON each; for the runner")
    options = parser.parse_args(arguments)
    # The runner ends what hangs by an interrupt, which a job in the background would ignore.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    measured = []
    for row in rows(options.quick):
        measured.append(row)
        if options.rows is None:
            print(f"  {row.name}", flush=True)
        else:
            print(f"  {'  '.join(cell for cell in _cells(row) if cell)}", flush=True)
            with options.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row.to_json()) + "\n")
    if options.rows is None:
        print(f"\n{table(measured)}")
