"""The place of a result: at the button that was pressed, where the user is looking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets import static_text

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
    from qlik_keys.jupyter.panel.model.state import PanelState

_DISMISS = {"kind": "dismiss", "words": "Dismiss", "tooltip": ""}
_EXAMINE = {
    "kind": "examine",
    "words": "What is wrong?",
    "tooltip": "Checks everything that a login of this client needs",
}
_RETRY = {"kind": "retry", "words": "Plan it again", "tooltip": "Shows the plan for what tenant and Vault hold now"}


class ResultPlace(anywidget.AnyWidget):
    """Shows the work in progress, and its result, next to the button that asked for it.

    Args:
        controllers: what its own buttons act on.
        at: the place, as `PanelState.results` names it.
    """

    _esm = static_text("result_place.js")
    markup = traitlets.Unicode("").tag(sync=True)
    actions: traitlets.List[dict[str, str]] = traitlets.List().tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, controllers: PanelControllers, at: str) -> None:
        super().__init__()
        self._controllers = controllers
        self._at = at
        self.on_msg(self._received)

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        result = state.results.get(self._at)
        shown = markup.result(result) if result is not None else markup.progress(state, self._at)
        wanted = {
            "examine": result is not None and result.card is not None and bool(result.card.client_id),
            "retry": result is not None and result.retry is not None,
            "dismiss": result is not None and result.card is not None,
        }
        with self.hold_sync():  # one message: the page brings the whole of it into view
            self.markup = shown
            self.actions = [each for each in (_EXAMINE, _RETRY, _DISMISS) if wanted[each["kind"]]]
            self.disabled = bool(state.work.doing)

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        result = self._controllers.state.results.get(self._at)
        if result is None:
            return
        kind = content.get("kind")
        if kind == "dismiss":
            self._controllers.dismiss(self._at)
        elif kind == "examine" and result.card is not None and not self.disabled:
            self._controllers.doctor.examine(result.card.client_id)
        elif kind == "retry" and result.retry is not None and not self.disabled:
            self._controllers.changes.plan(result.retry)

    def __repr__(self) -> str:
        return f"<ResultPlace {self._at}>"
