"""A real HTTP proxy that stands between the product and its two servers, and strikes at one call.

It is a forward proxy for the tenant (an httpx transport names it, so that addresses and audiences stay the tenant's)
and stands in for the Vault's address. At the chosen call, before it is forwarded or after its effect, it calls back;
a callback that returns `CUT` closes the connection without an answer.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx

CUT = "cut"
_NOT_RELAYED = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Between:
    """The proxy.

    Attributes:
        url: what to take for the Vault's address.
        calls: what was asked since the last `strike`, a word and a path each.
    """

    def __init__(self, vault_url: str) -> None:
        self._vault = vault_url
        self._lock = threading.Lock()
        self.calls: list[str] = []
        self._at, self._phase, self._strike, self._onwards = -1, "", None, False
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.between = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def strike(self, at: int = -1, phase: str = "after", strike=lambda: CUT, *, onwards: bool = False) -> None:
        """Begin to count again, and call `strike` at that call (from 0) or, `onwards`, at it and every later one."""
        with self._lock:
            self.calls = []
            self._at, self._phase, self._strike, self._onwards = at, phase, strike, onwards

    def transport(self) -> httpx.HTTPTransport:
        """Return a transport that sends the tenant's calls through here."""
        return httpx.HTTPTransport(proxy=self.url)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        assert self._server.errors == []

    def note(self, method: str, target: str) -> int:
        parts = urlsplit(target)
        with self._lock:
            self.calls.append(f"{'tenant' if parts.netloc else 'vault'} {method} {parts.path}")
            return len(self.calls) - 1

    def struck(self, number: int, phase: str) -> bool:
        """Call back if this is the call, and return whether its connection is to be cut."""
        with self._lock:
            hit = self._at >= 0 and (number == self._at or (self._onwards and number > self._at))
            # A network that is gone is gone before the next call has an effect.
            hit = hit and (phase == self._phase if number == self._at else phase == "before")
            strike = self._strike
        return hit and strike() == CUT

    def forward(self, method: str, target: str, headers, body: bytes):
        absolute = target if urlsplit(target).netloc else self._vault + target
        parts = urlsplit(absolute)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        with contextlib.closing(connection):
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.reason, answer.getheaders(), answer.read()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    between: Between

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.errors: list[BaseException] = []

    def handle_error(self, request, client_address) -> None:
        import sys

        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):  # a client that was killed hears no answer
            self.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        between = self.server.between
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        number = between.note(self.command, self.path)
        if between.struck(number, "before"):
            self.close_connection = True
            return
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in ("host", "proxy-connection")
        }
        status, reason, answered, content = between.forward(self.command, self.path, headers, body)
        if between.struck(number, "after"):
            self.close_connection = True
            return
        self.send_response_only(status, reason)
        for name, value in answered:
            if name.lower() not in _NOT_RELAYED:
                self.send_header(name, value)
        if status != http.HTTPStatus.NO_CONTENT:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_LIST = _handle  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""
