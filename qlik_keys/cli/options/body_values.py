"""`--body-values a.b:number=1,c=x`: a JSON object of key=value pairs, in qlik-cli's manner.

A dot in a key leads into a nested object. What follows the colon is the value's type, text without one: `:number` and
`:bool` are qlik-cli's; `:string`, `:boolean`, `:null` and `:json` are more of the kind. A type that is none of these is
refused: it would end up in a key that no API knows.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import typer

from qlik_keys.cli.options.inputs import pairs
from qlik_keys.tenant.http.bodies import strict_json

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPTION = "--body-values"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")  # RFC 8259, section 6
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_TYPES = ("string", "number", "bool", "boolean", "null", "json")


def body_of_values(given: Sequence[str] | None) -> str | None:
    """Return the body as JSON text, None where nothing was given.

    Args:
        given: texts of pairs, with commas between several.

    Raises:
        typer.BadParameter: a pair is malformed, or two of them contradict each other. No value is quoted.
    """
    if not given:
        return None
    body: dict[str, Any] = {}
    for key, value in pairs([*given], _OPTION):
        path, _, kind = key.partition(":")
        _put(body, path, _read(value, kind or "string", path))
    return json.dumps(body, ensure_ascii=False)


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    if not all((*parents, last)):
        raise _problem(f"{path!r} has an empty name in it")
    place: Any = body
    for name in parents:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise _problem(f"{path!r} is inside a value that is not an object")
    if last in place:
        raise _problem(f"{path!r} is given twice")
    place[last] = value


def _read(text: str, kind: str, path: str) -> Any:
    """Return a value of the type that was named."""
    lowered = kind.lower()
    if lowered == "string":
        return text
    if lowered == "number" and _NUMBER.fullmatch(text):
        return _number(text, path)
    if lowered in ("bool", "boolean") and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if lowered == "null" and text in ("", "null"):
        return None
    if lowered == "json":
        try:
            return strict_json(text)
        except (ValueError, RecursionError):
            pass
    if lowered not in _TYPES:
        raise _problem(
            f"{path!r} is of an unknown type: there are {', '.join(_TYPES)}; pass any other body with --body"
        )
    raise _problem(f"the value of {path!r} is not a valid {lowered}")


def _number(text: str, path: str) -> Any:
    try:
        return strict_json(text)
    except ValueError:
        pass
    raise _problem(f"the number of {path!r} is too large")


def _problem(words: str) -> typer.BadParameter:
    return typer.BadParameter(words, param_hint=_OPTION)
