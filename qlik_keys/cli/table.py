"""The clients' table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("name", "client_id", "auth_methods", "scopes", "algs", "current_kid", "custody", "rotate_by", "findings")


def as_text(frame: pd.DataFrame) -> str:
    """Return the columns that matter at a glance, lists joined, dates as days, control characters shown as escapes."""
    shown = frame.loc[:, list(_SHOWN)].copy()
    for column in shown.columns:
        shown[column] = [_cell(value) for value in shown[column]]
    if shown.empty:
        return "The tenant has no clients."
    widths = [max(len(column), *(len(value) for value in shown[column])) for column in shown.columns]
    lines = [list(shown.columns), ["-" * width for width in widths], *shown.itertuples(index=False)]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        text = ", ".join(value)
    elif value is None or value != value:  # noqa: PLR0124  # NaT is not itself
        text = ""
    elif hasattr(value, "date"):
        text = value.date().isoformat()
    else:
        text = str(value)
    # A client's name is somebody else's text: no escape sequence of theirs reaches the terminal.
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
