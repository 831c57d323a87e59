"""Why one of several things failed, as JSON-ready values for a table's `attrs` and for documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlik_keys.errors import QlikKeysError


def reason_of(error: QlikKeysError) -> dict[str, str]:
    """Return the error's class, what happened, and what to do about it."""
    return {"error": type(error).__name__, "message": error.message, "hint": error.hint}
