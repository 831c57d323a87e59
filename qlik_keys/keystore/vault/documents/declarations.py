"""The mark of a fleet file within a client's document, and in its custom metadata: written and read. Pure.

In the document it is one text, as an operation is. Reading that is strict: a mark that cannot be read is never
forgotten. Metadata are for display and for listings, and what cannot be read there is passed over.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from qlik_keys.core.durations import format_duration, parse_duration
from qlik_keys.errors import ConfigurationError
from qlik_keys.keystore.declarations import Declaration
from qlik_keys.keystore.vault.documents.fields import damaged, object_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.keystore.base import ClientRecord

# Of others' metadata on the same document an `owner` or `tags` may well be there, and is theirs.
DECLARATION_NAMES = (
    "declared_fleet",
    "declared_owner",
    "declared_tags",
    "declared_overlap",
    "rotates_after",
    "awaits_secret",
)
_FLEET, _OWNER, _TAGS, _OVERLAP, _SERVES, _AWAITS = DECLARATION_NAMES


def encode_declaration(declaration: Declaration | None) -> str:
    """Return a mark as it is written, "" for none."""
    if declaration is None:
        return ""
    told = {
        "fleet": declaration.fleet,
        "owner": declaration.owner,
        "tags": declaration.tags,
        "overlap_seconds": declaration.overlap_seconds,
        "awaits_secret": declaration.awaits_secret or None,
    }
    return json.dumps({name: value for name, value in told.items() if value not in ("", (), None)})


def decode_declaration(text: object, path: str) -> Declaration | None:
    """Return the mark in a text, None for none: records of before there were fleet files have no such field.

    Raises:
        StoreDamaged: it cannot be read.
    """
    if text is None or text == "":
        return None
    found = _declaration_of(text)
    if found is None:
        raise damaged(path, "its mark of a fleet file cannot be read")
    return found


def _declaration_of(text: object) -> Declaration | None:
    told = object_in(text)
    if told is None:
        return None
    fleet, owner, tags = told.get("fleet"), told.get("owner", ""), told.get("tags", [])
    seconds = told.get("overlap_seconds")
    if not (isinstance(fleet, str) and isinstance(owner, str) and isinstance(tags, list)):
        return None
    are_texts = all(isinstance(tag, str) for tag in tags)
    if not are_texts or not (seconds is None or (type(seconds) is int and seconds >= 0)):
        return None
    return _made(fleet, owner, tuple(tags), seconds, awaits_secret=told.get("awaits_secret") is True)


def shown_declaration(record: ClientRecord) -> dict[str, str]:
    """Return what custom metadata show of a record that is declared in a fleet file; nothing of any other."""
    declaration = record.declaration
    if declaration is None:
        return {}
    overlap, serves = declaration.overlap_seconds, record.rotate_after
    return {
        _FLEET: declaration.fleet,
        _OWNER: declaration.owner,
        _TAGS: " ".join(declaration.tags),
        _OVERLAP: "" if overlap is None else format_duration(timedelta(seconds=overlap)),
        _SERVES: "" if serves is None else format_duration(serves),
        _AWAITS: "yes" if declaration.awaits_secret else "",
    }


def declaration_shown(metadata: Mapping[str, str]) -> Declaration | None:
    """Return the mark that custom metadata show, None where they show none that can be read."""
    overlap = _duration(metadata.get(_OVERLAP))
    tags = tuple(metadata.get(_TAGS, "").split())
    seconds = None if overlap is None else int(overlap.total_seconds())
    awaits_secret = metadata.get(_AWAITS) == "yes"
    return _made(metadata.get(_FLEET, ""), metadata.get(_OWNER, ""), tags, seconds, awaits_secret=awaits_secret)


def rotate_after_shown(metadata: Mapping[str, str]) -> timedelta | None:
    """Return how long the current key should serve by custom metadata, None where they do not say."""
    return _duration(metadata.get(_SERVES))


def _made(
    fleet: str, owner: str, tags: tuple[str, ...], seconds: int | None, *, awaits_secret: bool
) -> Declaration | None:
    try:
        return Declaration(fleet=fleet, owner=owner, tags=tags, overlap_seconds=seconds, awaits_secret=awaits_secret)
    except ConfigurationError:
        return None


def _duration(text: str | None) -> timedelta | None:
    try:
        return parse_duration(text) if text else None
    except ConfigurationError:
        return None
