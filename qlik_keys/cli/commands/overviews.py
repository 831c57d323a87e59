"""The clients of one tenant or several at a glance: `clients` and `audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import FINDINGS, TENANT_HELP, new_group
from qlik_keys.cli.options.callers import resolved
from qlik_keys.cli.options.common import (
    JsonOption,  # noqa: TC001
    QuietOption,  # noqa: TC001
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
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.tenants import ClusterOptions, TenantsOptions
from qlik_keys.cli.output.not_asked import note_not_asked
from qlik_keys.cli.output.progress import ProgressLine
from qlik_keys.cli.output.results import show, show_value

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import timedelta
    from pathlib import Path

    import pandas as pd

    from qlik_keys.fleet import Fleet
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

app = new_group()
_NEVER = "never"
UsageOption = Annotated[
    bool,
    typer.Option("--usage", help="Also say when clients last logged in, from the tenant's events of the last 90 days."),
]


@app.command(epilog=TENANT_HELP)
@with_options(ClusterOptions)
def clients(
    tenants: ClusterOptions,
    *,
    usage: UsageOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """List the tenant's clients, with the state of their keys in Vault.

    Of several tenants, one table with the column "tenant"; exit code 1 if one of them could not be asked.

    Example: qlik-keys clients --json
    """
    fleet = tenants.selected(as_json=as_json)
    if quiet:  # ids are the tenant's alone: neither the Vault nor pandas is needed
        _show_ids(fleet, tenants, as_json=as_json)
        return
    from qlik_keys.cli.output.table import as_text

    if fleet is None:
        frame = _clients_of_one(tenants, usage=usage, as_json=as_json)
    else:
        with ProgressLine(is_silent=as_json) as line:
            frame = fleet.clients(usage=usage, on_progress=line.show)
    _note_unknown(frame, as_json=as_json)
    _show(frame, as_text, quiet=quiet, as_json=as_json)
    if note_not_asked(frame.attrs.get("not_asked", {}), as_json=as_json):
        raise typer.Exit(1)


def _show_ids(fleet: Fleet | None, tenants: TenantsOptions, *, as_json: bool) -> None:
    """Show the ids of all clients.

    Raises:
        typer.Exit: a tenant of several could not be asked.
    """
    if fleet is None:
        with resolved(tenants.context, tenants.server, as_json=as_json).tenant() as tenant:
            show(_ids(tenant), quiet=True)
        return
    from qlik_keys.core.reasons import reason_of

    outcomes = fleet.each(_listed_ids)
    show([each for outcome in outcomes for each in outcome.value or ()], quiet=True, as_json=as_json)
    failed = {each.tenant: reason_of(each.error) for each in outcomes if each.error is not None}
    if note_not_asked(failed, as_json=as_json):
        raise typer.Exit(1)


def _listed_ids(
    name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
) -> list[dict[str, str]]:
    del name, store, told, cancel
    return _ids(tenant)


def _ids(tenant: QlikTenant) -> list[dict[str, str]]:
    return [{"id": each["client_id"]} for page in tenant.oauth_clients.overviews() for each in page]


def _clients_of_one(tenants: TenantsOptions, *, usage: bool, as_json: bool) -> pd.DataFrame:
    from qlik_keys.inventory.tables import clients as list_clients

    settings = resolved(tenants.context, tenants.server, as_json=as_json)
    with settings.tenant() as tenant, settings.store() as store:
        return list_clients(tenant, store, usage=usage)


@app.command(epilog=TENANT_HELP)
@with_options(ClusterOptions)
def audit(
    tenants: ClusterOptions,
    *,
    usage: UsageOption = False,
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

    Exit code 3 where there are findings, of those that are shown. Of several tenants, one table with the column
    "tenant"; one that could not be asked is a finding, and exit code 1 where none could be.

    Example: qlik-keys audit --fail-on high --due-within 30d --output audit.html
    """
    from qlik_keys.inventory.audit_report import some_findings
    from qlik_keys.rules.model import SEVERITIES

    fail_on = fail_on.lower()
    if fail_on not in (*SEVERITIES, _NEVER):
        raise typer.BadParameter(f"choose one of {', '.join((*SEVERITIES, _NEVER))}", param_hint="--fail-on")
    fleet = tenants.selected(as_json=as_json)
    if fleet is None:
        frame = _audit_of_one(tenants, usage=usage, due_within=due_within, as_json=as_json)
    else:
        with ProgressLine(is_silent=as_json) as line:
            frame = fleet.audit(usage=usage, due_within=due_within, on_progress=line.show)
        _name_tenants(frame, tenants)
    not_asked: dict[str, Any] = frame.attrs.get("not_asked", {})
    _note_unknown(frame, as_json=as_json)
    for_all = _commands_for_all(frame, None if fleet is None else tenants, due_within)
    frame = some_findings(frame, only=only or (), severity=severity)
    _show_audit(frame, for_all, form=form, output=output, quiet=quiet, as_json=as_json, fail_on=fail_on)
    if quiet:  # ids alone do not show it
        note_not_asked(not_asked, as_json=as_json)
    if not_asked and not frame.attrs["tenants"]:
        raise typer.Exit(1)
    if fail_on != _NEVER and (frame["severity"] <= fail_on).any():
        raise typer.Exit(FINDINGS)
    if not_asked:  # its findings are unknown
        raise typer.Exit(1)


def _audit_of_one(tenants: TenantsOptions, *, usage: bool, due_within: timedelta | None, as_json: bool) -> pd.DataFrame:
    from qlik_keys.inventory.audit import audit as look

    settings = resolved(tenants.context, tenants.server, as_json=as_json)
    with settings.tenant() as tenant, settings.store() as store:
        return look(tenant, store, usage=usage, due_within=due_within)


def _name_tenants(frame: pd.DataFrame, tenants: TenantsOptions) -> None:
    """Let the commands of an audit of several tenants name the tenant."""
    import pandas as pd

    commands = zip(frame["command"], frame["tenant"], strict=True)
    frame["command"] = pd.Series([tenants.command_of(*each) for each in commands], dtype="string")


def _commands_for_all(
    frame: pd.DataFrame, tenants: TenantsOptions | None, due_within: timedelta | None
) -> dict[str, str]:
    """Return by finding the one command for all clients that have it, where there is one; `tenants` for several."""
    from qlik_keys.rules.clients import CONSENT_NOT_TRUSTED
    from qlik_keys.rules.fixes import command_for_all
    from qlik_keys.rules.keys import DUE_SOON, NO_KEY_IN_STORE

    unmanaged = {*frame.loc[frame["finding"] == NO_KEY_IN_STORE.name, "client_id"]}
    untrusted = {*frame.loc[frame["finding"] == CONSENT_NOT_TRUSTED.name, "client_id"]}
    found = {each: command_for_all(each, due_soon=DUE_SOON, due_within=due_within) for each in {*frame["finding"]}}
    named = "" if tenants is None else tenants.as_words()
    if unmanaged & untrusted:
        del found[CONSENT_NOT_TRUSTED.name]  # `trust` leaves alone what qlik_keys does not manage
    return {finding: f"{command}{named}" for finding, command in found.items() if command}


def _show_audit(
    frame: pd.DataFrame,
    for_all: dict[str, str],
    *,
    form: str | None,
    output: Path | None,
    quiet: bool,
    as_json: bool,
    fail_on: str,
) -> None:
    """Show an audit as a table, as JSON or in another format, or write it to a file."""
    from qlik_keys.cli.output.table import audit_as_text

    wanted = "json" if as_json and form is None else format_of(form, output)
    if quiet and (wanted or output is not None):
        raise typer.BadParameter("--quiet prints ids alone: leave out --format and --output", param_hint="--quiet")
    if output is None and wanted in ("", "json"):
        _show(frame, lambda shown: audit_as_text(shown, for_all), quiet=quiet, as_json=wanted == "json")
        return
    from qlik_keys.cli.output.reports import show_text
    from qlik_keys.inventory.audit_report import audit_report

    if wanted in ("", TABLE):
        show_text(audit_as_text(frame, for_all) + "\n", output)
    else:
        show_text(audit_report(frame, wanted, fail_on=fail_on), output)  # type: ignore[arg-type]  # by `_known_format`


def _note_unknown(frame: pd.DataFrame, *, as_json: bool) -> None:
    """Say on standard error what a tenant did not tell, so that no one takes it for "there is none"."""
    if as_json:
        return  # both streams are for programs; what is not known is missing in the document
    tenants: dict[str, dict[str, Any]] = frame.attrs.get("tenants", {"": frame.attrs})
    for name, attrs in tenants.items():
        where = f"{name}: " if name else ""
        usage = attrs.get("usage", {})
        if usage.get("reason"):
            known = f"is known only since {usage['since'][:16]} UTC" if usage["since"] else "is unknown"
            typer.echo(f"Note: {where}The clients' last use {known}: {usage['reason']}", err=True)
        if attrs.get("bots_unknown"):
            typer.echo(f"Note: {where}Bot users without a client are unknown: {attrs['bots_unknown']}", err=True)


def _show(frame: pd.DataFrame, text: Callable[[pd.DataFrame], str], *, quiet: bool, as_json: bool) -> None:
    """Show a table; with `quiet` the ids of its clients, each once."""
    from qlik_keys.inventory.frames import records_of

    if quiet:
        show([{"id": each} for each in dict.fromkeys(frame["client_id"]) if each], quiet=True, as_json=as_json)
    else:
        show_value(frame, text=lambda: text(frame), document=lambda: records_of(frame), as_json=as_json)
