"""Who does the work of a command for many tenants: threads of this process, or a Dask cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.options.common import refuse_empty

if TYPE_CHECKING:
    from qlik_keys.fleet import Fleet
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


def runner_of(dask: str | None) -> Runner | None:
    """Return the runner that the option names, None for threads of this process.

    Raises:
        ConfigurationError: Dask is not installed.
    """
    if dask is None:
        return None
    from qlik_keys.fleet.runners.dask import DaskRunner

    return DaskRunner(dask)


def on_cluster(fleet: Fleet | None, dask: str | None) -> Fleet | None:
    """Return the tenants, for which the cluster does the work if one is named.

    Args:
        fleet: the tenants; None for one, as the settings say.
        dask: the cluster, None for none.

    Raises:
        typer.BadParameter: a cluster is named, and no tenants.
        ConfigurationError: Dask is not installed.
    """
    runner = runner_of(dask)
    if runner is None:
        return fleet
    if fleet is None:
        raise typer.BadParameter(
            "the login of a single tenant is on this machine, and is sent nowhere: name the tenants by --tenant, "
            "--all-contexts or --fleet, and the workers look up their logins themselves",
            param_hint="--dask",
        )
    return fleet.with_runner(runner)
