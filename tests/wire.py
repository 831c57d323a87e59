"""The other end of the wire, for tests of misbehaviour: scripted answers, recorded requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx

Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


@dataclass(frozen=True)
class Sent:
    """A request as it was on the wire."""

    method: str
    url: str
    path: str
    headers: httpx.Headers
    content: bytes

    @property
    def json(self):
        return json.loads(self.content)

    @property
    def form(self):
        return dict(httpx.QueryParams(self.content.decode()))


class Wire(httpx.BaseTransport):
    """Gives the replies in their order, the last one again and again, and remembers the requests."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.sent: list[Sent] = []
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # Not `request.read()`, which would make a stream one that can be sent twice.
        content = b"".join(request.stream)
        sent = Sent(request.method, str(request.url), request.url.path, request.headers.copy(), content)
        with self._lock:
            self.sent.append(sent)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, httpx.Response):
            # A response can be read once: each request gets one of its own.
            return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)
        if isinstance(reply, Exception):
            if isinstance(reply, httpx.RequestError):
                reply.request = request
            raise reply
        return reply(request)

    def paths(self) -> Iterable[str]:
        return [f"{sent.method} {sent.path}" for sent in self.sent]


def qlik_error(
    status: int, *, title: str = "No", code: str = "X-1", detail: str = "", **headers: str
) -> httpx.Response:
    """An error as Qlik words it."""
    error = {"code": code, "title": title, **({"detail": detail} if detail else {})}
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"errors": [error], "traceId": "trace-1"}, headers=fields)
