"""The panel's changes of keys without widgets, on the real sandbox: the plan first, then the deed."""

from __future__ import annotations

import uuid

import pytest

import qlik_keys as qk
from qlik_keys.panel.client_table import ClientTable
from qlik_keys.panel.client_views import ClientChangesView
from qlik_keys.panel.presenter import Presenter
from qlik_keys.panel.state import ChangeForm, ClientForm
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


@pytest.fixture
def made_and_other(tenant, store, made):
    return made, qk.provision(tenant, store, name=f"panel-{uuid.uuid4().hex[:10]}", scopes=["user_default"])


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


def test_consent_is_set_after_its_plan_was_seen(presenter, tenant, made):
    for operation, consent in (("distrust", "required"), ("trust", "trusted")):
        form = ChangeForm(operation=operation, client_id=made.client_id)
        presenter.plan_change(form)
        assert presenter.state.plan.notes
        before = tenant.oauth_clients.connection_config(made.client_id).consent_method
        assert before != consent
        presenter.change(form)
        assert tenant.oauth_clients.connection_config(made.client_id).consent_method == consent
        assert presenter.state.changed == f"The consent method is {consent} now."
        [step] = presenter.state.steps
        assert (step.phase, [request.status for request in step.requests]) == ("done", [204])


def test_publishing_cannot_be_undone(presenter, tenant, made):
    form = ChangeForm(operation="publish", client_id=made.client_id)
    presenter.plan_change(form)
    assert presenter.state.plan.irreversible == ("Publish the client",)
    presenter.change(form)
    assert presenter.state.changed.startswith("Published at 20")


def test_client_secrets_are_made_shown_once_and_deleted(presenter, tenant, store):
    name = f"panel-{uuid.uuid4().hex[:10]}"
    made = qk.provision(tenant, store, name=name, scopes=["user_default"], client_secret=True)
    adding = ChangeForm(operation="add_secret", client_id=made.client_id)
    for _ in range(4):
        presenter.plan_change(adding)
        presenter.change(adding)
        assert presenter.state.secret_of == name
    secret = presenter.client_secret()
    assert secret.reveal() not in repr(presenter.state)
    for left in (3, 2, 1, 0):
        presenter.client_secret_is_stored()
        assert presenter.state.secrets_waiting == left
    assert (presenter.client_secret(), presenter.state.secret_of) == (None, "")
    presenter.plan_change(adding)
    assert "5 client secrets" in presenter.state.plan.blocked

    removing = ChangeForm(operation="remove_secret", client_id=made.client_id)
    presenter.plan_change(removing)
    hints = presenter.state.plan.hints
    assert len(hints) == 5
    presenter.change(removing)
    assert presenter.state.error.what == "No client secret is chosen."
    chosen = ChangeForm(operation="remove_secret", client_id=made.client_id, hint=hints[0])
    presenter.change(chosen)
    left = tenant.oauth_clients.get(made.client_id).client_secrets
    assert [each.hint for each in left] == [*hints[1:]]


def test_a_secret_for_a_client_that_has_no_such_login_is_refused_in_the_plan(presenter, made):
    presenter.plan_change(ChangeForm(operation="add_secret", client_id=made.client_id))
    assert "does not log in by client secret" in presenter.state.plan.blocked
    presenter.plan_change(ChangeForm(operation="remove_secret", client_id=made.client_id))
    assert presenter.state.plan.blocked == "It has no client secret."


def test_a_setting_that_fails_is_a_card(presenter, tenant, made, box):
    form = ChangeForm(operation="publish", client_id=made.client_id)
    presenter.plan_change(form)
    box.configure(
        fail_next=[{"method": "POST", "path": f"/api/v1/oauth-clients/{made.client_id}/actions/publish", "fault": 403}]
    )
    presenter.change(form)
    assert presenter.state.error.kind == "TenantAuthError"
    assert [step.phase for step in presenter.state.steps] == ["failed"]


NOT_REFRESHED = "The list of clients could not be refreshed: refresh it in the tab Clients."


def test_a_client_that_was_made_is_a_success_where_the_list_cannot_be_refreshed(presenter, tenant):
    presenter.listen(lambda state: tenant.close() if state.made else None)
    presenter.make_client(ClientForm(name=f"panel-{uuid.uuid4().hex[:10]}", scopes=("user_default",)))
    state = presenter.state
    assert (state.error, state.work) == (None, "")
    assert state.made.created
    assert state.made.warnings[-1:] == (NOT_REFRESHED,)
    assert {step.phase for step in state.steps} == {"done"}


@pytest.mark.parametrize("operation", ["rotate", "delete"])
def test_a_change_that_was_made_is_a_success_where_the_list_cannot_be_refreshed(presenter, tenant, made, operation):
    form = ChangeForm(operation=operation, client_id=made.client_id, confirm=made.client_id)
    presenter.plan_change(form)
    presenter.listen(lambda state: tenant.close() if state.changed else None)
    presenter.change(form)
    state = presenter.state
    assert (state.error, state.work, state.plan) == (None, "", None)
    assert state.changed.endswith(f" {NOT_REFRESHED}")
    assert made.client_id in state.changed or made.name in state.changed


def test_a_deleted_client_is_no_longer_among_those_made_here(presenter):
    names = [f"panel-{uuid.uuid4().hex[:10]}" for _ in range(2)]
    for name in names:
        presenter.make_client(ClientForm(name=name, scopes=("user_default",)))
    first, second = presenter.state.made_here
    form = ChangeForm(operation="delete", client_id=first.client_id, confirm=first.client_id)
    presenter.plan_change(form)
    presenter.change(form)
    assert presenter.state.error is None
    assert presenter.state.made_here == (second,)


def descendants(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from descendants(child)


def described(view, words):
    return next(each for each in descendants(view.widget) if getattr(each, "description", "").startswith(words))


def press(view, words):
    button = described(view, words)
    ids = {each.model_id: each for each in descendants(view.widget) if hasattr(each, "model_id")}
    values = [getattr(ids[model], trait) if model in ids else [] for model, trait in button.fields]
    button._handle_custom_msg({"kind": "click", "values": values}, [])


@pytest.mark.parametrize(
    ("operation", "words", "option"),
    [
        ("Retire", "By force", "force"),
        ("Adopt", "Then take", "remove_secrets"),
        ("Rotate", "Swap", "allow_swap"),
        ("Delete", "Leave its keys", "keep_secret"),
    ],
)
def test_each_plan_starts_from_the_defaults(presenter, made_and_other, operation, words, option):
    table = ClientTable()
    view = ClientChangesView(presenter, table)
    presenter.listen(view.draw)
    for each in made_and_other:
        presenter.select([each.client_id])
        table.selected = [each.client_id]
        press(view, operation)
        assert presenter.state.plan.form.client_id == each.client_id
        assert getattr(presenter.state.plan.form, option) is False
        assert described(view, words).value is False
        described(view, words).value = True
