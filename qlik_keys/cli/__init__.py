"""The command line `qlik-keys`: one tree of commands over the same functions that notebooks call.

Not done here: anything that the functions do not do. Each command's heavy imports stand inside it, so that `--help` is
quick. Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

from qlik_keys.cli import calls, keys, token, vault_policy  # noqa: F401  # their commands join the tree
from qlik_keys.cli.app import main

__all__ = ["main"]
