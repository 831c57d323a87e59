"""What a shell or a notebook offers while one types: names of contexts and of clients.

It is a help, so it is quick and quiet: whatever goes wrong, nothing is offered. Names alone are read, never a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_CLIENTS = 100
_PATIENCE_SECONDS = 2.0


def complete_contexts(incomplete: str) -> list[str]:
    """Return the names of qlik-cli's contexts that begin like this."""
    from qlik_keys.contexts import known_contexts

    return sorted(name for name in known_contexts() if name.startswith(incomplete))


def complete_clients(incomplete: str) -> list[str]:
    """Return the names of clients whose key is in the Vault that begin like this, of the first hundred of them."""
    from qlik_keys.cli.results import notebook_context
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.settings import Settings
    from qlik_keys.tenant.url import tenant_host

    names = set()
    try:
        settings = Settings.resolve(context=notebook_context() or None, login=False)
        if not settings.tenant_url:
            return []
        host = tenant_host(settings.tenant_url)
        with settings.store(timeout_seconds=_PATIENCE_SECONDS) as store:
            for client_id in store.client_ids(host)[:_MOST_CLIENTS]:
                summary = store.summary(host, client_id)
                if summary is not None and summary.client_name.startswith(incomplete):
                    names.add(summary.client_name)
    except QlikKeysError:
        pass
    return sorted(names)


def complete_line(words: Sequence[str], incomplete: str) -> list[str]:
    """Return what may stand at the end of a line of the tree, as a shell's own completion finds it.

    Args:
        words: the whole words before, without the program's name.
        incomplete: what the last word begins with, "" for nothing.
    """
    from qlik_keys.cli.app import app

    command: Any = typer.main.get_command(app)
    for word in words:
        if hasattr(command, "list_commands"):
            command = command.get_command(None, word)
        if command is None:
            return []
    if hasattr(command, "list_commands"):
        names = [*command.list_commands(None), "--help"]
        return [name for name in names if name.startswith(incomplete)]
    context = command.make_context(command.name, [], resilient_parsing=True)
    options = {name: each for each in command.params if each.param_type_name == "option" for name in each.opts}
    asked = options.get(words[-1]) if words else None
    if asked is not None and not asked.is_flag:
        return _values(asked, context, incomplete)
    if incomplete.startswith("-"):
        return [*(name for name, each in options.items() if not each.hidden and name.startswith(incomplete))]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    return [value for each in arguments for value in _values(each, context, incomplete)]


def _values(parameter: Any, context: Any, incomplete: str) -> list[str]:
    return [item.value for item in parameter.shell_complete(context, incomplete)]
