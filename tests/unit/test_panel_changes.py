"""The panel's changes of keys without widgets, on the real sandbox: the plan first, then the deed."""

from __future__ import annotations

import uuid

import pytest

import qlik_keys as qk
from qlik_keys.panel.presenter import Presenter
from qlik_keys.panel.state import ChangeForm
from qlik_keys.settings import Settings

pytestmark = pytest.mark.openbao


@pytest.fixture
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant


@pytest.fixture
def store(box):
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store:
        yield store


@pytest.fixture
def presenter(tenant, store):
    made = Presenter(settings=Settings(), run=lambda task: task())
    made.use(tenant, store)
    yield made
    made.end_session()


@pytest.fixture
def made(tenant, store):
    return qk.provision(tenant, store, name=f"panel-{uuid.uuid4().hex[:10]}", scopes=["user_default"])


def current(tenant, store, made):
    return store.read(tenant.host, made.client_id).current.kid


def test_a_rotation_is_planned_and_then_done(presenter, tenant, store, made):
    form = ChangeForm(operation="rotate", client_id=made.client_id)
    presenter.plan_change(form)
    state = presenter.state
    assert (state.plan.client_name, state.plan.blocked, state.plan.is_empty) == (made.name, "", False)
    assert [step.step for step in state.steps] == ["make_next", "publish", "prove_next", "promote"]
    assert {step.phase for step in state.steps} == {"waiting"}
    assert current(tenant, store, made) == made.kid
    presenter.change(form)
    state = presenter.state
    assert (state.error, state.plan) == (None, None)
    assert {step.phase for step in state.steps} == {"done"}
    assert all(step.requests for step in state.steps)
    assert current(tenant, store, made) in state.changed != made.kid
    assert state.clients is not None


def test_another_wish_than_the_planned_one_is_planned_first(presenter, tenant, store, made):
    presenter.plan_change(ChangeForm(operation="rotate", client_id=made.client_id))
    presenter.change(ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours="0"))
    assert current(tenant, store, made) == made.kid
    assert presenter.state.plan.form.overlap_hours == "0"
    assert [step.step for step in presenter.state.steps][-2:] == ["retire", "purge"]


def test_what_would_be_refused_is_told_and_can_be_forced(presenter, tenant, store, made):
    qk.rotate(tenant, store, made.client_id)
    presenter.plan_change(ChangeForm(operation="retire", client_id=made.client_id))
    assert "may go in" in presenter.state.plan.blocked
    forced = ChangeForm(operation="retire", client_id=made.client_id, force=True)
    presenter.change(forced)
    assert presenter.state.plan.blocked == ""
    presenter.change(forced)
    assert made.kid in presenter.state.changed
    assert list(store.read(tenant.host, made.client_id).keys) == [current(tenant, store, made)]


def test_delete_wants_the_id_once_more(presenter, tenant, made):
    form = ChangeForm(operation="delete", client_id=made.client_id)
    presenter.plan_change(form)
    assert "Delete the client" in presenter.state.plan.irreversible[0]
    presenter.change(form)
    assert presenter.state.error.kind == "ConfigurationError"
    assert tenant.oauth_clients.get(made.client_id)
    presenter.change(ChangeForm(operation="delete", client_id=made.client_id, confirm=f" {made.client_id} "))
    assert presenter.state.changed == f"Deleted {made.client_id}."
    with pytest.raises(qk.errors.TenantNotFound):
        tenant.oauth_clients.get(made.client_id)


def test_what_is_wrong_is_a_card(presenter, made):
    presenter.plan_change(ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours="a day"))
    assert presenter.state.error.what == "The overlap is no number of hours."
    presenter.plan_change(ChangeForm(operation="rotate", client_id="0" * 32))
    assert presenter.state.error.kind == "StoreNotFound"
    assert presenter.state.plan is None


def test_a_plan_can_be_put_away_and_a_change_cancelled(presenter, tenant, store, made):
    form = ChangeForm(operation="revoke", client_id=made.client_id)
    presenter.plan_change(form)
    presenter.drop_plan()
    assert (presenter.state.plan, presenter.state.steps) == (None, ())
    presenter.plan_change(form)
    presenter.listen(
        lambda state: (
            presenter._cancel.set()
            if any(step.step == "publish" and step.phase == "running" for step in state.steps)
            else None
        )
    )
    presenter.change(form)
    assert presenter.state.error.kind == "Interrupted"
    assert current(tenant, store, made) == made.kid
    presenter.plan_change(ChangeForm(operation="resume"))
    assert presenter.state.plan.client_name == made.name
    presenter.change(ChangeForm(operation="resume"))
    assert made.name in presenter.state.changed
    assert current(tenant, store, made) != made.kid
