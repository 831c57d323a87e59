"""TLS on loopback for tests: a front before a plain server, and a proxy that is asked by CONNECT.

Both relay bytes; the front is what a company's gateway is, and the proxy leads a real host name to a server here.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.sandbox.authority import CertificateFiles

TENANT_NAME, VAULT_NAME = "acme.eu.qlikcloud.com", "vault.acme.example"


class _Relay:
    """Listens on a free port of loopback, and has a thread for each connection; a context manager."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_) -> None:
        # A thread that waits in accept() is not woken by close().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, target, *arguments) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep(self, connection):
        with self._lock:
            self._sockets.append(connection)
        return connection

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._quietly, self._keep(connection))

    def _quietly(self, connection) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._serve(connection)
        connection.close()

    def _serve(self, connection) -> None:
        raise NotImplementedError

    def _join(self, connection, upstream_port: int) -> None:
        """Pass bytes both ways until one side ends."""
        with socket.create_connection(("127.0.0.1", upstream_port)) as upstream:
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._pump, self._keep(upstream), connection)
            self._pump(connection, upstream)

    @staticmethod
    def _pump(source, target) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := source.recv(65_536):
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class TlsFront(_Relay):
    """Speaks TLS and passes on to a plain server.

    Args:
        files: its certificate.
        upstream_port: the plain server's; what it answers is passed back.
        client_authority: the file of the authority of client certificates, where one is wanted.
    """

    def __init__(
        self, files: CertificateFiles, upstream_port: int, *, client_authority=None, longest=ssl.TLSVersion.TLSv1_3
    ) -> None:
        super().__init__()
        self._upstream_port = upstream_port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        self._context.maximum_version = longest
        if client_authority is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(client_authority)
        self.url = f"https://127.0.0.1:{self.port}"

    def _serve(self, connection) -> None:
        with self._keep(self._context.wrap_socket(connection, server_side=True)) as secure:
            self._join(secure, self._upstream_port)


class ConnectProxy(_Relay):
    """A proxy.

    Args:
        targets: which port of loopback stands for which "host:port".
        login: "user:password" that it wants, "" for none.
        status: what it answers to a CONNECT that it does not let through, whatever it asks for.

    Attributes:
        connects: the "host:port" of each CONNECT that was let through.
    """

    def __init__(self, targets: Mapping[str, int] | None = None, *, login: str = "", status: int = 0) -> None:
        super().__init__()
        self._targets = dict(targets or {})
        self._login = login
        self._status = status
        self.connects: list[str] = []
        self.heads: list[bytes] = []
        self.address = f"127.0.0.1:{self.port}"

    def _serve(self, connection) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(65_536)
            if not data:
                return
            head += data
        self.heads.append(head)
        target = head.split()[1].decode()
        wanted = b"Basic " + base64.b64encode(self._login.encode())
        status = self._status
        if self._login and wanted not in head:
            status = 407
        elif not status and target not in self._targets:
            status = 502
        if status == -1:  # cut
            return
        if status:
            connection.sendall(f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            return
        self.connects.append(target)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._join(connection, self._targets[target])
