"""Bodies of calls: JSON as it was typed, and as it is sent.

`json.loads` takes more than RFC 8259 has: NaN, Infinity, and numbers that become infinite. What is sent of those is no
JSON, and a tenant's word for it is far from what was typed.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

_INFINITE = float("inf")


class _JsonNull:
    """JSON's null as a body, since None stands for no body."""

    def __repr__(self) -> str:
        return "JSON_NULL"


JSON_NULL = _JsonNull()


class _NotJsonError(ValueError):
    pass


def read_body(text: str) -> tuple[Any, str]:
    """Return a body that was typed as JSON-ready values, and in words why it is none, "" if it is one.

    None is no body, for a blank text; `JSON_NULL` is the body null. Nothing is raised: the text may hold a secret, and
    a verbose traceback prints the arguments of every frame.
    """
    if not text.strip():
        return None, ""
    try:
        document = strict_json(text)
    except json.JSONDecodeError as error:
        return None, f"The body is not JSON (line {error.lineno}, column {error.colno})."
    except _NotJsonError as error:
        return None, f"The body is not JSON: {error}."
    except (ValueError, RecursionError):
        return None, "The body is not JSON."
    return JSON_NULL if document is None else document, ""


def strict_json(text: str) -> Any:
    """Return what a text of JSON stands for.

    Raises:
        ValueError: it is no JSON by RFC 8259, or has a number that is too large for a double.
        RecursionError: it is too deep.
    """
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def encoded_body(body: Any) -> bytes | None:
    """Return JSON-ready values, or `JSON_NULL`, as they are sent; None for no body.

    Raises:
        TypeError: something in it is none, for example bytes or a moment; it is not quoted.
        ValueError: a number in it is not finite, or it holds itself.
    """
    if body is None:
        return None
    wrong: type[TypeError | ValueError]
    try:
        return json.dumps(shown_body(body), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        wrong = TypeError if isinstance(error, TypeError) else ValueError
    del body  # it may hold a secret, and a verbose traceback prints the arguments of every frame
    raise wrong("body must be JSON-ready: dict, list, str, int, bool, None, and finite float")


def shown_body(body: Any) -> Any:
    """Return a body as values that can be shown: `JSON_NULL` is None there."""
    return None if body is JSON_NULL else body


def _refuse_constant(name: str) -> NoReturn:
    raise _NotJsonError(f"{name} is not a number there")


def _finite(text: str) -> float:
    number = float(text)
    if abs(number) == _INFINITE:
        raise _NotJsonError("a number in it is too large")
    return number
