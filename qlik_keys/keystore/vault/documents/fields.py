"""The fields of our documents in a KV store: texts and moments, and what is said when one is malformed. Pure."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, time
from typing import Any

from qlik_keys.errors import StoreConflict, StoreDamaged
from qlik_keys.keys import kid_made_on


def unmanaged_document(path: str) -> StoreConflict:
    """Return the error for a document that we did not write."""
    return StoreConflict(
        f"The document at {path} is not managed by qlik_keys, so it is not changed.",
        path=path,
        hint="Move it to another path, or use another `prefix` or `mount`.",
    )


def damaged(path: str, what: str) -> StoreDamaged:
    """Return the error for a document of qlik_keys that cannot be read; `what` may be another error's message."""
    return StoreDamaged(
        f"The document at {path} is damaged: {what.rstrip('.')}.",
        path=path,
        hint=f"It was edited manually. An earlier version may be intact: {roll_back(path)}",
    )


def roll_back(path: str) -> str:
    """Return how a person brings back an earlier version of a document."""
    return f"`vault kv metadata get {path}` lists them, `vault kv rollback -version=N {path}` restores version N."


def command(*words: str) -> str:
    """Return a command line of Vault's own program, as a shell takes it; `bao` takes the same words."""
    return f"`{shlex.join(('vault', *words))}`"


def undelete(mount: str, path: str, version: object) -> str:
    """Return what brings a soft-deleted version back, and removes its end of life."""
    return command("kv", "undelete", f"-mount={mount}", f"-versions={version}", path)


def roll_back_to(mount: str, path: str, version: int) -> str:
    """Return what makes an older version the newest again."""
    return command("kv", "rollback", f"-mount={mount}", f"-version={version}", path)


def remove_all(mount: str, path: str) -> str:
    """Return what removes whatever is left of a document."""
    return command("kv", "metadata", "delete", f"-mount={mount}", path)


def keep_permanently(mount: str, path: str, version: object) -> str:
    """Return what ends `delete_version_after` for a mount and a document, and for the version that is there."""
    return (
        f"{command('write', f'{mount}/config', 'delete_version_after=0s')} and "
        f"{command('write', f'{mount}/metadata/{path}', 'delete_version_after=0s')}, then "
        f"{undelete(mount, path, version)}"
    )


def format_time(moment: datetime) -> str:
    """Return a moment for people, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def text_of(document: dict[str, Any], name: str, path: str) -> str:
    """Return a field that must be a text.

    Raises:
        StoreProtocolError: it is none.
    """
    value = document.get(name)
    if not isinstance(value, str):
        raise damaged(path, f"its field {name} is missing or not text")
    return value


def texts_of(document: dict[str, Any], name: str, path: str) -> tuple[str, ...]:
    """Return the texts in a field that is a JSON list of them; none where it is empty or missing.

    Raises:
        StoreProtocolError: it is something else.
    """
    text = document.get(name)
    if text is None or text == "":
        return ()
    try:
        values = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise damaged(path, f"its field {name} is malformed")
    return tuple(values)


def parsed(text: str, path: str) -> dict[str, object]:
    """Return the JSON object in a text.

    Raises:
        StoreProtocolError: there is none.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise damaged(path, "its specification is not a JSON object")
    return value


def seconds_of(text: object, path: str) -> int | None:
    """Return the seconds in a text, None for none.

    Raises:
        StoreProtocolError: it is malformed.
    """
    if text is None or text == "":
        return None
    if not isinstance(text, str) or not text.isdecimal():
        raise damaged(path, "its overlap is malformed")
    return int(text)


def object_in(text: object) -> dict[str, Any] | None:
    """Return the JSON object in a text, None where there is none."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def time_text(moment: datetime | None) -> str:
    """Return a moment in ISO 8601, UTC, "" for none."""
    if moment is None:
        return ""
    if moment.tzinfo is None:
        raise ValueError("a time must have a time zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: object) -> datetime | None:
    """Return the moment in an ISO 8601 text, None for none or a malformed one."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def time_of(text: object, path: str) -> datetime | None:
    """Return the moment in an ISO 8601 text, None for none.

    Raises:
        StoreProtocolError: it is malformed.
    """
    if text is None or text == "":
        return None
    moment = parse_time(text)
    if moment is None:
        raise damaged(path, "one of its dates is malformed")
    return moment


def moment_made(kid: str, *, now: datetime) -> datetime:
    """Return when a key that is taken from elsewhere was made: the date in its kid, if that is another day than now."""
    made_on = kid_made_on(kid)
    return now if made_on in (None, now.date()) else datetime.combine(made_on, time(), tzinfo=UTC)
