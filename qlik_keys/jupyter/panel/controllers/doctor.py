"""The doctor of the tab "Try a token": what is wrong with a client's login, and its fixes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError, TenantError
from qlik_keys.jupyter.panel.controllers.token import user_of
from qlik_keys.jupyter.panel.model.forms import TokenForm
from qlik_keys.jupyter.panel.model.state import DoctorState
from qlik_keys.jupyter.panel.model.words import REFUSED_CALL, UNANSWERED_CALL, UNAUTHORIZED_CALL

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.clients import Parts
    from qlik_keys.jupyter.panel.controllers.token import TokenController
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

_UNAUTHORIZED, _FORBIDDEN = 401, 403


class DoctorController:
    """The diagnosis of a client.

    Args:
        parts: what every controller works with.
        token: what the last token was requested with.
    """

    def __init__(self, parts: Parts, token: TokenController) -> None:
        self._store, self._work, self._connection, self._clients = parts
        self._token = token

    def examine(self, client_id: str, *, after_call: bool = False, form: TokenForm | None = None) -> None:
        """Find what is wrong with a client's login, and show it next to the token.

        Args:
            client_id: the client.
            after_call: whether the newest call failed, which is why the doctor is asked.
            form: with which scopes and for which user; by default as for the last token.
        """
        self._store.set(tab="Try a token")
        task = functools.partial(self._examine, client_id, after_call=after_call, form=form)
        self._work.run("Looking for what is wrong", task, at="try")

    def _examine(self, client_id: str, *, after_call: bool, form: TokenForm | None) -> None:
        tenant, key_store = self._connection.connected()
        self._store.set(doctor=DoctorState())
        if form is not None:
            self._token.last_form = form
        self._diagnose(tenant, key_store, client_id, after_call=after_call)

    def fix(self, name: str) -> None:
        """Apply the fix that one of the findings names, and ask the doctor again."""
        self._work.run("Fixing it", functools.partial(self._fix, name), at="doctor")

    def _fix(self, name: str) -> None:
        from qlik_keys.diagnosis import fix  # noqa: PLC0415  # brings httpx

        tenant, key_store = self._connection.connected()
        diagnosis = self._store.state.doctor.diagnosis
        if diagnosis is None:
            raise ConfigurationError("There is no finding to fix.", hint='Press "What is wrong?" first.')
        client_id = diagnosis.client_id
        try:
            fixed = fix(tenant, key_store, client_id, name, clock=self._work.clock)
        finally:
            self._clients.note_change()
        self._store.update("doctor", fixed=fixed)
        self._work.result(fixed)
        try:
            self._diagnose(tenant, key_store, client_id, after_call=False)
        except Exception as error:  # noqa: BLE001  # no error may come between an effect and its report
            self._store.last_error = error
            self._work.result(f"{fixed} The check after that failed: press Check again.", kind="warning")

    def dismiss(self) -> None:
        """Remove what the doctor found."""
        self._store.set(doctor=DoctorState())

    def _diagnose(self, tenant: QlikTenant, key_store: KeyStore, client_id: str, *, after_call: bool) -> None:
        from qlik_keys.diagnosis import doctor  # noqa: PLC0415  # brings httpx

        form = self._token.last_form
        if form is None or form.client_id != client_id:
            form = TokenForm(client_id=client_id)
        found = doctor(tenant, key_store, client_id, scopes=form.scopes, user=user_of(form), clock=self._work.clock)
        remark = self._remark_on_token(client_id)
        if not remark and after_call:
            remark = self._remark_on_scope(client_id) or (self._remark_on_call() if found.is_healthy else "")
        self._store.update("doctor", diagnosis=found, remark=remark)

    def _remark_on_token(self, client_id: str) -> str:
        """Return that the client's current token has ended, which no login shows; "" if it has not."""
        shown = self._store.state.token.token
        if shown is None or shown.form.client_id != client_id:
            return ""
        if shown.is_revoked:
            return "The current token was revoked, so no call with it succeeds: get another one."
        if shown.expires_at <= self._work.now():
            return f"The current token expired at {shown.expires_at:%H:%M:%S} UTC: get another one."
        return ""

    def _remark_on_scope(self, client_id: str) -> str:
        """Return which scope the refused call lacked, and whether the client may have it; "" for another reason."""
        from qlik_keys.tenant.resources.scopes import covers, lacks_scope, named_in, wanted_scope  # noqa: PLC0415  # of a refusal alone

        problem, answer = self._store.last_error, self._store.state.calls.answer
        if not isinstance(problem, TenantError) or answer is None or answer.status != _FORBIDDEN:
            return ""
        text = f"{problem.code} {problem.title} {problem.detail}"
        if not lacks_scope(text):
            return ""
        allowed = next((one.scopes for one in self._clients.with_key() if one.client_id == client_id), ())
        has = [scope for scope in named_in(text) if any(covers(parent, scope) for parent in allowed)]
        if has:
            return f"The token lacks a scope. The client may have {has[0]}: get a token that asks for it."
        return (
            f"The token lacks a scope that the client may not have: add {wanted_scope(text)} to the client's scopes in "
            "Qlik's console, then get a new token."
        )

    def _remark_on_call(self) -> str:
        answer = self._store.state.calls.answer
        if answer is None or answer.status is None:
            return UNANSWERED_CALL
        return UNAUTHORIZED_CALL if answer.status == _UNAUTHORIZED else REFUSED_CALL
