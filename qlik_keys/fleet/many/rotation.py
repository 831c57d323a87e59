"""Rotating the clients of one tenant that are due, side by side; a run that was interrupted is asked for again.

What is due is told by the store's own dates, so nothing else has to remember how far a run was: a client that was
rotated is no longer due, one whose rotation was interrupted is finished. The tenant's rate budget, which all threads
share, paces the requests.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qlik_keys.core.arguments import CALLBACK, MOMENT, WHOLE_NUMBER, optional, require, texts
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import FleetError, Interrupted, QlikKeysError
from qlik_keys.fleet.many.results import FleetResults
from qlik_keys.fleet.many.side_by_side import DEFAULT_WORKERS, each_client
from qlik_keys.lifecycle.context import OperationContext
from qlik_keys.lifecycle.many import FleetResult, SharedFailure, read_if_ours
from qlik_keys.lifecycle.options import RotateOptions
from qlik_keys.lifecycle.rotation import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime, timedelta

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import ClientRecord, KeyStore
    from qlik_keys.lifecycle.events import StepEvent
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import QlikTenant


def rotate_due(
    tenant: QlikTenant,
    store: KeyStore,
    *,
    client_ids: Iterable[str] | None = None,
    before: datetime | None = None,
    overlap: timedelta | None = None,
    allow_swap: bool = False,
    hooks: Iterable[Hook] = (),
    workers: int = DEFAULT_WORKERS,
    on_step: Callable[[StepEvent], None] | None = None,
    on_client: Callable[[FleetResult], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> FleetResults:
    """Rotate the clients whose keys are due; asked for again after a crash, none is rotated twice and none forgotten.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are.
        client_ids: which to look at, by id or name; by default all that the store has for this tenant.
        before: A client is due if its current key came into use before this moment; by default, if its `rotate_by`
            has passed. The moment counts in whole seconds. For "rotate them all", give the moment of the first
            attempt, and the same one again after a crash.
        overlap: how long each old key goes on; by default as for `rotate`.
        allow_swap: as for `rotate`.
        hooks: as for `rotate`; each client gets those that are for it.
        workers: how many clients at once.
        on_step: told before and after each step, from several threads.
        on_client: told of each client when it is done, from several threads.
        cancel: when set, each run stops between two steps.
        clock: time.

    Returns:
        One entry a client, in the order of their ids; a notebook shows them as a table. A document among the records
        that is not managed by qlik_keys is no client and no failure: its outcome is "foreign", and `audit` has the
        finding "foreign-document".

    Raises:
        ConfigurationError: the overlap is negative, or longer than ten years.
        FleetError: some failed; its `results` has all. The others were rotated, unless what failed concerns all.
        Interrupted: cancelled.
        TypeError: an argument is of another type.
        ValueError: there is no worker, or `before` has no time zone.
        StoreError: the clients could not be listed.
    """
    require(WHOLE_NUMBER, workers=workers)
    optional(MOMENT, before=before)
    optional(CALLBACK, on_client=on_client)
    asked = None if client_ids is None else texts("client_ids", client_ids)
    if workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    if before is not None and before.tzinfo is None:
        raise ValueError("`before` must have a time zone")
    options = RotateOptions(overlap=overlap, allow_swap=allow_swap, hooks=hooks)
    cancel = cancel or threading.Event()
    defined = tuple(options.hooks)
    work = OperationContext(tenant=tenant, store=store, on_step=on_step, cancel=cancel, clock=clock, hooks=defined)
    shared_failure = SharedFailure(work.store, tenant.host, in_a_row=max(workers, DEFAULT_WORKERS))

    def treat(client_id: str) -> FleetResult:
        return _treated(work, client_id, is_listed=asked is None, before=before, options=options)

    wanted = sorted(set(work.store.client_ids(tenant.host) if asked is None else asked))
    results = FleetResults(
        each_client(
            wanted,
            treat,
            shared_failure=shared_failure,
            workers=workers,
            told=on_client or (lambda _: None),
            cancel=cancel,
        )
    )
    if cancel.is_set():
        raise Interrupted(
            f"Cancelled: {len(results)} of {len(wanted)} clients were processed.", hint="Run it again to continue."
        )
    if any(item.error is not None for item in results):
        ours = FleetResults(item for item in results if item.outcome != "foreign")
        raise FleetError(ours, what="clients could not be rotated.", left=len(wanted) - len(results))
    return results


def _treated(
    work: OperationContext,
    client_id: str,
    *,
    is_listed: bool,
    before: datetime | None,
    options: RotateOptions,
) -> FleetResult:
    """Rotate one client if it is due; `is_listed` is one of the store's list, which no caller has named."""
    name = ""
    try:
        record = read_if_ours(work.read, client_id) if is_listed else work.resolved(client_id, work.read)
        if record is None:
            return FleetResult(client_id=client_id, outcome="foreign")
        client_id, name = record.client_id, record.client_name
        was_started = record.is_in_progress
        if not was_started and not is_due(record, before=before, now=utc_now(work.clock)):
            return FleetResult(client_id=client_id, name=name, outcome="skipped")
        result = changes.rotate(work, record, options)
    except QlikKeysError as problem:
        return FleetResult(client_id=client_id, name=name, outcome="failed", error=problem)
    return FleetResult(client_id=client_id, name=name, outcome="finished" if was_started else "rotated", result=result)


def is_due(record: ClientRecord, *, before: datetime | None, now: datetime) -> bool:
    """Tell whether a client's current key should be replaced; one without a key has nothing to replace."""
    current = record.current
    if current is None:
        return False
    if before is None:
        return record.rotate_by is not None and record.rotate_by <= now
    # The store's moments are in whole seconds: what came into use within that second is not due.
    return (current.promoted_at or current.made_at) < before.replace(microsecond=0)
