"""The hooks of a command: `--hooks FILE`, else the file that QLIK_KEYS_HOOKS names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.options.common import refuse_empty

if TYPE_CHECKING:
    from qlik_keys.cli.options.tenants import TenantsOptions
    from qlik_keys.lifecycle.hooks.definition import Hook

HooksOption = Annotated[
    str | None,
    typer.Option(
        "--hooks",
        metavar="FILE",
        help="A YAML file of hooks to run once a client has its new key; by default those of the fleet file, or of "
        "QLIK_KEYS_HOOKS.",
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


def hooks_of_option(path: str | None, tenants: TenantsOptions, *, is_of_one: bool = False) -> tuple[Hook, ...]:
    """Return the hooks of the option's file, or of the environment's; none where neither is given.

    Args:
        path: the option.
        tenants: where it is done: the hooks of a fleet file go before those of the environment, and belong to its
            tenants (`Fleet.hooks`).
        is_of_one: one client is named, which is on the tenant of a fleet file only where an option says so.

    Raises:
        ConfigurationError: the file cannot be read, or something in it is wrong.
    """
    if path is None and not os.environ.get("QLIK_KEYS_HOOKS", "").strip():
        return ()  # nothing is loaded for those who have no hooks
    if path is None and tenants.has_hooks(is_of_one=is_of_one):
        return ()
    from qlik_keys.fleet.hook_files import hooks_of_environment, read_hooks

    return hooks_of_environment() if path is None else read_hooks(path)
