"""A real HTTP server on loopback that answers as a test wants: scripted, passed on to another server, cut, or never.

`between.Between` strikes at a numbered call; this one decides by what the call is.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

CUT = "cut"  # close the connection without an answer
CUT_AFTER = "cut after"  # pass the call on, and close the connection without its answer
HANG = "hang"  # never answer
PASS = "pass"  # pass the call on
_NOT_RELAYED = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True)
class Call:
    """A request unmodified."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def json(self):
        return json.loads(self.body or b"{}")


@dataclass(frozen=True)
class Reply:
    """What to answer; a body that is not bytes is sent as JSON."""

    status: int = 200
    body: object = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Loopback:
    """The server; a context manager.

    Attributes:
        url: its address.
        calls: what came.
        answer: decides on an answer; may be exchanged at any time.
    """

    def __init__(self, answer: Callable[[Call], Reply | str] = lambda _: PASS, upstream: str = "") -> None:
        self.answer = answer
        self.upstream = upstream
        self.calls: list[Call] = []
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.loopback = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        assert self._server.errors == []

    def paths(self) -> list[str]:
        return [f"{call.method} {call.path}" for call in self.calls]

    def pass_on(self, call: Call) -> Reply:
        parts = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        try:
            headers = {name: value for name, value in call.headers.items() if name.lower() != "host"}
            connection.request(call.method, call.target, body=call.body or None, headers=headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _NOT_RELAYED}
            return Reply(answer.status, answer.read(), kept)
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    loopback: Loopback

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.errors: list[BaseException] = []

    def handle_error(self, request, client_address) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):  # a client that timed out hears no answer
            self.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    server: _Server

    def _handle(self) -> None:
        loopback = self.server.loopback
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        call = Call(self.command, self.path, dict(self.headers.items()), body)
        loopback.calls.append(call)
        reply = loopback.answer(call)
        if reply == HANG:
            loopback.stopping.wait(60)
        if reply == CUT_AFTER:
            loopback.pass_on(call)
        if reply in (CUT, CUT_AFTER, HANG):
            self.close_connection = True
            return
        if reply == PASS:
            reply = loopback.pass_on(call)
        assert isinstance(reply, Reply)
        self.send_response_only(reply.status)
        headers = {"content-type": "application/json"} | {name.lower(): text for name, text in reply.headers.items()}
        for name, value in headers.items():
            self.send_header(name, value)
        if reply.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("content-length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_LIST = _handle  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""
