"""What each action makes of a client and its record: one pure function, for the real run and for the dry run alike.

The real run writes what it returns, and goes on with what the two sides then say; the dry run goes on with it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from qlik_keys.lifecycle import record_changes as changes
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.provisioning.specification import CLIENT_SECRET, PRIVATE_KEY_JWT
from qlik_keys.lifecycle.rotation.plan import is_settled, leaving, next_hook
from qlik_keys.tenant import RegisteredKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime, timedelta

    from qlik_keys.keystore.base import ClientRecord, StoredKey
    from qlik_keys.lifecycle.rotation.plan import KeyIntent
    from qlik_keys.tenant import OAuthClient


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """What a run knows of a client's keys.

    Attributes:
        client: the client on the tenant, None before it was looked at.
        record: its record in the store.
        intent: what is asked for, and what this run has found out.
        removed: kids that the record had, and lacks by now.
    """

    client: OAuthClient | None
    record: ClientRecord
    intent: KeyIntent
    removed: frozenset[str] = frozenset()

    @property
    def there(self) -> OAuthClient:
        """The client, which was looked at before any step but a note."""
        assert self.client is not None
        return self.client

    @property
    def strays(self) -> frozenset[str]:
        """Kids of keys that were removed, and are registered.

        A list that someone read before that, and wrote after it, has put them back: this run, or another one that was
        interrupted before it could see so.
        """
        return self.removed & {key.kid for key in self.there.public_keys}

    def leaving_kid(self, action: Action) -> str:
        """Return the kid that an action takes off the tenant, "" for none."""
        key = None
        if action is Action.SWAP:
            key = self.record.current
        elif action is Action.UNPUBLISH and not self.strays:  # strays go before anything else
            key = leaving(self.record, self.intent)
        return "" if key is None else key.kid


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What an action's effect depends on in addition to the state.

    Attributes:
        now: the time.
        rotate_after: how long the next key should serve.
        made: the key that was made, for `MAKE_NEXT`.
        hooks: names of the hooks for the client, for `PROMOTE`.
    """

    now: datetime
    rotate_after: timedelta
    made: StoredKey | None = None
    hooks: tuple[str, ...] = ()


def effect_of(action: Action, state: KeyState, making: Making) -> KeyState:
    """Return the state after an action on a client's keys."""
    return EFFECTS[action](state, making)


def with_keys(
    client: OAuthClient,
    record: ClientRecord,
    intent: KeyIntent,
    *,
    without: str,
    removed: Collection[str],
    restores: bool = False,
) -> OAuthClient:
    """Return a client with the keys of its record, and the keys of others as they are.

    Args:
        client: the client as it is on the tenant.
        record: its record.
        intent: what is asked for.
        without: the kid of a key of the record that must not be registered, "" for none.
        removed: kids that must not be left on the tenant.
        restores: as for `record_changes.to_register`.
    """
    there = {key.kid for key in client.public_keys}
    wanted = changes.to_register(record, intent, without=without, restores=restores)
    kept = [key for key in client.public_keys if key.kid != without and key.kid not in removed]
    added = [RegisteredKey.model_validate(key.public.to_dict()) for key in wanted if key.kid not in there]
    methods = client.allowed_auth_methods
    if wanted and PRIVATE_KEY_JWT not in methods:
        methods = (*methods, PRIVATE_KEY_JWT)
    return client.model_copy(update={"public_keys": (*kept, *added), "allowed_auth_methods": methods})


def without_secrets(client: OAuthClient) -> OAuthClient:
    """Return a client without its client secrets and their login."""
    methods = tuple(method for method in client.allowed_auth_methods if method != CLIENT_SECRET)
    return client.model_copy(update={"client_secrets": (), "allowed_auth_methods": methods})


def _written(state: KeyState, record: ClientRecord, intent: KeyIntent) -> KeyState:
    """Return the state with a changed record, which has the operation in progress, or none where this is its end."""
    changed = replace(record, operation=intent.operation)
    if is_settled(state.there, changed, intent):
        changed = replace(changed, operation=None)
    return replace(state, record=changed, intent=intent)


def _noted(state: KeyState, _: Making) -> KeyState:
    intent = replace(state.intent, operation=changes.noted(state.record, state.intent))
    return replace(state, record=replace(state.record, operation=intent.operation), intent=intent)


def _settled(state: KeyState, _: Making) -> KeyState:
    return replace(state, record=replace(state.record, operation=None))


def _next_made(state: KeyState, making: Making) -> KeyState:
    assert making.made is not None
    record = changes.with_next(state.record, making.made, state.intent)
    return _written(state, record, replace(state.intent, new_key=False))


def _promoted(state: KeyState, making: Making) -> KeyState:
    registered = {key.kid for key in state.there.public_keys}
    record = changes.promoted(
        state.record,
        registered=registered,
        now=making.now,
        rotate_after=making.rotate_after,
        hooks=making.hooks,
        waits=not state.intent.forces,
    )
    return _written(state, record, replace(state.intent, now=making.now, new_key=False))


def _overlap_ended(state: KeyState, making: Making) -> KeyState:
    record = changes.overlap_ended(state.record, now=making.now)
    return _written(state, record, replace(state.intent, now=making.now))


def _retired(state: KeyState, _: Making) -> KeyState:
    key = leaving(state.record, state.intent)
    assert key is not None
    intent = changes.without(state.intent, key.kid)
    return _written(state, changes.retired(state.record, key, intent), intent)


def _purged(state: KeyState, _: Making) -> KeyState:
    return _written(state, changes.purged(state.record), state.intent)


def _hook_run(state: KeyState, _: Making) -> KeyState:
    name = next_hook(state.record, state.intent)
    intent = replace(state.intent, hooks=state.intent.hooks - {name})
    return _told(state, changes.without_hooks(state.record, {name}), intent)


def _hooks_dropped(state: KeyState, _: Making) -> KeyState:
    return _told(state, changes.without_hooks(state.record, state.intent.dropped_hooks), state.intent)


def _told(state: KeyState, record: ClientRecord, intent: KeyIntent) -> KeyState:
    """Return the state with fewer pending hooks; a run for these alone leaves an operation of others noted."""
    if intent.operation is None:
        return replace(state, record=record, intent=intent)
    return _written(state, record, intent)


def _registered_by(action: Action) -> Callable[[KeyState, Making], KeyState]:
    def registered(state: KeyState, _: Making) -> KeyState:
        without = state.leaving_kid(action)
        client = with_keys(state.there, state.record, state.intent, without=without, removed=state.removed)
        return replace(state, client=client)

    return registered


def _secrets_removed(state: KeyState, _: Making) -> KeyState:
    return replace(state, client=without_secrets(state.there))


def _tokens_ended(state: KeyState, _: Making) -> KeyState:
    return replace(state, intent=replace(state.intent, tokens_ended=True))


def _next_verified(state: KeyState, _: Making) -> KeyState:
    return _verified(state, state.record.in_state("next")[0])


def _current_verified(state: KeyState, _: Making) -> KeyState:
    assert state.record.current is not None
    return _verified(state, state.record.current)


def _verified(state: KeyState, key: StoredKey) -> KeyState:
    return replace(state, intent=replace(state.intent, verified=state.intent.verified | {key.kid}))


EFFECTS: Mapping[Action, Callable[[KeyState, Making], KeyState]] = MappingProxyType(
    {
        Action.NOTE: _noted,
        Action.SETTLE: _settled,
        Action.MAKE_NEXT: _next_made,
        Action.PUBLISH: _registered_by(Action.PUBLISH),
        Action.SWAP: _registered_by(Action.SWAP),
        Action.VERIFY_NEXT: _next_verified,
        Action.PROMOTE: _promoted,
        Action.END_OVERLAP: _overlap_ended,
        Action.VERIFY_CURRENT: _current_verified,
        Action.UNPUBLISH: _registered_by(Action.UNPUBLISH),
        Action.RETIRE: _retired,
        Action.PURGE: _purged,
        Action.RUN_HOOK: _hook_run,
        Action.DROP_HOOKS: _hooks_dropped,
        Action.REMOVE_SECRETS: _secrets_removed,
        Action.END_TOKENS: _tokens_ended,
    }
)
