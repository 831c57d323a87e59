"""Finishing the operation that a client's record says is in progress, and what every operation on its keys returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qlik_keys.core.clock import utc_now
from qlik_keys.errors import HookFailed, ManualActionRequired
from qlik_keys.keys.spec import DEFAULT_KEY, ROTATE_AFTER
from qlik_keys.keystore.base import names_of_hooks
from qlik_keys.lifecycle.deletion import Deleted, delete_client
from qlik_keys.lifecycle.in_progress import merged, spec_of
from qlik_keys.lifecycle.options import CUSTODY_TEXTS
from qlik_keys.lifecycle.record_changes import LONGEST, loss_warnings
from qlik_keys.lifecycle.remains import tokens_for_users
from qlik_keys.lifecycle.rotation.plan import KeyIntent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.keystore.base import ClientRecord, Custody, StartedOperation
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.rotation.run import KeyRun
    from qlik_keys.lifecycle.verification import LoginVerification
    from qlik_keys.tenant import RegisteredKey


HOOKS_UNKNOWN = (
    "Pending hooks are not defined here, or not for this client, and did not run: {names}. Run resume "
    "where they are, or remove them from the record (resume --drop-hook NAME)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What became of a client's keys.

    Attributes:
        client_id: the client.
        name: its name.
        kid: the key that consumers use now.
        old_kids: keys that still log in next to it, until `retire_at`.
        retired: keys that were removed.
        retire_at: when the last old key may go, UTC; None where there is none.
        verification: the new key's first login, None where no key was made.
        pending_hooks: names of the hooks that have not succeeded for `kid`; until then no old key is removed.
        made_key: this call itself made `kid`; False where it finished what another call had started, or removed keys.
        warnings: what a person should know.
    """

    client_id: str
    name: str
    kid: str
    old_kids: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    retire_at: datetime | None = None
    verification: LoginVerification | None = None
    made_key: bool = False
    pending_hooks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Return it for people, in sentences."""
        texts = [f"The current key is {self.kid}."] if self.kid else []
        if self.retire_at is not None:
            texts.append(f"The old key can log in until it is retired, from {self.retire_at:%Y-%m-%d %H:%M} UTC on.")
        if self.retired:
            texts.append(f"Retired: {', '.join(self.retired)}.")
        return " ".join([*texts, *self.warnings])


def finish(work: OperationContext, record: ClientRecord) -> Rotated | Deleted:
    """Finish the operation that a record says is in progress, as it was meant, no matter who started it.

    Returns:
        What became of the keys, or of the client where it was to be deleted.

    Raises:
        QlikKeysError: as that operation does.
    """
    started = record.operation
    if started is not None and started.name == "delete":
        return delete_client(
            work,
            record.client_id,
            keep_secret=started.keep_secret,
            remove_bot=started.remove_bot,
            is_resumed=True,
        )
    return finished_as(work, record, started)


def finished_as(work: OperationContext, record: ClientRecord, started: StartedOperation | None) -> Rotated:
    """Finish an operation other than a deletion; None is one that the record does not name.

    Raises:
        QlikKeysError: as that operation does.
    """
    if started is None:
        now, serves = KeyIntent(now=utc_now(work.clock)), rotate_after_of(None, record)
        return finished(work.key_run(record, now, operation="rotate", rotate_after=serves), record)
    custody, key = custody_of_next(work, record, started.custody), kind_for(record, started)
    if started.name == "revoke":
        return revoked(work, record, started, key=key, custody=custody)
    intent = KeyIntent(now=utc_now(work.clock), operation=started, allow_swap=started.allow_swap)
    run = work.key_run(
        record, intent, operation=started.name, key=key, rotate_after=rotate_after_of(started, record), custody=custody
    )
    return finished(run, record)


def run_hooks(work: OperationContext, record: ClientRecord) -> Rotated:
    """Run the pending hooks of a client of which nothing else is in progress, and then remove what waited for them.

    Raises:
        HookFailed: some failed.
        QlikKeysError: as `operations.retire_due`, of one client.
    """
    run = work.key_run(record, KeyIntent(now=utc_now(work.clock)), operation="hooks")
    result = finished(run, record)
    failures = [*run.failed_hooks.values()]
    if not failures:
        return result
    [first, *_] = failures
    raise HookFailed(
        " ".join(each.message for each in failures), hint=first.hint, hook=first.hook, hook_id=first.hook_id
    )


def finished_first(work: OperationContext, record: ClientRecord, started: StartedOperation) -> Rotated:
    """Finish a stronger operation that is in progress instead of another one, and say so.

    Raises:
        ManualActionRequired: it is a deletion.
        QlikKeysError: as that operation does.
    """
    if started.name == "delete":
        raise _being_deleted(record, started)
    result = finished_as(work, record, started)
    return replace(
        result,
        warnings=(f"Another operation was in progress and was finished first: {started.to_text()}.", *result.warnings),
    )


def together(record: ClientRecord, wanted: StartedOperation) -> StartedOperation:
    """Return what is in progress once an operation is asked for of a client.

    Raises:
        ManualActionRequired: the client is being deleted.
    """
    held = record.operation
    started = wanted if held is None else merged(held, wanted)
    if started is None:
        assert held is not None
        raise _being_deleted(record, held)
    return started


def _being_deleted(record: ClientRecord, started: StartedOperation) -> ManualActionRequired:
    return ManualActionRequired(
        f"{record.client_name!r} is being deleted: {started.to_text()}.", hint="`qlik-keys resume` finishes that."
    )


def revoked(
    work: OperationContext,
    record: ClientRecord,
    started: StartedOperation,
    *,
    key: KeySpec | PrivateKey,
    custody: Custody,
) -> Rotated:
    """Run a revocation to its end.

    Raises:
        QlikKeysError: as `operations.revoke`.
    """
    intent = KeyIntent(now=utc_now(work.clock), operation=started, allow_swap=started.allow_swap)
    run = work.key_run(
        record, intent, operation="revoke", key=key, rotate_after=rotate_after_of(started, record), custody=custody
    )
    result = finished(run, record)
    client = run.client
    theirs = () if client is None else tuple(unmanaged_key_warnings(client.public_keys, run.record))
    secrets = ("Its client secrets can still log in.",) if client is not None and client.client_secrets else ()
    return replace(
        result, warnings=tuple(dict.fromkeys((*result.warnings, *theirs, *secrets, *tokens_for_users(client))))
    )


def unmanaged_key_warnings(registered: Iterable[RegisteredKey], record: ClientRecord) -> list[str]:
    """Return a sentence for each registered key that the record does not have."""
    return [
        f"Another key, {other.kid!r}, which qlik_keys does not manage, is registered too. It was not changed."
        for other in registered
        if other.kid not in record.keys
    ]


def rotate_after_of(started: StartedOperation | None, record: ClientRecord) -> timedelta:
    """Return how long the next key of an operation should serve: as was asked for, else as long as the current one."""
    if started is not None and started.rotate_after_seconds is not None:
        return timedelta(seconds=started.rotate_after_seconds)
    kept = record.rotate_after
    return kept if kept is not None and timedelta(days=1) <= kept <= LONGEST else ROTATE_AFTER


def kind_for(record: ClientRecord, started: StartedOperation) -> KeySpec:
    """Return the kind of key that an operation makes next."""
    return spec_of(started.key) or same_kind(record)


def finished(run: KeyRun, before: ClientRecord) -> Rotated:
    """Run a run to its end and return what became of the keys.

    Raises:
        QlikKeysError: as `KeyRun.run`.
    """
    run.run()
    record = run.record
    old = record.in_state("previous")
    return Rotated(
        client_id=record.client_id,
        name=record.client_name,
        kid=record.current.kid if record.current else "",
        old_kids=tuple(key.kid for key in old),
        retired=tuple(kid for kid in before.keys if kid not in record.keys),
        retire_at=max((key.retire_at for key in old if key.retire_at is not None), default=None),
        verification=run.verification,
        made_key=bool(run.made_kid) and record.current is not None and run.made_kid == record.current.kid,
        pending_hooks=record.pending_hooks,
        warnings=(*custody_change(before, record), *run.warnings, *_hook_warnings(run), *loss_warnings(record)),
    )


def _hook_warnings(run: KeyRun) -> tuple[str, ...]:
    """Return a sentence for the hooks that are pending and that this run could not run, and for what they hold."""
    record = run.record
    unknown = [name for name in record.pending_hooks if name not in run.failed_hooks and name not in run.hook_names]
    told: tuple[str, ...] = (HOOKS_UNKNOWN.format(names=names_of_hooks(unknown)),) if unknown else ()
    if record.pending_hooks and record.in_state("previous"):
        told += (old_key_stays(record),)
    return told


def old_key_stays(record: ClientRecord) -> str:
    """Return the sentence for a client whose old key waits for hooks."""
    return f"The old key stays registered until these hooks succeed: {names_of_hooks(record.pending_hooks)}."


def same_kind(record: ClientRecord) -> KeySpec:
    """Return the kind of the current key."""
    current = record.current
    return (current.public.spec if current is not None else None) or DEFAULT_KEY


def custody_of_next(work: OperationContext, record: ClientRecord, asked: Custody | None) -> Custody:
    """Return who should hold the next key: who is asked for, else who holds the current one.

    The store's own custody is that of first keys: a store that was made for another purpose moves no key.
    """
    if asked is not None:
        return asked
    held = record.current or next(iter(record.keys.values()), None)
    return work.store.custody if held is None else held.custody


def custody_change(before: ClientRecord, after: ClientRecord) -> tuple[str, ...]:
    """Return a sentence where the current key has another custody than the one before it, else none."""
    old, new = before.current, after.current
    if old is None or new is None or old.custody == new.custody:
        return ()
    return (f"The key's custody changes from {CUSTODY_TEXTS[old.custody]} to {CUSTODY_TEXTS[new.custody]}.",)
