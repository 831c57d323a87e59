"""Spans of time as people write them: "14d", "12h", "2w", or ISO 8601's "P14D".

Months and years are refused: they are no fixed span.
"""

from __future__ import annotations

import re
from datetime import timedelta

from qlik_keys.core.arguments import TEXT, require
from qlik_keys.errors import ConfigurationError

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_SHORT = re.compile(r"([0-9]{1,7})([wdhms])")
_LONGEST = timedelta(days=36_500)  # the end of a longer one may be later than any date that there is
_ISO = re.compile(
    r"P(?=[0-9T])(?:(?P<weeks>[0-9]{1,7})W)?(?:(?P<days>[0-9]{1,7})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,7})H)?(?:(?P<minutes>[0-9]{1,7})M)?(?:(?P<seconds>[0-9]{1,7})S)?)?"
)
DURATION_PATTERN = f"^(?:{_SHORT.pattern}|{re.sub(r'[?]P<[a-z]+>', '', _ISO.pattern)})$"


def parse_duration(text: str) -> timedelta:
    """Return the span of time in a text; the text is not quoted where it is none.

    Args:
        text: a whole number with a unit (w, d, h, m, s), or an ISO 8601 duration (RFC 3339, appendix A) without months
            and years.

    Raises:
        ConfigurationError: it is neither, or more than 36,500 days.
        TypeError: it is no text.

    Example:
        >>> parse_duration("36h") == parse_duration("P1DT12H")
        True
    """
    require(TEXT, text=text)
    written = text.strip()
    short, iso = _SHORT.fullmatch(written), _ISO.fullmatch(written)
    if short is not None:
        span = timedelta(**{_UNITS[short[2]]: int(short[1])})
    elif iso is not None:
        span = timedelta(**{name: int(number) for name, number in iso.groupdict(default="0").items()})
    else:
        raise ConfigurationError(
            "That is not a duration.", hint="Write a whole number and a unit, for example 90d, 12h or 2w (or P90D)."
        )
    if span > _LONGEST:
        raise ConfigurationError("That duration is too long.", hint=f"Write at most {_LONGEST.days}d (100 years).")
    return span


def format_duration(span: timedelta) -> str:
    """Return a span of time in the largest unit in which it is a whole number, weeks excepted; parts of a second go.

    Example:
        >>> format_duration(timedelta(days=90)), format_duration(timedelta(hours=36))
        ('90d', '36h')
    """
    seconds = round(span.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit if seconds else 'h'}"
