"""The options of listings, and those that qlik-cli's commands all take, whatever they do with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  # typer reads the annotations at run time
from typing import Annotated

import typer

LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="How many at most; all by default.")]
NextOption = Annotated[str, typer.Option("--next", metavar="CURSOR", help="Start after this cursor.")]
PrevOption = Annotated[
    str,
    typer.Option("--prev", metavar="CURSOR", help="Only the page before this cursor; cannot be combined with --next."),
]
TotalOption = Annotated[bool, typer.Option("--totalResults", help="Also print the total number.")]


def refuse_insecure(value: bool) -> None:  # noqa: FBT001  # typer's callbacks are called like this
    """Refuse `--insecure`.

    Raises:
        typer.BadParameter: it was given.
    """
    if value:
        raise typer.BadParameter(
            "certificates are always verified; point SSL_CERT_FILE to the certificate of your own authority"
        )


def refuse_other_servers(value: str | None) -> str | None:
    """Return the type of a server that this program can call.

    Raises:
        typer.BadParameter: it is a Qlik Sense Enterprise or an engine.
    """
    if value is not None and value.strip().lower() != "cloud":
        raise typer.BadParameter("this program supports only Qlik Cloud (cloud); for windows and engine use qlik-cli")
    return value


ServerTypeOption = Annotated[
    str | None,
    typer.Option(
        "--server-type",
        metavar="TYPE",
        help="cloud (the only supported type).",
        hidden=True,
        callback=refuse_other_servers,
    ),
]
InsecureOption = Annotated[bool, typer.Option("--insecure", hidden=True, callback=refuse_insecure)]


@dataclass(frozen=True, slots=True, kw_only=True)
class InheritedRest:
    """Options that qlik-cli takes with every command, but server and headers; see `Inherited`."""

    config: Annotated[Path | None, typer.Option("--config", "-c", hidden=True)] = None
    context: Annotated[str | None, typer.Option("--context", hidden=True)] = None
    server_type: ServerTypeOption = None
    verbose: Annotated[bool, typer.Option("--verbose", "-v", hidden=True)] = False
    insecure: InsecureOption = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited(InheritedRest):
    """Options that qlik-cli takes with every command; a command that calls no tenant does nothing with them."""

    headers: Annotated[list[str] | None, typer.Option(hidden=True)] = field(default=None)
    server: Annotated[str | None, typer.Option("--server", "-s", hidden=True)] = None
