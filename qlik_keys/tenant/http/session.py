"""One HTTP conversation with one tenant: connections, budget, time-outs, repeats, and who watches.

A call is repeated only where that is safe: after a 429 or a failure to connect always (nothing was applied); after an
unknown outcome only where a second time has no second effect. No redirect is followed here, no cookie kept, and every
request goes to the tenant's own origin.

Not done here: what is asked for (`tenant.resources`, `auth.token_endpoint`), and who asks (`tenant.credentials`,
`auth.token_source`).
"""

from __future__ import annotations

import json
import logging
import random
import threading
from base64 import b64decode
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, unquote_plus

import httpx

from qlik_keys.core.arguments import CLOCK, Kind, optional, require, require_timeout
from qlik_keys.core.clock import SYSTEM_CLOCK, Clock
from qlik_keys.core.network.bounded import DEADLINE_FACTOR, AnswerNotDecodable, AnswerTooLong, decoded
from qlik_keys.core.redaction import REDACTED, Redactor
from qlik_keys.core.secret import Secret
from qlik_keys.errors import (
    ConfigurationError,
    Outcome,
    QlikKeysError,
    TenantError,
    TenantNotFound,
    TenantThrottled,
    TenantUnavailable,
)
from qlik_keys.tenant.http.bodies import encoded_body, shown_body
from qlik_keys.tenant.http.budget import RateBudget
from qlik_keys.tenant.http.calls import Answer, Call, Exchange, HostNames, RetryPolicy
from qlik_keys.tenant.http.connections import Connections
from qlik_keys.tenant.http.deadlines import within
from qlik_keys.tenant.http.failures import (
    CAUGHT,
    Problem,
    read_problem,
    read_retry_after,
    status_error,
)
from qlik_keys.tenant.http.guarded import redacted_document
from qlik_keys.tenant.http.logs import redact_http_logs
from qlik_keys.tenant.http.redirects import refused_redirect
from qlik_keys.tenant.http.versions import DEPRECATION, SUNSET, Deprecations
from qlik_keys.tenant.url import checked_tenant_url, tenant_host, token_url_by, token_url_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qlik_keys.tenant.resources.key_forms import KeysForm

_logger = logging.getLogger(__name__)
_MOST_CALLS_NAMED = 64  # whose public ids a server may quote
_TRANSPORT = Kind((), "an httpx.BaseTransport", methods=("handle_request",))
_RETRY = Kind((RetryPolicy,), "a RetryPolicy")
_BUDGET = Kind((), "a RateBudget", methods=("acquire", "snapshot"))
_NO_CONTENT, _REDIRECTS, _ERRORS, _THROTTLED = 204, 300, 400, 429


class Session:
    """Sends calls to one tenant. Makes its connections when they are first needed; safe for threads.

    Proxies from the environment (`HTTPS_PROXY`, `NO_PROXY`) are honoured, since many companies have no other way out,
    but never for loopback.

    Args:
        url: the tenant's URL; it is normalized.
        timeout_seconds: for connecting, sending and each wait for bytes; a whole exchange may take four times that.
        transport: instead of the network, for tests and the sandbox's synchronous door.
        clock: measures and waits.
        retry: how failed calls are repeated.
        budget: counts requests; a new one by default.

    Attributes:
        redactor: knows the secrets that were sent last, and redacts what the tenant says.
        deprecations: the endpoints that the tenant called deprecated.
        keys_form: the form in which it took a list of public keys last (`tenant.resources.key_forms`).
        is_audience_accepted: a token was got with that audience, so a refusal has another reason.
        names: what is known of the tenant's other host names (`tenant.http.host_names`).
        audience: of client assertions: the own token endpoint, unless it was refused and another name's accepted.

    Raises:
        ConfigurationError: the URL is no tenant's, or `QLIK_API_VERSION` is no version.
        TypeError: an argument is of another type.
        ValueError: the time-out is not positive, or above a day.
    """

    # A verbose traceback shows an object whose constructor refused its arguments, too.
    url: str = ""

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        clock: Clock = SYSTEM_CLOCK,
        retry: RetryPolicy | None = None,
        budget: RateBudget | None = None,
    ) -> None:
        checked = checked_tenant_url(url)
        del url
        if isinstance(checked, ConfigurationError):
            raise checked
        require_timeout(timeout_seconds)
        require(CLOCK, clock=clock)
        optional(_TRANSPORT, transport=transport)
        optional(_RETRY, retry=retry)
        optional(_BUDGET, budget=budget)
        self.url, self.notices = checked
        self.host = tenant_host(self.url)
        self.token_url = self.audience = token_url_of(self.url)
        self.is_audience_accepted = False
        self.names = HostNames()
        self.folders: dict[int, object] = {}  # what `keystore.tenant_folder` has found out, by store
        self.clock = clock
        self.budget = budget or RateBudget(clock=clock)
        self.redactor = Redactor()
        self.deprecations = Deprecations()
        self.keys_form: KeysForm = "objects"
        redact_http_logs(self.redactor)
        self._timeout_seconds = timeout_seconds
        self._connections = Connections(self.url, timeout_seconds=timeout_seconds, transport=transport)
        self._retry = retry or RetryPolicy()
        self._lock = threading.Lock()
        self._telling = threading.RLock()  # who is told may ask the tenant something itself
        self._subscribers: list[Callable[[Exchange], None]] = []
        self._named: deque[tuple[str, ...]] = deque(maxlen=_MOST_CALLS_NAMED)  # paths and public ids of the last calls

    def __repr__(self) -> str:
        return f"<Session {self.url}>"

    @property
    def lasting_token_url(self) -> str:
        """The token endpoint for a record, which every consumer reads: the display name's, where that is known.

        Whatever a tenant accepts as audience, it accepts this one where the request goes there. One that was accepted
        in place of the own one counts more.
        """
        if self.audience != self.token_url or not self.names.all:
            return self.audience
        return token_url_by(self.url, self.names.all[0])

    @property
    def is_closed(self) -> bool:
        """Whether it cannot be used any more."""
        return self._connections.is_closed

    def subscribe(self, callback: Callable[[Exchange], None]) -> Callable[[], None]:
        """Call back with every exchange, in the thread that made it, one at a time; return what ends that."""
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        return unsubscribe

    def close(self) -> None:
        """Close the connections; the session cannot be used any more."""
        self._connections.close()

    def send(self, call: Call, auth: httpx.Auth | None) -> Answer:
        """Send a call, repeating it where that is safe, and return its answer.

        A DELETE that finds nothing after an attempt with an unknown outcome has done its work.

        Raises:
            TenantError: the subclass that fits; `outcome` holds for all attempts together.
        """
        state = _Attempts()
        started, number = self.clock.monotonic(), 0
        while True:
            number += 1
            failure: TenantError
            try:
                return self._attempt(call, auth, state)
            except TenantError as error:
                failure = error
            if number >= self._retry.attempts or not _may_repeat(call, state, failure):
                break
            wait_seconds = self._wait_seconds(failure, number)
            if self.clock.monotonic() - started + wait_seconds > self._retry.total_seconds:
                break
            self.clock.sleep(wait_seconds)
        if call.method == "DELETE" and state.may_be_applied and isinstance(failure, TenantNotFound):
            return Answer(status=_NO_CONTENT)
        if state.may_be_applied:
            failure.outcome = Outcome.UNKNOWN
        failure.__context__ = None
        raise failure

    def _attempt(self, call: Call, auth: httpx.Auth | None, state: _Attempts) -> Answer:
        self.budget.acquire(call.tier, patience_seconds=self._retry.total_seconds)
        state.count += 1
        self._named.append((call.path, *call.public))
        answer: Answer | None = None
        failure: TenantError | None = None
        started, sent_at = self.clock.monotonic(), self.clock.time()
        try:
            answer = self._exchange(call, auth, sent_at, state)
        except TenantError as error:
            if state.has_no_credential:
                raise
            failure = error
        if answer is not None and answer.status >= _REDIRECTS and answer.status not in call.accept:
            failure = self._refusal(call, answer)
            if call.on_refusal is not None:
                call.on_refusal(answer)
        self._tell(call, answer, failure, attempt=state.count, started=started, sent_at=sent_at)
        if failure is not None:
            if failure.outcome is Outcome.UNKNOWN:
                state.may_be_applied = True
            failure.__context__ = None
            raise failure
        assert answer is not None
        return answer

    def _shown(self, call: Call) -> str:
        return self.redactor.redact(call.path)

    def _redacted(self, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        return self.redactor.redact(value) if isinstance(value, str) else tuple(map(self.redactor.redact, value))

    def _public(self, call: Call) -> str:
        """Return what this request and the last ones show: what a server quotes of it is no secret."""
        values = [" ".join([value] if isinstance(value, str) else value) for value in call.query.values()]
        body = shown_body(call.body) if call.form is None else call.shown
        shown = json.dumps(redacted_document(body), ensure_ascii=False, default=str)
        parts = [self.host, unquote(call.path), *call.query, *values, shown]
        parts += {unquote(each) for named in tuple(self._named) for each in named}
        return self.redactor.redact("\n".join(parts))

    def _exchange(self, call: Call, auth: httpx.Auth | None, sent_at: float, state: _Attempts) -> Answer:
        transport = self._connections.transport()
        content = encoded_body(call.body)
        headers = {**self._connections.headers, **call.headers}
        if content is not None:
            headers.setdefault("content-type", "application/json")
        deadline = self.clock.monotonic() + DEADLINE_FACTOR * self._timeout_seconds
        failure: QlikKeysError | None = None
        request: httpx.Request | None = None
        interrupted = False
        try:
            request = httpx.Request(
                call.method,
                self.url + call.path,
                params=call.query or None,
                headers=headers,
                content=content,
                data=call.form() if call.form is not None else None,
                extensions={**self._connections.extensions},
            )
            self._connections.follow(request)
            with within(DEADLINE_FACTOR * self._timeout_seconds):
                response, body = self._conversed(transport, request, auth or httpx.Auth(), deadline)
        except CAUGHT as error:
            failure = self._connections.failure(error, request, method=call.method, path=self._shown(call))
        except QlikKeysError as error:
            # A token or a signature could not be had: this call was not sent, or answered with 401.
            state.has_no_credential = True
            error.outcome = Outcome.NOT_APPLIED
            failure = error
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            # Raised again: the frames of an HTTP library hold headers, and a verbose traceback prints them.
            raise KeyboardInterrupt
        if failure is not None:
            raise failure
        for _ in response.history:
            self.budget.count(call.tier)
        problem = Problem()
        is_deprecated = DEPRECATION in response.headers or SUNSET in response.headers
        if response.status_code >= _REDIRECTS or is_deprecated:  # any other success says nothing that is shown
            self.redactor.know(*(Secret(text, any_text=True) for text in _sent_secrets(response, call) if text))
        if is_deprecated:
            self.deprecations.note(call.method, call.path, response.headers, self.redactor.redact)
        if response.status_code >= _ERRORS:
            problem = read_problem(body, self.redactor, public=self._public(call))
        return Answer(
            status=response.status_code,
            received_headers=response.headers,
            body=body,
            problem=problem,
            sent_at=sent_at,
            received_at=self.clock.time(),
        )

    def _conversed(
        self, transport: httpx.BaseTransport, request: httpx.Request, auth: httpx.Auth, deadline: float
    ) -> tuple[httpx.Response, bytes]:
        """Send what the credential makes of a request; return the last answer, with those before it, and its body."""
        flow = auth.sync_auth_flow(request)
        history: list[httpx.Response] = []
        try:
            sent = next(flow)
            while True:
                response = transport.handle_request(sent)
                response.request = sent
                try:
                    try:
                        again = flow.send(response)
                    except StopIteration:
                        response.history = history
                        return response, self._read(response, deadline)
                    self._read(response, deadline)
                finally:
                    response.close()
                history.append(response)
                sent = again
        finally:
            flow.close()

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        try:
            if response.is_stream_consumed:  # by a transport of someone's own, which has decoded it
                return decoded(response.iter_bytes(), "")
            return decoded(self._pieces(response, deadline), response.headers.get("content-encoding", ""))
        except (AnswerTooLong, AnswerNotDecodable) as error:
            failure = httpx.DecodingError(str(error), request=response.request)
        raise failure

    def _pieces(self, response: httpx.Response, deadline: float) -> Iterator[bytes]:
        for piece in response.iter_raw():
            # A transport of someone's own looks at no deadline.
            if self.clock.monotonic() > deadline:
                raise httpx.ReadTimeout("too slow", request=response.request)
            yield piece

    def _refusal(self, call: Call, answer: Answer) -> TenantError:
        if answer.status < _ERRORS:
            return refused_redirect(self, call, answer)
        error = status_error(
            answer.status,
            answer.problem,
            host=self.host,
            method=call.method,
            path=self._shown(call),
            retry_after=read_retry_after(
                answer.headers.get("retry-after"), date=answer.headers.get("date"), now=answer.received_at
            ),
            hints=call.hints,
        )
        if isinstance(error, TenantThrottled):
            self.budget.block(call.tier, error.retry_after)
        return error

    def _tell(
        self,
        call: Call,
        answer: Answer | None,
        failure: TenantError | None,
        *,
        attempt: int,
        started: float,
        sent_at: float,
    ) -> None:
        if _logger.isEnabledFor(logging.DEBUG):
            result = type(failure).__name__ if answer is None else answer.status
            _logger.debug("%s %s%s: %s", call.method, self.url, self._shown(call), result)
        with self._lock:
            subscribers = tuple(self._subscribers)
        if not subscribers:
            return
        exchange = Exchange(
            method=call.method,
            path=self._shown(call),
            query={self.redactor.redact(name): self._redacted(value) for name, value in call.query.items()},
            request_body=shown_body(call.body) if call.form is None else call.shown,
            status=answer.status if answer is not None else None,
            elapsed_seconds=self.clock.monotonic() - started,
            attempt=attempt,
            trace_id=answer.problem.trace_id if answer is not None else "",
            tier=call.tier,
            error=type(failure).__name__ if failure is not None else "",
            started_at=datetime.fromtimestamp(sent_at, tz=UTC),
        )
        with self._telling:
            for callback in subscribers:
                try:
                    callback(exchange)
                except Exception as error:  # noqa: BLE001  # a watcher must not turn what was done into a failure
                    _logger.warning("a subscriber to exchanges failed with %s", type(error).__name__)

    def _wait_seconds(self, failure: TenantError, number: int) -> float:
        """Return how long to wait after the attempt of that number, 1 for the first."""
        asked = failure.retry_after if isinstance(failure, TenantThrottled | TenantUnavailable) else None
        if asked is not None:
            return max(asked, self._retry.first_wait_seconds / 2)  # the shortest that was asked for
        longest = min(self._retry.first_wait_seconds * 2 ** (number - 1), self._retry.longest_wait_seconds)
        return random.uniform(longest / 2, longest)  # noqa: S311  # spreads repeats, protects nothing


@dataclass(slots=True)
class _Attempts:
    count: int = 0
    may_be_applied: bool = False
    has_no_credential: bool = False


def _may_repeat(call: Call, state: _Attempts, error: BaseException) -> bool:
    if not isinstance(error, TenantError) or not error.retryable or state.has_no_credential:
        return False
    return call.again == "always" or error.outcome is Outcome.NOT_APPLIED


def _sent_secrets(response: httpx.Response, call: Call) -> Iterator[str]:
    """Yield what was sent in confidence, as it was encoded and as a server reads it: it may say back either."""
    for request in (*(each.request for each in response.history), response.request):
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        yield value
        if scheme == "Basic":
            secret = b64decode(value).decode().partition(":")[2]
            yield from (secret, unquote_plus(secret))
        if call.form is not None:
            form = dict(parse_qsl(request.content.decode()))
            yield from (form.get(name, "") for name, shown in call.shown.items() if shown == REDACTED)
