"""The hooks of a command: `--hooks FILE`, else the file that QLIK_KEYS_HOOKS names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.options.common import refuse_empty

if TYPE_CHECKING:
    from qlik_keys.lifecycle.hooks.definition import Hook

HooksOption = Annotated[
    str | None,
    typer.Option(
        "--hooks",
        metavar="FILE",
        help="A YAML file of hooks to run once a client has its new key; by default that of QLIK_KEYS_HOOKS.",
        callback=refuse_empty,
    ),
]
DropHookOption = Annotated[
    list[str] | None,
    typer.Option(
        "--drop-hook",
        metavar="NAME",
        help="Remove this pending hook from the records without running it; can be repeated.",
        callback=refuse_empty,
    ),
]


def hooks_of_option(path: str | None) -> tuple[Hook, ...]:
    """Return the hooks of the option's file, or of the environment's; none where neither is given.

    Raises:
        ConfigurationError: the file cannot be read, or something in it is wrong.
    """
    if path is None and not os.environ.get("QLIK_KEYS_HOOKS", "").strip():
        return ()  # nothing is loaded for those who have no hooks
    from qlik_keys.fleet.hook_files import hooks_of_environment, read_hooks

    return hooks_of_environment() if path is None else read_hooks(path)
