"""The command line `qlik-keys`: one tree of commands over the same functions that notebooks call.

Not done here: anything that the functions do not do. Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

from qlik_keys.cli.app import main

__all__ = ["main"]
