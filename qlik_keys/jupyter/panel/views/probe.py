"""The card "What this tenant does" of the tab "Connect"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets import controls as ui
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
    from qlik_keys.jupyter.panel.model.state import PanelState


class ProbeView:
    """The probe: its plan first, then its report."""

    def __init__(self, controllers: PanelControllers) -> None:
        work, probe = controllers.work, controllers.probe
        self._plan_it = ui.button("Probe this tenant", work, probe.plan)
        self._look = ui.button("Look only (changes nothing)", work, lambda: probe.start(read_only=True))
        self._start = ui.button("Start the probe", work, probe.start, kind="qk-primary")
        self._discard = ui.button("Discard plan", work, probe.discard)
        self._plan_actions = ui.box(self._start, self._discard, classes="qk-actions")
        self._plan, self._report = ui.html("qk-note"), ui.html("qk-probe-report")
        self._result = ResultPlace(controllers, "probe")
        self.widget = ui.box(
            ui.static(
                "<h3>What this tenant does</h3><p>Qlik's public documents leave some questions open: in which form "
                "changed keys are taken, how long a new key takes to log in, and more. A probe measures them. Its "
                "report has neither secrets nor names.</p>"
            ),
            ui.box(self._plan_it, self._look, classes="qk-actions"),
            self._plan,
            self._plan_actions,
            self._result,
            self._report,
            classes="qk-card",
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        is_planned, is_busy = bool(state.probe.plan), bool(state.work.doing)
        for button in (self._plan_it, self._look, self._start, self._discard):
            button.disabled = is_busy
        # The button that was pressed stays, and with it the focus and what is in sight.
        ui.show(self._plan_actions, visible=is_planned)
        ui.fill(self._plan, markup.plain(state.probe.plan))
        ui.fill(self._report, markup.code_block(state.probe.report) if state.probe.report else "")
        self._result.draw(state)
        ui.show(self.widget, visible=state.connection is not None)
