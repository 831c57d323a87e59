"""The local count of Qlik's rate limits: paced before a 429, and one tier's wait is not the other's."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from qlik_keys.errors import TenantThrottled
from qlik_keys.tenant import RateBudget


def test_the_window_allows_the_published_figures_and_then_paces(clock):
    budget = RateBudget(clock=clock)
    assert {budget.acquire(2) for _ in range(500)} == {0}
    assert budget.snapshot()[2].used == budget.snapshot()[2].limit == 500
    assert budget.snapshot()[1].limit == 5000
    assert budget.acquire(2) == 300
    assert clock.slept == [300]


def test_a_request_leaves_the_window_at_its_boundary_second(clock):
    budget = RateBudget(limits_per_minute={1: 1}, window_seconds=60, clock=clock)
    budget.acquire(1)
    for seconds, used in ((59.5, 1), (0.5, 0)):
        clock.advance(seconds)
        assert budget.snapshot()[1].used == used
    assert budget.acquire(1) == 0


def test_a_block_holds_its_own_tier_until_its_end(clock):
    budget = RateBudget(clock=clock)
    budget.block(2, 30)
    budget.block(2, 5)  # a shorter block does not end a longer one
    shown = budget.snapshot()[2]
    assert (shown.blocked_seconds, shown.blocked_until) == (30, clock.time() + 30)
    assert (budget.acquire(1), clock.slept) == (0, [])
    assert budget.acquire(2) == 30
    shown = budget.snapshot()[2]
    assert (shown.blocked_seconds, shown.blocked_until) == (0, None)
    for seconds in (1e12, float("inf")):
        budget.block(1, seconds)
        assert budget.snapshot()[1].blocked_seconds == 300


def test_beyond_the_patience_nothing_is_waited_for(clock):
    budget = RateBudget(clock=clock)
    budget.block(1, 30)
    with pytest.raises(TenantThrottled) as caught:
        budget.acquire(1, patience_seconds=29)
    assert (caught.value.retry_after, caught.value.outcome, caught.value.retryable) == (30, "not_applied", True)
    assert clock.slept == []


def test_threads_never_take_more_than_the_window_allows(clock):
    budget = RateBudget(limits_per_minute={1: 60}, window_seconds=60, clock=clock)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: budget.acquire(1), range(200)))
    assert len(taken) == 200
    assert sum(clock.slept) >= 180
    assert budget.snapshot()[1].used <= 60
