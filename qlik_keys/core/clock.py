"""Time as a collaborator that is passed in.

Nothing in the package reads the clock of the machine automatically: tokens, retries, rate budgets and key dates take a
`Clock`, so that tests can stand at a boundary second without sleeping.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the package needs to know of time."""

    def time(self) -> float:
        """Return the wall clock in seconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back, for time-outs and budgets."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...


class SystemClock:
    """The clock of this machine."""

    def time(self) -> float:
        """Return the wall clock in seconds since 1970-01-01 UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return the machine's monotonic clock in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep that many seconds."""
        time.sleep(seconds)


SYSTEM_CLOCK: Clock = SystemClock()


def utc_now(clock: Clock) -> datetime:
    """Return the clock's time as an aware UTC datetime, in whole seconds as Qlik and Vault's metadata show it."""
    return datetime.fromtimestamp(int(clock.time()), tz=UTC)


_UNITS_SECONDS = (("days", 86_400), ("hours", 3600), ("minutes", 60))


def describe_duration(seconds: float) -> str:
    """Return for people how long a time is, in the largest unit of which it is two or more: "2 hours", "90 seconds".

    It is rounded; `durations.format_duration` writes what can be read again ("2h").
    """
    for unit, length in _UNITS_SECONDS:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"
