"""The view of changes: options that start from their defaults, and a button that applies the plan that is shown."""

from __future__ import annotations

import pytest
from fixtures.support import newest_card

import qlik_keys as qk
from qlik_keys.jupyter.panel.model.forms import ChangeForm
from qlik_keys.jupyter.panel.model.words import OPERATIONS
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.views.clients import ClientChangesView, ClientsView
from qlik_keys.jupyter.panel.widgets.client_table import ClientTable
from qlik_keys.rules.catalogue import FINDINGS

pytestmark = pytest.mark.openbao
OPTIONS = {
    "rotate": [("Overlap", "overlap_hours", "0", "24"), ("Replace", "allow_swap", True, False)],
    "retire": [("Retire now", "force", True, False)],
    "revoke": [("New key", "key_choice", "RS256-2048", "")],
    "adopt": [("Then delete", "remove_secrets", True, False)],
    "delete": [("Leave its keys", "keep_secret", True, False), ("Client id", "confirm", "x", "")],
}


def descendants(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from descendants(child)


class Shown:
    """The view as a user and a page see it."""

    def __init__(self, controllers):
        self.controllers = controllers
        self.table = ClientTable()
        self.view = ClientChangesView(controllers, self.table)
        controllers.store.listen(self.view.draw, *ClientsView.groups)

    def field(self, words):
        found = (each for each in descendants(self.view.widget) if hasattr(each, "description"))
        return next(each for each in found if each.description.startswith(words))

    def select(self, client_id):
        self.controllers.clients.select([client_id])
        self.table.selected = [client_id]

    def press(self, words):
        self.click(self.field(words))

    def apply(self, **values):
        self.click(self.view._apply, **values)

    def click(self, button, **values):
        ids = {each.model_id: each for each in descendants(self.view.widget) if hasattr(each, "model_id")}
        changed = {self.field(words).model_id: value for words, value in values.items()}
        of_page = [
            changed.get(model, getattr(ids[model], trait)) if model in ids else self.table.selected
            for model, trait in button.fields
        ]
        button._handle_custom_msg({"kind": "click", "values": of_page}, [])


@pytest.fixture
def shown(controllers):
    return Shown(controllers)


@pytest.mark.parametrize("operation", OPTIONS)
def test_each_plan_starts_from_the_defaults_wherever_it_is_opened(controllers, shown, provisioned, made, operation):
    other = provisioned()

    def by_button(each):
        shown.select(each.client_id)
        shown.press(OPERATIONS[operation].label)

    def by_audit(each):
        finding = next((name for name, kind in FINDINGS.items() if kind.operation == operation), None)
        if finding is None:  # no finding leads to it
            controllers.changes.plan(ChangeForm(operation=operation, client_id=each.client_id))
        else:
            controllers.audit.fix(finding, each.client_id)

    def after_another_tab(each):
        controllers.go_to("Connect")
        controllers.clients.select([])
        controllers.go_to("Clients")
        by_button(each)

    def after_discarding(each):
        controllers.changes.discard()
        by_button(each)

    opened = [(by_button, made), (by_button, made), (by_audit, made), (by_button, other), (by_audit, made)]
    for open_it, client in (*opened, (after_another_tab, made), (after_discarding, made)):
        open_it(client)
        change = controllers.state.change
        assert change.plan.form == change.chosen == ChangeForm(operation=operation, client_id=client.client_id)
        for words, name, chosen, default in OPTIONS[operation]:
            assert shown.field(words).value == default
            shown.field(words).value = chosen
            assert getattr(controllers.state.change.chosen, name) == chosen
            if name != "confirm":
                assert getattr(controllers.state.change.plan.form, name) == chosen


def test_the_next_plan_starts_from_the_defaults_after_success_and_failure(controllers, shown, tenant, key_store, made):
    qk.rotate(tenant, key_store, made.client_id)
    shown.select(made.client_id)
    shown.press("Retire")
    assert shown.view._apply.disabled
    shown.field("Retire now").value = True
    assert not shown.view._apply.disabled
    shown.apply()
    assert controllers.state.results["change"].kind == "good"
    shown.press("Retire")
    assert shown.field("Retire now").value is False
    shown.press("Rotate")
    shown.field("Replace").value = True
    cancelled = controllers.work.steps.cancelled
    controllers.store.listen(lambda state: cancelled.set() if state.work.doing.startswith("Rotating") else None)
    shown.apply()
    assert controllers.state.results["change"].kind == "bad"
    controllers.changes.plan(controllers.state.results["change"].retry)
    assert shown.field("Replace").value is False


def test_a_plan_that_was_started_keeps_its_options_and_takes_no_others(controllers, shown, made):
    overlap, view, seen = shown.field("Overlap"), shown.view, []

    def look(state):
        if state.work.doing.startswith("Rotating"):
            overlap.value = "1"  # by keyboard, in a page that is behind
            seen.append((is_inert(), overlap.layout.display, view._discard.layout.visibility))

    def is_inert():
        return "qk-inert" in view._planned._dom_classes

    shown.select(made.client_id)
    shown.press("Rotate")
    overlap.value = "48"
    assert not is_inert()
    controllers.store.listen(look)
    shown.apply()
    assert {*seen} == {(True, None, "hidden")}
    assert controllers.state.results["change"].kind == "good"
    assert (controllers.state.change.plan, is_inert(), view._apply.disabled) == (None, True, True)
    assert "Rotate the key of" in view._heading.value
    assert view._steps.value.startswith("<div class='qk-plan'><p class='qk-muted'>The plan that you started:")
    shown.press("Rotate")
    assert (overlap.value, is_inert(), view._discard.layout.visibility) == ("24", False, None)
    controllers.changes.discard()
    assert (view._heading.value, view._steps.value, overlap.layout.display) == ("", "", "none")


def test_the_button_names_the_change_and_the_client_and_is_disabled_until_it_can_be_applied(controllers, shown, made):
    shown.select(made.client_id)
    apply = shown.view._apply
    for operation, expected in {
        "rotate": (f"Rotate the key of {made.name}", "primary", False),
        "retire": (f"Retire the old key of {made.name}", "primary", True),  # there is nothing to retire
        "revoke": (f"Revoke the key of {made.name}", "danger", False),
        "delete": (f"Delete {made.name}", "danger", True),
        "publish": (f"Publish {made.name}", "danger", False),
        "distrust": (f"Set {made.name} to required", "primary", False),
        "remove_secret": (f"Delete a client secret of {made.name}", "danger", True),
    }.items():
        shown.press(OPERATIONS[operation].label)
        assert (apply.description, apply.kind, apply.disabled) == expected
        heading = markup.plan_heading(controllers.state.change.plan)
        assert f">{OPERATIONS[operation].heading.format(name=made.name)}</h3>" in heading
    shown.press("Rotate")
    shown.field("Overlap").value = "0"
    assert apply.kind == "danger"  # the old key is destroyed at once
    shown.press("Delete")
    for typed, is_off in (("", True), (made.name, True), (made.client_id[:-1], True), (made.client_id, False)):
        shown.field("Client id").value = typed
        assert apply.disabled is is_off


def test_a_click_of_a_page_that_is_behind_changes_nothing_and_says_so(controllers, shown, tenant, key_store, made):
    shown.select(made.client_id)
    shown.press("Rotate")
    shown.field("Overlap").value = "12"
    tasks = []
    controllers.work._run = tasks.append
    # The page knows which options the plan is for, and what confirms it changes nothing of the plan.
    expected = dict(zip([model for model, _ in shown.view._apply.fields], shown.view._apply.expects, strict=True))
    of_plan = {"Overlap": "12", "Replace": False, "Client id": None, "Client secret": None}
    assert {words: expected[shown.field(words).model_id] for words in of_plan} == of_plan
    shown.apply(Replace=True)
    assert key_store.read(tenant.host, made.client_id).current.kid == made.kid
    assert newest_card(controllers).hint == "Look at the plan, and then press the button again."
    [follow] = tasks
    follow()
    assert controllers.state.change.plan.form.allow_swap
    controllers.work._run = lambda task: task()


def test_next_to_cancel_it_says_that_a_request_that_was_sent_is_waited_for(controllers, shown, made):
    controls, seen = shown.view._controls, []

    def cancel(state):
        if any(step.phase == "running" for step in state.change.steps):
            if not state.work.cancelling:
                controllers.work.steps.cancel()
            seen.append(
                ("cannot be cancelled: the panel waits for" in controls._waits.value, controls._cancel.disabled)
            )

    shown.select(made.client_id)
    shown.press("Rotate")
    controllers.store.listen(cancel, "work", "change")
    shown.apply()
    assert (seen[-1], "waits" in controls._waits.value) == ((True, True), False)
