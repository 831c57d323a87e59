"""The tab "Try a token": a login taken apart, calls with the token that comes of it, and what is wrong if none does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.jupyter.panel.model.inspection_state import TryForm
from qlik_keys.jupyter.panel.model.words import VARIANT_CHOICES
from qlik_keys.jupyter.panel.views import inspection_markup as trial_markup
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.views.user_choice import UserChoice
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
    words,
)
from qlik_keys.jupyter.panel.widgets.fields import ScopePicker
from qlik_keys.jupyter.panel.widgets.inspection import AnswerView, CallBar, CheckList, Countdown
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace

if TYPE_CHECKING:
    import pandas as pd

    from qlik_keys.jupyter.panel.controllers.presenter import Presenter
    from qlik_keys.jupyter.panel.model.inspection_state import ClientToTry
    from qlik_keys.jupyter.panel.model.state import PanelState

# A fleet's names do not belong into a saved notebook: the others are chosen in the table, which keeps them out of it.
CLIENTS_SHOWN = 50
_NOBODY = ("choose a client", "")
_WHY_NO_USER = "This client may not act for users: it lacks the grant urn:qlik:oauth:user-impersonation."


class TokensView:
    """A client's login, taken apart: who, the assertion, the token, calls with it, and the doctor."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._frame: pd.DataFrame | None = None
        self._clients: dict[str, ClientToTry] = {}
        self._drawn: tuple[Any, ...] = ()
        self._drawing = 0
        self._client = widgets.Dropdown(options=[_NOBODY], description="Client")
        self._client.add_class("qk-field")
        self._find = button("Find the clients with a key", presenter, presenter.refresh)
        self._scopes = ScopePicker([], none="None chosen: all that the client may have.")
        self._for_user = checkbox("For a user (impersonation)", value=False)
        self._user = UserChoice(presenter)
        self._fault = choice("Assertion", VARIANT_CHOICES, kind=widgets.Dropdown)
        self._inputs = (
            self._client,
            self._scopes,
            self._for_user,
            *self._user.fields,
            self._fault,
        )
        self._try = form_button("Get a token", presenter, lambda: presenter.try_token(self.form), fields=self._inputs)
        self._doctor = button("What is wrong?", presenter, self._examine)
        self._doctor.tooltip = "The doctor looks at everything that a login of this client needs"
        self._controls = StepControls(presenter, "try")
        self._user_note, self._fault_note, self._why = html("qk-note"), html("qk-note"), html("qk-note")
        self._result, self._rejection, self._assertion, self._parts = html(), html(), html(), html()
        self._steps, self._call_heading = html("qk-live"), html()
        self._countdown = Countdown(over=presenter.redraw)
        self._revoke = button("Revoke the token", presenter, presenter.revoke_token, kind="qk-quiet")
        self._revoke.add_class("qk-danger")
        self._places = [ResultPlace(presenter, at) for at in ("try", "token", "call", "doctor")]
        tried, revoked, called, fixed = self._places
        self._bar = CallBar(send=presenter.call)
        self._answer = AnswerView(examine=self._examine_token)
        self._checks = CheckList(fix=presenter.fix_login, again=self._examine_again, drop=presenter.drop_diagnosis)
        self._doctor_card = box(fixed, self._checks, classes="qk-card")
        form = box(
            words(
                "<h3>Log in as a client</h3><p>Signs an assertion with the client's key in the Vault and gets a token "
                "for it: what a job does, and what Qlik's own tools cannot do with a private key.</p>"
            ),
            self._find,
            self._client,
            self._scopes,
            self._for_user,
            self._user_note,
            self._user.widget,
            self._fault,
            self._fault_note,
            box(self._try, self._doctor, self._why, classes="qk-actions"),
            tried,
            classes="qk-card qk-form",
        )
        self._token_row = box(self._countdown, self._revoke, classes="qk-actions")
        self._nothing_yet = words(_NOTHING_YET)
        # The steps first: while they grow there is nothing yet below them.
        result = box(
            self._nothing_yet,
            self._controls.widget,
            self._steps,
            self._rejection,
            self._result,
            self._token_row,
            revoked,
            self._parts,
            classes="qk-card qk-result",
        )
        self._assertion_card = box(self._assertion, classes="qk-card")
        self._call_card = box(self._call_heading, self._bar, called, self._answer, classes="qk-card")
        self.widget = box(
            box(box(form, self._doctor_card, self._assertion_card, classes="qk-pane"), result, classes="qk-new"),
            self._call_card,
            classes="qk-pane",
        )
        self._client.observe(self._chose, names="value")
        for field in (self._for_user, self._fault):
            field.observe(lambda _: presenter.redraw(), names="value")

    @property
    def form(self) -> TryForm:
        """What is filled in."""
        is_for_user = self._for_user.value and self._may_impersonate()
        return TryForm(
            client_id=self._client.value or "",
            scopes=tuple(self._scopes.value),
            user_field=self._user.field if is_for_user else "",
            user_value=self._user.value.value if is_for_user else "",
            fault=self._fault.value if self._is_sandbox() else "",
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._draw_clients(state)
        is_connected = state.connection is not None
        show(self._find, visible=is_connected and not self._clients)
        self._find.disabled = bool(state.work)
        self._draw_choices()
        why = self._presenter.problem_of_trying(self.form)
        self._try.disabled = bool(state.work or why)
        self._doctor.disabled = bool(state.work) or not is_connected or not self._client.value
        put(self._why, markup.plain(why))
        self._controls.draw(state)
        for place in self._places:
            place.draw(state)
        steps = state.steps_of("try")
        token = state.token
        is_old = state.rejection is not None and state.rejection.fault != "replayed"
        now = self._presenter.now()
        is_started = state.rejection is not None or bool(steps)
        # What only kept the place goes before the steps come: nothing is in sight then that they could move.
        show(self._nothing_yet, visible=token is None and not is_started)
        put(self._result, trial_markup.token(token, now=now, is_old=is_old))
        show(self._places[1], visible=token is not None)
        put(self._steps, markup.steps(steps) if steps else "")
        show(self._controls.widget, visible=bool(steps))
        put(self._rejection, trial_markup.rejection(state.rejection))
        put(self._parts, trial_markup.token_parts(token))
        is_alive = token is not None and not token.is_revoked
        self._countdown.count_to(token.expires_at if is_alive and token is not None else None)
        show(self._token_row, visible=is_alive)
        self._revoke.disabled = bool(state.work)
        put(self._assertion, trial_markup.assertion(state.assertion))
        # What the doctor found takes its place, below the button that asked for it.
        show(self._assertion_card, visible=state.assertion is not None and state.diagnosis is None)
        show(self._call_card, visible=(token is not None or bool(state.calls)) and state.work_at != "try")
        self._bar.why = "" if state.work or token is not None else "Get a token first."
        self._bar.disabled = bool(state.work or self._bar.why)  # what is done is told at the place below it
        self._answer.disabled = bool(state.work)
        self._answer.show(state.answer, state.calls)
        put(self._call_heading, trial_markup.call_heading(token, self._clients.get(self._client.value or "")))
        self._checks.disabled = bool(state.work)
        show(self._doctor_card, visible=state.diagnosis is not None)
        self._checks.show(state.diagnosis, state.fixed, state.examined)

    def forget(self) -> None:
        """Empty the body that was typed: it may hold a password."""
        self._bar.clear()

    def _draw_clients(self, state: PanelState) -> None:
        """Offer the clients that have a key; the one that is selected in the table is chosen here too."""
        if state.clients is not self._frame:
            self._frame = state.clients
            self._clients = {each.client_id: each for each in self._presenter.clients_to_try()}
        chosen = state.selected[0] if len(state.selected) == 1 and state.selected[0] in self._clients else ""
        offered = [*self._clients.values()][:CLIENTS_SHOWN]
        if chosen and self._clients[chosen] not in offered:
            offered.append(self._clients[chosen])
        options = [_NOBODY, *((each.name, each.client_id) for each in offered)]
        if len(self._clients) > CLIENTS_SHOWN:
            options[0] = (f"the first {CLIENTS_SHOWN} of {len(self._clients):,}: more in the tab Clients", "")
        drawn = (tuple(options), chosen)
        if drawn == self._drawn:
            return
        # Only where something else is to be chosen: a person may be choosing meanwhile.
        previous, self._drawn = self._drawn, drawn
        self._drawing = threading.get_ident()
        try:
            if not previous or previous[0] != drawn[0]:
                self._client.options = options
            if self._client.value != chosen:
                self._client.value = chosen
        finally:
            self._drawing = 0
        if not previous or previous[1] != chosen:
            self._scopes.value = []
            self._scopes.offer(self._clients[chosen].scopes if chosen else ())

    def _draw_choices(self) -> None:
        show(self._scopes, visible=bool(self._client.value))
        may = self._may_impersonate()
        show(self._for_user, visible=may)
        put(self._user_note, markup.plain(_WHY_NO_USER) if self._client.value and not may else "")
        self._user.draw(self._presenter.state, visible=may and self._for_user.value)
        is_sandbox = self._is_sandbox()
        show(self._fault, visible=is_sandbox)
        note = ""
        if self._presenter.state.connection is not None and not is_sandbox:
            note = "Breaking it on purpose, to see what a tenant refuses, works on the sandbox only."
        put(self._fault_note, markup.plain(note))

    def _chose(self, change: dict[str, Any]) -> None:
        if self._drawing != threading.get_ident():
            self._presenter.choose_client(change["new"] or "")

    def _may_impersonate(self) -> bool:
        client = self._clients.get(self._client.value or "")
        return client is not None and client.may_impersonate

    def _is_sandbox(self) -> bool:
        connection = self._presenter.state.connection
        return connection is not None and connection.mode == "sandbox"

    def _examine(self) -> None:
        self._presenter.examine(self.form.client_id, form=self.form)

    def _examine_token(self) -> None:
        token = self._presenter.state.token
        if token is not None:
            self._presenter.examine(token.form.client_id, after_call=True, form=token.form)

    def _examine_again(self) -> None:
        diagnosis = self._presenter.state.diagnosis
        if diagnosis is not None:
            self._presenter.examine(diagnosis.client_id)


_NOTHING_YET = (
    "<div class='qk-empty'><p><b>The login appears here as it happens</b>: the assertion with the rule behind each of "
    "its members, the token with its scope and its end, and whose it is.</p><p>Then call anything with it.</p></div>"
)
