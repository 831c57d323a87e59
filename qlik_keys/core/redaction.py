"""Redaction: no secret in the text that people are shown of what a server said.

This is a second line of defence. It changes text that is shown (an error's, a log record's, the path and the query of
an exchange that someone watches) and nothing else: no call is refused or altered because of it, and on a successful
call that no one watches nothing of it runs. Two rules:

- Whole secrets that were sent are redacted in every encoding in which servers quote (as they are, in JSON, in a URL, in
  a form, in base64 and base64url at any alignment, in hex), and so is whatever looks like a JWT, and a part of a text
  or an address that is nothing but 24 and more letters of such a secret.
- Of a *server's* words, long opaque runs are redacted, whether or not they are known: 24 and more letters of base64 or
  hex that do not read like words. The public ids of the conversation are kept: what the request itself shows (client
  ids, kids, names), and trace ids.

Not done here: finding secrets in JSON by the names of their fields (`tenant.http.guarded`).
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from qlik_keys.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REDACTED = "•••"
MAXIMUM_TEXT = 300  # letters of a server's text that are shown
OPAQUE_RUN = 24  # letters of base64 or hex from which on a run is opaque, unless it reads like words
_SHORTEST = 8  # a shorter text protects nothing and may be a word
_MOST_SECRETS = 16
# With what stands before the dot in front of it: the end of a quoted token's first part.
_JWT = re.compile(r"(?:(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{1,23}\.)?eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*")
_TOKEN = re.compile(rf"[^\s\"'<>(){{}}\[\],;]{{{OPAQUE_RUN},}}")
_PART = re.compile(rf"[^\s\"'<>(){{}}\[\],;:?&#!]{{{OPAQUE_RUN},}}")
_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{OPAQUE_RUN},}}={{0,2}}")
_ESCAPED_LETTER = re.compile(r"(?:%|\\x|\\u00)(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
# Letters written as numbers: bytes of hex with something between them, and a page's entities.
_IN_NUMBERS = re.compile(
    r"\b(?:0x)?[0-9A-Fa-f]{2}(?P<between>[ :]|, ?)(?:0x)?[0-9A-Fa-f]{2}"
    rf"(?:(?P=between)(?:0x)?[0-9A-Fa-f]{{2}}){{{OPAQUE_RUN // 2 - 2},}}\b"
    rf"|(?:&#(?:[0-9]{{2,3}}|x[0-9A-Fa-f]{{2}});){{{_SHORTEST},}}"
)
_NO_DECIMALS = re.compile("[A-Fa-f&x:]")  # a list of numbers of two digits has none of these
_SCOPE = re.compile(r"[A-Za-z0-9_.:*-]{1,100}")  # as Qlik's scopes are named
_MOST_SCOPES = 500
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_TRACE_ID = re.compile(rf"[0-9A-Fa-f]{{16,32}}|{_UUID.pattern}")

# What tells words from chance: most neighbours in words are among these pairs (the commonest of English and German
# text), a fifth of those in random letters; and words seldom change between capitals, small letters and digits. Of
# random base64 one run in a thousand passes both bounds.
_PAIRS_OF_WORDS = """
th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri ro ic ne ea
ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut ss so rs un lo wa ge ie
wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig tu ev ld ry mp fe bl ab
gh ty op wo sa ay ex ke ui fr oo ag ey ap sc au up qu ei eb ub
"""
_PAIRS = frozenset(_PAIRS_OF_WORDS.split())
_COMMON_PAIRS = 0.42
_CHANGES, _CHANGES_OF_PART = 0.15, 0.25


class Redactor:
    """Knows the credential and the last secrets of a conversation, and redacts them. Safe for threads.

    To know a secret costs a reference; its encodings are made when the first text has to be redacted.
    """

    __slots__ = ("__weakref__", "_kept", "_known", "_lock", "_prepared")

    def __init__(self, *secrets: Secret) -> None:
        self._kept: tuple[Secret, ...] = ()
        self._known: tuple[Secret | Callable[[], Secret | None], ...] = ()
        self._prepared: dict[Secret, _Forms] = {}
        self._lock = threading.Lock()
        self.know(*secrets)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._kept) + len(self._known)} secrets>"

    def know(self, *secrets: Secret | Callable[[], Secret | None]) -> None:
        """Remember secrets, or what returns the one in use; of more than sixteen those that were named last."""
        with self._lock:
            for secret in secrets:
                others = [each for each in self._known if each != secret]
                self._known = (*others[1 - _MOST_SECRETS :], secret)

    def keep(self, secret: Secret) -> None:
        """Remember the credential of the conversation: it stays known, however many secrets pass by."""
        with self._lock:
            if secret not in self._kept:
                self._kept = (*self._kept, secret)

    def finds(self, text: str) -> bool:
        """Whether a whole secret is in the text, in any encoding."""
        return any(forms.pattern.search(text) for forms in self._forms(len(text)))

    def redact(self, text: str) -> str:
        """Return a text of qlik_keys, printable, without whole secrets and without anything that looks like a JWT."""
        text = "".join(character if character.isprintable() else " " for character in text)
        for forms in self._forms(len(text)):
            text = forms.pattern.sub(REDACTED, text)
        # Pieces first: what is left of one next to the mark for a JWT would not be known for a piece.
        return _JWT.sub(REDACTED, _PART.sub(self._without_pieces, text))

    def without_secrets(self, text: str) -> str:
        """Return the body of an answer without whole secrets; nothing else of it is changed."""
        folded = text.lower()
        for forms in self._forms(len(text)):
            if any(form in folded for form in forms.folded.split("\n")):
                text = forms.pattern.sub(REDACTED, text)
        return text

    def server_text(self, value: object, *, public: str = "") -> str:
        """Return a server's text for people: redacted, without long opaque runs, and short.

        Args:
            value: what the server said; "" is returned for what is no text.
            public: what the request itself shows, whose ids are no secrets.
        """
        if not isinstance(value, str):
            return ""
        text = self.server_line(value[: 10 * MAXIMUM_TEXT], public=public).strip()
        return text if len(text) <= MAXIMUM_TEXT else text[: MAXIMUM_TEXT - 1] + "…"

    def server_line(self, text: str, *, public: str = "") -> str:
        """Return a text with a server's words in it, for a log: redacted, and without long opaque runs."""
        text = _IN_NUMBERS.sub(self._without_numbers, self.redact(text))
        return _TOKEN.sub(lambda found: self._without_opaque(found[0], public), text)

    def trace_id(self, value: object) -> str:
        """Return what a server says is a trace id: 16 to 32 letters of hex or a UUID as it is, else as other text."""
        is_id = isinstance(value, str) and _TRACE_ID.fullmatch(value) is not None
        return str(value) if is_id and not self._is_piece(str(value)) else self.server_text(value)

    def _without_pieces(self, part: re.Match[str]) -> str:
        """Return a part of a text, a path or a query without what is nothing but letters of a secret."""
        if self._is_piece(part[0]):
            return REDACTED
        return re.sub(rf"[^/=]{{{OPAQUE_RUN},}}", lambda one: REDACTED if self._is_piece(one[0]) else one[0], part[0])

    def _without_opaque(self, token: str, public: str) -> str:
        """Return a text without blanks, without what is opaque in it."""
        if token in public:
            return token
        if len(_ESCAPED_LETTER.findall(token)) >= _SHORTEST:
            # No one escapes plain letters who does not want to hide what they say.
            return REDACTED
        plain = unquote(token)
        if plain != token and any(self._is_opaque(run[0], public) for run in _RUN.finditer(plain)):
            return REDACTED
        return _RUN.sub(lambda run: REDACTED if self._is_opaque(run[0], public) else run[0], token)

    def _without_numbers(self, run: re.Match[str]) -> str:
        """Return a list of numbers as it is, unless they stand for letters."""
        if _NO_DECIMALS.search(run[0]):
            return REDACTED
        return REDACTED if self._is_piece(bytes.fromhex(re.sub("[ ,]", "", run[0])).decode("latin-1")) else run[0]

    def _is_opaque(self, run: str, public: str) -> bool:
        if run in public:
            return False
        return self._is_piece(run) or not (_UUID.fullmatch(run) or _reads_like_words(run))

    def _is_piece(self, text: str) -> bool:
        """Tell whether a text is 24 and more letters of a secret, in any encoding."""
        stripped = text.strip(".*`|\\")
        candidates = {one.lower() for one in (text, stripped, unquote(text)) if len(one) >= OPAQUE_RUN}
        return any(one in forms.folded for forms in self._forms() for one in candidates)

    def _forms(self, longest: int | None = None) -> Iterator[_Forms]:
        """Yield the encodings of each secret, of those alone that fit into so many letters."""
        for known in (*self._kept, *self._known):
            secret = known if isinstance(known, Secret) else known()
            if secret is None:
                continue
            length = len(secret.reveal())
            if length < _SHORTEST or (longest is not None and length > longest):
                continue
            prepared = self._prepared.get(secret)
            if prepared is None:
                prepared = _Forms(secret)
                with self._lock:
                    if len(self._prepared) >= 2 * _MOST_SECRETS:
                        self._prepared.clear()
                    self._prepared[secret] = prepared
            yield prepared


class _Forms:
    """The encodings of one secret. Its repr shows none of them; that of a pattern would."""

    __slots__ = ("folded", "pattern")

    def __init__(self, secret: Secret) -> None:
        forms = sorted(set(_encodings(secret.reveal())), key=len, reverse=True)
        self.pattern = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE)
        self.folded = "\n".join(forms).lower()

    def __repr__(self) -> str:
        return "<encodings of a secret>"


def readable_scope(scope: str) -> str:
    """Return the scopes of a token's answer, with what is no scope's name redacted: a server may say anything there."""
    return " ".join(
        each if _SCOPE.fullmatch(each) and (len(each) < OPAQUE_RUN or _reads_like_words(each)) else REDACTED
        for each in scope.split()[:_MOST_SCOPES]
    )


def _encodings(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    escaped = json.dumps(secret)[1:-1]
    yield from (secret, escaped, json.dumps(escaped)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw), "".join(f"%{byte:02x}" for byte in raw), raw.hex())
    for lead, skipped in enumerate((0, 2, 3)):
        # The letters that depend on what stands before and behind are left out.
        padded = b"\0" * lead + raw
        encoded = base64.b64encode(padded[: len(padded) - len(padded) % 3])[skipped:].decode()
        if len(encoded) >= _SHORTEST:
            yield from (encoded, encoded.translate({ord("+"): "-", ord("/"): "_"}))


def _reads_like_words(run: str) -> bool:
    """Tell whether a run of letters, digits, hyphens and the like is made of words rather than of chance."""
    parts = [part for part in re.split("[-_/+=.:*]", run) if part]
    if not parts:
        return True  # a line that is drawn
    changes = {part: _changes(part) for part in parts}
    if any(len(part) >= _SHORTEST and changes[part] > _CHANGES_OF_PART * len(part) for part in parts):
        return False
    if sum(changes[part] for part in parts) > _CHANGES * sum(map(len, parts)):
        return False
    pairs = [one + other for part in parts for one, other in itertools.pairwise(part.lower())]
    pairs = [pair for pair in pairs if pair.isalpha()]
    return bool(pairs) and sum(pair in _PAIRS for pair in pairs) >= _COMMON_PAIRS * len(pairs)


def _changes(part: str) -> int:
    """Count the changes between capitals, small letters and digits; a capital that begins a word is none."""
    count = 0
    for at, (one, other) in enumerate(itertools.pairwise(part)):
        kinds = _kind(one), _kind(other)
        begins_word = kinds == ("small", "capital") and part[at + 2 : at + 3].islower()
        count += kinds[0] != kinds[1] and kinds != ("capital", "small") and not begins_word
    return count


def _kind(letter: str) -> str:
    return "digit" if letter.isdigit() else "small" if letter.islower() else "capital"
