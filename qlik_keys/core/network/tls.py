"""TLS for tenant and Vault: whom this machine trusts, and its own certificate.

One context is kept per setting, not per process: it is found again by the values that it was made of and by the state
of the files that they name, so a variable or a file that is corrected in a running notebook holds from the next
connection on. Certificates are always verified (RFC 5280, RFC 9525); there is no switch for that.

Not done here: connecting (`tenant.http.connections`, `keystore.vault.http.adapter`), proxies (`proxies`), and what a
failed handshake means (`tls_failures`).
"""

from __future__ import annotations

import os
import re
import ssl
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What programs name the file of a certificate authority by; the first that is set counts. httpx knows the first two,
# requests and curl the others, and a company sets one of them for all of its programs.
TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
TENANT_CERTIFICATE, TENANT_KEY = "QLIK_KEYS_TENANT_CERT", "QLIK_KEYS_TENANT_KEY"
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
_MOST_FILES, _MOST_CONTEXTS = 1000, 8
HANDSHAKE = "qlik_keys_handshake_with"  # the attribute of an error in a handshake: with the "server" or the "proxy"


class Place(NamedTuple):
    """A setting that names files, and who set it, for the error.

    Attributes:
        path: the file or folder; a folder list is separated as in PATH.
        source: "SSL_CERT_FILE", "ca_cert": what the user has to change.
    """

    path: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """What a TLS context is made of.

    Attributes:
        trusted: where the certificate authorities are, a file or a folder; None for those that certifi brings.
        trusted_pem: authorities in PEM, given in place of a file.
        trusted_source: who gave `trusted_pem`.
        certificate: this client's own certificate, where the server wants one.
        key: the file of its private key; None where it is in the certificate's file.
    """

    trusted: Place | None = None
    trusted_pem: str = ""
    trusted_source: str = ""
    certificate: Place | None = None
    key: Place | None = None


def environment_trust(environment: Mapping[str, str]) -> Place | None:
    """Return the authorities that the environment names, None where it names none."""
    for name in TRUST_VARIABLES:
        if value := environment.get(name, "").strip():
            return Place(value, name)
    return None


def tenant_settings(environment: Mapping[str, str]) -> TlsSettings:
    """Return what a tenant is called with: authorities, and the certificate for a gateway that wants one."""
    certificate, key = (environment.get(name, "").strip() for name in (TENANT_CERTIFICATE, TENANT_KEY))
    return TlsSettings(
        trusted=environment_trust(environment),
        certificate=Place(certificate, TENANT_CERTIFICATE) if certificate else None,
        key=Place(key, TENANT_KEY) if key else None,
    )


class _Socket(ssl.SSLSocket):
    """A connection on which a server's last words are read.

    A server of TLS 1.3 refuses a client certificate after the handshake, when the request is being sent. With an error
    that says so HTTP libraries go on to read the answer, in whose place the server's alert stands.
    """

    def send(self, data: Any, flags: int = 0) -> int:
        """Send."""
        try:
            return super().send(data, flags)
        except ssl.SSLEOFError as error:
            raise BrokenPipeError(error.errno, "the other side has closed the connection") from None


class _Context(ssl.SSLContext):
    """A context that marks what fails in its handshakes: an error of the same class may come after a request, too."""

    peer = "server"
    sslsocket_class = _Socket

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """Make the handshake."""
        try:
            return super().wrap_socket(*arguments, **options)
        except OSError as error:
            setattr(error, HANDSHAKE, self.peer)
            raise


class _ProxyContext(_Context):
    peer = "proxy"


_contexts: dict[object, ssl.SSLContext] = {}
_lock = threading.Lock()


def state_of(settings: TlsSettings) -> tuple[object, ...]:
    """Return what tells two contexts apart: the settings, and the state of each file that they name."""
    places = [place for place in (settings.trusted, settings.certificate, settings.key) if place is not None]
    return settings, tuple(each for place in places for each in _stamps(place.path))


def context_for(settings: TlsSettings, *, for_proxy: bool = False) -> ssl.SSLContext:
    """Return the TLS context for these settings; the same one as long as neither they nor their files change.

    Args:
        settings: what it is made of.
        for_proxy: whether it is for the connection to a proxy, which shows no certificate of qlik_keys.

    Raises:
        ConfigurationError: a file cannot be used; the error names who set it.
    """
    key = (for_proxy, state_of(settings))
    with _lock:
        found = _contexts.get(key)
        if found is None:
            found = _made(settings, for_proxy=for_proxy)
            while len(_contexts) >= _MOST_CONTEXTS:
                del _contexts[next(iter(_contexts))]
            _contexts[key] = found
    return found


def plain_context() -> ssl.SSLContext:
    """Return a context for plain http on loopback: it trusts no one, and no certificates are read for it."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _made(settings: TlsSettings, *, for_proxy: bool) -> ssl.SSLContext:
    context: ssl.SSLContext = (_ProxyContext if for_proxy else _Context)(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):  # what `ssl.create_default_context` sets there
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    problem: ConfigurationError | None
    if settings.trusted_pem:
        problem = _trust_text(context, settings.trusted_pem, settings.trusted_source)
    elif settings.trusted is None:
        import certifi  # noqa: PLC0415 - not wanted where the user names the authorities

        context.load_verify_locations(cafile=certifi.where())
        problem = None
    else:
        problem = _trust(context, settings.trusted)
    if problem is None and not for_proxy:
        problem = _own_certificate(context, settings)
    if problem is not None:
        raise problem
    return context


def _trust_text(context: ssl.SSLContext, pem: str, source: str) -> ConfigurationError | None:
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        return ConfigurationError(f"{source} contains no certificate in PEM.", hint=_AUTHORITY)
    return None


def _trust(context: ssl.SSLContext, place: Place) -> ConfigurationError | None:
    """Have the context trust a file, or each of some folders; return what is wrong with them."""
    if place.source != "SSL_CERT_DIR" and not _expanded(place.path).is_dir():
        return _trust_file(context, _expanded(place.path), place.source)
    folders = [_expanded(part) for part in place.path.split(os.pathsep) if part]
    found, problem = 0, _unusable(place.source, "a folder without any certificate")
    for folder in folders:
        try:
            names = sorted(entry.name for entry in os.scandir(folder))
        except OSError as error:
            # One of several may be missing: distributions list what others have.
            problem = _unusable(place.source, f"a folder that cannot be read ({_reason(error)})")
            continue
        if any(map(_HASHED.fullmatch, names)):
            # As `openssl rehash` leaves it: OpenSSL looks for the one that it needs.
            context.load_verify_locations(capath=str(folder))
            found += 1
            continue
        # Vault's own programs read each file of such a folder, whatever it is called.
        for name in names[:_MOST_FILES]:
            found += (folder / name).is_file() and _trust_file(context, folder / name, place.source) is None
    return None if found else problem


def _trust_file(context: ssl.SSLContext, path: Path, source: str) -> ConfigurationError | None:
    try:
        context.load_verify_locations(cafile=str(path))
    except ssl.SSLError:
        pass
    except OSError as error:
        return _unusable(source, f"a file that cannot be read ({_reason(error)})")
    else:
        return None
    try:
        # Windows and many companies hand authorities out in DER.
        context.load_verify_locations(cadata=path.read_bytes())
    except (ssl.SSLError, ValueError):
        return _unusable(source, "a file without a certificate in PEM")
    except OSError as error:
        return _unusable(source, f"a file that cannot be read ({_reason(error)})")
    return None


def _own_certificate(context: ssl.SSLContext, settings: TlsSettings) -> ConfigurationError | None:
    certificate, key = settings.certificate, settings.key
    if certificate is None:
        if key is None:
            return None
        return ConfigurationError(
            f"{key.source} is set, but no certificate.", hint="A client certificate needs both a certificate and a key."
        )
    asked: list[bool] = []

    def password() -> str:
        asked.append(True)
        return ""  # else OpenSSL asks for it on the terminal, and a kernel would wait without end

    for place in (certificate, *((key,) if key else ())):
        try:
            with _expanded(place.path).open("rb") as file:
                file.read(1)
        except OSError as error:
            return _unusable(place.source, f"a file that cannot be read ({_reason(error)})", hint=_OWN)
    names = f"{certificate.source} and {key.source}" if key else certificate.source
    try:
        context.load_cert_chain(_expanded(certificate.path), _expanded(key.path) if key else None, password)
    except (ssl.SSLError, OSError, ValueError) as error:
        mismatch = getattr(error, "reason", "") == "KEY_VALUES_MISMATCH"
    else:
        return None
    if asked:
        return ConfigurationError(
            f"The private key that {(key or certificate).source} names is encrypted.",
            hint="Use a key that is not encrypted, in a file that only you can read: openssl pkey -in KEY -out PLAIN.",
        )
    if mismatch:
        return ConfigurationError(f"{names} do not match: the key does not belong to the certificate.", hint=_OWN)
    hold = "holds" if key is None else "hold"
    return ConfigurationError(f"{names} {hold} no certificate with its private key in PEM.", hint=_OWN)


_AUTHORITY = "It must name the certificate of the authority that signed the server's certificate, in PEM."
_OWN = "They must name the client certificate and its private key, in PEM; one file may contain both."


def _unusable(source: str, what: str, *, hint: str = _AUTHORITY) -> ConfigurationError:
    return ConfigurationError(f"{source} names {what}.", hint=f"{hint} Correct or unset {source}.")


def _expanded(path: str) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111  # the other one raises where there is no such user


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _stamps(path: str) -> Iterator[object]:
    """Yield what changes when a file, or one in a folder, is replaced."""
    for part in path.split(os.pathsep):
        place = _expanded(part)
        yield _stamp(place)
        if place.is_dir():
            try:
                names = [entry.name for entry in os.scandir(place)]
            except OSError:
                continue
            # OpenSSL itself looks into a hashed folder at each handshake.
            if not any(map(_HASHED.fullmatch, names)):
                yield from (_stamp(place / name) for name in sorted(names)[:_MOST_FILES])


def _stamp(path: Path) -> object:
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that stand behind it, however a library has put them there."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
