"""The tables of several tenants as one, with the tenant's name in the first column.

A tenant that could not be asked is a row that says so. Not done here: asking the tenants (`fleet`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from qlik_keys.core import tables
from qlik_keys.core.clock import utc_now
from qlik_keys.core.reasons import reason_of
from qlik_keys.errors import QlikKeysError
from qlik_keys.inventory.audit import AUDIT_COLUMNS
from qlik_keys.inventory.findings import ORDER
from qlik_keys.inventory.history import HISTORY_COLUMNS
from qlik_keys.inventory.tables import row_without_client
from qlik_keys.rules.access import TENANT_NOT_ASKED
from qlik_keys.rules.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.core.clock import Clock

Table: TypeAlias = pd.DataFrame


class TenantsTable(pd.DataFrame):
    """A table of several tenants; a notebook shows above it which tenants could not be asked, and why.

    What is made of it, e.g. a part of its rows, is a plain DataFrame.
    """

    def _repr_html_(self) -> str | None:
        shown: str | None = super()._repr_html_()  # type: ignore[misc]  # IPython's own protocol
        not_asked = self.attrs.get("not_asked", {})
        if shown is None or not not_asked:
            return shown
        rows = [
            [name, f"{why['message']}\nWhat to do: {why['hint']}" if why["hint"] else why["message"]]
            for name, why in not_asked.items()
        ]
        return tables.table("These tenants could not be asked:", ("Tenant", "Why"), rows) + shown


def clients_of_several(told: Mapping[str, Table | QlikKeysError], *, usage: bool, clock: Clock) -> Table:
    """Return the tables of clients as one.

    Args:
        told: by the tenant's name what `clients` returned for it, or why it could not be asked; at least one.
        usage: whether the tables have the columns of the last use.
        clock: says what now is.

    Returns:
        "tenant", then the columns of `clients` with their dtypes. A tenant that could not be asked is a row without a
        client id, with the finding "tenant-not-asked". `attrs` has "time", "tenants" (by name, the `attrs` of each
        table) and "not_asked" (by name, "error", "message" and "hint").
    """
    return _together(
        {
            name: row_without_client(TENANT_NOT_ASKED.name, usage=usage) if isinstance(each, QlikKeysError) else each
            for name, each in told.items()
        },
        told,
        clock,
    )


def audits_of_several(told: Mapping[str, Table | QlikKeysError], *, clock: Clock) -> Table:
    """Return the findings of several tenants as one table, highest severity first; in it the tenants keep their order.

    Args:
        told: by the tenant's name what `audit` returned for it, or why it could not be asked; at least one.
        clock: says what now is.

    Returns:
        "tenant", then the columns of `audit` with their dtypes. A tenant that could not be asked is the finding
        "tenant-not-asked", whose meaning is the reason. `attrs` as for `clients_of_several`.
    """
    frame = _together(
        {name: _not_audited(each) if isinstance(each, QlikKeysError) else each for name, each in told.items()},
        told,
        clock,
    )
    by_severity = pd.DataFrame({"severity": frame["severity"].cat.codes, "finding": frame["finding"].map(ORDER)})
    order = by_severity.sort_values(["severity", "finding"], kind="stable").index
    sorted_frame = TenantsTable(frame.loc[order].reset_index(drop=True))
    sorted_frame.attrs = frame.attrs
    return sorted_frame


def histories_of_several(told: Mapping[str, Table | QlikKeysError], *, clock: Clock) -> Table:
    """Return the reports for auditors of several tenants as one, oldest first.

    Args:
        told: by the tenant's name what `report` returned for it, or why it could not be asked; at least one.
        clock: says what now is.

    Returns:
        "tenant", then the columns of `report` with their dtypes. A tenant that could not be asked is a row with the
        event "tenant-not-asked". `attrs` as for `clients_of_several`, with "since" and "unknown": in sentences, what
        cannot be known, where it is about some of the tenants with their names.
    """
    frame = _together(
        {name: _without_history(each) if isinstance(each, QlikKeysError) else each for name, each in told.items()},
        told,
        clock,
    )
    tables = {name: each for name, each in told.items() if not isinstance(each, QlikKeysError)}
    sentences: dict[str, list[str]] = {}
    for name, table in tables.items():
        for sentence in table.attrs["unknown"]:
            sentences.setdefault(sentence, []).append(name)
    unknown = [each if len(names) == len(told) else f"{', '.join(names)}: {each}" for each, names in sentences.items()]
    unknown += [f"{name}: nothing is known, since it could not be asked." for name in frame.attrs["not_asked"]]
    attrs = frame.attrs | {
        "since": next((table.attrs["since"] for table in tables.values()), ""),
        "unknown": unknown,
    }
    sorted_frame = TenantsTable(frame.sort_values("time", kind="stable", na_position="last", ignore_index=True))
    sorted_frame.attrs = attrs
    return sorted_frame


def _without_history(error: QlikKeysError) -> Table:
    columns = dict.fromkeys(HISTORY_COLUMNS, "") | {"event": TENANT_NOT_ASKED.name, "detail": error.message}
    found = pd.DataFrame({name: pd.Series([value], dtype="string") for name, value in columns.items()})
    found["time"] = pd.Series([pd.NaT], dtype="datetime64[us, UTC]")
    return found


def _together(frames: Mapping[str, Table], told: Mapping[str, Table | QlikKeysError], clock: Clock) -> Table:
    # Without their attrs, which pandas would compare with each other.
    bare = [pd.DataFrame(frame, copy=False) for frame in frames.values()]
    for frame in bare:
        frame.attrs = {}
    found = TenantsTable(pd.concat(bare, ignore_index=True))
    names = [name for name, frame in frames.items() for _ in range(len(frame))]
    found.insert(0, "tenant", pd.Series(names, dtype="string"))
    found.attrs = {
        "time": utc_now(clock).isoformat(),
        "tenants": {name: each.attrs for name, each in told.items() if not isinstance(each, QlikKeysError)},
        "not_asked": {name: reason_of(each) for name, each in told.items() if isinstance(each, QlikKeysError)},
    }
    return found


def _not_audited(error: QlikKeysError) -> Table:
    columns = dict.fromkeys(AUDIT_COLUMNS, "")
    columns |= {"code": TENANT_NOT_ASKED.code, "finding": TENANT_NOT_ASKED.name, "meaning": error.message}
    columns["advice"] = error.hint or TENANT_NOT_ASKED.advice
    found = pd.DataFrame({name: pd.Series([value], dtype="string") for name, value in columns.items()})
    found["severity"] = pd.Categorical([TENANT_NOT_ASKED.severity], categories=[*SEVERITIES], ordered=True)
    return found
