"""The tab "Clients": the table, and what can be done with the selected client, each with its plan shown first."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.panel import markup
from qlik_keys.panel.client_table import ClientTable
from qlik_keys.panel.controls import (
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
from qlik_keys.panel.state import ChangeForm
from qlik_keys.panel.words import KEY_CHOICES

if TYPE_CHECKING:
    from qlik_keys.panel.presenter import Presenter
    from qlik_keys.panel.state import PanelState, ShownPlan

_KEYS = {
    "rotate": ("Rotate", "A new key beside the old one, without downtime: both log in until the overlap is over."),
    "retire": ("Retire", "Takes the old key away when its overlap is over."),
    "revoke": ("Revoke", "The key is out: it is replaced now, and every older one goes."),
    "adopt": ("Adopt", "Gives a client that was made elsewhere a key of ours."),
    "delete": ("Delete", "Ends the client and then its keys, for good."),
    "resume": ("Resume all", "Finishes whatever was cut off, of any client."),
}
_SETTINGS = {
    "trust": ("Set trusted", "Consent method trusted: without it a machine cannot log in."),
    "distrust": ("Set required", "Consent method required: the machine is locked out."),
    "publish": ("Publish", "Lets other tenants use the client."),
    "add_secret": ("Add secret", "A further client secret, shown once."),
    "remove_secret": ("Delete secret", "Takes one client secret away."),
}
_OPERATIONS = _KEYS | _SETTINGS


class ClientsView:
    """Every client of the tenant with what the Vault knows of its keys, and the changes of the selected one."""

    def __init__(self, presenter: Presenter) -> None:
        self._refresh = button("Refresh", presenter, presenter.refresh, kind="qk-primary")
        self._when = html("qk-note")
        self._table = ClientTable()
        self._selected_here = 0
        self._changes = ClientChangesView(presenter, self._table)
        self.widget = box(
            box(self._refresh, self._when, classes="qk-actions"), self._table, self._changes.widget, classes="qk-pane"
        )
        self._table.observe(lambda change: presenter.select(change["new"]), names="selected")
        self._table.observe(lambda change: presenter.narrow(change["new"]), names="finding")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._refresh.disabled = bool(state.work) or state.connection is None
        put(self._when, markup.listed_at(state.clients_at))
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
        self._remove_secrets = checkbox("Then take its client secrets away", value=False)
        self._keep_secret = checkbox("Leave its keys in the Vault", value=False)
        self._hint = choice("Which client secret", {"choose by its hint": ""}, kind=widgets.Dropdown)
        self._confirm = text("The client's id once more")
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
        self._defaults = {field: field.value for field in self._options}
        self._planned_for = ("", "")
        self._hints: tuple[str, ...] = ()
        fields: tuple[Any, ...] = (table, *self._options)
        self._buttons = {}
        for name, (label, meaning) in _OPERATIONS.items():
            planned = functools.partial(self._plan, name)
            self._buttons[name] = form_button(label, presenter, planned, fields=fields, tooltip=meaning)
        self._do = form_button("Do it", presenter, self._carry_out, fields=fields)
        self._drop = button("Never mind", presenter, presenter.drop_plan, kind="qk-quiet")
        self._controls = StepControls(presenter, "clients")
        self._whose, self._plan_words, self._steps, self._changed = html(), html(), html(), html()
        self._card = box(
            self._plan_words,
            *self._options,
            box(self._do, self._drop, *self._controls.buttons, classes="qk-actions"),
            self._changed,
            self._steps,
            classes="qk-card qk-form",
        )
        self.widget = box(
            words("<h3>The selected client</h3>"),
            self._whose,
            box(words("<p class='qk-label'>Keys</p>"), *self._row(_KEYS), classes="qk-changes"),
            box(words("<p class='qk-label'>Settings</p>"), *self._row(_SETTINGS), classes="qk-changes"),
            self._card,
            classes="qk-column",
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        plan, chosen = state.plan, len(state.selected)
        self._follow(plan, is_busy=bool(state.work))
        why = state.work or ("Connect first." if state.connection is None else "")
        for name, each in self._buttons.items():
            each.disabled = bool(why) or (chosen != 1 and name != "resume")
        put(self._whose, markup.chosen(self._presenter.selected(), state.selected, why))
        put(self._plan_words, markup.plan(plan, _OPERATIONS[plan.form.operation][1] if plan else ""))
        for field, operations in self._options.items():
            show(field, visible=plan is not None and plan.form.operation in operations and not state.work)
        if plan is not None and plan.hints != self._hints:
            self._hints = plan.hints
            self._hint.options = [("choose by its hint", ""), *((hint, hint) for hint in plan.hints)]
            self._hint.value = ""
        show(self._do, visible=_may_be_done(plan) or _may_be_changed(plan))
        self._do.disabled = bool(state.work)
        show(self._drop, visible=plan is not None and not state.work)
        is_ours = state.steps_in == "clients"
        self._controls.draw(state)
        put(self._changed, markup.changed(state.changed))
        put(self._steps, markup.steps(state.steps if is_ours else ()))
        show(self._card, visible=plan is not None or bool(state.changed) or (is_ours and bool(state.steps)))

    def _row(self, operations: dict[str, tuple[str, str]]) -> list[Any]:
        return [self._buttons[name] for name in operations]

    def _form(self, operation: str) -> ChangeForm:
        selected = self._presenter.state.selected
        return ChangeForm(
            operation=operation,
            client_id="" if operation == "resume" or len(selected) != 1 else selected[0],
            overlap_hours=self._overlap.value,
            key_choice=self._key.value,
            allow_swap=self._allow_swap.value,
            force=self._force.value,
            remove_secrets=self._remove_secrets.value,
            keep_secret=self._keep_secret.value,
            hint=self._hint.value,
            confirm=self._confirm.value,
        )

    def _follow(self, plan: ShownPlan | None, *, is_busy: bool) -> None:
        """Put the choices back to their defaults once their plan is gone, or is another client's."""
        if plan is not None and (plan.form.operation, plan.form.client_id) != self._planned_for:
            self._planned_for = (plan.form.operation, plan.form.client_id)
            self._start_over()
        elif plan is None and not is_busy:
            self._start_over()

    def _start_over(self) -> None:
        # A tick left by the client before must never force, swap or delete anything for the next one.
        for field, default in self._defaults.items():
            field.value = default

    def _plan(self, operation: str) -> None:
        self._start_over()
        self._presenter.plan_change(self._form(operation))

    def _carry_out(self) -> None:
        plan = self._presenter.state.plan
        if plan is None:
            return
        form = self._form(plan.form.operation)
        if form.client_id == plan.form.client_id:
            self._presenter.change(form)
        else:  # another client was selected since
            self._plan(plan.form.operation)


def _may_be_done(plan: Any) -> bool:
    return plan is not None and not plan.is_empty and not plan.blocked


def _may_be_changed(plan: Any) -> bool:
    """Tell whether another choice could let a plan be done that would be refused: by force, or by a swap."""
    return plan is not None and bool(plan.blocked) and plan.form.operation in {"retire", "rotate", "revoke"}
