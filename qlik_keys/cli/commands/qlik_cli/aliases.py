"""`alias ls|add|update|rm`: short names for commands, in qlik-cli's words.

They are kept in a file of our own. A name of the tree is never one: no one's script may come to mean something else.
"""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer

from qlik_keys.cli.app import new_group
from qlik_keys.cli.commands.qlik_cli.refused import reason_against
from qlik_keys.cli.options.alias_file import keep_aliases, known_aliases
from qlik_keys.cli.options.common import JsonOption, QuietOption, refuse_empty
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.lists import Inherited
from qlik_keys.cli.output.results import show

app = new_group(name="alias", words="Short names for commands.")

_SECRETS = ("--api-key", "--oauth-client-secret", "--password", "--headers")
# The command's own options belong to it, not to `alias`.
_TAKEN_WHOLE = {"ignore_unknown_options": True, "allow_interspersed_args": False}
Words = Annotated[list[str], typer.Argument(metavar="COMMAND…", help="The command and its options.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The alias.", callback=refuse_empty)]


@app.command("ls")
@with_options(Inherited)
def ls(_inherited: Inherited, *, quiet: QuietOption = False, as_json: JsonOption = False) -> None:
    """List the aliases.

    Example: qlik-keys alias ls
    """
    rows = [{"name": name, "command": shlex.join(words)} for name, words in sorted(known_aliases().items())]
    show(rows, quiet=quiet, as_json=as_json, columns=("name", "command"), nothing="There are no aliases.")


@app.command("add", context_settings=_TAKEN_WHOLE)
def add(name: Name, words: Words) -> None:
    """Give a command a short name.

    Example: qlik-keys alias add newest oauth-client ls --sort -createdAt --limit 5
    """
    aliases = known_aliases()
    if name in aliases:
        raise typer.BadParameter("the alias exists already; to change it, use alias update", param_hint="NAME")
    _keep(aliases, name, words)


@app.command("update", context_settings=_TAKEN_WHOLE)
def update(name: Name, words: Words) -> None:
    """Give an alias another command.

    Example: qlik-keys alias update newest oauth-client ls --sort -updatedAt
    """
    aliases = known_aliases()
    if name not in aliases:
        raise typer.BadParameter("there is no such alias; to create it, use alias add", param_hint="NAME")
    _keep(aliases, name, words)


@app.command("rm")
@with_options(Inherited)
def rm(
    _inherited: Inherited,
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="The aliases.", callback=refuse_empty)],
    *,
    as_json: JsonOption = False,
) -> None:
    """Remove aliases.

    Example: qlik-keys alias rm newest
    """
    aliases = known_aliases()
    if any(name not in aliases for name in names):
        raise typer.BadParameter("there is no such alias; to list them, use alias ls", param_hint="NAME")
    keep_aliases({name: words for name, words in aliases.items() if name not in names})
    if as_json:
        show({"removed": names}, as_json=True)


def _keep(aliases: dict[str, list[str]], name: str, words: list[str]) -> None:
    """Keep an alias.

    Raises:
        typer.BadParameter: the name is taken, or the command cannot be kept.
        ConfigurationError: it cannot be written.
    """
    tree = _tree()
    if tree.knows(name) or not name.isprintable() or name.startswith("-") or name.strip() != name or name == "help":
        raise typer.BadParameter("this is the name of a command, or not a valid name", param_hint="NAME")
    if not tree.knows(words[0]):
        reason = reason_against("", words[0]) or "an alias is for a command of this program"
        raise typer.BadParameter(reason, param_hint="COMMAND")
    if any(word.partition("=")[0] in _SECRETS for word in words):
        raise typer.BadParameter(
            "an alias is stored as plain text, so it must not contain an option with a secret", param_hint="COMMAND"
        )
    keep_aliases(aliases | {name: words})


def _tree() -> Any:
    from qlik_keys.cli.app import Tree

    return Tree
