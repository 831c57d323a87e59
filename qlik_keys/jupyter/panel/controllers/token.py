"""The login of a client, step by step: its assertion, and the token that comes of it.

The token is held here, in memory, and never renewed by itself, so that its end can be seen. What is shown is in
`state.token`.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError, Interrupted, QlikKeysError, TenantError, TokenError
from qlik_keys.jupyter.panel.model.shown import FoundUser, ShownAssertion, ShownRejection, ShownStep, ShownToken
from qlik_keys.jupyter.panel.model.words import BY_HAND, LOST_LOGIN, LOST_REVOCATION, TOKEN_STEPS
from qlik_keys.tenant.url import TOKEN_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlik_keys.auth.access_token import Token
    from qlik_keys.auth.inspection import Prepared
    from qlik_keys.auth.token_endpoint import UserLookup
    from qlik_keys.jupyter.panel.controllers.clients import Parts
    from qlik_keys.jupyter.panel.controllers.history import CallHistory
    from qlik_keys.jupyter.panel.model.forms import TokenForm
    from qlik_keys.tenant import QlikTenant

_OK = 200
REPLAYED = "replayed"  # the invalid variant of which the first use succeeds


class TokenController:
    """The current token.

    Args:
        parts: what every controller works with.
        history: where each request is recorded.

    Attributes:
        last_form: what the last token was requested with, or the doctor asked for; None for nothing.
    """

    def __init__(self, parts: Parts, history: CallHistory) -> None:
        self._store, self._work, self._connection, self._clients = parts
        self._history = history
        self._token: Token | None = None
        self.last_form: TokenForm | None = None
        parts.connection.on_release(self._forget)

    def problem_of(self, form: TokenForm) -> str:
        """Return why no token can be requested, in words, or "" if one can."""
        state = self._store.state
        if state.connection is None:
            return "Connect first."
        if not form.client_id:
            if state.clients.frame is not None and not self._clients.with_key():
                return "No client here has its key in the Vault: make one in the tab New client."
            return "Choose a client whose key is in the Vault."
        if form.user_field and not form.user_value.strip():
            return "Type which user the token is for."
        return ""

    def find_users(self, text: str) -> None:
        """Search the tenant's users, as the administrator, by a part of a name, an address or a subject, or by id."""
        self._work.run("Searching users", functools.partial(self._find_users, text.strip()), at="try")

    def _find_users(self, text: str) -> None:
        self._store.update("token", found_users=None)
        tenant, _ = self._connection.connected()
        if not text:
            raise ConfigurationError("There is nothing to search for.", hint="Type a part of the user's name.")
        # A client's bot user cannot be impersonated.
        people = [user for user in tenant.users.search(text) if not user.client_id]
        labels = {
            user.id: " · ".join(dict.fromkeys(one for one in (user.name, user.email, user.subject) if one)) or user.id
            for user in people
        }
        found = tuple(FoundUser(user_id=user_id, label=label) for user_id, label in labels.items())
        self._store.update("token", found_users=found)

    def choose_user(self, user_id: str) -> None:
        """Forget the other users that were found: their names do not belong in a saved notebook."""
        with self._store.lock:
            found = self._store.state.token.found_users or ()
            self._store.update("token", found_users=tuple(user for user in found if user.user_id == user_id))

    def request(self, form: TokenForm) -> None:
        """Sign an assertion with the key in the store, send it, and ask the tenant who the token's user is."""
        task = functools.partial(self._request, form)
        self._work.run("Requesting a token", task, at="try", client_id=form.client_id, lost=LOST_LOGIN)

    def _request(self, form: TokenForm) -> None:
        from qlik_keys.auth import inspection  # noqa: PLC0415  # brings httpx

        tenant, key_store = self._connection.connected()
        self.last_form = form
        is_invalid = form.variant not in ("", REPLAYED)
        if not is_invalid:
            self._forget_token()
        self._show_steps(form)
        with self._step("sign"):
            prepared = inspection.prepare(tenant, key_store, form.client_id, fault=form.variant, clock=self._work.clock)
        shown = ShownAssertion(members=inspection.explain(prepared.header, prepared.claims), variant=form.variant)
        self._store.update("token", assertion=shown)
        if is_invalid:
            self._expect_rejection("ask", tenant, prepared, form)
            return
        self._take(self._sent("ask", tenant, prepared, form), form, prepared)
        if form.variant:
            self._expect_rejection("ask_again", tenant, prepared, form)
        self._ask_for_user(tenant, form)

    def _show_steps(self, form: TokenForm) -> None:
        names = [name for name in TOKEN_STEPS if name != "ask_again" or form.variant == REPLAYED]
        if form.variant not in ("", REPLAYED):
            names.remove("verify")
        steps = tuple(ShownStep(step=name, title=TOKEN_STEPS[name], by_hand=BY_HAND[name]) for name in names)
        with self._store.lock:
            state = self._store.state
            started = replace(state.token, steps=steps, assertion=None, rejection=None)
            self._store.set(token=started, change=state.change.without_plan())
            self._work.steps.begin("token")

    def _sent(self, step: str, tenant: QlikTenant, prepared: Prepared, form: TokenForm) -> Token:
        from qlik_keys.auth import inspection  # noqa: PLC0415  # brings httpx

        user = user_of(form)

        def send() -> Token:
            return inspection.send(tenant, prepared, scopes=form.scopes, user=user)

        with self._step(step):
            return self._history.record(form.client_id, "POST", TOKEN_PATH, send)

    def _expect_rejection(self, step: str, tenant: QlikTenant, prepared: Prepared, form: TokenForm) -> None:
        """Send what is invalid on purpose; its rejection is the result."""
        from qlik_keys.auth.invalid_variants import INVALID_VARIANTS  # noqa: PLC0415  # brings cryptography

        rejection = ShownRejection(variant=form.variant, status=_OK, said="")
        try:
            self._sent(step, tenant, prepared, form)
        except TokenError as refusal:
            rejection = ShownRejection(
                variant=form.variant, status=refusal.status, said=refusal.detail, trace_id=refusal.trace_id
            )
        self._store.update("token", rejection=rejection)
        if form.variant != REPLAYED:  # whose result is the login of its first use
            title = INVALID_VARIANTS[form.variant].title
            is_refused = rejection.status != _OK
            words = f"Refused, as expected: {title}." if is_refused else f"The tenant accepted it: {title}."
            self._work.result(words, kind="good" if is_refused else "warning")

    def _take(self, token: Token, form: TokenForm, prepared: Prepared) -> None:
        from qlik_keys.auth import inspection  # noqa: PLC0415  # brings httpx

        self._token = token
        shown = ShownToken(
            form=form,
            client_name=self._clients.name_of(form.client_id),
            kid=str(prepared.header["kid"]),
            scope=token.scope,
            expires_at=token.expires_at,
            lifetime_known=token.lifetime_known,
            parts=inspection.token_parts(token),
        )
        self._store.update("token", token=shown)

    def _ask_for_user(self, tenant: QlikTenant, form: TokenForm) -> None:
        caller = self.caller(tenant)
        name = self._clients.name_of(form.client_id)
        try:
            with self._step("verify"):
                user = self._history.record(form.client_id, "GET", "/api/v1/users/me", caller.users.me)
        except TenantError as problem:
            # The login succeeded, and its token is there: that its user is not known does not make it a failure.
            self._store.last_error = problem
            words = f"{name} logged in. The tenant did not say who the token's user is: {problem.message}"
            self._work.result(f"{words} {problem.hint}".strip(), kind="warning")
            return
        with self._store.lock:
            shown = self._store.state.token.token
            if shown is not None:
                self._store.update("token", token=replace(shown, subject=user.subject))
        # Shown when the last step is done: a result takes the focus, and before that it belongs to Next.
        asked_for = f" for the user {form.user_value.strip()}" if form.user_field else ""
        self._work.result(f"{name} logged in{asked_for}.")

    def revoke(self) -> None:
        """End the current token on the tenant; it stays in use, so that the next call shows what that means."""
        shown = self._store.state.token.token
        client_id = shown.form.client_id if shown is not None else ""
        self._work.run("Revoking the token", self._revoke, at="token", client_id=client_id, lost=LOST_REVOCATION)

    def _revoke(self) -> None:
        from qlik_keys.auth import inspection  # noqa: PLC0415  # brings httpx

        tenant, _ = self._connection.connected()
        token, shown = self.current()
        revoke = functools.partial(inspection.revoke, tenant, token)
        self._history.record(shown.form.client_id, "POST", "/oauth/revoke", revoke)
        self._store.update("token", token=replace(shown, is_revoked=True))
        self._work.result("The token is revoked.")

    def current(self) -> tuple[Token, ShownToken]:
        """Return the current token, and what is shown of it.

        Raises:
            ConfigurationError: there is none.
        """
        shown = self._store.state.token.token
        if self._token is None or shown is None:
            raise ConfigurationError("There is no current token.", hint='Press "Get a token" first.')
        return self._token, shown

    def caller(self, tenant: QlikTenant) -> QlikTenant:
        """Return the tenant as the current token sees it.

        Raises:
            ConfigurationError: there is no current token.
        """
        from qlik_keys.auth.inspection import HeldToken  # noqa: PLC0415  # brings httpx

        token, shown = self.current()
        return tenant.with_credential(HeldToken(token, client_id=shown.form.client_id))

    def _forget(self) -> None:
        self.last_form = self._token = None

    def _forget_token(self) -> None:
        self._token = None
        with self._store.lock:
            state = self._store.state
            self._store.set(
                token=replace(state.token, token=None),
                calls=replace(state.calls, answer=None),
                doctor=replace(state.doctor, remark=""),
            )

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        from qlik_keys.lifecycle import StepEvent  # noqa: PLC0415  # brings httpx

        event = StepEvent(operation="try", step=name, title=TOKEN_STEPS[name], phase="before", client_name="")
        saw = self._work.steps.saw
        try:
            saw(event)
        except Interrupted as cancelled:
            # Nothing of a login is kept: it does not continue where it was left.
            raise Interrupted(cancelled.message, hint="Get a token again: it starts from the beginning.") from None
        try:
            yield
        except QlikKeysError as problem:
            saw(replace(event, phase="failed", error=problem))
            raise
        saw(replace(event, phase="after"))


def user_of(form: TokenForm) -> UserLookup | None:
    """Return for whom a token is requested, None for the client's own and if no user is named yet."""
    from qlik_keys.auth.token_endpoint import UserLookup  # noqa: PLC0415  # brings httpx

    value = form.user_value.strip()
    return UserLookup(form.user_field, value) if form.user_field and value else None
