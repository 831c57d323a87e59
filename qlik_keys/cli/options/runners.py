"""Who does the work of a command for many tenants: threads of this process, or a Dask cluster."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerOptions:
    """Who does the work."""

    dask: DaskOption = None


def runner_of(options: RunnerOptions) -> Runner | None:
    """Return the runner that the options name, None for threads of this process.

    Raises:
        ConfigurationError: Dask is not installed.
    """
    if options.dask is None:
        return None
    from qlik_keys.fleet.runners.dask import DaskRunner

    return DaskRunner(options.dask)
