"""The audit: the findings of all clients, and the way from a finding to what fixes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.jupyter.panel.model.forms import ChangeForm
from qlik_keys.jupyter.panel.model.state import AuditState
from qlik_keys.jupyter.panel.model.words import counted
from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.rules.model import SEVERITIES

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.changes import ChangesController
    from qlik_keys.jupyter.panel.controllers.clients import Parts


class AuditController:
    """The findings.

    Args:
        parts: what every controller works with.
        changes: what plans the fix of a finding.
    """

    def __init__(self, parts: Parts, changes: ChangesController) -> None:
        self._store, self._work, self._connection, self._clients = parts
        self._changes = changes

    def run(self, *, wait: bool = False) -> None:
        """Audit the tenant's clients and their keys."""
        self._work.run("Auditing the tenant's clients and their keys", self._run, at="audit", wait=wait)

    def _run(self) -> None:
        from qlik_keys.inventory.audit import audit_of  # noqa: PLC0415  # brings pandas

        tenant, key_store = self._connection.connected()
        self._store.set(audit=AuditState())
        frame = self._clients.list_now()
        found = audit_of(frame, tenant, key_store)
        self._store.set(audit=AuditState(findings=found))
        counts = found["severity"].value_counts()
        listed = ", ".join(f"{counts[name]:,} {name}" for name in SEVERITIES if counts[name])
        where = counted(len(frame), "client")
        words = f"{counted(len(found), 'finding')} in {where}: {listed}." if listed else f"No findings in {where}."
        self._work.result(words, kind="warning" if listed else "good")

    def show_finding(self, finding: str) -> None:
        """Show the clients of one finding in the table."""
        self._store.set(tab="Clients")
        self._clients.filter_by(finding)

    def fix(self, finding: str, client_id: str) -> None:
        """Go to the client of a finding, with the plan of what fixes it."""
        operation = FINDINGS[finding].operation
        of_all = operation == "resume"
        self._clients.filter_by("")
        self._clients.select(() if of_all or not client_id else (client_id,))
        self._store.set(tab="Clients")
        if operation == "remove-bot":
            self._changes.plan(ChangeForm(operation="delete", client_id=client_id, remove_bot=True))
        elif operation:
            self._changes.plan(ChangeForm(operation=operation, client_id="" if of_all else client_id))
