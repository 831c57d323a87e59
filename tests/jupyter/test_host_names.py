"""Magics and panel by two host names of one tenant."""

from __future__ import annotations

import contextlib

import pytest
from fixtures.host_names import TWO_ALTERNATIVES, aliased, alternative, folders
from fixtures.support import connected_controllers, newest_card

import qlik_keys as qk
from qlik_keys.jupyter.panel.model.forms import ChangeForm, TokenForm

__all__ = ["aliased", "alternative"]

pytestmark = pytest.mark.openbao

LEFT = {"orphaned-bot", "token-outlives-client"}  # of clients that other cases have deleted


@pytest.fixture(scope="module")
def box(aliased):
    """The sandbox of the shared fixtures, for this file one with two names."""
    return aliased.box


@pytest.fixture
def made(aliased, alternative):
    """A client that was made by the display name."""
    with aliased.display.sides() as (tenant, store):
        return qk.provision(tenant, store, name="by-display", scopes=["user_default"])


@TWO_ALTERNATIVES
def test_the_magics_by_the_alias(aliased, alternative, made, shell, monkeypatch):
    monkeypatch.setenv("QLIK_TENANT_URL", aliased.alias.tenant_url)
    row = shell.run_line_magic("qlik", "clients").set_index("client_id").loc[made.client_id]
    assert (row["current_kid"], row["findings"]) == (made.kid, ())
    assert {*shell.run_line_magic("qlik", "audit")["finding"]} <= LEFT
    assert shell.run_line_magic("qlik", f"doctor --client {made.client_id}").is_healthy
    rotated = shell.run_line_magic("qlik", f"rotate {made.client_id} --overlap-hours 0")
    with aliased.display.sides() as (tenant, store):
        assert store.read(tenant.host, made.client_id).current.kid != made.kid, rotated
    assert folders(aliased, made.client_id) == [aliased.display.host]


@contextlib.contextmanager
def panel_by(named):
    connected = connected_controllers(named)
    try:
        yield connected
    finally:
        for _ in range(2):  # the first time is a warning while a secret waits
            connected.connection.end_session()


@TWO_ALTERNATIVES
def test_the_panels_controllers_by_the_alias(aliased, alternative, made):
    with panel_by(aliased.alias) as panel:
        assert aliased.alias.host == panel.state.connection.tenant_host
        panel.clients.refresh()
        frame = panel.state.clients.frame.set_index("client_id")
        assert frame.loc[made.client_id, "findings"] == ()
        panel.audit.run()
        assert {*panel.state.audit.findings["finding"]} <= LEFT
        panel.doctor.examine(made.client_id)
        assert panel.state.doctor.diagnosis.is_healthy
        panel.token.request(TokenForm(client_id=made.client_id))
        assert newest_card(panel) is None
        for operation in ("rotate", "revoke"):
            panel.changes.plan(ChangeForm(operation=operation, client_id=made.client_id))
            panel.changes.apply(panel.state.change.plan.form)
            assert newest_card(panel) is None
            assert panel.state.results["change"].kind == "good"
        with aliased.display.sides() as (tenant, store):
            assert store.read(tenant.host, made.client_id).current.kid != made.kid
        panel.changes.plan(ChangeForm(operation="delete", client_id=made.client_id))
        panel.changes.apply(ChangeForm(operation="delete", client_id=made.client_id, confirm=made.client_id))
    assert folders(aliased, made.client_id) == []
