"""The bridge: a token of a client whose key is in the Vault, for programs that know no private keys.

A token on the screen is a token in somebody's scrollback, so it goes nowhere unless it is said where.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.cli.app import TENANT_HELP, app
from qlik_keys.cli.calls import Context, Server, resolved, token_source
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from qlik_keys.tokens import Token

_CONTEXT = "qlik-keys"


@app.command(epilog=TENANT_HELP, context_settings={"allow_interspersed_args": True})
def token(
    program: Annotated[list[str] | None, typer.Argument(metavar="[-- PROGRAM …]", help="With --exec.")] = None,
    *,
    client: Annotated[str, typer.Option(help="The client, by id or name; its key is read from the Vault.")],
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the token, for a pipe.")] = False,
    run: Annotated[bool, typer.Option("--exec", help="Run the program with the token in its environment.")] = False,
    context: Context = "",
    server: Server = "",
) -> None:
    """Get a token of a client with its private key, for a pipe or for a program.

    Example: qlik-keys token --client nightly-etl --exec -- qlik user me
    """
    if stdout == run:
        raise typer.BadParameter(
            "Say where the token may go: --stdout for a pipe, or --exec -- PROGRAM to run a program with it.",
            param_hint="--stdout / --exec",
        )
    if run and not program:
        raise typer.BadParameter("Name the program: --exec -- qlik user me", param_hint="--exec")
    if stdout and program:
        raise typer.BadParameter("A program is for --exec.", param_hint="--stdout")
    with token_source(client, resolved(context, server)) as source:
        made = source.token()
        tenant_url = source.token_url.removesuffix("/oauth/token")
    typer.echo(f"A token of {client} that ends at {made.expires_at:%H:%M} UTC, scope {made.scope}.", err=True)
    if stdout:
        typer.echo(made.reveal())
    else:
        sys.exit(run_with_token(program or [], made, tenant_url))


def run_with_token(program: list[str], made: Token, tenant_url: str) -> int:
    """Run a program with the token in QLIK_API_KEY, and in a qlik-cli context that is gone afterwards; return its code.

    Raises:
        ConfigurationError: there is no such program.
    """
    with tempfile.TemporaryDirectory(prefix="qlik-keys-") as home:  # 0700, and so is what is in it to others
        _write_context(Path(home), made, tenant_url)
        environment = {
            **os.environ,
            "QLIK_TENANT_URL": tenant_url,
            "QLIK_API_KEY": made.reveal(),
            "QLIK_CLI_USER_HOME_DIR": home,
        }
        try:
            return subprocess.run(program, env=environment, check=False).returncode  # noqa: S603  # the user's own program
        except OSError as error:
            problem = type(error).__name__
    raise ConfigurationError(f"{program[0]!r} cannot be run ({problem}).", hint="Check its name and its rights.")


def _write_context(home: Path, made: Token, tenant_url: str) -> None:
    import yaml

    folder = home / ".qlik"
    folder.mkdir(mode=0o700)
    entry = {"server": tenant_url, "headers": {"Authorization": f"Bearer {made.reveal()}"}}
    document = {"current-context": _CONTEXT, "contexts": {_CONTEXT: entry}}
    path = folder / "contexts.yml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
