"""Strikes secrets out of what a tenant says back: error texts, redirects, media types, scopes.

A server may repeat what it was sent, and in another form than it came. So a secret is looked for as it is, escaped for
URLs and JSON, in hex, and in base64 at each of the three alignments that it can have in a longer text; in either case,
and with blanks in between.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from qlik_keys.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STRUCK = "•••"
MAXIMUM_TEXT = 300
_PIECE = 12  # letters; what is shorter tells nothing
_MOST_SECRETS = 16
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*")
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}  # no letter becomes two


class Striker:
    """Knows the last secrets of a conversation, and strikes out every piece of them. Safe for threads.

    Args:
        secrets: those that are known already.
    """

    __slots__ = ("_forms", "_known", "_lock")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: tuple[Secret, ...] = ()
        self._forms: tuple[tuple[Secret, ...], Secret | None] = ((), None)
        self._lock = threading.Lock()
        self.learn(secrets)

    def __repr__(self) -> str:
        return f"<Striker of {len(self._known)} secrets>"

    def learn(self, secrets: Iterable[str]) -> None:
        """Remember secrets; of more than sixteen those that were sent last."""
        for text in secrets:
            if len(text) >= _PIECE:
                secret = Secret(text, any_text=True)
                with self._lock:
                    others = [each for each in self._known if each != secret]
                    self._known = (*others[1 - _MOST_SECRETS :], secret)

    def knows(self, text: str) -> bool:
        """Whether a piece of a secret is in the text."""
        return any(self._hits(text))

    def out(self, text: str) -> str:
        """Return the text, printable, without secrets and without anything that looks like a JWT."""
        text = "".join(character if character.isprintable() else " " for character in text)
        text = _JWT.sub(STRUCK, text)
        hits = self._hits(text)
        shown = "".join("\0" if hidden else character for character, hidden in zip(text, hits, strict=True))
        return re.sub("\0+", STRUCK, shown)

    def text(self, value: object) -> str:
        """Return a short text for people, as `out` does; "" for what is no text."""
        if not isinstance(value, str):
            return ""
        shown = self.out(value[: 10 * MAXIMUM_TEXT]).strip()
        return shown if len(shown) <= MAXIMUM_TEXT else shown[: MAXIMUM_TEXT - 1] + "…"

    def _hits(self, text: str) -> list[bool]:
        """Return for each letter whether it belongs to a secret."""
        forms = self._all_forms()
        hits = [False] * len(text)
        if not forms:
            return hits
        folded = text.translate(_LOWER)
        dense = [at for at, letter in enumerate(text) if letter.isprintable() and letter != " "]
        for places in (range(len(text)), dense):
            letters = "".join(folded[at] for at in places)
            for begin in range(len(letters) - _PIECE + 1):
                if letters[begin : begin + _PIECE] in forms:
                    first, last = places[begin], places[begin + _PIECE - 1]
                    hits[first : last + 1] = [True] * (last + 1 - first)
        return hits

    def _all_forms(self) -> str:
        known, (of, forms) = self._known, self._forms
        if not known:
            return ""
        if of is not known or forms is None:
            # A line end between them: a text that is looked at has none.
            joined = "\n".join(form for secret in known for form in _forms(secret.reveal()))
            forms = Secret(joined.translate(_LOWER), what="secrets of a conversation", any_text=True)
            self._forms = (known, forms)
        return forms.reveal()


def strike_out(text: str, secrets: Iterable[str]) -> str:
    """Return a short text without any piece of the secrets and without anything that looks like a JWT."""
    return Striker(secrets).text(text)


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    escaped = json.dumps(secret)[1:-1]
    yield from {secret, escaped, json.dumps(escaped)[1:-1], repr(secret)[1:-1]}
    yield from {quote(raw, safe=""), quote_plus(raw), "".join(f"%{byte:02x}" for byte in raw)}
    yield raw.hex()
    for lead, skipped in enumerate((0, 2, 3)):
        # The letters that depend on what stands before and behind are left out.
        padded = b"\0" * lead + raw
        encoded = base64.b64encode(padded[: len(padded) - len(padded) % 3])[skipped:].decode()
        yield from {encoded, encoded.translate({ord("+"): "-", ord("/"): "_"})}
