"""What is new, changed or gone since a destination was told, and the message about it: pure.

A client's name is another user's text, and a chat may take part of it for a link or for a call to everyone: only
letters, digits and a few signs of it are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qlik_keys.fleet.notifications.memory import ToldFinding, change_of, key_of
from qlik_keys.inventory.formats.rows import kinds
from qlik_keys.rules.access import DEPRECATED_ENDPOINT, NOT_CHECKED
from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.rules.clients import (
    ORPHANED_BOT,
    ROTATION_DUE_SOON,
    SECRET_STILL_USED,
    TOKEN_OUTLIVES_CLIENT,
    UNUSED_90_DAYS,
)
from qlik_keys.rules.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qlik_keys.fleet.notifications.destinations import Kind
    from qlik_keys.fleet.notifications.memory import Remembered
    from qlik_keys.inventory.formats.rows import FoundRow

TENANT_NOT_ASKED = "tenant-not-asked"  # a tenant of which nothing is known this time
_MOST_LINES = 40
_LONGEST_NAME = 60
_SIGNS = frozenset("-_. ()")
_IN_HOSTS = frozenset(":[]")  # a port
_BY_CODE = {rule.code: rule for rule in FINDINGS.values()}
# They end with time or with another finding, or are seen only in some audits: that they are gone tells no one anything.
_FORGOTTEN = frozenset({ROTATION_DUE_SOON.code, DEPRECATED_ENDPOINT.code})
_OF_USE = frozenset({UNUSED_90_DAYS.code, SECRET_STILL_USED.code})
_OF_BOTS = frozenset({ORPHANED_BOT.code, TOKEN_OUTLIVES_CLIENT.code})
_KINDS: dict[str, Kind] = {"critical": "failure", "high": "failure", "medium": "warning", "low": "info"}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a destination is to be told of one tenant.

    Attributes:
        tenant: the tenant.
        new: findings that it was not told.
        changed: findings whose severity or meaning has changed.
        gone: findings that it was told and that are no more.
        knows: all that it knows when it has been told: by key, the hash of what was told, and the finding.
    """

    tenant: str
    new: Sequence[FoundRow]
    changed: Sequence[FoundRow]
    gone: Sequence[ToldFinding]
    knows: Mapping[str, tuple[str, ToldFinding]]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.new or self.changed or self.gone)


def news_of(
    tenant: str,
    rows: Sequence[FoundRow],
    remembered: Remembered,
    destination: str,
    *,
    is_wanted: Callable[[ToldFinding], bool],
    attrs: Mapping[str, Any],
) -> News:
    """Return what a destination is to be told of one tenant.

    Args:
        tenant: the tenant.
        rows: all its findings; what is not wanted is left out here.
        remembered: what was told.
        destination: the identity of the destination.
        is_wanted: whether such a finding is told at all; another run may tell those that this one does not.
        attrs: of the audit: what it could not look at is not taken for gone.
    """
    before = remembered.told.get(destination, {})
    known = {key: remembered.findings[key] for key in before if key in remembered.findings}
    there = {key_of(row) for row in rows}
    wanted = {key_of(row): row for row in rows if is_wanted(_told(row))}
    new = [row for key, row in wanted.items() if key not in before]
    changed = [row for key, row in wanted.items() if key in before and before[key] != change_of(row)]
    unknown = _Unknown(rows, attrs)
    ended = {key: each for key, each in known.items() if key not in there and is_wanted(each) and each not in unknown}
    gone = [each for each in ended.values() if each.code not in _FORGOTTEN]
    knows = {key: (before[key], each) for key, each in known.items() if key not in ended}
    knows |= {key: (change_of(row), _told(row)) for key, row in wanted.items()}
    gone.sort(key=lambda each: (SEVERITIES.index(each.severity), each.code, each.name, each.client_id))
    return News(tenant=tenant, new=new, changed=changed, gone=gone, knows=knows)


class _Unknown:
    """The findings of which this audit cannot tell whether they are gone."""

    def __init__(self, rows: Sequence[FoundRow], attrs: Mapping[str, Any]) -> None:
        usage = attrs.get("usage") or {}
        self._all = any(row.finding == TENANT_NOT_ASKED for row in rows)
        self._clients = {row.client_id for row in rows if row.finding == NOT_CHECKED.name}
        self._codes: frozenset[str] = frozenset()
        if not usage.get("since") or usage.get("reason"):
            self._codes |= _OF_USE
        if attrs.get("bots_unknown"):
            self._codes |= _OF_BOTS
        if "due_within_seconds" not in attrs:
            self._codes |= {ROTATION_DUE_SOON.code}

    def __contains__(self, told: ToldFinding) -> bool:
        return self._all or told.code in self._codes or (told.client_id in self._clients and bool(told.client_id))


def _told(row: FoundRow) -> ToldFinding:
    return ToldFinding(row.code, row.client_id, row.name, row.severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent.

    Attributes:
        title: the numbers, and where.
        body: plain text.
        kind: how bad the worst of it is.
    """

    title: str
    body: str
    kind: Kind


def message_of(all_news: Sequence[News]) -> Message:
    """Return the one message about all that is to be told."""
    told = [each for each in all_news if not each.is_empty]
    several = len(all_news) > 1
    numbers = {name: sum(len(getattr(each, name)) for each in told) for name in ("new", "changed", "gone")}
    where = shown(told[0].tenant, also=_IN_HOSTS) if len(told) == 1 else f"{len(told)} tenants"
    counted = ", ".join(f"{count} {name}" for name, count in numbers.items() if count)
    lines: list[str] = []
    for each in told:
        mark = f"{shown(each.tenant, also=_IN_HOSTS)}: " if several else ""
        lines += [f"NEW {mark}{_line(row)}" for row in each.new]
        lines += [f"CHANGED {mark}{_line(row)}" for row in each.changed]
        lines += [f"GONE {mark}{_ended(ended)}" for ended in each.gone]
    left = len(lines) - _MOST_LINES
    if left > 0:
        lines = [*lines[:_MOST_LINES], f"and {left} more: qlik-keys audit shows all."]
    rows = [row for each in told for row in (*each.new, *each.changed)]
    rows.sort(key=lambda row: SEVERITIES.index(row.severity))
    meanings = [f"{row.code} {row.finding}: {_meaning(row)}" for row in kinds(rows)]
    worst: Kind = _KINDS[rows[0].severity] if rows else "success"
    body = "\n".join([*lines, *([""] if meanings else []), *meanings])
    return Message(title=f"qlik_keys: findings on {where}: {counted}", body=body, kind=worst)


def shown(text: str, *, also: frozenset[str] = frozenset()) -> str:
    """Return another user's text with only what no chat takes for anything else."""
    cut = text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."
    return "".join(letter if letter.isalnum() or letter in _SIGNS or letter in also else "?" for letter in cut)


def _line(row: FoundRow) -> str:
    return f"{row.severity} {row.code} {row.finding}{_client(row.name, row.client_id)}"


def _ended(told: ToldFinding) -> str:
    rule = _BY_CODE.get(told.code)
    name = f" {rule.name}" if rule else ""
    return f"{told.code}{name}{_client(told.name, told.client_id)}"


def _client(name: str, client_id: str) -> str:
    named = f", {shown(name)}" if name else ""
    return f"{named} [{shown(client_id)}]" if client_id else named


def _meaning(row: FoundRow) -> str:
    """Return what a finding means, by the catalogue alone: a row's own words may have a server's in them."""
    rule = _BY_CODE.get(row.code)
    return f"{rule.meaning} {rule.advice}" if rule else ""
