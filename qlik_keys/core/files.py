"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def is_writable_by_all(path: Path) -> bool:
    """Tell whether every user of this machine may write a file: what it defines is then anyone's; False on Windows."""
    return os.name == "posix" and bool(path.stat().st_mode & stat.S_IWOTH)


def write_whole(target: Path, content: bytes) -> None:
    """Write a file next to its place and put it there at once; what fails leaves nothing behind.

    A file that is there keeps its permissions, and a link its place: what it leads to is replaced. A pipe or a device
    is written to, since it cannot be replaced.

    Raises:
        OSError: it cannot be written.
    """
    mode = target.stat().st_mode if target.exists() else None
    if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        target.write_bytes(content)
        return
    place = Path(os.path.realpath(target))
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        if mode is not None:
            part.chmod(stat.S_IMODE(mode))
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
