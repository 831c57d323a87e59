"""The settings of the sandbox tenant: what teaching and tests may turn. All are off by default.

Nothing is done here; `tenant` and the doors read them. Values come as keyword arguments or as JSON, and both are
checked in the same way.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

KeysForm = Literal["objects", "texts", "text"]
EventNamespace = Literal["old", "core", "both"]
ExpiryStyle = Literal["expires_in", "expires_at", "both"]
AudienceHosts = Literal["all", "display", "addressed"]
AnswerHost = Literal["display", "addressed"]
LOST_ANSWER = "lost_answer"
LOST_REQUEST = "lost_request"

Value = TypeVar("Value")
_FLAGS = (
    "enforce_rate_limits",
    "tokens_end_with_client",
    "bot_ends_with_client",
    "lists_machine_tokens",
    "token_rows_name_client",
    "events_refused",
)
_FAULT_STATUSES = range(400, 600)
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault for the next request that it fits.

    Attributes:
        fault: an HTTP status (429, 500, 503, …), "lost_answer" (the effect is applied, the answer is not delivered) or
            "lost_request" (the connection is cut before any effect).
        method: HTTP method, "*" for any.
        path: pattern of the path, as in a shell: "/api/v1/oauth-clients/*".
        retry_after: seconds for the header of that name, None for no header.
        times: how many requests it meets.
        after_effect: a status comes after the effect has been applied, as a failing gateway would do.
        body: the style of the error body: "qlik", "rfc6749" or "text".
    """

    fault: int | str
    method: str = "*"
    path: str = "*"
    retry_after: int | None = None
    times: int = 1
    after_effect: bool = False
    body: Literal["qlik", "rfc6749", "text"] = "qlik"

    def __post_init__(self) -> None:
        if isinstance(self.fault, bool) or not (
            self.fault in (LOST_ANSWER, LOST_REQUEST) or (isinstance(self.fault, int) and self.fault in _FAULT_STATUSES)
        ):
            raise ValueError('fault must be an HTTP status of 400 or more, "lost_answer" or "lost_request"')
        if {type(self.method), type(self.path)} != {str}:
            raise ValueError("method and path must be texts")
        if not _whole(self.times) or self.times < 1:
            raise ValueError("times must be a whole number of at least 1")
        if self.retry_after is not None and (not _whole(self.retry_after) or self.retry_after < 0):
            raise ValueError("retry_after must be a whole number of seconds")
        if self.body not in ("qlik", "rfc6749", "text") or not isinstance(self.after_effect, bool):
            raise ValueError('body must be "qlik", "rfc6749" or "text", and after_effect true or false')


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """Endpoints whose answers say that they are deprecated.

    Attributes:
        path: pattern of the path, as in a shell.
        method: HTTP method, "*" for any.
        sunset: the header of that name: a date of HTTP, "" for none.
        link: address for the header `Link`, "" for none.
    """

    path: str
    method: str = "*"
    sunset: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        values = (self.path, self.method, self.sunset, self.link)
        if not all(isinstance(one, str) and one.isprintable() and one.isascii() for one in values) or not self.path:
            raise ValueError("a deprecation has `path`, and may have method, sunset and link, all of them ASCII texts")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """What the sandbox tenant does beyond the contract, and how it fills the contract's gaps.

    Attributes:
        latency_seconds: wait before each answer.
        fail_next: faults for the next requests, in order; a mapping in it is read as a `Fault`.
        enforce_rate_limits: count requests, and answer 429 over the limit.
        tier1_per_minute: requests a minute and user in tier 1, counted over five minutes.
        tier2_per_minute: the same in tier 2.
        clock_skew_seconds: the tenant's clock minus the true one.
        maximum_public_keys: how many keys a client may hold, None for any number.
        key_propagation_seconds: how long the token endpoint does not yet see a key that was registered.
        token_lifetime_seconds: of access tokens.
        expiry_style: which of the two forms of expiry a token answer has.
        token_type: "Bearer" or "bearer".
        maximum_tokens: live tokens per client, then 403; None for any number.
        oauth_error_style: "qlik" or "rfc6749" bodies on /oauth/*.
        api_versions: the values of the header `qlik-api-version` that it supports.
        deprecations: endpoints that are deprecated; a mapping in it is read as a `Deprecation`.
        keys_form: how a change of `/publicKeys` has its value: "objects" (an array of JWKs), "texts" (an array of JWKs
            as JSON texts) or "text" (one JSON text of the array).
        key_removal_seconds: how long the token endpoint still sees a key that was removed.
        jti_remembered_seconds: how long a used `jti` is refused, None for as long as its assertion is valid.
        key_token_lifetime_seconds: of access tokens that a key has brought, None for `token_lifetime_seconds`.
        empty_scope: what a request without a scope gets: "all" that the client may have, or it is "refused".
        absent_replace: what a change that replaces an absent member is: "refused" (RFC 6902 4.3) or "applied".
        filter_case: whether filters "ignore" case (RFC 7643 7) or are "exact".
        maximum_page_size: how many rows a page of clients has at most, whatever `limit` says.
        tokens_end_with_client: a client's living tokens end when it is deleted; on Qlik Cloud they live on.
        bot_ends_with_client: a client's bot user is deleted with it; on Qlik Cloud it stays.
        lists_machine_tokens: whether `oauth-tokens` has the tokens of bots.
        token_rows_name_client: whether a row of `oauth-tokens` has `clientId`, as one of Qlik's samples and not its
            schema.
        event_namespace: how the events of OAuth clients and tokens are named: "old" (`com.qlik.…`), "core"
            (`com.qlik.core.…`, to which Qlik moves them), or "both", an event of each name.
        events_refused: no one may read events.
        users_me_redirect: where `users/me` redirects instead of the user's own address, "" for the right place.
        alias_hosts: further host names of the tenant, without a port; the one of its base URL is the display name.
        audience_hosts: by which host names a token endpoint may be the audience of an assertion: "all" of them, the
            "display" name, or the one that is "addressed" by the request.
        answer_host: by which host name links, redirects and the metadata name the tenant.
    """

    latency_seconds: float = 0.0
    fail_next: tuple[Fault, ...] = field(default=())
    enforce_rate_limits: bool = False
    tier1_per_minute: int = 1000
    tier2_per_minute: int = 100
    clock_skew_seconds: float = 0.0
    maximum_public_keys: int | None = None
    key_propagation_seconds: float = 0.0
    token_lifetime_seconds: int = 21600
    expiry_style: ExpiryStyle = "both"
    token_type: Literal["Bearer", "bearer"] = "bearer"  # noqa: S105  # the name of a scheme
    maximum_tokens: int | None = None
    oauth_error_style: Literal["qlik", "rfc6749"] = "qlik"
    api_versions: tuple[str, ...] = ("2026-05", "2026-08", "2026-11")
    deprecations: tuple[Deprecation, ...] = field(default=())
    keys_form: KeysForm = "objects"
    key_removal_seconds: float = 0.0
    jti_remembered_seconds: float | None = None
    key_token_lifetime_seconds: int | None = None
    empty_scope: Literal["all", "refused"] = "all"
    absent_replace: Literal["refused", "applied"] = "refused"
    filter_case: Literal["ignore", "exact"] = "ignore"
    maximum_page_size: int = 100
    tokens_end_with_client: bool = False
    bot_ends_with_client: bool = False
    lists_machine_tokens: bool = True
    token_rows_name_client: bool = False
    event_namespace: EventNamespace = "old"
    events_refused: bool = False
    users_me_redirect: str = ""
    alias_hosts: tuple[str, ...] = ()
    audience_hosts: AudienceHosts = "all"
    answer_host: AnswerHost = "display"

    def __post_init__(self) -> None:
        for name, kind in (("fail_next", Fault), ("deprecations", Deprecation)):
            object.__setattr__(self, name, tuple(_one_of(kind, each) for each in getattr(self, name)))
        object.__setattr__(self, "api_versions", _texts("api_versions", self.api_versions))
        object.__setattr__(self, "alias_hosts", _hosts(self.alias_hosts))
        self._check_numbers()
        self._check_switches()
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}")

    def _check_numbers(self) -> None:
        for name in _SECONDS:
            value = getattr(self, name)
            if value is None and name == "jti_remembered_seconds":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"{name} must be a number of seconds")
            if value < 0 and name != "clock_skew_seconds":
                raise ValueError(f"{name} must not be negative")
        for name in ("tier1_per_minute", "tier2_per_minute", "token_lifetime_seconds", "maximum_page_size"):
            if not _whole(getattr(self, name)) or getattr(self, name) < 1:
                raise ValueError(f"{name} must be a whole number of at least 1")
        for name in ("maximum_public_keys", "maximum_tokens", "key_token_lifetime_seconds"):
            value = getattr(self, name)
            if value is not None and (not _whole(value) or value < 1):
                raise ValueError(f"{name} must be a whole number of at least 1, or None")

    def _check_switches(self) -> None:
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false")  # noqa: TRY004  # a value from JSON, not a misuse
        if not isinstance(self.users_me_redirect, str):
            raise ValueError("users_me_redirect must be a text")  # noqa: TRY004  # likewise

    def turned(self, changes: Mapping[str, Any]) -> SandboxSettings:
        """Return these settings with some of them turned.

        Raises:
            ValueError: there is no such setting, or it does not take that value.
        """
        known = {one.name for one in fields(self)}
        unknown = sorted(str(name) for name in changes if name not in known)
        if unknown:
            raise ValueError(f"no such setting: {unknown[0]}; there are {', '.join(sorted(known))}")
        return replace(self, **changes)


def _one_of(kind: type[Value], given: object) -> Value:
    """Return a value of a setting that holds several, read from a mapping where it comes as JSON."""
    if isinstance(given, kind):
        return given
    word = kind.__name__.lower()
    if not isinstance(given, dict):
        raise ValueError(f"a {word} must be a {kind.__name__} or a mapping")  # noqa: TRY004  # a value from JSON, not a misuse
    first, *others = (one.name for one in fields(kind))  # type: ignore[arg-type]  # both are dataclasses
    if first not in given or not {*given} <= {first, *others}:
        raise ValueError(f"a {word} has `{first}`, and may have {', '.join(others)}")
    return kind(**given)


_SECONDS = (
    "latency_seconds",
    "key_propagation_seconds",
    "clock_skew_seconds",
    "key_removal_seconds",
    "jti_remembered_seconds",
)
_CHOICES: dict[str, tuple[str, ...]] = {
    "expiry_style": get_args(ExpiryStyle),
    "audience_hosts": get_args(AudienceHosts),
    "answer_host": get_args(AnswerHost),
    "event_namespace": get_args(EventNamespace),
    "keys_form": get_args(KeysForm),
    "empty_scope": ("all", "refused"),
    "absent_replace": ("refused", "applied"),
    "filter_case": ("ignore", "exact"),
    "token_type": ("Bearer", "bearer"),
    "oauth_error_style": ("qlik", "rfc6749"),
}


def _texts(name: str, given: object) -> tuple[str, ...]:
    """Return a setting that is a list of at least one text."""
    values = tuple(given) if isinstance(given, list | tuple) else ()
    if not values or not all(isinstance(one, str) and one.isascii() and one.isprintable() for one in values):
        raise ValueError(f"{name} must be a list of at least one text")
    return values


def _hosts(value: object) -> tuple[str, ...]:
    hosts = tuple(value) if isinstance(value, list | tuple) else ("",)
    if not all(isinstance(host, str) and _HOST.fullmatch(host) for host in hosts):
        raise ValueError("alias_hosts must be a list of host names in lower case, without a port")
    return hosts


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
