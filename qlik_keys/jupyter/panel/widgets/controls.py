"""Ready-made controls, of which every view is built."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.jupyter.panel.widgets.fields import FormButton

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qlik_keys.jupyter.panel.controllers.work import Work
    from qlik_keys.jupyter.panel.model.state import PanelState, StepsOf


_STEPS = "<b>The steps</b>"
_CANCELLING = (
    "Stopping before the next step. A request that was sent cannot be cancelled: the panel waits for its answer or its "
    "timeout."
)


def html(*classes: str) -> widgets.HTML:
    """Return a place for markup, the texts of which are escaped."""
    place = widgets.HTML()
    for name in ("qk-html", *classes):
        place.add_class(name)
    return place


def put(place: widgets.HTML, markup: str) -> None:
    """Fill a place with markup; without any it takes no space."""
    place.value = markup
    show(place, visible=bool(markup))


def fill(place: widgets.HTML, markup: str) -> None:
    """Fill a place that takes its space also without any markup, so that nothing below it moves."""
    place.value = markup


def box(*children: widgets.Widget, classes: str = "") -> widgets.Box:
    """Return a box that the panel's style sheet lays out."""
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
    """Return a checkbox."""
    field = widgets.Checkbox(value=value, description=label, disabled=disabled, indent=False)
    field.add_class("qk-tick")
    return field


def button(label: str, work: Work, action: Callable[[], object], *, kind: str = "") -> widgets.Button:
    """Return a button; an error of its action is put on a card, since ipywidgets would swallow it."""
    guarded = _guarded(label, work, action)
    made = widgets.Button(description=label)
    made.on_click(lambda _: guarded())
    if kind:
        made.add_class(kind)
    return made


def form_button(
    label: str,
    work: Work,
    action: Callable[[], object],
    *,
    fields: Sequence[widgets.Widget],
    tooltip: str = "",
    missed: Callable[[], None] | None = None,
    submits: bool = True,
) -> FormButton:
    """Return a button that sends the fields of its form with a click; an error of its action is put on a card."""
    action = _guarded(label, work, action)
    return FormButton(label, fields=fields, action=action, tooltip=tooltip, missed=missed, submits=submits)


class StepControls:
    """The step that waits, and the buttons Next and Cancel, right above the steps of one group.

    Args:
        work: what takes the steps.
        of: the group of the state that has the steps.
    """

    def __init__(self, work: Work, of: StepsOf) -> None:
        self._of = of
        self._waits = html("qk-waits")
        self._next = button("Next", work, work.steps.do_next, kind="qk-primary")
        self._next.add_class("qk-next")
        self._cancel = button("Cancel", work, work.steps.cancel)
        self._cancel.tooltip = "Stops before the next step. The panel waits for a request that was sent."
        # Of one height, filled or not: the steps below stay where they are.
        self.widget = box(self._waits, self._next, self._cancel, classes="qk-actions qk-step-controls")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        work = state.work
        is_here = bool(work.doing) and work.steps_of == self._of
        waits = bool(work.waits_for) and is_here
        text_shown = f"Next step: <b>{escape(work.waits_for)}</b>" if waits and not work.cancelling else _STEPS
        if work.cancelling and is_here and not waits:
            text_shown = f"<p class='qk-note' role='status'>{_CANCELLING}</p>"
        fill(self._waits, text_shown)
        show(self._next, visible=waits)
        show(self._cancel, visible=is_here)
        self._cancel.disabled = work.cancelling


def _guarded(label: str, work: Work, action: Callable[[], object]) -> Callable[[], None]:
    def clicked() -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  # whatever it is, the user sees it
            work.fail(error, label)

    return clicked


def show(widget: widgets.Widget, *, visible: bool) -> None:
    """Show or hide a widget, which keeps its place in the page and what is typed in it."""
    widget.layout.display = None if visible else "none"


def static(markup: str) -> widgets.HTML:
    """Return fixed markup."""
    place = html()
    place.value = markup
    return place


def choice(label: str, options: Mapping[str, str], *, kind: Any = widgets.RadioButtons) -> Any:
    """Return a choice of one among several, with its label above it."""
    field = kind(options=list(options.items()), description=label)
    field.add_class("qk-field")
    return field
