"""The operations that people call: `provision` and `resume`."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import (
    ConfigurationError,
    QlikKeysError,
    StoreError,
    StoreNotFound,
    TenantNotFound,
)
from qlik_keys.keys import KeySpec, PrivateKey, wrong_key
from qlik_keys.keys.spec import DEFAULT_KEY
from qlik_keys.lifecycle.context import OperationContext
from qlik_keys.lifecycle.deletion import Deleted, pending_of
from qlik_keys.lifecycle.duplicates import find_duplicates, remove_duplicate
from qlik_keys.lifecycle.many import SharedFailure, read_if_ours
from qlik_keys.lifecycle.missing_clients import gone_or_unknown
from qlik_keys.lifecycle.options import ProvisionOptions, ResumeOptions
from qlik_keys.lifecycle.provisioning.results import Resumed, ResumeResults
from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
from qlik_keys.lifecycle.rotation.finishing import Rotated, finish, finished, run_hooks
from qlik_keys.lifecycle.rotation.plan import KeyIntent
from qlik_keys.lifecycle.shared_keys import shared_key_warnings
from qlik_keys.tenant.resources.scopes import scope_warnings

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import ClientRecord, KeyStore, PendingClient
    from qlik_keys.lifecycle.events import StepEvent
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.lifecycle.provisioning.run import Provisioned
    from qlik_keys.tenant import OAuthClient, QlikTenant


def provision(
    tenant: QlikTenant,
    store: KeyStore,
    *,
    name: str,
    scopes: Iterable[str],
    key: KeySpec | PrivateKey | None = DEFAULT_KEY,
    client_secret: bool = False,
    description: str = "",
    impersonation: bool = False,
    trusted: bool = True,
    rotate_after: timedelta | None = None,
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Provisioned:
    """Make a machine-to-machine client, all nine steps of Qlik's tutorial, with its private key in the store.

    The key goes into the store before its public half goes to the tenant; the client is verified by a login with what
    the store returns. Asked for again, it finishes what was interrupted, or returns the same client. That first login
    makes the client's bot user on the tenant, which in some subscriptions takes a licence.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the private key should live.
        name: the client's name.
        scopes: what the client may do, e.g. ["user_default"]; unknown ones pass with a warning.
        key: the kind of key to make, a key to bring along, or None for a client that logs in by secret alone.
        client_secret: also make a client secret; it is in the result, once.
        description: shown in Qlik's console.
        impersonation: also allow the user-impersonation grant.
        trusted: set the consent method to trusted, without which a machine cannot log in.
        rotate_after: how long the key should serve, at least a day; by default 90 days, and for a client that is there
            already what it has.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Returns:
        The client, `created` False when it was there already.

    Raises:
        ConfigurationError: a value is out of bounds.
        TypeError: the key is none, for example a PEM text; it is not quoted.
        ManualActionRequired: a client of that name is not managed by qlik_keys, or is ours with another specification.
        Interrupted: cancelled between two steps.
        TenantError, TokenError, StoreError: a step failed; asked for again, it goes on from there.

    Example:
        >>> made = provision(tenant, store, name="nightly-etl", scopes=["user_default"], key=KeySpec("ES384"))
        ... # doctest: +SKIP
    """
    wrong = wrong_key(key)
    if wrong is not None:
        del key
        raise wrong
    options = ProvisionOptions(
        name=name,
        scopes=scopes,
        key=key,
        client_secret=client_secret,
        description=description,
        impersonation=impersonation,
        trusted=trusted,
        rotate_after=rotate_after,
    )
    specification = ClientSpecification.of(**options.arguments)
    work = OperationContext(tenant=tenant, store=store, on_step=on_step, cancel=cancel, clock=clock)
    shared = shared_key_warnings(tenant, key, specification.name)
    made = work.provisioning(specification, key).run()
    return replace(made, warnings=(*scope_warnings(specification.scopes), *made.warnings, *shared))


def resume(
    tenant: QlikTenant,
    store: KeyStore,
    *,
    hooks: Iterable[Hook] = (),
    drop_hooks: Iterable[str] = (),
    on_result: Callable[[Resumed], None] | None = None,
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> list[Resumed]:
    """Finish every operation on this tenant that was interrupted, as it was meant, no matter who started it.

    It finishes the pending clients and the operation that each client's record tells. Then it lists the tenant's
    clients once, removes again the keys that were removed and are registered all the same, and removes the
    clients that a lost answer made of a key that is already another client's.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are.
        hooks: the hooks that are defined here: those that clients' records name as pending run; see `Hook`.
        drop_hooks: names of pending hooks that are removed from the records without running.
        on_result: told each entry as soon as nothing more is tried of it: a client secret that it made (its
            `client_secret`) is not lost if the run is interrupted later.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Returns:
        One entry an operation; none when nothing had been interrupted.

    Raises:
        ResumeError: some could not be finished; its `results` has all of them.
        Interrupted: cancelled between two steps.
        TenantError, StoreError: the tenant or the store could not be asked at all.
    """
    options = ResumeOptions(hooks=hooks, drop_hooks=drop_hooks)
    work = OperationContext(tenant=tenant, store=store, on_step=on_step, cancel=cancel, clock=clock, **options.context)
    return resume_in(work) if on_result is None else resume_in(work, told=on_result)


def resume_client(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    hooks: Iterable[Hook] = (),
    drop_hooks: Iterable[str] = (),
    on_step: Callable[[StepEvent], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> list[Resumed]:
    """Finish what was interrupted of one client, and touch no other.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are.
        client_id: the client, by id or name.
        hooks: the hooks that are defined here: those that clients' records name as pending run; see `Hook`.
        drop_hooks: names of pending hooks that are removed from the records without running.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Returns:
        One entry an operation; none when nothing had been interrupted.

    Raises:
        ResumeError: it could not be finished; its `results` has why.
        Interrupted: cancelled between two steps.
        TenantError, StoreError: the tenant or the store could not be asked at all.
    """
    options = ResumeOptions(hooks=hooks, drop_hooks=drop_hooks)
    work = OperationContext(tenant=tenant, store=store, on_step=on_step, cancel=cancel, clock=clock, **options.context)
    return resume_client_in(work, client_id)


def resume_client_in(work: OperationContext, client_id: str) -> list[Resumed]:
    """See `resume_client`."""
    store, host = work.store, work.tenant.host
    results = ResumeResults()
    clients: list[OAuthClient] = []
    try:
        clients.append(work.tenant.oauth_clients.get(client_id))
    except TenantNotFound as problem:
        if not _is_being_deleted(work, client_id):
            raise gone_or_unknown(problem, store, host, client_id) from None
    with results.told_of():
        if clients:
            _finish_pending(work, pending_of(work, clients[0]), SharedFailure(store, host), results)
        records = _finish_rotations(work, [client_id], SharedFailure(store, host), results)
        results.wait_together(work)
        _remove_again(work, clients, records, results)
        results.note_hooks_not_pending(
            work.drop_hooks, records.values(), told="The client has no pending hook of this name."
        )
    results.raise_failures()
    return results


def _is_being_deleted(work: OperationContext, client_id: str) -> bool:
    try:
        record = work.read(client_id)
    except StoreNotFound:
        return False
    return record.operation is not None and record.operation.name == "delete"


def _will_be_deleted(work: OperationContext, pending: PendingClient) -> bool:
    """Tell whether the client that is being made has a record that says that it is to be deleted."""
    try:
        ids = [pending.client_id] if pending.client_id else work.store.ids_named(work.tenant.host, pending.name)
        # Another client of the same name may be deleted at the same time: the key tells which one it is.
        return any(
            _is_being_deleted(work, client_id) and (pending.key is None or pending.key.kid in work.read(client_id).keys)
            for client_id in ids
        )
    except StoreError:
        return False  # what is wrong with the record is told where it is finished


def resume_in(work: OperationContext, *, told: Callable[[Resumed], None] = lambda _: None) -> list[Resumed]:
    """See `resume`.

    Args:
        work: what it works with.
        told: takes each operation when nothing more is tried of it.
    """
    store, host = work.store, work.tenant.host
    shared_failure = SharedFailure(store, host)
    damaged: list[StoreError] = []
    all_pending = store.pending(host, on_damaged=damaged.append)
    results = ResumeResults(
        (Resumed(operation="provision", name=problem.path, error=problem) for problem in damaged), told=told
    )
    with results.told_of():
        _finish_pending(work, all_pending, shared_failure, results)
        records = _finish_rotations(work, store.client_ids(host), shared_failure, results)
        results.wait_together(work, is_hopeless=shared_failure.found)
        if not shared_failure.found:
            clients = list(work.tenant.oauth_clients.iterate())
            _remove_again(work, clients, records, results)
            _remove_duplicates(work, clients, records, results)
            names = {client_id: record.client_name for client_id, record in records.items()}
            _set_right(work, names, results)
            unread = any(item.error is not None and item.client_id not in {"", *records} for item in results)
            looked = "No client whose record could be read" if unread else "No client"
            results.note_hooks_not_pending(
                work.drop_hooks, records.values(), told=f"{looked} has a pending hook of this name."
            )
    results.raise_failures()
    return results


def _set_right(work: OperationContext, names: Mapping[str, str], results: ResumeResults) -> None:
    """Write the name entries that are missing, and destroy the keys that no document names."""
    if work.is_dry_run:
        return
    jobs: dict[str, Callable[[], object]] = {
        "name_entries": lambda: work.store.set_names_right(work.tenant.host, names),
        "sweep": lambda: work.store.sweep(work.tenant.host),
    }
    for operation, perform in jobs.items():
        try:
            perform()
        except QlikKeysError as problem:
            results.add(Resumed(operation=operation, name=operation, error=problem))


def _finish_pending(
    work: OperationContext, all_pending: Iterable[PendingClient], shared_failure: SharedFailure, results: ResumeResults
) -> None:
    """Finish clients that are being made; one that is to be deleted is left to its deletion."""
    for pending in all_pending:
        if shared_failure.found:
            break
        if _will_be_deleted(work, pending):
            continue
        item = Resumed(operation="provision", name=pending.name, client_id=pending.client_id)
        specification = ClientSpecification.from_document(pending.specification)
        finished = results.finish(
            work,
            item,
            lambda work, of=specification: work.provisioning(of, None).resume(),  # type: ignore[misc]
            briefly=not specification.client_secret,  # each attempt would make another one
        )
        shared_failure.saw(pending.client_id, finished.error)


def _finish_rotations(
    work: OperationContext, client_ids: Iterable[str], shared_failure: SharedFailure, results: ResumeResults
) -> dict[str, ClientRecord]:
    """Finish what each client's record says is in progress; return by client id each record that stays."""
    records: dict[str, ClientRecord] = {}
    for client_id in client_ids:
        if shared_failure.found:
            break
        item = Resumed(operation="rotate", name="", client_id=client_id)
        try:
            record = read_if_ours(functools.partial(work.store.read, work.tenant.host), client_id)
        except StoreNotFound:
            continue  # deleted: it does not say that anything was started
        except ConfigurationError:
            raise
        except QlikKeysError as problem:
            results.add(replace(item, error=problem))
            shared_failure.saw(client_id, problem)
            continue
        if record is None:
            continue
        records[client_id] = record
        if record.is_in_progress:
            operation = "rotate" if record.operation is None else record.operation.name
            item = replace(item, name=record.client_name, operation=operation)
            if operation == "delete":
                del records[client_id]
            done = results.finish(work, item, _finishing(record), briefly=not _swaps(record))
            shared_failure.saw(client_id, done.error)
        elif record.is_shown_wrong and not work.is_dry_run:
            try:
                work.store.show(record)
            except QlikKeysError as problem:
                results.add(replace(item, operation="show", name=record.client_name, error=problem))
                shared_failure.saw(client_id, problem)
        if record.pending_hooks and not record.is_in_progress:
            item = replace(item, name=record.client_name, operation="hooks")
            done = results.finish(work, item, lambda work, record=record: run_hooks(work, record))  # type: ignore[misc]
            shared_failure.saw(client_id, done.error)
    return records


def _finishing(record: ClientRecord) -> Callable[[OperationContext], Rotated | Deleted]:
    """Return what finishes the operation of a record, also a second time, when the record has changed."""
    known = [record]

    def finish_it(work: OperationContext) -> Rotated | Deleted:
        there = known.pop() if known else work.store.read(work.tenant.host, record.client_id)
        return finish(work, there)

    return finish_it


def _swaps(record: ClientRecord) -> bool:
    """Tell whether a refused key may lose its place to the old one again, so that no later attempt finds it there."""
    return record.operation is not None and record.operation.allow_swap


def _remove_again(
    work: OperationContext, clients: Iterable[OAuthClient], records: Mapping[str, ClientRecord], results: ResumeResults
) -> None:
    """Remove keys that are registered though they had been removed.

    A list of keys that was read before that and arrives after it puts them back, and the program that sent it may have
    been interrupted before it could see so: no record says that anything is in progress.
    """
    for client in clients:
        record = records.get(client.client_id)
        if record is None or not record.returned(key.kid for key in client.public_keys):
            continue
        item = Resumed(operation="retire", name=record.client_name, client_id=client.client_id)
        intent = KeyIntent(now=utc_now(work.clock))

        def remove(work: OperationContext, record: ClientRecord = record, intent: KeyIntent = intent) -> Rotated:
            return finished(work.key_run(record, intent, operation="retire"), record)

        results.finish(work, item, remove, briefly=False)


def _remove_duplicates(
    work: OperationContext, clients: Iterable[OAuthClient], records: Mapping[str, ClientRecord], results: ResumeResults
) -> None:
    """Remove the clients that a second attempt made of a key that qlik_keys manages."""
    for duplicate in find_duplicates(clients, records):
        client = duplicate.client
        item = Resumed(operation="remove_duplicate", name=client.client_name, client_id=client.client_id)
        try:
            was_there = remove_duplicate(work, duplicate, operation="resume")
        except QlikKeysError as problem:
            results.add(replace(item, error=problem))
        else:
            if was_there:
                results.add(item)
