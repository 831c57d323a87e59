"""What is asked of a tenant and what came back, as values; nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import httpx

from qlik_keys.tenant.http.failures import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from qlik_keys.tenant.url import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long a failed call is repeated.

    Attributes:
        attempts: how often it is sent at most.
        total_seconds: no repeat begins later than this after the first attempt.
        first_wait_seconds: the wait after the first failure; it doubles each time, with chance in it.
        longest_wait_seconds: the longest such wait. `retry-after` counts more than both.
    """

    attempts: int = 5
    total_seconds: float = 120.0
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request as it went over the wire, and what came back; secrets were redacted before it was made.

    Attributes:
        method: HTTP method.
        path: path without the query.
        query: the query's fields.
        request_body: JSON-ready values, None for no body.
        status: HTTP status, None when no answer came.
        elapsed_seconds: how long it took.
        attempt: 1 for the first time, 2 for the first repeat.
        trace_id: what Qlik's support asks for.
        tier: the rate-limit tier that it counts for.
        error: the name of the error's class, "" for success.
        started_at: when it was sent, UTC.
    """

    method: str
    path: str
    query: Query
    request_body: Any
    status: int | None
    elapsed_seconds: float
    attempt: int
    trace_id: str
    tier: int
    error: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is to be sent.

    Attributes:
        method: HTTP method.
        path: path below the tenant's URL.
        tier: rate-limit tier.
        query: the query's fields; never a secret, since URLs are logged.
        headers: further headers; never a secret.
        body: JSON-ready values without secrets, shown to who watches as they are; `bodies.JSON_NULL` for null.
        form: makes the fields of a form with secrets, again for each attempt.
        shown: what to show instead of the form.
        public: ids that a server may name and people may see, in addition to those that the path, query and body show.
        again: "always" where a second time has no second effect, "if_not_applied" elsewhere.
        accept: error statuses that the caller wants as an answer.
        hints: status -> what to do, where the general hint would not help.
        on_refusal: called with each answer that is refused, before the error is raised, which has no body.
    """

    method: str
    path: str
    tier: Literal[1, 2]
    query: Query = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    form: Callable[[], Mapping[str, str]] | None = field(default=None, repr=False)
    shown: Any = field(default=None, repr=False)
    public: tuple[str, ...] = ()
    again: Literal["always", "if_not_applied"] = "if_not_applied"
    accept: frozenset[int] = frozenset()
    hints: Mapping[int, str] = field(default_factory=dict)
    on_refusal: Callable[[Answer], None] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HostNames:
    """What is known of a tenant's host names.

    Attributes:
        all: each with the port where it is not the default, the display name first; empty where nothing is known.
        source: who said it: "tenant" (`tenants/me`), "metadata" (which names one of them), "" for no one yet.
    """

    all: tuple[str, ...] = ()
    source: Literal["", "metadata", "tenant"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Body and headers are behind properties: a traceback that shows variables (IPython's Verbose) evaluates attributes in
    the lines that it prints, and never a property.

    Attributes:
        status: HTTP status.
        received_headers: see `headers`.
        body: see `content`.
        problem: the known fields of an error body.
        sent_at: when the request was sent, seconds since 1970.
        received_at: when the answer was there, seconds since 1970.
    """

    status: int
    received_headers: httpx.Headers = field(default_factory=httpx.Headers, repr=False)
    body: bytes = field(default=b"", repr=False)
    problem: Problem = field(default_factory=Problem, repr=False)
    sent_at: float = 0.0
    received_at: float = 0.0

    @property
    def headers(self) -> httpx.Headers:
        """The answer's headers."""
        return self.received_headers

    @property
    def content(self) -> bytes:
        """The body."""
        return self.body
