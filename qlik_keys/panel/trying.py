"""The panel's part that takes a login apart: an assertion, the token that comes of it, calls with it, and the doctor.

The token is held here, in memory, and never renewed by itself: its end is to be seen. What is shown is in `state`.
"""

from __future__ import annotations

import functools
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from qlik_keys.clock import utc_now
from qlik_keys.errors import ConfigurationError, QlikKeysError, TenantError, TenantThrottled, TokenError
from qlik_keys.panel.session import Session
from qlik_keys.panel.state import NOTHING_DONE, NOTHING_TRIED, ShownStep
from qlik_keys.panel.trial_state import ClientToTry, ShownAssertion, ShownLesson, ShownToken, TryForm
from qlik_keys.panel.words import BY_HAND, TRY_STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from qlik_keys.access_token import Token
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.panel.trial_state import CallForm
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tenant.oauth import UserLookup
    from qlik_keys.tenant.raw import RawAnswer
    from qlik_keys.trial import Called, Prepared

    Result = TypeVar("Result")

IMPERSONATION = "urn:qlik:oauth:user-impersonation"
_REMEMBERED_CALLS = 1000
_SHOWN_CALLS = 10
_OK = 200
_TOKEN_ADDRESS = "/oauth/token"  # noqa: S105  # a path


class Trying(Session):
    """What can be tried with a client's login; `settings`, `run` and `clock` are as for `Session`."""

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
            return "Choose a client whose key is in the Vault."
        if form.user_field and not form.user_value.strip():
            return "Type whose token it shall be."
        return ""

    # --- a token ---

    def try_token(self, form: TryForm) -> None:
        """Sign an assertion with what the store holds, send it, and ask the tenant whose the token is."""
        self._work("Getting a token", functools.partial(self._try_token, form))

    def _try_token(self, form: TryForm) -> None:
        from qlik_keys import trial  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        self._tried = form
        names = [name for name in TRY_STEPS if name != "ask_again" or form.fault == "replayed"]
        if form.fault and form.fault != "replayed":
            names.remove("prove")
        else:
            self._forget_token()
        steps = tuple(ShownStep(step=name, title=TRY_STEPS[name], by_hand=BY_HAND[name]) for name in names)
        self._set(**NOTHING_DONE | {"steps_in": "try", "steps": steps}, assertion=None, lesson=None)
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
        from qlik_keys import trial  # noqa: PLC0415  # brings httpx

        user = _user_of(form)
        with self._doing(step):
            token, _ = self._noted(
                form.client_id,
                "POST",
                _TOKEN_ADDRESS,
                lambda: trial.send(tenant, prepared, scopes=form.scopes, user=user),
            )
        return token

    def _learn(self, step: str, tenant: QlikTenant, prepared: Prepared, form: TryForm) -> None:
        """Send what is broken on purpose; that it is refused is what it is for."""
        lesson = ShownLesson(fault=form.fault, status=200, said="")
        try:
            self._asked(step, tenant, prepared, form)
        except TokenError as refusal:
            lesson = ShownLesson(
                fault=form.fault, status=refusal.status, said=refusal.detail, trace_id=refusal.trace_id
            )
        self._set(lesson=lesson)

    def _take_token(self, token: Token, form: TryForm, prepared: Prepared) -> None:
        from qlik_keys import trial  # noqa: PLC0415  # brings httpx

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
        with self._doing("prove"):
            user, _ = self._noted(form.client_id, "GET", "/api/v1/users/me", caller.users.me)
        if self._state.token is not None:
            self._set(token=replace(self._state.token, subject=user.subject))

    def revoke_token(self) -> None:
        """End the token at hand on the tenant; it stays at hand, so that the next call shows what that means."""
        self._work("Revoking the token", self._revoke_token)

    def _revoke_token(self) -> None:
        from qlik_keys import trial  # noqa: PLC0415  # brings httpx

        tenant, _ = self._connected()
        token, shown = self._token_at_hand()
        self._noted(shown.form.client_id, "POST", "/oauth/revoke", lambda: trial.revoke(tenant, token))
        self._set(token=replace(shown, is_revoked=True))

    # --- calls ---

    def call(self, form: CallForm) -> None:
        """Call the tenant with the token at hand; an answer that refuses it is an answer."""
        self._work(f"{form.method.upper()} {form.path.strip()}", functools.partial(self._call, form))

    def _call(self, form: CallForm) -> None:
        from qlik_keys.panel.answers import (  # noqa: PLC0415  # brings httpx
            body_of,
            headers_of,
            login_words,
            request_of,
            shown_answer,
        )

        tenant, _ = self._connected()
        token, shown = self._token_at_hand()
        client_id = shown.form.client_id
        request = request_of(form, tenant.url)
        caller = self._caller(tenant, client_id)
        self._set(answer=None)
        self.last_answer = None
        answer: RawAnswer | TenantError
        try:
            answered, milliseconds = self._noted(
                client_id,
                request.method,
                request.address,
                lambda: caller.raw(request.method, request.address, body=body_of(request), headers=headers_of(request)),
            )
            self.last_answer = answer = answered
        except TenantError as refusal:
            if refusal.status is None:
                raise
            self.last_error = answer = refusal
            milliseconds = self._history[-1].milliseconds
        what, secret = shown_answer(
            answer,
            request,
            login=login_words(shown.form, self._word_for(client_id)),
            tenant_url=tenant.url,
            milliseconds=milliseconds,
            token=token.secret,
        )
        if secret is not None:
            self._keep_secret(secret, request.path, what=secret.what)
        self._set(answer=what)

    def history(self) -> pd.DataFrame:
        """Return the calls and the requests for tokens since the panel was connected, as a DataFrame."""
        from qlik_keys.inventory import calls_frame  # noqa: PLC0415  # brings pandas

        connection = self._state.connection
        return calls_frame(
            tuple(self._history), tenant_url=connection.tenant_url if connection else "", clock=self._clock
        )

    # --- the doctor ---

    def examine(self, client_id: str) -> None:
        """Look what is wrong with a client's login, and show it beside the token."""
        self._set(tab="Try a token")
        self._work("Looking what is wrong", functools.partial(self._examine, client_id))

    def _examine(self, client_id: str) -> None:
        from qlik_keys.diagnosis import doctor  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        self._set(diagnosis=None, mended="")
        self._diagnose(doctor, tenant, store, client_id)

    def mend_login(self, mend: str) -> None:
        """Do what one of the doctor's findings names, and ask the doctor again."""
        self._work("Putting it right", functools.partial(self._mend_login, mend))

    def _mend_login(self, name: str) -> None:
        from qlik_keys.diagnosis import doctor, mend  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        if self._state.diagnosis is None:
            raise ConfigurationError("Nothing was looked at yet.", hint="Ask the doctor first.")
        client_id = self._state.diagnosis.client_id
        self._set(mended=mend(tenant, store, client_id, name, clock=self._clock))
        self._diagnose(doctor, tenant, store, client_id)

    def _diagnose(self, doctor: Callable[..., Any], tenant: QlikTenant, store: Any, client_id: str) -> None:
        tried = self._tried
        if tried is None or tried.client_id != client_id:
            tried = TryForm(client_id=client_id)
        found = doctor(tenant, store, client_id, scopes=tried.scopes, user=_user_of(tried), clock=self._clock)
        self._set(diagnosis=found)

    def drop_diagnosis(self) -> None:
        """Put what the doctor found away."""
        self._set(diagnosis=None, mended="")

    # --- inside ---

    def _connect(self, tenant: QlikTenant, store: KeyStore, notices: tuple[str, ...]) -> None:
        self._forget_calls()
        super()._connect(tenant, store, notices)

    def _let_go(self) -> None:
        self._forget_calls()
        super()._let_go()

    def _forget_calls(self) -> None:
        self._history.clear()
        self._tried = None
        self._set(**NOTHING_TRIED)
        self._forget_token()

    def _forget_token(self) -> None:
        self._token = self.last_answer = None
        self._set(token=None, answer=None)

    def _token_at_hand(self) -> tuple[Token, ShownToken]:
        if self._token is None or self._state.token is None:
            raise ConfigurationError("There is no token at hand.", hint="Get one first.")
        return self._token, self._state.token

    def _caller(self, tenant: QlikTenant, client_id: str) -> QlikTenant:
        from qlik_keys.trial import HeldToken  # noqa: PLC0415  # brings httpx

        token, _ = self._token_at_hand()
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
        self._saw_step(event)
        try:
            yield
        except QlikKeysError as problem:
            self._saw_step(replace(event, phase="failed", error=problem))
            raise
        self._saw_step(replace(event, phase="after"))

    def _noted(self, client_id: str, method: str, address: str, call: Callable[[], Result]) -> tuple[Result, float]:
        """Make a call and note it in the history, however it ends; return what came, and the milliseconds."""
        from qlik_keys.tenant.raw import RawAnswer  # noqa: PLC0415  # brings httpx
        from qlik_keys.trial import Called  # noqa: PLC0415  # brings httpx

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
        return result, milliseconds


def _user_of(form: TryForm) -> UserLookup | None:
    from qlik_keys.tenant.oauth import UserLookup  # noqa: PLC0415  # brings httpx

    return UserLookup(form.user_field, form.user_value.strip()) if form.user_field else None
