"""Where a secret may travel: one rule for tenants, Vaults and redirects.

An origin is scheme, host and port (RFC 6454). Plain http is refused except on loopback, where the sandbox listens.
Nothing is resolved here: a name is loopback by its text alone, so that no name server decides where a key may go.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from qlik_keys.errors import ConfigurationError

DEFAULT_PORTS = {"https": 443, "http": 80}


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine by its text: `localhost`, 127.0.0.0/8 or ::1."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def same_origin(first: str, second: str) -> bool:
    """Return whether two URLs have the same scheme, host and port; False where one of them is not absolute."""
    origin = _origin(first)
    return origin is not None and origin == _origin(second)


def require_https(url: str, *, what: str) -> None:
    """Refuse a URL over which a secret would travel in the clear.

    Args:
        url: the absolute URL.
        what: whose URL it is, for the error, for example "Vault address".

    Raises:
        ConfigurationError: it is no http(s) URL with a host, or it is plain http and not on loopback. The URL is not
            quoted, since it may carry a password; the host is.
    """
    origin = _origin(url)
    if origin is None:
        raise ConfigurationError(
            f"The {what} is not a URL with a scheme and a host.", hint="Write it as https://host or https://host:port."
        )
    scheme, host, _ = origin
    refuse_plain_http(scheme, host, what=what)


def refuse_plain_http(scheme: str, host: str, *, what: str) -> None:
    """Refuse plain http to another machine.

    Args:
        scheme: of the URL.
        host: of the URL.
        what: whose URL it is, for the error.

    Raises:
        ConfigurationError: it is plain http and not on loopback.
    """
    if scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            f"The {what} is plain http to {host}: keys and tokens would be sent unencrypted.",
            hint="Use https; plain http is allowed only for this machine.",
        )


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, DEFAULT_PORTS[parts.scheme] if port is None else port
