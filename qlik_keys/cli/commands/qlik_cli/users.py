"""`user me|ls|get|count`: who the caller is, and the tenant's users, in qlik-cli's words (qlik.dev, "Users")."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options.common import refuse_empty
from qlik_keys.cli.options.lists import LimitOption, NextOption, PrevOption, TotalOption  # noqa: TC001  # typer reads them
from qlik_keys.cli.options.request_options import RequestOptions, with_request_options

app = new_group(name="user", words="Show the caller, and the tenant's users.")

_PATH = "v1/users"
_COLUMNS = ("id", "name", "email", "subject", "status", "roles", "clientId", "createdAt")
FilterOption = Annotated[str, typer.Option("--filter", help="A SCIM filter: 'name co \"ada\"'.")]
FieldsOption = Annotated[str, typer.Option(metavar="NAMES", help="Only these fields, separated by commas.")]


@app.command("me", epilog=TENANT_HELP)
@with_request_options
def me(request: RequestOptions) -> None:
    """Say who the caller is.

    Example: qlik-keys user me --client nightly-etl
    """
    request.send("get", f"{_PATH}/me")


@app.command("ls", epilog=TENANT_HELP)
@with_request_options
def ls(
    request: RequestOptions,
    *,
    filter_: FilterOption = "",
    fields: FieldsOption = "",
    limit: LimitOption = None,
    next_: NextOption = "",
    prev: PrevOption = "",
    sort: Annotated[str, typer.Option(help="+ or - and name, id, subject, email, status, createdAt …")] = "",
    total_results: TotalOption = False,
    email: Annotated[str, typer.Option(hidden=True)] = "",
    subject: Annotated[str, typer.Option(hidden=True)] = "",
    name: Annotated[str, typer.Option(hidden=True)] = "",
    status: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    r"""List the tenant's users.

    Example: qlik-keys user ls --filter 'subject eq "acme\ada"'
    """
    # qlik-cli's deprecated flags, which scripts still have; the API's own are deprecated as well.
    asked = {"email": email, "subject": subject, "name": name, "status": status}
    of_flags = " and ".join(f"{field} eq {json.dumps(value)}" for field, value in asked.items() if value)
    if filter_ and of_flags:
        raise typer.BadParameter(
            "it cannot be combined with --email, --subject, --name or --status", param_hint="--filter"
        )
    query = {
        "filter": filter_ or of_flags,
        "fields": fields,
        "next": next_,
        "prev": prev,
        "sort": sort,
        "totalResults": "true" if total_results else "",
    }
    request.list_all(_PATH, query=query, limit=limit, columns=_COLUMNS, nothing="The tenant has no such users.")


@app.command("get", epilog=TENANT_HELP)
@with_request_options
def get(
    request: RequestOptions,
    user_id: Annotated[str, typer.Argument(metavar="ID", help="The user's id.", callback=refuse_empty)],
    *,
    fields: FieldsOption = "",
) -> None:
    """Show one user.

    Example: qlik-keys user get ID
    """
    request.send("get", f"{_PATH}/{quote(user_id, safe='')}", query={"fields": fields} if fields else None)


@app.command("count", epilog=TENANT_HELP)
@with_request_options
def count(request: RequestOptions) -> None:
    """Tell how many users the tenant has.

    Example: qlik-keys user count
    """
    request.send("get", f"{_PATH}/actions/count")
