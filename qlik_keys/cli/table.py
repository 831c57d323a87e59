"""The tables of clients and of findings for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("name", "client_id", "auth_methods", "scopes", "algs", "current_kid", "custody", "rotate_by", "findings")

_FOUND = ("severity", "finding", "name", "client_id", "command")


def as_text(frame: pd.DataFrame) -> str:
    """Return the columns that matter at a glance, lists joined, dates as days, control characters shown as escapes."""
    return _aligned(frame, _SHOWN) if len(frame) else "The tenant has no clients."


def audit_as_text(frame: pd.DataFrame) -> str:
    """Return the findings, a line each, and what each kind means below."""
    if frame.empty:
        return "Nothing was found."
    kinds = frame.drop_duplicates("finding")
    words = zip(kinds["finding"], kinds["meaning"], kinds["advice"], strict=True)
    return "\n".join(
        [_aligned(frame, _FOUND), "", *(f"{finding}: {meaning} {advice}" for finding, meaning, advice in words)]
    )


def _aligned(frame: pd.DataFrame, columns: tuple[str, ...]) -> str:
    shown = [[column, *(_cell(value) for value in frame[column])] for column in columns]
    widths = [max(map(len, column)) for column in shown]
    head, *rows = zip(*shown, strict=True)
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


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
