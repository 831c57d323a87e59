"""The panel's part that takes a login apart: an assertion, and the token that comes of it.

The token is held here, in memory, and never renewed by itself: its end is to be seen. What is shown is in `state`.
"""

from __future__ import annotations

import functools
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from qlik_keys.core.clock import utc_now
from qlik_keys.errors import ConfigurationError, Interrupted, QlikKeysError, TenantError, TenantThrottled, TokenError
from qlik_keys.jupyter.panel.controllers.session import Session
from qlik_keys.jupyter.panel.model.inspection_state import (
    ClientToTry,
    FoundUser,
    ShownAssertion,
    ShownRejection,
    ShownToken,
    TryForm,
)
from qlik_keys.jupyter.panel.model.state import NOTHING_TRIED, ShownStep
from qlik_keys.jupyter.panel.model.words import BY_HAND, LOST_LOGIN, LOST_REVOCATION, TRY_STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from qlik_keys.auth.access_token import Token
    from qlik_keys.auth.inspection import Called, Prepared
    from qlik_keys.auth.token_endpoint import UserLookup
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tenant.resources.raw import RawAnswer

    Result = TypeVar("Result")

IMPERSONATION = "urn:qlik:oauth:user-impersonation"
_REMEMBERED_CALLS = 1000
_SHOWN_CALLS = 10
_OK = 200
_TOKEN_ADDRESS = "/oauth/token"  # noqa: S105  # a path


class Trying(Session):
    """A client's login, taken apart; `settings`, `run` and `clock` are as for `Session`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._token: Token | None = None
        self._tried: TryForm | None = None
        self._triable: tuple[pd.DataFrame | None, tuple[ClientToTry, ...]] = (None, ())
        self._history: deque[Called] = deque(maxlen=_REMEMBERED_CALLS)
        self.last_answer: RawAnswer | None = None

    # --- who ---

    def choose_client(self, client_id: str) -> None:
        """Select a client to be tried, in the table of clients too."""
        chosen = (client_id,) if client_id else ()
        if chosen != self._state.selected:
            self._set(selected=chosen)

    def clients_to_try(self) -> tuple[ClientToTry, ...]:
        """Return the clients whose key is in the store, as the table has them; none before it was asked for."""
        frame = self._state.clients
        if frame is not self._triable[0]:
            self._triable = (frame, () if frame is None else self._with_key(frame))
        return self._triable[1]

    @staticmethod
    def _with_key(frame: pd.DataFrame) -> tuple[ClientToTry, ...]:
        known = frame[frame["current_kid"].fillna("") != ""]
        columns = (known[name].tolist() for name in ("client_id", "name", "scopes", "grant_types"))
        return tuple(
            ClientToTry(client_id=client_id, name=name, scopes=tuple(scopes), may_impersonate=IMPERSONATION in grants)
            for client_id, name, scopes, grants in zip(*columns, strict=True)
        )

    def problem_of_trying(self, form: TryForm) -> str:
        """Return why no token can be tried, in words, or "" if one can."""
        if self._state.connection is None:
            return "Connect first."
        if not form.client_id:
            if self._state.clients is not None and not self.clients_to_try():
                return "No client here has its key in the Vault: make one in the tab New client."
            return "Choose a client whose key is in the Vault."
        if form.user_field and not form.user_value.strip():
            return "Type whose token it shall be."
        return ""

    def find_users(self, text: str) -> None:
        """Search the tenant's users, as the administrator, by a part of what they are called or by the id."""
        self._work("Searching users", functools.partial(self._find_users, text.strip()), at="try")

    def _find_users(self, text: str) -> None:
        self._set(found_users=None)
        tenant, _ = self._connected()
        if not text:
            raise ConfigurationError("There is nothing to search for.", hint="Type a part of the user's name.")
        # A client's bot user cannot be impersonated.
        people = [user for user in tenant.users.search(text) if not user.client_id]
        labels = {
            user.id: " · ".join(dict.fromkeys(one for one in (user.name, user.email, user.subject) if one)) or user.id
            for user in people
        }
        self._set(found_users=tuple(FoundUser(user_id=user_id, label=label) for user_id, label in labels.items()))

    def choose_user(self, user_id: str) -> None:
        """Forget the users that were found besides that one: their names do not belong in a saved notebook."""
        self._set(found_users=tuple(user for user in self._state.found_users or () if user.user_id == user_id))

    # --- a token ---

    def try_token(self, form: TryForm) -> None:
        """Sign an assertion with what the store holds, send it, and ask the tenant whose the token is."""
        task = functools.partial(self._try_token, form)
        self._work("Getting a token", task, at="try", client_id=form.client_id, lost=LOST_LOGIN)

    def _try_token(self, form: TryForm) -> None:
        from qlik_keys.auth import inspection as trial  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        self._tried = form
        names = [name for name in TRY_STEPS if name != "ask_again" or form.fault == "replayed"]
        if form.fault and form.fault != "replayed":
            names.remove("verify")
        else:
            self._forget_token()
        steps = tuple(ShownStep(step=name, title=TRY_STEPS[name], by_hand=BY_HAND[name]) for name in names)
        self._set(plan=None, wished=None, steps_in="try", steps=steps, assertion=None, rejection=None)
        with self._doing("sign"):
            prepared = trial.prepare(tenant, store, form.client_id, fault=form.fault, clock=self._clock)
        shown = ShownAssertion(members=trial.explain(prepared.header, prepared.claims), fault=form.fault)
        self._set(assertion=shown)
        if form.fault and form.fault != "replayed":
            self._learn("ask", tenant, prepared, form)
            return
        self._take_token(self._asked("ask", tenant, prepared, form), form, prepared)
        if form.fault:
            self._learn("ask_again", tenant, prepared, form)
        self._ask_who(tenant, form)

    def _asked(self, step: str, tenant: QlikTenant, prepared: Prepared, form: TryForm) -> Token:
        from qlik_keys.auth import inspection as trial  # noqa: PLC0415  # brings httpx

        user = user_of(form)
        with self._doing(step):
            return self._noted(
                form.client_id,
                "POST",
                _TOKEN_ADDRESS,
                lambda: trial.send(tenant, prepared, scopes=form.scopes, user=user),
            )

    def _learn(self, step: str, tenant: QlikTenant, prepared: Prepared, form: TryForm) -> None:
        """Send what is broken on purpose; that it is refused is what it is for."""
        from qlik_keys.auth import inspection as trial  # noqa: PLC0415  # brings httpx

        rejection = ShownRejection(fault=form.fault, status=_OK, said="")
        try:
            self._asked(step, tenant, prepared, form)
        except TokenError as refusal:
            rejection = ShownRejection(
                fault=form.fault, status=refusal.status, said=refusal.detail, trace_id=refusal.trace_id
            )
        self._set(rejection=rejection)
        if form.fault != "replayed":  # of which the first use is told
            title = trial.INVALID_VARIANTS[form.fault].title
            is_refused = rejection.status != _OK
            words = f"Refused, as it must be: {title}." if is_refused else f"The tenant took it: {title}."
            self._tell(words, kind="good" if is_refused else "warning")

    def _take_token(self, token: Token, form: TryForm, prepared: Prepared) -> None:
        from qlik_keys.auth import inspection as trial  # noqa: PLC0415  # brings httpx

        self._token = token
        shown = ShownToken(
            form=form,
            client_name=self._name_of(form.client_id),
            kid=str(prepared.header["kid"]),
            scope=token.scope,
            expires_at=token.expires_at,
            lifetime_known=token.lifetime_known,
            parts=trial.token_parts(token),
        )
        self._set(token=shown)

    def _ask_who(self, tenant: QlikTenant, form: TryForm) -> None:
        caller = self._caller(tenant, form.client_id)
        try:
            with self._doing("verify"):
                user = self._noted(form.client_id, "GET", "/api/v1/users/me", caller.users.me)
        except TenantError as problem:
            # The login succeeded, and its token is there: that nobody could be asked about it makes it no failure.
            self.last_error = problem
            words = (
                f"{self._name_of(form.client_id)} logged in. Whose token it is could not be asked: {problem.message}"
            )
            self._tell(f"{words} {problem.hint}".strip(), kind="warning")
            return
        if self._state.token is not None:
            self._set(token=replace(self._state.token, subject=user.subject))
        # Told when the last step is done: whoever goes step by step is taken to what is told, away from Next.
        asked_for = f" for the user {form.user_value.strip()}" if form.user_field else ""
        self._tell(f"{self._name_of(form.client_id)} logged in{asked_for}.")

    def revoke_token(self) -> None:
        """End the current token on the tenant; it stays at hand, so that the next call shows what that means."""
        token = self._state.token
        client_id = token.form.client_id if token is not None else ""
        self._work("Revoking the token", self._revoke_token, at="token", client_id=client_id, lost=LOST_REVOCATION)

    def _revoke_token(self) -> None:
        from qlik_keys.auth import inspection as trial  # noqa: PLC0415  # brings httpx

        tenant, _ = self._connected()
        token, shown = self._current_token()
        self._noted(shown.form.client_id, "POST", "/oauth/revoke", lambda: trial.revoke(tenant, token))
        self._set(token=replace(shown, is_revoked=True))
        self._tell("The token is revoked.")

    # --- inside ---

    def _connect(self, tenant: QlikTenant, store: KeyStore, notices: tuple[str, ...]) -> None:
        self._forget_calls()
        super()._connect(tenant, store, notices)

    def _let_go(self) -> tuple[str, ...]:
        self._forget_calls()
        return super()._let_go()

    def _forget_calls(self) -> None:
        self._history.clear()
        self._tried = None
        self._set(**NOTHING_TRIED)
        self._forget_token()

    def _forget_token(self) -> None:
        self._token = self.last_answer = None
        self._set(token=None, answer=None, examined="")

    def _current_token(self) -> tuple[Token, ShownToken]:
        if self._token is None or self._state.token is None:
            raise ConfigurationError("There is no current token.", hint="Get one first.")
        return self._token, self._state.token

    def _caller(self, tenant: QlikTenant, client_id: str) -> QlikTenant:
        from qlik_keys.auth.inspection import HeldToken  # noqa: PLC0415  # brings httpx

        token, _ = self._current_token()
        return tenant.with_credential(HeldToken(token, client_id=client_id))

    def _name_of(self, client_id: str) -> str:
        names = {each.client_id: each.name for each in self.clients_to_try()}
        return names.get(client_id, client_id)

    def _word_for(self, client_id: str) -> str:
        """Return what `--client` takes for a client: its name, or its id where another one has that name."""
        name = self._name_of(client_id)
        same = sum(each.name == name for each in self.clients_to_try())
        return name if same == 1 else client_id

    @contextmanager
    def _doing(self, step: str) -> Iterator[None]:
        from qlik_keys.lifecycle import StepEvent  # noqa: PLC0415  # brings httpx

        event = StepEvent(operation="try", step=step, title=TRY_STEPS[step], phase="before", client_name="")
        try:
            self._saw_step(event)
        except Interrupted as cancelled:
            # Nothing of a login is kept: it does not go on where it was left.
            raise Interrupted(cancelled.message, hint="Get a token again: it begins again.") from None
        try:
            yield
        except QlikKeysError as problem:
            self._saw_step(replace(event, phase="failed", error=problem))
            raise
        self._saw_step(replace(event, phase="after"))

    def _noted(self, client_id: str, method: str, address: str, call: Callable[[], Result]) -> Result:
        """Make a call and note it in the history, however it ends; return what came."""
        from qlik_keys.auth.inspection import Called  # noqa: PLC0415  # brings httpx
        from qlik_keys.tenant.resources.raw import RawAnswer  # noqa: PLC0415  # brings httpx

        at, started = utc_now(self._clock), self._clock.monotonic()
        status: int | None = None
        fields: dict[str, Any] = {}
        try:
            result = call()
            status = result.status if isinstance(result, RawAnswer) else _OK
        except (TenantError, TokenError) as problem:
            status = problem.status
            fields = {"trace_id": problem.trace_id, "error": type(problem).__name__}
            if isinstance(problem, TenantThrottled):
                fields["retry_after"] = problem.retry_after
            raise
        finally:
            milliseconds = (self._clock.monotonic() - started) * 1000
            called = Called(
                time=at,
                client_id=client_id,
                client=self._name_of(client_id),
                method=method,
                path=address,
                status=status,
                milliseconds=milliseconds,
                **fields,
            )
            self._history.append(called)
            self._set(calls=tuple(self._history)[-_SHOWN_CALLS:])
        return result


def user_of(form: TryForm) -> UserLookup | None:
    """Return for whom a token is asked, None for the client's own and where nobody is named yet."""
    from qlik_keys.auth.token_endpoint import UserLookup  # noqa: PLC0415  # brings httpx

    who = form.user_value.strip()
    return UserLookup(form.user_field, who) if form.user_field and who else None
