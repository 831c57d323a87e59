"""`qlik-keys lab`: JupyterLab at the quickstart notebook.

JupyterLab runs in this very process, so that however this command ends, no server is left behind; its kernels end with
it, since each watches its parent.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from qlik_keys.cli.app import new_group
from qlik_keys.cli.notebook_files import notebook_folder
from qlik_keys.core.version import __version__
from qlik_keys.errors import ConfigurationError

FIRST_NOTEBOOK = "01-quickstart.ipynb"

# Those that take a login and a command together, and this command as it is.
_SHELLS = ("ash", "bash", "dash", "fish", "ksh", "sh", "zsh")

app = new_group()


def terminal_command() -> list[str]:
    """Return what JupyterLab's terminals run so that they find our commands; empty where its own default does.

    Where it has no terminal itself (in a container, as a service), it runs a login shell, and the profiles that this
    reads mostly set PATH again. They are read, and then comes the environment of qlik_keys.
    """
    shell = os.environ.get("SHELL") or shutil.which("sh") or ""
    if os.name == "nt" or sys.stdout.isatty() or Path(shell).name not in _SHELLS:
        return []
    programs = shlex.quote(str(Path(sys.executable).parent))
    return [shell, "-l", "-c", f'exec env PATH={programs}:"$PATH" {shlex.quote(shell)}']


@app.command()
def lab(
    *,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="FOLDER", help="The folder to which the notebooks are copied. Nothing is overwritten."
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser; print the address.")] = False,
) -> None:
    """Open JupyterLab at the quickstart notebook.

    It runs in the foreground. The notebooks are copied to a folder of yours first: without --folder to one in the
    working directory that bears the version of qlik_keys. A file that is there is kept, with your changes; one that you
    delete is copied again. In a clone of the project, without --folder, the clone's own notebooks are opened.

    Example: qlik-keys lab --folder ~/qlik-notebooks
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise ConfigurationError("JupyterLab is not installed here.", hint='pip install "qlik_keys[sandbox,lab]"')
    notebooks = notebook_folder(folder)
    typer.echo(f"The notebooks are in {notebooks.path}.")
    if notebooks.kept:
        typer.echo(
            f"Kept, although they differ from those of qlik_keys {__version__}: {', '.join(notebooks.kept)}. "
            "To get new copies, delete these or use another folder (--folder)."
        )
    # The address that it prints leads to the notebook too: with --no-browser it is all there is.
    arguments = [
        "--ServerApp.ip=127.0.0.1",
        f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}",
        str(notebooks.path / FIRST_NOTEBOOK),
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # in a container there is often no other user; it listens on loopback alone
    if no_browser:
        arguments.append("--no-browser")
    # The commands of this environment, for the notebooks' shell cells: it need not be activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    typer.echo("Opening JupyterLab at the quickstart. Press Ctrl-C twice here to stop it.")
    from jupyterlab.labapp import LabApp  # takes a second

    command = terminal_command()
    if command:
        # JupyterLab takes the server that is made here, and then reads the person's own configuration: what that says
        # of terminals counts.
        LabApp.serverapp_class.instance(
            jpserver_extensions={LabApp.get_extension_package(): True},
            terminado_settings={"shell_command": command},
        )
    LabApp.launch_instance(arguments)
