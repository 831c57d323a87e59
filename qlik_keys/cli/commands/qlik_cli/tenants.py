"""`tenant me|get`: the tenant itself, in qlik-cli's words (qlik.dev, "Tenants")."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options.common import refuse_empty
from qlik_keys.cli.options.request_options import RequestOptions, with_request_options

app = new_group(name="tenant", words="The tenant itself.")


@app.command("me", epilog=TENANT_HELP)
@with_request_options
def me(request: RequestOptions) -> None:
    """Show the tenant: its id, its name and its host names.

    Example: qlik-keys tenant me
    """
    request.send("get", "v1/tenants/me")


@app.command("get", epilog=TENANT_HELP)
@with_request_options
def get(
    request: RequestOptions,
    tenant_id: Annotated[str, typer.Argument(metavar="ID", help="The tenant's id.", callback=refuse_empty)],
) -> None:
    """Show the tenant with that id.

    Example: qlik-keys tenant get ID
    """
    request.send("get", f"v1/tenants/{quote(tenant_id, safe='')}")
