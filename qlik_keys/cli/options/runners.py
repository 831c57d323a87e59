"""Who does the work of a command for many tenants: threads of this process, or a Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.options.common import refuse_empty

if TYPE_CHECKING:
    from qlik_keys.fleet.runners.base import Runner

DaskOption = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Let the workers of this Dask cluster do the work, one tenant each (tcp://scheduler:8786, or tls://).",
        callback=refuse_empty,
    ),
]


def runner_of(address: str | None) -> Runner | None:
    """Return the runner of a cluster's address, None for threads of this process.

    Raises:
        ConfigurationError: Dask is not installed, or the address is none.
    """
    if address is None:
        return None
    from qlik_keys.fleet.runners.dask import DaskRunner

    return DaskRunner(address)
