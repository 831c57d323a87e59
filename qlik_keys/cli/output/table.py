"""Tables for a terminal: of clients, of findings, of whatever the tenant answers.

A client's name is another user's text: no escape sequence of theirs reaches the terminal.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any
from unicodedata import combining, east_asian_width

from qlik_keys.cli.output.results import is_terminal
from qlik_keys.cli.output.streams import as_shown
from qlik_keys.rules.access import TENANT_NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

# What matters most stands first: a narrow terminal has no room for the last ones.
_SHOWN = ("name", "client_id", "findings", "rotate_by", "custody", "scopes", "auth_methods", "algs", "current_kid")
_BETWEEN = "  "
_COPIED = frozenset({"id", "clientId", "client_id", "command"})
_NARROWEST = 12
_CUT = "…"
_FOUND = ("severity", "code", "finding", "name", "client_id", "command")


def as_text(frame: pd.DataFrame) -> str:
    """Return the columns that matter at a glance, lists joined, dates as days."""
    tenants = _tenants(frame)
    if frame.empty:
        return "The tenants have no clients." if tenants else "The tenant has no clients."
    columns = {name: [*frame[name]] for name in _SHOWN}
    if "last_login" not in frame:
        return _aligned(tenants | columns)
    return _aligned(tenants | {name: columns.pop(name) for name in _SHOWN[:3]} | _usage(frame) | columns)


def _tenants(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the column of tenants, nothing where the table is of one tenant."""
    return {"tenant": [*frame["tenant"]]} if "tenant" in frame else {}


def _usage(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the columns of the last use; what is not known is told apart from what did not happen."""
    attrs = frame.attrs.get("tenants", {"": frame.attrs})
    known = {name: each.get("usage", {}).get("since") for name, each in attrs.items()}
    never = {name: f"none since {since[:10]}" if since else "unknown" for name, since in known.items()}
    names = _tenants(frame).get("tenant") or [""] * len(frame)
    counts = frame["logins_30d"]
    return {
        "last_login": [
            never.get(name, "unknown") if missing else moment
            for name, missing, moment in zip(names, frame["last_login"].isna(), frame["last_login"], strict=True)
        ],
        "logins_30d": [
            "unknown" if missing else int(count) for missing, count in zip(counts.isna(), counts, strict=True)
        ],
    }


def audit_as_text(frame: pd.DataFrame, for_all: Mapping[str, str] | None = None) -> str:
    """Return the findings, a line each, and what each kind means below.

    Args:
        frame: the audit.
        for_all: by finding, the one command that stands for those of all its clients.
    """
    from qlik_keys.inventory.formats.rows import parted

    if frame.empty:
        return "There are no findings."
    columns = _tenants(frame) | {name: [*frame[name]] for name in _FOUND}
    words: dict[str, str] = {}
    own: dict[str, list[str]] = {}
    names = columns.get("tenant") or [""] * len(frame)
    of = zip(frame["name"], frame["client_id"], strict=True)
    for name, client, finding, meaning, advice in zip(
        names, of, frame["finding"], frame["meaning"], frame["advice"], strict=True
    ):
        # Why a tenant could not be asked is a reason of its own; what another finding means is told once.
        key = f"{finding} ({name})" if finding == TENANT_NOT_ASKED.name else finding
        general, detail = parted(finding, meaning)
        words.setdefault(key, f"{general} {advice}")
        if detail:
            who = client[0] or client[1] or name
            own.setdefault(key, []).append(f"{name}: {who}: {detail}" if name and who != name else f"{who}: {detail}")
    together = _commands_for_all(columns, for_all or {})
    columns["command"] = [
        "" if finding in together else command
        for command, finding in zip(columns["command"], columns["finding"], strict=True)
    ]
    commands = [_cell(command) for command in dict.fromkeys(columns["command"]) if command]
    if not commands:
        del columns["command"]
    elif "command" in _fitted(_widths(columns)):
        commands = []
    else:  # they are to be copied whole, so without room for the column they stand below
        del columns["command"]
    commands = ["", *commands] if commands else []
    if together:
        commands += ["", *dict.fromkeys(together.values())]
    return "\n".join(
        [
            _aligned(columns),
            *commands,
            "",
            *(
                line
                for key, told in words.items()
                for line in (_cell(f"{key}: {told}"), *(f"  {_cell(each)}" for each in own.get(key, ())))
            ),
        ]
    )


def _commands_for_all(columns: Mapping[str, Sequence[Any]], for_all: Mapping[str, str]) -> dict[str, str]:
    """Return by finding a line with the command for all its clients, where it has several."""
    counts = Counter(columns["finding"])
    commands = {finding: for_all[finding] for finding, count in counts.items() if for_all.get(finding) and count > 1}
    width = max(map(len, commands.values()), default=0)
    return {
        finding: f"{command:<{width}}  # all {counts[finding]} with {finding}" for finding, command in commands.items()
    }


def document_as_text(document: Any, columns: Sequence[str] = (), *, nothing: str, total: int | None = None) -> str:
    """Return what the tenant answered as a table: a row an object of a list, or a row a field of one object.

    Args:
        document: JSON-ready values.
        columns: what a list's table shows, where the objects have it; by default whatever is no object itself.
        nothing: what an empty list is told as.
        total: how many objects there are in all, None where that is not known.
    """
    if not isinstance(document, list):
        if isinstance(document, dict):
            names = [_cell(name) for name in document]
            width = max(map(_width, names), default=0)
            cells = map(_cell, document.values())
            return "\n".join(f"{_padded(name, width)}{_BETWEEN}{cell}" for name, cell in zip(names, cells, strict=True))
        return _cell(document)
    counted = "" if total is None else f"\n{len(document)} of {total}"
    if not document:
        return nothing + counted
    shown = _columns(document, columns) if all(isinstance(each, dict) for each in document) else []
    if not shown:
        return "\n".join(_cell(each) for each in document) + counted
    return _aligned({name: [each.get(name) for each in document] for name in shown}) + counted


def _columns(listed: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Return the columns of a table: those that were named and are there, else what is no object in any row."""
    there = dict.fromkeys(name for each in listed for name in each)
    named = [name for name in columns if name in there]
    return named or [
        name for name in there if not any(isinstance(each.get(name), dict | list) and each[name] for each in listed)
    ]


def _aligned(columns: Mapping[str, Sequence[Any]]) -> str:
    widths = _fitted(_widths(columns))
    shown = [[name, *map(_cell, columns[name])] for name in widths]
    rows = [
        _BETWEEN.join(_padded(cell, width) for cell, width in zip(row, widths.values(), strict=True)).rstrip()
        for row in zip(*shown, strict=True)
    ]
    rows.insert(1, _BETWEEN.join("-" * width for width in widths.values()))
    left_out = [name for name in columns if name not in widths]
    if left_out:
        rows += ["", f"Columns that do not fit: {', '.join(map(_cell, left_out))}. --json shows all."]
    return "\n".join(rows)


def _widths(columns: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    return {name: max(map(_width, [name, *map(_cell, values)])) for name, values in columns.items()}


def _fitted(widths: dict[str, int]) -> dict[str, int]:
    """Return the widths of the columns that fit on the terminal: the widest are cut, then the last ones left out.

    What is copied is never cut; so the first column stays, however narrow the terminal is.
    """
    if not is_terminal(sys.stdout):
        return widths
    room = shutil.get_terminal_size().columns
    least = {name: width if name in _COPIED else min(width, _NARROWEST) for name, width in widths.items()}
    fitted = dict(widths)
    while len(fitted) > 1 and _whole(least[name] for name in fitted) > room:
        fitted.popitem()
    while _whole(fitted.values()) > room:
        widest = max((name for name in fitted if fitted[name] > least[name]), key=lambda name: fitted[name], default="")
        if not widest:
            break
        fitted[widest] -= 1
    return fitted


def _whole(widths: Iterable[int]) -> int:
    each = [*widths]
    return sum(each) + len(_BETWEEN) * (len(each) - 1)


def _padded(text: str, width: int) -> str:
    """Return a text that takes so many places, cut short where it would take more."""
    if _width(text) > width:
        mark = _CUT if as_shown(_CUT) == _CUT else "..."
        text = text[:width]
        while _width(text) + len(mark) > width:
            text = text[:-1]
        text += mark
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Return how many places a text takes on a terminal: two a letter of Chinese, none a mark over another letter."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _cell(value: Any) -> str:
    if isinstance(value, tuple | list) and all(isinstance(each, str) for each in value):
        text = ", ".join(value)
    elif _is_missing(value):
        text = ""
    elif isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif hasattr(value, "date"):
        text = value.date().isoformat()
    else:
        text = str(value)
    return as_shown(printable(text))


def _is_missing(value: Any) -> bool:
    """Return whether a value is None or one of pandas's marks, which is not loaded here for that."""
    try:
        return value is None or bool(value != value)  # noqa: PLR0124  # NaN and NaT are not themselves
    except TypeError:  # NA is neither itself nor not
        return True


def printable(text: str, longest: int | None = None) -> str:
    """Return another user's text without control characters, cut short where it is longer than that."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:longest])
    return shown if longest is None or len(text) <= longest else f"{shown}…"
