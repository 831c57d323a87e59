"""What each wish for a client's keys comes to: `key_operations` has it for people, `preview` for plans.

Every function takes a `Workplace`, which says whether the steps are done or only told.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qlik_keys.clock import utc_now
from qlik_keys.errors import (
    ConfigurationError,
    NeedsPerson,
    StoreConflict,
    StoreDeleted,
    StoreDestroyed,
    StoreNotFound,
    StoreProtocolError,
    TenantNotFound,
)
from qlik_keys.keys import KeySpec, PrivateKey
from qlik_keys.keystore.base import ClientRecord
from qlik_keys.keystore.lookup import CLIENT_ID, by_id_or_name, ids_on_tenant
from qlik_keys.lifecycle.key_plan import KeyIntent, leaving
from qlik_keys.lifecycle.plan import Action
from qlik_keys.lifecycle.record_changes import LONGEST, abandoned, loss_warnings
from qlik_keys.lifecycle.specification import refuse_unserviceable
from qlik_keys.lifecycle.started import kind_of, merged, spec_of
from qlik_keys.lifecycle.workplace import ROTATE_AFTER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qlik_keys.keystore.base import Custody, StagedClient, StartedOperation
    from qlik_keys.lifecycle.key_run import KeyRun
    from qlik_keys.lifecycle.proof import Proof
    from qlik_keys.lifecycle.workplace import Workplace
    from qlik_keys.tenant import OAuthClient, RegisteredKey

DEFAULT_OVERLAP = timedelta(hours=24)
# Taking away a key ends no token (qlik-cloud-contract); that machines' tokens are in the list too is an assumption.
TOKENS_LIVE_ON = (
    "Access tokens that were issued before live on until their own end: look for them with `qlik-keys oauth-token ls`."
)
_MACHINE = "client_credentials"
CUSTODY_WORDS: Mapping[Custody, str] = {
    "kv": "kv (readable by whoever may read the secret)",
    "transit": "transit (Vault signs and never gives the key out)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What became of a client's keys.

    Attributes:
        client_id: the client.
        name: its name.
        kid: the key that consumers use now.
        old_kids: keys that still log in beside it, until `retire_at`.
        retired: keys that were taken away.
        retire_at: when the last old key may go, UTC; None where there is none.
        proof: the new key's first login, None where no key was made.
        made_key: this call itself made `kid`; False where it finished what another call had started, or took keys away.
        warnings: what a person should know.
    """

    client_id: str
    name: str
    kid: str
    old_kids: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    retire_at: datetime | None = None
    proof: Proof | None = None
    made_key: bool = False
    warnings: tuple[str, ...] = ()


def rotate(
    work: Workplace,
    client: str,
    *,
    key: KeySpec | PrivateKey | None = None,
    overlap: timedelta = DEFAULT_OVERLAP,
    allow_swap: bool = False,
    rotate_after: timedelta = ROTATE_AFTER,
    custody: Custody | None = None,
) -> Rotated:
    """See `key_operations.rotate`."""
    if not timedelta(0) <= overlap <= LONGEST:
        raise ConfigurationError(
            "The overlap is negative, or longer than ten years.", hint="Zero retires the old key at once."
        )
    refuse_unserviceable(rotate_after)
    checked_custody(custody)
    return by_id_or_name(
        work.tenant,
        work.store,
        client,
        lambda client_id: _rotate(
            work,
            client_id,
            key=key,
            overlap=overlap,
            allow_swap=allow_swap,
            rotate_after=rotate_after,
            custody=custody,
        ),
    )


def _rotate(
    work: Workplace,
    client_id: str,
    *,
    key: KeySpec | PrivateKey | None,
    overlap: timedelta,
    allow_swap: bool,
    rotate_after: timedelta,
    custody: Custody | None,
) -> Rotated:
    record = work.read(client_id)
    wanted = work.started(
        "rotate",
        allow_swap=allow_swap,
        custody=custody,
        key=kind_of(key),
        rotate_after_seconds=int(rotate_after.total_seconds()),
    )
    started = _together(record, wanted)
    if started.name != "rotate":
        return _finished_first(work, record, started)
    kept = custody_of_next(work, record, custody or started.custody)
    is_free = not record.is_in_progress or (record.operation is not None and record.operation.name == "retire")
    intent = KeyIntent(
        now=utc_now(work.clock),
        operation=started,
        new_key=is_free,
        overlap_seconds=int(overlap.total_seconds()),
        allow_swap=started.allow_swap,
    )
    if not intent.new_key:
        _refuse_other_custody(record, custody)
    run = work.key_run(
        record,
        intent,
        operation="rotate",
        key=key or _same_kind(record),
        rotate_after=_rotate_after(started),
        custody=kept,
    )
    result = _finished(run, record)
    if result.made_key:
        return result
    whose = f": {started.to_text()}" if record.operation is not None else ""
    return replace(
        result,
        warnings=(f"A rotation was in progress{whose}. It is finished, and no further key was made.", *result.warnings),
    )


def revoke(
    work: Workplace,
    client: str,
    *,
    key: KeySpec | PrivateKey | None = None,
    allow_swap: bool = False,
    custody: Custody | None = None,
) -> Rotated:
    """See `key_operations.revoke`."""
    checked_custody(custody)
    return by_id_or_name(
        work.tenant,
        work.store,
        client,
        lambda client_id: _revoke(work, client_id, key=key, allow_swap=allow_swap, custody=custody),
    )


def _revoke(
    work: Workplace, client_id: str, *, key: KeySpec | PrivateKey | None, allow_swap: bool, custody: Custody | None
) -> Rotated:
    record = work.read(client_id)
    started = _together(record, work.started("revoke", allow_swap=allow_swap, custody=custody, key=kind_of(key)))
    held = record.operation
    if started != held and not _is_being_made(record, key):
        # A key in state "next" was made before the alarm: it is finished and then replaced like the current one.
        started = replace(started, compromised=started.compromised | record.keys.keys())
    kept = custody_of_next(work, record, custody or started.custody)
    return _revoked(work, record, started, key=key or _kind_for(record, started), custody=kept)


def _is_being_made(record: ClientRecord, key: KeySpec | PrivateKey | None) -> bool:
    """Tell whether a key that was brought along is the one that an interrupted revocation has stored already."""
    held = record.operation
    return (
        isinstance(key, PrivateKey)
        and held is not None
        and held.name == "revoke"
        and key.public.kid in record.keys.keys() - held.compromised
    )


def _revoked(
    work: Workplace,
    record: ClientRecord,
    started: StartedOperation,
    *,
    key: KeySpec | PrivateKey,
    custody: Custody,
) -> Rotated:
    intent = KeyIntent(now=utc_now(work.clock), operation=started, allow_swap=started.allow_swap)
    run = work.key_run(
        record, intent, operation="revoke", key=key, rotate_after=_rotate_after(started), custody=custody
    )
    result = _finished(run, record)
    client = run.client
    theirs = () if client is None else tuple(_not_ours(client.public_keys, run.record))
    secrets = ("Its client secrets still log in.",) if client is not None and client.client_secrets else ()
    return replace(result, warnings=tuple(dict.fromkeys((*result.warnings, *theirs, *secrets, TOKENS_LIVE_ON))))


def _not_ours(registered: Iterable[RegisteredKey], record: ClientRecord) -> list[str]:
    return [
        f"Somebody else's key {other.kid!r} is registered too, and was left alone."
        for other in registered
        if other.kid not in record.keys
    ]


def retire(work: Workplace, client: str, *, force: bool = False) -> list[Rotated]:
    """Retire what is due of one client; see `key_operations.retire_due`."""

    def perform(client_id: str) -> list[Rotated]:
        record = work.read(client_id)
        if record.operation is not None and record.operation.name != "retire":
            return [_finished_first(work, record, record.operation)]
        now = utc_now(work.clock)
        moments = [key.retire_at for key in record.in_state("previous") if key.retire_at is not None]
        waiting = [moment for moment in moments if moment > now]
        if waiting and not force:
            raise NeedsPerson(
                f"The old key of {record.client_name!r} may go in {_words(max(waiting) - now)}, not before.",
                hint="Wait for it, or force it, which locks out whoever still uses the old key.",
            )
        result = retire_of(work, record, force=force)
        return [] if result is None else [result]

    return by_id_or_name(work.tenant, work.store, client, perform)


def retire_of(work: Workplace, record: ClientRecord, *, force: bool) -> Rotated | None:
    """Retire what is due of a client's keys; return None where nothing is.

    Raises:
        QlikKeysError: as `key_operations.retire_due`, of one client.
    """
    if record.operation is not None and record.operation.name != "retire":
        return None  # `resume` finishes it
    started = record.operation or work.started("retire")
    intent = KeyIntent(now=utc_now(work.clock), operation=started, force_retire=force)
    forced = force and record.in_state("previous")
    if record.in_state("next") or not (record.unpurged or leaving(record, intent) or forced):
        return None  # nothing is due, or a rotation is in progress, which `resume` finishes
    return _finished(work.key_run(record, intent, operation="retire"), record)


def adopt(
    work: Workplace,
    client: str,
    *,
    key: KeySpec | PrivateKey | None = None,
    remove_secrets: bool = False,
    rotate_after: timedelta = ROTATE_AFTER,
    custody: Custody | None = None,
) -> Rotated:
    """See `key_operations.adopt`."""
    refuse_unserviceable(rotate_after)
    checked_custody(custody)
    return by_id_or_name(
        work.tenant,
        work.store,
        client,
        lambda client_id: _adopt(
            work, client_id, key=key, remove_secrets=remove_secrets, rotate_after=rotate_after, custody=custody
        ),
    )


def _adopt(
    work: Workplace,
    client_id: str,
    *,
    key: KeySpec | PrivateKey | None,
    remove_secrets: bool,
    rotate_after: timedelta,
    custody: Custody | None,
) -> Rotated:
    host = work.tenant.host
    client = work.tenant.oauth_clients.get(client_id)
    if _MACHINE not in client.allowed_grant_types:
        raise NeedsPerson(
            f"{client.client_name!r} is no machine-to-machine client: it lacks the grant {_MACHINE}.",
            hint="Add Machine-to-machine to it first, or choose another client.",
        )
    if staged_of(work, client):
        raise NeedsPerson(
            f"{client.client_name!r} is one of ours that is being made, and is not finished.",
            hint="Finish it: ask `resume`, or `provision` with the same name.",
        )
    try:
        record = work.read(client_id)
    except StoreDeleted:
        raise  # it can be brought back; a new record would bury its keys
    except StoreNotFound as problem:
        if isinstance(problem, StoreDestroyed):
            work.step("adopt", "delete_record", client.client_name, lambda: work.store.delete(host, client_id))
        record = ClientRecord(
            tenant_host=work.tenant.host,
            client_id=client_id,
            client_name=client.client_name,
            token_url=work.tenant.token_url,
            custody=custody or work.store.custody,
            keys={},
        )
    if record.keys:
        _refuse_other_custody(record, custody)
    wanted = work.started(
        "adopt",
        remove_secrets=remove_secrets,
        custody=custody,
        key=kind_of(key),
        rotate_after_seconds=int(rotate_after.total_seconds()),
    )
    started, first = _together(record, wanted), []
    if started.name != "adopt":
        first = [*_finished_first(work, record, started).warnings]
        record = work.read(client_id)
        started = _together(record, wanted)
    intent = KeyIntent(now=utc_now(work.clock), operation=started, new_key=not record.keys)
    run = work.key_run(
        record,
        intent,
        operation="adopt",
        key=key or KeySpec("ES384"),
        rotate_after=_rotate_after(started),
        custody=custody_of_next(work, record, custody),
    )
    result = _finished(run, record)
    warnings = [*first, *_not_ours(client.public_keys, run.record)]
    if not started.remove_secrets and client.client_secrets:
        warnings.append("Its client secrets still log in.")
    return replace(result, warnings=(*result.warnings, *warnings))


def delete(work: Workplace, client: str, *, confirm: str | None, keep_secret: bool = False) -> str:
    """See `key_operations.delete`; None as `confirm` is for a plan, which needs none. Returns the client's id."""

    def perform(client_id: str) -> str:
        if confirm is not None and confirm != client_id:
            whose = "" if client == client_id else f", which for {client!r} is {client_id},"
            raise ConfigurationError(
                f"The client's id{whose} was not repeated, so nothing was deleted.", hint=f"Pass confirm={client_id!r}."
            )
        _delete(work, client_id, keep_secret=keep_secret)
        return client_id

    # A name may look like an id; the id that is repeated tells which client is meant, before anything is looked for.
    if confirm is not None and confirm != client and CLIENT_ID.fullmatch(client):
        client = confirm if ids_on_tenant(work.tenant, client) == [confirm] else client
    return by_id_or_name(work.tenant, work.store, client, perform)


def _delete(work: Workplace, client_id: str, *, keep_secret: bool, is_resumed: bool = False) -> None:
    staged: list[StagedClient] = []
    was_there = True
    try:
        staged = staged_of(work, work.tenant.oauth_clients.get(client_id))
    except TenantNotFound:
        was_there = False
    if not was_there and not is_resumed and (keep_secret or client_id not in work.store.client_ids(work.tenant.host)):
        raise TenantNotFound(
            f"There is nothing to delete: the tenant has no client {client_id}"
            + (", and its keys in the store shall stay." if keep_secret else ", and the store no keys of it."),
            hint="Check the id and the tenant; if it was deleted before, all is done.",
        )
    record = _noted_deletion(work, client_id, keep_secret=keep_secret)
    # Before the client: else `resume` would make it anew. Without a claim nobody else knows whose it was.
    for each in staged:
        work.step("delete", Action.UNSTAGE, each.name, lambda each=each: _unstage(work, each))  # type: ignore[misc]

    def delete_client() -> None:
        with contextlib.suppress(TenantNotFound):
            work.tenant.oauth_clients.delete(client_id)

    def delete_record() -> None:
        work.store.delete(work.tenant.host, client_id)

    work.step("delete", "delete_client", client_id, delete_client)
    if not keep_secret:
        work.step("delete", "delete_record", client_id, delete_record)
    elif record is not None and record.is_in_progress:
        work.step("delete", Action.SETTLE, record.client_name, lambda: _abandon(work, record))


def _noted_deletion(work: Workplace, client_id: str, *, keep_secret: bool) -> ClientRecord | None:
    """Write to the client's record that it is being deleted; return the record, None where none can be read.

    A record that stays and has nothing in progress needs no note: the deletion is one request.
    """
    for is_last in (False, False, True):
        try:
            record = work.read(client_id)
        except (StoreNotFound, StoreProtocolError):
            return None  # nothing to note it in: what is damaged, or deleted softly, may be deleted all the same
        wanted = work.started("delete", keep_secret=keep_secret)
        started = wanted if record.operation is None else merged(record.operation, wanted)
        if started is None or started == record.operation or (keep_secret and not record.is_in_progress):
            return record
        noted = replace(record, operation=started)

        def note(noted: ClientRecord = noted) -> None:
            work.store.write(noted, read_back=False)

        try:
            work.step("delete", Action.NOTE, record.client_name, note)
        except StoreConflict:
            if is_last:
                raise
        else:
            return noted
    raise AssertionError("the last round returns or raises")


def _abandon(work: Workplace, record: ClientRecord) -> None:
    record = work.store.read(record.tenant_host, record.client_id)
    if record.unpurged:
        work.store.purge(record)
    work.store.write(abandoned(record), read_back=False)


def staged_of(work: Workplace, client: OAuthClient) -> list[StagedClient]:
    """Return what is staged of a client that is being made."""
    return [staged for staged in work.store.staged(work.tenant.host) if is_staged_of(staged, client)]


def is_staged_of(staged: StagedClient, client: OAuthClient) -> bool:
    """Tell whether what is staged is that client: it bears its id, or its key is registered there."""
    if staged.client_id == client.client_id:
        return True
    return staged.key is not None and any(key.kid == staged.key.kid for key in client.public_keys)


def _unstage(work: Workplace, staged: StagedClient) -> None:
    work.store.unstage(staged)
    named = set()
    with contextlib.suppress(StoreNotFound):
        named = set(work.store.read(work.tenant.host, staged.client_id).keys) if staged.client_id else set()
    if staged.key is not None and staged.key.kid not in named:
        work.store.discard_key(staged.key)


def finish(work: Workplace, record: ClientRecord) -> Rotated | None:
    """Finish the operation that a record says is in progress, as it was meant, whoever started it.

    Returns:
        What became of the keys; None where the client was to be deleted.

    Raises:
        QlikKeysError: as that operation does.
    """
    started = record.operation
    if started is not None and started.name == "delete":
        _delete(work, record.client_id, keep_secret=started.keep_secret, is_resumed=True)
        return None
    return _finished_as(work, record, started)


def _finished_as(work: Workplace, record: ClientRecord, started: StartedOperation | None) -> Rotated:
    if started is None:
        return _finished(work.key_run(record, KeyIntent(now=utc_now(work.clock)), operation="rotate"), record)
    custody, key = custody_of_next(work, record, started.custody), _kind_for(record, started)
    if started.name == "revoke":
        return _revoked(work, record, started, key=key, custody=custody)
    intent = KeyIntent(now=utc_now(work.clock), operation=started, allow_swap=started.allow_swap)
    run = work.key_run(
        record, intent, operation=started.name, key=key, rotate_after=_rotate_after(started), custody=custody
    )
    return _finished(run, record)


def _finished_first(work: Workplace, record: ClientRecord, started: StartedOperation) -> Rotated:
    """Finish a stronger operation that is in progress instead of another one, and say so.

    Raises:
        NeedsPerson: it is a deletion.
        QlikKeysError: as that operation does.
    """
    if started.name == "delete":
        raise _being_deleted(record, started)
    result = _finished_as(work, record, started)
    return replace(
        result, warnings=(f"Another operation was in progress and is finished: {started.to_text()}.", *result.warnings)
    )


def _together(record: ClientRecord, wanted: StartedOperation) -> StartedOperation:
    """Return what is in progress once an operation is asked for of a client.

    Raises:
        NeedsPerson: the client is being deleted.
    """
    held = record.operation
    started = wanted if held is None else merged(held, wanted)
    if started is None:
        assert held is not None
        raise _being_deleted(record, held)
    return started


def _being_deleted(record: ClientRecord, started: StartedOperation) -> NeedsPerson:
    return NeedsPerson(
        f"{record.client_name!r} is being deleted: {started.to_text()}.", hint="`qlik-keys resume` finishes that."
    )


def _rotate_after(started: StartedOperation) -> timedelta:
    seconds = started.rotate_after_seconds
    return ROTATE_AFTER if seconds is None else timedelta(seconds=seconds)


def _kind_for(record: ClientRecord, started: StartedOperation) -> KeySpec:
    return spec_of(started.key) or _same_kind(record)


def checked_custody(custody: str | None) -> None:
    """Refuse a custody that there is not.

    Raises:
        ConfigurationError: it is neither "kv" nor "transit".
    """
    if custody is not None and custody not in CUSTODY_WORDS:
        raise ConfigurationError(f"There is no custody {custody!r}.", hint='Give "kv" or "transit".')


def custody_of_next(work: Workplace, record: ClientRecord, asked: Custody | None) -> Custody:
    """Return who shall hold the next key: who is asked for, else who holds the current one.

    The store's own custody is that of first keys: a store that was made for another purpose moves no key.

    Raises:
        ConfigurationError: there is no such custody.
    """
    checked_custody(asked)
    if asked is not None:
        return asked
    held = record.current or next(iter(record.keys.values()), None)
    return work.store.custody if held is None else held.custody


def custody_change(before: ClientRecord, after: ClientRecord) -> tuple[str, ...]:
    """Return a sentence where the current key has another custody than the one before it, else none."""
    old, new = before.current, after.current
    if old is None or new is None or old.custody == new.custody:
        return ()
    return (f"The key's custody changes from {CUSTODY_WORDS[old.custody]} to {CUSTODY_WORDS[new.custody]}.",)


def _refuse_other_custody(record: ClientRecord, asked: Custody | None) -> None:
    """Refuse a custody that no new key is made for.

    Raises:
        NeedsPerson: the key that is there has another one.
    """
    newest = next(iter(record.in_state("next")), None) or record.current
    if asked is None or newest is None or newest.custody == asked:
        return
    raise NeedsPerson(
        f"{record.client_name!r} has its key in {newest.custody} custody, and no new key is made now, so it cannot move"
        f" to {asked}.",
        hint=f"Finish what was begun (resume); then rotate with custody {asked}.",
    )


def _finished(run: KeyRun, before: ClientRecord) -> Rotated:
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
        proof=run.proof,
        made_key=bool(run.made_kid) and record.current is not None and run.made_kid == record.current.kid,
        warnings=(*custody_change(before, record), *run.warnings, *loss_warnings(record)),
    )


def _same_kind(record: ClientRecord) -> KeySpec:
    current = record.current
    return (current.public.spec if current is not None else None) or KeySpec("ES384")


def _words(left: timedelta) -> str:
    minutes = int(left.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes + 1} min"  # noqa: PLR2004
