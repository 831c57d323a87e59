"""Reads hooks from a file: a YAML mapping `hooks`, each with its program or address, and the clients that it is for.

Each mistake is told with its line and column. A value is never quoted: it may be a secret that was pasted in.

Not done here: what a hook is (`lifecycle.hooks`), and the rest of a fleet's file, which may have the same section.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qlik_keys.core.files import is_writable_by_all
from qlik_keys.core.redaction import Redactor
from qlik_keys.errors import ConfigurationError
from qlik_keys.lifecycle.hooks.definition import DEFAULT_TIMEOUT, Hook

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "QLIK_KEYS_HOOKS"
_MOST_BYTES = 1_000_000
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")
_SECRET = "it contains what looks like a secret. Put it into an environment variable; for an address, use url_variable"  # noqa: S105


class HookEntry(BaseModel):
    """One hook as a file has it: all values are text, or lists of texts.

    Attributes:
        command: a program and its arguments.
        url: an address without a secret.
        url_variable: the variable that holds the address.
        timeout: how long it is waited for: `90s`, `5m`, `1h`.
        clients: names, ids or patterns of the clients that it is for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    command: tuple[str, ...] | None = None
    url: str | None = None
    url_variable: str = ""
    timeout: str = ""
    clients: tuple[str, ...] = ("*",)

    def to_hook(self, name: str) -> Hook:
        """Return the hook.

        Raises:
            ConfigurationError: as `Hook`, or the time is none.
        """
        return Hook(
            name,
            command=self.command,
            url=self.url,
            url_variable=self.url_variable,
            timeout=_duration(self.timeout),
            clients=self.clients,
        )


class HooksSection(BaseModel):
    """A file of hooks."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    hooks: dict[str, HookEntry] = Field(min_length=1)


def read_hooks(path: str | os.PathLike[str]) -> tuple[Hook, ...]:
    """Return the hooks that a YAML file defines, for `rotate`, `revoke`, `adopt` and `resume`.

    Args:
        path: the file: `hooks: {restart-etl: {command: [systemctl, restart, etl], clients: ["etl-*"], timeout: 2m}}`.

    Raises:
        ConfigurationError: it cannot be read, or something in it is wrong: with its line and column, and without its
            value.

    Example:
        >>> rotate(tenant, store, "nightly-etl", hooks=read_hooks("hooks.yaml"))  # doctest: +SKIP
    """
    found = _read(Path(os.path.expanduser(path)))  # noqa: PTH111  # the other one raises where there is no such user
    if isinstance(found, ConfigurationError):
        raise found
    return found


def refusal_of_open_file(path: Path) -> ConfigurationError | None:
    """Return why the hooks of a file are not run: every user of this machine could say what they run.

    Raises:
        OSError: it cannot be looked at.
    """
    if not is_writable_by_all(path):
        return None
    return ConfigurationError(
        f"Every user of this machine may write {path}, and it defines programs that run with your rights.",
        hint=f"Remove that right: chmod o-w {path}",
    )


def hooks_of_environment(environment: Mapping[str, str] | None = None) -> tuple[Hook, ...]:
    """Return the hooks of the file that QLIK_KEYS_HOOKS names, none where it names none.

    Raises:
        ConfigurationError: as `read_hooks`.
    """
    path = (os.environ if environment is None else environment).get(VARIABLE, "").strip()
    return read_hooks(path) if path else ()


def _read(path: Path) -> tuple[Hook, ...] | ConfigurationError:
    """Return the hooks of a file, or what is wrong with it; no frame that raises holds the text."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
        refusal = refusal_of_open_file(path)
    except (OSError, UnicodeDecodeError) as error:
        return ConfigurationError(
            f"The hooks file {path} cannot be read ({type(error).__name__}).", hint="Give a readable file in UTF-8."
        )
    if refusal is not None:
        return refusal
    if len(content) > _MOST_BYTES:
        return ConfigurationError(f"The hooks file {path} is longer than {_MOST_BYTES} bytes.")
    try:
        return _hooks_in(text)
    except _Wrong as wrong:
        where, what = f"{path}, line {wrong.line}, column {wrong.column}", wrong.what
    return ConfigurationError(f"{where}: {what}.", hint="See docs/guides/hooks.md.")


class _Wrong(Exception):  # internal
    """Something in the file is wrong; what it is has no value of the file in it.

    Attributes:
        what: what is wrong.
        line: counted from 1.
        column: counted from 1.
    """

    def __init__(self, what: str, mark: Any) -> None:
        super().__init__(what)
        self.what = what
        self.line: int = 1 if mark is None else mark.line + 1
        self.column: int = 1 if mark is None else mark.column + 1


def _hooks_in(text: str) -> tuple[Hook, ...]:
    root = _parsed(text)
    document, marks = _plain(root, ())
    problem: tuple[str, Any] | None = None
    try:
        section = HooksSection.model_validate(document)
    except ValidationError as error:
        problem = _first_problem(error, marks)
    if problem is not None:
        raise _Wrong(*problem)
    return tuple(_hook(name, entry, marks["hooks", name]) for name, entry in section.hooks.items())


def _hook(name: str, entry: HookEntry, mark: Any) -> Hook:
    try:
        return entry.to_hook(name)
    except ConfigurationError as error:
        what = f"{error.message.rstrip('.')}. {error.hint}".rstrip(". ")
    raise _Wrong(what, mark)


def _parsed(text: str) -> yaml.Node:
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise _Wrong("aliases (*name) are not supported", None)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        problem = _Wrong("it is not YAML: check the indentation, the colons and the quotes", error.problem_mark)
    except (yaml.YAMLError, RecursionError, ValueError):
        problem = _Wrong("it is not YAML", None)
    else:
        if root is not None:
            return root
        problem = _Wrong("it is empty; it needs the key `hooks`", None)
    raise problem


def _plain(node: yaml.Node, path: tuple[str | int, ...]) -> tuple[Any, dict[tuple[str | int, ...], Any]]:
    """Return a node as texts, lists and mappings, and where each of its parts stands."""
    marks: dict[tuple[str | int, ...], Any] = {path: node.start_mark}
    if isinstance(node, yaml.MappingNode):
        mapping = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Wrong("a key must be text", key.start_mark)
            if key.value in mapping:
                raise _Wrong(f"the key {_shown(key.value)} is there twice", key.start_mark)
            mapping[key.value], inner = _plain(value, (*path, key.value))
            marks |= inner
            marks[*path, key.value] = key.start_mark
        return mapping, marks
    if isinstance(node, yaml.SequenceNode):
        items = []
        for number, each in enumerate(node.value):
            item, inner = _plain(each, (*path, number))
            items.append(item)
            marks |= inner
        return items, marks
    if _looks_secret(node.value):
        raise _Wrong(_SECRET, node.start_mark)
    return node.value, marks


def _first_problem(error: ValidationError, marks: Mapping[tuple[str | int, ...], Any]) -> tuple[str, Any]:
    """Return the first of pydantic's problems in words of the file, and where it is."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    first = min(problems, key=lambda each: each["type"] != "extra_forbidden")  # a misspelled key is missing as well
    location = tuple(part for part in first["loc"])
    known = next(location[:length] for length in range(len(location), -1, -1) if location[:length] in marks)
    name = _shown(str(known[-1])) if known else "the file"
    if first["type"] == "extra_forbidden":
        names = HookEntry.model_fields if len(known) > 1 else HooksSection.model_fields
        close = get_close_matches(str(known[-1]), names, 1)
        hint = f"; did you mean {close[0]!r}" if close else f"; there are {', '.join(names)}"
        return f"there is no key {name}{hint}", marks[known]
    if first["type"] == "missing":
        return "the key `hooks` is missing", marks[known]
    words = {
        "tuple_type": "must be a list of texts, for example [systemctl, restart, etl]; no shell is involved",
        "dict_type": "must be a mapping of hooks by their names",
        "model_type": "must be a mapping, for example {command: [systemctl, restart, etl]}",
        "too_short": "must not be empty",
    }
    return f"{name} {words.get(first['type'], 'must be text')}", marks[known]


def _shown(key: str) -> str:
    return repr(Redactor().server_line(key[:64]))


def _looks_secret(text: str) -> bool:
    if "PRIVATE KEY-----" in text or Redactor().redact(text.replace("\n", "")) != text.replace("\n", ""):
        return True
    if "://" not in text:
        return False
    return any(_holds_login(word) for word in text.split())


def _holds_login(word: str) -> bool:
    """Tell whether an address has a login, or a long part that reads like chance: a webhook's address is a secret."""
    try:
        parts = urlsplit(word)
    except ValueError:
        return False
    rest = f"{parts.path}?{parts.query}"
    return "@" in parts.netloc or Redactor().server_line(rest) != rest


def _duration(text: str) -> timedelta:
    """Return how long a text says.

    Raises:
        ConfigurationError: it is none.
    """
    if not text:
        return DEFAULT_TIMEOUT
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ConfigurationError("The time limit is not a duration.", hint="Write 90s, 5m or 1h.")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    try:
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ConfigurationError("The time limit is too long.", hint="Write 90s, 5m or 1h.") from None
