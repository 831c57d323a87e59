"""`import qlik_keys` above bare Python, in fresh interpreters."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from measure import Row, interleaved, main

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL_MILLISECONDS = 25
ROUNDS, QUICK_ROUNDS = 30, 5
BARE, OURS, PEER = "bare Python", "import qlik_keys", "import httpx"


def fresh(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def rows(quick: bool) -> Iterator[Row]:
    variants = {
        BARE: lambda: fresh("pass"),
        OURS: lambda: fresh("import qlik_keys"),
        PEER: lambda: fresh("import httpx"),
    }
    seconds = interleaved(variants, QUICK_ROUNDS if quick else ROUNDS)

    def above(name: str) -> float:
        return statistics.median(a - b for a, b in zip(seconds[name], seconds[BARE], strict=True)) * 1e3

    yield Row(
        name="import qlik_keys, above bare Python",
        ours=above(OURS),
        peer=above(PEER),
        peer_name=PEER,
        goal=GOAL_MILLISECONDS,
    )


if __name__ == "__main__":
    main(rows)
