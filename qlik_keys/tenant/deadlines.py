"""The end of a whole exchange for httpx, whose time-outs hold for each wait alone.

httpcore reads and writes through a `NetworkBackend`; this one lets no read wait beyond the end of the exchange that its
thread is in (`core.bounded.Deadline`).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpcore

from qlik_keys.core.bounded import Deadline, DeadlinePassed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

    import httpx

DEADLINE_FACTOR = 4  # a whole exchange may take that many time-outs
_PIECE = 16_384
_deadline = Deadline()


def within(seconds: float) -> contextlib.AbstractContextManager[None]:
    """Let everything that this thread exchanges inside the block be over after that many seconds."""
    return _deadline.within(seconds)


def with_deadlines(client: httpx.Client) -> httpx.Client:
    """Return the client, whose connections look at the end of the exchange from now on.

    httpx has no door for a network backend, so its pools are handed one where they keep it. What is no pool of httpx's,
    for instance a transport of a test, is left as it is.
    """
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001  # no door: see above
        pool = getattr(transport, "_pool", None)
        if isinstance(pool, httpcore.ConnectionPool):
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001  # the same
    return client


@contextlib.contextmanager
def _told_as(kind: type[httpcore.TimeoutException]) -> Iterator[None]:
    try:
        yield
    except DeadlinePassed as error:
        raise kind(str(error)) from None


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        with _told_as(httpcore.ConnectTimeout):
            wait = _deadline.wait_seconds(timeout)
        return _Stream(self._inner.connect_tcp(host, port, wait, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_unix_socket(path, timeout, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _told_as(httpcore.ReadTimeout):
            wait = _deadline.wait_seconds(timeout)
        return self._inner.read(max_bytes, wait)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), _PIECE):
            with _told_as(httpcore.WriteTimeout):
                wait = _deadline.wait_seconds(timeout)
            self._inner.write(buffer[at : at + _PIECE], wait)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with _told_as(httpcore.ConnectTimeout):
            wait = _deadline.wait_seconds(timeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, wait))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
