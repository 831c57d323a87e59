"""R1 to R12 for every operation: failing at its calls, and with another actor at them.

The faults take turns, from another one on for each row and custody. A row has every ninth call with each custody, so
that the rows of an operation share its calls; two actors meet at every sixth call. `make soak ARGS=--faults` has each
fault at each call, and `make soak` 10,000 schedules.
`fixtures/harness` says what a case is, and what is checked of it.
"""

from __future__ import annotations

import itertools

import pytest
from fixtures.harness import cases
from fixtures.harness.cases import Case, some_calls
from fixtures.harness.line import FAULTS
from fixtures.harness.schedules import Schedule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.openbao
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])


@BOTH
@pytest.mark.parametrize(("operation", "state"), cases.STATES)
def test_an_operation_that_fails_at_any_call_is_finished_or_forgotten(sides, operation, state, custody):
    case = Case(operation, state)
    cases.run(sides, case)
    row = cases.STATES.index((operation, state))
    faults = itertools.islice(itertools.cycle(FAULTS), row + len(FAULTS) // 2 * (custody == "transit"), None)
    assert cases.run_all(sides, case, faults, some_calls(row + 4 * (custody == "transit"), 9)) > 5


@pytest.mark.parametrize(("operation", "state", "other", "custody"), cases.MEETINGS)
def test_another_actor_at_any_call_leaves_one_winner_and_working_logins(sides, operation, state, other):
    calls = some_calls(len(operation + other), 6)
    assert cases.run_all(sides, Case(operation, state, other=other), itertools.repeat(""), calls) > 5


@settings(max_examples=25, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_order_of_operations_under_any_fault(openbao, data):
    """A failure prints the schedule, and the blob by which Hypothesis repeats it exactly."""
    Schedule(openbao, lambda options: data.draw(st.sampled_from(list(options)))).run(steps=5)
