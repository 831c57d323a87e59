"""What is always visible: the header, the tabs, the work in progress, a secret until it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlik_keys.jupyter.panel.model.state import COMMON
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets import controls as ui
from qlik_keys.jupyter.panel.widgets.fields import SecretOnce
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace
from qlik_keys.jupyter.panel.widgets.tabs import Tabs

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
    from qlik_keys.jupyter.panel.model.state import PanelState


class FrameView:
    """What is always visible: the header, the tabs, the work in progress, a secret until it is stored.

    Args:
        controllers: what its buttons act on.
        tabs: title -> the tab's view.
        ending: called when the session is ended, before anything else.
    """

    groups = (*COMMON, "tab", "secrets")

    def __init__(self, controllers: PanelControllers, tabs: dict[str, Any], *, ending: Callable[[], None]) -> None:
        work, secrets = controllers.work, controllers.secrets
        self._tabs = tabs
        self._header, self._work = ui.html("qk-header"), ui.html("qk-work-place")
        self._result = ResultPlace(controllers, "top")

        def end() -> None:
            ending()
            controllers.connection.end_session()

        self._stepwise = ui.checkbox("Step by step", value=False)
        self._stepwise.tooltip = "Each step waits for Next"
        self._stepwise.observe(lambda change: work.steps.go_step_by_step(wanted=change["new"]), names="value")
        self._end = ui.button("End session", work, end, kind="qk-quiet")
        self._titles = Tabs([*tabs], go_to=controllers.go_to)
        for number, tab in enumerate(tabs.values()):
            tab.widget.add_class(f"qk-tab-panel-{number}")
        self._once = SecretOnce(label="Client secret", secret=secrets.first, stored=secrets.first_is_stored)
        self.widget = ui.box(
            ui.box(
                ui.box(ui.static("<b class='qk-mark'>qlik_keys</b>"), self._header, self._end, classes="qk-top"),
                self._titles,
                ui.box(self._work, self._stepwise, classes="qk-work-row"),
                classes="qk-masthead",
            ),
            self._result,
            *(view.widget for view in tabs.values()),
            self._once,  # last, so that it moves nothing; it stays at the window's lower edge
            classes="qk-panel",
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        if self._titles.chosen != state.tab:
            self._titles.chosen = state.tab
        # The tab that leaves is hidden first: two tabs are never in front.
        for name, tab in sorted(self._tabs.items(), key=lambda each: each[0] == state.tab):
            ui.show(tab.widget, visible=name == state.tab)
        ui.put(self._header, markup.header(state))
        ui.fill(self._work, markup.work(state))
        self._result.draw(state)
        ui.show(self._result, visible="top" in state.results)
        secrets = state.secrets
        if secrets.owner:
            # The label changes with each that is stored, so that the page hides the one before.
            more = f" (1 of {secrets.waiting} that wait to be stored)" if secrets.waiting > 1 else ""
            self._once.label = f"{secrets.kind} of {secrets.owner}{more}"
        ui.show(self._once, visible=bool(secrets.owner))
        self._end.disabled = bool(state.work.doing) or state.connection is None
