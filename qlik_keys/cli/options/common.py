"""What several commands have, each alone: options (who calls, where, how it is shown), and the question for an id.

The options of a call, all together, are `cli.options.request_options`: a command that makes no call, as `token`, need
not load them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.completion.offers import complete_clients, complete_contexts
from qlik_keys.cli.output.results import is_terminal

if TYPE_CHECKING:
    from datetime import timedelta


def refuse_empty(value: str | list[str] | None) -> str | list[str] | None:
    """Return what an option or an argument was given, None for nothing.

    An empty text is mostly a shell's variable that is not set. Taken for "not given", it would have the call made by
    another user, who may do more.

    Raises:
        typer.BadParameter: it was given an empty text.
    """
    given = [value] if isinstance(value, str) else value or []
    if not all(text.strip() for text in given):
        raise typer.BadParameter(
            "the value is empty: give a value or omit the option (perhaps a shell variable is not set)"
        )
    return value


def ask_for_id(how: str, *, option: str, as_json: bool) -> str:
    """Ask a person on a terminal for the id of the client to delete, on standard error: a pipe gets the result alone.

    Args:
        how: how to confirm where no one can answer.
        option: the option that confirms, for the error.
        as_json: a program calls, which is not asked.

    Raises:
        typer.BadParameter: no one can be asked.
    """
    refuse_unasked(how, option=option, as_json=as_json)
    answer: str = typer.prompt("This cannot be undone. Repeat the client's id", err=True)
    return answer


def refuse_unasked(how: str, *, option: str, as_json: bool) -> None:
    """Refuse what must be confirmed where no one can be asked.

    Args:
        how: how to confirm where no one can answer.
        option: the option that confirms, for the error.
        as_json: a program calls, which is not asked.

    Raises:
        typer.BadParameter: no one can be asked.
    """
    if as_json or not is_terminal(sys.stdin):
        raise typer.BadParameter(how, param_hint=option)


def duration(text: str) -> timedelta:
    """Return a duration that was typed, for example 90m, 12h, 14d or 2w.

    Raises:
        typer.BadParameter: it is none.
    """
    from qlik_keys.core.durations import parse_duration
    from qlik_keys.errors import ConfigurationError

    written = "".join(text.split())
    try:
        return parse_duration(written if written.startswith("P") else written.lower())
    except ConfigurationError as problem:
        message = f"{problem.message} {problem.hint}"
    raise typer.BadParameter(message)


def _client_option(words: str) -> Any:
    return typer.Option("--client", metavar="NAME", help=words, autocompletion=complete_clients, callback=refuse_empty)


ClientOption = Annotated[str | None, _client_option("Call as this client (name or id); its key is read from Vault.")]
ExaminedClientOption = Annotated[str, _client_option("The client to examine (name or id).")]
TokenClientOption = Annotated[
    str, _client_option("The client that gets the token (name or id); its key is read from Vault.")
]
ServerOption = Annotated[
    str | None, typer.Option("--server", "-s", metavar="URL", help="The tenant's URL.", callback=refuse_empty)
]
ContextOption = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="NAME",
        help="Use the tenant and login of this qlik-cli context.",
        autocompletion=complete_contexts,
        callback=refuse_empty,
    ),
]
AsUserOption = Annotated[
    str | None,
    typer.Option(
        "--as-user", metavar="ID", help="With --client: impersonate the user with this id.", callback=refuse_empty
    ),
]
AsSubjectOption = Annotated[
    str | None,
    typer.Option(
        "--as-subject",
        metavar="SUBJECT",
        help="With --client: impersonate the user with this subject.",
        callback=refuse_empty,
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print only ids or names, one per line.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print results and errors as JSON, also on a terminal.")]
