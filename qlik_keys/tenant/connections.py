"""The connections to one tenant: made when they are first needed, and made again when a setting was corrected.

The environment's settings (authorities, client certificate, proxy) are read by us and handed to httpx, which reads them
too, but fails on what it does not understand with errors of its own that name no variable and show a proxy's password.
"""

from __future__ import annotations

import os
import threading
import weakref
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from qlik_keys.core.bounded import ACCEPTED_ENCODINGS
from qlik_keys.proxies import Proxy, proxy_for
from qlik_keys.tenant.deadlines import with_deadlines
from qlik_keys.tls import TlsSettings, context_for, plain_context, state_of, tenant_settings

if TYPE_CHECKING:
    from qlik_keys.errors import TenantError


class Connections:
    """The one `httpx.Client` of a session; safe for threads.

    Args:
        url: the tenant's normalised URL.
        timeout_seconds: for connecting, sending and each wait for bytes.
        transport: in the place of the network.
    """

    def __init__(self, url: str, *, timeout_seconds: float, transport: httpx.BaseTransport | None) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._transport = transport
        self._lock = threading.Lock()
        self._http: httpx.Client | None = None
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
        """Close them for good."""
        with self._lock:
            http, self._http, self._closed = self._http, None, True
        if http is not None:
            http.close()

    def client(self) -> httpx.Client:
        """Return the client. After a failure the settings are read again, and another one is made if they changed.

        Raises:
            ConfigurationError: a variable cannot be obeyed; it is named, its value is not.
            RuntimeError: they are closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the tenant's session is closed")
            if self._http is None or self._is_doubtful:
                self._make()
            assert self._http is not None
            return self._http

    def follow(self, request: httpx.Request) -> None:
        """Note how far a request comes through a proxy: what fails before the tunnel is there is the proxy's."""
        if self._proxy is not None:
            request.extensions["trace"] = Progress()

    def failure(self, error: Exception, request: httpx.Request | None, *, method: str, path: str) -> TenantError:
        """Return our error for one of httpx's, and look at the settings again before the next request."""
        from qlik_keys.tenant.failures import network_error  # noqa: PLC0415 - not needed where all goes well

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
        parts = urlsplit(self._url)
        secure = parts.scheme == "https" and self._transport is None
        settings = tenant_settings(os.environ) if secure else TlsSettings()
        proxy = None if self._transport else proxy_for(self._url, library="httpx")
        made_of = (proxy, state_of(settings) if secure else None)
        if self._http is None or made_of != self._made_of:
            # Who still uses the client before it may finish with it.
            self._http = self._new_client(settings, proxy, secure=secure)
            self._made_of, self._proxy, self._has_certificate = made_of, proxy, settings.certificate is not None
        self._is_doubtful = False

    def _new_client(self, settings: TlsSettings, proxy: Proxy | None, *, secure: bool) -> httpx.Client:
        from qlik_keys import __version__  # noqa: PLC0415  # the package's front is lazy and above this

        options: dict[str, Any] = {}
        if self._transport is not None:
            options["transport"] = self._transport
        if proxy is not None:
            tls = context_for(settings, for_proxy=True) if proxy.scheme == "https" else None
            # No name of this frame holds the plain password.
            options["proxy"] = httpx.Proxy(proxy.url, auth=proxy.login, ssl_context=tls)
        http = httpx.Client(
            verify=context_for(settings) if secure else plain_context(),
            trust_env=False,
            timeout=self._timeout_seconds,
            follow_redirects=False,
            # A session cookie of one credential must not speak for another one.
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            headers={
                "accept": "application/json",
                "accept-encoding": ACCEPTED_ENCODINGS,
                "user-agent": f"qlik_keys/{__version__}",
            },
            **options,
        )
        if self._transport is None:
            with_deadlines(http)
            # A notebook forgets its tenants: their sockets must not be left to a warning. A transport that was passed
            # in may be in use elsewhere.
            weakref.finalize(self, http.close)
        return http


class Progress:
    """How far a request came; httpcore calls it (the request extension "trace").

    Attributes:
        through: whether the request itself was sent, or begun to be: before that, all goes to the proxy alone.
    """

    def __init__(self) -> None:
        self.through = False

    def __call__(self, event: str, details: dict[str, Any]) -> None:
        """Note an event of httpcore's."""
        if event == "http11.send_request_headers.started":
            self.through = details["request"].method != b"CONNECT"
