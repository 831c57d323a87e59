"""What was told to whom, kept in the key store next to a tenant's records: codes, clients and hashes, no secret.

It is written behind a message that was accepted, by compare-and-set. A program that ends in between tells the same
again: at least once, never not at all. Of a tenant of a fleet whose own store cannot be read or written, another
tenant's store keeps what was told meanwhile, without names.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from qlik_keys.errors import ConfigurationError, StoreConflict
from qlik_keys.keystore.optional import NOTIFIED, KeepsNotes, Note
from qlik_keys.keystore.tenant_folder import folder_of
from qlik_keys.rules.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qlik_keys.fleet.tenants import Fleet
    from qlik_keys.inventory.formats.rows import FoundRow
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

_MOST_DESTINATIONS = 20
_ROUNDS = 5


class ToldFinding(NamedTuple):
    """A finding that was told.

    Attributes:
        code: its code.
        client_id: the client, "" for none.
        name: the client's name.
        severity: how severe it was.
    """

    code: str
    client_id: str
    name: str
    severity: str


@dataclass(slots=True)
class Remembered:
    """What was told about one tenant.

    Attributes:
        findings: by their keys.
        told: by destination, the keys of the findings that it was told, each with the hash of what was told.
        version: of the note that was read.
        others: by name, what was told about tenants of the same fleet whose own store could not keep it.
    """

    findings: dict[str, ToldFinding] = field(default_factory=dict)
    told: dict[str, dict[str, str]] = field(default_factory=dict)
    version: int = 0
    others: dict[str, Remembered] = field(default_factory=dict)

    def to_note(self) -> Note:
        """Return the note to write; of many destinations, those that were told last."""
        others = {name: each.to_document(with_names=False) for name, each in self.others.items() if each.told}
        document = self.to_document() | ({"others": others} if others else {})
        return Note(text=json.dumps(document), version=self.version)

    def to_document(self, *, with_names: bool = True) -> dict[str, Any]:
        """Return what was told about this tenant as JSON-ready values; of many destinations, those told last."""
        kept = dict([*self.told.items()][-_MOST_DESTINATIONS:])
        keys = {key for told in kept.values() for key in told}
        findings = {key: each if with_names else each._replace(name="") for key, each in self.findings.items()}
        return {"findings": {key: [*each] for key, each in findings.items() if key in keys}, "told": kept}

    def with_other(self, other: Remembered) -> Remembered:
        """Return what is known with what was told meanwhile, which another store has kept."""
        told = {to: dict(keys) for to, keys in self.told.items()}
        for to, keys in other.told.items():
            told[to] = told.get(to, {}) | keys
        return Remembered(findings=other.findings | self.findings, told=told, version=self.version, others=self.others)

    @classmethod
    def of_note(cls, note: Note) -> Remembered:
        """Return what a note says; one that someone has damaged says nothing, so that all is told again."""
        try:
            document: Any = json.loads(note.text or "{}")
            read = cls._of_document(document)
            read.others = {str(name): cls._of_document(each) for name, each in document.get("others", {}).items()}
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            return cls(version=note.version)
        read.version = note.version
        return read

    @classmethod
    def _of_document(cls, document: Any) -> Remembered:
        findings = {key: ToldFinding(*map(str, each)) for key, each in document.get("findings", {}).items()}
        told = {
            to: {key: str(change) for key, change in keys.items() if findings[key].severity in SEVERITIES}
            for to, keys in document.get("told", {}).items()
        }
        return cls(findings=findings, told=told)


class Memory(Protocol):
    """Where it is kept for one tenant."""

    def read(self) -> Remembered:
        """Return what was told.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def write(self, remembered: Remembered) -> None:
        """Write what was told.

        Raises:
            StoreConflict: another program has written since it was read.
            StoreError: it was not written, or by `outcome` may have been.
        """
        ...


class StoreMemory:
    """The memory in a tenant's key store, which is open.

    Args:
        tenant: the tenant.
        store: its key store.

    Raises:
        ConfigurationError: the store keeps no notes.
    """

    def __init__(self, tenant: QlikTenant, store: KeyStore) -> None:
        self._notes, self._host = _notes_of(folder_of(tenant, store)), tenant.host

    def read(self) -> Remembered:
        """Return what was told."""
        return Remembered.of_note(self._notes.read_note(self._host, NOTIFIED))

    def write(self, remembered: Remembered) -> None:
        """Write what was told."""
        self._notes.write_note(self._host, NOTIFIED, remembered.to_note())


class FleetMemory:
    """The memory in the key store of a tenant of a fleet, which is connected for each call.

    Args:
        fleet: the fleet.
        name: the tenant's name in it.
    """

    def __init__(self, fleet: Fleet, name: str) -> None:
        self._fleet, self._name = fleet, name

    def read(self) -> Remembered:
        """Return what was told."""
        with self._fleet.connect(self._name) as sides:
            return StoreMemory(*sides).read()

    def write(self, remembered: Remembered) -> None:
        """Write what was told."""
        with self._fleet.connect(self._name) as sides:
            StoreMemory(*sides).write(remembered)


def remember(
    memory: Memory, remembered: Remembered, destination: str, told: Mapping[str, tuple[str, ToldFinding]]
) -> Remembered:
    """Note what a destination was told, and return what is remembered now.

    Args:
        memory: where.
        remembered: what was read.
        destination: the identity of the destination.
        told: by key, the hash of what was told and the finding; everything that the destination knows now.

    Raises:
        StoreError: it could not be written: the destination will be told again.
    """
    return _changed(memory, remembered, lambda there: _note(there, destination, told))


def remember_of_other(
    memory: Memory,
    remembered: Remembered,
    tenant: str,
    destination: str,
    told: Mapping[str, tuple[str, ToldFinding]] | None,
) -> Remembered:
    """Note in a tenant's store what a destination was told about another tenant, and return what is remembered now.

    Args:
        memory: of the tenant whose store it is.
        remembered: what was read of it.
        tenant: the name of the other tenant.
        destination: as for `remember`.
        told: as for `remember`; None where that tenant's own store has it by now, and nothing is kept here.

    Raises:
        StoreError: as for `remember`.
    """

    def change(there: Remembered) -> None:
        other = there.others.setdefault(tenant, Remembered())
        if told is None:
            other.told.pop(destination, None)
        else:
            _note(other, destination, told)

    return _changed(memory, remembered, change)


def _note(there: Remembered, destination: str, told: Mapping[str, tuple[str, ToldFinding]]) -> None:
    there.told.pop(destination, None)  # told last stands last
    there.told[destination] = {key: change for key, (change, _) in told.items()}
    there.findings |= {key: finding for key, (_, finding) in told.items()}


def _changed(memory: Memory, remembered: Remembered, change: Callable[[Remembered], None]) -> Remembered:
    """Write a change of what is remembered, and return what is remembered then.

    Raises:
        StoreError: it could not be written.
    """
    for _ in range(_ROUNDS):
        change(remembered)
        try:
            memory.write(remembered)
        except StoreConflict as problem:
            conflict = problem
            remembered = memory.read()
            continue
        return memory.read()
    raise conflict


def key_of(row: FoundRow) -> str:
    """Return by what a finding is known again: its code and its client."""
    return _hash(row.code, row.client_id or row.name)[:16]


def change_of(row: FoundRow) -> str:
    """Return the hash of what may change about a finding: its severity and its meaning."""
    return _hash(row.severity, row.meaning)[:8]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _notes_of(store: KeyStore) -> KeepsNotes:
    if not isinstance(store, KeepsNotes):
        raise ConfigurationError(
            "This key store keeps no notes, so what was told cannot be remembered.", hint="Use a VaultKeyStore."
        )
    return store
