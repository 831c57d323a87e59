"""Reading a fleet file: every mistake at once, each with line and column, and none of the values quoted.

No frame that raises holds the file's text, or a value of it: a traceback with its locals shows none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError, ManifestError
from qlik_keys.fleet.hook_files import refusal_of_open_file
from qlik_keys.fleet.manifest.checks import check_together
from qlik_keys.fleet.manifest.model import FleetFile
from qlik_keys.fleet.written_models import checked
from qlik_keys.fleet.written_yaml import FileKind, read_file, read_text

if TYPE_CHECKING:
    from qlik_keys.fleet.manifest.declared import Manifest
    from qlik_keys.fleet.tenants import Fleet
    from qlik_keys.fleet.written_yaml import Written

DEFAULT_FILE = "qlik-keys.yaml"
_KIND = FileKind(
    name="fleet file",
    most_bytes=8_000_000,
    where_empty="`qlik-keys export` writes one from what exists.",
    where_repeated="Use `defaults:` or `groups:`.",
    may_be_id=frozenset({"login-client", "client-id", "clients"}),
    may_be_chance=frozenset({"name", "url", "address"}),
)
_REFERENCE = "See the JSON Schema: `qlik-keys plan --schema`."


def read_manifest(path: str | Path) -> Manifest:
    """Read a fleet file.

    Args:
        path: the file.

    Raises:
        ManifestError: it has mistakes; its `problems` has each with line and column.
        ConfigurationError: it cannot be read; or it defines hooks, and every user of this machine may write it.
    """
    found = _read(Path(os.path.expanduser(path)))  # noqa: PTH111  # the other one raises where there is no such user
    if isinstance(found, ConfigurationError):
        raise found
    return found


def _read(place: Path) -> Manifest | ConfigurationError:
    """Return what a file declares, or what is wrong with it."""
    try:
        found = _manifest_in(read_file(place, _KIND), str(place))
        has_hooks = not isinstance(found, ConfigurationError) and any(found.hooks.values())
        return (refusal_of_open_file(place) if has_hooks else None) or found
    except OSError as error:
        problem = error.strerror or type(error).__name__
    return ConfigurationError(
        f"The fleet file {place} cannot be read: {problem}.",
        hint="Name another file, or write one: `qlik-keys export`.",
    )


def read_fleet(path: str | Path) -> Fleet:
    """Return the tenants of a fleet file.

    Raises:
        ManifestError: as `read_manifest`.
        ConfigurationError: likewise.
    """
    return read_manifest(path).fleet_of_tenants()


def manifest_of(text: str, *, file: str = DEFAULT_FILE) -> Manifest:
    """Return what the text of a fleet file declares.

    Args:
        text: YAML.
        file: its name, for errors.

    Raises:
        ManifestError: it has mistakes.
    """
    found = _manifest_in(read_text(text, _KIND), file)
    del text
    if isinstance(found, ConfigurationError):
        raise found
    return found


def _manifest_in(written: Written, file: str) -> Manifest | ManifestError:
    manifest = None
    if written.values is not None:
        found = checked(written, FleetFile, reference=_REFERENCE)
        # What several values say together is looked at also where one of them is wrong: all mistakes are told at once.
        manifest = check_together(written, found)
    return ManifestError(file, written.in_order()) if written.problems or manifest is None else manifest
