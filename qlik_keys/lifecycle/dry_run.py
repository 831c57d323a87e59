"""Runs that look, plan and tell their steps as the real ones do, and change nothing: each step's effect is simulated.

They are the real runs with other hands: the same look at both sides, the same plan, the same loop. So what is foretold
and what is done cannot drift apart.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import utc_now
from qlik_keys.keys import KeySpec, PrivateKey, PublicJwk
from qlik_keys.keystore.base import ClientRecord, PendingClient, StoredKey
from qlik_keys.lifecycle import record_changes as changes
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.provisioning.plan import TenantState
from qlik_keys.lifecycle.provisioning.run import Provisioning
from qlik_keys.lifecycle.provisioning.specification import CLIENT_SECRET, PRIVATE_KEY_JWT
from qlik_keys.lifecycle.rotation.plan import leaving
from qlik_keys.lifecycle.rotation.run import KeyRun
from qlik_keys.tenant import OAuthClient, RegisteredKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from qlik_keys.keystore.base import Custody

TO_BE_MADE = "to be made"  # in the place of an id or a kid that only the real run will know
# What a dry run has simulated of a client, for the next one of the same operation.
Memory = dict[str, tuple[OAuthClient, ClientRecord]]


class KeyDryRun(KeyRun):
    """A `KeyRun` that changes nothing.

    Args:
        *places: as for `KeyRun`.
        memory: what earlier dry runs of the same operation simulated.
        **options: as for `KeyRun`.
    """

    has_effect = False

    def __init__(self, *places: Any, memory: Memory, **options: Any) -> None:
        super().__init__(*places, **options)
        self._memory = memory

    def _observe(self) -> None:
        simulated = self._memory.get(self.record.client_id)
        if simulated is None:
            super()._observe()
        else:
            self._client, self.record = simulated

    def _actions(self) -> Mapping[Action, Callable[[str], None]]:
        return {action: lambda _, do=do: self._simulate(do) for action, do in self._effects().items()}  # type: ignore[misc]

    def _simulate(self, effect: Callable[[], ClientRecord | None]) -> None:
        self.record = effect() or self.record
        if self._client is not None:
            self._memory[self.record.client_id] = (self._client, self.record)

    def _effects(self) -> Mapping[Action, Callable[[], ClientRecord | None]]:
        return {
            Action.NOTE: self._simulate_note,
            Action.SETTLE: lambda: replace(self.record, operation=None),
            Action.MAKE_NEXT: lambda: self._noted(self._simulate_next()),
            Action.PUBLISH: lambda: self._simulate_keys(""),
            Action.SWAP: lambda: self._simulate_keys(self.record.current.kid if self.record.current else ""),
            Action.VERIFY_NEXT: lambda: self._simulate_verification("next"),
            Action.PROMOTE: self._simulate_promotion,
            Action.END_OVERLAP: lambda: self._noted(changes.overlap_ended(self.record, now=self.intent.now)),
            Action.VERIFY_CURRENT: lambda: self._simulate_verification("current"),
            Action.UNPUBLISH: self._simulate_unpublished,
            Action.RETIRE: self._simulate_retired,
            Action.PURGE: lambda: self._noted(changes.purged(self.record)),
            Action.REMOVE_SECRETS: self._simulate_no_secrets,
        }

    def _simulate_retired(self) -> ClientRecord:
        key = leaving(self.record, self.intent)
        assert key is not None
        self.intent = changes.without(self.intent, key.kid)
        return self._noted(changes.retired(self.record, key, self.intent))

    def _simulate_note(self) -> ClientRecord:
        self.intent = replace(self.intent, operation=changes.noted(self.record, self.intent))
        return replace(self.record, operation=self.intent.operation)

    def _simulate_next(self) -> ClientRecord:
        assert self._key is not None
        self.intent = replace(self.intent, new_key=False)
        key = self._simulated_key(self._key)
        self.made_kid = key.kid  # else the plan would say that another call had made it
        return changes.with_next(self.record, key, self.intent)

    def _simulated_key(self, wish: KeySpec | PrivateKey) -> StoredKey:
        return simulated_key(wish, self._custody or self._store.custody, self.intent.now)

    def _simulate_keys(self, without: str) -> None:
        wanted = [key.kid for key in changes.to_register(self.record, self.intent, without=without)]
        kept = [key for key in self._there.public_keys if key.kid != without]
        missing = [kid for kid in wanted if kid not in {key.kid for key in kept}]
        methods = [*self._there.allowed_auth_methods]
        if wanted and PRIVATE_KEY_JWT not in methods:
            methods.append(PRIVATE_KEY_JWT)
        keys = (*kept, *(RegisteredKey.model_validate({"kid": kid}) for kid in missing))
        self._client = self._there.model_copy(update={"public_keys": keys, "allowed_auth_methods": tuple(methods)})

    def _simulate_verification(self, state: Any) -> None:
        [key] = self.record.in_state(state)
        self.intent = replace(self.intent, verified=self.intent.verified | {key.kid})

    def _simulate_promotion(self) -> ClientRecord:
        registered = {key.kid for key in self._there.public_keys}
        changed = changes.promoted(
            self.record, registered=registered, now=self.intent.now, rotate_after=self._rotate_after
        )
        return self._noted(changed)

    def _simulate_unpublished(self) -> None:
        strays = self._strays()
        if strays:  # keys that were removed and are back: they go before anything else
            kept = tuple(key for key in self._there.public_keys if key.kid not in strays)
            self._client = self._there.model_copy(update={"public_keys": kept})
            return
        key = leaving(self.record, self.intent)
        assert key is not None
        self._simulate_keys(key.kid)

    def _simulate_no_secrets(self) -> None:
        methods = tuple(method for method in self._there.allowed_auth_methods if method != CLIENT_SECRET)
        self._client = self._there.model_copy(update={"client_secrets": (), "allowed_auth_methods": methods})


class ProvisioningDryRun(Provisioning):
    """A `Provisioning` that changes nothing."""

    has_effect = False

    def _actions(self) -> Mapping[Action, Callable[[str], None]]:
        return {
            Action.WRITE_PENDING: self._simulate_pending,
            Action.REGISTER: self._simulate_registered,
            Action.BIND: self._simulate_bound,
            Action.RECORD: self._simulate_recorded,
            Action.TRUST: lambda _: self._know(consent_known=True),
            Action.REPLACE_SECRET: lambda _: self._know(secret_known=True),
            Action.REMOVE_DUPLICATE: self._simulate_removed,
            Action.VERIFY: lambda _: self._know(verified=True),
            Action.REMOVE_PENDING: lambda _: self._simulate_store(pending=None),
        }

    def _know(self, **known: Any) -> None:
        self._intent = replace(self._intent, **known)

    def _simulate_store(self, **fields: Any) -> None:
        self._store_state = replace(self._store_state, **fields)

    def _simulate_pending(self, _: str) -> None:
        now = utc_now(self._clock)
        pending = PendingClient(
            tenant_host=self._tenant.host,
            name=self._specification.name,
            specification=self._specification.to_document(),
            pending_at=now,
            key=None if self._key is None else simulated_key(self._key, self._store.custody, now),
        )
        self._simulate_store(pending=pending)

    def _simulate_registered(self, _: str) -> None:
        key = self._pending.key
        client = OAuthClient.model_validate(
            {
                "clientId": TO_BE_MADE,
                "clientName": self._specification.name,
                "appType": "web",
                "allowedScopes": self._specification.scopes,
                "allowedGrantTypes": self._specification.grant_types,
                "allowedAuthMethods": self._specification.auth_methods,
            }
        )
        keys = () if key is None else (RegisteredKey.model_validate({"kid": key.kid}),)
        client = client.model_copy(update={"public_keys": keys})
        self._tenant_state = TenantState(clients=[*self._tenant_state.clients, client])
        self._know(
            registered=self._intent.registered | {TO_BE_MADE},
            secret_known=self._specification.client_secret,
            consent_known=True,
        )

    def _simulate_bound(self, client_id: str) -> None:
        self._simulate_store(pending=replace(self._pending, client_id=client_id))
        if client_id not in self._intent.registered:
            untrusted = not self._specification.trusted
            self._know(consent_known=untrusted, secret_known=False, verified=untrusted)

    def _simulate_recorded(self, client_id: str) -> None:
        key, now = self._pending.key, utc_now(self._clock)
        keys = {} if key is None else {key.kid: replace(key, state="current", promoted_at=now)}
        record = ClientRecord(
            tenant_host=self._tenant.host,
            client_id=client_id,
            client_name=self._specification.name,
            token_url=self._tenant.token_url,
            custody=self._store.custody if key is None else key.custody,
            keys=keys,
            rotate_by=now + timedelta(days=self._specification.rotate_after_days) if keys else None,
            version=1,
        )
        self._simulate_store(records={**self._store_state.records, client_id: record})

    def _simulate_removed(self, client_id: str) -> None:
        rest = [client for client in self._tenant_state.clients if client.client_id != client_id]
        self._tenant_state = TenantState(clients=rest)


def simulated_key(wish: KeySpec | PrivateKey, custody: Custody, now: datetime) -> StoredKey:
    """Return a key as it would be made, without its numbers; a key that is brought along is known already."""
    if isinstance(wish, PrivateKey):
        public = wish.public
    else:
        public = PublicJwk(kid=TO_BE_MADE, alg=wish.alg, kty="EC" if wish.alg == "ES384" else "RSA", members=())
    return StoredKey(public=public, state="next", made_at=now, reference=TO_BE_MADE if custody == "transit" else "")
