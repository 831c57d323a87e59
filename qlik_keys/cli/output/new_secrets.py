"""A client secret that was just made, shown once, as Qlik does; nothing keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from qlik_keys.cli.output.table import printable

if TYPE_CHECKING:
    from qlik_keys.core.secret import Secret


def show_secret(name: str, client_id: str, secret: Secret) -> None:
    """Print a new client secret, this once."""
    typer.echo(printable(f"Client secret of {name} ({client_id}), shown this once: {secret.reveal()}"))
