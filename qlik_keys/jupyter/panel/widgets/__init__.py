"""The panel's own widgets, and what they load into the page."""

from __future__ import annotations

from pathlib import Path

_STATIC = Path(__file__).parents[1] / "static"


def static_text(*names: str) -> str:
    """Return files of `static` as one text: a widget has one module, a panel one style sheet."""
    return "".join((_STATIC / name).read_text(encoding="utf-8") for name in names)
