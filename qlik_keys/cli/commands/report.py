"""Who rotated what and when, for auditors: `report`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options.callers import resolved
from qlik_keys.cli.options.common import JsonOption  # noqa: TC001
from qlik_keys.cli.options.findings import (
    OutputOption,
    format_of,
)
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.tenants import TenantsOptions
from qlik_keys.cli.output.not_asked import note_not_asked
from qlik_keys.cli.output.results import show_value

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

app = new_group()
_TEXT = "text"


def _day(text: str) -> datetime:
    """Return a day or a moment that was typed; without a time zone it is UTC.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("write a date as 2026-10-01, or a moment as 2026-10-01T12:00Z") from None


@app.command(epilog=TENANT_HELP)
@with_options(TenantsOptions)
def report(
    tenants: TenantsOptions,
    *,
    since: Annotated[
        datetime | None,
        typer.Option("--since", metavar="DATE", parser=_day, help="Leave out what is older (UTC); by default nothing."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help="text, json, csv or html; by default that of the ending of --output."
        ),
    ] = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who did what to clients and their keys, and when, for auditors; and what cannot be known.

    It reads the records, the dates of their versions in Vault, and the tenant's events.
    Of several tenants, one table with the column "tenant"; exit code 1 if one of them could not be asked.

    Example: qlik-keys report --since 2026-10-01 --output report.html
    """
    from qlik_keys.inventory.formats.history import HISTORY_FORMATS
    from qlik_keys.inventory.history import report as look

    wanted = "json" if as_json and form is None else format_of(form, output)
    if wanted not in ("", _TEXT, *HISTORY_FORMATS):
        known = ", ".join((_TEXT, *HISTORY_FORMATS))
        raise typer.BadParameter(f"choose one of {known}", param_hint="--format")
    fleet = tenants.selected(as_json=as_json)
    if fleet is None:
        settings = resolved(tenants.context, tenants.server, as_json=as_json)
        with settings.tenant() as tenant, settings.store() as store:
            history = look(tenant, store, since=since)
    else:
        history = fleet.report(since=since)
    _show(history, wanted, output=output, as_json=as_json)
    if note_not_asked(history.attrs.get("not_asked", {}), as_json=as_json):
        raise typer.Exit(1)


def _show(history: pd.DataFrame, wanted: str, *, output: Path | None, as_json: bool) -> None:
    """Show a report as text or JSON, or write it to a file."""
    from qlik_keys.inventory.formats.history import history_document, history_report

    if output is None and wanted in ("", "json"):
        show_value(
            history,
            text=lambda: _as_text(history),
            document=lambda: history_document(history),
            as_json=wanted == "json",
        )
        return
    from qlik_keys.cli.output.reports import show_text

    if wanted in ("", _TEXT):
        show_text(_as_text(history) + "\n", output)
        return
    show_text(history_report(history, wanted), output)  # type: ignore[arg-type]  # checked above
    if wanted == "csv" and not as_json:
        for each in history.attrs["unknown"]:
            typer.echo(f"Note: {each}", err=True)


def _as_text(history: pd.DataFrame) -> str:
    """Return a report as lines: what happened when to which client, and below it the key, the user and the source."""
    from qlik_keys.cli.output.table import printable
    from qlik_keys.inventory.frames import records_of

    lines = []
    for each in records_of(history):
        time = (each["time"] or "").replace("T", " ").removesuffix("Z") or "at an unknown time"
        where = f"{each['tenant']}: " if "tenant" in each else ""
        lines.append(printable(f"{time:<20} {each['event']:<15} {where}{each['name']} ({each['client_id']})"))
        known = [f"key {each['kid']}" if each["kid"] else "", f"by {each['by']}" if each["by"] else "", each["detail"]]
        lines.append(printable(f"{'':<20} {'; '.join(filter(None, [*known, 'source: ' + each['source']]))}"))
    told = lines or ["Nothing is known of this time."]
    return "\n".join([*told, "", "What cannot be known:", *(f"- {each}" for each in history.attrs["unknown"])])
