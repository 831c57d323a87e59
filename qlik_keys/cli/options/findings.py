"""Which findings of an audit are told, and in which form: the options that `audit` and `notify` share."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from qlik_keys.cli.options.common import duration, refuse_empty

# The endings by which `--output` names a form.
_ENDINGS = {
    ".json": "json",
    ".csv": "csv",
    ".html": "html",
    ".htm": "html",
    ".xml": "junit",
    ".prom": "prometheus",
    ".ics": "ics",
}
TABLE = "table"


def _known_severity(value: str | None) -> str | None:
    from qlik_keys.rules.model import SEVERITIES

    severity = None if value is None else value.strip().lower()
    if severity is not None and severity not in SEVERITIES:
        raise typer.BadParameter(f"choose one of {', '.join(SEVERITIES)}")
    return severity


def _known_findings(values: list[str] | None) -> list[str] | None:
    from qlik_keys.errors import ConfigurationError
    from qlik_keys.rules.catalogue import finding_named

    refuse_empty(values)
    try:
        return None if values is None else [finding_named(each).name for each in values]
    except ConfigurationError as problem:
        raise typer.BadParameter(str(problem)) from None


def _known_format(value: str | None) -> str | None:
    if value is None or value == TABLE:
        return value
    from qlik_keys.inventory.audit_report import AUDIT_FORMATS

    if value not in AUDIT_FORMATS:
        raise typer.BadParameter(f"choose one of {', '.join((TABLE, *AUDIT_FORMATS))}")
    return value


def format_of(form: str | None, output: Path | None) -> str:
    """Return the form that `--format` says, else that of the file's ending, else "" for the usual one."""
    return form or ("" if output is None else _ENDINGS.get(output.suffix.lower(), ""))


def _file_or_output(value: Path | None) -> Path | None:
    """Return the file; None, which is standard output, for a dash."""
    return None if value == Path("-") else value


OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="CODE",
        help="Only findings of this code or name (QK104, rotation-overdue); can be repeated.",
        callback=_known_findings,
    ),
]
SeverityOption = Annotated[
    str | None,
    typer.Option(
        "--severity",
        metavar="SEVERITY",
        help="Only findings of at least this severity: critical, high, medium, low.",
        callback=_known_severity,
    ),
]
DueWithinOption = Annotated[
    timedelta | None,
    typer.Option(
        "--due-within",
        metavar="DURATION",
        parser=duration,
        help="Also tell the keys that are due within this time, for example 30d; within 14 days they are always told.",
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="table, json, csv, html, junit, prometheus or ics; by default that of the ending of --output.",
        callback=_known_format,
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to this file, whole or not at all; - is standard output.",
        dir_okay=False,
        allow_dash=True,
        callback=_file_or_output,
    ),
]
