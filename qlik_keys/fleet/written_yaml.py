"""The YAML of a file that people write, as values with their places: every scalar a text, no tags, anchors, merge keys.

Fleet files and files of hooks are read by it; `written_models` checks the values.

It is read event by event, so that nothing is built of what is refused: an anchor that is used a million times is seen
at its first use. What looks like a secret is reported by its place, and is no part of the values that go on.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from qlik_keys.core.redaction import REDACTED, Redactor
from qlik_keys.errors import ManifestProblem
from qlik_keys.keystore.lookup import CLIENT_ID

if TYPE_CHECKING:
    import pathlib

_MOST_NESTED = 12
# A parser in C is ten times as fast; PyYAML may have been built without it.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_PLAIN_TAGS = {None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
_VAULT_TOKEN = re.compile(r"\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}")
_IN_URL = re.compile(r"://[^/\s]*@")
_SECRET_KEYS = frozenset(
    {"secret", "kty", "password", "passwd", "passphrase", "apikey", "token", "privatekey", "clientsecret", "secretid"}
    | {"vaulttoken", "bearer", "authorization", "credential", "credentials", "jwt", "pem", "jwk"}
)
_NO_SECRETS = "Remove it; name the variable or the file that holds it. If it is one, replace it where it was made."
_QUOTED = re.compile(r"'([^']*)'")
_START = (1, 1)
_LIKE_UTF_16 = re.compile(rb"\0[ -~]\0|[ -~]\0[ -~]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_REDACTOR = Redactor()  # it knows no secret: it finds what looks like one

Place = tuple[int, int]
Path = tuple["str | int", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """What sets one kind of file apart.

    Attributes:
        name: what it is called.
        most_bytes: how long it may be.
        where_empty: what to do with an empty one.
        where_repeated: what to do in place of anchors and merge keys.
        may_be_id: keys whose values may be ids of clients: 32 hex digits, and no secret.
        may_be_chance: keys whose values may be made of chance: names and hosts.
    """

    name: str
    most_bytes: int
    where_empty: str
    where_repeated: str
    may_be_id: frozenset[str] = frozenset()
    may_be_chance: frozenset[str] = frozenset()


@dataclass(slots=True)
class Written:
    """What a file says.

    Attributes:
        values: mappings, lists and texts; None where nothing can be read.
        places: line and column of each value, by its path.
        key_places: of each key of a mapping, by the path of its value.
        problems: what is wrong with the text itself.
    """

    values: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    key_places: dict[Path, Place] = field(default_factory=dict)
    problems: list[ManifestProblem] = field(default_factory=list)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Return where a value is, or its key; of what is not there, where the section is in which it should be."""
        if key and path in self.key_places:
            return self.key_places[path]
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, _START)

    def in_order(self) -> list[ManifestProblem]:
        """Return what is wrong, each once, in the order of the file."""
        return sorted(set(self.problems), key=lambda each: (each.line, each.column))

    def is_told(self, place: Place) -> bool:
        """Tell whether something is wrong at a place by now: of a secret there, no text is left to be looked at."""
        return any((each.line, each.column) == place for each in self.problems)

    def note(self, place: Place, message: str, hint: str) -> None:
        """Add a problem."""
        self.problems.append(ManifestProblem(line=place[0], column=place[1], message=message, hint=hint))


def read_file(path: pathlib.Path, kind: FileKind) -> Written:
    """Return what a YAML file says, with everything that is wrong with it as YAML.

    Args:
        path: the file.
        kind: what it is.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(kind.most_bytes + 1)
    return _read_bytes(content, kind)


def _read_bytes(content: bytes, kind: FileKind) -> Written:
    written = Written()
    if len(content) > kind.most_bytes:
        return _too_large(kind)
    if content.startswith(_UTF_16) or _LIKE_UTF_16.match(content):
        written.note(_START, "The file is UTF-16 text.", "Save it as UTF-8.")
        return written
    try:
        return read_text(content.decode("utf-8-sig"), kind)
    except UnicodeDecodeError as error:
        at = error.start
    before = content[:at]
    place = (before.count(b"\n") + 1, at - before.rfind(b"\n"))
    written.note(place, "The file is not UTF-8 text.", "Save it as UTF-8.")
    return written


def _too_large(kind: FileKind) -> Written:
    written = Written()
    written.note(_START, "The file is too large.", f"The maximum is {kind.most_bytes:,} bytes.")
    return written


def read_text(text: str, kind: FileKind) -> Written:
    """Return what a YAML text says, with everything that is wrong with it as YAML.

    Args:
        text: the text.
        kind: which file it is.
    """
    written = Written()
    if len(text) > kind.most_bytes:
        return _too_large(kind)
    try:
        _Reader(text, written, kind).read()
    except _Refused:
        written.values = None
    except yaml.MarkedYAMLError as error:
        written.values = None
        written.note(*_malformed(text, error))
    except yaml.YAMLError:
        written.values = None
        written.note(
            _place_of_unprintable(text), "The file has a character that YAML does not allow.", "Remove that character."
        )
    return written


def _malformed(text: str, error: yaml.MarkedYAMLError) -> tuple[Place, str, str]:
    """Return where a text is no YAML, what is wrong, and what to do."""
    what = error.problem or "it cannot be parsed"
    mark = error.problem_mark or error.context_mark
    if "end of stream" in what and error.context_mark is not None:
        return _of(error.context_mark), "This quotation mark has no second one.", "Add it where the text ends."
    if mark is None:
        return _START, f"This is not valid YAML: {_QUOTED.sub(_kept, what)}.", "Check the indentation."
    line = next(iter(text.splitlines()[mark.line : mark.line + 1]), "")
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return _of(mark), "This is not valid YAML: the line begins with a tab.", "Indent it with blanks."
    message = f"This is not valid YAML: {_QUOTED.sub(_kept, what)}."
    return _of(mark), message, "Check the indentation, the colons and the quotes here and in the line before."


def _place_of_unprintable(text: str) -> Place:
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if found is None:
        return _START
    before = text[: found.start()]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def looks_secret(text: str, *, may_be_chance: bool = False) -> bool:
    """Tell whether a text looks like a key, a token or a password in a URL.

    Args:
        text: any text.
        may_be_chance: long runs of letters that do not read like words are no sign of one.
    """
    if "-----BEGIN" in text or _VAULT_TOKEN.search(text) or _IN_URL.search(text):
        return True
    shown = _REDACTOR.redact(text) if may_be_chance else _REDACTOR.server_line(text)
    return REDACTED in shown and REDACTED not in text


def _kept(quoted: re.Match[str]) -> str:
    """Return what a parser quotes if it is its own name for something, and none of the file's words."""
    return quoted[0] if quoted[1].startswith("<") or len(quoted[1]) <= 1 else "something"


def _of(mark: Any) -> Place:
    return mark.line + 1, mark.column + 1


class _Refused(Exception):  # no error of a caller: it ends the reading
    """The rest of the text is not worth reading."""


class _Reader:
    """Builds the values of a text from the parser's events."""

    def __init__(self, text: str, written: Written, kind: FileKind) -> None:
        self._events: Any = yaml.parse(text, Loader=_Loader)
        self._written, self._kind = written, kind

    def read(self) -> None:
        """Read the one document.

        Raises:
            yaml.YAMLError: it is malformed.
            _Refused: it has what a fleet file must not have.
        """
        next(self._events)  # the stream begins
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            self._refuse(_START, "The file is empty.", self._kind.where_empty)
        self._written.values = self._value(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse(_of(after.start_mark), "The file has a second document.", "Remove the line `---`.")

    def _refuse(self, place: Place, message: str, hint: str) -> None:
        self._written.note(place, message, hint)
        raise _Refused

    def _value(self, event: Any, path: Path) -> Any:
        place = _of(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            self._refuse(place, "Anchors and aliases (& and *) are not supported.", self._kind.where_repeated)
        if event.tag not in _PLAIN_TAGS:
            self._refuse(place, "YAML tags (!) are not supported.", "Write the plain value.")
        if len(path) > _MOST_NESTED:
            self._refuse(place, "The file is nested too deeply.", "Check the indentation.")
        self._written.places[path] = place
        if isinstance(event, yaml.ScalarEvent):
            return self._text(event.value, path, place)
        return self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _list(self, path: Path) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, (*path, len(values))))
        return values

    def _mapping(self, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        seen: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            place = _of(event.start_mark)
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(place, "A key must be a plain text.", "Check the braces and the indentation.")
            key = event.value
            is_known = self._check_key(key, event, place, seen)
            seen.setdefault(key, place[0])
            value = self._value(next(self._events), (*path, key))
            if is_known and key not in values:
                values[key] = value
                self._written.key_places[*path, key] = place
        return values

    def _check_key(self, key: str, event: Any, place: Place, seen: dict[str, int]) -> bool:
        """Note what is wrong with a key; return whether its value is to be looked at."""
        if event.anchor is not None or event.tag not in _PLAIN_TAGS:
            self._refuse(place, "Anchors and tags are not supported.", "Write the plain key.")
        if key == "<<":
            self._written.note(place, "Merge keys (<<) are not supported.", self._kind.where_repeated)
        elif key in seen:
            self._written.note(place, f"This key is in line {seen[key]} already.", "Remove one of the two.")
        elif re.sub("[-_ ]", "", key).lower() in _SECRET_KEYS:
            self._written.note(place, "This file holds no secret, so it has no such key.", _NO_SECRETS)
        elif looks_secret(key):
            self._written.note(place, "This looks like a secret.", _NO_SECRETS)
        else:
            return True
        return False

    def _text(self, text: str, path: Path, place: Place) -> str:
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        is_id = key in self._kind.may_be_id and CLIENT_ID.fullmatch(text) is not None
        if is_id or not looks_secret(text, may_be_chance=key in self._kind.may_be_chance):
            return text
        self._written.note(place, "This looks like a secret.", _NO_SECRETS)
        return ""
