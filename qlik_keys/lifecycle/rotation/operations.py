"""The operations on the keys of a client that is there: `rotate`, `retire_due`, `revoke`, `adopt`, `delete`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys.core.arguments import TEXT, require
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.keys import wrong_key
from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.lifecycle import deletion
from qlik_keys.lifecycle.context import OperationContext
from qlik_keys.lifecycle.deletion import Deleted
from qlik_keys.lifecycle.options import AdoptOptions, DeleteOptions, RetireOptions, RevokeOptions, RotateOptions
from qlik_keys.lifecycle.rotation import changes, retirement
from qlik_keys.lifecycle.rotation.finishing import Rotated
from qlik_keys.lifecycle.shared_keys import shared_key_warnings

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    from qlik_keys.core.clock import Clock
    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.keystore.base import Custody, KeyStore
    from qlik_keys.lifecycle.events import StepEvent
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import QlikTenant

__all__ = ["Deleted", "Rotated", "adopt", "delete", "retire_due", "revoke", "rotate"]


def rotate(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    key: KeySpec | PrivateKey | None = None,
    overlap: timedelta | None = None,
    allow_swap: bool = False,
    rotate_after: timedelta | None = None,
    custody: Custody | None = None,
    hooks: Iterable[Hook] = (),
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Rotated:
    """Replace a client's key without downtime: both keys log in until the overlap is over.

    The new key is stored, registered next to the old one, verified, and only then the one that consumers read. A
    rotation that was interrupted is finished, not started a second time.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the client's key is.
        client_id: the client, by id or name.
        key: the kind of key to make, or a key to bring along; by default one of the same kind.
        overlap: how long the old key goes on; zero removes it at once. By default as the client's fleet file declares
            it, else 24 hours.
        allow_swap: where the tenant takes only one key at a time, put the new one in the old one's place; until it is
            verified, a login with the old key fails.
        rotate_after: how long the new key should serve; by default as long as the current one, or 90 days where that
            is not known.
        custody: who should hold the new key, "kv" or "transit"; by default who holds the current one.
        hooks: what runs once the client has its new key, so that its consumers read it; see `Hook`. One that fails is a
            warning, and the old key stays until it has succeeded.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Returns:
        The key that consumers use now, the old keys that still log in, and the first login of the new key.

    Raises:
        ManualActionRequired: the tenant takes one key only, an older rotation's overlap is not over, or another user
            is at it.
        StoreNotFound: the store has no key of that client; `adopt` gives it a new one.
        TenantNotFound: the tenant has no such client.
        AssertionRejected: the new key cannot log in; the old one still can.
        Interrupted: cancelled between two steps.
        TenantError, TokenError, StoreError: a step failed; asked for again, it goes on from there.
        TypeError: the key is none, for example a PEM text; it is not quoted.
    """
    wrong = wrong_key(key)
    if wrong is not None:
        del key
        raise wrong
    options = RotateOptions(
        key=key, overlap=overlap, allow_swap=allow_swap, rotate_after=rotate_after, custody=custody, hooks=hooks
    )
    work = _context(tenant, store, options.hooks, on_step=on_step, cancel=cancel, clock=clock)
    shared = shared_key_warnings(tenant, key, client_id)
    result = work.resolved(client_id, lambda id_: changes.rotate(work, work.read(id_), options))
    return replace(result, warnings=(*result.warnings, *shared))


def revoke(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    key: KeySpec | PrivateKey | None = None,
    allow_swap: bool = False,
    custody: Custody | None = None,
    hooks: Iterable[Hook] = (),
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Rotated:
    """Replace a client's key now, because it is compromised: no overlap, and every older key goes too.

    When it succeeds, no key that was registered before the call logs in, except one that the call itself brings along
    as `key`. That includes a key that an earlier, interrupted revocation has made: it may be compromised as well, so
    another `revoke` replaces it, while `resume` finishes the earlier revocation and leaves it in place. A compromised
    key that is not registered any more, or not yet, is not registered again.

    Then the living access tokens that the tenant lists for the client's bot user are ended, of whatever key: the new
    key requests others. The warnings say what may still live. The bot user stays, since the client goes on.

    The new key stays in the custody of the old one unless `custody` asks for another.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the client's key is.
        client_id: the client, by id or name.
        key: the kind of key to make, or a key to bring along; by default one of the same kind.
        allow_swap: where the tenant takes only one key at a time, put the new one in the old one's place before it is
            verified.
        custody: who should hold the new key, "kv" or "transit"; by default who holds the current one.
        hooks: what runs once the client has its new key, so that its consumers read it; see `Hook`. One that fails is a
            warning, and the old key stays until it has succeeded.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Returns:
        The key that consumers use now, the keys that were removed, and the first login of the new key.

    Raises:
        ManualActionRequired: the tenant takes one key only, or another user is changing the client's keys.
        StoreNotFound: the store has no key of that client; `adopt` gives it a new one.
        TenantNotFound: the tenant has no such client.
        AssertionRejected: the new key cannot log in; the revocation is not finished, and `resume` continues it.
        Interrupted: cancelled between two steps.
        TenantError, TokenError, StoreError: a step failed; asked for again, it goes on from there.
        TypeError: the key is none, for example a PEM text; it is not quoted.
    """
    wrong = wrong_key(key)
    if wrong is not None:
        del key
        raise wrong
    options = RevokeOptions(key=key, allow_swap=allow_swap, custody=custody, hooks=hooks)
    work = _context(tenant, store, options.hooks, on_step=on_step, cancel=cancel, clock=clock)
    shared = shared_key_warnings(tenant, key, client_id)
    result = work.resolved(client_id, lambda id_: changes.revoke(work, id_, options))
    return replace(result, warnings=(*result.warnings, *shared))


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
    """Remove the old keys whose overlap is over, of one client or of all.

    Afterwards the tenant refuses the old key, and no readable version of the client's secret shows it.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are.
        client_id: one client, by id or name; by default all that the store has for this tenant.
        force: also those whose overlap is not over, and those that wait for hooks.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Returns:
        One entry for each client that lost a key.

    Raises:
        FleetError: of all clients, some could not be looked after; its `results` has all, and the others lost their old
            keys, unless what failed concerns all. Asked for again, none is retired twice.
        ManualActionRequired: that one client's overlap is not over (it says how long is left), hooks have not succeeded
            for its current key, or that key is not registered, so that nothing may be removed.
        TenantError, TokenError, StoreError: as they say.
    """
    options = RetireOptions(force=force)
    work = OperationContext(tenant=tenant, store=store, on_step=on_step, cancel=cancel, clock=clock)
    if client_id is None:
        return retirement.retire_due(work, options)
    return work.resolved(client_id, lambda id_: changes.retire(work, id_, options))


def adopt(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    key: KeySpec | PrivateKey | None = None,
    remove_secrets: bool = False,
    rotate_after: timedelta = ROTATE_AFTER,
    custody: Custody | None = None,
    hooks: Iterable[Hook] = (),
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Rotated:
    """Give a client that another program created a key that qlik_keys manages.

    Once that key is verified, and if asked for, its client secrets are removed. Keys of others that are registered with
    the client are kept, and named in the warnings. The store's custody holds the key, or the one that `custody` asks
    for.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the key should be.
        client_id: the client, by id or name.
        key: the kind of key to make, ES384 by default, or a key to bring along.
        remove_secrets: remove the client's secrets once the key is verified.
        rotate_after: how long the key should serve.
        custody: who should hold the key, "kv" or "transit"; by default as the store is set.
        hooks: what runs once the client has its new key, so that its consumers read it; see `Hook`. One that fails is a
            warning, and the old key stays until it has succeeded.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Returns:
        The key that consumers use now, and its first login.

    Raises:
        ManualActionRequired: the client is no machine, or the tenant takes no further key.
        TenantNotFound: the tenant has no such client.
        AssertionRejected: the key cannot log in; client secrets are not removed.
        Interrupted: cancelled between two steps.
        TenantError, TokenError, StoreError: a step failed; asked for again, it goes on from there.
        TypeError: the key is none, for example a PEM text; it is not quoted.
    """
    wrong = wrong_key(key)
    if wrong is not None:
        del key
        raise wrong
    options = AdoptOptions(
        key=key, remove_secrets=remove_secrets, rotate_after=rotate_after, custody=custody, hooks=hooks
    )
    work = _context(tenant, store, options.hooks, on_step=on_step, cancel=cancel, clock=clock)
    shared = shared_key_warnings(tenant, key, client_id)
    result = work.resolved(client_id, lambda id_: changes.adopt(work, id_, options))
    return replace(result, warnings=(*result.warnings, *shared))


def delete(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    confirm: str,
    keep_secret: bool = False,
    remove_bot: bool = False,
    on_step: Callable[[StepEvent], None] | None = None,
) -> Deleted:
    """Delete a client permanently, end its living tokens, and destroy its keys in the store. This cannot be undone.

    A client's bot user and its living access tokens outlive it (qlik-cloud-contract, "What outlives a client"). The
    tokens that the tenant lists are ended; the bot user is named, and deleted only if asked for. Of a client that was
    deleted before, this ends the tokens and deletes the bot all the same.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where its keys are.
        client_id: the client, by id or name.
        confirm: its id again, also where it is named.
        keep_secret: leave the store's record.
        remove_bot: also delete the client's bot user. What belongs to that user is left without its owner.
        on_step: told before and after each step.

    Returns:
        The client's id, as text; its attributes say how many tokens were ended, and which bot user stays.

    Raises:
        ManualActionRequired: the tenant refuses to delete the bot user, all else is done; or it is the bot of a
            region's OAuth client, which is never deleted.
        ConfigurationError: `confirm` is not the client's id; or several clients have that name.
        TypeError: `confirm` is no text, for example None.
        TenantNotFound: there is nothing to delete, on the tenant or in the store; the text names a bot user that stays.
        StoreConflict: the store's document is not managed by qlik_keys.
        TenantError, StoreError: as they say; asked for again, it goes on from there.
    """
    require(TEXT, confirm=confirm)  # None is a plan's alone: a look-up that found nothing must not confirm
    options = DeleteOptions(confirm=confirm, keep_secret=keep_secret, remove_bot=remove_bot)
    work = OperationContext(tenant=tenant, store=store, on_step=on_step)
    return deletion.delete(work, client_id, options)


def _context(tenant: QlikTenant, store: KeyStore, hooks: Iterable[Hook], **told: Any) -> OperationContext:
    return OperationContext(tenant=tenant, store=store, hooks=tuple(hooks), **told)
