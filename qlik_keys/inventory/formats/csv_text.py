"""CSV that a spreadsheet can open: a text that it would run as a formula has an apostrophe before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.inventory.frames import flat

if TYPE_CHECKING:
    import pandas as pd


def as_csv(frame: pd.DataFrame) -> str:
    """Return any table of qlik_keys as CSV, times in UTC."""
    text: str = flat(frame, "csv").to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%SZ")
    return text
