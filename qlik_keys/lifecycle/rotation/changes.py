"""What each request for a client's keys comes to: `operations` has it for people, `preview` for plans.

Every function takes a `OperationContext`, which says whether the steps are done or only told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.core.clock import utc_now
from qlik_keys.errors import (
    ManualActionRequired,
    StoreDeleted,
    StoreDestroyed,
    StoreNotFound,
    TenantNotFound,
)
from qlik_keys.keys import PrivateKey
from qlik_keys.keys.spec import DEFAULT_KEY
from qlik_keys.keystore.base import ClientRecord, names_of_hooks
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.deletion import pending_of
from qlik_keys.lifecycle.in_progress import kind_of
from qlik_keys.lifecycle.missing_clients import gone_or_unknown
from qlik_keys.lifecycle.rotation.finishing import (
    Rotated,
    custody_of_next,
    finished,
    finished_first,
    kind_for,
    old_key_stays,
    revoked,
    rotate_after_of,
    same_kind,
    together,
    unmanaged_key_warnings,
)
from qlik_keys.lifecycle.rotation.plan import HOW_TO_END_HOOKS, KeyIntent, is_due, is_held, leaving
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS

if TYPE_CHECKING:
    from datetime import timedelta

    from qlik_keys.keys import KeySpec
    from qlik_keys.keystore.base import Custody
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.options import AdoptOptions, RetireOptions, RevokeOptions, RotateOptions


def rotate(work: OperationContext, record: ClientRecord, options: RotateOptions) -> Rotated:
    """Rotate a client whose record was just read; see `operations.rotate`."""
    custody = options.custody
    wanted = work.started(
        "rotate",
        allow_swap=options.allow_swap,
        custody=custody,
        key=kind_of(options.key),
        rotate_after_seconds=None if options.rotate_after is None else int(options.rotate_after.total_seconds()),
        hooks=work.hooks_for(record.client_id, record.client_name),
    )
    started = together(record, wanted)
    if started.name != "rotate":
        return finished_first(work, record, started)
    kept = custody_of_next(work, record, custody or started.custody)
    is_free = not record.is_in_progress or (record.operation is not None and record.operation.name == "retire")
    intent = KeyIntent(
        now=utc_now(work.clock),
        operation=started,
        new_key=is_free,
        overlap_seconds=int(options.overlap_for(record).total_seconds()),
        allow_swap=started.allow_swap,
    )
    if not intent.new_key:
        _refuse_other_custody(record, custody)
    run = work.key_run(
        record,
        intent,
        operation="rotate",
        key=options.key or same_kind(record),
        rotate_after=rotate_after_of(started, record),
        custody=kept,
    )
    result = finished(run, record)
    if result.made_key:
        return result
    whose = f": {started.to_text()}" if record.operation is not None else ""
    return replace(
        result,
        warnings=(
            f"A rotation was in progress{whose}. Rotating again finishes it and makes no additional key.",
            *result.warnings,
        ),
    )


def revoke(work: OperationContext, client_id: str, options: RevokeOptions) -> Rotated:
    """See `operations.revoke`."""
    record, key, custody = work.read(client_id), options.key, options.custody
    wanted = work.started(
        "revoke",
        allow_swap=options.allow_swap,
        custody=custody,
        key=kind_of(key),
        hooks=work.hooks_for(client_id, record.client_name),
    )
    started = together(record, wanted)
    if not _is_being_made(record, key):
        # Every key that there is, also one that an interrupted revocation has made: who asks for another revocation,
        # and not for `resume`, may know that this key is compromised too.
        started = replace(started, compromised=started.compromised | record.keys.keys())
    kept = custody_of_next(work, record, custody or started.custody)
    return revoked(work, record, started, key=key or kind_for(record, started), custody=kept)


def _is_being_made(record: ClientRecord, key: KeySpec | PrivateKey | None) -> bool:
    """Tell whether a key that was brought along is the one that an interrupted revocation has stored already."""
    held = record.operation
    return (
        isinstance(key, PrivateKey)
        and held is not None
        and held.name == "revoke"
        and key.public.kid in record.keys.keys() - held.compromised
    )


def retire(work: OperationContext, client_id: str, options: RetireOptions) -> list[Rotated]:
    """Retire what is due of one client; see `operations.retire_due`."""
    record = work.read(client_id)
    if record.operation is not None and record.operation.name != "retire":
        return [finished_first(work, record, record.operation)]
    now = utc_now(work.clock)
    if record.pending_hooks and record.in_state("previous") and not options.force:
        raise ManualActionRequired(
            f"The old key of {record.client_name!r} stays until these hooks have succeeded: "
            f"{names_of_hooks(record.pending_hooks)}.",
            hint=HOW_TO_END_HOOKS,
        )
    moments = [key.retire_at for key in record.in_state("previous") if key.retire_at is not None]
    waiting = [moment for moment in moments if moment > now]
    if waiting and not options.force:
        raise ManualActionRequired(
            f"The old key of {record.client_name!r} can be removed in {_words(max(waiting) - now)}, not earlier.",
            hint="Wait, or use force, which locks out any consumer that still uses the old key.",
        )
    result = retire_of(work, record, options)
    return [] if result is None else [result]


def retire_of(work: OperationContext, record: ClientRecord, options: RetireOptions) -> Rotated | None:
    """Retire what is due of a client's keys; return None where nothing is.

    Raises:
        QlikKeysError: as `operations.retire_due`, of one client.
    """
    if record.operation is not None and record.operation.name != "retire":
        return None  # `resume` finishes it
    started = record.operation or work.started("retire")
    intent = KeyIntent(now=utc_now(work.clock), operation=started, force_retire=options.force)
    forced = options.force and record.in_state("previous")
    if record.in_state("next") or not (record.unpurged or leaving(record, intent) or forced):
        return None  # nothing is due, or a rotation is in progress, which `resume` finishes
    if is_held(record, intent) and not record.unpurged:
        return None  # its hooks have not succeeded
    return finished(work.key_run(record, intent, operation="retire"), record)


def kept(work: OperationContext, record: ClientRecord, options: RetireOptions) -> Rotated | None:
    """Return what is left as it is, and why, where a client's old key is due and `retire_of` removes nothing.

    Returns:
        The client's keys, with a warning that says what to do; None where no old key is due.
    """
    intent = KeyIntent(now=utc_now(work.clock))
    old = record.in_state("previous")
    if not old or not (options.force or any(is_due(key, intent) for key in old)):
        return None
    if (record.operation is not None and record.operation.name != "retire") or record.in_state("next"):
        why = (
            "An operation on this client was interrupted, so its old key stays registered. "
            "`qlik-keys resume` finishes it."
        )
    else:
        why = f"{old_key_stays(record)} {HOW_TO_END_HOOKS}"
    return Rotated(
        client_id=record.client_id,
        name=record.client_name,
        kid=record.current.kid if record.current else "",
        old_kids=tuple(key.kid for key in old),
        retire_at=max((key.retire_at for key in old if key.retire_at is not None), default=None),
        pending_hooks=record.pending_hooks,
        warnings=(why,),
    )


def adopt(work: OperationContext, client_id: str, options: AdoptOptions) -> Rotated:
    """See `operations.adopt`."""
    custody = options.custody
    host = work.tenant.host
    try:
        client = work.tenant.oauth_clients.get(client_id)
    except TenantNotFound as problem:
        raise gone_or_unknown(problem, work.store, host, client_id) from None
    if CLIENT_CREDENTIALS not in client.allowed_grant_types:
        raise ManualActionRequired(
            f"{client.client_name!r} is not a machine-to-machine client: it lacks the grant {CLIENT_CREDENTIALS}.",
            hint="Add Machine-to-machine to it first, or choose another client.",
        )
    if pending_of(work, client):
        raise ManualActionRequired(
            f"{client.client_name!r} is being created by qlik_keys and is not finished.",
            hint="Finish it: run `resume`, or `provision` with the same name.",
        )
    try:
        record = work.read(client_id)
    except StoreDeleted:
        raise  # it can be brought back; a new record would bury its keys
    except StoreNotFound as problem:
        if isinstance(problem, StoreDestroyed):
            work.step("adopt", Action.DELETE_RECORD, client.client_name, lambda: work.store.delete(host, client_id))
        record = ClientRecord(
            tenant_host=work.tenant.host,
            client_id=client_id,
            client_name=client.client_name,
            token_url=work.tenant.http.lasting_token_url,
            custody=custody or work.store.custody,
            keys={},
        )
    if record.keys:
        _refuse_other_custody(record, custody)
    wanted = work.started(
        "adopt",
        remove_secrets=options.remove_secrets,
        custody=custody,
        key=kind_of(options.key),
        rotate_after_seconds=int(options.rotate_after.total_seconds()),
        hooks=work.hooks_for(client_id, client.client_name),
    )
    started, first = together(record, wanted), []
    if started.name != "adopt":
        first = [*finished_first(work, record, started).warnings]
        record = work.read(client_id)
        started = together(record, wanted)
    intent = KeyIntent(now=utc_now(work.clock), operation=started, new_key=not record.keys)
    run = work.key_run(
        record,
        intent,
        operation="adopt",
        key=options.key or DEFAULT_KEY,
        rotate_after=rotate_after_of(started, record),
        custody=custody_of_next(work, record, custody),
    )
    result = finished(run, record)
    warnings = [*first, *unmanaged_key_warnings(client.public_keys, run.record)]
    if not started.remove_secrets and client.client_secrets:
        warnings.append("Its client secrets can still log in.")
    elif started.remove_secrets and run.record.pending_hooks and client.client_secrets:
        warnings.append("Its client secrets are not removed until the pending hooks succeed; resume then removes them.")
    return replace(result, warnings=(*result.warnings, *warnings))


def _refuse_other_custody(record: ClientRecord, asked: Custody | None) -> None:
    """Refuse a custody that this run makes no new key for.

    Raises:
        ManualActionRequired: the key that is there has another one.
    """
    newest = next(iter(record.in_state("next")), None) or record.current
    if asked is None or newest is None or newest.custody == asked:
        return
    raise ManualActionRequired(
        f"{record.client_name!r} has its key in {newest.custody} custody, and this run makes no new key, so it "
        f"cannot move to {asked}.",
        hint=f"Finish what was started (resume); then rotate with custody {asked}.",
    )


def _words(left: timedelta) -> str:
    minutes = int(left.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes + 1} min"  # noqa: PLR2004
