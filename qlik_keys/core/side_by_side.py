"""Many independent requests side by side, without waiting for each other.

A listing asks Qlik and Vault once per client, and each of these waits for the network and not for the processor. They
run in a few threads, as many as a store keeps connections; the tenant's rate budget, which all threads share, paces
them. Not done here: what is asked, and what a failure means for the table (`inventory`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from qlik_keys.errors import QlikKeysError, StoreSealed, TenantAuthError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")
WORKERS = 8
_PROGRESS_SECONDS = 0.2
_UNAUTHORIZED = 401
_MOST_REFUSALS = 32


def side_by_side(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = WORKERS,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Result | QlikKeysError]:
    """Do the same work for each item, several at a time; return what came of each, in the order of the items.

    An item that fails does not stop the others: its error stands in its place. What concerns all does: a refused
    credential, a sealed Vault, as many servers in a row that cannot be reached as there are workers, 32 failures of any
    kind in a row, and a failure of every item. To go on would only repeat it, slowly.

    Args:
        work: what to do; called from several threads.
        items: what to do it for.
        workers: how many at a time, at least 1.
        on_progress: told how many items of how many are done, several times a second at most, in the calling thread.

    Raises:
        QlikKeysError: the first failure, where it concerns all.
        BaseException: whatever else `work` or `on_progress` raised, and an interrupt: no further item is started, and
            what is being waited for is left to end automatically.
    """
    run = _Run(work, items, workers)
    if len(items) <= 1 or workers == 1:
        run.drain()
    else:
        # Daemons, and not a pool: a pool waits at an interrupt, and again at the end of the process, and a thread
        # may be waiting minutes for the rate budget.
        for _ in range(min(workers, len(items))):
            threading.Thread(target=run.drain, name="qlik_keys listing", daemon=True).start()
        try:
            while not run.finished.wait(_PROGRESS_SECONDS):
                if on_progress is not None:
                    on_progress(run.done, len(items))
        finally:
            run.stop.set()
    if on_progress is not None and run.broken is None:
        on_progress(run.done, len(items))
    return run.results()


class _Run(Generic[Item, Result]):
    def __init__(self, work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> None:
        self._work = work
        self._left: Iterator[tuple[int, Item]] = iter(enumerate(items))
        self._workers = workers
        self._at_work = max(1, min(workers, len(items)))
        self._lock = threading.Lock()
        self._found: dict[int, Result | QlikKeysError] = {}
        self._in_a_row: list[QlikKeysError] = []
        self._total = len(items)
        self.finished = threading.Event()
        self.stop = threading.Event()
        self.broken: BaseException | None = None

    @property
    def done(self) -> int:
        return len(self._found)

    def drain(self) -> None:
        """Work until nothing is left; one of several threads."""
        try:
            while not self.stop.is_set():
                with self._lock:
                    item = next(self._left, None)
                if item is None:
                    break
                self._one(*item)
        except BaseException as error:  # noqa: BLE001  # raised in the calling thread
            self.broken = self.broken or error
            self.stop.set()
        finally:
            with self._lock:
                self._at_work -= 1
                if self._at_work <= 0 or self.broken is not None:
                    self.finished.set()

    def _one(self, position: int, item: Item) -> None:
        try:
            result: Result | QlikKeysError = self._work(item)
        except QlikKeysError as error:
            result = error
        with self._lock:
            self._found[position] = result
            if not isinstance(result, QlikKeysError):
                self._in_a_row.clear()
                return
            self._in_a_row.append(result)
            concerns_all = self._concerns_all(result)
        if concerns_all:
            raise self._in_a_row[0]

    def _concerns_all(self, failure: QlikKeysError) -> bool:
        count = len(self._in_a_row)
        most = self._workers if failure.retryable else _MOST_REFUSALS
        if isinstance(failure, StoreSealed) or count >= most or count == self._total:
            return True
        return isinstance(failure, TenantAuthError) and failure.status == _UNAUTHORIZED

    def results(self) -> list[Result | QlikKeysError]:
        if self.broken is not None:
            raise self.broken
        return [self._found[position] for position in range(self._total)]
