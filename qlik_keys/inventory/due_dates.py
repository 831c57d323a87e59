"""When keys are due: the finding of those that are due soon, and the dates that the reports of an audit show."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from qlik_keys.rules.clients import ROTATION_DUE_SOON
from qlik_keys.rules.keys import ROTATION_DUE, ROTATION_OVERDUE

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOLD = frozenset({ROTATION_DUE.name, ROTATION_OVERDUE.name})


class KeyDates(list[dict[str, str]]):
    """JSON-ready rows in a table's `attrs`: "client_id", "name", "key_made" and "rotate_by" (ISO, UTC; "" for none).

    pandas copies `attrs` deeply with each table that it derives; this stays one object, which no one changes.
    """

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Self:
        """Return itself."""
        return self


def due_soon(frame: pd.DataFrame, within: timedelta | None) -> list[tuple[str, str, str]]:
    """Return the finding of each key that is due within that time and has no finding about it yet.

    Args:
        frame: of `clients`.
        within: None for none.

    Returns:
        Finding, client's id, client's name.
    """
    if within is None:
        return []
    now = datetime.fromisoformat(frame.attrs["time"])
    try:
        last = now + within
    except OverflowError:
        last = datetime.max.replace(tzinfo=now.tzinfo)
    rows = zip(frame["client_id"], frame["name"], frame["rotate_by"], frame["findings"], strict=True)
    return [
        (ROTATION_DUE_SOON.name, client_id, name)
        for client_id, name, rotate_by, findings in rows
        if not pd.isna(rotate_by) and now <= rotate_by <= last and _TOLD.isdisjoint(findings)
    ]


def key_dates(frame: pd.DataFrame) -> KeyDates:
    """Return the dates of the keys in a table of `clients`, for the clients that have one."""
    dated = frame.loc[frame["key_made"].notna() | frame["rotate_by"].notna()]
    columns = ("client_id", "name", "key_made", "rotate_by")
    return KeyDates(
        {"client_id": client_id, "name": name, "key_made": _written(made), "rotate_by": _written(rotate_by)}
        for client_id, name, made, rotate_by in zip(*(dated[each] for each in columns), strict=True)
    )


def _written(moment: Any) -> str:
    return "" if pd.isna(moment) else moment.isoformat(timespec="seconds")
