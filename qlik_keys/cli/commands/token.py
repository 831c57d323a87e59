"""The bridge: a token of a client whose key is in the Vault, for programs that know no private keys.

A token on the screen is a token in someone's scrollback, so it goes nowhere unless it is said where.
"""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options.callers import lookup, resolved, token_source
from qlik_keys.cli.options.common import (
    AsSubjectOption,
    AsUserOption,
    JsonOption,
    ServerOption,
    TokenClientOption,
    refuse_empty,
)
from qlik_keys.cli.output.errors import error_document, tell_error, tell_json
from qlik_keys.cli.output.results import show
from qlik_keys.cli.output.streams import abandon
from qlik_keys.cli.output.table import printable
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from qlik_keys.auth.http_auth import Token

app = new_group()

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_LONGEST_SCOPE = 400


@app.command(epilog=TENANT_HELP, context_settings={"allow_interspersed_args": True})
def token(
    program: Annotated[list[str] | None, typer.Argument(metavar="[-- PROGRAM …]", help="With --exec.")] = None,
    *,
    client: TokenClientOption,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the token, for a pipe.")] = False,
    run: Annotated[bool, typer.Option("--exec", help="Run the program with the token in its environment.")] = False,
    context: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Write a qlik-cli context with this name that contains the token.",
            callback=refuse_empty,
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="With --context: also replace a context that another program or user created."),
    ] = False,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="A scope; by default all that the client may have.", callback=refuse_empty),
    ] = None,
    as_user: AsUserOption = None,
    as_subject: AsSubjectOption = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Request a token with a client's private key, for a pipe or a program.

    It is printed nowhere unless you say where it may go. A program that is run with it finds it in QLIK_API_KEY, the
    tenant in QLIK_TENANT_URL, and both in a qlik-cli context of its own; your own logins (QLIK_CLIENT_SECRET,
    VAULT_TOKEN) are not in its environment.

    Example: qlik-keys token --client nightly-etl --exec -- qlik user me
    """
    if sum((stdout, run, context is not None)) != 1:
        raise typer.BadParameter(
            "Choose where the token goes: --stdout for a pipe, --exec -- PROGRAM to run a program with it, or"
            " --context NAME for a qlik-cli context.",
            param_hint="--stdout / --exec / --context",
        )
    if stdout and sys.stdout is None:
        raise _no_output("it is closed")
    if run and not program:
        raise typer.BadParameter("Name the program: --exec -- qlik user me", param_hint="--exec")
    if program and not run:
        raise typer.BadParameter("A program can be given only with --exec.", param_hint="--exec")
    user, settings = lookup(as_user, as_subject), resolved(server=server, login=False, as_json=as_json)
    with token_source(client, settings, user=user, scopes=scope or ()) as source:
        made = source.token()
        tenant_url = source.tenant_url
    # The scope is the tenant's text.
    told = f"a token of {client} {_life(made)}, scope {printable(made.scope, _LONGEST_SCOPE) or 'not told'}."
    if context is None and not as_json:
        typer.echo(f"{told[0].upper()}{told[1:]}", err=True)
    if stdout:
        _print(json.dumps(_document(made, client), indent=2) if as_json else made.reveal())
    elif context is None:
        _run(program or [], made, tenant_url=tenant_url, as_json=as_json)
    else:
        options = {"--client": [client], "--scope": scope, "--as-user": [as_user], "--as-subject": [as_subject]}
        options |= {"--server": [server], "--context": [context]}
        words = [word for name, values in options.items() for value in values or () if value for word in (name, value)]
        _write_context(context, made, tenant_url=tenant_url, replace=replace, renewal=words, told=told, as_json=as_json)


def _life(made: Token) -> str:
    """Say how long a token lives, in the two largest units, rounded down."""
    if not made.lifetime_known:
        return "whose lifetime the tenant does not report"
    left, parts = int(made.lifetime), []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        parts.append(f"{count} {unit}{'' if count == 1 else 's'}" if count else "")
    first = next((at for at, part in enumerate(parts) if part), len(parts) - 1)
    lives = " ".join(filter(None, parts[first : first + 2])) or "0 seconds"
    return f"that is valid for {lives}, until {made.expires_at:%Y-%m-%d %H:%M} UTC"


def _print(text: str) -> None:
    """Print the token, or the JSON with it, on standard output, whole.

    Raises:
        ConfigurationError: that cannot be written to.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        problem = type(error).__name__
    else:
        return
    abandon(sys.stdout)
    raise _no_output(problem)


def _document(made: Token, client: str) -> dict[str, object]:
    """Return the token with the fields of RFC 6749 5.1, and when it ends (UTC, None where no one tells)."""
    ends = made.expires_at.isoformat().replace("+00:00", "Z") if made.lifetime_known else None
    return {
        "access_token": made.reveal(),
        "token_type": "Bearer",
        "expires_in": int(made.lifetime) if made.lifetime_known else None,
        "expires_at": ends,
        "scope": made.scope,
        "client": client,
    }


def _no_output(problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"The token cannot be written to standard output ({problem}).",
        hint="Run the command again with a standard output that is open.",
    )


def _run(program: list[str], made: Token, *, tenant_url: str, as_json: bool) -> None:
    """Run a program with the token, and end with its exit code.

    Raises:
        SystemExit: always; typer would take a program's 130 for an interruption of qlik_keys.
    """
    from qlik_keys.cli.commands.run_program import ProgramProblem, run_with_token

    try:
        code = run_with_token(program, made, tenant_url)
    except ProgramProblem as problem:
        code = problem.code
        error = ConfigurationError(str(problem), hint="Check its name and its permissions.")
        tell_json(error_document(error)) if as_json else tell_error(error)
    raise SystemExit(code)


def _write_context(
    context: str, made: Token, *, tenant_url: str, replace: bool, renewal: list[str], told: str, as_json: bool
) -> None:
    """Write the token into the user's qlik-cli context, and say how it is used and renewed.

    Raises:
        ConfigurationError: the name is someone's already, or the file cannot be read or written.
    """
    from qlik_keys.config.qlik_cli.contexts import new_context_file, token_comment, users_context_file
    from qlik_keys.config.qlik_cli.writing import write_token_context

    path = users_context_file() or new_context_file()
    renew = shlex.join(["qlik-keys", "token", *renewal])
    comment = token_comment(renew, made.expires_at if made.lifetime_known else None)
    write_token_context(path, context, server=tenant_url, token=made.secret, comment=comment, replace=replace)
    if as_json:
        ends = made.expires_at.isoformat().replace("+00:00", "Z") if made.lifetime_known else None
        show({"context": context, "file": str(path), "expires_at": ends}, as_json=True)
        return
    typer.echo(
        f"The qlik-cli context {context!r} in {path} holds {told}\n"
        f"To use it: qlik --context {shlex.quote(context)} user me. To renew it, run this command again.",
        err=True,
    )
