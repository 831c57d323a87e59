"""What went wrong, told in our own errors: httpx's exceptions by a table, the tenant's answers by status.

A foreign network error keeps its request, with bearer and assertion (reliability-facts 0.3), and its text may quote a
header; only its class is copied. A server's body is read for known fields, cut short, and whatever of it was sent by
us as a secret is redacted (`core.redaction`), never pasted (qlik-cloud-contract, "POST /oauth/token": three kinds of
bodies).
"""

from __future__ import annotations

import json
import re
import socket
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from qlik_keys.core.clock import describe_duration
from qlik_keys.core.network.proxies import PROXY_FORM, blamed
from qlik_keys.core.network.tls import TENANT_CERTIFICATE, TENANT_KEY, causes
from qlik_keys.core.network.tls_failures import TlsTrouble, tls_trouble
from qlik_keys.errors import (
    Outcome,
    TenantAuthError,
    TenantConflict,
    TenantError,
    TenantNotFound,
    TenantProtocolError,
    TenantRejected,
    TenantThrottled,
    TenantUnavailable,
    TenantUnreachable,
)
from qlik_keys.tenant.http.known_refusals import KNOWN_REFUSALS, WEB_PAGE, KnownRefusal, is_web_page
from qlik_keys.tenant.http.versions import VARIABLE as VERSION_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.core.network.proxies import Proxy
    from qlik_keys.core.redaction import Redactor

DEFAULT_RETRY_AFTER_SECONDS = 10.0
MAXIMUM_RETRY_AFTER_SECONDS = 86_400.0
_METHOD, _PROXY_LOGIN, _PORTAL = 405, 407, 511
_THROTTLED, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _SERVER = 429, 401, 403, 404, 409, 500


@dataclass(frozen=True, slots=True)
class NetworkFailure:
    """How an httpx exception is told.

    Attributes:
        words: what happened, after "The tenant acme.eu.qlikcloud.com".
        outcome: whether the request may have had its effect.
        unreachable: False where an answer came that cannot be one of the tenant's.
    """

    words: str
    outcome: Outcome
    unreachable: bool = True


_UNKNOWN, _NOT_APPLIED = Outcome.UNKNOWN, Outcome.NOT_APPLIED
NETWORK_FAILURES: dict[type[Exception], NetworkFailure] = {
    httpx.ConnectError: NetworkFailure("did not accept a connection", _NOT_APPLIED),
    httpx.ConnectTimeout: NetworkFailure("did not accept a connection before the time-out", _NOT_APPLIED),
    httpx.PoolTimeout: NetworkFailure("had no free connection before the time-out", _NOT_APPLIED),
    httpx.ProxyError: NetworkFailure("could not be reached through the proxy", _NOT_APPLIED),
    httpx.UnsupportedProtocol: NetworkFailure("has a URL that cannot be called", _NOT_APPLIED, unreachable=False),
    httpx.InvalidURL: NetworkFailure("has a URL that cannot be called", _NOT_APPLIED, unreachable=False),
    httpx.ReadTimeout: NetworkFailure("did not answer before the time-out", _UNKNOWN),
    httpx.WriteTimeout: NetworkFailure("did not receive the request before the time-out", _UNKNOWN),
    httpx.TimeoutException: NetworkFailure("did not answer before the time-out", _UNKNOWN),
    httpx.ReadError: NetworkFailure("closed the connection before its answer was complete", _UNKNOWN),
    httpx.WriteError: NetworkFailure("closed the connection while the request was sent", _UNKNOWN),
    httpx.CloseError: NetworkFailure("did not close the connection cleanly", _UNKNOWN),
    httpx.NetworkError: NetworkFailure("closed the connection", _UNKNOWN),
    httpx.RemoteProtocolError: NetworkFailure("closed the connection or did not use HTTP", _UNKNOWN),
    httpx.LocalProtocolError: NetworkFailure("was sent something that is not HTTP", _UNKNOWN),
    httpx.ProtocolError: NetworkFailure("did not use HTTP", _UNKNOWN),
    httpx.TransportError: NetworkFailure("was not reached", _UNKNOWN),
    httpx.DecodingError: NetworkFailure("sent an answer that cannot be decoded", _UNKNOWN, unreachable=False),
    httpx.TooManyRedirects: NetworkFailure("redirected too many times", _UNKNOWN, unreachable=False),
    httpx.HTTPStatusError: NetworkFailure("answered with an error", _UNKNOWN, unreachable=False),
    httpx.CookieConflict: NetworkFailure("set cookies that contradict each other", _UNKNOWN, unreachable=False),
    httpx.RequestNotRead: NetworkFailure("was not sent the request's body", _UNKNOWN, unreachable=False),
    httpx.ResponseNotRead: NetworkFailure("answered, and the answer was not read", _UNKNOWN, unreachable=False),
    httpx.StreamConsumed: NetworkFailure(
        "needed the body a second time, but it cannot be sent twice", _UNKNOWN, unreachable=False
    ),
    httpx.StreamClosed: NetworkFailure("answered, and the answer was closed too early", _UNKNOWN, unreachable=False),
    httpx.StreamError: NetworkFailure("answered, and the answer could not be read", _UNKNOWN, unreachable=False),
    httpx.RequestError: NetworkFailure("was not reached", _UNKNOWN),
    httpx.HTTPError: NetworkFailure("was not reached", _UNKNOWN),
}
CAUGHT = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)

_OWN_CERTIFICATE = f"{TENANT_CERTIFICATE} and {TENANT_KEY}"
_ABOUT_VERSION = re.compile(r"api[ -]version", re.IGNORECASE)  # for the hint alone
_OF_SANDBOX = "SANDBOX-404"  # the sandbox's own word for a path that it does not have
_HINTS = {
    _UNAUTHORIZED: "The tenant does not accept the credential: check that it is complete, not expired, and for "
    "this tenant.",
    _FORBIDDEN: "The credential is valid but has no permission for this: OAuth clients need the role Tenant Admin"
    " (a machine-to-machine client needs the scope admin_classic).",
    _NOT_FOUND: "Check the id, and that it belongs to this tenant URL.",
    _METHOD: "This path does not support that method: check both.",
    _PROXY_LOGIN: f"A proxy, not the tenant, requires a login: {PROXY_FORM}",
    _PORTAL: "The network requires a login, as in a hotel: first open any page in a browser.",
    _CONFLICT: "The request conflicts with the current state. A client can have at most five secrets.",
}
_NO_TENANT = (
    "The answer is not in Qlik Cloud's form: check that the URL is a tenant's "
    "(https://<tenant>.<region>.qlikcloud.com),"
    " not that of a Vault or another server. Otherwise check the id or the path."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The known fields of an error body, cut short and redacted; "" where there is none.

    Attributes:
        code: Qlik's code, or the `error` of RFC 6749.
        title: Qlik's title.
        detail: Qlik's detail, or `error_description`.
        trace_id: what Qlik's support asks for.
        is_rfc6749: whether `code` is one that RFC 6749 5.2 defines the meaning of; Qlik's own are not published.
        is_web_page: whether the body is HTML, which neither Qlik's API nor its token endpoint sends.
    """

    code: str = ""
    title: str = ""
    detail: str = ""
    trace_id: str = ""
    is_rfc6749: bool = False
    is_web_page: bool = False

    @property
    def words(self) -> str:
        """Title, detail and code in one text."""
        parts = [part for part in (self.title, self.detail) if part]
        return ": ".join(dict.fromkeys(parts)) + (f" [{self.code}]" if self.code else "")

    @property
    def known(self) -> KnownRefusal | None:
        """What it means in plain words, None where that is not known."""
        return WEB_PAGE if self.is_web_page else KNOWN_REFUSALS.get(self.code)


def read_problem(content: bytes, redactor: Redactor, *, public: str = "") -> Problem:
    """Read an error body of any of the three kinds; whatever is not understood is left out.

    Args:
        content: the body.
        redactor: knows the secrets that were sent.
        public: what the request itself shows, whose ids are no secrets.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return Problem(is_web_page=is_web_page(content))
    trace_id = redactor.trace_id(document.get("traceId"))
    public = f"{public}\n{trace_id}"
    errors = document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        first = errors[0]
        return Problem(
            code=redactor.server_text(first.get("code"), public=public),
            title=redactor.server_text(first.get("title"), public=public),
            detail=redactor.server_text(first.get("detail"), public=public),
            trace_id=trace_id,
        )
    return Problem(
        code=redactor.server_text(document.get("error"), public=public),
        detail=redactor.server_text(document.get("error_description"), public=public),
        trace_id=trace_id,
        is_rfc6749=isinstance(document.get("error"), str),
    )


def network_error(
    error: Exception,
    *,
    host: str,
    method: str,
    path: str,
    proxy: Proxy | None = None,
    has_certificate: bool = False,
    plain: bool = False,
) -> TenantError:
    """Return our error for one of httpx's; it has neither its text nor its request, nor a cause.

    Args:
        error: what httpx raised.
        host: the tenant's host.
        method: the call's method.
        path: its path.
        proxy: the proxy, where no more than it was spoken to.
        has_certificate: whether a client certificate was shown.
        plain: whether plain http was spoken.
    """
    kind = next(base for base in type(error).__mro__ if base in NETWORK_FAILURES)
    failure = NETWORK_FAILURES[kind]
    trouble = tls_trouble(error, trust="SSL_CERT_FILE", certificate=_OWN_CERTIFICATE, has_certificate=has_certificate)
    if proxy is not None and (trouble is None or trouble.with_proxy):
        return _proxy_error(error, proxy, trouble, host=host, method=method, path=path)
    outcome = _NOT_APPLIED if trouble is not None and trouble.never_sent else failure.outcome
    words, (reason, hint) = failure.words, _connect_reason(error)
    if trouble is not None:
        reason, hint = trouble.words, trouble.hint
        words = "did not accept a connection" if outcome is _NOT_APPLIED else words
    elif plain and kind in (httpx.RemoteProtocolError, httpx.ReadError):
        hint = "If it uses TLS, write https:// in its URL."
    if outcome is _UNKNOWN and method != "GET":
        hint = f"It is unknown whether the request took effect: check before you try again. {hint}".strip()
    sort = TenantUnreachable if failure.unreachable else TenantProtocolError
    return sort(
        f"The tenant {host} {words} ({reason or type(error).__name__}).",
        hint=hint or "Try again; if the problem persists, check the network and any proxy in between.",
        retryable=failure.unreachable and (trouble is None or trouble.retryable),
        outcome=outcome,
        method=method,
        path=path,
    )


def _proxy_error(
    error: Exception, proxy: Proxy, trouble: TlsTrouble | None, *, host: str, method: str, path: str
) -> TenantUnreachable:
    """Return the error for a proxy that is the one to blame: nothing was sent to the tenant."""
    answer = re.match(r"(\d{3})\b", str(error)) if isinstance(error, httpx.ProxyError) else None
    status = None if answer is None else int(answer[1])
    words, hint, retryable = blamed(proxy, host, status=status, trouble=trouble, error=error)
    return TenantUnreachable(
        f"The proxy {proxy.shown} {words}; the tenant {host} was not called.",
        hint=hint,
        retryable=retryable,
        outcome=_NOT_APPLIED,
        method=method,
        path=path,
    )


def status_error(
    status: int,
    problem: Problem,
    *,
    host: str,
    method: str,
    path: str,
    retry_after: float | None,
    hints: Mapping[int, str],
) -> TenantError:
    """Return the error for an answer that is none of the call's own."""
    fields: dict[str, Any] = {
        "status": status,
        "code": problem.code,
        "title": problem.title,
        "detail": problem.detail,
        "trace_id": problem.trace_id,
        "method": method,
        "path": path,
        "hint": hints.get(status, _HINTS.get(status, "")),
    }
    if status == _NOT_FOUND and status not in hints and problem in (Problem(), Problem(is_web_page=True)):
        # Qlik tells why in a form of its own; a Vault, a proxy's or a web server's page does not.
        fields["hint"] = _NO_TENANT
    if status == _FORBIDDEN:
        from qlik_keys.tenant.resources.scopes import missing_scope_hint  # noqa: PLC0415  # of a refusal alone

        fields["hint"] = missing_scope_hint(f"{problem.code} {problem.title} {problem.detail}") or fields["hint"]
    elif _ABOUT_VERSION.search(f"{problem.title} {problem.detail}"):
        fields["hint"] = f"Set {VERSION_VARIABLE} to a version of the API that this tenant supports."
    elif problem.code == _OF_SANDBOX:
        fields["hint"] = "Use one of these paths in the sandbox; a real tenant has more."
    message = f"The tenant {host} answered {method} {path} with {status}"
    message += f": {problem.words}." if problem.words else "."
    if problem.known is not None:
        message += f" {problem.known.meaning}"
        if status < _SERVER and status not in (_NOT_FOUND, _PROXY_LOGIN, _THROTTLED):  # whose own hints say more
            fields["hint"] = problem.known.hint
    if status == _THROTTLED:
        wait = DEFAULT_RETRY_AFTER_SECONDS if retry_after is None else retry_after
        fields["hint"] = f"Try again in {describe_duration(wait)}."
        return TenantThrottled(message, retry_after=wait, retryable=True, **fields)
    if status >= _SERVER:
        fields["hint"] = fields["hint"] or (
            "Qlik Cloud has an internal problem. Try again later; see status.qlikcloud.com."
        )
        return TenantUnavailable(message, retry_after=retry_after, retryable=True, outcome=_UNKNOWN, **fields)
    fields["hint"] = fields["hint"] or (
        "The tenant refuses the request itself: correct what its message names, then try again."
    )
    sorts: dict[int, type[TenantError]] = {
        _UNAUTHORIZED: TenantAuthError,
        _FORBIDDEN: TenantAuthError,
        _NOT_FOUND: TenantNotFound,
        _CONFLICT: TenantConflict,
    }
    return sorts.get(status, TenantRejected)(message, **fields)


def read_retry_after(value: str | None, *, date: str | None = None, now: float = 0.0) -> float | None:
    """Return the seconds that `retry-after` names (RFC 9110 10.2.3), bounded to a day; None for anything else.

    Args:
        value: the header: whole seconds, or a moment.
        date: the answer's `date`, from which a moment is counted: the two clocks may differ.
        now: our own time, in seconds since 1970, where the answer has no date.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:20]), MAXIMUM_RETRY_AFTER_SECONDS)
    moment = _moment(text)
    if moment is None:
        return None
    sent = _moment(date or "")
    return min(max(moment - (now if sent is None else sent), 0.0), MAXIMUM_RETRY_AFTER_SECONDS)


def _moment(text: str) -> float | None:
    """Return the seconds since 1970 of a date of HTTP (RFC 9110 5.6.7), None for anything else."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _connect_reason(error: BaseException) -> tuple[str, str]:
    """Say what stands behind a failure to connect, by the classes of its causes alone."""
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return "the host name does not exist", "Check the tenant's name and region, and the network."
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused", "No server listens there: check host and port."
    return "", ""
