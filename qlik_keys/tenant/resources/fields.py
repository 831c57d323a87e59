"""The kinds of fields in what a tenant answers: how generously each is read.

A field that is `null` or of the wrong kind has a default; a date is in UTC; a secret is a `Secret` from the first
moment on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic_core import core_schema

from qlik_keys.core.secret import Secret

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler


class OddIs:
    """A field whose `null`, or any value of the wrong kind, reads as a default."""

    def __init__(self, default: object) -> None:
        self._default = default

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_default_schema(handler(source), default=self._default, on_error="default")


class _Tag:
    """A mark that is there or not: a text, or any other value, of which only that it is there is read."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        del source, handler
        other = core_schema.no_info_plain_validator_function(
            lambda value: "for a reason that is not text" if value else ""
        )
        return core_schema.union_schema([core_schema.str_schema(strict=True), other], mode="left_to_right")


class _InUtc:
    """A date that is aware and in UTC, whatever zone it was written in; without a zone it is UTC."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        del source, handler
        # The first choice is the only one that Qlik is known to use, and the only one that costs no call to Python:
        # listings have ten thousand of them.
        in_utc = core_schema.datetime_schema(tz_constraint=0)
        other = core_schema.no_info_after_validator_function(_utc, core_schema.datetime_schema())
        return core_schema.union_schema([in_utc, other], mode="left_to_right")


class _AsSecret:
    """A text that is wrapped while the JSON is read."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        del source, handler
        what = self._what
        return core_schema.no_info_after_validator_function(
            lambda value: Secret(value, what=what), core_schema.str_schema(strict=True)
        )


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        pass
    raise ValueError("not a valid date")


Text = Annotated[str, OddIs("")]
Texts = Annotated[tuple[str, ...], OddIs(())]
Tag = Annotated[str, _Tag(), OddIs("")]
Flag = Annotated[bool, OddIs(default=False)]
Aware = Annotated[datetime, _InUtc()]
Moment = Annotated[datetime | None, _InUtc(), OddIs(None)]
ClientSecretText = Annotated[Secret, _AsSecret("client secret")]
