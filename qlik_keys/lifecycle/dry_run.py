"""Runs that look, plan and tell their steps as the real ones do, and change nothing: each step's effect is simulated.

They are the real runs with other hands: the same look at both sides, the same plan, the same loop, and the same pure
function for what each action makes of the state. So what is foretold and what is done cannot drift apart.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import utc_now
from qlik_keys.keys import KeySpec, PrivateKey, PublicJwk
from qlik_keys.keystore.base import ClientRecord, StoredKey
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.provisioning import effects as provisioning_effects
from qlik_keys.lifecycle.provisioning.effects import Left, pending_client
from qlik_keys.lifecycle.provisioning.run import Provisioning
from qlik_keys.lifecycle.provisioning.specification import APP_TYPE
from qlik_keys.lifecycle.rotation import effects as key_effects
from qlik_keys.lifecycle.rotation.plan import next_hook
from qlik_keys.lifecycle.rotation.run import KeyRun
from qlik_keys.tenant import OAuthClient, RegisteredKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from qlik_keys.keystore.base import Custody

TO_BE_MADE = "to be made"  # instead of an id or a kid that only the real run will know
# What a dry run has simulated of a client, for the next one of the same operation.
Memory = dict[str, tuple[OAuthClient, ClientRecord]]
# Steps that belong to no run: they are told, and what comes after them does not depend on them.
_OUTSIDE = {Action.CHECK, Action.DELETE_CLIENT, Action.REMOVE_BOT, Action.DELETE_RECORD}
if _missing := set(Action) - key_effects.EFFECTS.keys() - provisioning_effects.EFFECTS.keys() - _OUTSIDE:
    raise RuntimeError(f"no effect of these actions: {', '.join(sorted(_missing))}")


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
        return {action: functools.partial(self._simulate, action) for action in super()._actions()}

    def _simulate(self, action: Action, _: str) -> None:
        made = None
        if action is Action.MAKE_NEXT:
            assert self._key is not None
            made = simulated_key(self._key, self._custody or self._store.custody, self.intent.now)
        if action is Action.RUN_HOOK:
            assert self._own_hooks is not None
            name = next_hook(self.record, self.intent)
            self.warnings.append(f"A hook runs after the promotion: {self._own_hooks.to_text(name)}.")
        after = self._effect(action, made=made)
        self._client, self.record, self.intent = after.client, after.record, after.intent
        if made is not None:
            self._has_arrived(made)  # else the plan would say that another call had made it
        if self._client is not None:
            self._memory[self.record.client_id] = (self._client, self.record)


class ProvisioningDryRun(Provisioning):
    """A `Provisioning` that changes nothing."""

    has_effect = False

    def _actions(self) -> Mapping[Action, Callable[[str], None]]:
        return {action: functools.partial(self._simulate, action) for action in super()._actions()}

    def _simulate(self, action: Action, client_id: str) -> None:
        self._take(action, self._simulated(action, client_id))

    def _simulated(self, action: Action, client_id: str) -> Left:
        """Return what an action would leave on tenant or store."""
        now, specification = utc_now(self._clock), self._specification
        if action is Action.WRITE_PENDING:
            key = None if self._key is None else simulated_key(self._key, self._store.custody, now)
            return Left(pending=pending_client(self._tenant.host, specification, key, now))
        if action is Action.REGISTER:
            return Left(client=self._simulated_client(), has_secret=specification.client_secret)
        if action is Action.BIND:
            return Left(client_id=client_id, pending=replace(self._pending, client_id=client_id))
        if action is Action.RECORD:
            return Left(client_id=client_id, record=replace(self._first_record(client_id), version=1))
        return Left(client_id=client_id)

    def _simulated_client(self) -> OAuthClient:
        key = self._pending.key
        client = OAuthClient.model_validate(
            {
                "clientId": TO_BE_MADE,
                "clientName": self._specification.name,
                "appType": APP_TYPE,
                "allowedScopes": self._specification.scopes,
                "allowedGrantTypes": self._specification.grant_types,
                "allowedAuthMethods": self._specification.auth_methods,
            }
        )
        keys = () if key is None else (RegisteredKey.model_validate(key.public.to_dict()),)
        return client.model_copy(update={"public_keys": keys})


def simulated_key(key: KeySpec | PrivateKey, custody: Custody, now: datetime) -> StoredKey:
    """Return a key as it would be made, without its numbers; a key that is brought along is known already."""
    if isinstance(key, PrivateKey):
        public = key.public
    else:
        public = PublicJwk(kid=TO_BE_MADE, alg=key.alg, kty="EC" if key.alg == "ES384" else "RSA", members=())
    return StoredKey(public=public, state="next", made_at=now, reference=TO_BE_MADE if custody == "transit" else "")
