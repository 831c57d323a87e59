"""`import qlik_keys` above bare Python, in fresh interpreters."""

import statistics
import subprocess
import sys

from measure import Row, interleaved, main

GOAL_MILLISECONDS = 25
ROUNDS = 30, 5
BARE, OURS, PEER = "pass", "import qlik_keys", "import httpx"


def fresh(code):
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


def rows(quick):
    seconds = interleaved({code: fresh(code) for code in (BARE, OURS, PEER)}, ROUNDS[quick])

    def above(code):
        return statistics.median(a - b for a, b in zip(seconds[code], seconds[BARE], strict=True)) * 1e3

    figures = {"ours": above(OURS), "peer": above(PEER), "peer_name": PEER}
    yield Row(name="import qlik_keys, above bare Python", **figures, goal=GOAL_MILLISECONDS)


if __name__ == "__main__":
    main(rows)
