"""Aliases: short names for commands, kept in a file of our own; qlik-cli's are its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from qlik_keys.config.qlik_cli.choice import own_folder
from qlik_keys.core.files import write_whole
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_MAXIMUM_BYTES = 200_000


def known_aliases() -> dict[str, list[str]]:
    """Return name -> words of the aliases; {} where there are none, or where the file cannot be read."""
    path = _file()
    try:
        if path is None or path.stat().st_size > _MAXIMUM_BYTES:
            return {}
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {
        name: words
        for name, words in (document.items() if isinstance(document, dict) else ())
        if isinstance(words, list) and words and all(isinstance(each, str) for each in words)
    }


def keep_aliases(aliases: dict[str, list[str]]) -> None:
    """Write the aliases.

    Raises:
        ConfigurationError: they cannot be written.
    """
    path = _file()
    if path is None:
        raise ConfigurationError("There is no home folder to save aliases in.", hint="Set HOME.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, json.dumps(aliases, indent=1).encode())
    except (OSError, ValueError) as error:
        problem = type(error).__name__
    else:
        return
    raise ConfigurationError(
        f"The aliases cannot be saved in {path} ({problem}).", hint="Make its folder writable for you."
    )


def _file() -> Path | None:
    folder = own_folder()
    return None if folder is None else folder / "aliases.json"
