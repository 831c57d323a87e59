"""The tab "Try a token": log in as the selected client with what the Vault holds, and ask the tenant who that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.panel import markup
from qlik_keys.panel.controls import StepControls, box, button, html, put, words

if TYPE_CHECKING:
    from qlik_keys.panel.presenter import Presenter
    from qlik_keys.panel.state import PanelState


class TryView:
    """A token of the selected client, what it may do and for how long, and the requests that got it."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._try = button("Get a token", presenter, presenter.try_token, kind="qk-primary")
        self._controls = StepControls(presenter, "try")
        self._whose, self._why, self._result = html(), html("qk-note"), html()
        self._first_use, self._steps = html(), html()
        self._steps.add_class("qk-live")
        form = box(
            words(
                "<h3>Log in as a client</h3><p>Reads the client's key from the Vault, gets a token with it and asks "
                "the tenant who that is: what a job does, and what Qlik's own tools cannot do with a private key.</p>"
            ),
            self._whose,
            box(self._try, *self._controls.buttons, self._why, classes="qk-actions"),
            classes="qk-card",
        )
        result = box(self._result, self._first_use, self._steps, classes="qk-card qk-result")
        self.widget = box(form, result, classes="qk-pane qk-new")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        why = state.work or self._presenter.problem_of_trying()
        self._try.disabled = bool(why)
        put(self._why, markup.plain(why))
        put(
            self._whose,
            markup.chosen(self._presenter.selected(), state.selected, "") if len(state.selected) == 1 else "",
        )
        is_ours = state.steps_in == "try"
        self._controls.draw(state)
        put(self._result, markup.tried(state.tried))
        put(self._first_use, markup.first_use(state.tried))
        put(self._steps, markup.steps(state.steps) if is_ours and state.steps else "")
