"""Rate limits as the contract has them: per tier and user, counted over five minutes, so that bursts pass."""

from __future__ import annotations

import math
from collections import defaultdict, deque

from qlik_keys.sandbox.simulator.messages import Refusal

WINDOW_SECONDS = 300
_MAXIMUM_CALLERS = 10_000


class RateLimits:
    """Counts requests; the caller holds the tenant's lock."""

    def __init__(self) -> None:
        self._seen: defaultdict[tuple[int, str], deque[float]] = defaultdict(deque)

    def count(self, *, tier: int, caller: str, per_minute: int, now: float) -> None:
        """Count a request.

        Raises:
            Refusal: 429, with the seconds until the window has room again. A refused request is not counted.
        """
        if len(self._seen) > _MAXIMUM_CALLERS:
            self._seen = defaultdict(deque, {key: seen for key, seen in self._seen.items() if seen[-1] > now - 300})
        seen = self._seen[tier, caller]
        while seen and seen[0] <= now - WINDOW_SECONDS:
            seen.popleft()
        limit = per_minute * WINDOW_SECONDS // 60
        if len(seen) >= limit:
            wait = max(1, math.ceil(seen[len(seen) - limit] + WINDOW_SECONDS - now))
            raise Refusal(
                429,
                "HTTP-429",
                "API rate limit reached.",
                f"Tier {tier} allows {per_minute} requests a minute, counted over five minutes.",
                headers=(("retry-after", str(wait)),),
            )
        seen.append(now)
