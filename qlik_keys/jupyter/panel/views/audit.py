"""The tab "Audit": the findings of all clients, highest severity first, and the age of their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.jupyter.panel.model.state import COMMON
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets import controls as ui
from qlik_keys.jupyter.panel.widgets.audit_list import AuditList, groups_of
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace
from qlik_keys.rules.keys import OLD_KEY

if TYPE_CHECKING:
    import pandas as pd

    from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
    from qlik_keys.jupyter.panel.model.state import PanelState

# Upper limits in days, and the labels of the bars.
_AGES = ((30, "0-30"), (60, "31-60"), (90, "61-90"), (180, "91-180"), (365, "181-365"))
_OLDER, _UNKNOWN = "over 365", "unknown"


class AuditView:
    """The findings with their advice, each one click away from the plan of its fix."""

    groups = (*COMMON, "audit", "clients")

    def __init__(self, controllers: PanelControllers) -> None:
        audit = controllers.audit
        self._run = ui.button("Run audit", controllers.work, audit.run, kind="qk-primary")
        self._when, self._ages = ui.html("qk-note"), ui.html()
        self._result = ResultPlace(controllers, "audit")
        self._list = AuditList(fix=audit.fix, show=audit.show_finding)
        self._intro = ui.static(
            "<div class='qk-empty'><p><b>Checks every client and every key</b>: keys that are too old, shared, or not "
            "registered, machines with a client secret, unfinished clients, keys without a client.</p>"
            "<p>An audit changes nothing. In a cell: <code>qk.audit(panel.tenant, panel.store)</code></p></div>"
        )
        self._shown: pd.DataFrame | None = None
        result = ui.box(self._list, self._ages, classes="qk-audit")
        self.widget = ui.box(
            ui.box(self._run, self._when, classes="qk-actions"), self._result, self._intro, result, classes="qk-pane"
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._run.disabled = bool(state.work.doing) or state.connection is None
        self._list.disabled = bool(state.work.doing)
        findings, clients = state.audit.findings, state.clients
        named = ("findings",) if findings is not None else ("clients",)
        listed = markup.listed_at(clients.listed_at, *named, may_differ=clients.may_differ)
        ui.put(self._when, listed if state.connection else "Connect first.")
        self._result.draw(state)
        ui.show(self._intro, visible=findings is None)
        if findings is self._shown:
            return
        self._shown = findings
        if findings is None or clients.frame is None:
            self._list.groups = []
            ui.put(self._ages, "")
            return
        ui.put(self._ages, markup.ages(ages_of(clients.frame)))
        self._list.groups = groups_of(findings)


def ages_of(frame: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return how many keys have each age, and how many of them are old by a finding."""
    counts = {name: [0, 0] for name in [*(name for _, name in _AGES), _OLDER, _UNKNOWN]}
    for kids, age, findings in zip(frame["kids"], frame["key_age_days"].tolist(), frame["findings"], strict=True):
        if kids:
            count = counts[_age_name(age)]
            count[0] += 1
            count[1] += not set(OLD_KEY).isdisjoint(findings)
    return {name: (count, old) for name, (count, old) in counts.items()}


def _age_name(days: object) -> str:
    if not isinstance(days, int):
        return _UNKNOWN
    return next((name for end, name in _AGES if days <= end), _OLDER)
