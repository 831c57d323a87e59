"""The notebooks that come with qlik_keys, and a copy of them that the user may change.

A wheel carries them inside the package, where no one should write; a clone has them next to the package, where its
developers edit them. Jupyter is no concern of this module.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from qlik_keys.core.files import write_whole
from qlik_keys.core.version import __version__
from qlik_keys.errors import ConfigurationError

_PACKAGE = Path(__file__).parents[1]
_PATTERNS = ("*.ipynb", "*.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookFolder:
    """A folder with the notebooks that its user may change.

    Attributes:
        path: the folder, absolute.
        copied: names of the files that this call wrote.
        kept: names of the files that were there already and differ from those of this version.
    """

    path: Path
    copied: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def notebook_folder(chosen: Path | None = None, *, package: Path = _PACKAGE) -> NotebookFolder:
    """Return a folder with this version's notebooks; copy what is missing there.

    A file that exists is never written to. Without a choice, a clone's own folder is taken as it is; elsewhere it is
    one in the working directory that bears the version, so that an upgrade brings its own notebooks.

    Args:
        chosen: the folder, None for the default; made where it is missing.
        package: the folder of the package `qlik_keys`.

    Raises:
        ConfigurationError: there are no notebooks to copy, or the folder cannot be made or written to.
    """
    inside, sibling = package / "notebooks", package.parent / "notebooks"
    source = inside if inside.is_dir() else sibling
    names = sorted(path.name for pattern in _PATTERNS for path in source.glob(pattern))
    if not names:
        raise ConfigurationError(
            f"This installation of qlik_keys has no notebooks: {source} has none.", hint="Install qlik_keys again."
        )
    if chosen is None and source == sibling:
        return NotebookFolder(path=source)
    folder = (chosen or Path(f"qlik_keys-{__version__}-notebooks")).expanduser().absolute()
    copied, kept = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            content = (source / name).read_bytes()
            if not os.path.lexists(folder / name):
                # Half a file would be taken for the user's own at the next start, and kept.
                write_whole(folder / name, content)
                copied.append(name)
            elif (folder / name).read_bytes() != content:
                kept.append(name)
    except OSError as error:
        raise ConfigurationError(
            f"The notebooks cannot be copied to {folder}: {error.strerror or error}.",
            hint="Name a folder that you can write to: qlik-keys lab --folder FOLDER",
        ) from None
    return NotebookFolder(path=folder, copied=tuple(copied), kept=tuple(kept))
