"""The whole fleet at a glance: `clients` and `audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.callers import resolved
from qlik_keys.cli.options import JsonOption  # noqa: TC001  # typer reads the annotations at run time
from qlik_keys.cli.results import show_value

app = new_group()


@app.command(epilog=TENANT_HELP)
def clients(*, as_json: JsonOption = False) -> None:
    """List the tenant's clients with what Vault knows of their keys.

    Example: qlik-keys clients --json
    """
    from qlik_keys.cli.table import as_text
    from qlik_keys.frames import records_of
    from qlik_keys.inventory import clients as list_clients

    settings = resolved(as_json=as_json)
    with settings.tenant() as tenant, settings.store() as store:
        frame = list_clients(tenant, store)
    show_value(frame, text=lambda: as_text(frame), document=lambda: records_of(frame), as_json=as_json)


@app.command(epilog=TENANT_HELP)
def audit(
    *,
    as_json: JsonOption = False,
    fail_on: Annotated[
        str, typer.Option(help="Exit code 1 for a finding of this weight or more: high, medium, low.")
    ] = "",
) -> None:
    """List what there is to say of the clients and their keys, the weightiest first.

    Example: qlik-keys audit --fail-on high
    """
    from qlik_keys.cli.table import audit_as_text
    from qlik_keys.findings import SEVERITIES
    from qlik_keys.frames import records_of
    from qlik_keys.inventory import audit as look

    if fail_on and fail_on not in SEVERITIES:
        raise typer.BadParameter(f"choose one of {', '.join(SEVERITIES)}", param_hint="--fail-on")
    settings = resolved(as_json=as_json)
    with settings.tenant() as tenant, settings.store() as store:
        frame = look(tenant, store)
    show_value(frame, text=lambda: audit_as_text(frame), document=lambda: records_of(frame), as_json=as_json)
    if fail_on and (frame["severity"] <= fail_on).any():
        raise typer.Exit(1)
