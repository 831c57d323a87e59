"""The panel's part that calls the tenant with the current token, and asks the doctor when something fails.

A call that fails is told next to the form, as an answer is, and by message alone: an error's card is saved with the
notebook, and a call's path and query may hold anything.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import ConfigurationError, TenantError
from qlik_keys.jupyter.panel.controllers.inspecting import Trying, user_of
from qlik_keys.jupyter.panel.model.inspection_state import TryForm
from qlik_keys.jupyter.panel.model.words import (
    NEEDS,
    NEEDS_OF_SANDBOX,
    REFUSED_CALL,
    UNANSWERED_CALL,
    UNAUTHORIZED_CALL,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from qlik_keys.diagnosis import Diagnosis
    from qlik_keys.jupyter.panel.model.inspection_state import CallForm
    from qlik_keys.jupyter.panel.model.state import ShownRequest
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tenant.resources.raw import RawAnswer

_UNAUTHORIZED, _FORBIDDEN = 401, 403


class Calling(Trying):
    """What can be done with a token; `settings`, `run` and `clock` are as for `Session`."""

    # --- calls ---

    def call(self, form: CallForm) -> None:
        """Call the tenant with the current token; an answer that refuses it is an answer."""
        self._work("Calling the tenant", functools.partial(self._call, form), at="call")

    def _call(self, form: CallForm) -> None:
        from qlik_keys.jupyter.panel.model.answers import not_sent, owner_of, request_of, shown_answer  # noqa: PLC0415  # brings httpx
        from qlik_keys.tenant.resources.deleting import deleted_client_id  # noqa: PLC0415  # brings httpx

        self._set(answer=None, examined="")
        self.last_answer = None
        tenant, _ = self._connected()
        token, _ = self._current_token()
        try:
            request = request_of(form, tenant.url)
        except ConfigurationError as refusal:
            self.last_error = refusal
            self._set(answer=not_sent(form, refusal))
            return
        answer, problem = self._answered(tenant, request)
        if problem is not None:
            self.last_error = problem
        self.last_answer = answer
        shown, secret = shown_answer(
            answer,
            problem,
            request,
            ways=self._ways(request, tenant.url),
            needs=NEEDS if self._box is None else NEEDS_OF_SANDBOX,
            milliseconds=self._history[-1].milliseconds,
            token=token.secret,
        )
        if secret is not None:
            self._keep_secret(secret, owner_of(answer, self.now()), what=secret.what)
        self._set(answer=shown)
        deleted = "" if problem is not None else deleted_client_id(request.method, request.address.split("?")[0])
        if deleted:
            self._forget_client(deleted)
        elif request.method != "GET" and "/oauth-clients" in request.address:
            self._clients_may_differ()

    def _answered(self, tenant: QlikTenant, request: ShownRequest) -> tuple[RawAnswer | None, TenantError | None]:
        """Send a call; return what came, be it a refusal, and what went wrong."""
        from qlik_keys.jupyter.panel.model.answers import body_of, headers_of  # noqa: PLC0415  # brings httpx

        _, shown = self._current_token()
        caller = self._caller(tenant, shown.form.client_id)
        refused: list[RawAnswer] = []

        def send() -> RawAnswer:
            return caller.raw(
                request.method,
                request.address,
                body=body_of(request),
                headers=headers_of(request),
                on_refusal=refused.append,
            )

        try:
            return self._noted(shown.form.client_id, request.method, request.address, send), None
        except TenantError as problem:
            # The last one of several attempts may have been lost.
            is_last = bool(refused) and refused[-1].status == problem.status
            return refused[-1] if is_last else None, problem

    def _ways(self, request: ShownRequest, tenant_url: str) -> tuple[tuple[str, str], ...]:
        from qlik_keys.jupyter.panel.model.answers import login_words  # noqa: PLC0415  # brings httpx
        from qlik_keys.jupyter.panel.views.code_samples import ways_of_call  # noqa: PLC0415  # what it needs is there by now

        _, shown = self._current_token()
        login = login_words(shown.form, self._word_for(shown.form.client_id))
        return tuple(ways_of_call(request, login=login, tenant_url=tenant_url))

    def history(self) -> pd.DataFrame:
        """Return the calls and the requests for tokens since the panel was connected, as a DataFrame."""
        from qlik_keys.inventory.frames import calls_frame  # noqa: PLC0415  # brings pandas

        connection = self._state.connection
        return calls_frame(
            tuple(self._history), tenant_url=connection.tenant_url if connection else "", clock=self._clock
        )

    # --- the doctor ---

    def examine(self, client_id: str, *, after_call: bool = False, form: TryForm | None = None) -> None:
        """Look what is wrong with a client's login, and show it next to the token.

        Args:
            client_id: the client.
            after_call: whether the newest call failed, which is why it is asked.
            form: with which scopes and for whom; by default as at the token that was got last.
        """
        self._set(tab="Try a token")
        task = functools.partial(self._examine, client_id, after_call=after_call, form=form)
        self._work("Looking what is wrong", task, at="try")

    def _examine(self, client_id: str, *, after_call: bool, form: TryForm | None) -> None:
        from qlik_keys.diagnosis import doctor  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        self._set(diagnosis=None, fixed="", examined="")
        if form is not None:
            self._tried = form
        self._diagnose(doctor, tenant, store, client_id, after_call=after_call)

    def fix_login(self, fix: str) -> None:
        """Do what one of the doctor's findings names, and ask the doctor again."""
        self._work("Putting it right", functools.partial(self._fix_login, fix), at="doctor")

    def _fix_login(self, name: str) -> None:
        from qlik_keys.diagnosis import doctor, fix  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        if self._state.diagnosis is None:
            raise ConfigurationError("Nothing was looked at yet.", hint="Ask the doctor first.")
        client_id = self._state.diagnosis.client_id
        try:
            fixed = fix(tenant, store, client_id, name, clock=self._clock)
        finally:
            self._clients_may_differ()
        self._set(fixed=fixed)
        self._tell(fixed)
        try:
            self._diagnose(doctor, tenant, store, client_id, after_call=False)
        except Exception as error:  # noqa: BLE001  # no error may come between an effect and its report
            self.last_error = error
            self._tell(f"{fixed} The doctor could not look again: press Look again.", kind="warning")

    def _diagnose(
        self, doctor: Callable[..., Diagnosis], tenant: QlikTenant, store: Any, client_id: str, *, after_call: bool
    ) -> None:
        tried = self._tried
        if tried is None or tried.client_id != client_id:
            tried = TryForm(client_id=client_id)
        found = doctor(tenant, store, client_id, scopes=tried.scopes, user=user_of(tried), clock=self._clock)
        examined = self._words_of_token(client_id)
        if not examined and after_call:
            examined = self._words_of_scope(client_id) or (self._words_of_call() if found.is_healthy else "")
        self._set(diagnosis=found, examined=examined)

    def _words_of_token(self, client_id: str) -> str:
        """Return that the client's current token is over, which no login shows; "" where it is not."""
        shown = self._state.token
        if shown is None or shown.form.client_id != client_id:
            return ""
        if shown.is_revoked:
            return "The current token was revoked, so no call with it succeeds: get another one."
        if shown.expires_at <= self.now():
            return f"The current token ended at {shown.expires_at:%H:%M:%S} UTC: get another one."
        return ""

    def _words_of_scope(self, client_id: str) -> str:
        """Return which scope the refused call lacked, and whether the client may have it; "" for another reason."""
        from qlik_keys.tenant.resources.scopes import covers, lacks_scope, named_in, wanted_scope  # noqa: PLC0415  # of a refusal alone

        problem, answer = self.last_error, self._state.answer
        if not isinstance(problem, TenantError) or answer is None or answer.status != _FORBIDDEN:
            return ""
        text = f"{problem.code} {problem.title} {problem.detail}"
        if not lacks_scope(text):
            return ""
        allowed = next((one.scopes for one in self.clients_to_try() if one.client_id == client_id), ())
        has = [scope for scope in named_in(text) if any(covers(parent, scope) for parent in allowed)]
        if has:
            return f"The token lacks a scope. The client may have {has[0]}: get a token that asks for it."
        return (
            f"The token lacks a scope that the client may not have: add {wanted_scope(text)} to the client's scopes in "
            "Qlik's console, then get a new token."
        )

    def _words_of_call(self) -> str:
        answer = self._state.answer
        if answer is None or answer.status is None:
            return UNANSWERED_CALL
        return UNAUTHORIZED_CALL if answer.status == _UNAUTHORIZED else REFUSED_CALL

    def drop_diagnosis(self) -> None:
        """Put what the doctor found away."""
        self._set(diagnosis=None, fixed="", examined="")
