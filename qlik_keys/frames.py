"""Tables for pandas' users: a tenant's answers and a history of calls, with real dtypes; tables made fit for export.

Not done here: the clients' table and the audit, whose columns are ours (`inventory`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from qlik_keys.clock import SYSTEM_CLOCK, Clock, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qlik_keys.trial import Called

CALL_COLUMNS = (
    "time",
    "client_id",
    "client",
    "method",
    "path",
    "status",
    "milliseconds",
    "trace_id",
    "retry_after",
    "error",
)
_MOMENTS = ("At", "created", "lastUpdated", "lastUsed", "expiry")


def records_frame(
    records: Sequence[Mapping[str, Any]],
    *,
    columns: Sequence[str] = (),
    tenant_url: str = "",
    clock: Clock = SYSTEM_CLOCK,
) -> pd.DataFrame:
    """Return a row an object; fields of objects in it have their names joined by dots, lists stay lists.

    Args:
        records: JSON-ready objects; a `Secret` in one stays one.
        columns: what the table has where there is no object, whose fields would say it.
        tenant_url: whose they are, for `attrs`.
        clock: says when that was, for `attrs`.

    Returns:
        Columns that are named like times ("createdAt") and hold nothing else are times in UTC. `attrs` has "tenant"
        and "time" (ISO, UTC).
    """
    frame = pd.json_normalize([dict(each) for each in records]) if records else pd.DataFrame(columns=[*columns])
    for name in frame.columns:
        if str(name).rpartition(".")[2].endswith(_MOMENTS):
            moments = pd.to_datetime(frame[name], utc=True, errors="coerce", format="ISO8601")
            if moments.notna().equals(frame[name].notna()):
                frame[name] = moments
    frame.attrs = {"tenant": tenant_url, "time": utc_now(clock).isoformat()}
    return frame


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as JSON-ready objects, times in ISO form to the second."""
    records: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso", date_unit="s"))
    return records


def calls_frame(calls: Sequence[Called], *, tenant_url: str, clock: Clock = SYSTEM_CLOCK) -> pd.DataFrame:
    """Return a history of calls, a row a call, oldest first; no body and no secret is in it.

    Args:
        calls: what was called.
        tenant_url: the tenant.
        clock: says what now is.

    Returns:
        The columns of `CALL_COLUMNS` with real dtypes: "time" in UTC, "retry_after" in seconds. `attrs` as for
        `records_frame`.
    """
    columns = {name: [getattr(call, name) for call in calls] for name in CALL_COLUMNS}
    kinds = dict.fromkeys(CALL_COLUMNS, "string")
    kinds |= {"time": "datetime64[us, UTC]", "status": "Int64", "milliseconds": "float64", "retry_after": "Float64"}
    for name in ("trace_id", "error"):
        columns[name] = [value or None for value in columns[name]]
    frame = pd.DataFrame({name: pd.Series(values, dtype=kinds[name]) for name, values in columns.items()})
    frame.attrs = {"tenant": tenant_url, "time": utc_now(clock).isoformat()}
    return frame
