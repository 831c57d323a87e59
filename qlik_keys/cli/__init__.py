"""The command line `qlik-keys`: one tree of commands over the same functions that notebooks call.

Not done here: anything that the functions do not do. Exit codes: 0 done, 1 failed or could not look,
2 wrong usage, 3 there are findings (audit, doctor).
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C is told in a line also while the program is being loaded."""
    try:
        from qlik_keys.cli.lean import collect_garbage_seldom

        collect_garbage_seldom()
        from qlik_keys.cli.app import main as run

        run()
    except KeyboardInterrupt as interrupt:
        from qlik_keys.cli.output.errors import asks_for_json, tell_interrupted

        tell_interrupted(interrupt, as_json=asks_for_json(sys.argv[1:]))
        sys.exit(1)
