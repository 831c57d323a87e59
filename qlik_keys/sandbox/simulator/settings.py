"""The settings of the sandbox tenant: what teaching and tests may turn. All are off by default.

Nothing is done here; `tenant` and the doors read them. Values come as keyword arguments or as JSON, and both are
checked in the same way.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

ExpiryStyle = Literal["expires_in", "expires_at", "both"]
AudienceHosts = Literal["all", "display", "addressed"]
AnswerHost = Literal["display", "addressed"]
LOST_ANSWER = "lost_answer"
LOST_REQUEST = "lost_request"

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
    users_me_redirect: str = ""
    alias_hosts: tuple[str, ...] = ()
    audience_hosts: AudienceHosts = "all"
    answer_host: AnswerHost = "display"

    def __post_init__(self) -> None:
        faults = tuple(one if isinstance(one, Fault) else _fault(one) for one in self.fail_next)
        object.__setattr__(self, "fail_next", faults)
        for name in ("latency_seconds", "key_propagation_seconds", "clock_skew_seconds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"{name} must be a number of seconds")
            if value < 0 and name != "clock_skew_seconds":
                raise ValueError(f"{name} must not be negative")
        for name in ("tier1_per_minute", "tier2_per_minute", "token_lifetime_seconds"):
            if not _whole(getattr(self, name)) or getattr(self, name) < 1:
                raise ValueError(f"{name} must be a whole number of at least 1")
        for name in ("maximum_public_keys", "maximum_tokens"):
            value = getattr(self, name)
            if value is not None and (not _whole(value) or value < 1):
                raise ValueError(f"{name} must be a whole number of at least 1, or None")
        if (type(self.enforce_rate_limits), type(self.users_me_redirect)) != (bool, str):
            raise ValueError("enforce_rate_limits must be true or false, users_me_redirect a text")
        self._check_choices()
        object.__setattr__(self, "alias_hosts", _hosts(self.alias_hosts))
        if self.token_type not in ("Bearer", "bearer") or self.oauth_error_style not in ("qlik", "rfc6749"):
            raise ValueError('token_type must be "Bearer" or "bearer", oauth_error_style "qlik" or "rfc6749"')

    def _check_choices(self) -> None:
        for name, choices in (
            ("expiry_style", ExpiryStyle),
            ("audience_hosts", AudienceHosts),
            ("answer_host", AnswerHost),
        ):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name} must be one of " + ", ".join(get_args(choices)))

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


def _fault(document: object) -> Fault:
    if not isinstance(document, dict):
        raise ValueError("a fault must be a Fault or a mapping")  # noqa: TRY004  # a value from JSON, not a misuse
    unknown = sorted(str(name) for name in document if name not in {one.name for one in fields(Fault)})
    if unknown or "fault" not in document:
        raise ValueError("a fault has `fault`, and may have method, path, retry_after, times, after_effect, body")
    return Fault(**document)


def _hosts(value: object) -> tuple[str, ...]:
    hosts = tuple(value) if isinstance(value, list | tuple) else ("",)
    if not all(isinstance(host, str) and _HOST.fullmatch(host) for host in hosts):
        raise ValueError("alias_hosts must be a list of host names in lower case, without a port")
    return hosts


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
