"""The tab "Clients": the table, and what can be done with a client's keys, each with its plan shown first."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.panel import markup
from qlik_keys.panel.controls import box, button, checkbox, choice, form_button, html, put, show, text, words
from qlik_keys.panel.state import ChangeForm
from qlik_keys.panel.words import KEY_CHOICES

if TYPE_CHECKING:
    from qlik_keys.panel.presenter import Presenter
    from qlik_keys.panel.state import PanelState

_NO_CLIENT = "choose a client"
_OPERATIONS = {
    "rotate": ("Rotate", "A new key beside the old one, without downtime: both log in until the overlap is over."),
    "retire": ("Retire", "Takes the old key away when its overlap is over."),
    "revoke": ("Revoke", "The key is out: it is replaced now, and every older one goes."),
    "adopt": ("Adopt", "Gives a client that was made elsewhere a key of ours."),
    "delete": ("Delete", "Ends the client and then its keys, for good."),
    "resume": ("Resume all", "Finishes whatever was cut off, of any client."),
}


class ClientsView:
    """Every client of the tenant with what the Vault knows of its keys, and the changes of keys."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._refresh = button("Refresh", presenter, presenter.refresh, kind="qk-primary")
        self._search = text("Search", placeholder="name, id, scope, finding …")
        self._table = html("qk-clients")
        self._changes = KeyChangesView(presenter)
        self.widget = box(
            box(self._search, self._refresh, classes="qk-bar"), self._table, self._changes.widget, classes="qk-pane"
        )
        self._search.observe(lambda _: presenter.redraw(), names="value")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._refresh.disabled = bool(state.work) or state.connection is None
        put(self._table, markup.clients(state.clients, state.clients_at, self._search.value))
        self._changes.draw(state)


class KeyChangesView:
    """A client, what to do with its keys, the plan, and the steps as they happen."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._offered: Any = None
        self._client = choice("Client", {_NO_CLIENT: ""}, kind=widgets.Dropdown)
        self._overlap = text("Overlap in hours", value="24")
        kinds = {"the same kind": ""} | {each.label: name for name, each in KEY_CHOICES.items()}
        self._key = choice("New key", kinds, kind=widgets.Dropdown)
        self._allow_swap = checkbox("Swap, where the tenant takes one key only (a moment's risk)", value=False)
        self._force = checkbox("By force, though the overlap is not over", value=False)
        self._remove_secrets = checkbox("Then take its client secrets away", value=False)
        self._keep_secret = checkbox("Leave its keys in the Vault", value=False)
        self._confirm = text("The client's id once more")
        self._options = {
            self._overlap: ("rotate",),
            self._key: ("rotate", "revoke", "adopt"),
            self._allow_swap: ("rotate", "revoke"),
            self._force: ("retire",),
            self._remove_secrets: ("adopt",),
            self._keep_secret: ("delete",),
            self._confirm: ("delete",),
        }
        fields = (self._client, *self._options)
        self._buttons = {}
        for name, (label, _) in _OPERATIONS.items():
            planned = functools.partial(self._plan, name)
            self._buttons[name] = form_button(label, presenter, planned, fields=fields)
        self._do = form_button("Do it", presenter, self._carry_out, fields=fields)
        self._drop = button("Never mind", presenter, presenter.drop_plan, kind="qk-quiet")
        self._cancel = button("Cancel", presenter, presenter.cancel)
        self._why, self._plan_words, self._steps, self._changed = html("qk-note"), html(), html(), html()
        self._steps.add_class("qk-live")
        self._card = box(
            self._plan_words,
            *self._options,
            box(self._do, self._drop, self._cancel, classes="qk-actions"),
            self._changed,
            self._steps,
            classes="qk-card qk-form",
        )
        self.widget = box(
            words("<h3>Keys of a client</h3>"),
            box(self._client, *self._buttons.values(), classes="qk-changes"),
            self._why,
            self._card,
            classes="qk-column",
        )
        self._client.observe(lambda _: presenter.redraw(), names="value")

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._offer(state)
        client, plan = self._client.value, state.plan
        why = state.work or ("Connect first." if state.connection is None else "")
        for name, each in self._buttons.items():
            each.disabled = bool(why) or (not client and name != "resume")
        put(self._why, markup.plain(why or ("" if client else "Choose a client; the plan is shown before it is done.")))
        put(self._plan_words, markup.plan(plan, _OPERATIONS[plan.form.operation][1] if plan else ""))
        for field, operations in self._options.items():
            show(field, visible=plan is not None and plan.form.operation in operations and not state.work)
        show(self._do, visible=(plan is not None and not plan.is_empty | bool(plan.blocked)) or _may_be_changed(plan))
        self._do.disabled = bool(state.work)
        show(self._drop, visible=plan is not None and not state.work)
        is_ours = state.steps_in == "clients"
        show(self._cancel, visible=bool(state.work) and is_ours and bool(state.steps))
        self._cancel.disabled = state.cancelling
        put(self._changed, markup.changed(state.changed))
        put(self._steps, markup.steps(state.steps if is_ours else ()))
        show(self._card, visible=plan is not None or bool(state.changed) or (is_ours and bool(state.steps)))

    def _offer(self, state: PanelState) -> None:
        """Offer the clients of the table; the one that is chosen stays chosen."""
        if state.clients is self._offered:
            return
        self._offered, chosen = state.clients, self._client.value
        offered = [(_NO_CLIENT, "")]
        if state.clients is not None:
            names = zip(state.clients["name"], state.clients["client_id"], strict=True)
            offered += sorted((f"{name} ({client_id[:8]}…)", client_id) for name, client_id in names)
        self._client.options = offered
        self._client.value = chosen if chosen in {client_id for _, client_id in offered} else ""

    def _form(self, operation: str) -> ChangeForm:
        return ChangeForm(
            operation=operation,
            client_id="" if operation == "resume" else self._client.value,
            overlap_hours=self._overlap.value,
            key_choice=self._key.value,
            allow_swap=self._allow_swap.value,
            force=self._force.value,
            remove_secrets=self._remove_secrets.value,
            keep_secret=self._keep_secret.value,
            confirm=self._confirm.value,
        )

    def _plan(self, operation: str) -> None:
        self._confirm.value = ""
        self._presenter.plan_change(self._form(operation))

    def _carry_out(self) -> None:
        plan = self._presenter.state.plan
        if plan is not None:
            self._presenter.change(self._form(plan.form.operation))


def _may_be_changed(plan: Any) -> bool:
    """Tell whether another choice could let a plan be done that would be refused: by force, or by a swap."""
    return plan is not None and bool(plan.blocked) and plan.form.operation in {"retire", "rotate", "revoke"}
