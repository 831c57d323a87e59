"""`qlik-keys lab`: JupyterLab at the quickstart notebook.

JupyterLab runs in this very process, so that however this command ends, no server is left behind; its kernels end with
it, since each watches its parent.
"""

from __future__ import annotations

import importlib.util
import os
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
    # The address that it prints leads to the notebook too: with --no-browser it is all there is.
    arguments = ["--ServerApp.ip=127.0.0.1", f"--LabApp.default_url=/lab/tree/{NOTEBOOK.name}", str(NOTEBOOK)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # in a container there is often nobody else; it listens on loopback alone
    if no_browser:
        arguments.append("--no-browser")
    # The commands of this environment, for the notebooks' shell cells: nobody need have activated it.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    typer.echo("Opening JupyterLab at the quickstart; Ctrl-C twice here ends it.")
    from jupyterlab.labapp import LabApp  # takes a second

    LabApp.launch_instance(arguments)
