"""Runners by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.runners.threads import ThreadRunner

if TYPE_CHECKING:
    import distributed

    from qlik_keys.fleet.runners.base import Runner

NAMES = ("threads", "dask")


def chosen_runner(runner: Runner | str | None, *, address: str | distributed.Client | None = None) -> Runner:
    """Return a runner that is given, or named.

    Args:
        runner: a runner, "threads", "dask", or None for threads.
        address: of "dask": the scheduler's address, or a `distributed.Client`.

    Raises:
        ConfigurationError: there is no runner of that name, the address is missing or of no use, or Dask is not
            installed.
        TypeError: it is no runner.
    """
    if address is not None and runner != "dask":
        raise ConfigurationError("An address of a cluster is given, and no cluster.", hint='Add runner="dask".')
    if runner is None or runner == "threads":
        return ThreadRunner()
    if runner == "dask":
        from qlik_keys.fleet.runners.dask import DaskRunner  # noqa: PLC0415  # of the extra [dask]

        return DaskRunner("" if address is None else address)
    if isinstance(runner, str):
        raise ConfigurationError(f"There is no runner {runner!r}.", hint=f"There are: {', '.join(NAMES)}.")
    if not callable(getattr(runner, "run", None)):
        raise TypeError(f"runner must be a name or a runner, not {type(runner).__name__}")
    return runner
