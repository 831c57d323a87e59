"""What to do next with the keys of a client that is there: a pure function, as `plan` is for making one.

The record in the store is the journal: `operation` says which operation was started and with which options, a key in
state "next" is a rotation that was started, `overlap_seconds` one that has not come to its end, `unpurged` a key whose
last traces are still to be destroyed. Anyone who reads it goes on from there, on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlik_keys.keystore.base import names_of_hooks
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.provisioning.plan import Conflict, Done, Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qlik_keys.keystore.base import ClientRecord, StartedOperation, StoredKey
    from qlik_keys.tenant import OAuthClient

HOW_TO_END_HOOKS = (
    "`qlik-keys resume --hooks FILE` runs them. To remove the old key all the same, retire it with force, which locks "
    "out any consumer that still uses it."
)
# Steps that write the record before anything is changed elsewhere, and the operation with it.
_NOTED_WITH = (Action.MAKE_NEXT, Action.END_OVERLAP, Action.SETTLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyIntent:
    """The request for a client's keys, with what this run alone can know.

    Attributes:
        now: the time.
        operation: the operation that is in progress, or is to be started, as the record should tell it.
        new_key: a new key is requested, and this run has not started it.
        overlap_seconds: how long the old key should go on next to the new one.
        allow_swap: where the tenant takes one key at a time, the old one may go off it before the new one is verified.
        force_retire: old keys go though their overlap is not over.
        remove_secrets: client secrets go once a key is verified.
        verified: kids that have logged in during this run.
        one_key_only: the tenant has refused a second key during this run.
        tokens_ended: a revocation has ended the client's living tokens, or has tried to, during this run.
        given_up: the next key was refused permanently: it is taken back.
        hooks: names of the hooks that this run can run for the client, and has not tried.
        dropped_hooks: names of the pending hooks that are not to run any more.
    """

    now: datetime
    operation: StartedOperation | None = None
    new_key: bool = False
    overlap_seconds: int = 0
    allow_swap: bool = False
    force_retire: bool = False
    remove_secrets: bool = False
    verified: frozenset[str] = field(default_factory=frozenset)
    one_key_only: bool = False
    tokens_ended: bool = False
    given_up: bool = False
    hooks: frozenset[str] = frozenset()
    dropped_hooks: frozenset[str] = frozenset()

    @property
    def revokes(self) -> bool:
        """Whether no key that was there before may log in at the end."""
        return self.operation is not None and self.operation.name == "revoke"

    def is_compromised(self, kid: str) -> bool:
        """Tell whether that key must not log in at the end."""
        return self.operation is not None and self.revokes and kid in self.operation.compromised

    @property
    def forces(self) -> bool:
        """Whether old keys go though their overlap is not over."""
        return self.force_retire or self.revokes

    @property
    def takes_secrets(self) -> bool:
        """Whether client secrets go once a key is verified."""
        return self.remove_secrets or (self.operation is not None and self.operation.remove_secrets)


def plan_keys(client: OAuthClient, record: ClientRecord, intent: KeyIntent) -> Step | Done | Conflict:
    """Return the next step with a client's keys, or that it is done, or why a person must decide."""
    if not intent.dropped_hooks.isdisjoint(record.pending_hooks):
        return Step(Action.DROP_HOOKS, client.client_id)
    step = _plan(client, record, intent)
    started = intent.operation
    if isinstance(step, Done) and intent.revokes and not intent.given_up and not intent.tokens_ended:
        step = Step(Action.END_TOKENS, client.client_id)  # before its end is noted: `resume` comes here too
    if isinstance(step, Done) and record.operation is not None and not _stays_open(client, record, intent):
        return Step(Action.SETTLE, client.client_id)
    if isinstance(step, Done) and next_hook(record, intent):
        return Step(Action.RUN_HOOK, client.client_id)  # last: nothing that can be done now waits for it
    if isinstance(step, Step) and started is not None and record.version and record.operation != started:
        # A rotation's or a retirement's first write has it; whatever takes over, or removes, is noted before.
        is_noted_first = started.is_serious or record.operation is not None
        if is_noted_first and step.action not in _NOTED_WITH:
            return Step(Action.NOTE, client.client_id)
    return step


def _stays_open(client: OAuthClient, record: ClientRecord, intent: KeyIntent) -> bool:
    """Tell whether an operation goes on, though this run can do nothing more of it."""
    waits = _removes_secrets(client, intent) and is_held(record, intent)
    return waits or (intent.given_up and intent.revokes)


def is_settled(client: OAuthClient, record: ClientRecord, intent: KeyIntent) -> bool:
    """Tell whether nothing but its note is left to do of a record's operation."""
    return plan_keys(client, record, intent) == Step(Action.SETTLE, client.client_id)


def _plan(client: OAuthClient, record: ClientRecord, intent: KeyIntent) -> Step | Done | Conflict:
    registered = frozenset(key.kid for key in client.public_keys)
    step = _plan_next(client, record, registered, intent) or _plan_old(client, record, registered, intent)
    if step is not None:
        return step
    if record.unpurged:
        return Step(Action.PURGE, client.client_id)
    if intent.new_key or _is_compromised(record, intent):
        if is_held(record, intent) and _has_due(record, intent) and next_hook(record, intent):
            return Step(Action.RUN_HOOK, client.client_id)  # the old key waits for it alone, and the new one for that
        return _plan_new(client, record)
    if _removes_secrets(client, intent) and not is_held(record, intent):
        current = record.current
        if current is None or current.kid not in registered:
            return _locked_out(client, record)
        if current.kid not in intent.verified:
            return Step(Action.VERIFY_CURRENT, client.client_id)
        return Step(Action.REMOVE_SECRETS, client.client_id)
    return Done(client.client_id)


def next_hook(record: ClientRecord, intent: KeyIntent) -> str:
    """Return the name of the pending hook that this run runs next, "" for none."""
    return next((name for name in record.pending_hooks if name in intent.hooks), "")


def is_held(record: ClientRecord, intent: KeyIntent) -> bool:
    """Tell whether nothing old is removed yet, because hooks have not succeeded; a started removal goes on."""
    return bool(record.pending_hooks) and not intent.forces and record.overlap_seconds is None


def _has_due(record: ClientRecord, intent: KeyIntent) -> bool:
    return any(is_due(key, intent) for key in record.in_state("previous"))


def _removes_secrets(client: OAuthClient, intent: KeyIntent) -> bool:
    return intent.takes_secrets and "client_secret" in client.allowed_auth_methods


def _is_compromised(record: ClientRecord, intent: KeyIntent) -> bool:
    """Tell whether a revocation must still replace the current key."""
    if intent.operation is None or not intent.revokes or intent.given_up:
        return False
    current = record.current
    return current is None or intent.is_compromised(current.kid)


def _plan_new(client: OAuthClient, record: ClientRecord) -> Step | Conflict:
    waiting = record.in_state("previous")
    if waiting and record.pending_hooks:
        return Conflict(
            f"{record.client_name!r} keeps its old key until these hooks have succeeded: "
            f"{names_of_hooks(record.pending_hooks)}. A client never needs more than two keys at a time.",
            HOW_TO_END_HOOKS,
        )
    if waiting:
        return Conflict(
            f"{record.client_name!r} has an old key whose overlap ends {_moment(waiting[0].retire_at)}, and a "
            "client never needs more than two keys at a time.",
            "Wait, or retire the old key now (force), which locks out any consumer that still uses it.",
        )
    return Step(Action.MAKE_NEXT, client.client_id)


def _plan_next(
    client: OAuthClient, record: ClientRecord, registered: frozenset[str], intent: KeyIntent
) -> Step | Conflict | None:
    """Return what the key in state "next" needs, None where there is none."""
    upcoming = next(iter(record.in_state("next")), None)
    if upcoming is None:
        return None
    current = record.current
    is_only_login = upcoming.kid in registered and (current is None or current.kid not in registered)
    if intent.given_up or (intent.is_compromised(upcoming.kid) and not is_only_login):
        # Consumers do not use it yet. Where a swap has left nothing else registered it is promoted, and then replaced.
        return Step(Action.UNPUBLISH if upcoming.kid in registered else Action.RETIRE, client.client_id)
    if upcoming.kid not in registered:
        if not intent.one_key_only:
            return Step(Action.PUBLISH, client.client_id)
        return Step(Action.SWAP, client.client_id)
    if upcoming.kid not in intent.verified:
        return Step(Action.VERIFY_NEXT, client.client_id)
    return Step(Action.PROMOTE, client.client_id)


def _plan_old(
    client: OAuthClient, record: ClientRecord, registered: frozenset[str], intent: KeyIntent
) -> Step | Conflict | None:
    """Return what an old key needs that may go, None where none may."""
    due = next((key for key in record.in_state("previous") if is_due(key, intent)), None)
    early = next((key for key in record.in_state("previous") if not is_due(key, intent)), None)
    leaves = due or (early if intent.forces else None)
    if leaves is None or is_held(record, intent):
        return None
    current = record.current
    if leaves.kid in registered and (current is None or current.kid not in registered):
        if _is_compromised(record, intent):
            return Step(Action.MAKE_NEXT, client.client_id)  # the current key is replaced anyway: first, then
        return _locked_out(client, record)
    # Noted before anything is removed: what is interrupted from here on is in progress, and `resume` finishes it.
    if (early is not None and intent.forces) or record.overlap_seconds is None:
        return Step(Action.END_OVERLAP, client.client_id)
    if leaves.kid not in registered:
        return Step(Action.RETIRE, client.client_id)
    if current is not None and current.kid not in intent.verified:
        return Step(Action.VERIFY_CURRENT, client.client_id)
    return Step(Action.UNPUBLISH, client.client_id)


def is_due(key: StoredKey, intent: KeyIntent) -> bool:
    """Tell whether an old key's overlap is over."""
    return key.retire_at is None or key.retire_at <= intent.now


def leaving(record: ClientRecord, intent: KeyIntent) -> StoredKey | None:
    """Return the key that goes next, None for none: a next one that is not wanted, or an old one that is due."""
    upcoming = next(iter(record.in_state("next")), None)
    if upcoming is not None and (intent.given_up or intent.is_compromised(upcoming.kid)):
        return upcoming
    return next((key for key in record.in_state("previous") if is_due(key, intent)), None)


def differences_of(client: OAuthClient, record: ClientRecord) -> Mapping[str, tuple[object, object]]:
    """Return what the two sides say of the current key, for a person."""
    current = record.current
    there = sorted(key.kid for key in client.public_keys)
    return {"current key": (current.kid if current else None, there)}


def _locked_out(client: OAuthClient, record: ClientRecord) -> Conflict:
    return Conflict(
        f"The current key of {record.client_name!r} is not registered on the tenant, so no old key is removed.",
        "The client's keys were changed on the tenant. Rotate the client: the new key is registered and verified.",
        differences_of(client, record),
    )


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "now"
