"""Ready-made controls: what every view is put together from."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.jupyter.panel.widgets.fields import FormButton

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qlik_keys.jupyter.panel.controllers.presenter import Presenter
    from qlik_keys.jupyter.panel.model.state import PanelState


_WAITED_FOR = (
    "Stopping before the next step. A request that is being sent cannot be cancelled: it is waited for until it is "
    "answered or times out."
)


def html(*classes: str) -> widgets.HTML:
    """Return a place for markup of ours, which is escaped."""
    place = widgets.HTML()
    for name in ("qk-html", *classes):
        place.add_class(name)
    return place


def put(place: widgets.HTML, markup: str) -> None:
    """Fill a place with markup; without any it takes no room."""
    place.value = markup
    show(place, visible=bool(markup))


def fill(place: widgets.HTML, markup: str) -> None:
    """Fill a place that has its room also without any markup, so that nothing below it moves."""
    place.value = markup


def box(*children: widgets.Widget, classes: str = "") -> widgets.Box:
    """Return a box that our style sheet lays out."""
    made = widgets.Box(children=children)
    for name in classes.split():
        made.add_class(name)
    return made


def text(label: str, *, value: str = "", placeholder: str = "") -> widgets.Text:
    """Return a text field with its label above it."""
    field = widgets.Text(value=value, description=label, placeholder=placeholder)
    field.add_class("qk-field")
    return field


def checkbox(label: str, *, value: bool, disabled: bool = False) -> widgets.Checkbox:
    """Return a box to tick."""
    field = widgets.Checkbox(value=value, description=label, disabled=disabled, indent=False)
    field.add_class("qk-tick")
    return field


def button(label: str, presenter: Presenter, action: Callable[[], object], *, kind: str = "") -> widgets.Button:
    """Return a button whose action, if it raises, leaves a card: ipywidgets would swallow it."""
    guarded = _guarded(label, presenter, action)
    made = widgets.Button(description=label)
    made.on_click(lambda _: guarded())
    if kind:
        made.add_class(kind)
    return made


def form_button(
    label: str,
    presenter: Presenter,
    action: Callable[[], object],
    *,
    fields: Sequence[widgets.Widget],
    tooltip: str = "",
    missed: Callable[[], None] | None = None,
    submits: bool = True,
) -> FormButton:
    """Return a button that brings the fields of its form with it, and leaves a card if its action raises."""
    action = _guarded(label, presenter, action)
    return FormButton(label, fields=fields, action=action, tooltip=tooltip, missed=missed, submits=submits)


class StepControls:
    """The step that waits, and the buttons Next and Cancel, which stand right above the steps of one tab.

    Args:
        presenter: what is drawn.
        tab: whose steps, as `PanelState.steps_in` names it.
    """

    def __init__(self, presenter: Presenter, tab: str) -> None:
        self._tab = tab
        self._waits = html("qk-waits")
        self._next = button("Next", presenter, presenter.next_step, kind="qk-primary")
        self._next.add_class("qk-next")
        self._cancel = button("Cancel", presenter, presenter.cancel)
        self._cancel.tooltip = "Stops before the next step. A request that is being sent is waited for."
        # Of one height, filled or not: the steps below stay where they are.
        self.widget = box(self._waits, self._next, self._cancel, classes="qk-actions qk-step-controls")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        is_ours = state.steps_in == self._tab
        is_asked = bool(state.waits_for) and is_ours and not state.cancelling
        said = f"Next step: <b>{escape(state.waits_for)}</b>" if is_asked else "<b>The steps</b>"
        if state.cancelling and is_ours and not state.waits_for:
            said = f"<p class='qk-note' role='status'>{_WAITED_FOR}</p>"
        fill(self._waits, said)
        show(self._next, visible=bool(state.waits_for) and is_ours)
        show(self._cancel, visible=bool(state.work) and is_ours and bool(state.steps))
        self._cancel.disabled = state.cancelling


def _guarded(label: str, presenter: Presenter, action: Callable[[], object]) -> Callable[[], None]:
    def clicked() -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  # whatever it is, the person is told
            presenter.fail(error, label)

    return clicked


def show(widget: widgets.Widget, *, visible: bool) -> None:
    """Show or hide a widget, which keeps its place in the page and what is typed in it."""
    widget.layout.display = None if visible else "none"


def words(markup_of_ours: str) -> widgets.HTML:
    """Return fixed words of ours."""
    place = html()
    place.value = markup_of_ours
    return place


def choice(label: str, options: Mapping[str, str], *, kind: Any = widgets.RadioButtons) -> Any:
    """Return a choice of one among several, with its label above it."""
    field = kind(options=list(options.items()), description=label)
    field.add_class("qk-field")
    return field
