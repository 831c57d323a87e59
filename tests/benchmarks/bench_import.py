"""`import qlik_keys` above bare Python, in fresh interpreters."""

from __future__ import annotations

import statistics
import subprocess
import sys

from measure import interleaved, report

GOAL_MS = 25


def fresh(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def main() -> None:
    variants = {
        "floor: bare Python": lambda: fresh("pass"),
        "import qlik_keys": lambda: fresh("import qlik_keys"),
        "peer: import httpx": lambda: fresh("import httpx"),
    }
    seconds = interleaved(variants, 30)
    report("Imports in fresh interpreters", seconds)
    bare, ours = (statistics.median(seconds[name]) for name in ("floor: bare Python", "import qlik_keys"))
    above = (ours - bare) * 1e3
    verdict = "met" if above <= GOAL_MS else "MISSED"
    print(f"  import qlik_keys above bare Python: {above:.1f} ms   goal {GOAL_MS}: {verdict}")


if __name__ == "__main__":
    main()
