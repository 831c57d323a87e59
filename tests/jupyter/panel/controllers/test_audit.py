"""The table of clients and the audit: what is selected, what may be out of date, and the fix of a finding."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fixtures.support import machine_client, newest_card

import qlik_keys as qk
from qlik_keys.jupyter.panel.model.forms import CallForm, ChangeForm, ClientForm, TokenForm
from qlik_keys.tenant import PatchOperation

pytestmark = pytest.mark.openbao
NOT_REFRESHED = "The list of clients could not be refreshed: refresh it in the tab Clients."


@pytest.fixture
def change(controllers):
    """Plan a change and apply it."""

    def apply(form, before=lambda: None):
        controllers.changes.plan(form)
        before()
        controllers.changes.apply(form)

    return apply


def test_what_is_selected_is_a_frame_and_is_not_sent_back_to_the_table(controllers, made):
    clients = controllers.clients
    assert clients.selected() is None
    clients.refresh()
    for chosen, names in (([], []), ([made.client_id], [made.name])):
        clients.select(chosen)
        assert list(clients.selected()["name"]) == names
    clients.select(["0" * 32])
    clients.refresh()
    assert controllers.state.clients.selected == ()
    for in_table, selections in ((True, 0), (False, 1)):
        before = controllers.state.clients.selections
        for _ in range(2):
            clients.select([f"client-{in_table}"], in_table=in_table)
        assert controllers.state.clients.selections - before == selections


def test_a_finding_leads_to_the_plan_of_what_fixes_it(controllers, tenant):
    client_id = tenant.oauth_clients.create(machine_client("audited")).client.client_id
    try:
        controllers.audit.run()
        found = controllers.state.audit.findings
        assert list(found[found.client_id == client_id]["finding"]) == ["secret-only"]
        controllers.audit.show_finding("secret-only")
        assert (controllers.state.tab, controllers.state.clients.finding) == ("Clients", "secret-only")
        controllers.audit.fix("secret-only", client_id)
        plan = controllers.state.change.plan
        assert (controllers.state.clients.selected, plan.form.operation, plan.blocked) == ((client_id,), "adopt", "")
        controllers.audit.fix("unfinished", "")
        assert controllers.state.change.plan.form.operation == "resume"
    finally:
        tenant.oauth_clients.delete(client_id)


def test_findings_that_are_left_stay_after_a_change_and_a_resume_names_its_clients(
    controllers, tenant, key_store, made, change
):
    [old] = tenant.oauth_clients.get(made.client_id).public_keys
    qk.revoke(tenant, key_store, made.client_id)
    [new] = tenant.oauth_clients.get(made.client_id).public_keys
    tenant.oauth_clients.patch(made.client_id, [PatchOperation("replace", "/publicKeys", [old, new])])
    tenant.oauth_clients.set_consent(made.client_id, "required")

    def found():
        rows = controllers.state.audit.findings
        return list(rows[rows["client_id"] == made.client_id]["finding"])

    def apply_plan():
        controllers.changes.apply(controllers.state.change.plan.form)

    controllers.audit.run()
    assert found() == ["removed-key-registered", "consent-not-trusted"]
    controllers.audit.fix("consent-not-trusted", made.client_id)
    apply_plan()
    assert found() == ["removed-key-registered"]
    controllers.audit.fix("removed-key-registered", made.client_id)
    notes = controllers.state.change.plan.notes
    assert any(note.startswith("What was interrupted: ") and made.name in note for note in notes)
    apply_plan()
    assert found() == []
    controllers.clients.refresh()
    assert controllers.state.results["clients"].words.endswith(" listed.")
    change(ChangeForm(operation="delete", client_id=made.client_id, confirm=made.client_id))
    assert found() == ["orphaned-bot"]
    controllers.audit.fix("orphaned-bot", made.client_id)
    form = controllers.state.change.plan.form
    assert (form.operation, form.remove_bot) == ("delete", True)
    controllers.changes.apply(replace(form, confirm=made.client_id))
    assert found() == []
    assert "clients" not in controllers.state.results  # there are fewer by now


def test_a_table_that_may_be_out_of_date_says_so_until_it_is_refreshed(controllers, made, box, change):
    def fail(path):
        box.configure(fail_next=[{"method": "POST", "path": path, "fault": 403}])

    def publish():
        path = f"/api/v1/oauth-clients/{made.client_id}/actions/publish"
        change(ChangeForm(operation="publish", client_id=made.client_id), lambda: fail(path))

    def make():
        fail("/api/v1/oauth-clients")
        controllers.new_client.make(ClientForm(name="out-of-date", scopes=("user_default",)))

    def fix():
        controllers.doctor.examine(made.client_id)
        controllers.doctor.fix("no such fix")

    def call():
        controllers.token.request(TokenForm(client_id=made.client_id))
        controllers.calls.call(CallForm(method="GET", path="v1/oauth-clients"))
        assert not controllers.state.clients.may_differ
        controllers.calls.call(CallForm(method="POST", path="v1/oauth-clients", body="{}"))
        assert controllers.state.calls.answer.status == 403

    for do in (publish, make, fix, call):
        controllers.clients.refresh()
        assert not controllers.state.clients.may_differ
        do()
        assert controllers.state.clients.may_differ, do
    change(ChangeForm(operation="rotate", client_id=made.client_id))
    assert not controllers.state.clients.may_differ  # a change that was made lists them again


def test_what_was_done_is_a_success_even_if_the_list_cannot_be_refreshed(controllers, tenant, made, change):
    controllers.store.listen(lambda state: tenant.close() if "change" in state.results else None, "results")
    change(ChangeForm(operation="rotate", client_id=made.client_id))
    assert controllers.state.change.plan is None
    result = controllers.state.results["change"]
    assert made.name in result.words
    assert (newest_card(controllers), controllers.state.work.doing, result.kind) == (None, "", "warning")
    assert result.words.endswith(NOT_REFRESHED)


def test_a_client_that_was_made_is_a_success_even_if_the_list_cannot_be_refreshed(controllers, tenant):
    controllers.store.listen(lambda state: tenant.close() if "new" in state.results else None, "results")
    controllers.new_client.make(ClientForm(name="not-refreshed", scopes=("user_default",)))
    assert controllers.state.new_client.made.created
    assert {step.phase for step in controllers.state.new_client.steps} == {"done"}
    result = controllers.state.results["new"]
    assert (newest_card(controllers), result.kind, result.words.endswith(NOT_REFRESHED)) == (None, "warning", True)
