"""The tab "Clients": the table, and what can be done with the selected client, each with its plan shown first."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.jupyter.panel.controllers.planning import AT
from qlik_keys.jupyter.panel.model.change_state import ChangeForm
from qlik_keys.jupyter.panel.model.words import KEY_CHOICES, KEY_OPERATIONS, OPERATIONS, SETTING_OPERATIONS
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets.client_table import ClientTable
from qlik_keys.jupyter.panel.widgets.controls import (
    StepControls,
    box,
    button,
    checkbox,
    choice,
    form_button,
    html,
    put,
    show,
    text,
    words,
)
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.jupyter.panel.controllers.presenter import Presenter
    from qlik_keys.jupyter.panel.model.change_state import ShownPlan
    from qlik_keys.jupyter.panel.model.state import PanelState
    from qlik_keys.jupyter.panel.model.words import Operation


class ClientsView:
    """Every client of the tenant with what the Vault knows of its keys, and the changes of the selected one."""

    def __init__(self, presenter: Presenter) -> None:
        self._refresh = button("Refresh", presenter, presenter.refresh, kind="qk-primary")
        self._when = html("qk-note")
        self._table = ClientTable()
        self._selected_here = 0
        self._told = ResultPlace(presenter, "clients")
        self._changes = ClientChangesView(presenter, self._table)
        self.widget = box(
            box(self._refresh, self._when, classes="qk-actions"),
            self._told,
            self._table,
            self._changes.widget,
            classes="qk-pane",
        )
        self._table.observe(lambda change: presenter.select(change["new"]), names="selected")
        self._table.observe(lambda change: presenter.narrow(change["new"]), names="finding")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._refresh.disabled = bool(state.work) or state.connection is None
        self._told.draw(state)
        put(self._when, markup.listed_at(state.clients_at, "clients", "selected", may_differ=state.clients_differ))
        self._table.show(state.clients)
        if state.selected_here != self._selected_here:
            # Never in answer to the table itself: a person may have selected something else since.
            self._selected_here = state.selected_here
            self._table.selected = [*state.selected]
        if self._table.finding != state.finding:
            self._table.finding = state.finding
        self._changes.draw(state)


class ClientChangesView:
    """What to do with the selected client, the plan, and the steps as they happen.

    Args:
        presenter: what is drawn.
        table: where the client is selected; a button brings its selection along.
    """

    def __init__(self, presenter: Presenter, table: ClientTable) -> None:
        self._presenter = presenter
        self._overlap = text("Overlap in hours", value="24")
        kinds = {"the same kind": ""} | {each.label: name for name, each in KEY_CHOICES.items()}
        self._key = choice("New key", kinds, kind=widgets.Dropdown)
        self._allow_swap = checkbox("Swap, where the tenant takes one key only (a moment's risk)", value=False)
        self._force = checkbox("By force, though the overlap is not over", value=False)
        self._remove_secrets = checkbox("Then delete its client secrets", value=False)
        self._keep_secret = checkbox("Leave its keys in the Vault", value=False)
        self._hint = choice("Which client secret", {"choose by its hint": ""}, kind=widgets.Dropdown)
        self._confirm = text("The client's id, to confirm")
        self._options = {
            self._overlap: ("rotate",),
            self._key: ("rotate", "revoke", "adopt"),
            self._allow_swap: ("rotate", "revoke"),
            self._force: ("retire",),
            self._remove_secrets: ("adopt",),
            self._keep_secret: ("delete",),
            self._hint: ("remove_secret",),
            self._confirm: ("delete",),
        }
        self._choices = [each for each in self._options if each not in (self._hint, self._confirm)]
        self._defaults = {field: field.value for field in self._options}
        self._opened = 0
        self._started: ShownPlan | None = None  # what is being done, or was done last
        self._resetting = 0  # the thread that does
        self._hints: tuple[str, ...] = ()
        self._buttons = {}
        for name, operation in OPERATIONS.items():
            self._buttons[name] = form_button(
                operation.label,
                presenter,
                functools.partial(self._plan, name),
                fields=(table,),
                tooltip=operation.meaning,
                submits=False,
            )
        self._do = form_button("Apply", presenter, self._carry_out, fields=tuple(self._options), missed=self._carry_out)
        self._drop = button("Discard plan", presenter, presenter.drop_plan)
        self._controls = StepControls(presenter, "clients")
        self._told = ResultPlace(presenter, AT)
        self._whose, self._plan_words, self._steps, self._why = html("qk-whose"), html(), html(), html("qk-note")
        self._planned = box(
            self._plan_words,
            *self._options,
            box(self._do, self._drop, self._why, classes="qk-actions"),
            self._told,
            classes="qk-column",
        )
        self._card = box(
            self._planned,
            box(self._controls.widget, self._steps, classes="qk-column"),
            classes="qk-card qk-form qk-new qk-plan-card",
        )
        self._rows = box(
            words("<h3>The selected client</h3>"),
            self._whose,
            box(words("<p class='qk-label'>Keys</p>"), *self._row(KEY_OPERATIONS), classes="qk-changes"),
            box(words("<p class='qk-label'>Settings</p>"), *self._row(SETTING_OPERATIONS), classes="qk-changes"),
            classes="qk-column",
        )
        self.widget = box(self._rows, self._card, classes="qk-column")
        for field in self._options:
            field.observe(lambda _: self._chose(), names="value")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        chosen, steps = len(state.selected), state.steps_of("clients")
        is_told = AT in state.results or state.work_at == AT
        is_kept = state.work_at == AT or (bool(steps) and AT in state.results)
        self._started = state.plan or (self._started if is_kept else None)
        plan = self._started
        is_open = state.plan is not None and state.work_at != AT
        self._follow(state.plan)
        why = "Connect first." if state.connection is None else ""
        for name, each in self._buttons.items():
            each.disabled = bool(state.work or why) or (chosen != 1 and name != "resume")
        put(self._whose, markup.chosen(self._presenter.selected(), state.selected, why))
        # One piece, next to the choices: whatever it grows by, nothing that is pressed moves.
        shown = markup.steps(steps) if steps else ""
        if steps or state.plan is not None:
            shown = markup.plan(plan, is_current=state.plan_is_current, is_open=is_open) + shown
        if not shown:  # what goes, goes before what stands above it
            put(self._steps, "")
        put(self._plan_words, markup.plan_heading(plan))
        # A plan that was started keeps its place, choices and all: in a narrow panel what it comes to stands below.
        is_planning = state.plan is None and state.work_at == AT and not steps
        if is_planning:
            self._planned.add_class("qk-planning")
        (self._planned.remove_class if is_open else self._planned.add_class)("qk-inert")
        for field, operations in self._options.items():
            show(field, visible=plan is not None and plan.form.operation in operations)
        self._draw_button(state, plan, is_open=is_open)
        self._controls.draw(state)
        self._told.draw(state)
        put(self._steps, shown)
        if not is_planning:  # shown when all of it stands where it will
            self._planned.remove_class("qk-planning")
        show(self._card, visible=plan is not None or bool(steps) or is_told)
        show(self._rows, visible=state.clients is not None)

    def _draw_button(self, state: PanelState, plan: ShownPlan | None, *, is_open: bool) -> None:
        """Draw the button that does what is planned: what it says is what it does, and to whom."""
        show(self._do, visible=plan is not None)
        show(self._drop, visible=plan is not None)
        self._drop.layout.visibility = None if is_open else "hidden"
        if plan is None:
            put(self._why, "")
            self._why.remove_class("qk-was")
            return
        problem = self._presenter.problem_of_change(self._form(plan))
        name = plan.client_name or plan.form.client_id
        self._do.description = OPERATIONS[plan.form.operation].heading.format(name=name)
        self._do.kind = "danger" if plan.irreversible else "primary"
        if state.plan is not None and state.plan_is_current:
            self._do.expect(self._choices)
        self._do.disabled = bool(state.work or problem)
        # What would be refused, and why, stands in the plan already.
        why = markup.plain(problem) if not plan.blocked and is_open else ""
        if why:
            put(self._why, why)
        (self._why.remove_class if why else self._why.add_class)("qk-was")

    def _row(self, operations: Mapping[str, Operation]) -> list[Any]:
        return [self._buttons[name] for name in operations]

    def _form(self, plan: ShownPlan) -> ChangeForm:
        """Return the choices as they are now, for the change that is open."""
        return ChangeForm(
            operation=plan.form.operation,
            client_id=plan.form.client_id,
            overlap_hours=self._overlap.value,
            key_choice=self._key.value,
            allow_swap=self._allow_swap.value,
            force=self._force.value,
            remove_secrets=self._remove_secrets.value,
            keep_secret=self._keep_secret.value,
            hint=self._hint.value,
            confirm=self._confirm.value,
        )

    def _follow(self, plan: ShownPlan | None) -> None:
        """Put the choices back to their defaults for each plan that is opened, wherever from."""
        if plan is None:
            return
        opened, hints = plan.opened, plan.hints
        if opened == self._opened and hints == self._hints:
            return
        self._resetting = threading.get_ident()
        try:
            if hints != self._hints:
                self._hints = hints
                self._hint.options = [("choose by its hint", ""), *((hint, hint) for hint in hints)]
            if opened != self._opened:
                self._opened = opened
                put(self._why, "")
                for field, default in self._defaults.items():
                    field.value = default
        finally:
            self._resetting = 0

    def _chose(self) -> None:
        plan = self._presenter.state.plan
        if plan is not None and self._resetting != threading.get_ident():
            self._presenter.choose(self._form(plan))

    def _plan(self, operation: str) -> None:
        selected = self._presenter.state.selected
        client_id = "" if operation == "resume" or len(selected) != 1 else selected[0]
        self._presenter.plan_change(ChangeForm(operation=operation, client_id=client_id))

    def _carry_out(self) -> None:
        plan = self._presenter.state.plan
        if plan is not None:
            self._presenter.change(self._form(plan))
