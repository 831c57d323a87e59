"""The last check: log in with what the store holds, which finds what cannot be looked up.

A disabled user, too many tokens, a key that the tenant does not see yet: only a refusal tells. It is read by its status
alone, since Qlik's codes are not published. The token is revoked afterwards.

A first login makes a client's bot user. So only a client is logged in whose key our store has as the current one: it
was verified by a login when it got that key.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qlik_keys.auth.http_auth import BearerAuth, TokenSource
from qlik_keys.auth.token_endpoint import clock_suspicion
from qlik_keys.diagnosis.results import failed, not_checked, passed, see
from qlik_keys.errors import (
    AssertionRejected,
    QlikKeysError,
    ScopeRejected,
    StoreDenied,
    StoreNotFound,
    StoreUsesReserved,
    TenantAuthError,
    TenantThrottled,
    TokenError,
)
from qlik_keys.rules.access import LOGIN_FAILED, LOGIN_REFUSED, TOKEN_OF_ANOTHER, TOKEN_REFUSED
from qlik_keys.tenant.resources.scopes import lacks_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qlik_keys.diagnosis.facts import Facts
    from qlik_keys.diagnosis.results import Check
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant, User

# Any of these lets a tenant refuse before it looks at what only a login finds. What is said of the record, the Vault
# token's life, the audience in the record or the rate limit is no hindrance where the key could be read all the same.
_STOPPERS = (
    "tenant-url",
    "discovery",
    "clock",
    "client-exists",
    "client-enabled",
    "machine-to-machine",
    "consent",
    "user",
    "method",
    "kid-registered",
    "same-key",
    "alg",
    "vault-rights",
)
# Why there may be no key to log in with.
_KEYLESS = ("tenant-url", "discovery", "client-exists", "store-record", "vault-token", "vault-rights")
_NAME = "login"
_BAD_REQUEST, _FORBIDDEN = 400, 403


def check_login(tenant: QlikTenant, store: KeyStore, facts: Facts, checks: Iterable[Check]) -> Check:
    """Log in as the client, unless what was found already says that it cannot work.

    Args:
        tenant: the tenant.
        store: the store.
        facts: what was seen.
        checks: the other checks.
    """
    failures = {check.name for check in checks if check.verdict == "failed"}
    current = facts.current
    if current is None:
        return _without_key(facts, failures)
    # A client that the administrator's credential cannot look at may log in all the same.
    unseen = {"client-exists"} if facts.client.value is None and not facts.is_absent else set()
    unseen |= {"discovery"} if facts.has_endpoint else set()
    stoppers = [name for name in _STOPPERS if name in failures - unseen]
    if stoppers:
        return not_checked(_NAME, f"It is not tried before this is fixed: see {', '.join(stoppers)}.")
    is_throttled = isinstance(facts.discovery.problem, TenantThrottled)
    if is_throttled or any(tier.blocked_seconds > 0 for tier in tenant.budget.snapshot().values()):
        return see(_NAME, "rate-budget")
    # Scopes that it may not have would be all that a refusal is about, and hide what else there is.
    scopes = () if "scopes" in failures else facts.scopes
    signer = store.signer(current)

    def log_in(scopes: tuple[str, ...]) -> Check:
        source = TokenSource(
            tenant.token_url,
            client_id=facts.client_id,
            signer=signer,
            scopes=scopes,
            user=facts.user,
            http=tenant.http,
        )
        try:
            return _log_in(tenant, source, facts, scopes)
        finally:
            with contextlib.suppress(QlikKeysError):  # it ends automatically
                source.revoke()

    try:
        check = log_in(scopes)
    except TenantThrottled:
        return see(_NAME, "rate-budget")
    except StoreDenied:
        return see(_NAME, "vault-rights")
    except StoreUsesReserved:
        return see(_NAME, "vault-token")
    except QlikKeysError as problem:
        named = _with_named_scopes(problem, facts, scopes, log_in)
        return _failed(problem, facts) if named is None else named
    if check.verdict == "passed" and scopes != facts.scopes:
        return passed(_NAME, f"Without the scopes that it may not have: {check.why}")
    return check


def _log_in(tenant: QlikTenant, source: TokenSource, facts: Facts, scopes: tuple[str, ...]) -> Check:
    """Get a token and ask whose it is.

    Raises:
        QlikKeysError: as tokens and tenant do.
    """
    token = source.token()
    got = f"It got a token with the scope {token.scope or '(not told)'}"
    user: User
    try:
        user = tenant.with_credential(BearerAuth(source)).users.me()
    except TenantAuthError as problem:
        if scopes and problem.status == _FORBIDDEN:
            return passed(
                _NAME, f"{got}. Its identity cannot be checked: users/me does not accept a token of these scopes."
            )
        names_scope = lacks_scope(f"{problem.code} {problem.title} {problem.detail}")
        advice = _LACKS_SCOPE if names_scope else ""
        return failed(_NAME, TOKEN_REFUSED, f"{got}, but users/me refuses it. {problem.message}", advice)
    if facts.user is None and user.client_id not in ("", facts.client_id):
        return failed(
            _NAME,
            TOKEN_OF_ANOTHER,
            f"{got}, but it belongs to another client ({user.client_id}).",
        )
    return passed(_NAME, f"{got}, as {user.name or user.subject} ({user.subject or user.id}).")


def _with_named_scopes(
    problem: QlikKeysError, facts: Facts, scopes: tuple[str, ...], log_in: Callable[[tuple[str, ...]], Check]
) -> Check | None:
    """Return a login in which the scopes are named, None where that is not the reason of the refusal."""
    client = facts.client.value
    if scopes or client is None or getattr(problem, "status", None) != _BAD_REQUEST:
        return None
    try:
        check = log_in(client.scopes_unasked) if client.scopes_unasked else None
    except QlikKeysError:
        return None
    if check is None or check.verdict != "passed":
        return check
    return passed(_NAME, f"Only with scopes that are named, for the tenant refuses a request without any: {check.why}")


def _failed(problem: QlikKeysError, facts: Facts) -> Check:
    has_words = isinstance(problem, TokenError) and bool(problem.code or problem.detail)
    if facts.is_discovery_refused and not has_words:  # whatever answers there is no token endpoint
        return not_checked(_NAME, f"It was tried nevertheless and failed: {problem.message} See discovery.")
    if isinstance(problem, AssertionRejected | ScopeRejected) and problem.status != _FORBIDDEN and facts.has_no_scope:
        return see(_NAME, "scopes")
    if isinstance(problem, AssertionRejected):
        return _refused(problem, facts)
    return failed(_NAME, LOGIN_FAILED, problem.message, problem.hint)


def _refused(problem: AssertionRejected, facts: Facts) -> Check:
    if problem.status == _FORBIDDEN:
        who = "the user to impersonate" if facts.user is not None else "the client's bot user"
        return failed(
            _NAME,
            LOGIN_REFUSED,
            f"{problem.message} The key itself is accepted: {who} is disabled, or the client has too many tokens.",
            TOKEN_REFUSED.advice,  # the same two causes
        )
    if facts.client.value is None or not facts.shows("public_keys"):
        return failed(
            _NAME,
            LOGIN_REFUSED,
            problem.message,
            f"{problem.hint} A Tenant Admin's credential lets the doctor find out which.",
        )
    why, clock = problem.message, clock_suspicion(facts.skew_seconds)
    if facts.user is not None:
        advice = f"Check that the tenant has a user with the {facts.user.field} {facts.user.value!r}."
    else:
        why += "" if clock else " All other checks passed."
        advice = "If the key was registered just now, try again in a minute: the tenant may not have it yet."
    trace = f" For Qlik's support: trace id {problem.trace_id}." if problem.trace_id else ""
    return failed(_NAME, LOGIN_REFUSED, why, f"{clock}{advice}{trace}")


def _without_key(facts: Facts, failures: set[str]) -> Check:
    if facts.by_secret_alone:
        return not_checked(_NAME, "The client authenticates by a client secret, which no store holds.")
    causes = [name for name in _KEYLESS if name in failures and (name != "vault-token" or facts.is_unread)]
    why = f"There is no key to log in with: see {', '.join(causes) or 'store-record'}."
    if isinstance(facts.record.problem, StoreNotFound):
        why += " A first login would also create the client's bot user, which the doctor does not do."
    return not_checked(_NAME, why)


_LACKS_SCOPE = (
    "Give the client the scope that the tenant names (in Qlik's console), or request a token without --scope."
)
