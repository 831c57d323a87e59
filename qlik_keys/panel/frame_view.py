"""What is always in sight: the header, the tabs, the work in hand, an error's card, a secret until it is stored."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from qlik_keys.panel import markup
from qlik_keys.panel.controls import box, button, checkbox, html, put, show, words
from qlik_keys.panel.fields import SecretOnce

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.panel.presenter import Presenter
    from qlik_keys.panel.state import PanelState


class FrameView:
    """What is always in sight: the header, the tabs, the work in hand, an error's card, a secret until it is stored.

    Args:
        presenter: what is drawn.
        tabs: title -> the tab's view.
        ending: called when the session is ended, before anything else.
    """

    def __init__(self, presenter: Presenter, tabs: dict[str, Any], *, ending: Callable[[], None]) -> None:
        self._presenter = presenter
        self._tabs = tabs
        self._header, self._work, self._error = html("qk-header"), html(), html()
        self._dismiss = button("Put away", presenter, presenter.dismiss_error, kind="qk-quiet")
        self._doctor = button("What is wrong?", presenter, self._examine, kind="qk-quiet")
        self._doctor.tooltip = "Looks at everything that a login of this client needs"

        def end() -> None:
            ending()
            presenter.end_session()

        self._stepwise = checkbox("Step by step", value=False)
        self._stepwise.tooltip = "Each step waits for Next"
        self._stepwise.observe(lambda change: presenter.go_step_by_step(wanted=change["new"]), names="value")
        self._end = button("End session", presenter, end, kind="qk-quiet")
        self._buttons = {
            title: button(title, presenter, functools.partial(presenter.go_to, title), kind="qk-tab") for title in tabs
        }
        self._once = SecretOnce(
            label="Client secret", secret=presenter.client_secret, stored=presenter.client_secret_is_stored
        )
        self.widget = box(
            box(
                box(words("<b class='qk-mark'>qlik_keys</b>"), self._header, self._end, classes="qk-top"),
                box(*self._buttons.values(), self._stepwise, classes="qk-tabs"),
                classes="qk-masthead",
            ),
            self._work,
            box(self._error, box(self._doctor, self._dismiss, classes="qk-actions"), classes="qk-error-row"),
            self._once,
            *(view.widget for view in tabs.values()),
            classes="qk-panel",
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        # What goes to the back goes first: never are two tabs in front.
        for name, tab in sorted(self._buttons.items(), key=lambda each: each[0] == state.tab):
            in_front = name == state.tab
            (tab.add_class if in_front else tab.remove_class)("qk-chosen")
            tab.tooltip = f"{name}, the tab in front" if in_front else f"Go to {name}"
            show(self._tabs[name].widget, visible=in_front)
        put(self._header, markup.header(state))
        put(self._work, markup.work(state))
        put(self._error, markup.error(state.error))
        show(self._dismiss, visible=state.error is not None)
        show(self._doctor, visible=state.error is not None and bool(state.error.client_id) and not state.work)
        if state.secret_of:
            # The label changes with each that is stored, so that the page hides the one before.
            more = f" (1 of {state.secrets_waiting} that wait to be stored)" if state.secrets_waiting > 1 else ""
            self._once.label = f"{state.secret_what} of {state.secret_of}{more}"
        show(self._once, visible=bool(state.secret_of))
        show(self._end, visible=state.connection is not None)
        self._end.disabled = bool(state.work)

    def _examine(self) -> None:
        error = self._presenter.state.error
        if error is not None:
            self._presenter.examine(error.client_id)
