"""One access token: what it is, how long it lives, and the one request that brings it.

An access token is opaque (qlik-cloud-contract): its scope and life come from the answer that brought it, and nothing is
read out of it. Not done here: keeping and renewing it (`token_source`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from qlik_keys.auth.token_endpoint import TOLERATED_SKEW_SECONDS, request_token
from qlik_keys.core.clock import SYSTEM_CLOCK, Clock
from qlik_keys.core.redaction import readable_scope
from qlik_keys.tenant.http.clock_skew import skew_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.auth.token_answer import TokenAnswer
    from qlik_keys.auth.token_endpoint import ClientAuthentication, UserLookup
    from qlik_keys.core.secret import Secret
    from qlik_keys.tenant.http.calls import Answer
    from qlik_keys.tenant.http.session import Session

UNKNOWN_LIFETIME_SECONDS = 60.0
_LONGEST_LIFETIME_SECONDS = 366 * 86_400.0
_RENEW_BEFORE_SECONDS = 60.0
_RENEW_BEFORE_SHARE = 0.1


class Freshness(StrEnum):
    """What a token is good for."""

    FRESH = "fresh"
    RENEW = "renew"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token that does not show itself.

    Attributes:
        scope: the scopes that were granted, with blanks between; "" where the tenant did not say.
        expires_at: when it ends, UTC.
        lifetime: its whole life in seconds.
        lifetime_known: False where the tenant did not say: it is then taken to be one minute.
        token_type: "Bearer", as the tenant wrote it.
    """

    secret: Secret = field(repr=False)
    scope: str
    expires_at: datetime
    lifetime: float
    lifetime_known: bool
    token_type: str
    _ends_at: float = field(init=False, repr=False, compare=False)
    _renew_at: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Worked out once: a source asks at every request.
        ends_at = self.expires_at.timestamp()
        margin = min(_RENEW_BEFORE_SECONDS, self.lifetime * _RENEW_BEFORE_SHARE)
        object.__setattr__(self, "_ends_at", ends_at)
        object.__setattr__(self, "_renew_at", ends_at - margin)

    def reveal(self) -> str:
        """Return the token in the clear. Anyone who calls it answers for where it goes."""
        return self.secret.reveal()

    def freshness(self, clock: Clock = SYSTEM_CLOCK) -> Freshness:
        """Return whether it is fresh, wants renewal (a minute or a tenth of its life before its end), or is over."""
        now = clock.time()
        if now < self._renew_at:
            return Freshness.FRESH
        return Freshness.RENEW if now < self._ends_at else Freshness.EXPIRED


def fetch_token(
    http: Session,
    *,
    client_id: str,
    authentication: ClientAuthentication,
    scopes: Sequence[str] = (),
    user: UserLookup | None = None,
    audience: str = "",
) -> Token:
    """Ask for one token and return it; nothing is kept.

    Raises:
        TokenError, TenantError, KeyMaterialError, StoreError: as `qlik_keys.auth.token_endpoint.request_token`.
    """
    answer, envelope = request_token(
        http, client_id=client_id, authentication=authentication, scopes=scopes, user=user, audience=audience
    )
    lifetime = _lifetime_seconds(answer, envelope)
    known = UNKNOWN_LIFETIME_SECONDS if lifetime is None else lifetime
    return Token(
        secret=answer.access_token,
        scope=readable_scope(answer.scope),
        expires_at=datetime.fromtimestamp(envelope.sent_at + known, tz=UTC),
        lifetime=known,
        lifetime_known=lifetime is not None,
        token_type=answer.token_type,
    )


def _lifetime_seconds(answer: TokenAnswer, envelope: Answer) -> float | None:
    """Return how long the token lives, counted from when it was asked for; None where the tenant does not say.

    `expires_in` counts first, since it needs no clock; `expires_at` is the tenant's time, so where the clocks are far
    apart it is counted from the tenant's `Date`.
    """
    seconds = answer.expires_in
    if seconds is None or not math.isfinite(seconds):
        if answer.expires_at is None:
            return None
        skew = skew_seconds(envelope)
        if skew is None or abs(skew) <= TOLERATED_SKEW_SECONDS:
            skew = 0.0
        seconds = answer.expires_at.timestamp() + skew - envelope.sent_at
    return min(max(seconds, 0.0), _LONGEST_LIFETIME_SECONDS)
