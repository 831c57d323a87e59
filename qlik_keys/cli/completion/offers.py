"""What a shell or a notebook offers while one types: words of the tree, options, names of contexts and of clients.

It is a help, so it is quick and quiet: whatever goes wrong, nothing is offered. Names alone are read, never a key.
How an offer is written on the line, so that it is one word there and nothing that is run: `lines`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.keystore.base import KeyStore

_MOST_CLIENTS = 100
_PATIENCE_SECONDS = 2.0


class Offer(NamedTuple):
    """A word that may stand there, and what it is about, "" for nothing."""

    value: str
    words: str = ""


def complete_contexts(incomplete: str) -> list[str]:
    """Return the names of qlik-cli's contexts that begin like this."""
    from qlik_keys.config.qlik_cli.contexts import known_contexts

    return sorted(name for name in known_contexts() if name.startswith(incomplete))


def complete_tenants(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of tenants that begin like this: of the fleet's file, or else of qlik-cli's contexts.

    Args:
        ctx: what stands on the line already; its `--fleet` counts.
        incomplete: the beginning.
    """
    from qlik_keys.cli.options.tenants import FLEET_VARIABLE, fleet_of_file
    from qlik_keys.errors import QlikKeysError

    file = ctx.params.get("fleet") or os.environ.get(FLEET_VARIABLE, "").strip()
    if not file:
        return complete_contexts(incomplete)
    try:
        return [name for name in fleet_of_file(Path(file)).names if name.startswith(incomplete)]
    except QlikKeysError:
        return []


def complete_clients(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of clients whose key is in the Vault that begin like this, of the first hundred of them.

    Args:
        ctx: what stands on the line already; its `--context`, `--server` and first `--tenant` count.
        incomplete: the beginning.
    """
    from qlik_keys.cli.output.results import notebook_context
    from qlik_keys.config.settings import Settings
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.keystore.tenant_folder import folder_of
    from qlik_keys.tenant.url import tenant_host

    asked = ctx.params if ctx.info_name != "token" else ctx.params | {"context": None}  # which writes that context
    context, server = asked.get("context") or next(iter(asked.get("tenant") or ()), None), asked.get("server") or None
    if context is None and server is None:
        context = notebook_context() or None
    try:
        settings = Settings.resolve(context=context, tenant_url=server, login=False)
        if not settings.tenant_url:
            return []
        host = tenant_host(settings.tenant_url)
        with settings.store(timeout_seconds=_PATIENCE_SECONDS) as store:
            client_ids = store.client_ids(host)
            if client_ids:
                return _client_names(store, host, client_ids, incomplete)
            # The records may be under another host name of the tenant, which only a login is told.
            settings = Settings.resolve(context=context, tenant_url=server)
            with settings.tenant(timeout_seconds=_PATIENCE_SECONDS) as tenant:
                folder = folder_of(tenant, store)
                return _client_names(folder, host, folder.client_ids(host), incomplete)
    except QlikKeysError:
        return []


def _client_names(store: KeyStore, host: str, client_ids: Sequence[str], incomplete: str) -> list[str]:
    summaries = (store.summary(host, client_id) for client_id in client_ids[:_MOST_CLIENTS])
    names = {summary.client_name for summary in summaries if summary is not None}
    return sorted(name for name in names if name.startswith(incomplete))


def complete_line(words: Sequence[str], incomplete: str) -> list[Offer]:
    """Return what may stand at the end of a line of the tree; for `--option=beginning` the values alone.

    Args:
        words: the whole words before, without the program's name.
        incomplete: what the last word begins with, "" for nothing.
    """
    from qlik_keys.cli.app import app
    from qlik_keys.cli.options.word_order import call_of, in_order, leading_options

    root: Any = typer.main.get_command(app)
    command = root
    given: list[str] = []
    left = in_order(words, root)
    while left and hasattr(command, "list_commands"):
        if left[0].startswith("-"):  # options that come before the verb: they will be the command's
            end = leading_options(root, left)
            if not end:
                return []
            given, left = [*given, *left[:end]], left[end:]
        else:
            command = command.get_command(None, left.pop(0))
            if command is None:
                return []
    given += left
    if incomplete.startswith("--") and "=" in incomplete and "--" not in given:
        name, _, incomplete = incomplete.partition("=")
        given.append(name)
    is_group = hasattr(command, "list_commands")
    # What stands before the verb, or may, are options of calls; a group has hardly any of its own.
    target = call_of(root) if is_group and (given or incomplete.startswith("-")) else command
    context = target.make_context(target.name, [*given], resilient_parsing=True)
    options = {
        name: each
        for each in dict.fromkeys((*target.get_params(context), *command.get_params(context)))
        if each.param_type_name == "option" and not each.hidden
        for name in each.opts
    }
    asked = options.get(given[-1]) if given and "--" not in given else None
    if asked is not None and not asked.is_flag:
        return _values(asked, context, incomplete)
    if incomplete.startswith("-") and "--" not in given:
        return [Offer(name, each.help or "") for name, each in options.items() if name.startswith(incomplete)]
    if is_group:
        return [
            Offer(name, _words_of(command, name)) for name in command.list_commands(None) if name.startswith(incomplete)
        ]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    free = (each for each in arguments if context.params.get(each.name) is None)
    return [offer for each in free for offer in _values(each, context, incomplete)]


def _words_of(group: Any, name: str) -> str:
    """Return what a group's help says of a command, without loading the tree for it."""
    from qlik_keys.cli.app import TREE, Tree

    if isinstance(group, Tree):
        return next(entries[name].words for entries in TREE.values() if name in entries)
    return str(group.get_command(None, name).get_short_help_str())


def _values(parameter: Any, context: Any, incomplete: str) -> list[Offer]:
    """Return a parameter's values; where it is a file, nothing: the shell knows better.

    A name of several lines cannot be typed, and one that begins with a dash would be an option.
    """
    found = [item.value for item in parameter.shell_complete(context, incomplete) if item.type == "plain"]
    return [Offer(value) for value in found if value and value.isprintable() and not value.startswith("-")]
