"""The synchronous door: an `httpx.BaseTransport` that hands requests to a `SandboxTenant` in the same process.

For tests: no socket, no thread, and a clock that is passed in, so that latency costs no time. What a network would do
when a connection is cut, this does too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from qlik_keys.sandbox.simulator.messages import Request

if TYPE_CHECKING:
    from qlik_keys.sandbox.simulator.tenant import SandboxTenant


class SandboxTransport(httpx.BaseTransport):
    """Answers for one tenant, by each of its host names, and for no other host.

    Args:
        tenant: the simulator.

    Example:
        >>> tenant = SandboxTenant("https://sandbox.eu.qlikcloud.com")
        >>> httpx.Client(base_url=tenant.base_url, transport=SandboxTransport(tenant)).get("/oauth/token").status_code
        405
    """

    def __init__(self, tenant: SandboxTenant) -> None:
        self._tenant = tenant
        self._scheme = httpx.URL(tenant.base_url).scheme

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request.

        Raises:
            httpx.ConnectError: the request goes to another origin than the tenant's.
            httpx.RemoteProtocolError: a setting makes the tenant closed the connection.
        """
        url = request.url
        if url.scheme != self._scheme or url.netloc.decode("ascii") not in self._tenant.host_names:
            raise httpx.ConnectError("no such host behind the sandbox", request=request)
        path, _, query = url.raw_path.decode("latin-1").partition("?")
        body = request.read()
        self._tenant.clock.sleep(self._tenant.settings.latency_seconds)
        answer = self._tenant.handle(
            Request(
                method=request.method.upper(),
                path=path,
                query=query,
                headers=tuple((name.lower(), value) for name, value in request.headers.multi_items()),
                body=body,
            )
        )
        if answer.cut:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        return httpx.Response(answer.status, headers=list(answer.headers), content=answer.body, request=request)
