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
def plan(controllers, made):
    """Open a change and return its plan."""

    def open_plan(operation, **options):
        controllers.changes.plan(ChangeForm(operation=operation, client_id=made.client_id, **options))
        return controllers.state.change.plan

    return open_plan


@pytest.fixture
def applied(controllers, plan):
    """Plan a change, apply it, and return the result in words."""

    def change(operation, **options):
        controllers.changes.apply(plan(operation, **options).form)
        return controllers.state.results["change"].words

    return change


def test_a_rotation_is_planned_and_then_made(controllers, made, current, plan):
    shown = plan("rotate")
    assert (shown.client_name, shown.blocked, shown.is_empty) == (made.name, "", False)
    steps = controllers.state.change.steps
    assert [step.step for step in steps] == ["make_next", "publish", "verify_next", "promote"]
    assert {step.phase for step in steps} == {"waiting"}
    assert current() == made.kid
    controllers.changes.apply(shown.form)
    change, result = controllers.state.change, controllers.state.results["change"]
    assert (change.plan, result.kind) == (None, "good")
    assert {step.phase for step in change.steps} == {"done"}
    assert all(step.requests for step in change.steps)
    assert current() in result.words
    assert current() != made.kid
    assert controllers.state.clients.frame is not None


def test_the_plan_follows_its_options_at_once_and_no_other_plan_is_applied(controllers, made, current, plan):
    form = plan("rotate").form
    other = ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours="0")
    controllers.changes.apply(other)
    assert (current(), newest_card(controllers).what) == (made.kid, FOLLOWS)
    assert controllers.state.change.plan.form == form
    controllers.changes.choose(other)
    assert controllers.changes.problem_of(other) == ""
    assert [step.step for step in controllers.state.change.steps][-2:] == ["retire", "purge"]
    controllers.changes.choose(form)
    assert [step.step for step in controllers.state.change.steps][-1] == "promote"


@pytest.mark.parametrize("hours", ["a day", "1e999"])
def test_an_option_that_is_no_value_is_explained_in_the_plan(controllers, made, plan, hours):
    plan("rotate")
    wrong = ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours=hours)
    controllers.changes.choose(wrong)
    shown = controllers.state.change.plan
    assert shown.blocked == controllers.changes.problem_of(wrong) == "The overlap is not a number of hours."
    assert shown.hint.startswith("Type a number")
    controllers.changes.choose(ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours="168"))
    assert controllers.state.change.plan.blocked == ""


def test_options_that_come_while_a_plan_is_computed_are_planned_next(box, made):
    tasks = []
    controllers = PanelControllers(settings=Settings(), run=tasks.append)
    controllers.connection.connect(lambda: connect_form(box))
    tasks.pop()()
    controllers.changes.plan(ChangeForm(operation="rotate", client_id=made.client_id))
    tasks.pop()()
    newest = [ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours=hours) for hours in "123"]
    for form in newest:
        controllers.changes.choose(form)
        assert not controllers.state.change.plan_is_current
        assert controllers.changes.problem_of(form) == FOLLOWS
    [follow] = tasks
    follow()
    assert controllers.state.change.plan.form == newest[-1]
    tasks.clear()
    controllers.changes.choose(newest[0])
    controllers.changes.discard()
    tasks.pop()()
    assert (controllers.state.change.plan, controllers.state.change.steps) == (None, ())
    controllers.connection.end_session(wait=True)


def test_a_plan_that_cannot_be_computed_says_so_and_is_not_applied(controllers, made, plan):
    plan("rotate")
    tenant, controllers.connection.tenant = controllers.connection.tenant, None
    form = ChangeForm(operation="rotate", client_id=made.client_id, allow_swap=True)
    controllers.changes.choose(form)
    assert controllers.state.change.plan.blocked == controllers.changes.problem_of(form) == "Nothing is connected."
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


def test_what_would_be_refused_is_explained_and_can_be_forced(controllers, made, current, plan):
    tenant, key_store = controllers.connection.connected()
    qk.rotate(tenant, key_store, made.client_id)
    shown = plan("retire")
    assert "can be removed in" in shown.blocked
    controllers.changes.apply(shown.form)
    assert "can be removed in" in newest_card(controllers).what
    forced = ChangeForm(operation="retire", client_id=made.client_id, force=True)
    controllers.changes.choose(forced)
    assert controllers.state.change.plan.blocked == ""
    controllers.changes.apply(forced)
    assert made.kid in controllers.state.results["change"].words
    assert list(key_store.read(tenant.host, made.client_id).keys) == [current()]


def test_delete_needs_the_id_once_more(controllers, tenant, made, plan, applied):
    assert "Delete the client" in plan("delete").irreversible[0]
    differs = f"That is not the client's id, which is {made.client_id}."
    for wrong, why in (("", "Type the client's id to confirm."), (made.name, differs), (made.client_id[:-1], differs)):
        unconfirmed = ChangeForm(operation="delete", client_id=made.client_id, confirm=wrong)
        assert controllers.changes.problem_of(unconfirmed) == why
        controllers.changes.apply(unconfirmed)
        assert newest_card(controllers).kind == "ConfigurationError"
        assert tenant.oauth_clients.get(made.client_id)
    assert applied("delete", confirm=f" {made.client_id} ").startswith(
        f"Deleted {made.name} ({made.client_id}). Its bot"
    )
    with pytest.raises(qk.errors.TenantNotFound):
        tenant.oauth_clients.get(made.client_id)


def test_a_plan_can_be_discarded_and_a_change_cancelled_and_resumed(controllers, made, current, plan):
    qk.resume(*controllers.connection.connected())  # what other tests interrupted would be in the plan below, too
    form = plan("revoke").form
    controllers.changes.discard()
    assert (controllers.state.change.plan, controllers.state.change.steps) == (None, ())
    plan("revoke")

    def cancel(state):
        if any(step.step == "publish" and step.phase == "running" for step in state.change.steps):
            controllers.work.steps.cancelled.set()

    controllers.store.listen(cancel, "change")
    controllers.changes.apply(form)
    assert (newest_card(controllers).kind, current()) == ("Interrupted", made.kid)
    # Tenant and store are no longer what it was made for: the plan is gone, and can be made again from its defaults.
    assert controllers.state.change.plan is None
    assert controllers.state.results["change"].retry == form
    controllers.changes.plan(ChangeForm(operation="resume"))
    assert controllers.state.change.plan.client_name == made.name
    controllers.changes.apply(ChangeForm(operation="resume"))
    assert made.name in controllers.state.results["change"].words
    assert current() != made.kid


def test_a_client_without_a_key_in_the_vault_is_pointed_to_adopt(controllers, tenant, key_store, made, plan):
    key_store.delete(tenant.host, made.client_id)
    for operation in ("rotate", "revoke", "retire"):
        shown = plan(operation)
        assert (newest_card(controllers), shown.client_name, shown.form.operation) == (None, made.name, operation)
        assert shown.blocked.startswith(f"There is no key of client {made.client_id}")
        assert shown.hint.startswith("Adopt gives the client a key that qlik_keys manages")


def test_consent_and_publication_are_set_after_their_plan_was_shown(controllers, tenant, made, plan, applied):
    for operation, consent in (("distrust", "required"), ("trust", "trusted")):
        assert plan(operation).notes
        assert tenant.oauth_clients.connection_config(made.client_id).consent_method != consent
        assert applied(operation) == f"{made.name}: the consent method is now {consent}."
        assert tenant.oauth_clients.connection_config(made.client_id).consent_method == consent
        [step] = controllers.state.change.steps
        assert (step.phase, [request.status for request in step.requests]) == ("done", [204])
    assert plan("publish").irreversible == ("Publish the client",)
    assert applied("publish").startswith(f"{made.name}: published at 20")


def test_the_plan_to_trust_a_client_says_that_others_could_log_in_too(tenant, key_store, made, plan):
    alone = plan("trust").notes
    keys = [*tenant.oauth_clients.get(made.client_id).public_keys, qk.generate(qk.KeySpec("ES384")).public]
    tenant.oauth_clients.patch(made.client_id, [PatchOperation("replace", "/publicKeys", keys)])
    [risk] = [note for note in plan("trust").notes if note not in alone]
    client = tenant.oauth_clients.get(made.client_id)
    assert risk == str(risk_of_wider_rights(key_store, tenant.host, client))
    with pytest.raises(ManualActionRequired):
        qk.fix(tenant, key_store, made.client_id, "trust")


def test_a_setting_that_fails_is_a_card_and_its_step_failed(controllers, made, box, applied):
    path = f"/api/v1/oauth-clients/{made.client_id}/actions/publish"
    box.configure(fail_next=[{"method": "POST", "path": path, "fault": 403}])
    applied("publish")
    assert newest_card(controllers).kind == "TenantAuthError"
    assert [step.phase for step in controllers.state.change.steps] == ["failed"]


def test_client_secrets_are_made_shown_once_and_deleted(controllers, tenant, provisioned, plan):
    made = provisioned(client_secret=True)
    adding, removing = (
        ChangeForm(operation=name, client_id=made.client_id) for name in ("add_secret", "remove_secret")
    )
    warned = []
    for _ in range(4):
        controllers.changes.plan(adding)
        warned.append("are not stored yet" in controllers.state.change.plan.notes[-1])
        controllers.changes.apply(adding)
        assert controllers.state.secrets.owner == made.name
        assert controllers.state.results["change"].words.startswith(
            f"{made.name}: made the client secret with the hint "
        )
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
