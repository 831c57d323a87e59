"""What each operation on many does with one client: it looks at the record, and calls the operation of a single client.

A plan may be minutes old, and another user may have been quicker: what is not due any more is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import utc_now
from qlik_keys.core.durations import format_duration
from qlik_keys.errors import QlikKeysError
from qlik_keys.fleet.selection import ClientFacts
from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.many import FleetResult, read_if_ours
from qlik_keys.lifecycle.ownership import is_trusted, risk_of_unknown_keys, set_trusted
from qlik_keys.lifecycle.rotation import changes
from qlik_keys.lifecycle.rotation.finishing import finish
from qlik_keys.rules.keys import DUE_SOON, ROTATION_DUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from qlik_keys.fleet.many.candidates import PlannedClient
    from qlik_keys.fleet.selection import Selection
    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.many import Outcomes
    from qlik_keys.lifecycle.options import RotateOptions
    from qlik_keys.lifecycle.rotation.finishing import Rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What is done with each client of a tenant.

    Attributes:
        operation: one of `operations.FACTS`, but for "resume", which is about a tenant as a whole.
        options: the operation's.
        selection: which clients were meant.
        made_before: of a revocation: a key that was made at that moment or later is replaced already.
    """

    operation: str
    options: Any
    selection: Selection
    made_before: datetime | None = None

    def of(self, work: OperationContext, client: PlannedClient) -> FleetResult:
        """Treat a client; what fails is part of the result."""
        try:
            return self._done(work, client)
        except QlikKeysError as problem:
            return FleetResult(client_id=client.client_id, name=client.name, outcome="failed", error=problem)

    def _done(self, work: OperationContext, client: PlannedClient) -> FleetResult:
        outcome: Outcomes
        result: Rotated | None
        name = client.name
        if self.operation in _WITHOUT_RECORD:
            outcome, result = _WITHOUT_RECORD[self.operation](self, work, client)
        else:
            is_listed = client.state == "unknown" and not self.selection.clients
            record = read_if_ours(work.read, client.client_id) if is_listed else work.read(client.client_id)
            name = name or ("" if record is None else record.client_name)
            if record is None:
                outcome, result = "foreign", None
            elif client.state == "unknown" and not self._is_about(record):
                outcome, result = "skipped", None
            else:
                outcome, result = _WITH_RECORD[self.operation](self, work, record)
        return FleetResult(client_id=client.client_id, name=name, outcome=outcome, result=result)

    def _is_about(self, record: ClientRecord) -> bool:
        """Tell whether a record, whose name no one could know before, is of a client that was meant."""
        if self.selection.clients or not self.selection.name_pattern:
            return True
        return self.selection.is_about(
            ClientFacts(client_id=record.client_id, name=record.client_name, scopes=self.selection.scopes)
        )

    def is_due(self, record: ClientRecord, now: datetime) -> bool:
        """Tell whether the key of a record is of the age that the selection asks for."""
        current = record.current
        if current is None:
            return False
        is_as_declared = record.declaration is not None and getattr(self.options, "rotate_after", None) is None
        return self.selection.is_of_age(
            key_made=current.made_at,
            rotate_by=record.rotate_by,
            now=now,
            serves=record.rotate_after if is_as_declared else None,
        )

    def lasting(self, record: ClientRecord) -> tuple[RotateOptions, tuple[str, ...]]:
        """Return the options by which a new key of the record is not selected again at once, and what to know of them.

        A new key serves as long as the one before. Where that is not longer than the time within which the selection
        counts a key as due, each run would rotate it again: then it serves as long as any other. A client of a fleet
        file keeps what is declared: for it the selection looks ahead for less (`Selection.is_of_age`).
        """
        options: RotateOptions = self.options
        is_soon = ROTATION_DUE.name in self.selection.findings
        reach = max(self.selection.within, DUE_SOON if is_soon else timedelta(0))
        kept = record.rotate_after
        if record.declaration is not None or options.rotate_after is not None or kept is None or kept > reach:
            return options, ()
        told = (
            f"Its key served {format_duration(kept)}, and keys that are due within {format_duration(reach)} are "
            f"rotated: the new one serves {format_duration(ROTATE_AFTER)}, so that no run rotates it again."
        )
        return replace(options, rotate_after=ROTATE_AFTER), (told,)


def _rotate(treatment: Treatment, work: OperationContext, record: ClientRecord) -> tuple[Outcomes, Rotated | None]:
    was_started = record.is_in_progress
    if not was_started and not treatment.is_due(record, utc_now(work.clock)):
        return "skipped", None
    options, warnings = treatment.lasting(record)
    result = changes.rotate(work, record, options)
    return "finished" if was_started else "rotated", replace(result, warnings=(*result.warnings, *warnings))


def _retire(treatment: Treatment, work: OperationContext, record: ClientRecord) -> tuple[Outcomes, Rotated | None]:
    result = changes.retire_of(work, record, treatment.options)
    if result is None:
        return "skipped", changes.kept(work, record, treatment.options)
    return "retired", result


def _revoke(treatment: Treatment, work: OperationContext, record: ClientRecord) -> tuple[Outcomes, Rotated | None]:
    """Finish a revocation that was started, and revoke what is still of before the moment."""
    outcome: Outcomes = "skipped"
    result: Rotated | None = None
    if record.operation is not None and record.operation.name == "revoke":
        finished = finish(work, record)
        assert not isinstance(finished, str)  # it is no deletion
        outcome, result = "finished", finished
        record = work.read(record.client_id)
    if record.is_in_progress or _is_of_before(record, treatment.made_before):
        outcome, result = "revoked", changes.revoke(work, record.client_id, treatment.options)
    return outcome, result


def _is_of_before(record: ClientRecord, moment: datetime | None) -> bool:
    """Tell whether a key of before the moment can log in: one that was only rotated does, while its overlap lasts."""
    if record.current is None or moment is None:
        return True
    return any(key.made_at < moment for key in record.keys.values())


def _adopt(treatment: Treatment, work: OperationContext, client: PlannedClient) -> tuple[Outcomes, Rotated | None]:
    if client.state == "started":
        record = work.read(client.client_id)
        if record.operation is None or record.operation.name != "adopt":
            return "skipped", None  # another operation was interrupted: `resume` finishes it
    result = changes.adopt(work, client.client_id, treatment.options)
    return "finished" if client.state == "started" else "adopted", result


def _trust(treatment: Treatment, work: OperationContext, client: PlannedClient) -> tuple[Outcomes, Rotated | None]:
    del treatment
    if is_trusted(work.tenant, client.client_id):
        return "skipped", None
    there = work.tenant.oauth_clients.get(client.client_id)
    risk = risk_of_unknown_keys(work.store, work.tenant.host, there)

    def trust() -> None:
        set_trusted(work.tenant, client.client_id, risk=risk)

    work.step("trust", Action.TRUST, there.client_name, trust)
    return "trusted", None


_WITH_RECORD: Mapping[str, Callable[[Treatment, OperationContext, ClientRecord], tuple[Outcomes, Rotated | None]]] = (
    MappingProxyType({"rotate": _rotate, "retire": _retire, "revoke": _revoke})
)
_WITHOUT_RECORD: Mapping[
    str, Callable[[Treatment, OperationContext, PlannedClient], tuple[Outcomes, Rotated | None]]
] = MappingProxyType({"adopt": _adopt, "trust": _trust})
