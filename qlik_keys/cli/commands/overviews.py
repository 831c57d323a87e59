"""The whole fleet at a glance: `clients` and `audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.app import FINDINGS, TENANT_HELP, new_group
from qlik_keys.cli.options.callers import resolved
from qlik_keys.cli.options.common import (
    ContextOption,  # noqa: TC001
    JsonOption,  # noqa: TC001
    QuietOption,  # noqa: TC001
    ServerOption,  # noqa: TC001
)
from qlik_keys.cli.options.findings import (
    TABLE,
    DueWithinOption,
    FormatOption,
    OnlyOption,
    OutputOption,
    SeverityOption,
    format_of,
)
from qlik_keys.cli.output.results import show, show_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

app = new_group()
_NEVER = "never"
UsageOption = Annotated[
    bool,
    typer.Option("--usage", help="Also say when clients last logged in, from the tenant's events of the last 90 days."),
]


@app.command(epilog=TENANT_HELP)
def clients(
    *,
    usage: UsageOption = False,
    context: ContextOption = None,
    server: ServerOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the tenant's clients, with the state of their keys in Vault.

    Example: qlik-keys clients --json
    """
    settings = resolved(context, server, as_json=as_json)
    if quiet:  # ids are the tenant's alone: neither the Vault nor pandas is needed
        with settings.tenant() as tenant:
            ids = [each["client_id"] for page in tenant.oauth_clients.overviews() for each in page]
        show([{"id": each} for each in ids], quiet=True)
        return
    from qlik_keys.cli.output.table import as_text
    from qlik_keys.inventory.tables import clients as list_clients

    with settings.tenant() as tenant, settings.store() as store:
        frame = list_clients(tenant, store, usage=usage)
    _note_unknown(frame, as_json=as_json)
    _show(frame, as_text, quiet=quiet, as_json=as_json)


@app.command(epilog=TENANT_HELP)
def audit(
    *,
    usage: UsageOption = False,
    context: ContextOption = None,
    server: ServerOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    fail_on: Annotated[
        str,
        typer.Option(
            help="Exit with code 3 only if a finding has at least this severity: critical, high, medium, low; or never."
        ),
    ] = "low",
    only: OnlyOption = None,
    severity: SeverityOption = None,
    due_within: DueWithinOption = None,
    form: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """List the findings about clients and their keys, highest severity first.

    Exit code 3 where there are findings, of those that are shown.

    Example: qlik-keys audit --fail-on high --due-within 30d --output audit.html
    """
    from qlik_keys.inventory.audit import audit as look
    from qlik_keys.inventory.audit_report import some_findings
    from qlik_keys.rules.model import SEVERITIES

    if fail_on not in (*SEVERITIES, _NEVER):
        raise typer.BadParameter(f"choose one of {', '.join((*SEVERITIES, _NEVER))}", param_hint="--fail-on")
    settings = resolved(context, server, as_json=as_json)
    with settings.tenant() as tenant, settings.store() as store:
        frame = look(tenant, store, usage=usage, due_within=due_within)
    _note_unknown(frame, as_json=as_json)
    frame = some_findings(frame, only=only or (), severity=severity)
    _show_audit(frame, form=form, output=output, quiet=quiet, as_json=as_json, fail_on=fail_on)
    if fail_on != _NEVER and (frame["severity"] <= fail_on).any():
        raise typer.Exit(FINDINGS)


def _show_audit(
    frame: pd.DataFrame, *, form: str | None, output: Path | None, quiet: bool, as_json: bool, fail_on: str
) -> None:
    """Show an audit as a table, as JSON or in another format, or write it to a file."""
    from qlik_keys.cli.output.table import audit_as_text

    wanted = "json" if as_json and form is None else format_of(form, output)
    if quiet and (wanted or output is not None):
        raise typer.BadParameter("--quiet prints ids alone: leave out --format and --output", param_hint="--quiet")
    if output is None and wanted in ("", "json"):
        _show(frame, audit_as_text, quiet=quiet, as_json=wanted == "json")
        return
    from qlik_keys.cli.output.reports import show_text
    from qlik_keys.inventory.audit_report import audit_report

    if wanted in ("", TABLE):
        show_text(audit_as_text(frame) + "\n", output)
    else:
        show_text(audit_report(frame, wanted, fail_on=fail_on), output)  # type: ignore[arg-type]  # by `_known_format`


def _note_unknown(frame: pd.DataFrame, *, as_json: bool) -> None:
    """Say on standard error what the tenant did not tell, so that no one takes it for "there is none"."""
    usage = frame.attrs.get("usage", {})
    if as_json:
        return  # both streams are for programs; what is not known is missing in the document
    if usage.get("reason"):
        known = f"is known only since {usage['since'][:16]} UTC" if usage["since"] else "is unknown"
        typer.echo(f"Note: The clients' last use {known}: {usage['reason']}", err=True)
    if frame.attrs.get("bots_unknown"):
        typer.echo(f"Note: Bot users without a client are unknown: {frame.attrs['bots_unknown']}", err=True)


def _show(frame: pd.DataFrame, text: Callable[[pd.DataFrame], str], *, quiet: bool, as_json: bool) -> None:
    """Show a table; with `quiet` the ids of its clients, each once."""
    from qlik_keys.inventory.frames import records_of

    if quiet:
        show([{"id": each} for each in dict.fromkeys(frame["client_id"]) if each], quiet=True, as_json=as_json)
    else:
        show_value(frame, text=lambda: text(frame), document=lambda: records_of(frame), as_json=as_json)
