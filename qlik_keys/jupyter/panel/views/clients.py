"""The tab "Clients": the table, and the changes of the selected client, each with its plan shown first."""

from __future__ import annotations

import functools
import threading
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.jupyter.panel.controllers.changes import AT
from qlik_keys.jupyter.panel.model.forms import OVERLAP_HOURS, ChangeForm
from qlik_keys.jupyter.panel.model.state import COMMON
from qlik_keys.jupyter.panel.model.words import KEY_CHOICES, KEY_OPERATIONS, OPERATIONS, SETTING_OPERATIONS
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets import controls as ui
from qlik_keys.jupyter.panel.widgets.client_table import ClientTable
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
    from qlik_keys.jupyter.panel.model.shown import ShownPlan
    from qlik_keys.jupyter.panel.model.state import PanelState
    from qlik_keys.jupyter.panel.model.words import Operation

_HOOKS_WAIT = (
    "The old key stays until they succeed. Resume all runs those that the file in QLIK_KEYS_HOOKS defines on this "
    "machine. To remove one that is not needed any more, run in a cell: "
    'qk.resume(panel.tenant, panel.store, drop_hooks=["NAME"])'
)


class ClientsView:
    """Every client of the tenant with what the Vault knows of its keys, and the changes of the selected one."""

    groups = (*COMMON, "clients", "change")

    def __init__(self, controllers: PanelControllers) -> None:
        clients = controllers.clients
        self._refresh = ui.button("Refresh", controllers.work, clients.refresh, kind="qk-primary")
        self._last_use = ui.checkbox("Show last use", value=False)
        self._last_use.tooltip = "Asks the tenant for the events of 90 days: a request for each hundred logins."
        self._when = ui.html("qk-note")
        self._why_unknown = ui.html("qk-note")
        self._table = ClientTable()
        self._selections = 0
        self._result = ResultPlace(controllers, "clients")
        self._changes = ClientChangesView(controllers, self._table)
        self.widget = ui.box(
            ui.box(self._refresh, self._last_use, self._when, classes="qk-actions"),
            self._why_unknown,
            self._result,
            self._table,
            self._changes.widget,
            classes="qk-pane",
        )
        self._table.observe(lambda change: clients.select(change["new"], in_table=True), names="selected")
        self._table.observe(lambda change: clients.filter_by(change["new"]), names="finding")
        self._last_use.observe(lambda change: clients.show_last_use(wanted=change["new"]), names="value")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        clients = state.clients
        self._refresh.disabled = bool(state.work.doing) or state.connection is None
        self._last_use.disabled = self._refresh.disabled
        if self._last_use.value != clients.with_last_use:
            self._last_use.value = clients.with_last_use
        self._result.draw(state)
        ui.put(self._when, markup.listed_at(clients.listed_at, "clients", "selected", may_differ=clients.may_differ))
        ui.put(self._why_unknown, markup.last_use(clients.frame))
        self._table.show(clients.frame)
        if clients.selections != self._selections:
            # Never in answer to the table itself: the user may have selected something else since.
            self._selections = clients.selections
            self._table.selected = [*clients.selected]
        if self._table.finding != clients.finding:
            self._table.finding = clients.finding
        self._changes.draw(state)


class ClientChangesView:
    """The changes of the selected client, the plan, and the steps as they happen.

    Args:
        controllers: what the buttons act on.
        table: where the client is selected; a button sends its selection with the click.
    """

    def __init__(self, controllers: PanelControllers, table: ClientTable) -> None:
        self._controllers = controllers
        work, changes = controllers.work, controllers.changes
        self._overlap = ui.text("Overlap in hours", value=OVERLAP_HOURS)
        kinds = {"the same kind": ""} | {each.label: name for name, each in KEY_CHOICES.items()}
        self._key = ui.choice("New key", kinds, kind=widgets.Dropdown)
        self._allow_swap = ui.checkbox(
            "Replace the key at once if the tenant accepts one key only (no login for a moment)", value=False
        )
        self._force = ui.checkbox("Retire now, before the overlap is over", value=False)
        self._remove_secrets = ui.checkbox("Then delete its client secrets", value=False)
        self._keep_secret = ui.checkbox("Leave its keys in the Vault", value=False)
        self._remove_bot = ui.checkbox("Delete its bot user too", value=False)
        self._hint = ui.choice("Client secret", {"choose one by its hint": ""}, kind=widgets.Dropdown)
        self._confirm = ui.text("Client id, to confirm")
        self._options = {
            self._overlap: ("rotate",),
            self._key: ("rotate", "revoke", "adopt"),
            self._allow_swap: ("rotate", "revoke"),
            self._force: ("retire",),
            self._remove_secrets: ("adopt",),
            self._keep_secret: ("delete",),
            self._remove_bot: ("delete",),
            self._hint: ("remove_secret",),
            self._confirm: ("delete",),
        }
        self._choices = [each for each in self._options if each not in (self._hint, self._confirm)]
        self._defaults = {field: field.value for field in self._options}
        self._opened = 0
        self._started: ShownPlan | None = None  # of the change in progress, or of the last one
        self._resetting = 0  # the thread that resets the options
        self._hints: tuple[str, ...] = ()
        self._buttons = {}
        for name, operation in OPERATIONS.items():
            self._buttons[name] = ui.form_button(
                operation.label,
                work,
                functools.partial(self._plan, name),
                fields=(table,),
                tooltip=operation.meaning,
                submits=False,
            )
        self._apply = ui.form_button(
            "Apply", work, self._carry_out, fields=tuple(self._options), missed=self._carry_out
        )
        self._discard = ui.button("Discard plan", work, changes.discard)
        self._controls = ui.StepControls(work, "change")
        self._result = ResultPlace(controllers, AT)
        self._selected, self._heading, self._steps, self._why = (
            ui.html("qk-selected"),
            ui.html(),
            ui.html(),
            ui.html("qk-note"),
        )
        self._planned = ui.box(
            self._heading,
            *self._options,
            ui.box(self._apply, self._discard, self._why, classes="qk-actions"),
            self._result,
            classes="qk-column",
        )
        self._card = ui.box(
            self._planned,
            ui.box(self._controls.widget, self._steps, classes="qk-column"),
            classes="qk-card qk-form qk-new qk-plan-card",
        )
        self._rows = ui.box(
            ui.static("<h3>The selected client</h3>"),
            self._selected,
            ui.box(ui.static("<p class='qk-label'>Keys</p>"), *self._row(KEY_OPERATIONS), classes="qk-changes"),
            ui.box(ui.static("<p class='qk-label'>Settings</p>"), *self._row(SETTING_OPERATIONS), classes="qk-changes"),
            classes="qk-column",
        )
        self.widget = ui.box(self._rows, self._card, classes="qk-column")
        for field in self._options:
            field.observe(lambda _: self._chose(), names="value")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        change, steps, chosen = state.change, state.change.steps, len(state.clients.selected)
        is_running = state.work.at == AT
        has_result = AT in state.results or is_running
        is_kept = is_running or (bool(steps) and AT in state.results)
        self._started = change.plan or (self._started if is_kept else None)
        plan = self._started
        is_open = change.plan is not None and not is_running
        self._follow(change.plan)
        why = "Connect first." if state.connection is None else ""
        for name, each in self._buttons.items():
            each.disabled = bool(state.work.doing or why) or (chosen != 1 and name != "resume")
        ui.put(self._selected, selected_client(self._controllers.clients.selected(), state.clients.selected, why))
        # One piece, next to the options: however it grows, no button moves.
        shown = markup.steps(steps) if steps else ""
        if steps or change.plan is not None:
            shown = markup.plan(plan, is_current=change.plan_is_current, is_open=is_open) + shown
        if not shown:  # removed before what is above it
            ui.put(self._steps, "")
        if change.plan is not None and state.work.is_planning:  # emptied before the plan comes above it
            self._result.draw(state)
        ui.put(self._heading, markup.plan_heading(plan))
        # A plan that was started keeps its place and its options: in a narrow panel its result is below.
        is_planning = change.plan is None and is_running and not steps
        if is_planning:
            self._planned.add_class("qk-planning")
        (self._planned.remove_class if is_open else self._planned.add_class)("qk-inert")
        for field, operations in self._options.items():
            ui.show(field, visible=plan is not None and plan.form.operation in operations)
        self._draw_button(state, plan, is_open=is_open)
        self._controls.draw(state)
        self._result.draw(state)
        ui.put(self._steps, shown)
        if not is_planning:  # shown when all of it is in its place
            self._planned.remove_class("qk-planning")
        ui.show(self._card, visible=plan is not None or bool(steps) or has_result)
        ui.show(self._rows, visible=state.clients.frame is not None)

    def _draw_button(self, state: PanelState, plan: ShownPlan | None, *, is_open: bool) -> None:
        """Draw the button that makes the planned change: it says which change, and of which client."""
        ui.show(self._apply, visible=plan is not None)
        ui.show(self._discard, visible=plan is not None)
        self._discard.layout.visibility = None if is_open else "hidden"
        if plan is None:
            ui.put(self._why, "")
            self._why.remove_class("qk-was")
            return
        problem = self._controllers.changes.problem_of(self._form(plan))
        name = plan.client_name or plan.form.client_id
        self._apply.description = OPERATIONS[plan.form.operation].heading.format(name=name)
        self._apply.kind = "danger" if plan.irreversible else "primary"
        if state.change.plan is not None and state.change.plan_is_current:
            self._apply.expect(self._choices)
        self._apply.disabled = bool(state.work.doing or problem)
        # Why it would be refused is in the plan already.
        why = markup.plain(problem) if not plan.blocked and state.change.plan is not None else ""
        if why:  # it has its space before it is seen, so that nothing below it moves
            ui.put(self._why, why)
        (self._why.remove_class if why and is_open else self._why.add_class)("qk-was")

    def _row(self, operations: Mapping[str, Operation]) -> list[Any]:
        return [self._buttons[name] for name in operations]

    def _form(self, plan: ShownPlan) -> ChangeForm:
        """Return the options as they are now, for the change that is open."""
        return ChangeForm(
            operation=plan.form.operation,
            client_id=plan.form.client_id,
            overlap_hours=self._overlap.value,
            key_choice=self._key.value,
            allow_swap=self._allow_swap.value,
            force=self._force.value,
            remove_secrets=self._remove_secrets.value,
            keep_secret=self._keep_secret.value,
            remove_bot=self._remove_bot.value,
            hint=self._hint.value,
            confirm=self._confirm.value,
        )

    def _follow(self, plan: ShownPlan | None) -> None:
        """Set the options to their defaults for each plan that is opened."""
        if plan is None:
            return
        opened, hints = plan.opened, plan.hints
        if opened == self._opened and hints == self._hints:
            return
        self._resetting = threading.get_ident()
        try:
            if hints != self._hints:
                self._hints = hints
                self._hint.options = [("choose one by its hint", ""), *((hint, hint) for hint in hints)]
            if opened != self._opened:
                self._opened = opened
                ui.put(self._why, "")
                for field, default in self._defaults.items():
                    field.value = default
                self._remove_bot.value = plan.form.remove_bot  # a finding opens the plan with it
        finally:
            self._resetting = 0

    def _chose(self) -> None:
        plan = self._controllers.state.change.plan
        if plan is not None and self._resetting != threading.get_ident():
            self._controllers.changes.choose(self._form(plan))

    def _plan(self, operation: str) -> None:
        selected = self._controllers.state.clients.selected
        client_id = "" if operation == "resume" or len(selected) != 1 else selected[0]
        self._controllers.changes.plan(ChangeForm(operation=operation, client_id=client_id))

    def _carry_out(self) -> None:
        plan = self._controllers.state.change.plan
        if plan is not None:
            self._controllers.changes.apply(self._form(plan))


def selected_client(rows: pd.DataFrame | None, client_ids: Sequence[str], why: str) -> str:
    """Return which client the buttons below change, or why they are disabled."""
    if why:
        return f"<p class='qk-note'>{escape(why)}</p>"
    if not client_ids:
        return "<p class='qk-note'>Select a client in the table. The plan is shown before anything is changed.</p>"
    if len(client_ids) > 1:
        return (
            f"<p class='qk-note'>{len(client_ids):,} are selected. The panel changes one client at a time. "
            "For several, in a cell: <code>qk.rotate_due(panel.tenant, panel.store)</code>, or a loop over "
            "<code>panel.selected</code>.</p>"
        )
    name = "" if rows is None or rows.empty else f"<b>{escape(str(rows['name'].iloc[0]))}</b> "
    attrs = {} if rows is None else rows.attrs
    operation, hooks, mark = (attrs.get(of, {}).get(client_ids[0]) for of in ("operations", "hooks", "declared"))
    told = []
    if operation:
        told.append(
            f"In progress or interrupted: {operation['words']}. Resume finishes it if no other user is doing so."
        )
    if hooks:
        told.append(f"Pending hooks: {hooks.removeprefix('Pending: ')} {_HOOKS_WAIT}")
    return f"<p>{name}<code>{escape(client_ids[0])}</code></p>{markup.warnings(told)}{_declared(mark) if mark else ''}"


def _declared(mark: Mapping[str, Any]) -> str:
    """Return what a fleet file says of a client, and what follows from it."""
    facts = {"Owner": mark["owner"] or "not named", "Tags": ", ".join(mark["tags"]) or "none"}
    shown = " · ".join(f"{name}: <b>{escape(text)}</b>" for name, text in facts.items())
    return (
        f"<p class='qk-note'>Declared in the fleet file <b>{escape(mark['fleet'])}</b> · {shown}. Settings that the "
        "file names are changed there: <code>qlik-keys apply</code> would undo a change that is made here.</p>"
    )
