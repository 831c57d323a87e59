"""The probe in the panel: its plan, its report, and that nothing happens before it is confirmed."""

from __future__ import annotations

import pytest
from fixtures.support import connected_controllers

from qlik_keys.diagnosis.probe.throwaway import leftovers
from qlik_keys.jupyter.panel.model.state import ProbeState


@pytest.fixture
def controllers(box):
    return connected_controllers(box)


def test_a_plan_comes_first_and_can_be_discarded(controllers):
    tenant, _ = controllers.connection.connected()
    controllers.probe.plan()
    assert controllers.state.probe.plan.startswith(f"It creates a client named qlik_keys-probe on {tenant.host}")
    controllers.probe.discard()
    assert controllers.state.probe == ProbeState()


def test_the_report_is_shown_and_nothing_is_left(controllers):
    tenant, store = controllers.connection.connected()
    controllers.probe.plan()
    controllers.probe.start()
    state = controllers.state
    assert (state.probe.plan, state.work.doing) == ("", "")
    assert state.probe.report.startswith("Probe of the tenant, ")
    assert state.results["probe"].words.startswith("24 answers")
    assert [*leftovers(tenant)] == []
    assert store.read_profile(tenant.host).keys_form == "objects"


def test_a_look_makes_no_client(controllers):
    controllers.probe.start(read_only=True)
    assert controllers.state.results["probe"].words.startswith("8 answers")
    assert "changes" not in controllers.state.probe.report
