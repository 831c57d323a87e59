"""The tree of commands, and how an error is told to a person."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003  # typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys import __version__
from qlik_keys.errors import QlikKeysError

if TYPE_CHECKING:
    from qlik_keys.lifecycle import StepEvent

# Locals in a traceback would show keys and tokens (reliability-facts, section 3).
app = typer.Typer(
    name="qlik-keys",
    help="Key management for Qlik Cloud: private-key-JWT clients with their keys in Vault.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

TENANT_HELP = "Tenant and Vault come from QLIK_TENANT_URL, QLIK_API_KEY, VAULT_ADDR, VAULT_TOKEN and the like (README)."


def main() -> None:
    """Run the command line; errors of ours are told in two lines, or as JSON, and end with exit code 1."""
    try:
        app()
    except QlikKeysError as problem:
        if "--json" in sys.argv:
            typer.echo(json.dumps(error_document(problem)), err=True)
        else:
            tell_error(problem)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("Interrupted. What is done stays done; the same command goes on from there.", err=True)
        sys.exit(1)


def tell_error(problem: QlikKeysError) -> None:
    """Print what happened and what to do, on standard error."""
    typer.secho(f"Error: {problem.message}", err=True, fg=typer.colors.RED)
    if problem.hint:
        typer.echo(f"What to do: {problem.hint}", err=True)
    trace_id = getattr(problem, "trace_id", "")
    if trace_id:
        typer.echo(f"Trace id for Qlik's support: {trace_id}", err=True)


def error_document(problem: QlikKeysError) -> dict[str, object]:
    """Return an error as JSON-ready values."""
    return {
        "error": type(problem).__name__,
        "message": problem.message,
        "hint": problem.hint,
        "retryable": problem.retryable,
        "outcome": str(problem.outcome),
        "trace_id": getattr(problem, "trace_id", ""),
    }


def tell_step(event: StepEvent, *, err: bool = False) -> None:
    """Print a line for each step that is done.

    Args:
        event: what is being done.
        err: on standard error, which leaves standard output to the result.
    """
    if event.phase == "before":
        typer.echo(f"    {event.title} … ", nl=False, err=err)
    else:
        typer.echo("done" if event.phase == "after" else "failed", err=err)


@app.callback(invoke_without_command=True)
def root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Key management for Qlik Cloud: private-key-JWT clients with their keys in Vault."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo() -> None:
    """Do the main job on the sandbox: two clients, keys in a real OpenBao, tokens, a table. Needs nothing."""
    from qlik_keys.cli.demo import run

    run()


@app.command()
def sandbox(
    env_file: Annotated[
        Path | None,
        typer.Option(
            help="Write QLIK_TENANT_URL, QLIK_API_KEY, VAULT_ADDR and VAULT_TOKEN to this new file (mode 0600)."
        ),
    ] = None,
) -> None:
    """Run the sandbox, a strict Qlik Cloud tenant and a real OpenBao on loopback, until Ctrl-C."""
    from qlik_keys.cli.sandbox import run

    run(env_file)


@app.command()
def lab(
    *,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser; print the address.")] = False,
) -> None:
    """Open JupyterLab at the quickstart notebook."""
    from qlik_keys.cli.lab import run

    sys.exit(run(no_browser=no_browser))


@app.command(epilog=TENANT_HELP)
def clients(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON records instead of a table.")] = False,
) -> None:
    """List the tenant's clients with what Vault knows of their keys."""
    from qlik_keys.cli.table import as_text
    from qlik_keys.inventory import clients as list_clients
    from qlik_keys.settings import Settings

    settings = Settings.resolve()
    with settings.tenant() as tenant, settings.store() as store:
        frame = list_clients(tenant, store)
    typer.echo(
        frame.to_json(orient="records", date_format="iso", date_unit="s", indent=2) if as_json else as_text(frame)
    )


@app.command(epilog=TENANT_HELP)
def audit(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON records instead of a table.")] = False,
    fail_on: Annotated[
        str, typer.Option(help="Exit code 1 for a finding of this weight or more: high, medium, low.")
    ] = "",
) -> None:
    """List what there is to say of the tenant's clients and their keys, the weightiest first.

    Example: qlik-keys audit --fail-on high
    """
    from qlik_keys.cli.table import audit_as_text
    from qlik_keys.findings import SEVERITIES
    from qlik_keys.inventory import audit as look
    from qlik_keys.settings import Settings

    if fail_on and fail_on not in SEVERITIES:
        raise typer.BadParameter(f"choose one of {', '.join(SEVERITIES)}", param_hint="--fail-on")
    settings = Settings.resolve()
    with settings.tenant() as tenant, settings.store() as store:
        frame = look(tenant, store)
    typer.echo(frame.to_json(orient="records", indent=2) if as_json else audit_as_text(frame))
    if fail_on and (frame["severity"] <= fail_on).any():
        raise typer.Exit(1)
