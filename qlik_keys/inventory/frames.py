"""Tables for pandas' users: a tenant's answers and a history of calls, with real dtypes; tables made fit for export.

Not done here: the clients' table and the audit, whose columns are ours (`inventory`).
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from qlik_keys.core.arguments import TEXT, Kind, require
from qlik_keys.core.clock import SYSTEM_CLOCK, Clock, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qlik_keys.auth.inspection import Called

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
Target = Literal["excel", "csv", "sql", "parquet"]
_SPREADSHEETS = ("excel", "csv")
# What a spreadsheet takes for a formula (OWASP, "CSV Injection"); some drop blanks before it, and some know the wide
# forms.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# The form that Qlik writes, each on a line of its own.
_QLIKS_DATES = re.compile(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z\n)*+")
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
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


def flat(frame: pd.DataFrame, target: Target) -> pd.DataFrame:
    """Return a copy of a table that pandas can write: what the target cannot hold is put in another form.

    Moments become UTC without a zone and lists of texts become one text with commas; a Parquet file keeps both as they
    are. Anything nested becomes JSON, a category its text. In "excel" and "csv" a text that a spreadsheet would run as
    a formula gets an apostrophe before it: a client's name may be anyone's text. Column names and the index are
    treated alike.

    Args:
        frame: of `clients`, `audit`, a listing, or any other.
        target: "excel", "csv", "sql" or "parquet".

    Raises:
        TypeError: the frame is no DataFrame, or the target no text.
        ValueError: there is no such target.

    Example:
        >>> flat(clients(tenant), "excel").to_excel("clients.xlsx", index=False)  # doctest: +SKIP
        >>> flat(clients(tenant), "csv").to_csv("clients.csv", index=False)  # doctest: +SKIP
        >>> flat(clients(tenant), "sql").to_sql("clients", connection, index=False)  # doctest: +SKIP
        >>> flat(clients(tenant), "parquet").to_parquet("clients.parquet", index=False)  # doctest: +SKIP
    """
    require(Kind((pd.DataFrame,), "a DataFrame"), frame=frame)
    require(TEXT, target=target)
    if target not in get_args(Target):
        raise ValueError(f"target must be one of {', '.join(get_args(Target))}, not {target!r}")
    # By position: a table may have two columns of one name.
    series = [_flat_series(frame.iloc[:, place], target) for place in range(frame.shape[1])]
    found = pd.concat(series, axis=1) if series else pd.DataFrame(index=frame.index)
    found.columns = pd.Index([_flat_value(str(name), target) for name in frame.columns])
    if not isinstance(frame.index, pd.RangeIndex):
        levels = flat(frame.index.to_frame(index=False), target)
        found.index = pd.MultiIndex.from_frame(levels) if levels.shape[1] > 1 else pd.Index(levels.iloc[:, 0])
        found.index.names = frame.index.names
    found.attrs = dict(frame.attrs)
    return found


def read_times(written: list[str]) -> pd.Series[Any]:
    """Return dates as the tenant wrote them as times: UTC without a zone, missing where it is no date of a calendar."""
    quickly = _in_qliks_form(written)
    if quickly is not None:
        return quickly
    times = pd.Series(pd.to_datetime(written, format="ISO8601", utc=True, errors="coerce"), dtype="datetime64[us, UTC]")
    # pandas knows years that Python's dates do not, and then fails at showing them.
    return times.where(times.between(_EARLIEST, _LATEST))


def _in_qliks_form(written: list[str]) -> pd.Series[Any] | None:
    """Return dates that are all in the form that Qlik writes, in a quarter of the time; None for others among them."""
    if not _QLIKS_DATES.fullmatch("\n".join([*written, ""])):
        return None
    try:
        moments = np.array([text[:-1] for text in written], dtype="datetime64[us]")
    except ValueError:
        return None  # no date of a calendar
    return pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC"))


def _flat_series(series: pd.Series[Any], target: Target) -> pd.Series[Any]:
    kind = series.dtype
    if isinstance(kind, pd.DatetimeTZDtype):
        return series if target == "parquet" else series.dt.tz_convert("UTC").dt.tz_localize(None)
    if isinstance(kind, pd.CategoricalDtype):
        series = series.astype("object")
    elif not (pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind)):
        return series
    values = [None if _is_missing(value) else value for value in series]
    if target == "parquet" and all(value is None or _is_texts(value) for value in values):
        values = [None if value is None else [*value] for value in values]
        return pd.Series(values, index=series.index, dtype="object")
    flat_values = [None if value is None else _flat_value(value, target) for value in values]
    return pd.Series(flat_values, index=series.index, dtype="string")


def _flat_value(value: Any, target: Target) -> str:
    if _is_texts(value):
        text = ", ".join(value)
    elif isinstance(value, str):
        text = value
    elif isinstance(value, dict | list | tuple):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)  # of a `Secret` its name
    if not text.isprintable():
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate is in no encoding
    if target not in _SPREADSHEETS:
        return text
    # A worksheet has no control characters; and pandas does not quote a carriage return, behind which a new row begins.
    text = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))
    return f"'{text}" if _FORMULA.match(text) else text


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124  # NaN
