"""Puts an entry into the text of a file of contexts: its own lines are spliced in, and no other letter changes.

A YAML library that writes a document again would change what it has no notion of: quotes, columns, line ends, a value
such as `~` or `1e3`. So the parser only says where things stand. What came of it is read back and compared, and a text
that cannot be kept as it is, is refused.

The text has secrets in it: nothing here raises.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

_CONTEXTS, _CURRENT = "contexts", "current-context"
_STEP = 2
_ONE_LINE = 1_000_000
_MOST_VALUES = 1_000_000  # with aliases written out: a few hundred letters can stand for billions


@dataclass(frozen=True, slots=True)
class _Node:
    """A node, and where it stands in the text.

    Attributes:
        start: where it begins, with its anchor and tag.
        inside: where a mapping's first field begins in flow style, behind the brace.
        end: where its last letter ends; of a block, of the last one in it.
        column: where a block's lines begin.
        text: a scalar's text, None for anything else.
        fields: a mapping's keys and values, None for anything else.
        is_flow: whether it stands in braces or brackets.
    """

    start: int
    inside: int
    end: int
    column: int
    text: str | None = None
    fields: tuple[tuple[_Node, _Node], ...] | None = None
    is_flow: bool = False

    def field(self, name: str) -> tuple[_Node, _Node] | None:
        return next((each for each in self.fields or () if each[0].text == name), None)

    @property
    def repeats_a_key(self) -> bool:
        keys = [key.text for key, _ in self.fields or () if key.text is not None]
        return len(keys) > len({*keys}) or any(value.repeats_a_key for _, value in self.fields or ())


def entry_of(text: str, name: str) -> object:
    """Return what the text has under a context's name, None for nothing or where it cannot be read."""
    try:
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  # texts only
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):
        return None
    contexts = document.get(_CONTEXTS) if isinstance(document, dict) else None
    return contexts.get(name) if isinstance(contexts, dict) else None


def with_entry(old: str, name: str, fields: Mapping[str, Any], *, without: Collection[str]) -> str | None:
    """Return the text with the fields in the entry of that name, None where all else would not be just as it was.

    Args:
        old: the text.
        name: the context's name.
        fields: what the entry gets.
        without: fields that it loses.
    """
    try:
        new = _spliced(old, _root(old), name, fields, without)
        is_kept = new is not None and _is_kept(old, new, name, fields, without)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError, AttributeError):
        return None
    return new if is_kept else None


def without_entry(old: str, name: str) -> str | None:
    """Return the text without the entry of that name, None where all else would not be just as it was."""

    def spliced(root: _Node) -> str:
        contexts, key, value = _entry_in(root, name)
        if not contexts.is_flow:
            return old[: _line_start(old, key.start)] + old[_line_end(old, max(key.end, value.end)) :]
        others = [(key, value) for key, value in contexts.fields or () if key.text != name]
        inner = ", ".join(old[key.start : value.end] for key, value in others)
        return old[: contexts.inside] + inner + old[contexts.end - 1 :]

    def expected(document: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in document[_CONTEXTS].items() if key != name}
        return document | {_CONTEXTS: kept}

    return _checked(old, spliced, expected)


def with_other_name(old: str, name: str, new_name: str) -> str | None:
    """Return the text with the entry under another name, None where all else would not be just as it was."""

    def spliced(root: _Node) -> str:
        _, key, _ = _entry_in(root, name)
        return old[: key.start] + _scalar(new_name) + old[key.end :]

    def expected(document: dict[str, Any]) -> dict[str, Any]:
        named = {new_name if key == name else key: value for key, value in document[_CONTEXTS].items()}
        return document | {_CONTEXTS: named}

    return _checked(old, spliced, expected)


def with_current(old: str, name: str) -> str | None:
    """Return the text with that context as the current one, "" for none; None where all else would be changed."""

    def spliced(root: _Node) -> str:
        place = root.field(_CURRENT)
        if place is None and root.is_flow:
            return _in_braces(old, root, {_CURRENT: name})
        if place is None:
            newline = "\r\n" if "\r\n" in old else "\n"
            start = _line_start(old, (root.fields or ())[0][0].start)
            return old[:start] + _lines({_CURRENT: name}, root.column, _STEP, newline) + old[start:]
        value = place[1]
        blank = " " if old[value.start - 1 : value.start] == ":" else ""
        return old[: value.start] + blank + _scalar(name) + old[value.end :]

    return _checked(old, spliced, lambda document: document | {_CURRENT: name})


def _checked(
    old: str, spliced: Callable[[_Node], str], expected: Callable[[dict[str, Any]], dict[str, Any]]
) -> str | None:
    """Return a text that was changed, None where it does not say just what is expected of it."""
    try:
        root = _root(old)
        if root is None or not root.fields:
            return None
        before = yaml.load(old, Loader=yaml.BaseLoader)  # noqa: S506  # texts only
        if _size(before, {}) > _MOST_VALUES:
            return None
        new = spliced(root)
        after, root = yaml.load(new, Loader=yaml.BaseLoader), _root(new)  # noqa: S506  # texts only
        wanted = expected(before)
        is_kept = after == wanted or after == wanted | {_CONTEXTS: wanted.get(_CONTEXTS) or ""}
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError, AttributeError, LookupError, TypeError):
        return None
    return new if is_kept and root is not None and not root.repeats_a_key else None


def _entry_in(root: _Node, name: str) -> tuple[_Node, _Node, _Node]:
    """Return the contexts, and the key and the value of one of them.

    Raises:
        LookupError: there is none of that name.
    """
    contexts = root.field(_CONTEXTS)
    found = contexts[1].field(name) if contexts is not None else None
    if contexts is None or found is None:
        raise LookupError
    return contexts[1], *found


def _scalar(text: str) -> str:
    """Return a text as YAML writes it, in a block as in braces."""
    written: str = yaml.safe_dump([text], default_flow_style=True, allow_unicode=True, width=_ONE_LINE)
    return written.strip()[1:-1]


def _is_kept(old: str, new: str, name: str, fields: Mapping[str, Any], without: Collection[str]) -> bool:
    """Whether the new text says what the old one says and has the entry, each key once."""
    before, after = (yaml.load(text, Loader=yaml.BaseLoader) or {} for text in (old, new))  # noqa: S506  # texts only
    if _size(before, {}) > _MOST_VALUES:
        return False
    contexts, root = before.get(_CONTEXTS) or {}, _root(new)
    known = contexts.get(name)
    kept = {field: value for field, value in known.items() if field not in without} if isinstance(known, dict) else {}
    expected = before | {_CONTEXTS: contexts | {name: kept | {**fields}}}
    return after == expected and root is not None and not root.repeats_a_key


def _size(value: Any, known: dict[int, int]) -> int:
    """Return how many values there are to compare; too many for one that holds itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = _MOST_VALUES
        children = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(each, known) for each in children)
    return known[id(value)]


def _root(text: str) -> _Node | None:
    events = yaml.parse(text, Loader=yaml.BaseLoader)
    found = (_node(events, event) for event in events if isinstance(event, yaml.NodeEvent))
    return next(found, None)


def _node(events: Iterator[Any], event: Any) -> _Node:
    start, column, inside = event.start_mark.index, event.start_mark.column, event.end_mark.index
    if not isinstance(event, yaml.CollectionStartEvent):
        return _Node(start, inside, inside, column, event.value if isinstance(event, yaml.ScalarEvent) else None)
    children = []
    each: Any = next(events)
    while not isinstance(each, yaml.CollectionEndEvent):
        children.append(_node(events, each))
        each = next(events)
    is_mapping, last = isinstance(event, yaml.MappingStartEvent), cast("Any", each)
    return _Node(
        start,
        inside,
        last.end_mark.index if event.flow_style or not children else children[-1].end,
        children[0].column if children else column,
        fields=tuple(zip(children[::2], children[1::2], strict=True)) if is_mapping else None,
        is_flow=bool(event.flow_style),
    )


def _spliced(
    old: str, root: _Node | None, name: str, fields: Mapping[str, Any], without: Collection[str]
) -> str | None:
    newline = "\r\n" if "\r\n" in old else "\n"
    entry, whole = {name: fields}, {_CONTEXTS: {name: fields}}
    if root is None or root.text == "":  # nothing, or comments
        return _with_lines(old, len(old), _lines(whole, 0, _STEP, newline), newline)
    step = next((each.column - root.column for _, each in root.fields or () if each.fields and not each.is_flow), _STEP)
    place = root.field(_CONTEXTS)
    if place is None:
        return _with_field(old, root, whole, step, newline)
    contexts = place[1]
    if not contexts.fields and not root.is_flow:  # `contexts:` or `contexts: {}`
        bare = old[: contexts.start] + old[contexts.end :] if contexts.is_flow else old
        lines = _lines(entry, root.column + step, step, newline)
        return _with_lines(bare, _line_end(bare, contexts.start), lines, newline)
    known = contexts.field(name)
    if known is None:
        return _with_field(old, contexts, entry, step, newline)
    key, value = known
    if value.fields is None and not contexts.is_flow:  # the entry is a text or a list
        bare = old[: _line_start(old, key.start)] + old[_line_end(old, value.end) :]
        return _with_lines(bare, _line_start(old, key.start), _lines(entry, contexts.column, step, newline), newline)
    if value.fields is None:
        return f"{old[: value.start]} {json.dumps(fields, ensure_ascii=False)}{old[value.end :]}"
    kept = [(key, each) for key, each in value.fields if key.text not in {*fields, *without}]
    if value.is_flow:
        inner = [json.dumps(fields, ensure_ascii=False)[1:-1], *(old[key.start : each.end] for key, each in kept)]
        return old[: value.inside] + ", ".join(inner) + old[value.end - 1 :]
    begin = _line_start(old, value.fields[0][0].start)
    new = old
    for key, each in reversed(value.fields):
        if (key, each) not in kept:
            new = new[: _line_start(old, key.start)] + new[_line_end(old, each.end) :]
    return _with_lines(new, begin, _lines(fields, value.column, step, newline), newline)


def _lines(fields: Mapping[str, Any], column: int, step: int, newline: str) -> str:
    text: str = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=_ONE_LINE, indent=step)
    return "".join(f"{' ' * column}{line}{newline}" for line in text.removesuffix("\n").split("\n"))


def _with_field(text: str, mapping: _Node, fields: Mapping[str, Any], step: int, newline: str) -> str:
    """Return the text with further fields in a mapping, in the form that the mapping has."""
    if mapping.is_flow:
        return _in_braces(text, mapping, fields)
    return _with_lines(text, _line_end(text, mapping.end), _lines(fields, mapping.column, step, newline), newline)


def _in_braces(text: str, mapping: _Node, fields: Mapping[str, Any]) -> str:
    inner = json.dumps(fields, ensure_ascii=False)[1:-1] + (", " if mapping.fields else "")
    return text[: mapping.inside] + inner + text[mapping.inside :]


def _with_lines(text: str, at: int, lines: str, newline: str) -> str:
    """Return the text with further lines; the one before them is ended, if it was the last and had no end."""
    before = text[:at]
    return before + (newline if before.strip("\ufeff") and not before.endswith("\n") else "") + lines + text[at:]


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    """Return where the line ends in which something ends; a block scalar ends with its own line."""
    if text[at - 1 : at] == "\n":
        return at
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1
