"""`qlik-keys lab`: JupyterLab at the quickstart notebook."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from qlik_keys.cli.app import new_group
from qlik_keys.errors import ConfigurationError

NOTEBOOK = Path("notebooks/01-quickstart.ipynb")


app = new_group()


@app.command()
def lab(
    *,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser; print the address.")] = False,
) -> None:
    """Open JupyterLab at the quickstart notebook.

    It runs in the foreground, in a clone of the project.

    Example: qlik-keys lab --no-browser
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise ConfigurationError("JupyterLab is not installed here.", hint='pip install "qlik_keys[sandbox,lab]"')
    if not NOTEBOOK.exists():
        raise ConfigurationError(f"There is no {NOTEBOOK} in this folder.", hint="Run it in a clone of the project.")
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", str(NOTEBOOK)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container there is often nobody else; it listens on loopback alone
    if no_browser:
        command.append("--no-browser")
    typer.echo("Opening JupyterLab at the quickstart; Ctrl-C twice here ends it.")
    try:
        code = subprocess.run(command, check=False).returncode  # noqa: S603  # our own interpreter and a fixed list
    except KeyboardInterrupt:
        code = 0
    raise typer.Exit(code)
