"""Three hundred random schedules of two actors under faults; `make soak` runs ten thousand (fixtures/schedules.py)."""

from __future__ import annotations

import pytest
from fixtures.schedules import Schedule
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.openbao


@settings(max_examples=300, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_order_of_operations_under_any_fault(openbao, data):
    """A failure prints the schedule, and the blob by which Hypothesis repeats it exactly."""
    Schedule(openbao, lambda options: data.draw(st.sampled_from(list(options)))).run(steps=5)
