"""`context create|init|update|rename|rm|clear`: changes to qlik-cli's own file, which the user asks for.

Its other lines stay as they are. A key on the command line is seen in the process list and in the shell's history: it
is taken, as by qlik-cli, with a word about the better ways.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.completion.offers import complete_contexts
from qlik_keys.cli.options.common import JsonOption, QuietOption, ServerOption, refuse_empty
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.inputs import pairs
from qlik_keys.cli.options.lists import Inherited, InheritedRest
from qlik_keys.cli.output.results import current_notebook, is_terminal, show
from qlik_keys.config.qlik_cli.changes import (
    Entry,
    clear_current,
    create_context,
    refuse_known,
    remove_contexts,
    rename_context,
    update_context,
)
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NAME = typer.Argument(metavar="NAME", help="The context's name.", callback=refuse_empty)
_NEW_NAME = typer.Argument(metavar="NEW-NAME", help="The context's new name.", callback=refuse_empty)
_KNOWN_NAME = typer.Argument(
    metavar="NAME", help="The context's name.", autocompletion=complete_contexts, callback=refuse_empty
)
_ENVIRONMENT = "env:"
_SOURCES = "- prompts for it or reads standard input, env:NAME reads a variable"
ApiKeyOption = Annotated[
    str | None, typer.Option("--api-key", metavar="KEY", help=f"An API key: {_SOURCES}.", callback=refuse_empty)
]
ClientIdOption = Annotated[
    str | None,
    typer.Option("--oauth-client-id", metavar="ID", help="An OAuth client, by its id.", callback=refuse_empty),
]
ClientSecretOption = Annotated[
    str | None,
    typer.Option("--oauth-client-secret", metavar="SECRET", help=f"Its secret: {_SOURCES}.", callback=refuse_empty),
]
CommentOption = Annotated[str | None, typer.Option("--comment", metavar="TEXT", help="A remark.")]
HeadersOption = Annotated[
    list[str] | None, typer.Option("--headers", metavar="NAME=VALUE", help="A header that is sent with every call.")
]


@with_options(InheritedRest)
def create(
    _inherited: InheritedRest,
    name: Annotated[str, _NAME],
    *,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
    client_id: ClientIdOption = None,
    client_secret: ClientSecretOption = None,
    comment: CommentOption = None,
    headers: HeadersOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a context in qlik-cli's file.

    Example: qlik-keys context create practice --server https://acme.eu.qlikcloud.com --api-key -
    """
    if server is None:
        raise typer.BadParameter("a context needs a server: --server https://…", param_hint="--server")
    entry = _entry(
        server=server,
        api_key=api_key,
        client_id=client_id,
        client_secret=client_secret,
        comment=comment,
        headers=headers,
        as_json=as_json,
    )
    if bool(entry.client_id) != bool(entry.client_secret):
        raise typer.BadParameter(
            "a client needs both to log in", param_hint="--oauth-client-id / --oauth-client-secret"
        )
    create_context(_file(), name, entry)
    _show(name, quiet=quiet, as_json=as_json)


@with_options(InheritedRest)
def update(
    _inherited: InheritedRest,
    name: Annotated[str, _KNOWN_NAME],
    *,
    server: ServerOption = None,
    api_key: ApiKeyOption = None,
    client_id: ClientIdOption = None,
    client_secret: ClientSecretOption = None,
    comment: CommentOption = None,
    headers: HeadersOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change a context in qlik-cli's file; a new login takes the place of the old one.

    Example: qlik-keys context update practice --api-key -
    """
    entry = _entry(
        server=server,
        api_key=api_key,
        client_id=client_id,
        client_secret=client_secret,
        comment=comment,
        headers=headers,
        as_json=as_json,
    )
    if entry.changes_nothing:
        raise typer.BadParameter(
            "there is nothing to change: give at least one option with a new value", param_hint="--server / --api-key"
        )
    update_context(_file(), name, entry)
    _show(name, quiet=quiet, as_json=as_json)


@with_options(InheritedRest)
def init(
    _inherited: InheritedRest,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="The name; the tenant's host by default.", callback=refuse_empty),
    ] = None,
    *,
    server: ServerOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a context by questions, try it, and make it the current one.

    Example: qlik-keys context init practice
    """
    from qlik_keys.config.qlik_cli.contexts import users_contexts
    from qlik_keys.tenant.url import tenant_host

    if as_json or not is_terminal(sys.stdin):
        raise typer.BadParameter(
            "it asks questions and needs a terminal; in a script, use context create NAME --server URL --api-key -",
            param_hint="context init",
        )
    if name is not None:
        refuse_known(users_contexts(), name)
    url = _normalized(server or typer.prompt("The tenant's URL, https://<tenant>.<region>.qlikcloud.com", err=True))
    name = name or tenant_host(url)
    refuse_known(users_contexts(), name)
    kind = typer.prompt("Log in by API key (A) or by OAuth client (O)", default="A", err=True).strip().upper()
    if kind not in ("A", "O"):
        raise typer.BadParameter("enter A or O", param_hint="A/O")
    if kind == "A":
        entry = Entry(server=url, api_key=_asked("API key"))
    else:
        client_id = typer.prompt("Client id", err=True).strip()
        entry = Entry(server=url, client_id=client_id, client_secret=_asked("Client secret"))
    _try(entry)
    create_context(_file(), name, entry, make_current=True)
    _show(name, quiet=quiet, as_json=as_json)


@with_options(Inherited)
def rename(
    _inherited: Inherited,
    name: Annotated[str, _KNOWN_NAME],
    new_name: Annotated[str, _NEW_NAME],
    *,
    as_json: JsonOption = False,
) -> None:
    """Give a context another name in qlik-cli's file.

    Example: qlik-keys context rename practice training
    """
    rename_context(_file(), name, new_name)
    _choose_in_notebook({name: new_name})
    _tell({"renamed": name, "name": new_name}, as_json=as_json)


@with_options(Inherited)
def remove(
    _inherited: Inherited,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME…", help="The contexts.", autocompletion=complete_contexts, callback=refuse_empty),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Remove contexts from qlik-cli's file, with their logins.

    Example: qlik-keys context rm practice
    """
    remove_contexts(_file(), names)
    _choose_in_notebook(dict.fromkeys(names, ""))
    _tell({"removed": names}, as_json=as_json)


@with_options(Inherited)
def clear(_inherited: Inherited, *, as_json: JsonOption = False) -> None:
    """Make no context the current one, for qlik-cli and here.

    Example: qlik-keys context clear
    """
    from qlik_keys.config.qlik_cli.contexts import users_context_file

    notebook = current_notebook()
    if notebook is not None:
        notebook.context = ""
    path = users_context_file()
    if path is not None:
        clear_current(path)
    _tell({"current": None}, as_json=as_json)


COMMANDS: dict[str, Callable[..., None]] = {
    "create": create,
    "init": init,
    "update": update,
    "rename": rename,
    "rm": remove,
    "clear": clear,
}


def _file() -> Path:
    from qlik_keys.config.qlik_cli.contexts import new_context_file, users_context_file

    return users_context_file() or new_context_file()


def _show(name: str, *, quiet: bool, as_json: bool) -> None:
    from qlik_keys.cli.commands.qlik_cli.contexts import show_context

    show_context(name, quiet=quiet, as_json=as_json)


def _tell(done: dict[str, Any], *, as_json: bool) -> None:
    """Say what was done, where it is asked for as JSON: else these commands are silent, as qlik-cli's are."""
    if as_json:
        show(done, as_json=True)


def _choose_in_notebook(names: dict[str, str]) -> None:
    notebook = current_notebook()
    if notebook is not None:
        notebook.context = names.get(notebook.context, notebook.context)


def _entry(
    *,
    server: str | None,
    api_key: str | None,
    client_id: str | None,
    client_secret: str | None,
    comment: str | None,
    headers: list[str] | None,
    as_json: bool,
) -> Entry:
    """Return what the options say.

    Raises:
        typer.BadParameter: there are two logins, or two secrets of one input.
        ConfigurationError: the server is none, or a secret cannot be used. It is not quoted.
    """
    if api_key is not None and (client_id or client_secret is not None):
        raise typer.BadParameter(
            "these are two logins: give only one of them", param_hint="--api-key / --oauth-client-id"
        )
    named = dict(pairs(headers, "--headers"))
    if any(name.lower() == "authorization" for name in named):
        raise typer.BadParameter("the login is given by --api-key; do not give it as a header", param_hint="--headers")
    key, secret = (
        _secret(given, what, option, as_json=as_json)
        for given, what, option in (
            (api_key, "API key", "--api-key"),
            (client_secret, "client secret", "--oauth-client-secret"),
        )
    )
    return Entry(
        server="" if server is None else _normalized(server),
        comment=comment,
        api_key=key,
        client_id=(client_id or "").strip(),
        client_secret=secret,
        headers=named,
    )


def _normalized(server: str) -> str:
    from qlik_keys.tenant.url import normalise_tenant_url

    return normalise_tenant_url(server)[0]


def _secret(given: str | None, what: str, option: str, *, as_json: bool) -> Secret | None:
    """Return a secret that was typed, or that is asked for, or that a variable has; None where none is given."""
    if given is None:
        return None
    if given == "-":
        return _asked(what) if is_terminal(sys.stdin) and not as_json else _made(_from_stdin(), what)
    if given.startswith(_ENVIRONMENT):
        return _made(os.environ.get(given.removeprefix(_ENVIRONMENT), ""), what)
    if not as_json:
        typer.echo(
            f"Note: a secret on the command line is saved in the shell's history: {option} - prompts for it, or "
            f"reads standard input; {option} env:NAME reads a variable.",
            err=True,
        )
    return _made(given, what)


def _asked(what: str) -> Secret:
    return _made(typer.prompt(what, hide_input=True, err=True), what)


def _from_stdin() -> str:
    """Return what standard input has, "" for nothing.

    Raises:
        ConfigurationError: it cannot be read, or is no text. It is not quoted.
    """
    try:
        return "" if sys.stdin is None else sys.stdin.read()
    except (OSError, ValueError) as error:
        problem = type(error).__name__
    raise ConfigurationError(f"Standard input cannot be read ({problem}).", hint="Give the secret as UTF-8 text.")


def _made(text: str, what: str) -> Secret:
    text = text.strip()
    if not text:
        raise ConfigurationError(
            f"The {what} is empty.", hint="Check whether the variable is set and the input is not empty."
        )
    return Secret(text, what=what)


def _try(entry: Entry) -> None:
    """Log in by what is to be written.

    Raises:
        QlikKeysError: it does not work; nothing is written.
    """
    from qlik_keys.auth.http_auth import ClientSecret
    from qlik_keys.tenant import ApiKey, QlikTenant

    credential: Any
    if entry.api_key is not None:
        credential = ApiKey(entry.api_key)
    elif entry.client_secret is not None:
        credential = ClientSecret(entry.client_id, entry.client_secret)
    with QlikTenant(entry.server, credential=credential) as tenant:
        caller = tenant.users.me()
    typer.echo(f"Connected to {entry.server} as {caller.name}.", err=True)
