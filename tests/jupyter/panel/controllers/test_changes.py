"""Changes of a client: the plan first, which follows its options, and then the change of that plan and no other."""

from __future__ import annotations

import pytest
from fixtures.support import connect_form, newest_card

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.errors import ManualActionRequired
from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
from qlik_keys.jupyter.panel.model.forms import ChangeForm
from qlik_keys.lifecycle.ownership import risk_of_wider_rights
from qlik_keys.tenant import PatchOperation

pytestmark = pytest.mark.openbao
FOLLOWS = "The plan is being updated for your last choice."


@pytest.fixture
def current(tenant, key_store, made):
    """Return the current kid of the client."""
    return lambda: key_store.read(tenant.host, made.client_id).current.kid


@pytest.fixture
def form(made):
    return lambda operation, **options: ChangeForm(operation=operation, client_id=made.client_id, **options)


@pytest.fixture
def plan(controllers, form):
    """Open a change and return its plan."""

    def open_plan(operation, **options):
        controllers.changes.plan(form(operation, **options))
        return controllers.state.change.plan

    return open_plan


@pytest.fixture
def applied(controllers, plan):
    """Plan a change, apply it, and return the result in words."""

    def change(operation, **options):
        controllers.changes.apply(plan(operation, **options).form)
        return controllers.state.results["change"].words

    return change


def test_a_rotation_is_planned_and_then_made_as_its_plan_says(controllers, made, current, plan, form):
    shown = plan("rotate")
    assert (shown.client_name, shown.blocked, shown.is_empty) == (made.name, "", False)
    planned = [("make_next", "waiting"), ("publish", "waiting"), ("verify_next", "waiting"), ("promote", "waiting")]

    def steps():
        return [(step.step, step.phase) for step in controllers.state.change.steps]

    assert steps() == planned
    at_once = form("rotate", overlap_hours="0")
    controllers.changes.apply(at_once)
    assert (current(), newest_card(controllers).what) == (made.kid, FOLLOWS)
    assert controllers.state.change.plan.form == shown.form
    controllers.changes.choose(at_once)
    assert controllers.changes.problem_of(at_once) == ""
    assert [step for step, _ in steps()][-2:] == ["retire", "purge"]
    for hours in ("a day", "1e999"):
        wrong = form("rotate", overlap_hours=hours)
        controllers.changes.choose(wrong)
        refused = controllers.state.change.plan
        assert refused.blocked == controllers.changes.problem_of(wrong) == "The overlap is not a number of hours."
        assert refused.hint.startswith("Type a number")
    controllers.changes.choose(shown.form)
    assert (steps(), controllers.state.change.plan.blocked) == (planned, "")
    controllers.changes.apply(shown.form)
    change, result = controllers.state.change, controllers.state.results["change"]
    assert (change.plan, result.kind) == (None, "good")
    assert {phase for _, phase in steps()} == {"done"}
    assert all(step.requests for step in change.steps)
    assert current() in result.words
    assert current() != made.kid
    assert controllers.state.clients.frame is not None


def test_options_that_come_while_a_plan_is_computed_are_planned_next(box, form):
    tasks = []
    controllers = PanelControllers(settings=Settings(), run=tasks.append)
    controllers.connection.connect(lambda: connect_form(box))
    tasks.pop()()
    controllers.changes.plan(form("rotate"))
    tasks.pop()()
    newest = [form("rotate", overlap_hours=hours) for hours in "123"]
    for each in newest:
        controllers.changes.choose(each)
        assert not controllers.state.change.plan_is_current
        assert controllers.changes.problem_of(each) == FOLLOWS
    [follow] = tasks
    follow()
    assert controllers.state.change.plan.form == newest[-1]
    tasks.clear()
    controllers.changes.choose(newest[0])
    controllers.changes.discard()
    tasks.pop()()
    assert (controllers.state.change.plan, controllers.state.change.steps) == (None, ())
    controllers.connection.end_session(wait=True)


def test_options_that_come_before_the_planning_has_ended_are_taken(controllers, form):
    at_once = form("rotate", overlap_hours="0")

    def choose(state):
        if state.change.plan is not None and state.work.doing.startswith("Planning"):
            controllers.changes.choose(at_once)

    controllers.store.listen(choose, "change")
    controllers.changes.plan(form("rotate"))
    assert controllers.state.change.plan.form == at_once
    assert controllers.changes.problem_of(at_once) == ""


def test_a_plan_that_cannot_be_computed_says_so_and_is_not_applied(controllers, plan, form):
    plan("rotate")
    tenant, controllers.connection.tenant = controllers.connection.tenant, None
    swapping = form("rotate", allow_swap=True)
    controllers.changes.choose(swapping)
    assert controllers.state.change.plan.blocked == controllers.changes.problem_of(swapping) == "Nothing is connected."
    controllers.connection.tenant = tenant
    controllers.changes.plan(ChangeForm(operation="rotate", client_id="0" * 32))
    assert (newest_card(controllers).kind, controllers.state.change.plan) == ("TenantNotFound", None)


def test_a_plan_is_discarded_when_another_client_is_selected(controllers, provisioned, made, plan):
    other = provisioned()
    for selected in ([other.client_id], [], [made.client_id, other.client_id]):
        plan("delete")
        assert controllers.state.clients.selected == (made.client_id,)
        controllers.clients.select(selected)
        assert (controllers.state.change.plan, controllers.state.change.steps) == (None, ())
    controllers.changes.plan(ChangeForm(operation="resume"))
    controllers.clients.select([made.client_id])
    assert controllers.state.change.plan is not None


def test_what_would_be_refused_is_explained_and_can_be_forced(controllers, made, plan, form):
    tenant, key_store = controllers.connection.connected()
    qk.rotate(tenant, key_store, made.client_id)
    shown = plan("retire")
    assert "can be removed in" in shown.blocked
    controllers.changes.apply(shown.form)
    assert "can be removed in" in newest_card(controllers).what
    forced = form("retire", force=True)
    controllers.changes.choose(forced)
    assert controllers.state.change.plan.blocked == ""
    controllers.changes.apply(forced)
    assert made.kid in controllers.state.results["change"].words
    [left] = key_store.read(tenant.host, made.client_id).keys
    assert left != made.kid
    key_store.delete(tenant.host, made.client_id)
    for operation in ("rotate", "revoke", "retire"):
        shown = plan(operation)
        assert (newest_card(controllers), shown.client_name, shown.form.operation) == (None, made.name, operation)
        assert shown.blocked.startswith(f"There is no key of client {made.client_id}")
        assert shown.hint.startswith("Adopt gives the client a key that qlik_keys manages")


def test_delete_needs_the_id_once_more(controllers, made, plan, applied, form):
    clients = controllers.connection.tenant.oauth_clients
    assert "Delete the client" in plan("delete").irreversible[0]
    differs = f"That is not the client's id, which is {made.client_id}."
    for wrong, why in (("", "Type the client's id to confirm."), (made.name, differs), (made.client_id[:-1], differs)):
        unconfirmed = form("delete", confirm=wrong)
        assert controllers.changes.problem_of(unconfirmed) == why
        controllers.changes.apply(unconfirmed)
        assert newest_card(controllers).kind == "ConfigurationError"
        assert clients.get(made.client_id)
    deleted = applied("delete", confirm=f" {made.client_id} ")
    assert deleted.startswith(f"Deleted {made.name} ({made.client_id}). Its bot user")
    with pytest.raises(qk.errors.TenantNotFound):
        clients.get(made.client_id)


def test_a_change_is_cancelled_and_resumed(controllers, made, current, plan):
    qk.resume(*controllers.connection.connected())  # what other tests interrupted would be in the plan below, too
    shown = plan("revoke")

    def cancel(state):
        if any(step.step == "publish" and step.phase == "running" for step in state.change.steps):
            controllers.work.steps.cancelled.set()

    controllers.store.listen(cancel, "change")
    controllers.changes.apply(shown.form)
    assert (newest_card(controllers).kind, current()) == ("Interrupted", made.kid)
    # Tenant and store are no longer what it was made for: the plan is gone, and can be made again from its defaults.
    assert controllers.state.change.plan is None
    assert controllers.state.results["change"].retry == shown.form
    controllers.changes.plan(ChangeForm(operation="resume"))
    assert controllers.state.change.plan.client_name == made.name
    controllers.changes.apply(ChangeForm(operation="resume"))
    assert made.name in controllers.state.results["change"].words
    assert current() != made.kid


def test_consent_and_publication_are_set_after_their_plan_was_shown(controllers, made, box, plan, applied):
    consent_of = controllers.connection.tenant.oauth_clients.connection_config
    for operation, consent in (("distrust", "required"), ("trust", "trusted")):
        assert plan(operation).notes
        assert consent_of(made.client_id).consent_method != consent
        assert applied(operation) == f"{made.name}: the consent method is now {consent}."
        assert consent_of(made.client_id).consent_method == consent
        [step] = controllers.state.change.steps
        assert (step.phase, [request.status for request in step.requests]) == ("done", [204])
    path = f"/api/v1/oauth-clients/{made.client_id}/actions/publish"
    box.configure(fail_next=[{"method": "POST", "path": path, "fault": 403}])
    applied("publish")
    assert newest_card(controllers).kind == "TenantAuthError"
    assert [step.phase for step in controllers.state.change.steps] == ["failed"]
    assert plan("publish").irreversible == ("Publish the client",)
    assert applied("publish").startswith(f"{made.name}: published at 20")


def test_the_plan_to_trust_a_client_says_that_others_could_log_in_too(tenant, key_store, made, plan):
    alone = plan("trust").notes
    keys = [*tenant.oauth_clients.get(made.client_id).public_keys, qk.generate(qk.KeySpec("ES384")).public]
    tenant.oauth_clients.patch(made.client_id, [PatchOperation("replace", "/publicKeys", keys)])
    [risk] = [note for note in plan("trust").notes if note not in alone]
    assert risk == str(risk_of_wider_rights(key_store, tenant.host, tenant.oauth_clients.get(made.client_id)))
    with pytest.raises(ManualActionRequired):
        qk.fix(tenant, key_store, made.client_id, "trust")


def test_client_secrets_are_made_shown_once_and_deleted(controllers, tenant, provisioned, plan):
    made = provisioned(client_secret=True)
    adding, removing = (ChangeForm(operation=f"{verb}_secret", client_id=made.client_id) for verb in ("add", "remove"))
    warned = []
    for _ in range(4):
        controllers.changes.plan(adding)
        warned.append("are not stored yet" in controllers.state.change.plan.notes[-1])
        controllers.changes.apply(adding)
        assert controllers.state.secrets.owner == made.name
        words = controllers.state.results["change"].words
        assert words.startswith(f"{made.name}: made the client secret with the hint ")
    assert warned == [False, False, True, True]
    assert controllers.secrets.first().reveal() not in repr(controllers.state)
    controllers.changes.plan(adding)
    assert "5 client secrets" in controllers.state.change.plan.blocked
    controllers.changes.plan(removing)
    hints = controllers.state.change.plan.hints
    assert len(hints) == 5
    controllers.changes.apply(removing)
    assert newest_card(controllers).what == "Choose which client secret to delete."
    controllers.changes.apply(ChangeForm(operation="remove_secret", client_id=made.client_id, hint=hints[0]))
    left = tenant.oauth_clients.get(made.client_id).client_secrets
    assert [each.hint for each in left] == [*hints[1:]]
    assert "does not log in by client secret" in plan("add_secret").blocked  # another client, without such a login
    assert plan("remove_secret").blocked == "The client has no client secret."
