"""`oauth-client …`: the tenant's OAuth clients, in qlik-cli's words and with its flags.

These are single calls to the tenant, as qlik-cli sends them; a client with its key in the Vault is made by `provision`.
"""

from __future__ import annotations

from pathlib import Path  # typer reads the annotations at run time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options.common import refuse_empty
from qlik_keys.cli.options.inputs import document_of
from qlik_keys.cli.options.lists import LimitOption, NextOption, PrevOption, TotalOption  # noqa: TC001  # typer reads them
from qlik_keys.cli.options.request_options import RequestOptions, with_request_options
from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.http.bodies import strict_json

Id = Annotated[str, typer.Argument(metavar="ID", help="The client's id.", callback=refuse_empty)]
OfClient = Annotated[
    str, typer.Option("--oauth-clientId", metavar="ID", help="The client's id.", callback=refuse_empty)
]
File = Annotated[Path | None, typer.Option("--file", "-f", help="A file with the JSON body.")]
Body = Annotated[str | None, typer.Option(help="A JSON Patch (RFC 6902), instead of --op, --path and --value.")]
Op = Annotated[str, typer.Option(help="add, remove or replace.")]
Value = Annotated[str | None, typer.Option(help="JSON or plain text.")]
Texts = list[str] | None
_LIST = "TEXTS"


def _member(name: str, words: str) -> Any:
    return typer.Option("", f"--publicKeys-{name}", help=f"The public key's member: {words}.")


def _null(name: str) -> Any:
    return typer.Option(f"--{name}-null", hidden=True)


app = new_group(name="oauth-client", words="The tenant's OAuth clients.")
client_secret = new_group(name="client-secret", words="The secrets of a client.")
connection_config = new_group(name="connection-config", words="The consent method of a client.")
app.add_typer(client_secret)
app.add_typer(connection_config)

_PATH = "v1/oauth-clients"
_COLUMNS = ("clientId", "clientName", "appType", "allowedAuthMethods", "allowedScopes", "createdByType", "createdAt")


@app.command("ls", epilog=TENANT_HELP)
@with_request_options
def ls(
    request: RequestOptions,
    *,
    filter_: Annotated[str, typer.Option("--filter", help="A SCIM filter: 'clientName eq \"nightly-etl\"'.")] = "",
    limit: LimitOption = None,
    next_: NextOption = "",
    prev: PrevOption = "",
    sort: Annotated[str, typer.Option(help="+ or - and clientId, clientName, appType, createdAt …")] = "",
    total_results: TotalOption = False,
) -> None:
    """List the tenant's OAuth clients.

    Example: qlik-keys oauth-client ls --sort +clientName --limit 10
    """
    total = "true" if total_results else ""
    query = {"filter": filter_, "next": next_, "prev": prev, "sort": sort, "totalResults": total}
    request.list_all(_PATH, query=query, limit=limit, columns=_COLUMNS, nothing="The tenant has no such clients.")


@app.command("get", epilog=TENANT_HELP)
@with_request_options
def get(request: RequestOptions, client_id: Id) -> None:
    """Show one OAuth client.

    Example: qlik-keys oauth-client get 0123456789abcdef0123456789abcdef
    """
    request.send("get", _of(client_id))


@app.command("create", epilog=TENANT_HELP)
@with_request_options
def create(
    request: RequestOptions,
    *,
    app_type: Annotated[str, typer.Option("--appType", help="web, native, spa or anonymous-embed.")] = "",
    client_name: Annotated[str, typer.Option("--clientName", help="The client's name.")] = "",
    description: Annotated[str, typer.Option(help="Shown in Qlik's console.")] = "",
    client_uri: Annotated[str, typer.Option("--clientUri", help="Its home page.")] = "",
    logo_uri: Annotated[str, typer.Option("--logoUri", help="Its logo.")] = "",
    description_null: Annotated[bool, _null("description")] = False,
    client_uri_null: Annotated[bool, _null("clientUri")] = False,
    logo_uri_null: Annotated[bool, _null("logoUri")] = False,
    redirect_uris: Annotated[
        Texts, typer.Option("--redirectUris", metavar=_LIST, help="A URL to which a login may redirect.")
    ] = None,
    allowed_origins: Annotated[
        Texts, typer.Option("--allowedOrigins", metavar=_LIST, help="Origins of a page.")
    ] = None,
    allowed_scopes: Annotated[
        Texts, typer.Option("--allowedScopes", metavar=_LIST, help="A scope that it may have.")
    ] = None,
    allowed_grant_types: Annotated[
        Texts,
        typer.Option(
            "--allowedGrantTypes", metavar=_LIST, help="client_credentials, urn:qlik:oauth:user-impersonation."
        ),
    ] = None,
    allowed_auth_methods: Annotated[
        Texts, typer.Option("--allowedAuthMethods", metavar=_LIST, help="client_secret, private_key_jwt.")
    ] = None,
    consent_method: Annotated[
        str, typer.Option("--connectionConfig-consentMethod", help="trusted, for a machine.")
    ] = "",
    kty: str = _member("kty", "RSA or EC"),
    use: str = _member("use", "sig"),
    alg: str = _member("alg", "RS256, RS512 or ES384"),
    kid: str = _member("kid", "its id"),
    n: str = _member("n", "of RSA"),
    e: str = _member("e", "of RSA"),
    crv: str = _member("crv", "of EC: P-384"),
    x: str = _member("x", "of EC"),
    y: str = _member("y", "of EC"),
    body: Annotated[str | None, typer.Option(help="The client as JSON; flags take precedence over it.")] = None,
    file: File = None,
) -> None:
    """Create an OAuth client. Lists take commas, or the flag several times.

    A client secret, where the client has one, is in the answer this once. With a private key in the Vault:
    qlik-keys provision.

    Example: qlik-keys oauth-client create --appType web --clientName etl --allowedScopes user_default
    --allowedGrantTypes client_credentials --allowedAuthMethods client_secret --connectionConfig-consentMethod trusted
    """
    members = {"kty": kty, "use": use, "alg": alg, "kid": kid, "n": n, "e": e, "crv": crv, "x": x, "y": y}
    key = {name: value for name, value in members.items() if value}
    client = _object(body, file) | {
        name: value
        for name, value in {
            "appType": app_type,
            "clientName": client_name,
            "description": description,
            "clientUri": client_uri,
            "logoUri": logo_uri,
            "redirectUris": _texts(redirect_uris),
            "allowedOrigins": _texts(allowed_origins),
            "allowedScopes": _texts(allowed_scopes),
            "allowedGrantTypes": _texts(allowed_grant_types),
            "allowedAuthMethods": _texts(allowed_auth_methods),
            "publicKeys": [key] if key else [],
            "connectionConfig": {"consentMethod": consent_method} if consent_method else {},
        }.items()
        if value
    }
    nulls = {"description": description_null, "clientUri": client_uri_null, "logoUri": logo_uri_null}
    client |= {name: None for name, is_null in nulls.items() if is_null}
    _refuse_private(client.get("publicKeys"))
    request.send("post", _PATH, body=client)


@app.command("patch", epilog=TENANT_HELP)
@with_request_options
def patch(
    request: RequestOptions,
    client_id: Id,
    *,
    op: Op = "",
    path: Annotated[str, typer.Option(help="For instance /description.")] = "",
    value: Value = None,
    value_null: Annotated[bool, _null("value")] = False,
    body: Body = None,
    file: File = None,
) -> None:
    """Change an OAuth client.

    Example: qlik-keys oauth-client patch ID --op add --path /description --value 'made by hand'
    """
    operations = _operations(op, path, "null" if value_null else value, body, file)
    if value_null:
        operations[0]["value"] = None
    for each in operations if isinstance(operations, list) else []:
        if isinstance(each, dict) and each.get("path") == "/publicKeys":
            _refuse_private(each.get("value"))
    request.send("patch", _of(client_id), body=operations)


@app.command("rm", epilog=TENANT_HELP)
@with_request_options
def rm(
    request: RequestOptions,
    client_id: Id,
    *,
    confirm: Annotated[str | None, typer.Option(metavar="ID", help="The client's id, to confirm.")] = None,
) -> None:
    """Delete an OAuth client, and nothing else: qlik-keys delete takes its keys in the Vault too.

    Example: qlik-keys oauth-client rm ID --headers=QLIK-CONFIRM-DELETE=ID
    """
    request.send("delete", _of(client_id), confirm=confirm)


@app.command("publish", epilog=TENANT_HELP)
@with_request_options
def publish(request: RequestOptions, client_id: Id) -> None:
    """Publish an OAuth client, so that other tenants may use it.

    Example: qlik-keys oauth-client publish ID
    """
    request.send("post", _of(client_id, "actions/publish"))


@client_secret.command("create", epilog=TENANT_HELP)
@with_request_options
def create_secret(request: RequestOptions, *, client_id: OfClient) -> None:
    """Make a further client secret, which is shown this once.

    Example: qlik-keys oauth-client client-secret create --oauth-clientId ID
    """
    request.send("post", _of(client_id, "client-secrets"))


@client_secret.command("rm", epilog=TENANT_HELP)
@with_request_options
def remove_secret(
    request: RequestOptions,
    hint: Annotated[
        str,
        typer.Argument(metavar="HINT", help="The secret's hint, as oauth-client get shows it.", callback=refuse_empty),
    ],
    *,
    client_id: OfClient,
) -> None:
    """Delete the client secret with that hint.

    Example: qlik-keys oauth-client client-secret rm HINT --oauth-clientId ID
    """
    request.send("delete", _of(client_id, f"client-secrets/{quote(hint, safe='')}"))


@connection_config.command("ls", epilog=TENANT_HELP)
@with_request_options
def consent(request: RequestOptions, client_id: Id) -> None:
    """Show how a client is allowed in.

    Example: qlik-keys oauth-client connection-config ls ID
    """
    request.send("get", _of(client_id, "connection-configs/me"))


@connection_config.command("patch", epilog=TENANT_HELP)
@with_request_options
def set_consent(
    request: RequestOptions,
    client_id: Id,
    *,
    op: Annotated[str, typer.Option(help="replace.")] = "",
    path: Annotated[str, typer.Option(help="/consentMethod.")] = "",
    value: Annotated[
        str | None, typer.Option(help="trusted (needed by machine-to-machine clients) or required.")
    ] = None,
    body: Body = None,
    file: File = None,
) -> None:
    """Set how a client is allowed in.

    Example: qlik-keys oauth-client connection-config patch ID --value trusted
    """
    if value is not None:
        op, path = op or "replace", path or "/consentMethod"
    request.send("patch", _of(client_id, "connection-configs/me"), body=_operations(op, path, value, body, file))


@connection_config.command("rm", epilog=TENANT_HELP)
@with_request_options
def forget_consent(request: RequestOptions, client_id: Id) -> None:
    """Forget how a client is allowed in: a machine is locked out by that.

    Example: qlik-keys oauth-client connection-config rm ID
    """
    request.send("delete", _of(client_id, "connection-configs/me"))


def _of(client_id: str, more: str = "") -> str:
    return f"{_PATH}/{quote(client_id, safe='')}" + (f"/{more}" if more else "")


def _texts(given: list[str] | None) -> list[str]:
    """Return a list that was given with commas, by repetition, or both."""
    return [text.strip() for each in given or [] for text in each.split(",") if text.strip()]


def _object(body: str | None, file: Path | None) -> dict[str, Any]:
    document = document_of(body, file)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError("The body is not a JSON object.", hint='A client is an object: {"appType": "web", …}.')
    return document


def _operations(op: str, path: str, value: str | None, body: str | None, file: Path | None) -> Any:
    """Return the JSON Patch that was given in one of three ways.

    Raises:
        typer.BadParameter: it was given in none, or in two.
    """
    given = document_of(body, file)
    if given is not None:
        if op or path or value is not None:
            raise typer.BadParameter(
                "these are two changes: give only one of them", param_hint="--op / --body / --file"
            )
        return given
    if op not in ("add", "remove", "replace") or not path:
        raise typer.BadParameter(
            "there is nothing to change: give --op, --path and --value, or --body, or --file", param_hint="--op"
        )
    operation: dict[str, Any] = {"op": op, "path": path}
    if op != "remove":
        operation["value"] = _value(value or "")
    return [operation]


def _value(text: str) -> Any:
    """Return what `--value` says: JSON where it is a list, an object, or a text in quotes; else the text itself."""
    if text[:1] in ("[", "{", '"'):
        try:
            return strict_json(text)
        except (ValueError, RecursionError):
            pass
        raise ConfigurationError("The value begins like JSON but is not valid JSON.", hint="Check the quotes.")
    return text


def _refuse_private(keys: Any) -> None:
    """Refuse to register a private key.

    Raises:
        KeyMaterialError: one has a private member. It is not quoted.
    """
    from qlik_keys.tenant import PatchOperation

    if keys:
        PatchOperation("replace", "/publicKeys", keys)
