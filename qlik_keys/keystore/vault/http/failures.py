"""What went wrong in a call to Vault, told in our own errors: by the server's known phrases, by status, by class.

hvac's own errors carry the body of the answer, and requests' errors, which hvac lets through, carry the whole request
with token and key (reliability-facts, section 3). Of a foreign error only its class is copied, and of a server's words
only those that are known here are recognized; nothing is pasted.

Not done here: asking Vault for the reason of a refusal (`refusals`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import hvac.exceptions
import requests.exceptions as network
import urllib3.exceptions

from qlik_keys.core.network.proxies import blamed
from qlik_keys.core.network.tls import causes
from qlik_keys.core.network.tls_failures import TlsTrouble, tls_trouble
from qlik_keys.errors import (
    Outcome,
    StoreConflict,
    StoreConnectionCut,
    StoreDenied,
    StoreError,
    StoreMisconfigured,
    StoreNotFound,
    StorePolicyDenied,
    StoreProtocolError,
    StoreSealed,
    StoreUnreachable,
)
from qlik_keys.keystore.vault.http.adapter import failed_to_connect

if TYPE_CHECKING:
    from qlik_keys.core.network.proxies import Proxy


class RedirectRefused(Exception):
    """A redirect that is not followed; `origin` is where it leads, "" if that cannot be told."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin)
        self.origin = origin


class Failure:
    """How a failure is told.

    Args:
        kind: the error to raise.
        words: what happened, after "The Vault at vault.example.com:8200".
        hint: what to do about it.
        retryable: whether the same call may succeed later.
        unknown: whether the call may have had its effect.
    """

    __slots__ = ("hint", "kind", "outcome", "retryable", "words")

    def __init__(
        self, kind: type[StoreError], words: str, hint: str = "", *, retryable: bool = False, unknown: bool = False
    ) -> None:
        self.kind = kind
        self.words = words
        self.hint = hint
        self.retryable = retryable
        self.outcome = Outcome.UNKNOWN if unknown else Outcome.NOT_APPLIED

    def error(self, *, host: str, path: str, status: int | None = None) -> StoreError:
        """Return the error, to be raised outside any `except` block."""
        number = f" (HTTP {status})" if status is not None else ""
        return self.kind(
            f"The Vault at {host} {self.words}{number}.",
            path=path,
            hint=self.hint,
            retryable=self.retryable,
            outcome=self.outcome,
        )


_TRUST = "`ca_cert` (VAULT_CACERT)"
_OWN_CERTIFICATE = "`client_cert` and `client_key` (VAULT_CLIENT_CERT, VAULT_CLIENT_KEY)"
# What http.client says of a proxy's answer to CONNECT; it keeps the status nowhere else.
_CONNECT_ANSWER = re.compile(r"Tunnel connection failed: (\d{3})\b")
_ADDRESS = "Check the address, the network and that the server runs."
_NOT_VAULT = "Check that the address is that of the Vault and that no proxy answers instead of it."
_BLOCKED = (
    "Try again later or increase `timeout_seconds`. A blocked audit device has the same effect: ask the Vault's "
    "operator."
)
_UNSEAL = "Its operator must unseal it; then try again."
_LATER = "Try again in a moment; if the problem persists, ask the Vault's operator."
_MOUNT = (
    "Check `mount`, the path of a KV version 2 secrets engine, and for custody transit `transit_mount`, the path of a "
    "Transit engine, as `vault secrets list` shows them."
)
_NO_KEY = "The key was deleted or replaced in Vault; rotate the client's key to get a new one."

TIMED_OUT = Failure(StoreUnreachable, "did not answer before the time-out", _BLOCKED, retryable=True, unknown=True)
SEALED = Failure(StoreSealed, "is sealed", _UNSEAL, retryable=True)
NOT_INITIALIZED = Failure(StoreSealed, "is not initialized", "Its operator must initialize it: `vault operator init`.")
STANDBY = Failure(StoreUnreachable, "is a standby that cannot reach its leader", _LATER, retryable=True)
DENIED = Failure(StoreDenied, "refuses the call", "Ask its operator for a token or a policy that allows it.")
_FORBIDDEN = Failure(StorePolicyDenied, DENIED.words, DENIED.hint)
CAS_LOST = Failure(StoreConflict, "has a version other than the one that was read", "Read it again, then retry.")
_CUT = Failure(
    StoreConnectionCut, "closed the connection before its answer was complete", _LATER, retryable=True, unknown=True
)
_NOT_REACHED = Failure(StoreUnreachable, "cannot be reached", _ADDRESS, retryable=True)
_UNREADABLE = Failure(StoreProtocolError, "sent an answer that cannot be read", _NOT_VAULT, unknown=True)
_BAD_ADDRESS = Failure(StoreMisconfigured, "has an address that cannot be called", "Write it as https://host:port.")
_REFUSED_INPUT = Failure(StoreProtocolError, "refuses the request as malformed", "Check mount and prefix.")
_ERROR = Failure(StoreUnreachable, "has an internal error", _LATER, retryable=True, unknown=True)
_GATEWAY = Failure(StoreUnreachable, "cannot be reached by the gateway before it", _LATER, retryable=True, unknown=True)
_LIMITED = Failure(StoreUnreachable, "asks for fewer requests, or is a standby", _LATER, retryable=True)
_ODD = Failure(StoreProtocolError, "sent an answer that is not Vault's", _NOT_VAULT, unknown=True)

# What the taking apart of an answer raises that lacks what Vault's has.
_NOT_AS_EXPECTED = (TypeError, LookupError, AttributeError)

# The server's own words, in lower case, that decide before status and class; stable for years in Vault and OpenBao.
PHRASES: tuple[tuple[str, Failure], ...] = (
    ("check-and-set parameter did not match", CAS_LOST),
    (" is sealed", SEALED),
    ("not initialized", NOT_INITIALIZED),
    ("standby mode", STANDBY),
    ("active cluster node not found", STANDBY),
    ("upgrading from non-versioned", Failure(StoreUnreachable, "is upgrading that mount", _LATER, retryable=True)),
    (
        "namespace not found",
        Failure(
            StoreMisconfigured, "has no such namespace", "Check `namespace`; OpenBao and Vault Enterprise have it."
        ),
    ),
    ("signing key not found", Failure(StoreNotFound, "has no such key in its Transit engine", _NO_KEY)),
    (
        "does not support signing",
        Failure(StoreNotFound, "has a key of another type with that name in its Transit engine", _NO_KEY),
    ),
    ("no handler for route", Failure(StoreMisconfigured, "has nothing mounted there", _MOUNT)),
    ("unsupported path", Failure(StoreMisconfigured, "has an engine of another type there", _MOUNT)),
    (
        "client sent an http request to an https server",
        Failure(StoreMisconfigured, "uses TLS, but was called by plain http", "Write https:// in its address."),
    ),
    (
        "plain http request was sent to https port",
        Failure(StoreMisconfigured, "uses TLS, but was called by plain http", "Write https:// in its address."),
    ),
    ("unsupported operation", Failure(StoreMisconfigured, "has an engine of another type there", _MOUNT)),
)

STATUSES: dict[int, Failure] = {
    405: Failure(StoreMisconfigured, "does not allow such calls", _NOT_VAULT),
    408: TIMED_OUT,
    412: Failure(StoreUnreachable, "is behind its primary", _LATER, retryable=True),
    413: Failure(
        StoreProtocolError, "finds the document too large", "Its operator can raise the maximum request size."
    ),
    472: Failure(StoreUnreachable, "is a disaster recovery standby", "Give the address of the primary."),
    473: Failure(StoreUnreachable, "is a performance standby", _LATER, retryable=True),
    504: TIMED_OUT,
}

HVAC_FAILURES: dict[type[Exception], Failure] = {
    hvac.exceptions.InvalidRequest: _REFUSED_INPUT,
    hvac.exceptions.Unauthorized: DENIED,
    hvac.exceptions.Forbidden: DENIED,
    hvac.exceptions.InvalidPath: Failure(StoreNotFound, "has nothing there"),
    hvac.exceptions.UnsupportedOperation: _ODD,
    hvac.exceptions.PreconditionFailed: STATUSES[412],
    hvac.exceptions.RateLimitExceeded: _LIMITED,
    hvac.exceptions.InternalServerError: _ERROR,
    hvac.exceptions.VaultNotInitialized: NOT_INITIALIZED,
    hvac.exceptions.BadGateway: _GATEWAY,
    hvac.exceptions.VaultDown: Failure(StoreUnreachable, "is not available", _LATER, retryable=True, unknown=True),
    hvac.exceptions.UnexpectedError: _ODD,
    hvac.exceptions.ParamValidationError: _REFUSED_INPUT,
    hvac.exceptions.VaultError: _ODD,
}

REQUESTS_FAILURES: dict[type[Exception], Failure] = {
    network.ConnectTimeout: Failure(
        StoreUnreachable, "did not accept a connection before the time-out", _ADDRESS, retryable=True
    ),
    network.ReadTimeout: TIMED_OUT,
    network.Timeout: TIMED_OUT,
    network.SSLError: Failure(
        StoreMisconfigured,
        "did not accept a connection (TLS failed)",
        "Check the address, and whether there is a proxy in between.",
    ),
    network.ProxyError: Failure(StoreUnreachable, "cannot be reached through the proxy", _ADDRESS, retryable=True),
    network.ConnectionError: _CUT,
    network.ChunkedEncodingError: _CUT,
    network.ContentDecodingError: _UNREADABLE,
    network.JSONDecodeError: _UNREADABLE,
    network.InvalidJSONError: _UNREADABLE,
    network.StreamConsumedError: _UNREADABLE,
    network.UnrewindableBodyError: _UNREADABLE,
    network.RetryError: _ERROR,
    network.HTTPError: _ODD,
    network.TooManyRedirects: Failure(StoreMisconfigured, "redirects too many times", _NOT_VAULT),
    network.URLRequired: _BAD_ADDRESS,
    network.MissingSchema: _BAD_ADDRESS,
    network.InvalidSchema: _BAD_ADDRESS,
    network.InvalidURL: _BAD_ADDRESS,
    network.InvalidProxyURL: _BAD_ADDRESS,
    network.InvalidHeader: Failure(StoreProtocolError, "would receive a header that is not allowed in a request"),
    network.RequestException: _CUT,
}


def tell(
    error: Exception,
    *,
    host: str,
    path: str,
    status: int | None,
    proxy: Proxy | None = None,
    has_certificate: bool = False,
) -> StoreError:
    """Return what to raise in place of a foreign error; to be raised outside the `except` block.

    Args:
        error: what hvac or requests raised.
        host: the server's host and port.
        path: where in the store.
        status: the HTTP status of the answer, None when there was none.
        proxy: the proxy that is called through, None for none.
        has_certificate: whether a client certificate was shown.
    """
    if isinstance(error, RedirectRefused):
        return _redirected(error, host=host, path=path)
    if status is None and isinstance(error, network.RequestException):
        trouble = tls_trouble(error, trust=_TRUST, certificate=_OWN_CERTIFICATE, has_certificate=has_certificate)
        if proxy is not None and _is_of_proxy(error, trouble):
            return _proxy_error(error, proxy, trouble, host=host, path=path)
        if trouble is not None:
            return _tls_error(trouble, host=host, path=path)
        if failed_to_connect(error):
            timed_out = isinstance(error, network.Timeout)
            connecting = REQUESTS_FAILURES[network.ConnectTimeout] if timed_out else _NOT_REACHED
            return connecting.error(host=host, path=path)
    failure = _failure(error, status)
    if failure is None and status is not None and isinstance(error, _NOT_AS_EXPECTED):
        failure = _ODD
    if failure is None:
        # Whatever else a library lets through (a codec's error, say) may quote what it could not handle.
        return StoreProtocolError(
            f"The call to the Vault at {host} failed in the client ({type(error).__name__}).",
            path=path,
            outcome=Outcome.UNKNOWN,
        )
    return failure.error(host=host, path=path, status=status)


def _tls_error(trouble: TlsTrouble, *, host: str, path: str) -> StoreError:
    kind: type[StoreError] = StoreUnreachable if trouble.retryable else StoreMisconfigured
    if not trouble.never_sent:
        kind = StoreConnectionCut
    did = (
        "did not accept a connection"
        if trouble.never_sent
        else ("closed the connection before its answer was complete")
    )
    return kind(
        f"The Vault at {host} {did} ({trouble.words}).",
        path=path,
        hint=trouble.hint,
        retryable=trouble.retryable or not trouble.never_sent,
        outcome=Outcome.NOT_APPLIED if trouble.never_sent else Outcome.UNKNOWN,
    )


def _is_of_proxy(error: network.RequestException, trouble: TlsTrouble | None) -> bool:
    """Tell whether a call failed before there was a tunnel through the proxy."""
    if trouble is not None:
        return trouble.with_proxy
    return isinstance(error, network.ProxyError | network.ConnectTimeout) or failed_to_connect(error)


def _proxy_error(
    error: network.RequestException, proxy: Proxy, trouble: TlsTrouble | None, *, host: str, path: str
) -> StoreUnreachable:
    """Return the error for a proxy that is the one to blame: nothing was sent to the Vault."""
    answers = (_CONNECT_ANSWER.search(str(cause)) for cause in causes(error) if isinstance(cause, OSError))
    answer = next((found for found in answers if found), None)
    status = None if answer is None else int(answer[1])
    words, hint, retryable = blamed(proxy, host, status=status, trouble=trouble, error=error)
    return StoreUnreachable(
        f"The proxy {proxy.shown} {words}; the Vault at {host} was not called.",
        path=path,
        hint=hint,
        retryable=retryable,
    )


def _failure(error: Exception, status: int | None) -> Failure | None:
    if isinstance(error, hvac.exceptions.VaultError):
        said = said_by(error)
        if "1 error occurred" in said and "permission denied" in said:
            return _FORBIDDEN
        for phrase, failure in PHRASES:
            if phrase in said:
                return failure
        if status in STATUSES:
            return STATUSES[status]
    if isinstance(error, network.ConnectionError) and was_not_sent(error):
        return _NOT_REACHED
    if type(error) is network.ConnectionError and isinstance(_reason(error), urllib3.exceptions.ReadTimeoutError):
        return TIMED_OUT  # after the head of the answer; requests has no class of its own for that
    for kind in type(error).__mro__:
        found = HVAC_FAILURES.get(kind) or REQUESTS_FAILURES.get(kind)
        if found is not None:
            return found
    return None


def said_by(error: hvac.exceptions.VaultError) -> str:
    """Return what the server said, in lower case, to look for known phrases in; it is never shown."""
    said = error.errors
    return " ".join(map(str, said)).lower() if isinstance(said, list) else str(said or error.text or "").lower()


def was_not_sent(error: network.ConnectionError) -> bool:
    """Tell a connection that was never made from one that was cut: only the latter may have had its effect."""
    if isinstance(error, network.SSLError | network.Timeout | network.ProxyError):
        return False
    return isinstance(getattr(_reason(error), "reason", None), urllib3.exceptions.NewConnectionError)


def _reason(error: network.ConnectionError) -> object:
    return error.args[0] if error.args else None


def _redirected(error: RedirectRefused, *, host: str, path: str) -> StoreMisconfigured:
    where = f"to {error.origin}" if error.origin else "to an unknown address"
    hint = (
        f"Neither token nor key was sent there. If {error.origin} is the leader of your Vault, use its address. "
        "Otherwise a standby announces a wrong `api_addr`, or a proxy interferes."
        if error.origin
        else _NOT_VAULT
    )
    return StoreMisconfigured(f"The Vault at {host} redirects {where}.", path=path, hint=hint)
