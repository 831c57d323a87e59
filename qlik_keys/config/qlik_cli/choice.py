"""Which qlik-cli context was chosen here (`context use`): kept in a file of our own, qlik-cli's file stays as it is."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from qlik_keys.errors import ConfigurationError

_MAXIMUM_CHOICE = 8192


def home_folder() -> Path | None:
    """Return the user's home folder, None for a user who has none (a container's, without an entry in passwd)."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def own_folder() -> Path | None:
    """Return the folder of this program's own files, None for a user who has no home; it need not be there."""
    base, home = os.environ.get("XDG_CONFIG_HOME", "").strip(), home_folder()
    if not base and home is None:
        return None
    return (Path(base) if base or home is None else home / ".config") / "qlik-keys"


def chosen_context(contexts: Path) -> str:
    """Return the name that was chosen for that file of contexts, "" for none."""
    folder = own_folder()
    try:
        if folder is None:
            return ""
        with (folder / "context").open(encoding="utf-8") as file:
            name, _, where = file.read(_MAXIMUM_CHOICE).removesuffix("\n").partition("\n")
    except (OSError, ValueError):  # ValueError: no text
        return ""
    return name if name.isprintable() and where == str(contexts.absolute()) else ""


def keep_choice(contexts: Path, name: str) -> None:
    """Keep the choice of a context; it holds for that file of contexts alone.

    Raises:
        ConfigurationError: it cannot be kept.
    """
    folder = own_folder()
    if folder is None:
        raise ConfigurationError(
            "There is no home folder to save the choice in.", hint="Set HOME, or name the context each time: --context."
        )
    path = folder / "context"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(f"{name}\n{contexts.absolute()}\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        problem = type(error).__name__
    else:
        return
    raise ConfigurationError(f"The choice cannot be saved in {path} ({problem}).", hint="Name it each time: --context.")


def drop_choice(contexts: Path) -> None:
    """Choose no context of that file; a choice that cannot be dropped names a context that is told to be gone."""
    folder = own_folder()
    if folder is not None and chosen_context(contexts):
        with contextlib.suppress(OSError):
            (folder / "context").unlink(missing_ok=True)
