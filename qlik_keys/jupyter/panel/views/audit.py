"""The tab "Audit": what there is to say of all clients, highest severity first, and how old their keys are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets.audit_list import AuditList, groups_of
from qlik_keys.jupyter.panel.widgets.controls import box, button, html, put, show, words
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace
from qlik_keys.rules.keys import OLD_KEY

if TYPE_CHECKING:
    import pandas as pd

    from qlik_keys.jupyter.panel.controllers.presenter import Presenter
    from qlik_keys.jupyter.panel.model.state import PanelState

# Upper ends in days, and what stands below the bar.
_AGES = ((30, "0-30"), (60, "31-60"), (90, "61-90"), (180, "91-180"), (365, "181-365"))
_OLDER, _UNKNOWN = "over 365", "unknown"


class AuditView:
    """The findings with what to do, each a click away from its plan."""

    def __init__(self, presenter: Presenter) -> None:
        self._look = button("Run audit", presenter, presenter.audit, kind="qk-primary")
        self._when, self._ages = html("qk-note"), html()
        self._told = ResultPlace(presenter, "audit")
        self._list = AuditList(fix=presenter.fix, show=presenter.show_finding)
        self._intro = words(
            "<div class='qk-empty'><p><b>Looks through every client and every key</b>: keys that are too old, shared, "
            "or not registered, machines with a secret, unfinished clients, keys without a client.</p>"
            "<p>Nothing is changed by looking. In a cell: <code>qk.audit(panel.tenant, panel.store)</code></p></div>"
        )
        self._shown: pd.DataFrame | None = None
        result = box(self._list, self._ages, classes="qk-audit")
        self.widget = box(
            box(self._look, self._when, classes="qk-actions"), self._told, self._intro, result, classes="qk-pane"
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._look.disabled = bool(state.work) or state.connection is None
        self._list.disabled = bool(state.work)
        named = ("findings",) if state.audit is not None else ("clients",)
        listed = markup.listed_at(state.clients_at, *named, may_differ=state.clients_differ)
        put(self._when, listed if state.connection else "Connect first.")
        self._told.draw(state)
        show(self._intro, visible=state.audit is None)
        if state.audit is self._shown:
            return
        self._shown = state.audit
        if state.audit is None or state.clients is None:
            self._list.groups = []
            put(self._ages, "")
            return
        put(self._ages, markup.ages(ages_of(state.clients)))
        self._list.groups = groups_of(state.audit)


def ages_of(frame: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return how many clients with a key have one of each age, and of how many a finding says that it is old."""
    counts = {name: [0, 0] for name in [*(name for _, name in _AGES), _OLDER, _UNKNOWN]}
    for kids, age, findings in zip(frame["kids"], frame["key_age_days"].tolist(), frame["findings"], strict=True):
        if kids:
            count = counts[_age_name(age)]
            count[0] += 1
            count[1] += not set(OLD_KEY).isdisjoint(findings)
    return {name: (all_of_it, old) for name, (all_of_it, old) in counts.items()}


def _age_name(days: object) -> str:
    if not isinstance(days, int):
        return _UNKNOWN
    return next((name for end, name in _AGES if days <= end), _OLDER)
