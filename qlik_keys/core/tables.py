"""Results as a table in HTML: what the notebook shows of a list of them.

No style of the page is set, since it is shown in JupyterLab, Voila and exported notebooks, light or dark. Every text is
escaped: a client may be *named* `<img onerror=…>`. Not done here: the tables of pandas.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ROWS = 100
_MOST_LETTERS = 1_000
_LEFT = "text-align: left; vertical-align: top"


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, total: int | None = None) -> str:
    """Return a table; what is longer than `MOST_ROWS` is counted below it.

    Args:
        caption: a sentence above it.
        columns: their titles.
        rows: the texts, one a column; a line end in one stays a line end.
        total: how many rows there are, where `rows` has only the first ones.
    """
    head = "".join(f'<th style="{_LEFT}">{escape(each)}</th>' for each in columns)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_LEFT}">{_cell(text)}</td>' for text in row) + "</tr>"
        for row in rows[:MOST_ROWS]
    )
    if not rows:
        return f"<p>{_cell(caption)}</p>"
    more = (len(rows) if total is None else total) - MOST_ROWS
    rest = f"<p>and {more:,} more; the value itself has all of them.</p>" if more > 0 else ""
    start = f'<table><caption style="text-align: left">{_cell(caption)}</caption>'
    return f"{start}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def text(words: str) -> str:
    """Return a text of several lines, which wrap where they do not fit."""
    return f'<pre style="white-space: pre-wrap">{escape(words)}</pre>'


def failure(error: Exception) -> str:
    """Return why something failed and what to do, on two lines."""
    message, hint = str(getattr(error, "message", "")) or type(error).__name__, str(getattr(error, "hint", ""))
    return f"{message}\nWhat to do: {hint}" if hint else message


def _cell(text: str) -> str:
    lines = ("".join(letter if letter.isprintable() else " " for letter in line) for line in text.split("\n"))
    shown = "\n".join(lines)
    cut = shown if len(shown) <= _MOST_LETTERS else f"{shown[: _MOST_LETTERS - 1]}…"
    return escape(cut).replace("\n", "<br>")
