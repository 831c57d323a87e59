"""The end of a whole exchange for httpx, whose time-outs hold for each wait alone.

httpcore reads and writes through a `NetworkBackend`; this one lets no read wait beyond the end of the exchange that its
thread is in (`core.network.bounded.Deadline`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore

from qlik_keys.core.network.bounded import Deadline, DeadlinePassed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    import httpx

_PIECE = 16_384
_deadline = Deadline()


def within(seconds: float) -> AbstractContextManager[None]:
    """Let everything that this thread exchanges inside the block be over after that many seconds."""
    return _deadline.within(seconds)


def with_deadlines(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """Return the transport, whose connections look at the end of the exchange from now on.

    httpx has no door for a network backend, so its pool is handed one where it keeps it.
    """
    pool = transport._pool  # noqa: SLF001  # no door: see above
    pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001  # the same
    return transport


def _wait(timeout: float | None, kind: type[httpcore.TimeoutException]) -> float | None:
    """Return how long to wait, in seconds; after the end of the exchange raise httpcore's error for it."""
    try:
        return _deadline.wait_seconds(timeout)
    except DeadlinePassed as error:
        words = str(error)
    raise kind(words)


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
        wait = _wait(timeout, httpcore.ConnectTimeout)
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
        return self._inner.read(max_bytes, _wait(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), _PIECE):
            piece = buffer if len(buffer) <= _PIECE else buffer[at : at + _PIECE]
            self._inner.write(piece, _wait(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        wait = _wait(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, wait))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
