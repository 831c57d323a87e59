"""The connections to one tenant: made when they are first needed, and made again when a setting was corrected.

They are an `httpx.HTTPTransport` and no `httpx.Client`: what a client adds (redirects, cookies, merged settings) is
switched off here anyway, and costs a tenth of the time of a rotation.

The environment's settings (authorities, client certificate, proxy) are read by us and handed to httpx, which reads them
too, but fails on what it does not understand with errors of its own that name no variable and show a proxy's password.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from qlik_keys.core.network.bounded import ACCEPTED_ENCODINGS
from qlik_keys.core.network.proxies import Proxy, proxy_for
from qlik_keys.core.network.tls import TlsSettings, context_for, plain_context, state_of, tenant_settings
from qlik_keys.core.version import __version__
from qlik_keys.tenant.http.deadlines import with_deadlines
from qlik_keys.tenant.http.versions import HEADER, requested_version

if TYPE_CHECKING:
    from qlik_keys.errors import TenantError


class Connections:
    """The one httpx transport of a session; safe for threads.

    Args:
        url: the tenant's normalized URL.
        timeout_seconds: for connecting, sending and each wait for bytes.
        transport: instead of the network.

    Attributes:
        headers: what every request says of this program.
        extensions: the time-outs, as httpcore reads them from a request.
    """

    def __init__(self, url: str, *, timeout_seconds: float, transport: httpx.BaseTransport | None) -> None:
        self.headers = {
            "accept": "application/json",
            "accept-encoding": ACCEPTED_ENCODINGS,
            "user-agent": f"qlik_keys/{__version__}",
            HEADER: requested_version(),
        }
        self.extensions = {"timeout": httpx.Timeout(timeout_seconds).as_dict()}
        self._url = url
        self._given = transport
        self._lock = threading.Lock()
        self._transport: httpx.BaseTransport | None = None
        self._made_of: object = None
        self._is_doubtful = False
        self._closed = False
        self._proxy: Proxy | None = None
        self._has_certificate = False

    @property
    def is_closed(self) -> bool:
        """Whether they cannot be used any more."""
        return self._closed

    def close(self) -> None:
        """Close them permanently."""
        with self._lock:
            transport, self._transport, self._closed = self._transport, None, True
        if transport is not None:
            transport.close()

    def transport(self) -> httpx.BaseTransport:
        """Return the transport. After a failure the settings are read again; if they changed, another one is made.

        Raises:
            ConfigurationError: a variable cannot be used; it is named, its value is not.
            RuntimeError: they are closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the tenant's session is closed")
            if self._transport is None or self._is_doubtful:
                self._make()
            assert self._transport is not None
            return self._transport

    def follow(self, request: httpx.Request) -> None:
        """Note how far a request comes through a proxy: what fails before the tunnel is there is the proxy's."""
        if self._proxy is not None:
            request.extensions["trace"] = Progress()

    def failure(self, error: Exception, request: httpx.Request | None, *, method: str, path: str) -> TenantError:
        """Return our error for one of httpx's, and look at the settings again before the next request."""
        from qlik_keys.tenant.http.failures import network_error  # noqa: PLC0415 - not needed where all goes well

        self._is_doubtful = True
        progress = request.extensions.get("trace") if request is not None else None
        return network_error(
            error,
            host=urlsplit(self._url).netloc,
            method=method,
            path=path,
            proxy=self._proxy if isinstance(progress, Progress) and not progress.through else None,
            has_certificate=self._has_certificate,
            plain=self._url.startswith("http:"),
        )

    def _make(self) -> None:
        if self._given is not None:
            self._transport, self._is_doubtful = self._given, False
            return
        secure = self._url.startswith("https:")
        settings = tenant_settings(os.environ) if secure else TlsSettings()
        proxy = proxy_for(self._url, library="httpx")
        made_of = (proxy, state_of(settings) if secure else None)
        if self._transport is None or made_of != self._made_of:
            # A request that still uses the transport before it may finish with it.
            self._transport = self._new_transport(settings, proxy, secure=secure)
            self._made_of, self._proxy, self._has_certificate = made_of, proxy, settings.certificate is not None
        self._is_doubtful = False

    def _new_transport(self, settings: TlsSettings, proxy: Proxy | None, *, secure: bool) -> httpx.HTTPTransport:
        through: httpx.Proxy | None = None
        if proxy is not None:
            tls = context_for(settings, for_proxy=True) if proxy.scheme == "https" else None
            # No name of this frame holds the plain password.
            through = httpx.Proxy(proxy.url, auth=proxy.login, ssl_context=tls)
        verify = context_for(settings) if secure else plain_context()
        transport = with_deadlines(httpx.HTTPTransport(verify=verify, trust_env=False, proxy=through))
        # A notebook forgets its tenants: their sockets must not be left to a warning.
        weakref.finalize(self, transport.close)
        return transport


class Progress:
    """How far a request came; httpcore calls it (the request extension "trace").

    Attributes:
        through: whether the request itself was sent, or started to be: before that, all goes to the proxy alone.
    """

    def __init__(self) -> None:
        self.through = False

    def __call__(self, event: str, details: dict[str, Any]) -> None:
        """Note an event of httpcore's."""
        if event == "http11.send_request_headers.started":
            self.through = details["request"].method != b"CONNECT"
