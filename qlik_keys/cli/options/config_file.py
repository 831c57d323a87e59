"""`-c config.yml`: options from a file, in place of the command line; what is typed outranks it (qlik.dev, "context").

The file may hold an API key, so nothing of it is quoted but names of keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from qlik_keys.cli.options.lists import refuse_insecure, refuse_other_servers
from qlik_keys.cli.output.errors import note_file
from qlik_keys.cli.output.results import current_notebook
from qlik_keys.config.qlik_cli.contexts import Context, config_context
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS = ("json", "quiet", "raw", "verbose")
_CONNECTION = ("server", "server-type", "headers", "oauth-client-id", "oauth-client-secret", "insecure")
_KNOWN = frozenset({*_FLAGS, *_CONNECTION, "context", "retry", "interval"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a file says.

    Attributes:
        connection: the context's name, or server and login; None where it has neither.
        headers: further ones, name=value.
        numbers: `retry` and `interval`, where they are there.
        flags: the flags that are set.
    """

    connection: str | Context | None
    headers: list[str]
    numbers: dict[str, int]
    flags: frozenset[str]


def read_config(path: Path, *, as_json: bool) -> Config:
    """Read a file; what it has for other commands of qlik-cli is ignored with a note.

    Args:
        path: of the file.
        as_json: whether notes are left out.

    Raises:
        ConfigurationError: it cannot be read, or is no such file.
        typer.BadParameter: it asks for what this program does not do.
    """
    context, fields, headers = config_context(path)
    flags = frozenset(name for name in _FLAGS if fields.get(name, "").lower() == "true")
    if "json" in flags and current_notebook() is None:
        as_json = True
        note_file(asks_for_json=True)
    refuse_insecure(context.insecure)
    refuse_other_servers(fields.get("server-type"))
    others = sorted(name for name in fields.keys() - _KNOWN if name.isprintable())
    if others and not as_json:
        typer.echo(f"Note: these settings of {path} are ignored: {', '.join(others)}.", err=True)
    has_connection = bool(context.server or context.api_key or context.client_secret)
    if has_connection and not context.server:
        raise ConfigurationError(f"{path} has a login but no server.", hint="Add the line `server: https://…`.")
    if context.problems:
        raise ConfigurationError(f"{path} cannot be used: {context.problems[0]}.", hint="Fix that line.")
    return Config(
        connection=context if has_connection else fields.get("context") or None,
        headers=[f"{name}={value}" for name, value in headers.items()],
        numbers={name: _number(fields[name], name) for name in ("retry", "interval") if name in fields},
        flags=flags,
    )


def _number(text: str, name: str) -> int:
    low, high = (0, 10) if name == "retry" else (1, 3600)
    if text.isascii() and text.isdigit() and low <= int(text[:6]) <= high:
        return int(text)
    raise typer.BadParameter(f"{name} is not a number from {low} to {high}", param_hint="--config")
