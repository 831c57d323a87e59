"""Looking for canary secrets in whatever the product leaves behind (reliability-facts, section 3, "S-bar").

A canary is found in the clear, JSON-escaped, in base64 and base64url (at each of the three alignments that it can have
inside a longer text), URL-quoted, in hex, and by any slice of 20 characters of those. A canary of several lines (a PEM)
is also looked for without its line ends; one shorter than 20 characters is looked for whole.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SLICE_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a canary was found; its text is not repeated, so that a failing test does not leak either."""

    name: str
    encoding: str
    offset: int


def find_canaries(haystack: bytes | str, canaries: Mapping[str, str] | Iterable[str]) -> list[Hit]:
    """Return where any of the canaries, in any encoding, is found in the haystack; an empty list for nowhere.

    Args:
        haystack: text, or bytes of any kind (a saved notebook, a log, a database).
        canaries: name -> secret text, or secret texts alone.
    """
    data = haystack.encode("utf-8", "surrogatepass") if isinstance(haystack, str) else bytes(haystack)
    folded = data.lower()
    named = canaries if isinstance(canaries, Mapping) else {f"canary {i}": text for i, text in enumerate(canaries)}
    hits = []
    for name, canary in named.items():
        assert len(canary) >= 12, f"the canary {name} is too short to be told from other text"
        for encoding, needle in _encodings(canary):
            # Hex and URL-quoting are written in either case; a fold of the rest would find texts that are not there.
            where = folded if encoding in {"hex", "url"} else data
            offset = _find_slice(where, needle.lower() if where is folded else needle)
            if offset >= 0:
                hits.append(Hit(name, encoding, offset))
    return hits


def find_canaries_in_files(root: Path, canaries: Mapping[str, str] | Iterable[str]) -> dict[str, list[Hit]]:
    """Return the hits of every file under a folder, by its path below it."""
    named = canaries if isinstance(canaries, Mapping) else list(canaries)
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and (hits := find_canaries(path.read_bytes(), named)):
            found[str(path.relative_to(root))] = hits
    return found


def _find_slice(data: bytes, needle: bytes) -> int:
    if len(needle) <= SLICE_LENGTH:
        return data.find(needle)
    for start in range(len(needle) - SLICE_LENGTH + 1):
        offset = data.find(needle[start : start + SLICE_LENGTH])
        if offset >= 0:
            return offset
    return -1


def _encodings(canary: str) -> Iterator[tuple[str, bytes]]:
    raw = canary.encode()
    yield "raw", raw
    if "\n" in canary:
        yield "raw, one line", canary.replace("\n", "").encode()
    escaped = json.dumps(canary)[1:-1]
    for encoding, text in (
        ("JSON", escaped),
        ("JSON in JSON", json.dumps(escaped)[1:-1]),
        ("url", urllib.parse.quote(canary, safe="")),
        ("url", urllib.parse.quote_plus(canary, safe="")),
        ("backslash", repr(canary)[1:-1]),
    ):
        if text.encode() != raw:
            yield encoding, text.encode()
    yield "hex", raw.hex().encode()
    for lead in range(3):
        # In a longer text the canary starts at any of three places of a base64 group: drop the letters that also
        # depend on its neighbours.
        padded = b"\0" * lead + raw
        usable = padded[: len(padded) - len(padded) % 3]
        skipped = (0, 2, 3)[lead]
        encoded = base64.b64encode(usable)[skipped:]
        yield "base64", encoded
        if (urlsafe := base64.urlsafe_b64encode(usable)[skipped:]) != encoded:
            yield "base64url", urlsafe
