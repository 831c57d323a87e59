"""What is always in sight: the header, the tabs, the work in progress, a secret until it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets.controls import box, button, checkbox, fill, html, put, show, words
from qlik_keys.jupyter.panel.widgets.fields import SecretOnce
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace
from qlik_keys.jupyter.panel.widgets.tabs import Tabs

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.jupyter.panel.controllers.presenter import Presenter
    from qlik_keys.jupyter.panel.model.state import PanelState


class FrameView:
    """What is always in sight: the header, the tabs, the work in progress, a secret until it is stored.

    Args:
        presenter: what is drawn.
        tabs: title -> the tab's view.
        ending: called when the session is ended, before anything else.
    """

    def __init__(self, presenter: Presenter, tabs: dict[str, Any], *, ending: Callable[[], None]) -> None:
        self._presenter = presenter
        self._tabs = tabs
        self._header, self._work = html("qk-header"), html("qk-work-place")
        self._result = ResultPlace(presenter, "top")

        def end() -> None:
            ending()
            presenter.end_session()

        self._stepwise = checkbox("Step by step", value=False)
        self._stepwise.tooltip = "Each step waits for Next"
        self._stepwise.observe(lambda change: presenter.go_step_by_step(wanted=change["new"]), names="value")
        self._end = button("End session", presenter, end, kind="qk-quiet")
        self._titles = Tabs([*tabs], go_to=presenter.go_to)
        for number, tab in enumerate(tabs.values()):
            tab.widget.add_class(f"qk-tab-panel-{number}")
        self._once = SecretOnce(
            label="Client secret", secret=presenter.client_secret, stored=presenter.client_secret_is_stored
        )
        self.widget = box(
            box(
                box(words("<b class='qk-mark'>qlik_keys</b>"), self._header, self._end, classes="qk-top"),
                self._titles,
                box(self._work, self._stepwise, classes="qk-work-row"),
                classes="qk-masthead",
            ),
            self._result,
            *(view.widget for view in tabs.values()),
            self._once,  # last, where it moves nothing; it sticks to the window's lower edge
            classes="qk-panel",
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        if self._titles.chosen != state.tab:
            self._titles.chosen = state.tab
        # What goes to the back goes first: never are two tabs in front.
        for name, tab in sorted(self._tabs.items(), key=lambda each: each[0] == state.tab):
            show(tab.widget, visible=name == state.tab)
        put(self._header, markup.header(state))
        fill(self._work, markup.work(state))
        self._result.draw(state)
        show(self._result, visible="top" in state.results)
        if state.secret_of:
            # The label changes with each that is stored, so that the page hides the one before.
            more = f" (1 of {state.secrets_waiting} that wait to be stored)" if state.secrets_waiting > 1 else ""
            self._once.label = f"{state.secret_what} of {state.secret_of}{more}"
        show(self._once, visible=bool(state.secret_of))
        self._end.disabled = bool(state.work) or state.connection is None
