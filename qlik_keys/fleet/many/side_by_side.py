"""The clients of one tenant side by side: one that fails stops no other, and what concerns all stops the rest early."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from qlik_keys.errors import Interrupted

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from qlik_keys.lifecycle.many import FleetResult, SharedFailure

DEFAULT_WORKERS = 4
Item = TypeVar("Item")


def each_client(
    items: Sequence[Item],
    treat: Callable[[Item], FleetResult],
    *,
    shared_failure: SharedFailure,
    workers: int,
    told: Callable[[FleetResult], None],
    cancel: threading.Event,
) -> list[FleetResult]:
    """Treat each item; return what became of those that were treated, in their order.

    Args:
        items: the clients.
        treat: does one; it returns its failure.
        shared_failure: tells when the others need not be tried.
        workers: how many at a time, at least 1.
        told: takes each result when it is there; called from several threads.
        cancel: when set, no further item is started.

    Raises:
        BaseException: what `treat` or `told` raise, and an interrupt: `cancel` is set, and what has started ends
            between two steps.
    """

    def one(item: Item) -> FleetResult | None:
        if cancel.is_set() or shared_failure.found:
            return None
        done = treat(item)
        if cancel.is_set() and isinstance(done.error, Interrupted):
            return None  # it goes on when it is asked for again
        shared_failure.saw(done.client_id, done.error)
        told(done)
        return done

    with ThreadPoolExecutor(max(1, min(workers, len(items)))) as pool:
        try:
            return [done for done in pool.map(one, items) if done is not None]
        except BaseException:
            cancel.set()
            raise
