"""The words of qlik-cli that call the tenant: `user me`, `raw …`, `oauth-client ls|get` (contract, "qlik-cli").

Who calls: the environment's credential, a qlik-cli context (`--context`), or a client whose key is in the Vault
(`--client`), which is what qlik-cli itself cannot do.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from pathlib import Path  # typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import TENANT_HELP, app
from qlik_keys.cli.results import show
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlik_keys.settings import Settings
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.token_source import TokenSource

Client = Annotated[str, typer.Option(help="Call as this client, by id or name; its key is read from the Vault.")]
Context = Annotated[str, typer.Option(help="Call as this qlik-cli context.")]
Server = Annotated[str, typer.Option("--server", "-s", help="The tenant's address.")]
Query = Annotated[list[str] | None, typer.Option(help="A field of the query, name=value; may be given several times.")]
Headers = Annotated[list[str] | None, typer.Option(help="A header as NAME=value; may be given several times.")]
Body = Annotated[str, typer.Option(help="The JSON body.")]
BodyFile = Annotated[Path | None, typer.Option(help="A file with the JSON body.")]
Raw = Annotated[bool, typer.Option("--raw", help="Print the answer as it came.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print ids only, a line each.")]
AsJson = Annotated[bool, typer.Option("--json", help="Errors as JSON too; answers are JSON always.")]

user = typer.Typer(help="Who the caller is.", no_args_is_help=True)
raw = typer.Typer(help="Any call to the tenant's REST API.", no_args_is_help=True)
oauth_client = typer.Typer(help="The tenant's OAuth clients.", no_args_is_help=True)
app.add_typer(user, name="user")
app.add_typer(raw, name="raw")
app.add_typer(oauth_client, name="oauth-client")


def resolved(context: str, server: str) -> Settings:
    """Return the settings, by the options that every one of these commands has."""
    from qlik_keys.settings import Settings

    return Settings.resolve(context=context or None, tenant_url=server or None)


@contextmanager
def caller(*, client: str = "", context: str = "", server: str = "") -> Iterator[QlikTenant]:
    """Yield the tenant, asked as whoever was named.

    Raises:
        ConfigurationError: tenant, credential or Vault is missing, or nobody has that name.
    """
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tokens import PrivateKeyJwtAuth

    settings = resolved(context, server)
    with ExitStack() as stack:
        if client:
            source = stack.enter_context(token_source(client, settings))
            yield stack.enter_context(QlikTenant(settings.tenant_url, credential=PrivateKeyJwtAuth(source)))
        else:
            yield stack.enter_context(settings.tenant())


@contextmanager
def token_source(client: str, settings: Settings) -> Iterator[TokenSource]:
    """Yield what gets tokens of a client with its key in the Vault; no administrator's credential is needed.

    Raises:
        ConfigurationError: tenant or Vault is missing, or no client of that name has a key there.
    """
    from qlik_keys.keystore.names import client_id_of
    from qlik_keys.tenant.url import tenant_host
    from qlik_keys.tokens import TokenSource

    if not settings.tenant_url:
        raise ConfigurationError("No tenant is set.", hint="Set QLIK_TENANT_URL, or give --server or --context.")
    with settings.store() as store:
        client_id = client_id_of(store, tenant_host(settings.tenant_url), client)
        yield TokenSource.from_store(store, tenant_url=settings.tenant_url, client_id=client_id)


@user.command("me", epilog=TENANT_HELP)
def user_me(
    *, client: Client = "", context: Context = "", server: Server = "", quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Say who the caller is.

    Example: qlik-keys user me --client nightly-etl
    """
    del as_json  # main() looks at it
    with caller(client=client, context=context, server=server) as tenant:
        show(tenant.raw("get", "v1/users/me").json(), quiet=quiet)


def _raw_command(method: str) -> None:
    def call(
        path: Annotated[str, typer.Argument(help="For instance v1/users/me.")],
        *,
        query: Query = None,
        body: Body = "",
        body_file: BodyFile = None,
        headers: Headers = None,
        client: Client = "",
        context: Context = "",
        server: Server = "",
        as_it_came: Raw = False,
        quiet: Quiet = False,
        as_json: AsJson = False,
    ) -> None:
        del as_json  # main() looks at it
        document = _document(body, body_file)
        with caller(client=client, context=context, server=server) as tenant:
            answer = tenant.raw(
                method, path, query=_pairs(query, "--query"), body=document, headers=_pairs(headers, "--headers")
            )
            if as_it_came:
                typer.echo(answer.content, nl=False)
            elif answer.content:
                show(answer.json(), quiet=quiet)

    call.__doc__ = f"{method.title()} any path of the REST API.\n\n    Example: qlik-keys raw {method} v1/users/me\n"
    raw.command(method, epilog=TENANT_HELP)(call)


for _method in ("get", "post", "put", "patch", "delete"):
    _raw_command(_method)


@oauth_client.command("ls", epilog=TENANT_HELP)
def oauth_client_ls(
    *,
    filter_: Annotated[str, typer.Option("--filter", help="A SCIM filter: 'clientName eq \"nightly-etl\"'.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="How many at most; all by default.")] = None,
    sort: Annotated[str, typer.Option(help="+ or - and clientId, clientName, createdAt …")] = "",
    client: Client = "",
    context: Context = "",
    server: Server = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List the tenant's OAuth clients.

    Example: qlik-keys oauth-client ls -q
    """
    del as_json  # main() looks at it
    with caller(client=client, context=context, server=server) as tenant:
        found = []
        for each in tenant.oauth_clients.iterate(filter_ or None, sort=sort or None):
            found.append(each.model_dump(mode="json", by_alias=True, exclude_none=True))
            if limit and len(found) == limit:
                break
        show(found, quiet=quiet)


@oauth_client.command("get", epilog=TENANT_HELP)
def oauth_client_get(
    client_id: Annotated[str, typer.Argument(metavar="ID", help="The client's id.")],
    *,
    client: Client = "",
    context: Context = "",
    server: Server = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show one OAuth client.

    Example: qlik-keys oauth-client get 0123456789abcdef0123456789abcdef
    """
    del as_json  # main() looks at it
    with caller(client=client, context=context, server=server) as tenant:
        show(tenant.raw("get", f"v1/oauth-clients/{client_id}").json(), quiet=quiet)


def _document(body: str, body_file: Path | None) -> Any:
    """Return the body as JSON-ready values, None for none.

    Raises:
        ConfigurationError: both are given, or it is no JSON, or the file cannot be read.
    """
    if body and body_file:
        raise ConfigurationError("There are two bodies.", hint="Give --body or --body-file.")
    try:
        text = body_file.read_text(encoding="utf-8") if body_file else body
        return json.loads(text) if text.strip() else None
    except OSError as error:
        problem = f"The file with the body cannot be read ({type(error).__name__})."
    except ValueError:
        problem = "The body is no JSON."
    raise ConfigurationError(problem, hint="Check the quotes: a shell takes some of them away. Or use --body-file.")


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for each in given or []:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"{option} wants name=value.", hint=f"For instance {option} limit=1.")
        pairs[name] = value
    return pairs
