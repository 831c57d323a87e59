"""`oauth-token ls|rm`: the OAuth tokens that users have on the tenant, in qlik-cli's words (qlik.dev, "OAuth tokens").

To get a token of a client is `token`; to end one that a program holds is POST /oauth/revoke.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options.common import refuse_empty
from qlik_keys.cli.options.lists import LimitOption  # noqa: TC001  # typer reads the annotations at run time
from qlik_keys.cli.options.request_options import RequestOptions, with_request_options

app = new_group(name="oauth-token", words="The OAuth tokens that users have on the tenant.")

_PATH = "v1/oauth-tokens"
_COLUMNS = ("id", "userId", "deviceType", "description", "lastUsed")


@app.command("ls", epilog=TENANT_HELP)
@with_request_options
def ls(
    request: RequestOptions,
    *,
    limit: LimitOption = None,
    page: Annotated[str, typer.Option(help="The page to start from.")] = "",
    sort: Annotated[str, typer.Option(help="userId.")] = "",
    user_id: Annotated[str, typer.Option("--userId", metavar="ID", help="Only of this user.")] = "",
) -> None:
    """List the OAuth tokens that the caller may see: all of the tenant's for an administrator.

    Example: qlik-keys oauth-token ls --userId ID
    """
    query = {"page": page, "sort": sort, "userId": user_id}
    request.list_all(_PATH, query=query, limit=limit, columns=_COLUMNS, nothing="There are no such tokens.")


@app.command("rm", epilog=TENANT_HELP)
@with_request_options
def rm(
    request: RequestOptions,
    token_id: Annotated[
        str, typer.Argument(metavar="ID", help="The token's id, not the token itself.", callback=refuse_empty)
    ],
) -> None:
    """Revoke an OAuth token by its id.

    Example: qlik-keys oauth-token rm ID
    """
    request.send("delete", f"{_PATH}/{quote(token_id, safe='')}")
