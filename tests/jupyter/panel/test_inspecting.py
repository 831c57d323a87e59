"""The tab "Try a token" without widgets, on the real sandbox: a login inspected, calls, rejections, and the doctor."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from fixtures.canaries import find_canaries
from fixtures.support import connected_presenter, made_in_panel

from qlik_keys.auth.inspection import INVALID_VARIANTS
from qlik_keys.jupyter.panel.model.inspection_state import CallForm, TryForm
from qlik_keys.jupyter.panel.model.state import ClientForm
from qlik_keys.jupyter.panel.model.words import BY_HAND, CALL_METHODS, TRY_STEPS, VARIANT_CHOICES
from qlik_keys.tenant.resources.raw import METHODS

pytestmark = pytest.mark.openbao


@pytest.fixture
def presenter(box):
    connected = connected_presenter(box)
    yield connected
    connected.end_session()


def test_the_words_fit_what_they_are_for():
    assert set(VARIANT_CHOICES.values()) - {""} == set(INVALID_VARIANTS)
    assert set(CALL_METHODS) == set(METHODS)
    assert set(TRY_STEPS) <= set(BY_HAND)


def test_who_can_be_tried_is_who_has_a_key_here(presenter):
    assert presenter.clients_to_try() == ()
    client_id = made_in_panel(presenter, "triable", impersonation=True)
    without = made_in_panel(presenter, "without a key", private_key_jwt=False, client_secret=True)
    found = {each.client_id: each for each in presenter.clients_to_try()}
    assert without not in found
    assert (found[client_id].name, found[client_id].scopes) == ("triable", ("user_default",))
    assert found[client_id].may_impersonate
    presenter.choose_client(client_id)
    before = presenter.state.selected_here
    presenter.choose_client(client_id)
    assert (presenter.state.selected, presenter.state.selected_here) == ((client_id,), before)
    presenter.choose_client("")
    assert presenter.state.selected == ()


def test_what_is_missing_is_said(presenter):
    assert presenter.problem_of_trying(TryForm(client_id="")).startswith("Choose a client")
    whom = TryForm(client_id="c", user_field="userId", user_value=" ")
    assert presenter.problem_of_trying(whom).startswith("Type whose")
    assert presenter.problem_of_trying(TryForm(client_id="c")) == ""
    presenter.call(CallForm(method="GET", path="v1/users/me"))
    assert "no current token" in presenter.state.error.what
    presenter.fix_login("trust")
    assert "Nothing was looked at" in presenter.state.error.what
    presenter.end_session()
    assert presenter.problem_of_trying(TryForm(client_id="c")) == "Connect first."


def test_a_login_is_taken_apart(presenter):
    client_id = made_in_panel(presenter, "apart", scopes=("user_default", "apps"))
    presenter.try_token(TryForm(client_id=client_id, scopes=("apps",)))
    state = presenter.state
    assert [(step.step, step.phase) for step in state.steps] == [("sign", "done"), ("ask", "done"), ("verify", "done")]
    requests = {step.step: [(one.system, one.method, one.status) for one in step.requests] for step in state.steps}
    assert requests == {
        "sign": [("vault", "GET", 200)],
        "ask": [("tenant", "POST", 200)],
        "verify": [("tenant", "GET", 307), ("tenant", "GET", 200)],
    }
    assert [each.name for each in state.assertion.members][:2] == ["alg", "kid"]
    token = state.token
    assert (token.client_name, token.scope, token.kid) == ("apart", "apps", presenter.last_made.kid)
    assert token.subject == f"qlikbot\\{client_id}"
    assert token.lifetime_known
    assert state.rejection is None
    assert find_canaries(repr(state) + repr(dataclasses.asdict(token)), [presenter._token.reveal()]) == []


@pytest.mark.parametrize("fault", [fault for fault in INVALID_VARIANTS if fault != "replayed"])
def test_what_is_broken_is_a_rejection_and_no_error(presenter, fault):
    client_id = made_in_panel(presenter, f"broken {fault}")
    presenter.try_token(TryForm(client_id=client_id))
    token = presenter.state.token
    presenter.try_token(TryForm(client_id=client_id, fault=fault))
    state = presenter.state
    assert (state.error, state.rejection.fault, state.rejection.status) == (None, fault, 401)
    assert state.rejection.said
    assert state.rejection.trace_id
    assert state.results["try"].words == f"Refused, as it must be: {INVALID_VARIANTS[fault].title}."
    assert [(step.step, step.phase) for step in state.steps] == [("sign", "done"), ("ask", "failed")]
    assert state.assertion.fault == fault
    assert state.token == token  # the current one stays


def test_a_good_one_sent_twice_is_good_once(presenter):
    client_id = made_in_panel(presenter, "twice")
    presenter.try_token(TryForm(client_id=client_id, fault="replayed"))
    state = presenter.state
    assert state.error is None
    assert [step.phase for step in state.steps] == ["done", "done", "failed", "done"]
    assert state.rejection.status == 401
    assert state.token.subject == f"qlikbot\\{client_id}"


def test_a_login_that_fails_leaves_a_card_for_the_doctor_and_its_fix(presenter):
    client_id = made_in_panel(presenter, "fixed")
    presenter.tenant.oauth_clients.set_consent(client_id, "required")
    presenter.try_token(TryForm(client_id=client_id))
    card = presenter.state.error
    assert (card.kind, card.client_id) == ("AssertionRejected", client_id)
    assert presenter.state.token is None
    assert [step.phase for step in presenter.state.steps] == ["done", "failed", "waiting"]
    presenter.go_to("Clients")
    presenter.examine(card.client_id)
    assert presenter.state.tab == "Try a token"
    [finding] = [check for check in presenter.state.diagnosis.findings if check.fix]
    assert (finding.name, finding.fix) == ("consent", "trust")
    presenter.fix_login(finding.fix)
    assert presenter.state.diagnosis.is_healthy
    assert "trusted" in presenter.state.fixed
    presenter.drop_diagnosis()
    assert presenter.state.diagnosis is None
    presenter.try_token(TryForm(client_id=client_id))
    assert presenter.state.token.subject == f"qlikbot\\{client_id}"


def test_the_doctor_asks_for_what_was_asked_for(presenter):
    client_id = made_in_panel(presenter, "too much")
    presenter.try_token(TryForm(client_id=client_id, scopes=("apps",)))
    assert presenter.state.error.kind in ("ScopeRejected", "AssertionRejected")
    presenter.examine(client_id)
    assert "scopes" in [check.name for check in presenter.state.diagnosis.findings]


def test_the_doctor_looks_at_what_the_form_says_now_and_not_at_what_was_tried_before(presenter):
    client_id = made_in_panel(presenter, "other user", impersonation=True)
    presenter.try_token(TryForm(client_id=client_id))
    wrong = TryForm(client_id=client_id, user_field="subject", user_value="nobody@sandbox.example")
    presenter.examine(client_id, form=wrong)
    [finding] = presenter.state.diagnosis.findings
    assert (finding.name, "nobody@sandbox.example" in finding.why) == ("login", True)
    presenter.examine(client_id)  # Look again
    assert not presenter.state.diagnosis.is_healthy
    presenter.examine(client_id, form=presenter.state.token.form, after_call=True)
    assert presenter.state.diagnosis.is_healthy
    presenter.examine(client_id, form=TryForm(client_id=client_id, user_field="subject"))  # nobody is named yet
    assert presenter.state.diagnosis.is_healthy


def test_a_token_of_a_user(presenter):
    client_id = made_in_panel(presenter, "for users", impersonation=True)
    me = presenter.tenant.users.me()
    presenter.try_token(TryForm(client_id=client_id, user_field="subject", user_value=f" {me.subject} "))
    assert presenter.state.token.subject == me.subject
    assert presenter.state.results["try"].words == f"for users logged in for the user {me.subject}."
    presenter.try_token(TryForm(client_id=client_id, user_field="userId", user_value="nobody"))
    assert presenter.state.error.kind == "AssertionRejected"
    assert presenter.state.token is None


def test_nothing_tried_outlives_the_connection(presenter):
    presenter.try_token(TryForm(client_id=made_in_panel(presenter, "outlived")))
    presenter.call(CallForm(method="GET", path="v1/users/me"))
    presenter.end_session()
    state = presenter.state
    assert (state.token, state.answer, state.assertion, state.calls, state.diagnosis) == (None, None, None, (), None)
    assert presenter._token is presenter.last_answer is None
    assert len(presenter.history()) == 0


def test_step_by_step_the_assertion_is_seen_before_it_is_sent(box):
    presenter = connected_presenter(box)
    presenter._run = lambda task: threading.Thread(target=task).start()
    client_id = ""
    try:
        presenter.make_client(ClientForm(name="slowly", scopes=("user_default",)))
        wait_until(presenter, lambda state: state.made is not None and not state.work)
        client_id = presenter.last_made.client_id
        presenter.go_step_by_step(wanted=True)
        presenter.try_token(TryForm(client_id=client_id))
        wait_until(presenter, lambda state: state.waits_for == TRY_STEPS["sign"])
        presenter.next_step()
        wait_until(presenter, lambda state: state.waits_for == TRY_STEPS["ask"])
        assert presenter.state.assertion is not None
        assert presenter.state.token is None
        presenter.cancel()
        wait_until(presenter, lambda state: not state.work)
        assert presenter.state.error.kind == "Interrupted"
        assert presenter.state.error.what == f'Cancelled before the step "{TRY_STEPS["ask"]}".'
        assert presenter.state.token is None
        presenter.try_token(TryForm(client_id=client_id))
        for step in ("sign", "ask"):
            wait_until(presenter, lambda state, step=step: state.waits_for == TRY_STEPS[step])
            presenter.next_step()
        wait_until(presenter, lambda state: state.waits_for == TRY_STEPS["verify"])
        assert presenter.state.token is not None
        assert "try" not in presenter.state.results  # or who works by keyboard is taken away from Next
        presenter.next_step()
        wait_until(presenter, lambda state: not state.work)
        assert presenter.state.results["try"].words == "slowly logged in."
    finally:
        presenter.end_session(wait=True)


def wait_until(presenter, holds, seconds=20):
    reached = threading.Event()
    presenter.listen(lambda state: reached.set() if holds(state) else None)
    assert reached.wait(seconds)
