"""The Vault token: where it comes from, how long it lives, and its renewal at two thirds of its life.

Nothing runs in the background: the token is looked at on use, against the clock that was passed in. Not done here:
storing a token anywhere, or revoking one that another user gave us.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import hvac.exceptions

from qlik_keys.core.secret import Secret
from qlik_keys.errors import (
    StoreDenied,
    StoreError,
    StoreMisconfigured,
    StorePolicyDenied,
    StoreProtocolError,
    StoreSealed,
)
from qlik_keys.errors import StoreUnreachable as Unreachable
from qlik_keys.keystore.vault.documents.fields import parse_time

if TYPE_CHECKING:
    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.vault.http.api import VaultApi
    from qlik_keys.keystore.vault.http.login import Login

_RENEW_AT = 2 / 3
_LEAST_GAIN_SECONDS = 1.0  # a renewal that gives less has met the token's maximum life
_LEAST_PAUSE_SECONDS = 1.0
_ROUNDED_SECONDS = 2.0  # Vault tells whole seconds
_TOKEN_PATH = "auth/token"  # noqa: S105  # a path


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStatus:
    """What is known of the Vault token, for people.

    Attributes:
        expires_at: when it ends unless it is renewed, UTC; None when it does not end or nothing is known.
        renewable: whether it will be renewed, or replaced by a new login, on use.
        hint: a sentence for a person, or "".
    """

    expires_at: datetime | None
    renewable: bool
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A token and its life, in seconds of the clock; `math.inf` for never.

    Attributes:
        token: the token.
        expires_at: when it ends.
        renew_at: when it should be renewed.
        life: how long it lives from a renewal on.
        renewable: whether Vault would renew it.
        ours: whether it comes of a login of qlik_keys.
        known: False when Vault would not tell us about it.
        ends_at: when it ends however often it is renewed (explicit_max_ttl).
        uses_left: how many requests Vault takes with it from now on (num_uses), None for any number.
        sent: how many requests had been sent when that was told.
        was_accepted: whether Vault knew it, though it would not tell about it.
    """

    token: Secret
    expires_at: float = math.inf
    renew_at: float = math.inf
    life: float = math.inf
    renewable: bool = False
    ours: bool = False
    known: bool = True
    ends_at: float = math.inf
    uses_left: int | None = None
    sent: int = 0
    was_accepted: bool = False

    def is_used_up(self, sent: int) -> bool:
        """Return whether a token that is refused now has no uses left, when that many requests have been sent."""
        if self.uses_left is not None:
            return sent - self.sent > self.uses_left
        return self.was_accepted and not self.known


class TokenKeeper:
    """Keeps a usable token in the API's hands; safe to use from several threads.

    Args:
        api: the calls; it is handed the token.
        token: a token that someone gave; or
        login: how to get one.
        clock: time.
    """

    def __init__(self, api: VaultApi, *, token: Secret | None, login: Login | None, clock: Clock) -> None:
        self._api = api
        self._given = token
        self._login = login
        self._clock = clock
        self._lease: Lease | None = None
        self._lock = threading.RLock()

    def ensure(self) -> Lease:
        """Return the token in use; get one, or renew it, if it is time.

        Raises:
            StoreError: there is none to be had.
        """
        lease = self._lease
        now = self._clock.time()
        if lease is not None and now < lease.renew_at:
            return lease
        # While one thread renews, the others go on with a token that is still good.
        must_wait = lease is None or now >= lease.expires_at
        if not self._lock.acquire(blocking=must_wait):
            assert lease is not None
            return lease
        try:
            current = self._lease
            if current is None:
                self._lease = current = self._begin()
            elif self._clock.time() >= current.renew_at:
                self._lease = current = self._prolong(current)
            return current
        finally:
            self._lock.release()

    def replace(self, refused: Lease) -> bool:
        """Log in again after a token was refused; return whether there is a new one.

        Raises:
            StoreError: the login failed.
        """
        if self._login is None:
            return False
        with self._lock:
            if self._lease is None or self._lease.token == refused.token:
                self._lease = self._log_in(self._login)
            return True

    @property
    def can_log_in(self) -> bool:
        """Whether another token can be fetched when this one ends."""
        return self._login is not None

    def look(self) -> Lease:
        """Return the token in use as Vault describes it at this moment; it is asked each time.

        Raises:
            StoreError: there is no token, or Vault cannot be asked.
        """
        lease = self.ensure()
        now = self._clock.time()
        try:
            seen = self._api.shielded(
                lambda api: _looked_up(api.auth.token.lookup_self(), lease.token, now), path=_TOKEN_PATH
            )
        except StoreDenied:
            return replace(lease, known=False)
        self._know_uses(seen)
        return replace(seen, ours=lease.ours)

    def renew(self) -> bool:
        """Renew the token now, or fetch another by our own login; return whether it has its whole life before it.

        Raises:
            StoreError: Vault would not, or cannot be asked.
        """
        with self._lock:
            lease = self.look()
            if lease.renewable:
                # Without a figure Vault repeats the last renewal's, and that may have been a short one.
                self._lease = self._renewed(lease, increment=f"{lease.life:.0f}s")
                if self._lease.life > lease.life - _ROUNDED_SECONDS:
                    return True
            if self._login is not None:
                self._lease = self._log_in(self._login)
            return self._login is not None or (lease.known and lease.expires_at == math.inf)

    def revoke(self) -> bool:
        """Revoke the token of our own login; a given token is left alone. Return whether one was revoked.

        Raises:
            StoreError: Vault would not.
        """
        with self._lock:
            if self._lease is None or not self._lease.ours:
                return False
            self._api.shielded(lambda api: api.auth.token.revoke_self(), path=_TOKEN_PATH)
            self._lease = None
            self._api.use_token(None)
            return True

    def forget(self) -> None:
        """Let go of the token."""
        with self._lock:
            self._lease = None

    def status(self) -> TokenStatus:
        """Return what is known; asks Vault only if nothing is known yet.

        Raises:
            StoreError: there is no usable token.
        """
        lease = self.ensure()
        if not lease.known:
            hint = (
                "Vault does not report the lifetime of this token (it lacks the policy `default`), so it is "
                "not renewed."
            )
            return TokenStatus(expires_at=None, renewable=False, hint=hint)
        if lease.expires_at == math.inf:
            return TokenStatus(expires_at=None, renewable=False, hint="")
        lasting = lease.renewable or self._login is not None
        return TokenStatus(
            expires_at=datetime.fromtimestamp(int(lease.expires_at), tz=UTC),
            renewable=lasting,
            hint="" if lasting else "The Vault token cannot be renewed: get a new one before it expires.",
        )

    def _begin(self) -> Lease:
        if self._login is not None:
            return self._log_in(self._login)
        token = self._given
        assert token is not None  # the store has either a token or a login
        self._api.use_token(token)
        now = self._clock.time()
        try:
            seen = self._api.shielded(
                lambda api: _looked_up(api.auth.token.lookup_self(), token, now), path=_TOKEN_PATH
            )
        except StoreDenied as error:
            # A token without the policy `default` may not look itself up, and may still do its work.
            return Lease(token=token, known=False, was_accepted=isinstance(error, StorePolicyDenied))
        self._know_uses(seen)
        return replace(seen, sent=self._api.sent)

    def _know_uses(self, seen: Lease) -> None:
        # The token of our own login is replaced when its uses are spent: there is nothing to spare.
        self._api.know_uses(None if self.can_log_in else seen.uses_left)

    def _log_in(self, login: Login) -> Lease:
        def perform(api: VaultApi) -> Lease:
            try:
                answer = login.perform(api)
            except (hvac.exceptions.InvalidRequest, hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized):
                # A Vault without an auth method there refuses too, so that no one learns which there are.
                raise StoreDenied(
                    f"The Vault at {api.host} refuses the login {login!r}.",
                    hint="Check the role or user, its secret and expiry, and the login's `mount`.",
                ) from None
            except hvac.exceptions.InvalidPath:
                raise StoreMisconfigured(
                    f"The Vault at {api.host} has no auth method where {login!r} looks for it.",
                    hint="Check the login's `mount`, as `vault auth list` shows it, and the namespace.",
                ) from None
            return _granted(answer, self._clock.time(), ours=True)

        lease = self._api.shielded(perform, path="auth")
        self._api.use_token(lease.token)
        return lease

    def _renew(self, lease: Lease) -> Lease | None:
        """Return the lease renewed, None when that no longer makes it longer."""
        renewed = self._renewed(lease)
        return renewed if renewed.expires_at - lease.expires_at > _LEAST_GAIN_SECONDS else None

    def _renewed(self, lease: Lease, *, increment: str | None = None) -> Lease:
        """Return the lease renewed, however long it lives then."""
        now = self._clock.time()
        return self._api.shielded(
            lambda api: _granted(
                api.auth.token.renew_self(increment=increment), now, ours=lease.ours, token=lease.token
            ),
            path=_TOKEN_PATH,
        )

    def _prolong(self, lease: Lease) -> Lease:
        """Return a lease that lasts: this one renewed, or a new login; else this one, to be tried again or to end."""
        problem: StoreError | None = None
        if lease.renewable:
            try:
                renewed = self._renew(lease)
            except StoreError as error:
                problem = error
            else:
                if renewed is not None:
                    return renewed
        if self._login is not None:
            try:
                return self._log_in(self._login)
            except StoreError as error:
                problem = error
        now = self._clock.time()
        if self._login is not None or isinstance(problem, Unreachable | StoreSealed):
            if problem is not None and now >= lease.expires_at:
                raise problem
            return replace(lease, renew_at=now + max((lease.expires_at - now) / 3, _LEAST_PAUSE_SECONDS))
        return replace(lease, renewable=False, renew_at=math.inf)


def _looked_up(answer: Any, token: Secret, now: float) -> Lease:
    """Read the answer of lookup-self."""
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise StoreProtocolError("Vault's answer about its token cannot be read.")
    remaining = _seconds(data.get("ttl"))
    # Vault has counted this very look-up; what was the last of them reads as a negative number.
    uses = data.get("num_uses")
    uses_left = max(uses, 0) if isinstance(uses, int) and uses else None
    if remaining == 0:
        return Lease(token=token, uses_left=uses_left)  # a root token, which does not end
    life = max(_seconds(data.get("period")) or _seconds(data.get("creation_ttl")), remaining)
    lease = _lease(token, now, remaining, life, renewable=data.get("renewable") is True, ours=False)
    return replace(lease, ends_at=now + _longest(data, remaining), uses_left=uses_left)


def _longest(data: dict[str, Any], remaining: float) -> float:
    """Return how many seconds a token lives at most by its explicit maximum, in the server's own time."""
    longest, created = _seconds(data.get("explicit_max_ttl")), _seconds(data.get("creation_time"))
    ends = parse_time(data.get("expire_time"))
    if not longest or not created or ends is None:
        return math.inf
    return max(created + longest - (ends.timestamp() - remaining), 0.0)


def _granted(answer: Any, now: float, *, ours: bool, token: Secret | None = None) -> Lease:
    """Read the answer of a login or of renew-self."""
    auth = answer.get("auth") if isinstance(answer, dict) else None
    if not isinstance(auth, dict) or not isinstance(auth.get("client_token"), str):
        raise StoreProtocolError("Vault's answer to a login or a renewal contains no token.")
    life = _seconds(auth.get("lease_duration"))
    held = Secret(auth["client_token"], what="Vault token") if token is None else token
    if life == 0:
        return Lease(token=held, ours=ours)
    return _lease(held, now, life, life, renewable=auth.get("renewable") is True, ours=ours)


def _lease(token: Secret, now: float, remaining: float, life: float, *, renewable: bool, ours: bool) -> Lease:
    expires_at = now + remaining
    renew_at = expires_at - life * (1 - _RENEW_AT) if renewable or ours else math.inf
    return Lease(token=token, expires_at=expires_at, renew_at=renew_at, life=life, renewable=renewable, ours=ours)


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 0.0
