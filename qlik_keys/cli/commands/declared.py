"""Declared fleets: `plan`, `apply` and `export` of a fleet file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import DOCUMENTATION, FINDINGS, new_group
from qlik_keys.cli.options.common import JsonOption, refuse_empty, refuse_unasked
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.runners import RunnerOptions, on_cluster
from qlik_keys.cli.options.tenants import FLEET_VARIABLE as _VARIABLE
from qlik_keys.cli.options.tenants import TenantsOptions
from qlik_keys.cli.output.applied import hand_over, show_results
from qlik_keys.cli.output.new_secrets import show_secret
from qlik_keys.cli.output.results import current_notebook, show_value
from qlik_keys.cli.output.streams import note_effect
from qlik_keys.cli.output.table import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.fleet import Fleet
    from qlik_keys.fleet.manifest import Manifest
    from qlik_keys.fleet.manifest.applying.results import AppliedChange
    from qlik_keys.fleet.manifest.comparing.changes import ManifestPlan
    from qlik_keys.fleet.references import TenantReference

app = new_group()
_HELP = f"The file and its JSON Schema:\n\n\b\n{DOCUMENTATION}/guides/declared-fleets.md"
_HOW_TO_CONFIRM = "confirm the changes: --yes (with --prune it confirms the deletions too)"
_STDOUT = Path("-")

FileArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE",
        help=f"The fleet file; by default {_VARIABLE}, or qlik-keys.yaml.",
        show_default=False,
        callback=refuse_empty,
    ),
]
ConsentOption = Annotated[
    bool | None,
    typer.Option(
        "--consent/--no-consent",
        help="Compare the consent methods, a request per client; by default if a tenant has at most 1,000 of them.",
        show_default=False,
    ),
]


TakeOverOption = Annotated[
    str | None,
    typer.Option(
        "--take-over",
        metavar="FLEET",
        help="The former name of this fleet, or of a fleet that gives clients away: its clients that are in this file "
        "become clients of this one.",
        callback=refuse_empty,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExportedTenants(TenantsOptions):
    """Which tenants are exported: those of another fleet file only where it is given, not by the environment."""

    fleet: Annotated[
        Path | None, typer.Option("--fleet", metavar="FILE", help="The tenants of this other fleet file.")
    ] = None

    def _file(self) -> Path | None:
        return self.fleet


@app.command(epilog=_HELP)
@with_options(RunnerOptions)
def plan(
    runner: RunnerOptions,
    file: FileArgument = None,
    *,
    consent: ConsentOption = None,
    take_over: TakeOverOption = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of fleet files, for editors; nothing is asked.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how the clients of a fleet file differ from what exists.

    Nothing is changed. Exit code 0 without a difference, 3 with one.

    Example: qlik-keys plan qlik-keys.yaml
    """
    if schema:
        from qlik_keys.fleet.manifest.model import json_schema

        show_value(
            json_schema(),
            text=lambda: json.dumps(json_schema(), indent=2),
            document=json_schema,
            as_json=as_json,
        )
        return
    manifest = _read(file)
    found = manifest.plan(_fleet(manifest, runner), consent=consent, take_over=take_over or "")
    _show_plan(found, as_json=as_json)
    _end_of_plan(found)


@app.command(epilog=_HELP)
@with_options(RunnerOptions)
def apply(
    runner: RunnerOptions,
    file: FileArgument = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for schedules.")] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete the clients that the file declares no longer (cannot be undone)."),
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Give a key to clients of a declared name that qlik_keys does not manage.")
    ] = False,
    take_over: TakeOverOption = None,
    same_fleet: Annotated[
        bool,
        typer.Option(
            "--same-fleet",
            help="Go on where most clients with the mark of this fleet are not in the file (see the plan).",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the clients what a fleet file declares.

    The plan is shown first, and a person on a terminal is asked. What the file does not declare is never changed; only
    --prune deletes. Exit code 3 if differences are left that --adopt, --prune or a person must resolve.

    Example: qlik-keys apply qlik-keys.yaml --yes
    """
    from qlik_keys.fleet.manifest.run import refuse_new_secrets

    manifest = _read(file)
    if not (yes or dry_run):
        refuse_unasked(_HOW_TO_CONFIRM, option="--yes", as_json=as_json)
    fleet = _fleet(manifest, runner)
    if fleet is not None and not dry_run:
        refuse_new_secrets(manifest)  # before a cluster is asked for anything
    found = manifest.plan(fleet, take_over=take_over or "")
    found.raise_if_all_failed()
    if dry_run:
        _show_plan(found, as_json=as_json)
        _end_of_plan(found)
        return
    if not as_json:
        typer.echo(printable_lines(found.to_text()), err=True)
    if not (found.changes or found.failures):
        show_results([], as_json=as_json)
        return
    how = {"prune": prune, "adopt": adopt, "same_fleet": same_fleet}
    if not yes:
        _ask(found, **how)
    _apply(manifest, fleet, found, how={**how, "take_over": take_over or ""}, as_json=as_json)


@app.command(epilog=_HELP)
@with_options(_ExportedTenants)
def export(
    tenants: _ExportedTenants,
    file: FileArgument = None,
    *,
    name: Annotated[
        str,
        typer.Option(
            help="The fleet's name; by default that of the file that is overwritten, else that of the clients' marks, "
            "else a new one."
        ),
    ] = "",
    include_all: Annotated[
        bool, typer.Option("--all", help="Name the clients that are not declared too, in comments.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a fleet file from what exists.

    It declares the clients that qlik_keys manages; FILE - is standard output. Nothing is changed on tenant or Vault.

    Example: qlik-keys export qlik-keys.yaml --all-contexts
    """
    from qlik_keys.errors import ConfigurationError
    from qlik_keys.fleet.manifest.export import export_fleet

    target = _path(file)
    if target != _STDOUT and target.exists() and not force:
        raise ConfigurationError(
            f"The file {target} exists.", hint="Name another one, or overwrite it: --force. FILE - is standard output."
        )
    references = _references(tenants, as_json=as_json)
    exported = export_fleet(references, name=name or _name_in(target), include_all=include_all)
    for notice in () if as_json else exported.notices:
        typer.echo(f"Note: {printable(notice)}", err=True)
    if target == _STDOUT:
        if not hand_over(exported.text):
            typer.echo(exported.text, nl=False)
        return
    _write(target, exported.text)
    told = {
        "file": str(target),
        "fleet": exported.fleet,
        "clients": exported.clients,
        "left_out": exported.left_out,
        "notices": [*exported.notices],
    }
    words = (
        f"Wrote {target}: {exported.clients} declared clients; {exported.left_out} others are not managed or left out."
    )
    if not hand_over(told):
        typer.echo(json.dumps(told, indent=2) if as_json else words)


def _path(file: str | None) -> Path:
    """Return the fleet file that is meant."""
    from qlik_keys.fleet.manifest.reading import DEFAULT_FILE

    return Path(file or os.environ.get(_VARIABLE, "").strip() or DEFAULT_FILE)


def _read(file: str | None) -> Manifest:
    from qlik_keys.fleet.manifest import Manifest

    return Manifest.from_file(_path(file))


def _name_in(target: Path) -> str:
    """Return the fleet's name in the file that is overwritten, "" where there is none that can be read."""
    from qlik_keys.errors import ConfigurationError
    from qlik_keys.fleet.manifest import Manifest

    if target == _STDOUT or not target.exists():
        return ""
    try:
        return Manifest.from_file(target).fleet
    except ConfigurationError:
        return ""


def printable_lines(text: str) -> str:
    """Return a text of several lines without control characters: a client's name is another user's text."""
    return "\n".join(printable(line) for line in text.splitlines())


def _show_plan(found: ManifestPlan, *, as_json: bool) -> None:
    """Show a plan; of tenants none of which could be asked there is none.

    Raises:
        FleetError: so it is.
    """
    found.raise_if_all_failed()
    if not hand_over(found):
        typer.echo(json.dumps(found.to_dict(), indent=2) if as_json else printable_lines(found.to_text()))


def _end_of_plan(found: ManifestPlan) -> None:
    """End a command that has shown a plan.

    Raises:
        FleetError: a tenant could not be asked.
        typer.Exit: there is a difference.
    """
    found.raise_failures()
    if found.has_drift:
        raise typer.Exit(FINDINGS)


def _ask(found: ManifestPlan, *, prune: bool, adopt: bool, same_fleet: bool) -> None:
    """Ask a person whether to do it, and about deletions apart, with each id.

    Raises:
        Interrupted: the answer is no; nothing was done.
    """
    from qlik_keys.errors import Interrupted

    questions = []
    left = {"blocked"} | (set() if prune else {"removed"}) | (set() if adopt else {"unmanaged"})
    doubts = {} if same_fleet else {each.tenant: each for each in found.doubts}
    doable = [
        each
        for each in found.changes
        if each.kind not in left and not (each.tenant in doubts and doubts[each.tenant].holds(each))
    ]
    deleted = [each for each in doable if each.kind == "removed"]
    if len(doable) > len(deleted):
        questions.append("Apply these changes?")
    if deleted:
        for each in deleted:
            typer.echo(printable(f"Delete {each.client_id} ({each.client} on {each.tenant})"), err=True)
        what = "this client" if len(deleted) == 1 else f"these {len(deleted)} clients"
        questions.append(f"Delete {what} and the keys in Vault? This cannot be undone.")
    if not all(typer.confirm(question, err=True) for question in questions):
        raise Interrupted("The fleet file was not applied; nothing was changed.")


def _fleet(manifest: Manifest, options: RunnerOptions) -> Fleet | None:
    """Return the tenants of a file on the cluster that the options name; None where they name none."""
    return on_cluster(manifest.fleet_of_tenants(), options.dask) if options.dask is not None else None


def _apply(
    manifest: Manifest, fleet: Fleet | None, found: ManifestPlan, *, how: Mapping[str, Any], as_json: bool
) -> None:
    """Apply the plan that was shown, and show what came of it, also when it is interrupted: secrets are shown once.

    Raises:
        FleetError: some changes failed.
        KeyboardInterrupt: it was interrupted.
    """
    from qlik_keys.errors import PartlyFailed

    done: list[AppliedChange] = []
    shown: set[str] = set()  # clients whose new secrets are shown by now: at once, since a process may be killed

    def tell(change: AppliedChange) -> None:
        done.append(change)
        made = [_effect(each) for each in done if each.outcome == "done"]
        note_effect(f"{len(made)} changes were made, the last: {made[-1]}" if made else "", _HOW_TO_LOOK)
        if not as_json and current_notebook() is None:
            typer.echo(printable(f"{change.outcome}: {change.change.kind} {change.name}"), err=True)
            if change.client_secret is not None:
                show_secret(change.name, change.client_id, change.client_secret)
                shown.add(change.client_id)

    try:
        applied = manifest.apply(fleet, plan=found, on_change=tell, **how)
    except PartlyFailed as error:
        show_results(error.results, as_json=as_json, shown=shown)
        raise
    except BaseException:
        show_results(done, as_json=as_json, shown=shown)
        raise
    show_results(applied.changes, as_json=as_json, shown=shown)
    if applied.left:
        raise typer.Exit(FINDINGS)


_HOW_TO_LOOK = (
    "`qlik-keys plan` shows what is left, also a client secret that was shown to no one: the next `qlik-keys apply` "
    "makes another one."
)


def _effect(change: AppliedChange) -> str:
    return f"{change.change.kind} {change.name} ({change.client_id})"


def _references(tenants: _ExportedTenants, *, as_json: bool) -> dict[str, TenantReference]:
    """Return the tenants that are meant, as a fleet file names them.

    Raises:
        typer.BadParameter: they are named in two ways.
        ConfigurationError: there is none.
    """
    fleet = tenants.selected(as_json=as_json)
    if fleet is not None:
        return fleet.references
    from qlik_keys.cli.options.callers import resolved
    from qlik_keys.fleet import TenantReference

    settings = resolved(tenants.context, tenants.server, as_json=as_json)
    source = settings.sources.get("tenant_url", "")
    host = settings.tenant_url.partition("://")[2].partition(".")[0].partition(":")[0]
    named = source.removeprefix("qlik-cli context ").strip("'") if source.startswith("qlik-cli context") else ""
    if named:
        return {named: TenantReference(context=named)}
    return {"tenant" if host.isdecimal() or not host else host: TenantReference(url=settings.tenant_url)}


def _write(target: Path, text: str) -> None:
    """Write a file, or say why not.

    Raises:
        ConfigurationError: it cannot be written.
    """
    from qlik_keys.errors import ConfigurationError

    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = error.strerror or type(error).__name__
    else:
        return
    raise ConfigurationError(f"The file {target} cannot be written: {problem}.", hint="Name another file.")
