"""The connections to one Vault: TLS, proxy and client certificate, made again when a setting was corrected.

requests would look for authorities and proxies automatically, and trust certifi's in addition to those that it was
given; here it gets a TLS context that is ready (`tls`), and a proxy that was understood (`proxies`).
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import requests.adapters
import urllib3
import urllib3.connection

from qlik_keys.core.network.bounded import ACCEPTED_ENCODINGS
from qlik_keys.core.network.proxies import Proxy, proxy_for, read_proxy
from qlik_keys.core.network.tls import Place, TlsSettings, causes, context_for, environment_trust, state_of
from qlik_keys.core.origins import require_https
from qlik_keys.errors import ConfigurationError
from qlik_keys.keystore.vault.http.exchange import BoundedResponse, HttpPool, exchanged

if TYPE_CHECKING:
    from pathlib import Path

    from qlik_keys.core.secret import Secret

_POOL_SIZE = 8
_BEGIN = "-----BEGIN"
_LONGEST_HOST, _LONGEST_LABEL = 253, 63


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultNetwork:
    """How a Vault is reached.

    Attributes:
        ca_cert: a file or folder with its authorities, or their text in PEM; None for the environment's or certifi's.
        client_cert: a file with a client certificate.
        client_key: a file with its key; None where it is in the same file.
        server_name: the name that its certificate must have, "" for the address's.
        proxy: the proxy's URL, its `what` says who named it; None for the environment's.
    """

    ca_cert: str | Path | Place | None = None
    client_cert: str | Path | Place | None = None
    client_key: str | Path | Place | None = None
    server_name: str = ""
    proxy: Secret | None = None

    def tls(self) -> TlsSettings:
        """Return what its TLS context is made of."""
        trusted = _place(self.ca_cert, "ca_cert")
        # A variable for the authority itself never names a file.
        pem = trusted is not None and (trusted.path.lstrip().startswith(_BEGIN) or trusted.source.endswith("_BYTES"))
        return TlsSettings(
            trusted=None if pem else trusted or environment_trust(os.environ),
            trusted_pem=trusted.path if pem and trusted is not None else "",
            trusted_source=trusted.source if pem and trusted is not None else "",
            certificate=_place(self.client_cert, "client_cert"),
            key=_place(self.client_key, "client_key"),
        )

    def proxy_to(self, url: str) -> Proxy | None:
        """Return the proxy for Vault's address, None for none.

        Raises:
            ConfigurationError: what names it is not understood.
        """
        if self.proxy is None:
            return proxy_for(url, library="requests")
        return read_proxy(self.proxy, source=self.proxy.what, library="requests")


_CONNECTING = "qlik_keys_connecting"


class _Connection(urllib3.connection.HTTPSConnection):
    """A connection that marks what fails before a request is sent on it; through a proxy, that is the proxy's."""

    response_class = BoundedResponse

    def connect(self) -> None:
        """Connect, to the proxy first if there is one."""
        try:
            super().connect()
        except Exception as error:
            setattr(error, _CONNECTING, True)
            raise


class _Pool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Connection


def failed_to_connect(error: BaseException) -> bool:
    """Return whether a TLS connection was not made, to the server or to the proxy before it."""
    return any(hasattr(cause, _CONNECTING) for cause in causes(error))


class VaultAdapter(requests.adapters.HTTPAdapter):
    """Sends requests to one Vault, over one pool of connections; safe for threads.

    Args:
        url: Vault's address.
        network: how it is reached.

    Attributes:
        proxy: the proxy in use, None for none.
        has_certificate: whether a client certificate is shown.
    """

    def __init__(self, url: str, network: VaultNetwork) -> None:
        self._url = url
        self._network = network
        self._guard = threading.Lock()
        self.poolmanager: Any = None
        self._pool: Any = None
        self._made_of: object = None
        self._is_doubtful = False
        self.proxy: Proxy | None = None
        self.has_certificate = network.client_cert is not None
        super().__init__()

    def doubt(self) -> None:
        """Look at the settings again before the next request: a call has failed."""
        self._is_doubtful = True

    def init_poolmanager(self, *_: Any, **__: Any) -> None:
        """Make nothing: the pool is made when it is first needed."""

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        """Return the pool for a request.

        Raises:
            ConfigurationError: a setting cannot be used; it is named, its value is not.
        """
        with self._guard:
            if self.poolmanager is None or self._is_doubtful:
                self._make()
            if self._pool is None:  # all requests go to the one Vault: its address is read once
                self._pool = self.poolmanager.connection_from_url(self._url)
            return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave the pool as it is: its context trusts whom it should, and no one else."""

    def request_url(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> str:
        """Return the path: what goes through a proxy goes through a tunnel."""
        return request.path_url

    def send(
        self, request: requests.PreparedRequest, *_: Any, timeout: Any = None, stream: bool = False, **options: Any
    ) -> requests.Response:
        """Send a request and read its answer, within bounds of bytes and time (`vault_http.exchanged`).

        Raises:
            requests.exceptions.RequestException: as requests does.
        """
        del stream
        request.headers["accept-encoding"] = ACCEPTED_ENCODINGS
        send = super().send
        return exchanged(lambda: send(request, stream=True, timeout=timeout, **options), timeout=timeout)

    def close(self) -> None:
        """Close the connections; a later request makes others."""
        with self._guard:
            if self.poolmanager is not None:
                self.poolmanager.clear()
                self._pool = None

    def _make(self) -> None:
        secure = self._url.startswith("https:")
        proxy = self._network.proxy_to(self._url) if secure else None
        settings = self._network.tls()
        made_of = (proxy, state_of(settings) if secure else None)
        if self.poolmanager is None or made_of != self._made_of:
            self.poolmanager = self._new_manager(settings, proxy, secure=secure)
            self._pool = None
            if proxy is None or not proxy.scheme.startswith("socks"):
                self.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": _Pool}
            self._made_of, self.proxy = made_of, proxy
        self._is_doubtful = False

    def _new_manager(self, settings: TlsSettings, proxy: Proxy | None, *, secure: bool) -> urllib3.PoolManager:
        options: dict[str, Any] = {"num_pools": 1, "maxsize": _POOL_SIZE}
        if secure:
            options["ssl_context"] = context_for(settings)
            if self._network.server_name:
                options["server_hostname"] = self._network.server_name
        if proxy is None:
            return urllib3.PoolManager(**options)
        if proxy.scheme.startswith("socks"):
            from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 - needs a package of its own

            if proxy.login is None:
                return SOCKSProxyManager(proxy.url, **options)
            return SOCKSProxyManager(proxy.url, username=proxy.login[0], password=proxy.login[1], **options)
        if proxy.scheme == "https":
            options["proxy_ssl_context"] = context_for(settings, for_proxy=True)
        if proxy.login is None:
            return urllib3.ProxyManager(proxy.url, **options)
        return urllib3.ProxyManager(proxy.url, proxy_headers={"Proxy-Authorization": proxy.authorization}, **options)


def _place(given: str | Path | Place | None, source: str) -> Place | None:
    return given if given is None or isinstance(given, Place) else Place(str(given), source)


def checked_address(url: str) -> str | ConfigurationError:
    """Return Vault's address without a trailing slash, or the error that refuses it, to be raised when it is gone."""
    if not isinstance(url, str):
        return ConfigurationError(
            f"The Vault address must be text (str), not {type(url).__name__}.", hint="Write it as https://host:port."
        )
    address = url.strip().rstrip("/")
    try:
        require_https(address, what="Vault address")
    except ConfigurationError as error:
        return error.with_traceback(None)
    parts = urlsplit(address)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        return ConfigurationError(
            "The Vault address contains a user, a password, a query or a fragment.",
            hint="Write it as https://host:port, and pass the token as `token`.",
        )
    if not is_host(parts.hostname or ""):
        return ConfigurationError("The Vault address's host is not a host name.", hint="Write it as https://host:port.")
    return address


def is_host(name: str) -> bool:
    """Tell whether a text can be a host's name or address (RFC 1035 2.3.4); a container's may have an underscore."""
    labels = name.removesuffix(".").split(".")
    is_short = len(name) <= _LONGEST_HOST and all(0 < len(label) <= _LONGEST_LABEL for label in labels)
    return is_short and name.isprintable() and " " not in name
