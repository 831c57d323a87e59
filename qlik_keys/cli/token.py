"""The bridge: a token of a client whose key is in the Vault, for programs that know no private keys.

A token on the screen is a token in somebody's scrollback, so it goes nowhere unless it is said where.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options import (
    AsSubjectOption,
    AsUserOption,
    ClientOption,
    JsonOption,
    ServerOption,
    as_client,
    lookup,
    resolved,
)
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlik_keys.tokens import Token

app = new_group()

_CONTEXT = "qlik-keys"
_MINUTE, _HOUR = 60, 3600


@app.command(epilog=TENANT_HELP, context_settings={"allow_interspersed_args": True})
def token(
    program: Annotated[list[str] | None, typer.Argument(metavar="[-- PROGRAM …]", help="With --exec.")] = None,
    *,
    client: ClientOption,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the token, for a pipe.")] = False,
    run: Annotated[bool, typer.Option("--exec", help="Run the program with the token in its environment.")] = False,
    context: Annotated[
        str, typer.Option(metavar="NAME", help="Write a qlik-cli context of this name that holds the token.")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="With --context: also in the place of a login that somebody made.")
    ] = False,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="A scope; by default all that the client may have.")
    ] = None,
    as_user: AsUserOption = "",
    as_subject: AsSubjectOption = "",
    server: ServerOption = "",
    as_json: JsonOption = False,
) -> None:
    """Get a token of a client with its private key, for a pipe or for a program.

    It is printed nowhere unless you say where it may go. A program that is run with it finds it in QLIK_API_KEY, the
    tenant in QLIK_TENANT_URL, and both in a qlik-cli context of its own.

    Example: qlik-keys token --client nightly-etl --exec -- qlik user me
    """
    del as_json  # main() looks at it
    if sum((stdout, run, bool(context))) != 1:
        raise typer.BadParameter(
            "Say where the token may go: --stdout for a pipe, --exec -- PROGRAM to run a program with it, or"
            " --context NAME for a qlik-cli context.",
            param_hint="--stdout / --exec / --context",
        )
    if run and not program:
        raise typer.BadParameter("Name the program: --exec -- qlik user me", param_hint="--exec")
    if program and not run:
        raise typer.BadParameter("A program is for --exec.", param_hint="--exec")
    with as_client(client, resolved("", server), user=lookup(as_user, as_subject), scopes=scope or ()) as (
        tenant,
        source,
    ):
        made = source.token()
        tenant_url = tenant.url
    life = _life(made)
    if stdout:
        typer.echo(f"A token of {client} {life}, scope {made.scope}.", err=True)
        typer.echo(made.reveal())
    elif run:
        typer.echo(f"A token of {client} {life}, scope {made.scope}.", err=True)
        raise typer.Exit(run_with_token(program or [], made, tenant_url))
    else:
        from qlik_keys.context_writing import write_token_context
        from qlik_keys.contexts import new_context_file, users_context_file

        path = users_context_file() or new_context_file()
        remark = f"token of {client}, ends {made.expires_at:%Y-%m-%d %H:%M} UTC"
        write_token_context(path, context, server=tenant_url, token=made.secret, remark=remark, replace=replace)
        typer.echo(
            f"The qlik-cli context {context!r} in {path} holds a token of {client} {life}, scope {made.scope}.\n"
            f"Use it: qlik --context {context} user me. Renew it: this command again.",
            err=True,
        )


def _life(made: Token) -> str:
    """Say how long a token lives."""
    if not made.lifetime_known:
        return "whose life the tenant does not tell"
    left = round(made.lifetime)
    size, unit = (_HOUR, "hour") if left >= _HOUR else (_MINUTE, "minute") if left >= _MINUTE else (1, "second")
    count = round(left / size)
    return f"that lives {count} {unit}{'' if count == 1 else 's'}, until {made.expires_at:%Y-%m-%d %H:%M} UTC"


def run_with_token(program: list[str], made: Token, tenant_url: str) -> int:
    """Run a program with the token in QLIK_API_KEY, and in a qlik-cli context that is gone afterwards; return its code.

    Raises:
        ConfigurationError: there is no such program.
    """
    from qlik_keys.context_writing import write_token_context

    with tempfile.TemporaryDirectory(prefix="qlik-keys-") as home:  # 0700, and so is what is in it to others
        path = Path(home, ".qlik", "contexts.yml")
        write_token_context(path, _CONTEXT, server=tenant_url, token=made.secret, remark="a token")
        path.write_text(f"current-context: {_CONTEXT}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
        # The token takes the place of every other login; both at once would contradict each other.
        environment = {
            name: value for name, value in os.environ.items() if name not in ("QLIK_CLIENT_ID", "QLIK_CLIENT_SECRET")
        }
        environment |= {
            "QLIK_TENANT_URL": tenant_url,
            "QLIK_API_KEY": made.reveal(),
            "QLIK_CLI_USER_HOME_DIR": home,
        }
        try:
            process = subprocess.Popen(program, env=environment)  # noqa: S603  # the user's own program
        except (OSError, ValueError) as error:
            problem = type(error).__name__
        else:
            with _handing_on_the_end(process):
                code = process.wait()
            return code if code >= 0 else 128 - code
    raise ConfigurationError(f"{program[0]!r} cannot be run ({problem}).", hint="Check its name and its rights.")


@contextlib.contextmanager
def _handing_on_the_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the program when this one is told to end, so that the folder with the token is removed in any case."""

    def end(number: int, _: Any) -> None:
        process.send_signal(number)

    # A Ctrl-C reaches the program by itself, which may well go on after it (a shell, an editor).
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, end), signal.SIGINT: signal.signal(signal.SIGINT, _ignore)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(_number: int, _frame: Any) -> None:
    pass
