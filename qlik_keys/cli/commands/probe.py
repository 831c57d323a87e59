"""`qlik-keys probe`: what a tenant does where Qlik's public documents leave it open."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path  # noqa: TC003  # typer reads annotations
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.app import FINDINGS, TENANT_HELP, new_group
from qlik_keys.cli.options.callers import resolved
from qlik_keys.cli.options.common import ContextOption, JsonOption, ServerOption, refuse_unasked
from qlik_keys.cli.output.results import show_value
from qlik_keys.errors import ConfigurationError, Interrupted, Outcome

if TYPE_CHECKING:
    from qlik_keys.diagnosis.probe import ProbeReport

app = new_group()


@app.command(epilog=TENANT_HELP)
def probe(
    *,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Create no client; measure what can be seen without one.")
    ] = False,
    names: Annotated[
        bool, typer.Option("--names", help="Leave the names of tenant, clients and people in the report.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start without asking.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Also write the report as JSON to this file.")
    ] = None,
    context: ContextOption = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what the tenant does where Qlik's public documents leave it open.

    It creates one client, logs in as it, changes its keys, and deletes it, whatever happens. The report has neither
    secrets nor names, so that it can be attached to an issue. What the product uses of it is written to the Vault, if
    one is configured. Exit code 3 if the tenant differs from what qlik_keys expects.

    Example: qlik-keys probe --read-only
    """
    from qlik_keys.diagnosis.probe import probe as measure
    from qlik_keys.diagnosis.probe.run import what_it_does

    settings = resolved(context, server, as_json=as_json)
    with ExitStack() as stack:
        tenant = stack.enter_context(settings.tenant())
        store = stack.enter_context(settings.store()) if settings.vault_url and not read_only else None
        if not (yes or read_only):
            _ask(what_it_does(tenant.host), as_json=as_json)

        def tell(question: str, done: int, total: int) -> None:
            if not as_json:
                typer.echo(f"[{done + 1}/{total}] {question}", err=True)

        report = measure(
            tenant, store, confirm="" if read_only else tenant.host, read_only=read_only, names=names, on_look=tell
        )
    show_value(report, text=report.to_text, document=report.to_dict, as_json=as_json)
    if output is not None:
        _write(output, report)
    if report.differences:
        raise typer.Exit(FINDINGS)


def _ask(words: str, *, as_json: bool) -> None:
    """Tell what the probe does, and ask whether it should.

    Raises:
        typer.BadParameter: no one can be asked.
        Interrupted: it should not.
    """
    refuse_unasked(f"{words} To start it, confirm: --yes", option="--yes", as_json=as_json)
    typer.echo(words, err=True)
    if not typer.confirm("Start the probe?", err=True):
        raise Interrupted("The probe was not started.", outcome=Outcome.NOT_APPLIED)


def _write(path: Path, report: ProbeReport) -> None:
    """Write a report to a file.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.write_text(json.dumps(report.to_dict(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        problem = error.strerror or type(error).__name__
    else:
        return
    raise ConfigurationError(
        f"The report cannot be written to {path} ({problem}).",
        hint="The report is on standard output. Name a file in a folder that you can write to.",
        outcome=Outcome.APPLIED,
    )
