"""The tenant's URL: normalized where it is nearly right, refused with the reason where it is wrong.

The result is the text that every request and the audience of every client assertion is built on
(qlik-cloud-contract, "Hosts"), so it has one form: scheme, host, a port only where it is not the default, no slash.
Nothing is resolved or asked here.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote, urljoin, urlsplit

from qlik_keys.core.origins import DEFAULT_PORTS, is_loopback, refuse_plain_http, same_origin
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Query = Mapping[str, str | tuple[str, ...]]  # a tuple has all values of a name that is given several times
    QueryFields = dict[str, str | tuple[str, ...]]

TOKEN_PATH = "/oauth/token"  # noqa: S105  # a path
_QLIK_DOMAINS = (".qlikcloud.com", ".qlikcloudgov.com")
_REGION = re.compile(r"[a-z]{2}")
_SERVICES = ("console", "login", "account")
_OTHER_HOSTS = {
    "console.qlikcloud.com": "the console of an organization, whose OAuth clients do not belong to a tenant; the keys "
    "of those cannot be rotated by its API",
    "console.qlikcloudgov.com": "not in use: government clouds have no console of an organization",
    "login.qlikcloud.com": "where users log in to Qlik Cloud",
    "account.qlikcloud.com": "where users log in to Qlik Cloud",
    "status.qlikcloud.com": "the status page of Qlik Cloud",
    "qlik.dev": "Qlik's site for developers",
    "qlik.com": "Qlik's own site",
    "account.qlik.com": "where users log in with a Qlik account",
    "login.qlik.com": "where users log in with a Qlik account",
    "qlikid.qlik.com": "where users log in with a Qlik account",
    "account.myqlik.qlik.com": "My Qlik, the portal for a Qlik account",
    "myqlik.qlik.com": "My Qlik, the portal for a Qlik account",
}
_EXAMPLE = "Write it as https://<tenant>.<region>.qlikcloud.com."
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_AS_IN_AN_ADDRESS = re.compile(r"(?:[A-Za-z0-9._~*+-]|%[0-9A-Fa-f]{2})*")
_WINDOWS_SERVER = "a server of Qlik Sense Enterprise on Windows, which has no such OAuth clients"
_WINDOWS_PATHS = frozenset({"qmc", "qrs"})  # its management console, and its repository's API
_WINDOWS_LOGINS = frozenset({"internal_windows_authentication", "internal_forms_authentication"})
_NETLOC = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_MAXIMUM_HOST_LENGTH = 253
_MOST_ERRORS = 2


def normalise_tenant_url(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the tenant's base URL, and in words what had to be normalized.

    Args:
        text: what a person typed or pasted, for example the address of a page in Qlik's console.

    Raises:
        ConfigurationError: it names no tenant that a key could safely be sent to. A user name or password in it is
            not quoted.

    Example:
        >>> normalise_tenant_url("Acme.eu.qlikcloud.com/console/oauth")
        ('https://acme.eu.qlikcloud.com', ('added https://', 'wrote the host in lower case', 'removed the path'))
    """
    checked = checked_tenant_url(text)
    del text  # it may hold a password, and a verbose traceback prints what is in this frame
    if isinstance(checked, ConfigurationError):
        raise checked
    return checked


def checked_tenant_url(text: str) -> tuple[str, tuple[str, ...]] | ConfigurationError:
    """Return what `normalise_tenant_url` does, or the error, to be raised by who has let go of the text first."""
    failure: ConfigurationError
    if not isinstance(text, str):
        return ConfigurationError(f"The tenant URL must be text (str), not {type(text).__name__}.", hint=_EXAMPLE)
    try:
        return _normalized(text)
    except ConfigurationError as error:
        failure = error
    return failure.with_traceback(None)


def _normalized(text: str) -> tuple[str, tuple[str, ...]]:
    trimmed = text.strip().strip("\"'<>").strip()
    notices = ["removed the text around it"] if trimmed != text else []
    if not trimmed:
        raise ConfigurationError("The tenant URL is empty.", hint=_EXAMPLE)
    if not trimmed.isprintable() or any(character.isspace() for character in trimmed):
        raise ConfigurationError("The tenant URL contains a space or a control character.", hint=_EXAMPLE)
    scheme = _SCHEME.match(trimmed)
    if scheme is None:
        trimmed = "https://" + trimmed.lstrip("/")
        notices.append("added https://")
    parts, port = _split(trimmed)
    host = _checked_host(parts)
    if parts.netloc != parts.netloc.lower() or (scheme and scheme[1] != scheme[1].lower()):
        notices.append("wrote the host in lower case")
    refuse_plain_http(parts.scheme, host, what="tenant URL")
    if port is not None and port == DEFAULT_PORTS[parts.scheme]:
        notices.append(f"removed the port {port}, which is the default")
        port = None
    if parts.path not in ("", "/"):
        notices.append("removed the path")
    elif parts.path:
        notices.append("removed the slash at the end")
    if parts.query or parts.fragment:
        notices.append("removed the part after ? or #")
    other = _other_server(host) or _windows_page(host, parts.path)
    if other:
        raise ConfigurationError(f"{host} is no tenant: it is {other}.", hint=_EXAMPLE)
    if not is_loopback(host) and not host.endswith(_QLIK_DOMAINS):
        notices.append(f"{host} is not a host of qlikcloud.com: make sure that it is your tenant")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else ""), tuple(notices)


def tenant_host(url: str) -> str:
    """Return the host, and the port where it is not the default, of a normalized tenant URL; the store files by it."""
    return urlsplit(url).netloc


def may_be_same_tenant(tenant_url: str, netloc: str) -> bool:
    """Return whether a host that a tenant names as its own may be another host name of it.

    Both are hosts of Qlik Cloud, where the certificate vouches for what the server says; or both are on loopback with
    one port, where the sandbox listens. A server elsewhere could name any tenant, and be handed what is that tenant's
    (docs/decisions/0045).

    Args:
        tenant_url: the normalized tenant URL.
        netloc: the other host, with the port where it is not the default.
    """
    if not _NETLOC.fullmatch(netloc):
        return False
    own, other = urlsplit(tenant_url), urlsplit(f"//{netloc}")
    mine, theirs = own.hostname or "", other.hostname or ""
    if is_loopback(mine):
        return is_loopback(theirs) and own.port == other.port
    return (
        own.scheme == "https"
        and own.port is None
        and other.port is None
        and mine.endswith(_QLIK_DOMAINS)
        and theirs.endswith(_QLIK_DOMAINS)
        and not _other_server(theirs)
    )


def token_url_of(tenant_url: str) -> str:
    """Return the token endpoint of a normalized tenant URL, which is also the audience of its client assertions."""
    return tenant_url + TOKEN_PATH


def token_url_by(tenant_url: str, host_name: str) -> str:
    """Return the token endpoint by another host name of the tenant, which has the port in it where it needs one."""
    return token_url_of(f"{urlsplit(tenant_url).scheme}://{host_name}")


def query_fields(pairs: Iterable[tuple[str, str]]) -> QueryFields:
    """Return a query by its names; where one is given several times, all of its values in their order."""
    fields: QueryFields = {}
    for name, value in pairs:
        before = fields.get(name, ())
        fields[name] = (*((before,) if isinstance(before, str) else before), value) if name in fields else value
    return fields


def plain_value(text: str) -> str:
    """Return a value of a query without the escapes that an address has, where it is written as there.

    Scripts cut a cursor out of `links.next.href` and hand it on as it is; qlik-cli takes that too.
    """
    if "%" not in text or not _AS_IN_AN_ADDRESS.fullmatch(text):
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def escaped_value(text: str) -> str:
    """Return a text of which `plain_value` makes just this value."""
    return text.replace("%", "%25") if plain_value(text) != text else text


def target_on(tenant_url: str, path: str, address: str, *, names: Iterable[str] = ()) -> tuple[str, QueryFields] | None:
    """Return path and query of an address that an answer named, None where it is not on the tenant's own origin.

    Args:
        tenant_url: the normalized tenant URL.
        path: the path of the request that was answered, which a relative address starts from.
        address: absolute or relative, as the tenant wrote it.
        names: host names that count as the tenant's own too; what is returned is asked on `tenant_url` all the same.
    """
    try:
        if address.startswith(f"{tenant_url}/") and "/." not in address:
            absolute = address  # as Qlik writes it: a listing has a hundred, and the other way parses each five times
            is_own = True
        else:
            absolute = urljoin(tenant_url + path, address)
            scheme = urlsplit(tenant_url).scheme
            is_own = any(same_origin(absolute, own) for own in (tenant_url, *(f"{scheme}://{name}" for name in names)))
        if is_own:
            parts = urlsplit(absolute)
            return parts.path, query_fields(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        pass
    return None


def host_of(tenant_url: str, path: str, address: str) -> str:
    """Return host and port to which an answer leads, "" where it cannot be told; nothing else of it is fit to show.

    Args:
        tenant_url: the normalized tenant URL.
        path: the path of the request that was answered.
        address: absolute or relative, as the tenant wrote it, "" for none.
    """
    try:
        parts = urlsplit(urljoin(tenant_url + path, address)) if address else None
        host = parts.hostname if parts is not None else None
        port = f":{parts.port}" if parts is not None and parts.port else ""
    except ValueError:
        return ""
    return f"{host}{port}" if host and host.isprintable() else ""


def _other_server(host: str) -> str:
    """Say what a host of Qlik's is that is no tenant, "" for any other (qlik-cloud-contract, "Host names").

    Some of them answer as a tenant does, and would be sent a login that is a tenant's.
    """
    known = _OTHER_HOSTS.get(host)
    if known:
        return known
    for domain in _QLIK_DOMAINS:
        name = host.removesuffix(domain)
        if f".{name}" == domain:
            return "the domain that all tenants are in"
        if name == host:
            continue
        labels = name.split(".")
        if _REGION.fullmatch(labels[-1]) and len(labels) == 1:
            return (
                f"the region {name}, whose OAuth clients (My Qlik) are in no tenant's list: put your tenant's name "
                "before it"
            )
        if len(labels) == 1:
            return "a host without a region; a tenant's host has one"
        if labels[0] in _SERVICES:
            return f"a service of Qlik's ({labels[0]}) that all tenants share"
    if host.endswith((".qlik.com", ".qlik.dev")):
        return "a web site of Qlik, not a tenant"
    return _misspelt(host)


def _misspelt(host: str) -> str:
    """Say that a host's domain is one of Qlik Cloud's with a typing error: its owner would be sent the credential."""
    if host.endswith(_QLIK_DOMAINS):
        return ""
    domain = ".".join(host.split(".")[-2:])
    meant = next((each[1:] for each in _QLIK_DOMAINS if 0 < _typing_errors(domain, each[1:]) <= _MOST_ERRORS), "")
    return f"in the domain {domain}, probably a typing error for {meant}" if meant else ""


def _typing_errors(one: str, other: str) -> int:
    """Return by how many letters two texts differ (the Levenshtein distance); it stops counting where that is many."""
    if abs(len(one) - len(other)) > _MOST_ERRORS:
        return _MOST_ERRORS + 1
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, expected in enumerate(other, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (letter != expected)))
        above = line
    return above[-1]


def _windows_page(host: str, path: str) -> str:
    """Say that an address is one of Qlik Sense Enterprise on Windows, by a path that no Qlik Cloud tenant has."""
    if host.endswith(_QLIK_DOMAINS) or not _WINDOWS_PATHS.intersection(path.lower().split("/")):
        return ""
    return _WINDOWS_SERVER


def windows_server(location: str) -> str:
    """Say that a redirect is the one by which a Windows server asks for a login, "" for any other.

    Its proxy sends a user who is not logged in to a module of its own (help.qlik.com, "Authentication API" of the Proxy
    Service), whatever the path of the request.

    Args:
        location: where the redirect leads, as the server wrote it.
    """
    try:
        segments = urlsplit(location).path.lower().split("/")
    except ValueError:
        return ""
    return _WINDOWS_SERVER if _WINDOWS_LOGINS.intersection(segments) else ""


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        pass
    else:
        if parts.scheme not in DEFAULT_PORTS:
            raise ConfigurationError("The tenant URL's scheme is neither https nor http.", hint=_EXAMPLE)
        if "@" in parts.netloc:
            raise ConfigurationError(
                "The tenant URL has a user name or a password in it.",
                hint="Remove it: the credential is given separately, and URLs are saved in logs.",
            )
        if not parts.hostname:
            raise ConfigurationError("The tenant URL has no host.", hint=_EXAMPLE)
        return parts, port
    raise ConfigurationError("The tenant URL has an invalid host or port.", hint=_EXAMPLE)


def _checked_host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if ":" in host:
        return host
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    if not host.isascii():
        # Letters of another script can look like Latin ones; such a host must be typed in its xn-- form.
        raise ConfigurationError("The tenant URL's host has letters outside a-z.", hint=_EXAMPLE)
    labels = host.split(".")
    if len(host) > _MAXIMUM_HOST_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        # Not quoted, here and below: someone may have put a key instead of the URL.
        raise ConfigurationError("The tenant URL's host is not a host name.", hint=_EXAMPLE)
    if len(labels) == 1 and not is_loopback(host):
        raise ConfigurationError("The tenant URL's host is not the full host name of a tenant.", hint=_EXAMPLE)
    if labels[-1].isdigit():
        raise ConfigurationError("The tenant URL's host is neither a host name nor an address.", hint=_EXAMPLE)
    return host
