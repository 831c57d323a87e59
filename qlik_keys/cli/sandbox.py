"""`qlik-keys sandbox`: the sandbox for other programs, until Ctrl-C."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import typer

from qlik_keys import sandbox
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def run(env_file: Path | None) -> None:
    """Start the sandbox, say where it is, and wait.

    Args:
        env_file: a new file for the addresses and the sandbox's credentials, mode 0600; removed at the end.

    Raises:
        ConfigurationError: the file exists, or cannot be made.
    """
    with sandbox.start() as box:
        typer.echo(f"Sandbox tenant  {box.tenant_url}\nSandbox Vault   {box.vault_url}")
        if env_file is None:
            typer.echo("Its credentials are not printed: give --env-file to have them in a file that you can source.")
        else:
            settings = {
                "QLIK_TENANT_URL": box.tenant_url,
                "QLIK_API_KEY": box.api_key,
                "VAULT_ADDR": box.vault_url,
                "VAULT_TOKEN": box.vault_token,
            }
            _write_private(env_file, "".join(f"export {name}={value}\n" for name, value in settings.items()))
            typer.echo(f"Settings for another shell:  . {env_file}")
        typer.echo("Ctrl-C stops it.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            typer.echo("\nStopped.")
        finally:
            if env_file is not None:
                env_file.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        reason = problem.strerror
    else:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        return
    del text
    raise ConfigurationError(f"{path} cannot be made: {reason}.", hint="Name a new file in a folder of yours.")
