"""What each step makes of a client's record: pure, so that a dry run comes to the same as the run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from qlik_keys.lifecycle.rotation.plan import is_due

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from qlik_keys.keystore.base import ClientRecord, StartedOperation, StoredKey
    from qlik_keys.lifecycle.rotation.plan import KeyIntent

LONGEST = timedelta(days=3660)  # of an overlap, and of a key's service: further away a date could not be told


def loss_warnings(record: ClientRecord) -> tuple[str, ...]:
    """Return what is to be said of a record that its store deletes automatically; nothing of one that stays."""
    if record.gone_at is None:
        return ()
    when = f"{record.gone_at:%Y-%m-%d %H:%M} UTC (delete_version_after of its mount or path)"
    loss = "then the key is lost, and the client cannot log in"
    return (f"The store deletes this record automatically at {when}: {loss}. To keep it: {record.remedy}.",)


def noted(record: ClientRecord, intent: KeyIntent) -> StartedOperation | None:
    """Return the operation as it is to be written to a record: a revocation is of every key that the record has."""
    started, held = intent.operation, record.operation
    if started is None or started.name != "revoke" or held == started:
        return started
    if held is not None and held.name == "revoke":
        return started  # the keys that this one has made since are for `revoke` to judge
    return replace(started, compromised=started.compromised | record.keys.keys())


def to_register(record: ClientRecord, intent: KeyIntent, *, without: str, restores: bool = False) -> list[StoredKey]:
    """Return the keys of a record that are put into the tenant's list where they are missing.

    Args:
        record: the client's record.
        intent: what is asked for; a key that it says is compromised is not registered again.
        without: the kid of a key that must not be in the list, "" for none.
        restores: a compromised key is put back too, since the key that took its place cannot log in.
    """
    return [
        key
        for key in record.keys.values()
        if key.kid != without
        and not (key.state == "previous" and is_due(key, intent))
        and (restores or not intent.is_compromised(key.kid))
    ]


def abandoned(record: ClientRecord) -> ClientRecord:
    """Return the record of a client that is deleted, and whose keys stay, with nothing in progress."""
    changed = replace(record, operation=None, overlap_seconds=None, unpurged=False, pending_hooks=())
    for key in record.in_state("next"):
        changed = changed.with_key(replace(key, state="previous"))
    return changed


def with_next(record: ClientRecord, key: StoredKey, intent: KeyIntent) -> ClientRecord:
    """Return the record with the key that comes next."""
    return replace(record.with_key(key), overlap_seconds=intent.overlap_seconds)


def promoted(
    record: ClientRecord,
    *,
    registered: Collection[str],
    now: datetime,
    rotate_after: timedelta,
    hooks: Collection[str] = (),
    waits: bool = True,
) -> ClientRecord:
    """Return the record with the next key as the current one.

    Args:
        record: it has a key in state "next".
        registered: the kids on the tenant; an old key that is off it already may go at once.
        now: the time.
        rotate_after: how long the key should serve.
        hooks: names of those that are to run for the new key, with those that have not succeeded for the old one.
        waits: the old key stays until they have succeeded.
    """
    [upcoming] = record.in_state("next")
    old = record.current
    overlap = min(record.overlap_seconds or 0, int(LONGEST.total_seconds()))
    new = replace(upcoming, state="current", promoted_at=now)
    before = old.custody if old is not None and old.custody != new.custody else None
    changed = replace(record.with_key(new), custody=new.custody, custody_before=before)
    if old is not None:
        retire_at = now + timedelta(seconds=overlap) if old.kid in registered else now
        changed = changed.with_key(replace(old, state="previous", retire_at=retire_at))
    # With no overlap the rotation ends with the old key's end, which a run that goes on must know of.
    # Where it waits for hooks, a run that has seen them succeed notes its end.
    pending = tuple(dict.fromkeys((*record.pending_hooks, *hooks)))
    in_progress = overlap if overlap == 0 and old is not None and not (waits and pending) else None
    return replace(changed, rotate_by=now + rotate_after, overlap_seconds=in_progress, pending_hooks=pending)


def overlap_ended(record: ClientRecord, *, now: datetime) -> ClientRecord:
    """Return the record with every old key due."""
    changed = replace(record, overlap_seconds=0)
    for key in record.in_state("previous"):
        changed = changed.with_key(replace(key, retire_at=now))
    return changed


def without(intent: KeyIntent, kid: str) -> KeyIntent:
    """Return the intent for a record that the key has left: nothing names it any more."""
    started = intent.operation
    if started is None or kid not in started.compromised:
        return intent
    return replace(intent, operation=replace(started, compromised=started.compromised - {kid}))


def retired(record: ClientRecord, key: StoredKey, intent: KeyIntent) -> ClientRecord:
    """Return the record without a key that leaves."""
    changed = record.without_key(key.kid)
    more = any(is_due(other, intent) for other in changed.in_state("previous"))
    return replace(changed, unpurged=True, overlap_seconds=0 if more else None)


def without_hooks(record: ClientRecord, names: Collection[str]) -> ClientRecord:
    """Return the record with these hooks no longer pending."""
    return replace(record, pending_hooks=tuple(name for name in record.pending_hooks if name not in names))


def purged(record: ClientRecord) -> ClientRecord:
    """Return the record as one of which no older version shows a key that it lacks."""
    return replace(record, unpurged=False)
