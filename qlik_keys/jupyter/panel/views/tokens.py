"""The tab "Try a token": a login step by step, calls with its token, and what is wrong if it fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.jupyter.panel.controllers.token import REPLAYED
from qlik_keys.jupyter.panel.model.forms import TokenForm
from qlik_keys.jupyter.panel.model.state import COMMON
from qlik_keys.jupyter.panel.model.words import VARIANT_CHOICES
from qlik_keys.jupyter.panel.views import inspection_markup, markup
from qlik_keys.jupyter.panel.views.user_choice import UserChoice
from qlik_keys.jupyter.panel.widgets import controls as ui
from qlik_keys.jupyter.panel.widgets.fields import ScopePicker
from qlik_keys.jupyter.panel.widgets.inspection import AnswerView, CallBar, CheckList, Countdown
from qlik_keys.jupyter.panel.widgets.result_place import ResultPlace
from qlik_keys.tenant.resources.grants import IMPERSONATION

if TYPE_CHECKING:
    import pandas as pd

    from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
    from qlik_keys.jupyter.panel.model.shown import ClientWithKey
    from qlik_keys.jupyter.panel.model.state import PanelState

# The names of a fleet do not belong in a saved notebook: the other clients are chosen in the table, which is not saved.
CLIENTS_SHOWN = 50
_NO_CLIENT = ("choose a client", "")
_WHY_NO_USER = f"This client may not act for users: it lacks the grant type {IMPERSONATION}."


class TokensView:
    """The login of a client: the client, the assertion, the token, calls with it, and the doctor."""

    groups = (*COMMON, "clients", "token", "calls", "doctor")

    def __init__(self, controllers: PanelControllers) -> None:
        self._controllers = controllers
        work, token, doctor = controllers.work, controllers.token, controllers.doctor
        self._frame: pd.DataFrame | None = None
        self._clients: dict[str, ClientWithKey] = {}
        self._drawn: tuple[Any, ...] = ()
        self._drawing = 0
        self._client = widgets.Dropdown(options=[_NO_CLIENT], description="Client")
        self._client.add_class("qk-field")
        self._find = ui.button("Find the clients with a key", work, controllers.clients.refresh)
        self._scopes = ScopePicker([], none="None chosen: the token gets every scope of the client.")
        self._for_user = ui.checkbox("For a user (impersonation)", value=False)
        self._user = UserChoice(controllers, redraw=self._redraw)
        self._variant = ui.choice("Assertion", VARIANT_CHOICES, kind=widgets.Dropdown)
        self._inputs = (
            self._client,
            self._scopes,
            self._for_user,
            *self._user.fields,
            self._variant,
        )
        self._get = ui.form_button("Get a token", work, lambda: token.request(self.form), fields=self._inputs)
        self._doctor = ui.button("What is wrong?", work, self._examine)
        self._doctor.tooltip = "Checks everything that a login of this client needs"
        self._controls = ui.StepControls(work, "token")
        self._user_note, self._variant_note, self._why = ui.html("qk-note"), ui.html("qk-note"), ui.html("qk-note")
        self._result, self._rejection, self._assertion, self._parts = ui.html(), ui.html(), ui.html(), ui.html()
        self._steps, self._call_heading = ui.html("qk-live"), ui.html()
        self._countdown = Countdown(over=self._redraw)
        self._revoke = ui.button("Revoke the token", work, token.revoke, kind="qk-quiet")
        self._revoke.add_class("qk-danger")
        self._places = [ResultPlace(controllers, at) for at in ("try", "token", "call", "doctor")]
        tried, revoked, called, fixed = self._places
        self._bar = CallBar(send=controllers.calls.call)
        self._answer = AnswerView(examine=self._examine_token)
        self._checks = CheckList(fix=doctor.fix, again=self._examine_again, dismiss=doctor.dismiss)
        self._doctor_card = ui.box(fixed, self._checks, classes="qk-card")
        form = ui.box(
            ui.static(
                "<h3>Log in as a client</h3><p>Signs an assertion with the client's key in the Vault and gets a token "
                "with it. A job does the same; Qlik's own tools cannot log in with a private key.</p>"
            ),
            self._find,
            self._client,
            self._scopes,
            self._for_user,
            self._user_note,
            self._user.widget,
            self._variant,
            self._variant_note,
            ui.box(self._get, self._doctor, self._why, classes="qk-actions"),
            tried,
            classes="qk-card qk-form",
        )
        self._token_row = ui.box(self._countdown, self._revoke, classes="qk-actions")
        self._nothing_yet = ui.static(_NOTHING_YET)
        # The steps first: nothing is below them while they grow.
        result = ui.box(
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
        self._assertion_card = ui.box(self._assertion, classes="qk-card")
        self._call_card = ui.box(self._call_heading, self._bar, called, self._answer, classes="qk-card")
        self.widget = ui.box(
            ui.box(ui.box(form, self._doctor_card, self._assertion_card, classes="qk-pane"), result, classes="qk-new"),
            self._call_card,
            classes="qk-pane",
        )
        self._client.observe(self._chose, names="value")
        for field in (self._for_user, self._variant):
            field.observe(lambda _: self._redraw(), names="value")

    @property
    def form(self) -> TokenForm:
        """What is filled in."""
        is_for_user = self._for_user.value and self._may_impersonate()
        return TokenForm(
            client_id=self._client.value or "",
            scopes=tuple(self._scopes.value),
            user_field=self._user.field if is_for_user else "",
            user_value=self._user.value.value if is_for_user else "",
            variant=self._variant.value if self._is_sandbox() else "",
        )

    def draw(self, state: PanelState) -> None:
        """Draw a state."""
        self._draw_clients(state)
        is_connected = state.connection is not None
        ui.show(self._find, visible=is_connected and not self._clients)
        self._find.disabled = bool(state.work.doing)
        self._draw_choices()
        why = self._controllers.token.problem_of(self.form)
        self._get.disabled = bool(state.work.doing or why)
        self._doctor.disabled = bool(state.work.doing) or not is_connected or not self._client.value
        ui.put(self._why, markup.plain(why))
        self._controls.draw(state)
        for place in self._places:
            place.draw(state)
        steps, token, rejection = state.token.steps, state.token.token, state.token.rejection
        is_old = rejection is not None and rejection.variant != REPLAYED
        now = self._controllers.work.now()
        is_started = rejection is not None or bool(steps)
        # The introduction is hidden before the steps come, so that they move nothing.
        ui.show(self._nothing_yet, visible=token is None and not is_started)
        ui.put(self._result, inspection_markup.token(token, now=now, is_old=is_old))
        ui.show(self._places[1], visible=token is not None)
        ui.put(self._steps, markup.steps(steps) if steps else "")
        ui.show(self._controls.widget, visible=bool(steps))
        ui.put(self._rejection, inspection_markup.rejection(rejection))
        ui.put(self._parts, inspection_markup.token_parts(token))
        is_alive = token is not None and not token.is_revoked
        self._countdown.count_to(token.expires_at if is_alive and token is not None else None)
        ui.show(self._token_row, visible=is_alive)
        self._revoke.disabled = bool(state.work.doing)
        ui.put(self._assertion, inspection_markup.assertion(state.token.assertion))
        # The doctor's findings take its place, below the button that asked for them.
        ui.show(self._assertion_card, visible=state.token.assertion is not None and state.doctor.diagnosis is None)
        ui.show(self._call_card, visible=(token is not None or bool(state.calls.newest)) and state.work.at != "try")
        self._bar.why = "" if state.work.doing or token is not None else "Get a token first."
        self._bar.disabled = bool(state.work.doing or self._bar.why)  # the work in progress is shown below it
        self._answer.disabled = bool(state.work.doing)
        self._answer.show(state.calls.answer, state.calls.newest)
        ui.put(self._call_heading, inspection_markup.call_heading(token, self._clients.get(self._client.value or "")))
        self._checks.disabled = bool(state.work.doing)
        ui.show(self._doctor_card, visible=state.doctor.diagnosis is not None)
        self._checks.show(state.doctor)

    def forget(self) -> None:
        """Empty the body of the call: it may hold a password."""
        self._bar.clear()

    def _redraw(self) -> None:
        self._controllers.store.tell(self.draw)

    def _draw_clients(self, state: PanelState) -> None:
        """Offer the clients that have a key; the one that is selected in the table is chosen here too."""
        if state.clients.frame is not self._frame:
            self._frame = state.clients.frame
            self._clients = {each.client_id: each for each in self._controllers.clients.with_key()}
        selected = state.clients.selected
        chosen = selected[0] if len(selected) == 1 and selected[0] in self._clients else ""
        offered = [*self._clients.values()][:CLIENTS_SHOWN]
        if chosen and self._clients[chosen] not in offered:
            offered.append(self._clients[chosen])
        options = [_NO_CLIENT, *((each.name, each.client_id) for each in offered)]
        if len(self._clients) > CLIENTS_SHOWN:
            options[0] = (f"the first {CLIENTS_SHOWN} of {len(self._clients):,}: select others in the tab Clients", "")
        drawn = (tuple(options), chosen)
        if drawn == self._drawn:
            return
        # Only if it differs: the user may be choosing meanwhile.
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
        ui.show(self._scopes, visible=bool(self._client.value))
        may = self._may_impersonate()
        ui.show(self._for_user, visible=may)
        ui.put(self._user_note, markup.plain(_WHY_NO_USER) if self._client.value and not may else "")
        self._user.draw(self._controllers.state, visible=may and self._for_user.value)
        is_sandbox = self._is_sandbox()
        ui.show(self._variant, visible=is_sandbox)
        note = ""
        if self._controllers.state.connection is not None and not is_sandbox:
            note = "Invalid assertions, which show what a tenant refuses, are for the sandbox only."
        ui.put(self._variant_note, markup.plain(note))

    def _chose(self, change: dict[str, Any]) -> None:
        if self._drawing != threading.get_ident():
            self._controllers.clients.select((change["new"],) if change["new"] else ())

    def _may_impersonate(self) -> bool:
        client = self._clients.get(self._client.value or "")
        return client is not None and client.may_impersonate

    def _is_sandbox(self) -> bool:
        connection = self._controllers.state.connection
        return connection is not None and connection.mode == "sandbox"

    def _examine(self) -> None:
        self._controllers.doctor.examine(self.form.client_id, form=self.form)

    def _examine_token(self) -> None:
        token = self._controllers.state.token.token
        if token is not None:
            self._controllers.doctor.examine(token.form.client_id, after_call=True, form=token.form)

    def _examine_again(self) -> None:
        diagnosis = self._controllers.state.doctor.diagnosis
        if diagnosis is not None:
            self._controllers.doctor.examine(diagnosis.client_id)


_NOTHING_YET = (
    "<div class='qk-empty'><p><b>The login appears here as it happens</b>: the assertion with the rule for each of its "
    "members, the token with its scope and its expiry, and its user.</p><p>Then call the tenant with it.</p></div>"
)
