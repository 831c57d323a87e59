"""A server of bytes on loopback, for answers that no HTTP library would send: dripping, endless, packed twice."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DRIP_SECONDS = 0.02


class RawServer:
    """Answers each request with the pieces that a script yields; a context manager.

    Args:
        script: returns the pieces for a request, which it gets as bytes; between two pieces it waits a moment.
        drip_seconds: how long.

    Attributes:
        url: its address.
        pieces: how many were sent.
    """

    def __init__(self, script: Callable[[bytes], Iterable[bytes]], *, drip_seconds: float = 0.0) -> None:
        self._script = script
        self._drip_seconds = drip_seconds
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._connections: list[threading.Thread] = []
        self.pieces = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._thread, *self._connections):
            thread.join()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._connections.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            request = connection.recv(65_536)
            for piece in self._script(request):
                if self._stopping.is_set():
                    return
                connection.sendall(piece)
                self.pieces += 1
                if self._drip_seconds:
                    time.sleep(self._drip_seconds)


def endless(piece: bytes, first: bytes = b"") -> Iterable[bytes]:
    """Yield a beginning, and then one piece without end."""
    yield first
    while True:
        yield piece


def chunk(data: bytes) -> bytes:
    """Return a chunk of a chunked body (RFC 9112 7.1)."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def head(**headers: object) -> bytes:
    """Return the head of a success; underscores in names stand for hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(["HTTP/1.1 200 OK", "content-type: application/json", *lines, "", ""]).encode()
