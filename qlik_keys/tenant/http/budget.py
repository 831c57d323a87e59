"""How many requests are left: Qlik tells only when it is too late, so it is counted here.

Per tier, per user and per tenant 1,000 (tier 1) and 100 (tier 2) requests a minute are allowed, counted over five
minutes, so bursts pass (qlik-cloud-contract, "Rate limits"). Other programs of the same user are not seen here: a 429
may come all the same, and then the whole tier waits while the other one goes on.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlik_keys.core.clock import SYSTEM_CLOCK, Clock, describe_duration
from qlik_keys.errors import TenantThrottled

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW_SECONDS = 300.0
LIMITS_PER_MINUTE = {1: 1000, 2: 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSnapshot:
    """Where one tier stands.

    Attributes:
        used: requests within the window.
        limit: how many the window allows.
        window_seconds: how long the window is.
        blocked_seconds: how long the tier must wait after a 429; 0 when it need not.
        blocked_until: the same as seconds since 1970, None when it need not wait.
    """

    used: int
    limit: int
    window_seconds: float
    blocked_seconds: float
    blocked_until: float | None


@dataclass(slots=True)
class _Tier:
    limit: int
    sent: deque[float] = field(default_factory=deque)
    blocked_until: float = 0.0

    def forget_before(self, moment: float) -> None:
        while self.sent and self.sent[0] <= moment:
            self.sent.popleft()


class RateBudget:
    """Counts requests per tier, and makes the caller wait rather than run into a 429. Safe for threads.

    Args:
        limits_per_minute: tier -> requests a minute.
        window_seconds: over how long they are counted.
        clock: measures and waits.
    """

    def __init__(
        self,
        *,
        limits_per_minute: Mapping[int, int] | None = None,
        window_seconds: float = WINDOW_SECONDS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._window_seconds = window_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._tiers = {
            tier: _Tier(limit=max(1, round(limit * window_seconds / 60)))
            for tier, limit in (limits_per_minute or LIMITS_PER_MINUTE).items()
        }

    def acquire(self, tier: int, *, patience_seconds: float = WINDOW_SECONDS) -> float:
        """Take one request of the tier, waiting for it where needed; return the seconds waited.

        Args:
            tier: 1 or 2.
            patience_seconds: how long a wait that a 429 asked for is waited out. A wait for the own count is always
                waited out: it ends within the window.

        Raises:
            TenantThrottled: the tenant asks for more patience than that; nothing was sent.
        """
        waited = 0.0
        while True:
            pause, is_blocked = self._take(self._tiers[tier])
            if pause <= 0:
                return waited
            if is_blocked and waited + pause > patience_seconds:
                raise TenantThrottled(
                    f"The tenant asked for a pause of tier {tier}, which is not over yet.",
                    retry_after=pause,
                    hint=f"Try again in {describe_duration(pause)}.",
                    retryable=True,
                )
            self._clock.sleep(pause)
            waited += pause

    def count(self, tier: int) -> None:
        """Count a request that was sent without being asked for here, such as the second one after a 401."""
        with self._lock:
            self._tiers[tier].sent.append(self._clock.monotonic())

    def block(self, tier: int, seconds: float) -> None:
        """Let the whole tier wait, as a 429 asks; no longer than the window, however absurd the figure."""
        until = self._clock.monotonic() + min(max(seconds, 0.0), self._window_seconds)
        with self._lock:
            state = self._tiers[tier]
            state.blocked_until = max(state.blocked_until, until)

    def seconds_for(self, requests: Mapping[int, int]) -> float:
        """Return how long these requests wait at least for the limits, counted from what was sent so far; 0 for none.

        Args:
            requests: how many of each tier.
        """
        return max((_wait_for(tier, requests.get(number, 0)) for number, tier in self.snapshot().items()), default=0.0)

    def snapshot(self) -> dict[int, TierSnapshot]:
        """Return where each tier stands."""
        now = self._clock.monotonic()
        snapshots = {}
        with self._lock:
            for number, tier in self._tiers.items():
                tier.forget_before(now - self._window_seconds)
                blocked = max(0.0, tier.blocked_until - now)
                snapshots[number] = TierSnapshot(
                    used=len(tier.sent),
                    limit=tier.limit,
                    window_seconds=self._window_seconds,
                    blocked_seconds=blocked,
                    blocked_until=self._clock.time() + blocked if blocked else None,
                )
        return snapshots

    def _take(self, tier: _Tier) -> tuple[float, bool]:
        """Take a request and return 0, or return how long to wait before asking again, and whether a 429 says so."""
        now = self._clock.monotonic()
        with self._lock:
            tier.forget_before(now - self._window_seconds)
            if now < tier.blocked_until:
                return tier.blocked_until - now, True
            if len(tier.sent) >= tier.limit:
                return max(tier.sent[0] + self._window_seconds - now, 1e-3), False
            tier.sent.append(now)
            return 0.0, False


def _wait_for(tier: TierSnapshot, requests: int) -> float:
    """Return how long the last of so many requests waits: a window for each full one before it."""
    if not requests:
        return 0.0
    return max(tier.blocked_seconds, (tier.used + requests - 1) // tier.limit * tier.window_seconds)
