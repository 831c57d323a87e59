"""The HTTP door: a raw ASGI application over a `SandboxTenant`, with the sandbox's own controls next to it.

The controls live below `/__sandbox__/` and need the control token as a bearer credential; without a token the
application has none. Run it by uvicorn with `UVICORN_OPTIONS`: the tenant sets `date` itself (its clock may be skewed),
and an access log would hold addresses.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from qlik_keys.sandbox.control import CONTROL_PREFIX, Controls
from qlik_keys.sandbox.simulator.messages import MAXIMUM_BODY_BYTES, Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from qlik_keys.sandbox.simulator.tenant import SandboxTenant

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

UVICORN_OPTIONS: dict[str, Any] = {
    "access_log": False,
    "date_header": False,
    "lifespan": "off",
    "log_level": "critical",
    "server_header": False,
    # Longer than httpx keeps an idle connection (5 s, which is uvicorn's default too). A server that closes first may
    # do so while the next request is on its way, and then it is unknown whether that took effect.
    "timeout_keep_alive": 75,
    "ws": "none",
}
_MAXIMUM_DRAINED_BYTES = 64 * MAXIMUM_BODY_BYTES


def create_app(tenant: SandboxTenant, *, control_token: str | None = None) -> Application:
    """Return the ASGI application.

    Args:
        tenant: the simulator.
        control_token: lets the holder turn settings and read the request log; None leaves the controls out.
    """
    controls = Controls(tenant, token=control_token) if control_token else None

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError("the sandbox speaks HTTP only")
        try:
            body = await _read(receive)
        except ConnectionResetError:
            return
        request = Request(
            method=scope["method"].upper(),
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
            ),
            body=body or b"",
        )
        if request.path.startswith(CONTROL_PREFIX) and controls is not None:
            await _send(controls.handle(request), send)
            return
        await asyncio.sleep(tenant.settings.latency_seconds)
        await _send(tenant.too_large(request) if body is None else tenant.handle(request), send)

    return app


async def _read(receive: Receive) -> bytes | None:
    """Return the body, or None when it is too large; what is too large is read off, up to a bound, and dropped.

    An answer to a body that is still on its way would be lost in the reset of the connection.

    Raises:
        ConnectionResetError: the client left in the middle; half a request is no request.
    """
    chunks: list[bytes] = []
    size, more = 0, True
    while more and size <= _MAXIMUM_DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAXIMUM_BODY_BYTES:
            chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks) if size <= MAXIMUM_BODY_BYTES else None


async def _send(response: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.cut:
        # An answer that never becomes whole: the server closes the connection, the client sees it truncated.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        return
    if response.status != 204:  # noqa: PLR2004  # RFC 9110 8.6: no content-length with 204
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
