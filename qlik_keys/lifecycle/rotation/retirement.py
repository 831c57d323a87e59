"""Retiring the old keys of all clients of a tenant: one that fails stops no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.errors import FleetError, Interrupted, QlikKeysError
from qlik_keys.lifecycle.many import FleetResult, SharedFailure, read_if_ours
from qlik_keys.lifecycle.rotation import changes

if TYPE_CHECKING:
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.options import RetireOptions
    from qlik_keys.lifecycle.rotation.finishing import Rotated


def retire_due(work: OperationContext, options: RetireOptions) -> list[Rotated]:
    """Retire what is due of all clients; see `operations.retire_due`."""
    done = [item.result for item in retire_all(work, options) if item.outcome == "retired"]
    return [result for result in done if result is not None]


def retire_all(work: OperationContext, options: RetireOptions) -> list[FleetResult]:
    """Retire what is due of all clients, and say of which clients it stays.

    Returns:
        One entry a client. One that was skipped has a `result` where an old key is due and stays; its warnings say why.

    Raises:
        FleetError, Interrupted, StoreError: as `operations.retire_due`.
    """
    results: list[FleetResult] = []
    foreign = 0
    shared_failure = SharedFailure(work.store, work.tenant.host)
    wanted = list(work.store.client_ids(work.tenant.host))
    for number, client_id in enumerate(wanted):
        if work.cancel is not None and work.cancel.is_set():
            raise Interrupted(
                f"Cancelled: {number} of {len(wanted)} clients were processed.", hint="Run it again to continue."
            )
        name = ""
        try:
            record = read_if_ours(work.read, client_id)
            if record is None:
                foreign += 1
                continue
            name = record.client_name
            result = changes.retire_of(work, record, options)
        except Interrupted:
            raise
        except QlikKeysError as problem:
            results.append(FleetResult(client_id=client_id, name=name, outcome="failed", error=problem))
            if shared_failure.saw(client_id, problem):
                break
        else:
            shared_failure.saw(client_id, None)
            results.append(
                FleetResult(
                    client_id=client_id,
                    name=name,
                    outcome="skipped" if result is None else "retired",
                    result=result or changes.kept(work, record, options),
                )
            )
    if any(item.error is not None for item in results):
        left = len(wanted) - len(results) - foreign
        raise FleetError(
            results, what="clients could not be processed: their old keys are still registered.", left=left
        )
    return results
