"""Making a client: what each step of "provision" does (`engine` has the loop around them).

Not done here: deciding (`plan`), talking to Qlik or Vault (`tenant`, `keystore`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qlik_keys.core.clock import utc_now
from qlik_keys.errors import (
    AssertionRejected,
    ManualActionRequired,
    QlikKeysError,
    StoreConflict,
    StoreDeleted,
    StoreDestroyed,
    StoreNotFound,
    TenantError,
    TenantNotFound,
)
from qlik_keys.keys import KeySpec, PrivateKey
from qlik_keys.keystore.base import ClientRecord, KeyOwner, KeyStore, PendingClient, StoredKey
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.engine import Run
from qlik_keys.lifecycle.ownership import set_trusted
from qlik_keys.lifecycle.provisioning.effects import (
    Left,
    ProvisionState,
    age,
    effect_of,
    first_record,
    pending_client,
)
from qlik_keys.lifecycle.provisioning.plan import (
    DISCARD,
    Conflict,
    Done,
    Provision,
    Step,
    StoreState,
    TenantState,
    plan,
)
from qlik_keys.lifecycle.record_changes import loss_warnings
from qlik_keys.lifecycle.verification import LoginVerification, verify, with_accepted_audience
from qlik_keys.tenant import eq

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from qlik_keys.core.clock import Clock
    from qlik_keys.core.secret import Secret
    from qlik_keys.lifecycle.events import StepEvent
    from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
    from qlik_keys.tenant import OAuthClient, QlikTenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """A client that is there, verified, with its key in the store.

    Attributes:
        client_id: its id on the tenant.
        name: its name.
        kid: the key id of its current key, "" for a client that logs in by secret alone.
        created: True when this call made or finished it, False when it was there already.
        client_secret: only when this call made one; the tenant shows it once.
        verification: the first login, None when nothing had to be done or the consent is not trusted.
        warnings: what a person should know.
    """

    client_id: str
    name: str
    kid: str
    created: bool
    client_secret: Secret | None = None
    verification: LoginVerification | None = None
    warnings: tuple[str, ...] = ()


class Provisioning(Run):
    """One run of "provision", from wherever the tenant and the store are to a client that is verified.

    Args:
        tenant: where the client should be, with an administrator's credential.
        store: where its private key should be.
        specification: what the client should be.
        key: what to make its key of; None when the pending record has it, or when there is none.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.
    """

    operation = "provision"

    def __init__(
        self,
        tenant: QlikTenant,
        store: KeyStore,
        specification: ClientSpecification,
        *,
        key: KeySpec | PrivateKey | None,
        on_step: Callable[[StepEvent], None] | None,
        cancel: threading.Event | None,
        clock: Clock,
    ) -> None:
        super().__init__(tenant, store, on_step=on_step, cancel=cancel, clock=clock)
        self._specification = specification
        self._key = key
        self._made_key: StoredKey | None = None
        # An untrusted client cannot log in, so there is nothing to verify and no consent to set.
        self._intent = Provision(
            specification=specification,
            custody=None if key is None else store.custody,
            consent_known=not specification.trusted,
            verified=not specification.trusted,
        )
        self._tenant_state = TenantState()
        self._store_state = StoreState()
        self._client_secret: Secret | None = None
        self._secret_hint = ""
        self._verification: LoginVerification | None = None
        self._name_was_free_before_pending = False
        self._created = False
        self._only_finishes = False
        self._was_pending = False

    def run(self) -> Provisioned:
        """Perform step after step until nothing is left to do.

        Raises:
            ManualActionRequired: the name is taken, or another user is at it.
            Interrupted: cancelled between two steps.
            TenantError, TokenError, StoreError: a step failed; asked for again, it goes on from there.
        """
        done = self._drive()
        return self._result(done.client_id, created=self._created)

    def resume(self) -> Provisioned | None:
        """Finish what is pending; return None where it is not pending any more, and change nothing.

        Another user has finished it since it was listed, or has deleted the client.

        Raises:
            QlikKeysError: as `run`.
        """
        self._only_finishes = True
        done = self._drive()
        return self._result(done.client_id, created=self._created) if done.client_id else None

    @property
    def _client_name(self) -> str:
        return self._specification.name

    def _plan(self) -> Step | Done | Conflict:
        self._was_pending = self._was_pending or self._store_state.pending is not None
        if self._only_finishes and not self._was_pending:
            return Done("")
        step = plan(self._tenant_state, self._store_state, self._intent)
        if self._only_finishes and isinstance(step, Step) and step.action is Action.WRITE_PENDING:
            return Done("")
        return step

    def _is_last(self, step: Step) -> bool:
        return step.action is Action.REMOVE_PENDING and step != DISCARD

    # --- looking ---

    def _observe(self) -> None:
        """Look at the store's pending record, then at the tenant, then at the records.

        In this order: a document that was there before the tenant was asked says what its clients are.
        """
        self._observe_next_to(self._store.read_pending(self._tenant.host, self._specification.name))

    def _observe_next_to(self, pending: PendingClient | None) -> None:
        """Look at the tenant and then at the records, given that pending record."""
        name = self._specification.name
        # The name is compared here as well: how a tenant's filter treats upper case is not published.
        found = {
            client.client_id: client
            for client in self._tenant.oauth_clients.iterate(filter=eq("clientName", name))
            if client.client_name == name
        }
        if pending is not None and pending.client_id and pending.client_id not in found:
            renamed = self._get(pending.client_id)
            if renamed is not None:
                found[renamed.client_id] = renamed
        clients = sorted(found.values(), key=age)
        self._tenant_state = TenantState(clients=clients)
        records = {client.client_id: self._record(client.client_id) for client in clients}
        if pending is None and len(clients) == 1 and records[clients[0].client_id] is not None:
            # It seems to be there: whether all that was asked for is, too, is only known with its consent.
            self._tenant_state = replace(self._tenant_state, consents=self._consents(clients[0].client_id))
        self._store_state = StoreState(
            pending=pending, records={client_id: record for client_id, record in records.items() if record is not None}
        )

    def _get(self, client_id: str) -> OAuthClient | None:
        try:
            return self._tenant.oauth_clients.get(client_id)
        except TenantNotFound:
            return None

    def _consents(self, client_id: str) -> dict[str, str]:
        try:
            return {client_id: self._tenant.oauth_clients.connection_config(client_id).consent_method}
        except TenantNotFound:
            return {client_id: ""}  # without a connection configuration nothing is trusted

    def _record(self, client_id: str) -> ClientRecord | None:
        try:
            return self._store.read(self._tenant.host, client_id)
        except (StoreDeleted, StoreDestroyed):
            raise  # it is ours, and its error says what brings it back
        except StoreNotFound:
            return None

    # --- doing ---

    def _actions(self) -> Mapping[Action, Callable[[str], None]]:
        return {
            Action.WRITE_PENDING: self._write_pending,
            Action.REGISTER: self._register,
            Action.BIND: self._bind,
            Action.RECORD: self._write_record,
            Action.TRUST: self._trust,
            Action.REPLACE_SECRET: self._replace_secret,
            Action.REMOVE_DUPLICATE: self._remove_duplicate,
            Action.VERIFY: self._verify,
            Action.REMOVE_PENDING: self._remove_pending,
        }

    def _take(self, action: Action, left: Left) -> None:
        """Go on with what an action makes of what this run knows.

        Args:
            action: what was done.
            left: what it has left on tenant or store.
        """
        state = ProvisionState(tenant=self._tenant_state, store=self._store_state, intent=self._intent)
        after = effect_of(action, state, left)
        self._tenant_state, self._store_state, self._intent = after.tenant, after.store, after.intent

    def _attempt(self, step: Step) -> QlikKeysError | None:
        self._created = self._created or not (step.action is Action.WRITE_PENDING or step == DISCARD)
        return super()._attempt(step)

    def _write_pending(self, _: str) -> None:
        owner = KeyOwner(self._tenant.host, self._specification.name)
        if self._made_key is None and isinstance(self._key, PrivateKey):
            self._made_key = self._store.import_key(self._key, owner)
        elif self._made_key is None and isinstance(self._key, KeySpec):
            self._made_key = self._store.make_key(self._key, owner)
        if self._made_key is not None and self._made_key.reference:
            self._note_effect()
        wanted = pending_client(self._tenant.host, self._specification, self._made_key, utc_now(self._clock))
        try:
            pending = self._store.write_pending(wanted)
        except StoreConflict:
            pending = None
        if pending is None:
            if self._made_key is not None:
                self._store.discard_key(self._made_key)
                self._made_key = None
            if self._store.read_pending(self._tenant.host, wanted.name) is None:
                raise StoreConflict(f"Another user started to create {wanted.name!r} and stopped.", hint="Try again.")
            raise ManualActionRequired(
                f"Another user started to create a client named {wanted.name!r} at this moment.",
                hint="Try again in a minute: you then get that client, or finish creating it.",
                retryable=True,
            )
        self._take(Action.WRITE_PENDING, Left(pending=pending))
        self._name_was_free_before_pending = True

    def _register(self, _: str) -> None:
        if self._name_was_free_before_pending:
            # Another actor may have created the client before the pending record was written. From now on, a client of
            # that name can only come from this record: look the name up once more.
            self._name_was_free_before_pending = False
            self._observe_next_to(self._pending)
            if self._tenant_state.clients:
                return  # and the plan decides again
        key = self._pending.key
        public = None if key is None else key.public
        created = self._tenant.oauth_clients.create(self._specification.registration(public))
        client = created.client
        self._client_secret = created.client_secret
        self._secret_hint = client.client_secrets[0].hint if len(client.client_secrets) == 1 else ""
        self._take(Action.REGISTER, Left(client=client, has_secret=created.client_secret is not None))

    def _bind(self, client_id: str) -> None:
        pending = self._pending
        forsaken = pending.client_id
        pending = self._store.write_pending(replace(pending, client_id=client_id))
        self._note_effect()
        self._take(Action.BIND, Left(client_id=client_id, pending=pending))
        if forsaken:
            self._store.delete(self._tenant.host, forsaken)

    def _write_record(self, client_id: str) -> None:
        is_first = client_id in self._intent.registered
        record = self._store.write(self._first_record(client_id), is_first=is_first)
        if not is_first and self._get(client_id) is None:
            # It was deleted after this run looked at it, and this record is too late to have been deleted with it.
            self._store.delete(self._tenant.host, client_id)
            self._observe()
            return
        self._take(Action.RECORD, Left(client_id=client_id, record=record))

    def _first_record(self, client_id: str) -> ClientRecord:
        return first_record(
            self._pending,
            self._specification,
            client_id=client_id,
            token_url=self._tenant.http.lasting_token_url,
            custody=self._store.custody,
            now=utc_now(self._clock),
        )

    def _trust(self, client_id: str) -> None:
        set_trusted(self._tenant, client_id, risk=None)  # it was made from our own document
        self._take(Action.TRUST, Left(client_id=client_id))

    def _replace_secret(self, client_id: str) -> None:
        # No one has seen the first secret: the answer that held it was lost with the run that asked for it. If another
        # run has finished in the meantime, someone has one, and it must live.
        there = self._store.read_pending(self._tenant.host, self._specification.name)
        if there is None or there.version != self._pending.version:
            raise StoreConflict("Another user is working on this client at this moment.", hint="Try again in a minute.")
        for client in self._tenant_state.clients:
            for secret in client.client_secrets if client.client_id == client_id else ():
                with contextlib.suppress(TenantNotFound):
                    self._tenant.oauth_clients.delete_secret(client_id, secret.hint)
                    self._note_effect()
        made = self._tenant.oauth_clients.create_secret(client_id)
        self._client_secret, self._secret_hint = made.client_secret, made.hint
        self._take(Action.REPLACE_SECRET, Left(client_id=client_id))

    def _secret_is_gone(self, client_id: str) -> bool:
        """Tell whether another user, who went on with the same client, has replaced the secret of this run."""
        if self._client_secret is None or not self._secret_hint:
            return False
        client = self._get(client_id)
        return client is None or self._secret_hint not in {secret.hint for secret in client.client_secrets}

    def _remove_duplicate(self, client_id: str) -> None:
        with contextlib.suppress(TenantNotFound):
            self._tenant.oauth_clients.delete(client_id)
        self._take(Action.REMOVE_DUPLICATE, Left(client_id=client_id))

    def _verify(self, client_id: str) -> None:
        try:
            self._verification = verify(
                self._tenant,
                self._store,
                client_id,
                key=self._store_state.records[client_id].current,
                client_secret=self._client_secret,
                cancel=self._cancel,
                is_hopeless=lambda: self._secret_is_gone(client_id),
                knows_consent=True,  # the step before has set it
                clock=self._clock,
                seconds=self.verification_seconds,
            )
        except AssertionRejected:
            if self._specification.key is not None or not self._secret_is_gone(client_id):
                raise
        else:
            self._take(Action.VERIFY, Left(client_id=client_id))
            self._note_audience(client_id)
            return
        self._client_secret = None
        self._intent = replace(self._intent, secret_known=False)
        self._observe()

    def _note_audience(self, client_id: str) -> None:
        """Let the record name the audience that was accepted, where that is not the one that it names."""
        record = self._store_state.records[client_id]
        right = with_accepted_audience(record, self._tenant)
        if right == record:
            return
        with contextlib.suppress(StoreConflict):  # another user has written it: the next rotation notes it
            written = self._store.write(right, read_back=False)
            self._store_state = replace(self._store_state, records={**self._store_state.records, client_id: written})

    def _remove_pending(self, client_id: str) -> None:
        pending = self._pending
        self._store.remove_pending(pending, look_after=not client_id)
        self._note_effect()
        # Someone may have finished what this run had pending: then the key is a client's by now.
        named = {kid for record in self._store_state.records.values() for kid in record.keys}
        if not client_id and pending.key is not None and pending.key.kid not in named:
            self._store.discard_key(pending.key)
        self._take(Action.REMOVE_PENDING, Left(client_id=client_id))

    @property
    def _pending(self) -> PendingClient:
        assert self._store_state.pending is not None  # the plan asks for these steps only when something is pending
        return self._store_state.pending

    def _result(self, client_id: str, *, created: bool) -> Provisioned:
        record = self._store_state.records[client_id]
        current = record.current
        warnings = [*loss_warnings(record)]
        if not self._specification.trusted:
            warnings.append("The consent method is not trusted, so the client cannot log in yet, and was not verified.")
        if current is not None and self._intent.custody not in (None, current.custody):
            warnings.append(f"Its key was made before this run, in custody {current.custody}, and is not moved.")
        with contextlib.suppress(TenantError):  # all is done: a secret that is shown once is not lost for a doubt
            if self._secret_is_gone(client_id):
                self._client_secret = None
        if self._specification.client_secret and self._client_secret is None:
            warnings.append(
                "The client secret was shown to the user who finished creating the client; it cannot be shown again."
            )
        return Provisioned(
            client_id=client_id,
            name=self._specification.name,
            kid=current.kid if current else "",
            created=created,
            client_secret=self._client_secret,
            verification=self._verification,
            warnings=tuple(warnings),
        )
