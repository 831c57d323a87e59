"""`context …`: qlik-cli's contexts. They are read as they are; their secrets are never shown.

What changes qlik-cli's own file is in `context_changes`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import new_group
from qlik_keys.cli.commands.qlik_cli.context_changes import COMMANDS
from qlik_keys.cli.completion.offers import complete_contexts
from qlik_keys.cli.options.common import JsonOption, QuietOption, refuse_empty
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.lists import Inherited
from qlik_keys.cli.output.results import current_notebook, show

if TYPE_CHECKING:
    from qlik_keys.config.qlik_cli.contexts import Context, ContextFile

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The context's name.", autocompletion=complete_contexts, callback=refuse_empty),
]

_COLUMNS = ("name", "current", "server", "login", "comment", "problems")

app = new_group(name="context", words="The contexts of qlik-cli: tenants and credentials.")


@app.command("ls")
@with_options(Inherited)
def ls(_inherited: Inherited, *, quiet: QuietOption = False, as_json: JsonOption = False) -> None:
    """List the contexts of qlik-cli, without their secrets.

    They are read as they are written: YAML's merge keys (<<) are not supported, and a context that has one says so.

    Example: qlik-keys context ls
    """
    contexts = _contexts()
    rows = [] if contexts is None else [_shown(each, contexts) for each in contexts.contexts.values()]
    nothing = "There are no qlik-cli contexts (~/.qlik/contexts.yml)."
    show(rows, quiet=quiet, as_json=as_json, columns=_COLUMNS, nothing=nothing)


@app.command("get")
@with_options(Inherited)
def get(
    _inherited: Inherited,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="The context's name; the current one by default.",
            autocompletion=complete_contexts,
            callback=refuse_empty,
        ),
    ] = None,
    *,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show one context, the current one by default.

    Example: qlik-keys context get practice
    """
    show_context(name or "", quiet=quiet, as_json=as_json)


@app.command("use")
@with_options(Inherited)
def use(_inherited: Inherited, name: Name, *, quiet: QuietOption = False, as_json: JsonOption = False) -> None:
    """Call as this context from now on; in a notebook, for that notebook.

    qlik-cli's own file is not changed: its current context stays what it was.

    Example: qlik-keys context use practice
    """
    from qlik_keys.config.qlik_cli.contexts import choose_context, no_contexts

    notebook = current_notebook()
    contexts = _contexts()
    if contexts is None:
        raise no_contexts(name)
    chosen = contexts.get(name)
    if notebook is not None:
        notebook.context = name
    else:
        choose_context(name)
        if not as_json:
            _tell_what_outranks_it()
    show(_shown(chosen, contexts) | {"current": True}, quiet=quiet, as_json=as_json)


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def show_context(name: str, *, quiet: bool, as_json: bool) -> None:
    """Show a context, the current one for "".

    Raises:
        ConfigurationError: there is none of that name, or the file cannot be read.
    """
    from qlik_keys.config.qlik_cli.contexts import no_contexts

    contexts = _contexts()
    if contexts is None:
        raise no_contexts(name)
    show(_shown(contexts.get(name), contexts), quiet=quiet, as_json=as_json)


def _contexts() -> ContextFile | None:
    """Return the contexts; in a notebook the current one is the one that was chosen in it."""
    from dataclasses import replace

    from qlik_keys.config.qlik_cli.contexts import users_contexts

    found = users_contexts()
    notebook = current_notebook()
    return (
        found if found is None or notebook is None or not notebook.context else replace(found, current=notebook.context)
    )


def _shown(context: Context, contexts: ContextFile) -> dict[str, Any]:
    login = "none"
    if context.client_id and context.client_secret:
        login = f"client secret of {context.client_id}"
    elif context.api_key:
        login = "bearer"
    problems = [*context.problems]
    if context.insecure:
        problems.append("its setting `insecure` is ignored: certificates are always verified")
    return {
        "name": context.name,
        "current": context.name == contexts.current,
        "server": re.split("[?#]", context.server, maxsplit=1)[0],  # what stands behind may be a key
        "login": login,
        "comment": context.comment,
        "problems": problems,
    }


def _tell_what_outranks_it() -> None:
    import os

    set_here = [name for name in ("QLIK_TENANT_URL", "QLIK_API_KEY", "QLIK_CLIENT_ID") if os.environ.get(name)]
    if set_here:
        typer.echo(
            f"Note: {' and '.join(set_here)} in the environment take precedence over it; --context takes "
            "precedence over both.",
            err=True,
        )
