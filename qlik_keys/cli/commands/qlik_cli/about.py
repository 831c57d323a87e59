"""`status`, `version` and `offers`: about this program and what it calls, in qlik-cli's words."""

from __future__ import annotations

from typing import Annotated

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options.common import JsonOption, refuse_empty
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.lists import Inherited
from qlik_keys.cli.options.request_options import (  # typer reads the annotations at run time
    RequestOptions,
    with_request_options,
)
from qlik_keys.cli.output.results import current_notebook, show, show_value
from qlik_keys.core.version import __version__

app = new_group()

_SHELLS = {"bash": "bash", "zsh": "zsh", "fish": "fish", "powershell": "powershell", "pwsh": "pwsh", "ps": "powershell"}


@app.command("status", epilog=TENANT_HELP)
@with_request_options
def status(request: RequestOptions) -> None:
    """Show the tenant and the user of the current login.

    Example: qlik-keys status
    """
    with request.tenant() as tenant:
        caller = tenant.users.me()
        url = tenant.url
    document = {"server": url, "id": caller.id, "name": caller.name, "status": caller.status}
    if request.quiet or request.human:
        show(document, quiet=request.quiet, human=request.human, as_json=request.as_json)
    else:
        text = f"Connected to {url} as {caller.name}"
        show_value(document, text=lambda: text, document=lambda: document, as_json=request.as_json)


@app.command("version")
@with_options(Inherited)
def version(_inherited: Inherited, *, as_json: JsonOption = False) -> None:
    """Print the version.

    Example: qlik-keys version
    """
    if as_json or current_notebook() is not None:
        show({"version": __version__}, as_json=True)
    else:
        typer.echo(__version__)


@app.command("completion")
@with_options(Inherited)
def completion(
    _inherited: Inherited,
    shell: Annotated[
        str, typer.Argument(metavar="SHELL", help="bash, zsh, fish, powershell or ps.", callback=refuse_empty)
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Print a completion script for a shell.

    Example: qlik-keys completion bash
    """
    from typer._completion_shared import get_completion_script  # it has no public name

    name = _SHELLS.get(shell.lower())
    if name is None:
        raise typer.BadParameter(f"there are {', '.join(_SHELLS)}", param_hint="SHELL")
    program = "qlik-keys"
    script = get_completion_script(prog_name=program, complete_var="_QLIK_KEYS_COMPLETE", shell=name)
    if as_json:
        show({"shell": name, "script": script}, as_json=True)
    else:
        typer.echo(script)
