"""Connections to the scheduler of a Dask cluster."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import ClusterError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


def scheduler_of(cluster: object) -> tuple[str, Any]:
    """Return a scheduler's address, and how to secure the connection (None: as Dask is configured).

    Raises:
        ConfigurationError: there is no address.
        TypeError: it is neither an address nor a client.
    """
    import dask  # noqa: PLC0415  # of the extra [dask]

    if isinstance(cluster, str):
        address = cluster.strip() or dask.config.get("scheduler-address", default=None) or ""
        if not address:
            raise ConfigurationError(
                "Dask's scheduler is not given.",
                hint="Give its address, for example tcp://scheduler:8786, or set DASK_SCHEDULER_ADDRESS.",
            )
        if "@" in address:  # not repeated: a password may be in it
            raise ConfigurationError(
                "The address of a Dask scheduler contains a user name or a password.",
                hint="Remove it; certificates (tls://) and Dask's configuration say who may connect.",
            )
        return address, None
    import distributed  # noqa: PLC0415

    if not isinstance(cluster, distributed.Client):
        raise TypeError(f"the cluster must be an address or a distributed.Client, not {type(cluster).__name__}")
    if cluster.scheduler is None:
        raise ConfigurationError("That Dask client is closed.", hint="Give one that is connected, or an address.")
    return cluster.scheduler.address, cluster.security


@contextmanager
def connected(address: str, security: Any, *, connect_seconds: float) -> Iterator[Any]:
    """Yield a connection of this run alone: it ends with it, and Dask then forgets what was asked by it.

    Args:
        address: the scheduler's address.
        security: Dask's `Security`; None: as Dask is configured.
        connect_seconds: how long to try.

    Raises:
        ClusterError: the scheduler cannot be reached.
        ConfigurationError: the address is none.
    """
    import distributed  # noqa: PLC0415  # of the extra [dask]

    _check_address(address, security)
    try:
        client = distributed.Client(
            address,
            name="qlik_keys",
            security=security,
            timeout=connect_seconds,
            set_as_default=False,
            asynchronous=False,
        )
    except (OSError, RuntimeError, TypeError, ValueError) as problem:
        kind = type(problem).__name__
    else:
        try:
            yield client
        finally:
            _close(client)
        return
    raise ClusterError(
        f"The Dask scheduler at {address} cannot be reached ({kind}).",
        hint="Check that it runs, the address, and whether it wants tls://.",
        retryable=True,
    )


def _check_address(address: str, security: Any) -> None:
    """Refuse what Dask cannot connect to: a client that fails for it would take seconds to end.

    Raises:
        ConfigurationError: the protocol is unknown, or it is tls:// and there is no certificate authority.
    """
    from distributed import Security  # noqa: PLC0415
    from distributed.comm import parse_address  # noqa: PLC0415
    from distributed.comm.registry import get_backend  # noqa: PLC0415

    hint = "Give it as tcp://scheduler:8786, or as tls://scheduler:8786."
    try:
        protocol, _ = parse_address(address)
        get_backend(protocol)
    except ValueError:
        raise ConfigurationError(f"{address!r} is no address of a Dask scheduler.", hint=hint) from None
    if protocol == "tls" and (security or Security()).get_connection_args("client").get("ssl_context") is None:
        raise ConfigurationError(
            "The address of the Dask scheduler is tls://, and Dask has no certificates.",
            hint="Set distributed.comm.tls in Dask's configuration, or pass a distributed.Client that is connected.",
        )


def _close(client: Any) -> None:
    """Close a connection; where the scheduler is gone, that is told already, and Dask's traceback tells no more."""
    logger = logging.getLogger("distributed.client")
    is_quiet = client.status != "running"

    def passes(_: logging.LogRecord) -> bool:
        return not is_quiet

    logger.addFilter(passes)
    try:
        client.close()
    finally:
        logger.removeFilter(passes)
