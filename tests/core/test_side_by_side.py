"""Many requests side by side: how many at a time, in what order they are told, what a failure stops and what not."""

from __future__ import annotations

import threading

import pytest

from qlik_keys.core.side_by_side import WORKERS, side_by_side
from qlik_keys.errors import StoreDenied, StoreSealed, StoreUnreachable, TenantAuthError, TenantNotFound

WAIT = 60  # never waited for; a test that hangs ends


def test_as_many_as_there_are_workers_run_at_a_time_and_the_order_is_that_of_the_items():
    together = threading.Barrier(WORKERS, timeout=WAIT)
    threads = set()

    def work(number):
        together.wait()  # passes only where eight are here at once
        threads.add(threading.get_ident())
        return number * 2

    assert side_by_side(work, range(WORKERS * 5)) == [number * 2 for number in range(WORKERS * 5)]
    assert (len(threads), side_by_side(work, [])) == (WORKERS, [])


def test_an_item_that_fails_stands_in_its_place_and_stops_no_other():
    lost = {5: TenantAuthError("not this one", status=403), 3: StoreDenied("no"), 7: TenantNotFound("gone")}
    lost[40] = StoreUnreachable("cut", retryable=True)

    def work(number):
        if number in lost:
            raise lost[number]
        return number

    assert side_by_side(work, range(60)) == [lost.get(number, number) for number in range(60)]


FAILURES = [
    (TenantAuthError("who are you", status=401), 1000, 8),
    (StoreSealed("sealed"), 1000, 8),
    (StoreUnreachable("no connection", retryable=True), 1000, 16),
    (StoreDenied("no"), 1000, 40),
    (StoreDenied("no"), 2, 2),  # a failure of every item, however few they are
    (ZeroDivisionError(), 1000, 8),  # another error than ours
]


@pytest.mark.parametrize(("failure", "count", "most_asked"), FAILURES)
def test_a_failure_that_concerns_all_items_is_raised_soon(failure, count, most_asked):
    asked = []

    def work(number):
        asked.append(number)
        raise failure

    with pytest.raises(type(failure)) as caught:
        side_by_side(work, range(count))
    assert caught.value is failure
    assert len(asked) <= most_asked


def test_an_interrupt_waits_for_no_work_and_starts_none():
    may_end, asked = threading.Event(), []

    def work(number):
        asked.append(number)
        may_end.wait(WAIT)  # as in the middle of a wait for the rate budget

    def interrupted(_done, _total):
        raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, range(1000), on_progress=interrupted)
    workers = set(threading.enumerate()) - before
    assert len(workers) == WORKERS
    assert all(each.daemon for each in workers)  # the process can end
    may_end.set()
    for each in workers:
        each.join(WAIT)
    assert len(asked) == WORKERS


def test_progress_is_told_in_the_calling_thread_and_its_last_word_is_all():
    may_end, told = threading.Event(), []

    def on_progress(*counts):
        told.append((*counts, threading.get_ident()))
        may_end.set()

    side_by_side(lambda number: number and may_end.wait(WAIT), range(30), on_progress=on_progress)
    assert (len(told) > 1, told[-1]) == (True, (30, 30, threading.get_ident()))
    assert {(total, thread) for _, total, thread in told} == {(30, threading.get_ident())}
