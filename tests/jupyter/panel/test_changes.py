"""The panel's changes of keys without widgets, on the real sandbox: the plan first, then the deed."""

from __future__ import annotations

import uuid

import pytest

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.jupyter.panel.controllers.presenter import Presenter
from qlik_keys.jupyter.panel.model.change_state import ChangeForm
from qlik_keys.jupyter.panel.model.inspection_state import CallForm, TryForm
from qlik_keys.jupyter.panel.model.state import ClientForm
from qlik_keys.jupyter.panel.model.summary import summary
from qlik_keys.jupyter.panel.model.words import OPERATIONS
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.views.clients import ClientChangesView
from qlik_keys.jupyter.panel.widgets.client_table import ClientTable
from qlik_keys.rules.findings import FINDINGS
from qlik_keys.tenant import PatchOperation

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


def told(presenter):
    """Return the words at the button of a change."""
    result = presenter.state.results.get("change")
    return result.words if result else ""


def current(tenant, store, made):
    return store.read(tenant.host, made.client_id).current.kid


def test_a_rotation_is_planned_and_then_done(presenter, tenant, store, made):
    form = ChangeForm(operation="rotate", client_id=made.client_id)
    presenter.plan_change(form)
    state = presenter.state
    assert (state.plan.client_name, state.plan.blocked, state.plan.is_empty) == (made.name, "", False)
    assert [step.step for step in state.steps] == ["make_next", "publish", "verify_next", "promote"]
    assert {step.phase for step in state.steps} == {"waiting"}
    assert current(tenant, store, made) == made.kid
    presenter.change(form)
    state = presenter.state
    assert (state.error, state.plan) == (None, None)
    assert {step.phase for step in state.steps} == {"done"}
    assert all(step.requests for step in state.steps)
    assert current(tenant, store, made) in told(presenter) != made.kid
    assert state.results["change"].kind == "good"
    assert state.clients is not None


def test_the_plan_follows_its_choices_at_once_and_no_other_one_is_done(presenter, tenant, store, made):
    form = ChangeForm(operation="rotate", client_id=made.client_id)
    other = ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours="0")
    presenter.plan_change(form)
    presenter.change(other)
    assert current(tenant, store, made) == made.kid
    assert presenter.state.error.what == "The plan is being updated for your last choice."
    assert presenter.state.plan.form == form
    presenter.choose(other)
    assert presenter.state.plan.form == other
    assert presenter.problem_of_change(other) == ""
    assert [step.step for step in presenter.state.steps][-2:] == ["retire", "purge"]
    presenter.choose(form)
    assert [step.step for step in presenter.state.steps][-1] == "promote"


def test_what_would_be_refused_is_told_and_can_be_forced(presenter, tenant, store, made):
    qk.rotate(tenant, store, made.client_id)
    form = ChangeForm(operation="retire", client_id=made.client_id)
    presenter.plan_change(form)
    assert "can be removed in" in presenter.state.plan.blocked
    presenter.change(form)
    assert "can be removed in" in presenter.state.error.what
    forced = ChangeForm(operation="retire", client_id=made.client_id, force=True)
    presenter.choose(forced)
    assert presenter.state.plan.blocked == ""
    presenter.change(forced)
    assert made.kid in told(presenter)
    assert list(store.read(tenant.host, made.client_id).keys) == [current(tenant, store, made)]


def test_delete_wants_the_id_once_more(presenter, tenant, made):
    form = ChangeForm(operation="delete", client_id=made.client_id)
    presenter.plan_change(form)
    assert "Delete the client" in presenter.state.plan.irreversible[0]
    differs = f"That is not the client's id, which is {made.client_id}."
    for wrong, why in (
        ("", "Type the client's id to confirm."),
        (made.name, differs),
        (made.client_id[:-1], differs),
    ):
        unconfirmed = ChangeForm(operation="delete", client_id=made.client_id, confirm=wrong)
        assert presenter.problem_of_change(unconfirmed) == why
        presenter.change(unconfirmed)
        assert presenter.state.error.kind == "ConfigurationError"
        assert tenant.oauth_clients.get(made.client_id)
    presenter.change(ChangeForm(operation="delete", client_id=made.client_id, confirm=f" {made.client_id} "))
    assert told(presenter) == f"Deleted {made.name} ({made.client_id})."
    with pytest.raises(qk.errors.TenantNotFound):
        tenant.oauth_clients.get(made.client_id)


def test_a_choice_that_is_no_value_is_told_in_the_plan(presenter, tenant, store, made):
    presenter.plan_change(ChangeForm(operation="rotate", client_id=made.client_id))
    wrong = ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours="a day")
    presenter.choose(wrong)
    assert presenter.state.plan.blocked == "The overlap is no number of hours."
    assert presenter.state.plan.hint.startswith("Type a number")
    assert presenter.problem_of_change(wrong) == "The overlap is no number of hours."
    presenter.choose(ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours="168"))
    assert presenter.state.plan.blocked == ""


def test_choices_that_come_while_a_plan_is_computed_are_planned_next(tenant, store, made):
    tasks = []
    presenter = Presenter(settings=Settings(), run=tasks.append)
    presenter.use(tenant, store, wait=True)
    presenter.plan_change(ChangeForm(operation="rotate", client_id=made.client_id))
    tasks.pop()()
    newest = [ChangeForm(operation="rotate", client_id=made.client_id, overlap_hours=hours) for hours in "123"]
    for form in newest:
        presenter.choose(form)
        assert not presenter.state.plan_is_current
        assert presenter.problem_of_change(form) == "The plan is being updated for your last choice."
    [follow] = tasks
    follow()
    assert presenter.state.plan.form == newest[-1]
    assert presenter.state.plan_is_current
    presenter.choose(newest[0])
    presenter.drop_plan()
    tasks.pop()()
    assert (presenter.state.plan, presenter.state.steps) == (None, ())
    presenter.end_session(wait=True)


def test_a_plan_that_cannot_be_computed_says_so_and_is_not_done(tenant, box, made):
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store:
        presenter = Presenter(settings=Settings(), run=lambda task: task())
        presenter.use(tenant, store)
        presenter.plan_change(ChangeForm(operation="rotate", client_id=made.client_id))
        presenter.tenant = None
        form = ChangeForm(operation="rotate", client_id=made.client_id, allow_swap=True)
        presenter.choose(form)
        assert presenter.state.plan.blocked == "Nothing is connected."
        assert presenter.problem_of_change(form) == "Nothing is connected."
        presenter.end_session()


def test_a_plan_goes_when_another_client_is_selected(presenter, made_and_other):
    one, other = made_and_other
    presenter.plan_change(ChangeForm(operation="delete", client_id=one.client_id))
    assert presenter.state.selected == (one.client_id,)
    for selected in ([other.client_id], [], [one.client_id, other.client_id]):
        presenter.select(selected)
        assert (presenter.state.plan, presenter.state.steps) == (None, ())
        presenter.plan_change(ChangeForm(operation="delete", client_id=one.client_id))
    presenter.choose_client(other.client_id)
    assert presenter.state.plan is None
    presenter.plan_change(ChangeForm(operation="resume"))
    presenter.select([one.client_id])
    assert presenter.state.plan is not None


def test_what_is_wrong_is_a_card(presenter, made):
    presenter.plan_change(ChangeForm(operation="rotate", client_id="0" * 32))
    assert presenter.state.error.kind == "TenantNotFound"
    assert presenter.state.plan is None


def test_a_plan_can_be_put_away_and_a_change_cancelled(presenter, tenant, store, made):
    qk.resume(tenant, store)  # what other tests interrupted would stand in the plan below, too
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
    # What was planned is not what there is now: the plan is gone, and can be made again from its defaults.
    assert presenter.state.plan is None
    assert presenter.state.results["change"].retry == form
    presenter.plan_change(ChangeForm(operation="resume"))
    assert presenter.state.plan.client_name == made.name
    presenter.change(ChangeForm(operation="resume"))
    assert made.name in told(presenter)
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
        assert told(presenter) == f"{made.name}: the consent method is {consent} now."
        [step] = presenter.state.steps
        assert (step.phase, [request.status for request in step.requests]) == ("done", [204])


def test_a_secret_that_waits_is_in_the_panel_of_a_cell_that_is_run_again(tenant, store):
    name = f"panel-{uuid.uuid4().hex[:10]}"
    made = qk.provision(tenant, store, name=name, scopes=["user_default"], client_secret=True)
    panel = qk.Panel(settings=Settings())
    panel._presenter.use(tenant, store, wait=True)
    form = ChangeForm(operation="add_secret", client_id=made.client_id)
    panel._presenter._change(form, name)  # in this thread
    again = qk.Panel(settings=Settings())
    assert (again._presenter.state.secret_of, again._presenter.state.secrets_waiting) == (name, 1)
    assert again._presenter.client_secret() is panel._presenter.client_secret()
    again._presenter.client_secret_is_stored()
    assert panel._presenter.client_secret() is again._presenter.client_secret() is None
    assert panel._presenter.state.secret_of == ""
    assert qk.Panel(settings=Settings())._presenter.state.secrets_waiting == 0


def test_a_cell_may_change_the_tables_that_it_is_given(tenant, store, made):
    panel = qk.Panel(settings=Settings())
    panel._presenter.use(tenant, store, wait=True)
    panel._presenter.audit(wait=True)
    for name in ("clients", "findings"):
        mine = getattr(panel, name)
        mine["name"] = "changed"
        del mine["client_id"]
        assert getattr(panel, name)["client_id"].notna().all()
    assert panel.clients.set_index("client_id")["name"][made.client_id] == made.name


def test_a_client_without_a_key_in_the_vault_is_pointed_to_adopt(presenter, tenant, store, made):
    store.delete(tenant.host, made.client_id)
    for operation in ("rotate", "revoke", "retire"):
        presenter.plan_change(ChangeForm(operation=operation, client_id=made.client_id))
        plan = presenter.state.plan
        assert (presenter.state.error, plan.client_name, plan.form.operation) == (None, made.name, operation)
        assert plan.blocked.startswith(f"There is no key of client {made.client_id}")
        assert plan.hint.startswith("Give it a key with a rotation date")


def test_findings_that_are_left_stay_after_a_change_and_a_resume_names_its_clients(presenter, tenant, store, made):
    [old] = tenant.oauth_clients.get(made.client_id).public_keys
    qk.revoke(tenant, store, made.client_id)
    [new] = tenant.oauth_clients.get(made.client_id).public_keys
    tenant.oauth_clients.patch(made.client_id, [PatchOperation("replace", "/publicKeys", [old, new])])
    tenant.oauth_clients.set_consent(made.client_id, "required")

    def found():
        rows = presenter.state.audit
        return list(rows[rows["client_id"] == made.client_id]["finding"])

    presenter.audit()
    assert found() == ["removed-key-registered", "consent-not-trusted"]
    presenter.fix("consent-not-trusted", made.client_id)
    presenter.change(presenter.state.plan.form)
    assert found() == ["removed-key-registered"]
    presenter.fix("removed-key-registered", made.client_id)
    assert any(note.startswith("What was interrupted: ") and made.name in note for note in presenter.state.plan.notes)
    presenter.change(presenter.state.plan.form)
    assert found() == []
    presenter.refresh()
    assert presenter.state.results["clients"].words.endswith(" listed.")
    presenter.plan_change(ChangeForm(operation="delete", client_id=made.client_id, confirm=made.client_id))
    presenter.change(presenter.state.plan.form)
    assert found() == []
    assert "clients" not in presenter.state.results  # there are fewer by now


def test_publishing_cannot_be_undone(presenter, tenant, made):
    form = ChangeForm(operation="publish", client_id=made.client_id)
    presenter.plan_change(form)
    assert presenter.state.plan.irreversible == ("Publish the client",)
    presenter.change(form)
    assert told(presenter).startswith(f"{made.name}: published at 20")


def test_client_secrets_are_made_shown_once_and_deleted(presenter, tenant, store):
    name = f"panel-{uuid.uuid4().hex[:10]}"
    made = qk.provision(tenant, store, name=name, scopes=["user_default"], client_secret=True)
    adding = ChangeForm(operation="add_secret", client_id=made.client_id)
    warned = []
    for _ in range(4):
        presenter.plan_change(adding)
        warned.append("wait to be stored already" in presenter.state.plan.notes[-1])
        presenter.change(adding)
        assert presenter.state.secret_of == name
        assert told(presenter).startswith(f"{name}: made the client secret with the hint ")
    assert warned == [False, False, True, True]
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
    assert presenter.state.error.what == "Choose which client secret."
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


def test_a_table_that_may_be_out_of_date_says_so_until_it_is_asked_for(presenter, view, tenant, made, box):
    def note():
        state = presenter.state
        listed = markup.listed_at(state.clients_at, "clients", may_differ=state.clients_differ)
        assert listed.startswith("As of ")
        return "Something was done since that may not be shown here: ask again." in listed

    def fail(path, method):
        box.configure(fail_next=[{"method": method, "path": path, "fault": 403}])

    def change():
        presenter.plan_change(ChangeForm(operation="publish", client_id=made.client_id))
        fail(f"/api/v1/oauth-clients/{made.client_id}/actions/publish", "POST")
        presenter.change(ChangeForm(operation="publish", client_id=made.client_id))
        assert presenter.state.error.kind == "TenantAuthError"

    def make():
        fail("/api/v1/oauth-clients", "POST")
        presenter.make_client(ClientForm(name=f"panel-{uuid.uuid4().hex[:10]}", scopes=("user_default",)))
        assert presenter.state.error.kind == "TenantAuthError"

    def fix():
        presenter.examine(made.client_id)
        presenter.fix_login("no such fix")
        assert presenter.state.error is not None

    def call():
        presenter.try_token(TryForm(client_id=made.client_id))
        presenter.call(CallForm(method="GET", path="v1/oauth-clients"))
        assert not note()
        presenter.call(CallForm(method="POST", path="v1/oauth-clients", body="{}"))
        assert presenter.state.answer.status == 403

    for do in (change, make, fix, call):
        presenter.refresh()
        assert not note()
        do()
        assert note(), do
    presenter.plan_change(ChangeForm(operation="rotate", client_id=made.client_id))
    presenter.change(ChangeForm(operation="rotate", client_id=made.client_id))
    assert not note()  # a change that was made lists them again


def test_next_to_cancel_it_says_that_a_running_request_is_waited_for(presenter, view, made):
    controls, said = view._controls, []

    def cancel(state):
        if state.work.startswith("Rotating") and any(step.phase == "running" for step in state.steps):
            if not state.cancelling:
                presenter.cancel()
            said.append((controls._waits.value, controls._cancel.disabled, controls._cancel.layout.display))

    presenter.plan_change(ChangeForm(operation="rotate", client_id=made.client_id))
    assert "is waited for" in controls._cancel.tooltip
    presenter.listen(cancel)
    presenter.change(ChangeForm(operation="rotate", client_id=made.client_id))
    words, is_disabled, display = said[-1]
    assert "cannot be cancelled: it is waited for until it is answered or times out." in words
    assert (is_disabled, display) == (True, None)
    assert "waited for" not in controls._waits.value


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
    presenter.listen(lambda state: tenant.close() if told(presenter) else None)
    presenter.change(form)
    state = presenter.state
    assert (state.error, state.work, state.plan) == (None, "", None)
    assert told(presenter).endswith(f" {NOT_REFRESHED}")
    assert made.name in told(presenter)
    assert state.results["change"].kind == "warning"


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
    assert first.client_id not in summary(presenter.state, "p")
    assert first.client_id not in markup.made(presenter.state.made_here)


def test_what_was_made_stays_with_its_results_until_the_session_ends(presenter, tenant, store):
    names = [f"panel-{uuid.uuid4().hex[:10]}" for _ in range(2)]
    for name in names:
        presenter.make_client(ClientForm(name=name, scopes=("user_default",)))
    first, second = presenter.state.made_here
    steps = presenter.state.steps
    presenter.plan_change(ChangeForm(operation="rotate", client_id=first.client_id))
    presenter.go_to("New client")
    assert presenter.state.steps_of("new") == steps
    presenter.change(ChangeForm(operation="rotate", client_id=first.client_id))
    rotated = presenter.state.steps_of("clients")
    assert [step.step for step in rotated][-1] == "promote"
    presenter.try_token(TryForm(client_id=second.client_id))
    assert presenter.state.error is None
    assert (presenter.state.steps_of("new"), presenter.state.steps_of("clients")) == (steps, rotated)
    assert presenter.state.made_here == (first, second)
    assert presenter.state.results["new"].words == f"{second.name} is made. Its login is verified."
    shown = markup.made(presenter.state.made_here)
    assert shown.index(second.vault_path) < shown.index("Made before") < shown.index(first.vault_path)
    # Deleted elsewhere: the next list of the tenant's clients tells.
    qk.delete(tenant, store, first.client_id, confirm=first.client_id)
    presenter.refresh()
    assert [each.is_gone for each in presenter.state.made_here] == [True, False]
    assert f"{first.name} (not on the tenant any more)" in markup.made(presenter.state.made_here)
    assert summary(presenter.state, "p").count("not on the tenant any more") == 1
    presenter.end_session()
    assert (presenter.state.made_here, presenter.state.steps_of("new")) == ((), ())


def test_a_client_that_a_call_deletes_is_gone_too(presenter):
    presenter.make_client(ClientForm(name=f"panel-{uuid.uuid4().hex[:10]}", scopes=("admin_classic",)))
    made = presenter.state.made
    presenter.try_token(TryForm(client_id=made.client_id))
    path = f"v1/oauth-clients/{made.client_id}"
    presenter.call(CallForm(method="DELETE", path=path, confirm=made.client_id))
    assert presenter.state.answer.status == 204
    assert (presenter.state.made_here, presenter.state.made, presenter.state.selected) == ((), None, ())
    assert made.client_id not in summary(presenter.state, "p")


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


CHOICES = [
    ("rotate", "Overlap", "overlap_hours", "0", "24"),
    ("rotate", "New key", "key_choice", "RS256-2048", ""),
    ("rotate", "Swap", "allow_swap", True, False),
    ("retire", "By force", "force", True, False),
    ("revoke", "New key", "key_choice", "RS256-2048", ""),
    ("revoke", "Swap", "allow_swap", True, False),
    ("adopt", "New key", "key_choice", "RS256-2048", ""),
    ("adopt", "Then delete", "remove_secrets", True, False),
    ("delete", "Leave its keys", "keep_secret", True, False),
    ("delete", "The client's id", "confirm", "x", ""),
]


@pytest.fixture
def view(presenter):
    """The view of changes, drawn with the presenter's states."""
    table = ClientTable()
    made = ClientChangesView(presenter, table)
    made.table = table
    presenter.listen(made.draw)
    return made


@pytest.mark.parametrize("choice", CHOICES, ids=lambda each: f"{each[0]}-{each[2]}")
def test_each_plan_starts_from_the_defaults_wherever_it_is_opened(presenter, view, made_and_other, choice):
    operation, words, option, chosen, default = choice
    one, other = made_and_other

    def by_button(each):
        presenter.select([each.client_id])
        view.table.selected = [each.client_id]
        press(view, OPERATIONS[operation].label)

    def by_audit(each):
        finding = next((name for name, kind in FINDINGS.items() if kind.operation == operation), None)
        if finding is None:  # nothing there leads to it: as it would
            presenter.plan_change(ChangeForm(operation=operation, client_id=each.client_id))
        else:
            presenter.fix(finding, each.client_id)

    def after_a_look_elsewhere(each):
        presenter.go_to("Connect")
        presenter.select([])
        presenter.go_to("Clients")
        by_button(each)

    def after_cancelling(each):
        presenter.drop_plan()
        by_button(each)

    for open_it, client in (
        (by_button, one),
        (by_button, one),
        (by_audit, one),
        (by_audit, one),
        (by_button, other),
        (by_audit, one),
        (after_a_look_elsewhere, one),
        (after_cancelling, one),
    ):
        open_it(client)
        assert presenter.state.plan.form == ChangeForm(operation=operation, client_id=client.client_id)
        assert presenter.state.wished == presenter.state.plan.form
        assert described(view, words).value == default
        described(view, words).value = chosen
        assert getattr(presenter.state.wished, option) == chosen
        if option != "confirm":
            assert getattr(presenter.state.plan.form, option) == chosen


def test_the_next_plan_starts_from_the_defaults_after_success_and_failure(presenter, view, tenant, store, made):
    qk.rotate(tenant, store, made.client_id)
    view.table.selected = [made.client_id]
    presenter.select([made.client_id])
    press(view, "Retire")
    button = view._do
    assert button.disabled
    described(view, "By force").value = True
    assert not button.disabled
    button._handle_custom_msg({"kind": "click", "values": values_of(view, button)}, [])
    assert presenter.state.results["change"].kind == "good"
    press(view, "Retire")
    assert described(view, "By force").value is False

    press(view, "Rotate")
    described(view, "Swap").value = True
    presenter.listen(lambda state: presenter._cancel.set() if state.work.startswith("Rotating") else None)
    button._handle_custom_msg({"kind": "click", "values": values_of(view, button)}, [])
    assert presenter.state.results["change"].kind == "bad"
    presenter.plan_change(presenter.state.results["change"].retry)
    assert described(view, "Swap").value is False


def values_of(view, button):
    ids = {each.model_id: each for each in descendants(view.widget) if hasattr(each, "model_id")}
    return [getattr(ids[model], trait) for model, trait in button.fields]


def test_a_plan_that_was_started_stays_as_it_was_chosen_and_takes_no_other_choice(presenter, view, made):
    overlap, seen = described(view, "Overlap"), []

    def look(state):
        if state.work.startswith("Rotating"):
            overlap.value = "1"  # by keyboard, in a page that is behind
            seen.append((view._planned._dom_classes, overlap.layout.display, view._drop.layout.visibility))

    def is_inert():
        return "qk-inert" in view._planned._dom_classes

    view.table.selected = [made.client_id]
    presenter.select([made.client_id])
    press(view, "Rotate")
    overlap.value = "48"
    assert not is_inert()
    presenter.listen(look)
    view._do._handle_custom_msg({"kind": "click", "values": values_of(view, view._do)}, [])
    assert all("qk-inert" in classes for classes, *_ in seen)
    assert {tuple(of_page) for _, *of_page in seen} == {(None, "hidden")}
    assert presenter.state.results["change"].kind == "good"
    assert (presenter.state.plan, is_inert(), view._do.disabled) == (None, True, True)
    assert "Rotate the key of" in view._plan_words.value
    assert view._steps.value.startswith("<div class='qk-plan'><p class='qk-muted'>The plan that you started:")
    press(view, "Rotate")
    assert (overlap.value, is_inert(), view._drop.layout.visibility) == ("24", False, None)
    presenter.drop_plan()
    assert (view._plan_words.value, view._steps.value, overlap.layout.display) == ("", "", "none")


def test_the_button_says_what_it_does_and_to_whom_and_is_off_until_it_may_be_done(presenter, view, made):
    presenter.select([made.client_id])
    view.table.selected = [made.client_id]
    expected = {
        "rotate": (f"Rotate the key of {made.name}", "primary", False),
        "retire": (f"Retire the old key of {made.name}", "primary", True),  # there is nothing to retire
        "revoke": (f"Revoke the key of {made.name}", "danger", False),
        "delete": (f"Delete {made.name}", "danger", True),
        "publish": (f"Publish {made.name}", "danger", False),
        "distrust": (f"Set {made.name} to required", "primary", False),
        "remove_secret": (f"Delete a client secret of {made.name}", "danger", True),
    }
    seen = {}
    for operation in expected:
        press(view, OPERATIONS[operation].label)
        seen[operation] = (view._do.description, view._do.kind, view._do.disabled)
        heading = markup.plan_heading(presenter.state.plan)
        assert f">{OPERATIONS[operation].heading.format(name=made.name)}</h3>" in heading
        assert operation not in heading.replace(operation.capitalize(), "")
    assert seen == expected
    press(view, "Rotate")
    described(view, "Overlap").value = "0"
    assert view._do.kind == "danger"  # at once, so that the old key is destroyed
    press(view, "Delete")
    for typed, is_off in (("", True), (made.name, True), (made.client_id[:-1], True), (made.client_id, False)):
        described(view, "The client's id").value = typed
        assert view._do.disabled is is_off


def test_a_press_by_a_page_that_is_behind_does_nothing_and_says_so(presenter, view, tenant, store, made):
    presenter.select([made.client_id])
    view.table.selected = [made.client_id]
    press(view, "Rotate")
    tasks = []
    presenter._run = tasks.append
    button = view._do
    values = values_of(view, button)
    values[button.fields.index([described(view, "Swap").model_id, "value"])] = True
    button._handle_custom_msg({"kind": "click", "values": values}, [])
    assert current(tenant, store, made) == made.kid
    assert presenter.state.error.hint == "Look at the plan, and then press the button again."
    [follow] = tasks
    follow()
    assert presenter.state.plan.form.allow_swap
    presenter._run = lambda task: task()


def test_the_page_is_told_which_choices_the_plan_is_for(presenter, view, made):
    presenter.select([made.client_id])
    view.table.selected = [made.client_id]
    press(view, "Rotate")
    described(view, "Overlap").value = "12"
    told = dict(zip([model for model, _ in view._do.fields], view._do.expects, strict=True))
    assert told[described(view, "Overlap").model_id] == "12"
    assert told[described(view, "Swap").model_id] is False
    # What confirms it changes nothing of the plan.
    assert told[described(view, "The client's id").model_id] is None
    assert told[described(view, "Which client secret").model_id] is None


def test_a_login_is_a_success_where_whose_token_it_is_could_not_be_asked(presenter, made, box):
    box.configure(fail_next=[{"method": "GET", "path": "/api/v1/users/me", "fault": 400}])
    presenter.try_token(TryForm(client_id=made.client_id))
    state = presenter.state
    assert state.error is None
    assert state.token is not None
    assert state.results["try"].kind == "warning"
    assert "logged in. Whose token it is could not be asked:" in state.results["try"].words


def test_a_session_ends_also_where_the_vault_token_cannot_be_revoked(presenter):
    class Stubborn:
        closed = False

        def revoke_token(self):
            raise qk.errors.StoreUnreachable("The Vault is away.")

        def close(self):
            self.closed = True

    presenter.make_client(ClientForm(name=f"panel-{uuid.uuid4().hex[:10]}", scopes=("user_default",)))
    stubborn = Stubborn()
    presenter._owned = [stubborn]
    presenter.end_session()
    state = presenter.state
    assert stubborn.closed
    assert (state.error, state.connection, state.clients, state.made_here) == (None, None, None, ())
    assert state.results["top"].kind == "warning"
    assert "could not be revoked" in state.results["top"].words
