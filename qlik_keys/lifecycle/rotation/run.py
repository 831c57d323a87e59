"""What each step with a client's keys does: rotate, retire, revoke, adopt (`engine` has the loop around them).

The store is written first and wins every race by compare-and-set; the tenant's list of public keys is replaced whole
and has no guard of its own (qlik-cloud-contract), so it is read just before it is written, read back, and put right
where another user has written in between. Keys that are not managed by qlik_keys are kept word for word.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.core.clock import utc_now
from qlik_keys.errors import (
    AssertionRejected,
    ManualActionRequired,
    Outcome,
    QlikKeysError,
    StoreConflict,
    StoreNotFound,
    TenantConflict,
    TenantNotFound,
    TenantRejected,
)
from qlik_keys.keys import KeySpec, PrivateKey
from qlik_keys.keys.spec import DEFAULT_KEY
from qlik_keys.keystore.base import KeyOwner
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.in_progress import merged
from qlik_keys.lifecycle.missing_clients import gone_on_tenant, is_of_client
from qlik_keys.lifecycle.provisioning.plan import Conflict, Done, Step
from qlik_keys.lifecycle.remains import end_tokens
from qlik_keys.lifecycle.rotation.effects import KeyState, Making, effect_of, with_keys, without_secrets
from qlik_keys.lifecycle.rotation.hook_steps import HookSteps
from qlik_keys.lifecycle.rotation.plan import KeyIntent, leaving, plan_keys
from qlik_keys.lifecycle.rotation.registered_keys import replace_keys
from qlik_keys.lifecycle.verification import LoginVerification, verify, with_accepted_audience
from qlik_keys.tenant import PatchOperation

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import ClientRecord, Custody, KeyStore, StoredKey
    from qlik_keys.lifecycle.events import StepEvent
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import OAuthClient, QlikTenant

_ROUNDS = 4


class KeyRun(HookSteps):
    """One run with the keys of one client.

    Args:
        tenant: the tenant, with an administrator's credential.
        store: where the keys are.
        record: the client's record, as it was read or is to be made.
        operation: its name, for progress.
        intent: what is requested.
        key: what to make the next key of; None where none is made.
        rotate_after: how long the next key should serve.
        custody: who should hold the next key; by default as for a client's first key.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.
        hooks: those that are defined, for whichever clients.
    """

    def __init__(
        self,
        tenant: QlikTenant,
        store: KeyStore,
        *,
        record: ClientRecord,
        operation: str,
        intent: KeyIntent,
        key: KeySpec | PrivateKey | None,
        rotate_after: timedelta,
        custody: Custody | None,
        on_step: Callable[[StepEvent], None] | None,
        cancel: threading.Event | None,
        clock: Clock,
        hooks: tuple[Hook, ...] = (),
    ) -> None:
        super().__init__(tenant, store, on_step=on_step, cancel=cancel, clock=clock, hooks=hooks)
        self.operation = operation  # type: ignore[misc]  # one class does four operations
        self.intent = intent
        self.record = record
        self.verification: LoginVerification | None = None
        self._key = key
        self._made: StoredKey | None = None
        self._made_for = 0  # the version of the record that it was to be written to
        self.made_kid = ""  # of the newest key that this run itself has brought into the record
        self._rotate_after = rotate_after
        self._custody = custody
        self._record_is_new = True
        self._client: OAuthClient | None = None
        self._refusal: ManualActionRequired | None = None
        self._found_operation = record.operation
        self._seen = set(record.keys)
        if intent.operation is not None:
            self._seen |= intent.operation.compromised

    def run(self) -> None:
        """Perform step after step until nothing is left to do.

        Raises:
            ManualActionRequired: a person must decide, or another user is at it.
            TenantNotFound: the tenant has no such client.
            AssertionRejected: the next key cannot log in; the old one still can.
            Interrupted: cancelled between two steps.
            TenantError, TokenError, StoreError: a step failed; asked for again, it goes on from there.
        """
        if self.intent.revokes and self.record.operation != self.intent.operation:
            # Before anything else: a revocation that fails at its first look is one that `resume` finishes.
            self._note_first()
        missing: TenantNotFound | None = None
        try:
            self._drive()
        except TenantNotFound as error:
            missing = error
        if missing is not None:
            if self._forget_of_gone_client():
                missing.outcome = Outcome.NOT_APPLIED
            if self.record.version and is_of_client(missing):
                missing = gone_on_tenant(
                    missing, self._store, self._tenant.host, self.record.client_id, name=self._client_name
                )
            raise missing
        if self._refusal is not None:
            raise self._refusal

    def _note_first(self) -> None:
        try:
            self._told(Action.NOTE, lambda: self._actions()[Action.NOTE](self.record.client_id))
        except StoreConflict:
            self._record_is_new = False  # it has changed in the meantime: it is read again, and noted then
        else:
            self._note_effect()

    def _forget_of_gone_client(self) -> bool:
        """Take back the note of a revocation of a client that the tenant does not have; return whether that was done.

        No key of such a client logs in.
        """
        if not (self.has_effect and self._acted and self._client is None and self.intent.revokes):
            return False
        try:
            self._store.write(replace(self.record, operation=self._found_operation), read_back=False)
        except QlikKeysError:
            return False  # that there is no such client is what is to be told
        return True

    @property
    def _client_name(self) -> str:
        return self.record.client_name

    @property
    def client(self) -> OAuthClient | None:
        """The client as the tenant last told of it."""
        return self._client

    @property
    def _there(self) -> OAuthClient:
        assert self._client is not None  # observed before any step
        return self._client

    def _observe(self) -> None:
        self._client = self._tenant.oauth_clients.get(self.record.client_id)
        if self.record.version and not self._record_is_new:  # else it was read just before this run began
            self.record = self._store.read(self.record.tenant_host, self.record.client_id)
            self._seen |= self.record.keys.keys()
            self._respect_other_operation()

    def _respect_other_operation(self) -> None:
        """Take note of an operation that another process has written to the record since this run read it.

        Raises:
            ManualActionRequired: it is a stronger one.
        """
        held, ours = self.record.operation, self.intent.operation
        if held is None or ours is None or held == ours:
            return
        together = merged(held, ours)
        if together is None or (together == held and together.name != ours.name):
            raise ManualActionRequired(
                f"Another operation on {self._client_name!r} is in progress: {held.to_text()}. It takes precedence.",
                hint="Wait for it, or finish it (`qlik-keys resume`); then try again.",
                retryable=True,
            )
        self.intent = replace(self.intent, operation=together)
        self._seen |= together.compromised

    def _plan(self) -> Step | Done | Conflict:
        self._choose_hooks()
        if self._state.strays:
            return Step(Action.UNPUBLISH, self.record.client_id)
        step = plan_keys(self._there, self.record, self.intent)
        if isinstance(step, Conflict) and self._record_is_new:
            # The record is older than the look at the tenant: someone may have changed both in between.
            self._record_is_new = False
            self._observe()
            step = plan_keys(self._there, self.record, self.intent)
        self._record_is_new = False
        return step

    @property
    def _state(self) -> KeyState:
        return KeyState(client=self._client, record=self.record, intent=self.intent, removed=frozenset(self._removed()))

    def _effect(self, action: Action, *, made: StoredKey | None = None) -> KeyState:
        """Return what an action makes of what this run knows."""
        making = Making(
            now=utc_now(self._clock), rotate_after=self._rotate_after, made=made, hooks=self._hooks_of_next()
        )
        return effect_of(action, self._state, making)

    def _removed(self) -> set[str]:
        """Return the kids that this run has seen in the record, or that the record names, and that it lacks by now."""
        return (self._seen | {*self.record.removed_kids}) - self.record.keys.keys()

    def _actions(self) -> Mapping[Action, Callable[[str], None]]:
        return {
            Action.MAKE_NEXT: self._make_next,
            Action.PUBLISH: self._publish,
            Action.SWAP: self._swap,
            Action.VERIFY_NEXT: self._verify_next,
            Action.PROMOTE: self._promote,
            Action.END_OVERLAP: self._end_overlap,
            Action.VERIFY_CURRENT: self._verify_current,
            Action.UNPUBLISH: self._unpublish,
            Action.RETIRE: self._retire,
            Action.PURGE: self._purge,
            Action.RUN_HOOK: self._run_hook,
            Action.DROP_HOOKS: self._drop_hooks,
            Action.REMOVE_SECRETS: self._remove_secrets,
            Action.END_TOKENS: self._end_tokens,
            Action.NOTE: self._note,
            Action.SETTLE: self._settle,
        }

    # --- the store ---

    def _write(self, action: Action, *, read_back: bool = True) -> None:
        """Write what an action makes of the record."""
        after = self._effect(action)
        self.intent = after.intent
        self.record = self._store.write(after.record, read_back=read_back)

    def _note(self, _: str) -> None:
        self._write(Action.NOTE, read_back=False)

    def _settle(self, _: str) -> None:
        self._write(Action.SETTLE, read_back=False)

    def _make_next(self, _: str) -> None:
        if self._made is not None and self._made.kid in self.record.keys:
            self._has_arrived(self._made)
            return
        if self._made is not None and self._made_for != self.record.version:
            self._give_up_made(self._made)
        if self._made is None:
            assert self._key is not None
            if isinstance(self._key, PrivateKey) and self._key.public.kid in self._seen:
                self._key = self._key.public.spec or DEFAULT_KEY  # it is compromised by now
            is_given = isinstance(self._key, PrivateKey)
            owner = KeyOwner(self.record.tenant_host, self.record.client_name, self.record.client_id)
            make = self._store.import_key if is_given else self._store.make_key
            self._made = make(self._key, owner, custody=self._custody)  # type: ignore[arg-type]
            self._made_for = self.record.version
            if self._made.reference:
                self._note_effect()
        wanted = self._effect(Action.MAKE_NEXT, made=self._made).record
        lost = False
        try:
            self.record = self._store.write(wanted)
        except StoreConflict:
            lost = True
        if lost:
            there = self._record_there()
            if there is not None and self._made.kid in there.keys:
                self.record = there
                self._has_arrived(self._made)
                return
            self._store.discard_key(self._made)
            self._made = None
            if self._has_same_keys(there):
                raise StoreConflict(f"Another user has processed {self._client_name!r}.", hint="Try again.")
            raise ManualActionRequired(
                f"Another user is changing the keys of {self._client_name!r} at this moment.",
                hint="Try again in a minute.",
                retryable=True,
            )
        self._has_arrived(self._made)

    def _has_arrived(self, made: StoredKey) -> None:
        """Take note that the record has the key, perhaps by a write of which no answer came.

        It is never discarded from then on: it may be what consumers use.
        """
        self.made_kid = made.kid
        self._seen.add(made.kid)
        self._made = None
        self.intent = replace(self.intent, new_key=False)

    def _give_up_made(self, made: StoredKey) -> None:
        """Discard a key whose write had no certain answer, once the record has changed without it.

        Either that write has failed permanently, or the key was in the record and someone has removed it, perhaps
        because it is compromised: it is not used again.

        Raises:
            ManualActionRequired: the key was brought along, so none takes its place unasked.
        """
        self._seen.add(made.kid)
        self._made = None
        self._store.discard_key(made)
        if isinstance(self._key, PrivateKey) and self._key.public.kid == made.kid:
            raise ManualActionRequired(
                f"Another user has changed the keys of {self._client_name!r} while the key {made.kid} was written.",
                hint="Check whether that key was revoked; if not, try again.",
                retryable=True,
            )

    def _record_there(self) -> ClientRecord | None:
        """Return the record as it is after a lost race, None where it is gone."""
        try:
            return self._store.read(self.record.tenant_host, self.record.client_id)
        except StoreNotFound:
            return None

    def _has_same_keys(self, there: ClientRecord | None) -> bool:
        """Tell whether the record, after a lost race, still has the keys that it had: then the step can be repeated."""
        if there is None:
            return not self.record.version
        return replace(there, version=self.record.version) == self.record

    def _promote(self, _: str) -> None:
        self._write(Action.PROMOTE)

    def _end_overlap(self, _: str) -> None:
        # Noted in the store, so that a run that resumes after a crash removes the old keys too.
        self._write(Action.END_OVERLAP)

    def _retire(self, _: str) -> None:
        key = leaving(self.record, self.intent)
        assert key is not None
        conflict: StoreConflict | None = None
        try:
            # `purge` sees it before anything is destroyed.
            self._write(Action.RETIRE, read_back=False)
        except StoreConflict as error:
            conflict = error
        if conflict is not None:
            # Anyone who changed the record may have published a key since we read the tenant's list, which our write of
            # that list, fenced by this one alone, has removed again: it goes back at once.
            self.record = self._store.read(self.record.tenant_host, self.record.client_id)
            self._put_keys(without="")
            raise conflict
        self._note_effect()
        self._store.discard_key(key)

    def _purge(self, _: str) -> None:
        self._store.purge(self.record)
        self._note_effect()
        # Were it lost, the next run would purge again.
        self._write(Action.PURGE, read_back=False)

    # --- the tenant ---

    def _publish(self, _: str) -> None:
        try:
            self._put_keys(without="")
        except (TenantRejected, TenantConflict) as problem:
            if not self._there.public_keys or problem.outcome is not Outcome.NOT_APPLIED:
                raise
            self._give_up_or_swap(problem)

    def _give_up_or_swap(self, problem: TenantRejected | TenantConflict) -> None:
        if self.intent.allow_swap:
            self.intent = replace(self.intent, one_key_only=True)
            return
        self.intent = replace(self.intent, given_up=True, new_key=False)
        self._refusal = ManualActionRequired(
            f"The tenant refuses a second key on {self._client_name!r} ({problem.message}) The old key remains in use.",
            hint="Use allow_swap: the new key then replaces the old one, and logins with the old key fail for a "
            "moment until the new key is verified. `qlik-keys probe` tells how many keys this tenant takes, and in "
            "which form.",
        )

    def _swap(self, _: str) -> None:
        self._put_keys(without=self._state.leaving_kid(Action.SWAP))

    def _unpublish(self, _: str) -> None:
        strays, without = self._state.strays, self._state.leaving_kid(Action.UNPUBLISH)
        self.warnings += [
            f"The key {kid!r} was registered although it had been removed; it was removed again."
            for kid in sorted(strays & {*self.record.removed_kids})
        ]
        # A key that leaves is then retired by compare-and-set on the record that is known: it tells of any change.
        self._put_keys(without=without, is_fenced=bool(without))

    def _put_keys(self, *, without: str, is_fenced: bool = False, restores: bool = False) -> None:
        """Let the tenant's list have the keys of the store's record, and keys of others as they are.

        The list is replaced whole and has no guard: what is written may undo what another user has written since it
        was read. So both sides are read again after each write, and put right until they fit.

        Args:
            without: the kid of a key of the record that must not be in the list.
            is_fenced: the next step writes the record by compare-and-set, so it need not be read again here; where
                that meets a conflict, the plan begins again from what is there.
            restores: as for `to_register`.
        """
        client_id = self.record.client_id
        for round_ in range(_ROUNDS):
            if round_ > 0 and not is_fenced:  # at first it is as it was just read or written
                self.record = self._store.read(self.record.tenant_host, client_id)
            # What was removed must not be left on the tenant.
            gone = self._removed()
            self._seen |= self.record.keys.keys()
            self._client = client = self._tenant.oauth_clients.get(client_id)
            wanted = with_keys(client, self.record, self.intent, without=without, removed=gone, restores=restores)
            needs_method = wanted.allowed_auth_methods != client.allowed_auth_methods
            if wanted.public_keys == client.public_keys and not needs_method:
                if round_ > 1:
                    self.warnings.append(
                        "Another user changed the client's keys at the same time; their changes are kept."
                    )
                return
            methods = PatchOperation("replace", "/allowedAuthMethods", [*wanted.allowed_auth_methods])
            more = [methods] if needs_method else []
            replace_keys(self._tenant, self._store, client_id, wanted.public_keys, more)
            self._note_effect()
        raise ManualActionRequired(
            f"Another user keeps changing the keys of {self._client_name!r} on the tenant.",
            hint="Agree on who does it, then try again.",
        )

    def _remove_secrets(self, client_id: str) -> None:
        client = self._tenant.oauth_clients.get(client_id)
        for secret in client.client_secrets:
            self._tenant.oauth_clients.delete_secret(client_id, secret.hint)
            self._note_effect()
        methods = [*without_secrets(client).allowed_auth_methods]
        self._tenant.oauth_clients.patch(client_id, [PatchOperation("replace", "/allowedAuthMethods", methods)])
        self._note_effect()
        self._client = self._tenant.oauth_clients.get(client_id)

    def _end_tokens(self, client_id: str) -> None:
        done = end_tokens(self._tenant, client_id)
        self.warnings += done.warnings()
        self.intent = self._effect(Action.END_TOKENS).intent

    # --- verifications ---

    def _verify_next(self, client_id: str) -> None:
        [upcoming] = self.record.in_state("next")
        problem: AssertionRejected | None = None
        try:
            self._verify(Action.VERIFY_NEXT, client_id, upcoming)
        except AssertionRejected as error:
            problem = error
        if problem is None:
            return
        current = self.record.current
        if current is not None and current.kid not in {key.kid for key in self._there.public_keys}:
            # It was a swap: the old key gets its place back, for nothing else can log in.
            self._put_keys(without=upcoming.kid, restores=True)
        raise problem

    def _verify_current(self, client_id: str) -> None:
        current = self.record.current
        assert current is not None
        self._verify(Action.VERIFY_CURRENT, client_id, current)

    def _verify(self, action: Action, client_id: str, key: StoredKey) -> None:
        log_in = functools.partial(
            verify,
            self._tenant,
            self._store,
            client_id,
            key=key,
            cancel=self._cancel,
            clock=self._clock,
            seconds=self.verification_seconds,
        )
        try:
            self.verification = log_in()
        except AssertionRejected as refused:
            # Who has the compromised key may have used up the tokens that a client may have, which would stop this.
            if not (self.intent.revokes and refused.refuses_user):
                raise
            done = end_tokens(self._tenant, client_id)
            if not done.ended:
                raise
            self.warnings += done.warnings()
            self.verification = log_in()
        self.record = with_accepted_audience(self.record, self._tenant)  # the next write of it brings it in
        self.intent = self._effect(action).intent
