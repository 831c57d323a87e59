"""Calls to the tenant with the current token.

A call that fails is shown next to the form, as an answer is, and by message alone: an error's card is saved with the
notebook, and a call's path and query may hold anything.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError, TenantError
from qlik_keys.jupyter.panel.model.words import NEEDS, NEEDS_OF_SANDBOX

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.clients import Parts
    from qlik_keys.jupyter.panel.controllers.history import CallHistory
    from qlik_keys.jupyter.panel.controllers.token import TokenController
    from qlik_keys.jupyter.panel.controllers.waiting_secrets import SecretsController
    from qlik_keys.jupyter.panel.model.forms import CallForm
    from qlik_keys.jupyter.panel.model.shown import ShownRequest
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tenant.resources.raw import RawAnswer


class CallsController:
    """The calls of the user, and the newest answer.

    Args:
        parts: what every controller works with.
        token: what it is called with.
        history: where each call is recorded.
        secrets: where a secret waits that came in an answer.
    """

    def __init__(self, parts: Parts, token: TokenController, history: CallHistory, secrets: SecretsController) -> None:
        self._store, self._work, self._connection, self._clients = parts
        self._token = token
        self._history = history
        self._secrets = secrets
        self._last_answer: RawAnswer | None = None
        parts.connection.on_release(self._forget)

    @property
    def last_answer(self) -> RawAnswer | None:
        """The newest answer, whole, None for none; it may hold a secret."""
        return self._last_answer if self._store.state.calls.answer is not None else None

    def call(self, form: CallForm) -> None:
        """Call the tenant with the current token; an answer that refuses it is an answer."""
        self._work.run("Calling the tenant", functools.partial(self._call, form), at="call")

    def _call(self, form: CallForm) -> None:
        from qlik_keys.jupyter.panel.model.answers import not_sent, owner_of, request_of, shown_answer  # noqa: PLC0415  # brings httpx
        from qlik_keys.tenant.resources.deleting import deleted_client_id  # noqa: PLC0415  # brings httpx

        self._last_answer = None
        self._store.update("calls", answer=None)
        self._store.update("doctor", remark="")
        tenant, _ = self._connection.connected()
        token, _ = self._token.current()
        try:
            request = request_of(form, tenant.url)
        except ConfigurationError as refusal:
            self._store.last_error = refusal
            self._store.update("calls", answer=not_sent(form, refusal))
            return
        answer, problem = self._answer_of(tenant, request)
        if problem is not None:
            self._store.last_error = problem
        self._last_answer = answer
        shown, secret = shown_answer(
            answer,
            problem,
            request,
            samples=self._samples(request, tenant.url),
            needs=NEEDS if self._connection.sandbox is None else NEEDS_OF_SANDBOX,
            milliseconds=self._history.last_milliseconds(),
            token=token.secret,
        )
        if secret is not None:
            self._secrets.keep(secret, owner_of(answer, self._work.now()), kind=secret.what)
        self._store.update("calls", answer=shown)
        deleted = "" if problem is not None else deleted_client_id(request.method, request.address.split("?")[0])
        if deleted:
            self._clients.forget(deleted)
        elif request.method != "GET" and "/oauth-clients" in request.address:
            self._clients.note_change()

    def _answer_of(self, tenant: QlikTenant, request: ShownRequest) -> tuple[RawAnswer | None, TenantError | None]:
        """Send a call; return its answer, also one that refuses it, and the error."""
        from qlik_keys.jupyter.panel.model.answers import body_of, headers_of  # noqa: PLC0415  # brings httpx

        _, shown = self._token.current()
        caller = self._token.caller(tenant)
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
            return self._history.record(shown.form.client_id, request.method, request.address, send), None
        except TenantError as problem:
            # The answer to the last of several attempts may have been lost.
            is_last = bool(refused) and refused[-1].status == problem.status
            return refused[-1] if is_last else None, problem

    def _forget(self) -> None:
        self._last_answer = None

    def _samples(self, request: ShownRequest, tenant_url: str) -> tuple[tuple[str, str], ...]:
        from qlik_keys.jupyter.panel.model.answers import login_words  # noqa: PLC0415  # brings httpx
        from qlik_keys.jupyter.panel.views.code_samples import samples_of_call  # noqa: PLC0415  # what it needs is there by now

        _, shown = self._token.current()
        login = login_words(shown.form, self._clients.command_name(shown.form.client_id))
        return tuple(samples_of_call(request, login=login, tenant_url=tenant_url))
