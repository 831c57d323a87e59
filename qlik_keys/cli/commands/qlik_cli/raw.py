"""`raw get|post|put|patch|delete`: any call to the tenant's REST API, in qlik-cli's words.

The verbs are taken in capitals too, as public scripts write them.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import TENANT_HELP, Group, new_group
from qlik_keys.cli.options.common import refuse_empty
from qlik_keys.cli.options.inputs import document_of, pairs
from qlik_keys.cli.options.request_options import RequestOptions, with_request_options
from qlik_keys.tenant.url import plain_value, query_fields

if TYPE_CHECKING:
    from qlik_keys.tenant.url import QueryFields


class _Verbs(Group):
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a verb, None where there is none."""
        return super().get_command(ctx, cmd_name.lower())


app = new_group(name="raw", words="Call any path of the tenant's REST API.", cls=_Verbs)

_EXAMPLES = {
    "get": "qlik-keys raw get v1/oauth-clients --query limit=1",
    "post": "qlik-keys raw post v1/oauth-clients --body-file client.json",
    "put": "qlik-keys raw put v1/apps/ID --body-file app.json",
    "patch": """qlik-keys raw patch v1/oauth-clients/ID --body '[{"op": "remove", "path": "/description"}]'""",
    "delete": "qlik-keys raw delete v1/oauth-clients/ID --headers qlik-confirm-delete=ID",
}


def _command(method: str) -> None:
    def send(
        request: RequestOptions,
        path: Annotated[str, typer.Argument(help="For instance v1/users/me.", callback=refuse_empty)],
        *,
        query: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME=VALUE", help="A query parameter; can be repeated."),
        ] = None,
        body: Annotated[str | None, typer.Option(help="The JSON body.")] = None,
        body_file: Annotated[Path | None, typer.Option(help="A file with the JSON body; - is standard input.")] = None,
        body_values: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME=VALUE", help="The body as pairs: a.b=text, c:number=1, d:bool=true."),
        ] = None,
        output_file: Annotated[Path | None, typer.Option(help="Write the response to this file unmodified.")] = None,
    ) -> None:
        document = document_of(body, body_file, body_values)
        request.send(method, path, query=_query(query), body=document, output=output_file)

    send.__doc__ = f"{method.title()} any path of the REST API.\n\n    Example: {_EXAMPLES[method]}\n"
    app.command(method, epilog=TENANT_HELP)(with_request_options(send))


def _query(given: list[str] | None) -> QueryFields:
    """Return the fields of a query; a value that is encoded for an address already is not encoded again."""
    return query_fields((name, plain_value(value)) for name, value in pairs(given, "--query"))


for _method in _EXAMPLES:
    _command(_method)
