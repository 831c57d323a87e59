"""Arguments of public functions: what is of another type is refused where it is handed in, by a TypeError.

The error names the argument, the type that was given and what is wanted, and never the value, which may be a secret
that stands in the wrong place. Without it a wrong type fails deep inside, after requests have been sent.

Not done here: bounds of values (each module knows its own), and secrets (`secret.guarded`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """What an argument may be.

    Attributes:
        types: the types that are accepted.
        wanted: the same in words, for the error.
        methods: instead of the types: what it must be able to do.
        but_not: types among these that are refused: True is an int, and a datetime is a date.
    """

    types: tuple[type, ...]
    wanted: str
    methods: tuple[str, ...] = ()
    but_not: tuple[type, ...] = ()

    def accepts(self, value: object) -> bool:
        """Tell whether a value is of this kind."""
        if self.methods:
            return not isinstance(value, type) and all(callable(getattr(value, name, None)) for name in self.methods)
        return isinstance(value, self.types) and not isinstance(value, self.but_not)


TEXT = Kind((str,), "text (str)")
FLAG = Kind((bool,), "True or False")
WHOLE_NUMBER = Kind((int,), "a whole number (int)", but_not=(bool,))
SECONDS = Kind((int, float), "a number of seconds", but_not=(bool,))
DURATION = Kind((timedelta,), "a timedelta, for example timedelta(hours=24)")
DAY = Kind((date,), "a date, for example datetime.date(2026, 11, 28)", but_not=(datetime,))
MOMENT = Kind((datetime,), "a datetime with a time zone")
MAPPING = Kind((Mapping,), "a mapping (dict) of texts")
MAXIMUM_TIMEOUT_SECONDS = 86_400  # a day; much more overflows the sockets of some systems
CALLBACK = Kind((), "a function", methods=("__call__",))
EVENT = Kind((), "a threading.Event", methods=("is_set",))
CLOCK = Kind((), "a clock (qlik_keys.core.clock.Clock)", methods=("time", "monotonic", "sleep"))


def require(kind: Kind, **arguments: object) -> None:
    """Refuse arguments that are not of a kind.

    Args:
        kind: what each must be.
        **arguments: by their names in the public function.

    Raises:
        TypeError: one is of another type; its value is not quoted.
    """
    for name, value in arguments.items():
        if not kind.accepts(value):
            raise _refusal(name, type(value), kind.wanted)


def optional(kind: Kind, **arguments: object) -> None:
    """Refuse arguments that are neither None nor of a kind; as `require`.

    Raises:
        TypeError: one is of another type; its value is not quoted.
    """
    for name, value in arguments.items():
        if value is not None and not kind.accepts(value):
            raise _refusal(name, type(value), f"{kind.wanted}, or None")


def require_timeout(timeout_seconds: float) -> None:
    """Refuse a time-out that is no number of seconds above 0 and up to a day.

    Raises:
        TypeError: it is no number.
        ValueError: it is out of bounds.
    """
    require(SECONDS, timeout_seconds=timeout_seconds)
    if not 0 < timeout_seconds <= MAXIMUM_TIMEOUT_SECONDS:
        raise ValueError(
            f"timeout_seconds must be above 0 and at most {MAXIMUM_TIMEOUT_SECONDS}, not {timeout_seconds}"
        )


def texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return what is handed in as several texts.

    Raises:
        TypeError: it is one text, cannot be iterated over, or has something else in it.
    """
    if isinstance(values, str):
        raise TypeError(f"{name} must be a list of texts, not one text")
    if isinstance(values, bytes | bytearray | Mapping) or not isinstance(values, Iterable):
        raise _refusal(name, type(values), "a list of texts")
    found = tuple(values)
    for value in found:
        if not isinstance(value, str):
            raise _refusal(f"each of {name}", type(value), TEXT.wanted)
    return found


def _refusal(name: str, given: type[Any], wanted: str) -> TypeError:
    advice = "; decode it first" if issubclass(given, bytes | bytearray) and wanted.startswith("text") else ""
    return TypeError(f"{name} must be {wanted}, not {given.__name__}{advice}")
