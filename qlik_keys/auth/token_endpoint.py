"""The token endpoint and the revocation endpoint (qlik-cloud-contract; RFC 6749, RFC 7009, RFC 7521, RFC 7523).

Not done here: caching and renewing (`qlik_keys.auth.token_source`), building assertions (`qlik_keys.auth.assertion`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote_plus

import httpx

from qlik_keys.auth.assertion import BACKDATED_SECONDS, CLIENT_ASSERTION_TYPE, client_assertion
from qlik_keys.auth.token_answer import read_token_answer
from qlik_keys.core.arguments import TEXT, require
from qlik_keys.core.clock import describe_duration
from qlik_keys.core.redaction import REDACTED
from qlik_keys.errors import AssertionRejected, ClockSkewError, ScopeRejected
from qlik_keys.tenant.http.calls import Call
from qlik_keys.tenant.http.clock_skew import skew_seconds
from qlik_keys.tenant.http.known_refusals import CLIENT_NOT_AUTHORIZED
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS, IMPERSONATION
from qlik_keys.tenant.url import TOKEN_PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.auth.token_answer import TokenAnswer
    from qlik_keys.core.secret import Secret
    from qlik_keys.errors import TokenError
    from qlik_keys.keys.signer import Signer
    from qlik_keys.tenant.http.calls import Answer
    from qlik_keys.tenant.http.session import Session

REVOKE_PATH = "/oauth/revoke"
TOLERATED_SKEW_SECONDS = 60.0
# What Qlik tolerates is not published. A strict server takes an `iat` that is 8 seconds ahead of it and refuses 60 (the
# OpenID Foundation's suite, reliability-facts 2.1). Ours is backdated, so it is refused from here on.
TOLERATED_AHEAD_SECONDS = BACKDATED_SECONDS + 10.0
_NOTED_SKEW_SECONDS = 5.0
_REFUSALS = frozenset({400, 401, 403})
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class UserLookup:
    """The user for whom a token is asked (grant `urn:qlik:oauth:user-impersonation`).

    Attributes:
        field: "userId" or "subject".
        value: the user's id or subject.

    Raises:
        ValueError: the field is another one, or the value is empty.
        TypeError: the field or the value is no text.
    """

    field: Literal["userId", "subject"]
    value: str

    def __post_init__(self) -> None:
        require(TEXT, field=self.field, value=self.value)
        if self.field not in ("userId", "subject") or not self.value.strip():
            raise ValueError("a user is selected by a userId or a subject, which must not be empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class BySigner:
    """A client that authenticates itself by a fresh assertion for each request (RFC 7523)."""

    signer: Signer
    lifetime_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ByAssertion:
    """A client that authenticates itself by an assertion that is ready: it is sent as it is, and its `jti` serves once.

    Attributes:
        assertion: the compact JWS.
        kid: the key that it names.
    """

    assertion: Secret
    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BySecret:
    """A client that authenticates itself by its secret, in the form or by HTTP Basic (RFC 6749 2.3.1)."""

    secret: Secret
    style: Literal["form", "basic"]


ClientAuthentication = BySigner | ByAssertion | BySecret


def request_token(
    http: Session,
    *,
    client_id: str,
    authentication: ClientAuthentication,
    scopes: Sequence[str],
    user: UserLookup | None,
    audience: str = "",
) -> tuple[TokenAnswer, Answer]:
    """Ask for a token; each attempt carries a fresh assertion, so repeating it is safe.

    An assertion that was ready is repeated only where no one can have seen its `jti`.

    Args:
        http: the tenant.
        client_id: the client.
        authentication: by what it authenticates itself.
        scopes: what to ask for; none asks for all that the client may have.
        user: the user for whom, None for the client's own bot user.
        audience: of the assertion, by default the one that the tenant is known to accept (`http.audience`).

    Raises:
        AssertionRejected: the tenant refuses the client's authentication.
        ScopeRejected: it refuses the scopes.
        ClockSkewError: it refuses the assertion, and its clock and ours are far apart.
        TokenError: it gave a token of another type than Bearer.
        TenantError: it could not be asked, or answered something else.
        KeyMaterialError, StoreError: the signer could not sign.
        ValueError: a scope is empty, which would ask for all of them.
    """
    if not all(scope.strip() for scope in scopes):
        raise ValueError("a scope is empty; to request all scopes that the client may have, pass no scopes")
    fields = {"grant_type": CLIENT_CREDENTIALS if user is None else IMPERSONATION, "client_id": client_id}
    if scopes:
        fields["scope"] = " ".join(scopes)
    if user is not None:
        fields["user_lookup"] = json.dumps({"field": user.field, "value": user.value})
    auth, shown = None, dict(fields)
    audience = audience or http.audience
    if isinstance(authentication, BySecret):
        if authentication.style == "basic":
            auth = httpx.BasicAuth(quote_plus(client_id), quote_plus(authentication.secret.reveal()))
        else:
            shown["client_secret"] = REDACTED
    else:
        fields["client_assertion_type"] = shown["client_assertion_type"] = CLIENT_ASSERTION_TYPE
        shown["client_assertion"] = REDACTED

    def form() -> dict[str, str]:
        if isinstance(authentication, BySecret):
            return fields if auth is not None else {**fields, "client_secret": authentication.secret.reveal()}
        if isinstance(authentication, ByAssertion):
            return {**fields, "client_assertion": authentication.assertion.reveal()}
        return {
            **fields,
            "client_assertion": client_assertion(
                authentication.signer,
                client_id=client_id,
                audience=audience,
                lifetime_seconds=authentication.lifetime_seconds,
                clock=http.clock,
            ),
        }

    again: Literal["always", "if_not_applied"] = (
        "if_not_applied" if isinstance(authentication, ByAssertion) else "always"
    )
    kid = (authentication.signer.kid,) if isinstance(authentication, BySigner) else ()
    public = (client_id, *kid)
    call = Call(
        method="POST", path=TOKEN_PATH, tier=2, form=form, shown=shown, public=public, again=again, accept=_REFUSALS
    )
    answer = http.send(call, auth)
    if answer.status in _REFUSALS:
        raise _refusal(
            answer, client_id=client_id, authentication=authentication, scopes=scopes, user=user, audience=audience
        )
    told = read_token_answer(answer.content, client_id=client_id, status=answer.status, method="POST", path=TOKEN_PATH)
    http.redactor.know(told.access_token)
    if isinstance(authentication, BySigner):
        http.audience, http.is_audience_accepted = audience, True
    return told, answer


def revoke_token(http: Session, token: Secret) -> None:
    """End an access token before its time (RFC 7009). A second time has no second effect.

    Raises:
        TenantError: it could not be asked, or refuses.
    """

    def form() -> dict[str, str]:
        return {"token": token.reveal(), "token_type_hint": "access_token"}

    shown = {"token": REDACTED, "token_type_hint": "access_token"}
    http.send(Call(method="POST", path=REVOKE_PATH, tier=2, form=form, shown=shown, again="always"), None)


def is_clock_off(skew: float) -> bool:
    """Tell whether a strict tenant refuses assertions for our clock, which is `skew` seconds ahead of its own."""
    return skew > TOLERATED_AHEAD_SECONDS or skew < -TOLERATED_SKEW_SECONDS


def clock_skew_text(skew: float) -> str:
    """Return how far our clock is from the tenant's, in words that fit how far: "2 hours", not "7200 seconds".

    Args:
        skew: how many seconds it is ahead of the tenant's.
    """
    return f"this machine's clock is {describe_duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the tenant's"


def clock_suspicion(skew: float | None) -> str:
    """Return what to add of the clock to a refusal that has no other reason, "" where it is right enough."""
    if skew is None or abs(skew) < _NOTED_SKEW_SECONDS:
        return ""
    return f"Synchronize the clock (NTP), then try again: {clock_skew_text(skew)}, which a strict tenant may reject. "


def _refusal(
    answer: Answer,
    *,
    client_id: str,
    authentication: ClientAuthentication,
    scopes: Sequence[str],
    user: UserLookup | None,
    audience: str,
) -> TokenError:
    """Tell a refusal by its status and RFC 6749's `error`; Qlik's own codes are not published and never matched."""
    problem = answer.problem
    fields: dict[str, Any] = {
        "client_id": client_id,
        "status": answer.status,
        "code": problem.code,
        "detail": ": ".join(filter(None, (problem.title, problem.detail))),
        "trace_id": problem.trace_id,
    }
    said = f" ({problem.words})" if problem.words else ""
    known = problem.known
    if problem.is_rfc6749 and problem.code == "invalid_scope":
        return ScopeRejected(
            f"The tenant refuses the scopes {' '.join(scopes) or '(none)'} for client {client_id}{said}.",
            hint="Request only scopes that the client may have, or pass none to get all of them.",
            **fields,
        )
    skew = skew_seconds(answer)
    if not isinstance(authentication, BySecret) and skew is not None and is_clock_off(skew):
        return ClockSkewError(
            f"The tenant refuses the assertion of client {client_id}{said}, and {clock_skew_text(skew)}.",
            skew_seconds=skew,
            hint="Synchronize the clock (NTP), then try again.",
            **fields,
        )
    if isinstance(authentication, BySecret):
        what = "the client secret"
    else:
        what = f"the key {authentication.signer.kid if isinstance(authentication, BySigner) else authentication.kid}"
    asked = "" if user is None else f", which requests a token for the user with the {user.field} {user.value!r},"
    if user is not None and answer.status == _FORBIDDEN:
        hint = "That user is disabled or has too many tokens: see Users in Qlik's console."
    elif answer.status == _FORBIDDEN:
        hint = "The client's bot user is disabled or has too many tokens: see Users in Qlik's console."
    elif not isinstance(authentication, BySecret):
        hint = clock_suspicion(skew) + (
            "Check that the client exists and is enabled, that this key is registered for it, that it is a "
            "machine-to-machine client with private-key JWT and trusted consent, and that it may have the scopes."
        )
        if isinstance(authentication, BySigner):
            hint += f" The audience was {audience}."
    else:
        hint = (
            "Check that the client exists and is enabled, that the secret is complete and was not deleted, that "
            "it is a machine-to-machine client with client secret and trusted consent, and that it may have the scopes."
        )
    if user is not None and answer.status != _FORBIDDEN:
        hint = (
            f"Check that the client may impersonate (the grant {IMPERSONATION}), and that an enabled user has "
            f"exactly this {user.field}. If both are true: {hint[0].lower()}{hint[1:]}"
        )
    message = f"The tenant refuses {what} of client {client_id}{asked} with {answer.status}{said}."
    if known is not None:
        message += f" {known.meaning}"
        # What is known of the request says more of the client than the code does.
        hint = hint if problem.code == CLIENT_NOT_AUTHORIZED else known.hint
    return AssertionRejected(message, hint=hint, **fields)
