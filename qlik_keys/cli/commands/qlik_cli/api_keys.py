"""`api-key ls|get`: the API keys that users have on the tenant, in qlik-cli's words (qlik.dev, "API keys").

The keys themselves are in no answer to these calls. To make one is not here: a client whose key is in the Vault takes
its place (`provision`).
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options.common import refuse_empty
from qlik_keys.cli.options.lists import LimitOption  # noqa: TC001  # typer reads the annotations at run time
from qlik_keys.cli.options.request_options import RequestOptions, with_request_options

app = new_group(name="api-key", words="The API keys that users have on the tenant.")

_PATH = "v1/api-keys"
_COLUMNS = ("id", "description", "sub", "subType", "status", "expiry", "created", "createdByUser")


@app.command("ls", epilog=TENANT_HELP)
@with_request_options
def ls(
    request: RequestOptions,
    *,
    created_by: Annotated[str, typer.Option("--createdByUser", metavar="ID", help="Created by this user.")] = "",
    status: Annotated[str, typer.Option(help="active, expired or revoked.")] = "",
    sub: Annotated[str, typer.Option(metavar="ID", help="Only of this user.")] = "",
    sort: Annotated[str, typer.Option(help="+ or - and createdByUser, sub, status, description or created.")] = "",
    limit: LimitOption = None,
    starting_after: Annotated[
        str, typer.Option("--startingAfter", metavar="ID", help="Only the page after this key.")
    ] = "",
    ending_before: Annotated[
        str, typer.Option("--endingBefore", metavar="ID", help="Only the page before this key.")
    ] = "",
) -> None:
    """List the API keys that the caller may see: all of the tenant's for an administrator.

    Example: qlik-keys api-key ls --status active
    """
    query = {
        "createdByUser": created_by,
        "status": status,
        "sub": sub,
        "sort": sort,
        "startingAfter": starting_after,
        "endingBefore": ending_before,
    }
    request.list_all(_PATH, query=query, limit=limit, columns=_COLUMNS, nothing="There are no such API keys.")


@app.command("get", epilog=TENANT_HELP)
@with_request_options
def get(
    request: RequestOptions,
    key_id: Annotated[
        str, typer.Argument(metavar="ID", help="The key's id, not the key itself.", callback=refuse_empty)
    ],
) -> None:
    """Show one API key, without the key itself.

    Example: qlik-keys api-key get ID
    """
    request.send("get", f"{_PATH}/{quote(key_id, safe='')}")
