"""The auditors' report in a format of its own: JSON, CSV or HTML. What cannot be known is part of JSON and HTML."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Literal, get_args

from qlik_keys.inventory.formats.csv_text import as_csv
from qlik_keys.inventory.formats.html_page import page, table
from qlik_keys.inventory.formats.rows import attrs_by_tenant, fit, is_of_several, tenants_of
from qlik_keys.inventory.frames import records_of

if TYPE_CHECKING:
    import pandas as pd

HistoryFormat = Literal["json", "csv", "html"]
HISTORY_FORMATS: tuple[HistoryFormat, ...] = get_args(HistoryFormat)


def history_document(history: pd.DataFrame) -> dict[str, object]:
    """Return a report as JSON-ready values."""
    where = ("not_asked",) if is_of_several(history) else ("tenant",)
    told = {name: history.attrs.get(name) for name in (*where, "time", "since", "unknown")}
    if is_of_several(history):
        told = {"tenants": [name for name, _ in attrs_by_tenant(history)], **told}
    return {**told, "events": records_of(history)}


def history_report(history: pd.DataFrame, form: HistoryFormat) -> str:
    """Return a report as a text.

    Args:
        history: of `report`.
        form: "json", "csv" or "html".

    Raises:
        ValueError: there is no such format.
    """
    if form == "json":
        return json.dumps(history_document(history), indent=2) + "\n"
    if form == "csv":
        return as_csv(history)
    if form != "html":
        raise ValueError(f"form must be one of {', '.join(HISTORY_FORMATS)}, not {form!r}")
    names = [str(name) for name in history.columns]
    rows = [[fit(each.get(name)) for name in names] for each in records_of(history)]
    since = str(history.attrs.get("since", ""))[:16].replace("T", " ")
    period = f"Since {since} UTC." if since else "As far back as it is known."
    written = str(history.attrs.get("time", ""))[:16].replace("T", " ")
    parts = [f"<p>{escape(period)} Written at {escape(written)} UTC.</p>"]
    parts.append(table(names, rows) if rows else "<p>Nothing is known of this time.</p>")
    parts.append("<h2>What cannot be known</h2>\n<ul>")
    parts += [f"<li>{escape(fit(each))}</li>" for each in history.attrs.get("unknown", ())]
    parts.append("</ul>")
    return page(f"Clients and their keys on {', '.join(tenants_of(history))}: who did what, and when", parts)
