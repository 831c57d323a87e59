"""Through which proxy an address is called: the environment's rule, read once for tenant and Vault.

`HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` in capitals or small letters, as curl reads them: small letters first. Nothing
on loopback is called by a proxy. HTTP libraries read the same variables, but fail on what they do not understand with
errors of their own that show a proxy's password; so they are handed the result.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import urllib.request
from base64 import b64encode
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from qlik_keys.core.network.tls import causes
from qlik_keys.core.origins import is_loopback
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.core.network.tls_failures import TlsTrouble

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SOCKS = {"httpx": "socksio", "requests": "socks"}
_LOGIN_WANTED, _FAILED = 407, 500
_NO_PROXY_AT_ALL = (301, 302, 307, 308, 400, 404, 405)  # what a web server answers to CONNECT
_OTHERS = ("socks4", "socks4a", "socks", "ftp", "quic", "ws", "wss")
_HOST = re.compile(r"[A-Za-z0-9._-]+")
PROXY_FORM = "Write it as http://user:password@host:port, with # / ? @ and % of a password as %23 %2F %3F %40 %25."


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy.

    Attributes:
        scheme: http, https, socks5 or socks5h.
        host: its name or address, without brackets.
        port: its port.
        source: the variable or argument that names it.
        user: the login's user, "" for none.
        password: the login's password.
    """

    scheme: str
    host: str
    port: int
    source: str
    user: str = field(default="", repr=False)
    password: Secret | None = None

    @property
    def shown(self) -> str:
        """Host and port, fit to be shown."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """Its URL without the login."""
        return f"{self.scheme}://{self.shown}"

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password in the clear, None without a login."""
        if not self.user and self.password is None:
            return None
        return self.user, "" if self.password is None else self.password.reveal()

    @property
    def authorization(self) -> str:
        """What a `Proxy-Authorization` header says (RFC 7617), "" without a login. It is a secret."""
        return "" if self.login is None else "Basic " + b64encode(":".join(self.login).encode()).decode()


def proxy_for(url: str, environment: Mapping[str, str] | None = None, *, library: str) -> Proxy | None:
    """Return the proxy through which a URL is called, None where it is called directly.

    Args:
        url: an absolute URL.
        environment: the variables, None for those of this process.
        library: what will call it, "httpx" or "requests", for a SOCKS proxy.

    Raises:
        ConfigurationError: the variable that counts names no proxy; it is named, its value is not.
    """
    found = _found(url, os.environ if environment is None else environment, library)
    del environment  # a verbose traceback would print all of it
    if isinstance(found, ConfigurationError):
        raise found
    return found


def _found(url: str, environment: Mapping[str, str], library: str) -> Proxy | ConfigurationError | None:
    """Return the proxy or what is wrong with it: no frame that has the environment raises."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    port = parts.port or _PORTS[parts.scheme]
    bypass = environment.get("no_proxy", environment.get("NO_PROXY", ""))
    for small in (f"{parts.scheme}_proxy", "all_proxy"):
        name = small if small in environment else small.upper()
        if environment.get(name, "").strip():
            if bypasses(bypass, host, port):
                return None
            return _read(environment[name], name, library)
    if sys.platform in ("darwin", "win32"):
        # Where the environment says nothing, the system's own settings count there.
        value = urllib.request.getproxies().get(parts.scheme, "")
        if value and not bypasses(bypass, host, port) and not urllib.request.proxy_bypass(host):
            return _read(value, "The system's proxy setting", library)
    return None


def read_proxy(value: str | Secret, *, source: str, library: str) -> Proxy:
    """Read a proxy's URL.

    A user and a password end at the last @, so a password is understood also with a # or / in it.

    Args:
        value: the URL; without a scheme it is an HTTP proxy.
        source: who names it, for the error.
        library: what will use it, "httpx" or "requests", for a SOCKS proxy.

    Raises:
        ConfigurationError: it is none.
    """
    found = _read(value.reveal() if isinstance(value, Secret) else value, source, library)
    del value
    if isinstance(found, ConfigurationError):
        raise found
    return found


def _read(value: str, source: str, library: str) -> Proxy | ConfigurationError:
    """Return the proxy or what is wrong with it: no frame that has the value raises."""
    text = value.strip()
    scheme, found, rest = text.partition("://")
    if not found or "@" in scheme:
        scheme, rest = "http", text
    scheme = scheme.lower()
    if scheme not in _PORTS:
        known = scheme if scheme in _OTHERS else ""  # anything else may be a part of a password
        return ConfigurationError(
            f"{source} names a proxy of an unknown type{f' ({known})' if known else ''}.",
            hint="Use an HTTP proxy: http://host:port. To connect without a proxy, list the host in NO_PROXY.",
        )
    if scheme.startswith("socks") and find_spec(_SOCKS[library]) is None:
        return ConfigurationError(
            f"{source} names a SOCKS proxy, but the package for SOCKS is not installed.",
            hint=f"Install it with: pip install '{library}[socks]'. Or use an HTTP proxy: http://host:port.",
        )
    login, at, address = rest.rpartition("@")
    address = re.split(r"[/?#]", address, maxsplit=1)[0]
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    good = bool(_HOST.fullmatch(host)) or (":" in host and _is_address(host))
    if not good or (port == 0):
        return ConfigurationError(f"{source} is not the address of a proxy.", hint=PROXY_FORM)
    user, _, password = login.partition(":") if at else ("", "", "")
    try:
        held = Secret(unquote(password), what="proxy password", any_text=True) if password else None
        unquote(user).encode("utf-8")
    except (ConfigurationError, ValueError):
        return ConfigurationError(f"{source} has a user name or password that cannot be sent.", hint=PROXY_FORM)
    return Proxy(
        scheme=scheme,
        host=host,
        port=port or _PORTS[scheme],
        source=source,
        user=unquote(user),
        password=held,
    )


def bypasses(listed: str, host: str, port: int) -> bool:
    """Return whether `NO_PROXY` names a host.

    Args:
        listed: names, addresses and networks, separated by commas or blanks: `*`, `acme.com` (and what is under it),
            `.acme.com` (the same), `10.0.0.0/8`, `::1`, `[::1]:8200`, `acme.com:8443`. What is none of these fits
            nothing.
        host: the host that is called, without brackets.
        port: its port.
    """
    name = host.rstrip(".").lower()
    for entry in re.split(r"[,\s]+", listed):
        wanted = entry.strip().lower()
        wanted = wanted.partition("://")[2] or wanted
        if wanted == "*":
            return True
        if "/" in wanted:
            if _in_network(name, wanted):
                return True
            continue
        wanted, wanted_port = _split_port(wanted)
        wanted = wanted.removeprefix("*").strip(".")
        if wanted_port not in (None, port) or not wanted:
            continue
        if name == wanted or _same_address(name, wanted) or (not _is_address(name) and name.endswith(f".{wanted}")):
            return True
    return False


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        inside, _, behind = entry[1:].partition("]")
        digits = behind.removeprefix(":")
        return inside, int(digits) if digits.isdecimal() else None
    before, colon, behind = entry.rpartition(":")
    if colon and behind.isdecimal() and ":" not in before:
        return before, int(behind)
    return entry, None


def _in_network(name: str, entry: str) -> bool:
    try:
        return ip_address(name) in ip_network(entry.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False


def _same_address(name: str, wanted: str) -> bool:
    try:
        return ip_address(name) == ip_address(wanted)
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def blamed(
    proxy: Proxy, host: str, *, status: int | None, trouble: TlsTrouble | None, error: BaseException
) -> tuple[str, str, bool]:
    """Say why a call did not get through a proxy.

    Args:
        proxy: the proxy.
        host: the host that was to be reached.
        status: the status of the proxy's answer to CONNECT, None for no answer.
        trouble: what was wrong with its certificate, None for nothing.
        error: the failure.

    Returns:
        What happened, after the proxy's address; what to do; whether the same call may succeed later.
    """
    if status is not None:
        return refused(proxy, status, host)
    if trouble is not None:
        return f"did not accept a connection ({trouble.words})", trouble.hint, trouble.retryable
    return *unreachable(proxy, proxy_failure_text(error)), True


def refused(proxy: Proxy, status: int, host: str) -> tuple[str, str, bool]:
    """Say what a proxy's answer to CONNECT means.

    Args:
        proxy: the proxy.
        status: the status of its answer.
        host: the host that was to be reached.

    Returns:
        What happened, after "The proxy proxy.example.com:3128"; what to do; whether the same may work later.
    """
    if status == _LOGIN_WANTED:
        had = proxy.user or proxy.password is not None
        words = "does not accept its login" if had else "wants a login"
        return f"{words} ({status})", f"Write user and password into {proxy.source}. {PROXY_FORM}", False
    if status >= _FAILED:
        words = f"does not reach {host} ({status})"
        return words, f"Check the host name, or ask the operator of the proxy. {_bypass(host)}", True
    words = f"does not let calls through to {host} ({status})"
    if status in _NO_PROXY_AT_ALL:
        return (
            words,
            (
                f"Check that {proxy.source} is the address of a proxy: another kind of server may listen "
                f"there. {_bypass(host)}"
            ),
            False,
        )
    return words, f"Ask the proxy's operator to allow that host. {_bypass(host)}", False


def unreachable(proxy: Proxy, words: str) -> tuple[str, str]:
    """Say that a proxy cannot be used; return what happened, after its address, and what to do.

    Args:
        proxy: the proxy.
        words: how it failed: "refuses connections".
    """
    return words, f"Check {proxy.source}, which sets the proxy; NO_PROXY lists the hosts to call without it."


def proxy_failure_text(error: BaseException) -> str:
    """Say how a connection to a proxy failed, by the classes of its causes alone."""
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return "has an unknown host name"
        if isinstance(cause, ConnectionRefusedError):
            return "refuses connections"
        if isinstance(cause, TimeoutError):
            return "does not answer in time"
        if isinstance(cause, ConnectionError):
            return "closed the connection"
    return "did not make a connection"


def _bypass(host: str) -> str:
    return f"If {host} must be called without a proxy, list it in NO_PROXY."
