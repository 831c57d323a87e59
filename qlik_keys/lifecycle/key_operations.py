"""The operations on the keys of a client that is there: `rotate`, `retire_due`, `revoke`, `adopt`, `delete`."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qlik_keys.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import ConfigurationError, NeedsPerson, StoreNotFound, TenantNotFound
from qlik_keys.keys import KeySpec, PrivateKey
from qlik_keys.keystore.base import ClientRecord
from qlik_keys.lifecycle.key_plan import KeyIntent, leaving
from qlik_keys.lifecycle.key_run import KeyRun

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from qlik_keys.clock import Clock
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle.events import StepEvent
    from qlik_keys.lifecycle.proof import Proof
    from qlik_keys.tenant import QlikTenant

DEFAULT_OVERLAP = timedelta(hours=24)
ROTATE_AFTER = timedelta(days=90)
# What nobody can call back (qlik-cloud-contract: tokens of others are not listed, and live their own life).
TOKENS_LIVE_ON = "Access tokens that were issued before live on until their own end: Qlik has no call that lists them."
_MACHINE = "client_credentials"


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
        warnings: what a person should know.
    """

    client_id: str
    name: str
    kid: str
    old_kids: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    retire_at: datetime | None = None
    proof: Proof | None = None
    warnings: tuple[str, ...] = ()


def rotate(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    key: KeySpec | PrivateKey | None = None,
    overlap: timedelta = DEFAULT_OVERLAP,
    allow_swap: bool = False,
    rotate_after: timedelta = ROTATE_AFTER,
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Rotated:
    """Replace a client's key without downtime: both keys log in until the overlap is over.

    The new key is stored, registered beside the old one, proved, and only then the one that consumers read. A rotation
    that was cut off is finished, not begun a second time.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the client's key is.
        client_id: the client.
        key: the kind of key to make, or a key to bring along; by default one of the same kind.
        overlap: how long the old key goes on; zero takes it away at once.
        allow_swap: where the tenant takes only one key at a time, put the new one in the old one's place; until it is
            proved, a login with the old key fails.
        rotate_after: how long the new key should serve.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Raises:
        NeedsPerson: the tenant takes one key only, an older rotation's overlap is not over, or somebody else is at it.
        StoreNotFound: the store has no key of that client; `adopt` gives it one.
        TenantNotFound: the tenant has no such client.
        AssertionRejected: the new key cannot log in; the old one still can.
        Interrupted: cancelled between two steps.
        TenantError, TokenError, StoreError: a step failed; asked for again, it goes on from there.
    """
    if overlap < timedelta(0):
        raise ConfigurationError("The overlap is negative.", hint="Zero retires the old key at once.")
    record = store.read(tenant.host, client_id)
    intent = KeyIntent(
        now=utc_now(clock),
        new_key=not is_under_way(record),
        overlap_seconds=int(overlap.total_seconds()),
        allow_swap=allow_swap,
    )
    run = KeyRun(
        tenant,
        store,
        record=record,
        operation="rotate",
        intent=intent,
        key=key or _same_kind(record),
        rotate_after=rotate_after,
        on_step=on_step,
        cancel=cancel,
        clock=clock,
    )
    return _finished(run, record)


def revoke(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    key: KeySpec | PrivateKey | None = None,
    allow_swap: bool = False,
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Rotated:
    """Replace a client's key now, because it is out: no overlap, and every older key goes too.

    Raises:
        The same as `rotate`.
    """
    record = store.read(tenant.host, client_id)
    # A key in state "next" was made before the alarm: it is finished and then replaced like the current one.
    for begin in (False, True) if record.in_state("next") else (True,):
        intent = KeyIntent(now=utc_now(clock), new_key=begin, allow_swap=allow_swap, force_retire=True)
        run = KeyRun(
            tenant,
            store,
            record=record,
            operation="revoke",
            intent=intent,
            key=key or _same_kind(record),
            rotate_after=ROTATE_AFTER,
            on_step=on_step,
            cancel=cancel,
            clock=clock,
        )
        result = _finished(run, record)
        record = run.record
    return replace(result, warnings=(*result.warnings, TOKENS_LIVE_ON))


def retire_due(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str | None = None,
    *,
    force: bool = False,
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> list[Rotated]:
    """Take away the old keys whose overlap is over, of one client or of all.

    Afterwards the tenant refuses the old key, and no readable version of the client's secret shows it.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are.
        client_id: one client; by default all that the store has for this tenant.
        force: also those whose overlap is not over.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Returns:
        One entry for each client that lost a key.

    Raises:
        NeedsPerson: that one client's overlap is not over (it says how long is left), or its current key is not
            registered, so that nothing may be taken away.
        TenantError, TokenError, StoreError: as they say.
    """
    results = []
    for each in [client_id] if client_id is not None else list(store.client_ids(tenant.host)):
        record = store.read(tenant.host, each)
        now = utc_now(clock)
        intent = KeyIntent(now=now, force_retire=force)
        moments = [key.retire_at for key in record.in_state("previous") if key.retire_at is not None]
        waiting = [moment for moment in moments if moment > now]
        if waiting and not force and client_id is not None:
            raise NeedsPerson(
                f"The old key of {record.client_name!r} may go in {_words(max(waiting) - now)}, not before.",
                hint="Wait for it, or force it, which locks out whoever still uses the old key.",
            )
        forced = force and record.in_state("previous")
        if record.in_state("next") or not (record.unpurged or leaving(record, intent) or forced):
            continue  # nothing is due, or a rotation is under way, which `resume` finishes
        run = KeyRun(
            tenant,
            store,
            record=record,
            operation="retire",
            intent=intent,
            key=None,
            rotate_after=ROTATE_AFTER,
            on_step=on_step,
            cancel=cancel,
            clock=clock,
        )
        results.append(_finished(run, record))
    return results


def adopt(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    key: KeySpec | PrivateKey | None = None,
    remove_secrets: bool = False,
    rotate_after: timedelta = ROTATE_AFTER,
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Rotated:
    """Give a client that was made elsewhere a key of ours; once that is proved and if asked for, take its secrets away.

    Keys of others that are registered with the client are kept, and named in the warnings.

    Raises:
        NeedsPerson: the client is no machine, or the tenant takes no further key.
        TenantNotFound: the tenant has no such client.
        TenantError, TokenError, StoreError: a step failed; asked for again, it goes on from there.
    """
    client = tenant.oauth_clients.get(client_id)
    if _MACHINE not in client.allowed_grant_types:
        raise NeedsPerson(
            f"{client.client_name!r} is no machine-to-machine client: it lacks the grant {_MACHINE}.",
            hint="Add Machine-to-machine to it first, or choose another client.",
        )
    try:
        record = store.read(tenant.host, client_id)
    except StoreNotFound:
        record = ClientRecord(
            tenant_host=tenant.host,
            client_id=client_id,
            client_name=client.client_name,
            token_url=tenant.token_url,
            custody=store.custody,
            keys={},
        )
    intent = KeyIntent(now=utc_now(clock), new_key=not record.keys, remove_secrets=remove_secrets)
    run = KeyRun(
        tenant,
        store,
        record=record,
        operation="adopt",
        intent=intent,
        key=key or KeySpec("ES384"),
        rotate_after=rotate_after,
        on_step=on_step,
        cancel=cancel,
        clock=clock,
    )
    result = _finished(run, record)
    theirs = [other.kid for other in client.public_keys if other.kid not in run.record.keys]
    warnings = [f"Somebody else's key {kid!r} is registered too, and was left alone." for kid in theirs]
    if not remove_secrets and client.client_secrets:
        warnings.append("Its client secrets still log in.")
    return replace(result, warnings=(*result.warnings, *warnings))


def delete(tenant: QlikTenant, store: KeyStore, client_id: str, *, confirm: str, keep_secret: bool = False) -> None:
    """Delete a client for good, and then its keys in the store. Nobody can undo it.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where its keys are.
        client_id: the client.
        confirm: its id once more.
        keep_secret: leave the store's record.

    Raises:
        ConfigurationError: `confirm` is not the client's id.
        StoreConflict: the store's document is not ours.
        TenantError, StoreError: as they say; asked for again, it goes on from there.
    """
    if confirm != client_id:
        raise ConfigurationError(
            "The client's id was not repeated, so nothing was deleted.", hint=f"Pass confirm={client_id!r}."
        )
    with contextlib.suppress(TenantNotFound):
        tenant.oauth_clients.delete(client_id)
    if not keep_secret:
        store.delete(tenant.host, client_id)


def is_under_way(record: ClientRecord) -> bool:
    """Tell whether an operation on the record's keys was begun and is not at its end."""
    return bool(record.in_state("next")) or record.overlap_seconds is not None or record.unpurged


def finish(
    tenant: QlikTenant,
    store: KeyStore,
    record: ClientRecord,
    *,
    on_step: Callable[[StepEvent], None] | None,
    cancel: threading.Event | None,
    clock: Clock,
) -> Rotated:
    """Finish what was begun with a record's keys, whoever began it.

    Raises:
        QlikKeysError: as `rotate` does.
    """
    run = KeyRun(
        tenant,
        store,
        record=record,
        operation="rotate",
        intent=KeyIntent(now=utc_now(clock)),
        key=None,
        rotate_after=ROTATE_AFTER,
        on_step=on_step,
        cancel=cancel,
        clock=clock,
    )
    return _finished(run, record)


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
        warnings=tuple(run.warnings),
    )


def _same_kind(record: ClientRecord) -> KeySpec:
    current = record.current
    return (current.public.spec if current is not None else None) or KeySpec("ES384")


def _words(left: timedelta) -> str:
    minutes = int(left.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes + 1} min"  # noqa: PLR2004
