"""The list of findings: highest severity first, each client with a button that opens the plan of its fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from qlik_keys.jupyter.panel.widgets import static_text
from qlik_keys.rules.catalogue import FINDINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

CLIENTS_SHOWN = 10
_ACTIONS = {
    "rotate": "Rotate …",
    "revoke": "Revoke …",
    "adopt": "Adopt …",
    "retire": "Retire …",
    "delete": "Delete …",
    "remove-bot": "Delete bot …",
    "resume": "Resume …",
    "trust": "Set trusted …",
}
_WITHOUT_ROW = (
    "unfinished",
    "orphaned-record",
    "foreign-document",
    "orphaned-bot",
    "token-outlives-client",
)  # its client may not be in the table


class AuditList(anywidget.AnyWidget):
    """Shows findings; nothing is fixed before its plan was shown.

    Args:
        fix: called with a finding and a client's id.
        show: called with a finding whose clients are to be shown in the table.
    """

    _esm = static_text("elements.js", "audit_list.js")
    groups: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, *, fix: Callable[[str, str], None], show: Callable[[str], None]) -> None:
        super().__init__()
        self._fix = fix
        self._show = show
        self.on_msg(self._received)

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("kind") == "fix" and not self.disabled:
            self._fix(content["finding"], content["client_id"])
        elif content.get("kind") == "show":
            self._show(content["finding"])

    def __repr__(self) -> str:
        return f"<AuditList, {len(self.groups)} kinds of findings>"


def groups_of(audit: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the findings of `qlik_keys.audit` by kind, as the page shows them."""
    groups = []
    for (finding, severity), rows in audit.groupby(["finding", "severity"], sort=False, observed=True):
        kind = FINDINGS[str(finding)]
        first = rows.head(CLIENTS_SHOWN)
        groups.append(
            {
                "finding": finding,
                "code": kind.code,
                "severity": severity,
                "meaning": kind.meaning,
                "advice": kind.advice,
                "action": _ACTIONS.get(kind.operation, ""),
                "count": len(rows),
                "in_table": finding not in _WITHOUT_ROW,
                "clients": [
                    {"client_id": client_id, "name": name, "detail": meaning.removeprefix(kind.meaning).strip()}
                    for client_id, name, meaning in zip(
                        first["client_id"], first["name"], first["meaning"], strict=True
                    )
                ],
            }
        )
    return groups
