"""The tab "Try a token" without widgets, on the real sandbox: a login taken apart, calls, lessons, and the doctor."""

from __future__ import annotations

import dataclasses
import json
import threading

import pytest
from canaries import find_canaries

from qlik_keys.errors import TenantAuthError
from qlik_keys.inventory import CALL_COLUMNS
from qlik_keys.panel.presenter import Presenter
from qlik_keys.panel.state import ClientForm, ConnectForm
from qlik_keys.panel.trial_state import CallForm, TryForm
from qlik_keys.panel.words import BY_HAND, CALL_METHODS, FAULT_CHOICES, TRY_STEPS
from qlik_keys.secret import Secret
from qlik_keys.settings import Settings
from qlik_keys.tenant.raw import METHODS
from qlik_keys.trial import FAULTS

pytestmark = pytest.mark.openbao


def connect(box):
    presenter = Presenter(settings=Settings(), run=lambda task: task())
    form = ConnectForm(
        tenant_url=box.tenant_url,
        credential="api_key",
        api_key=Secret(box.api_key),
        vault_url=box.vault_url,
        vault_token=Secret(box.vault_token),
    )
    presenter.connect(lambda: form)
    return presenter


@pytest.fixture
def presenter(box):
    made = connect(box)
    yield made
    made.end_session()


def made(presenter, name, *, scopes=("user_default",), **changes):
    presenter.make_client(ClientForm(name=name, scopes=scopes, **changes))
    assert presenter.state.error is None
    return presenter.last_made.client_id


def test_the_words_fit_what_they_are_for():
    assert set(FAULT_CHOICES.values()) - {""} == set(FAULTS)
    assert set(CALL_METHODS) == set(METHODS)
    assert set(TRY_STEPS) <= set(BY_HAND)


def test_who_can_be_tried_is_who_has_a_key_here(presenter):
    assert presenter.clients_to_try() == ()
    client_id = made(presenter, "triable", impersonation=True)
    without = made(presenter, "without a key", private_key_jwt=False, client_secret=True)
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
    assert "no token at hand" in presenter.state.error.what
    presenter.mend_login("trust")
    assert "Nothing was looked at" in presenter.state.error.what
    presenter.end_session()
    assert presenter.problem_of_trying(TryForm(client_id="c")) == "Connect first."


def test_a_login_is_taken_apart(presenter):
    client_id = made(presenter, "apart", scopes=("user_default", "apps"))
    presenter.try_token(TryForm(client_id=client_id, scopes=("apps",)))
    state = presenter.state
    assert [(step.step, step.phase) for step in state.steps] == [("sign", "done"), ("ask", "done"), ("prove", "done")]
    requests = {step.step: [(one.system, one.method, one.status) for one in step.requests] for step in state.steps}
    assert requests == {
        "sign": [("vault", "GET", 200)],
        "ask": [("tenant", "POST", 200)],
        "prove": [("tenant", "GET", 307), ("tenant", "GET", 200)],
    }
    assert [each.name for each in state.assertion.members][:2] == ["alg", "kid"]
    token = state.token
    assert (token.client_name, token.scope, token.kid) == ("apart", "apps", presenter.last_made.kid)
    assert token.subject == f"qlikbot\\{client_id}"
    assert token.lifetime_known
    assert state.lesson is None
    assert find_canaries(repr(state) + repr(dataclasses.asdict(token)), [presenter._token.reveal()]) == []


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "replayed"])
def test_what_is_broken_is_a_lesson_and_no_error(presenter, fault):
    client_id = made(presenter, f"broken {fault}")
    presenter.try_token(TryForm(client_id=client_id))
    token = presenter.state.token
    presenter.try_token(TryForm(client_id=client_id, fault=fault))
    state = presenter.state
    assert (state.error, state.lesson.fault, state.lesson.status) == (None, fault, 401)
    assert state.lesson.said
    assert state.lesson.trace_id
    assert [(step.step, step.phase) for step in state.steps] == [("sign", "done"), ("ask", "failed")]
    assert state.assertion.fault == fault
    assert state.token == token  # the one at hand stays


def test_a_good_one_sent_twice_is_good_once(presenter):
    client_id = made(presenter, "twice")
    presenter.try_token(TryForm(client_id=client_id, fault="replayed"))
    state = presenter.state
    assert state.error is None
    assert [step.phase for step in state.steps] == ["done", "done", "failed", "done"]
    assert state.lesson.status == 401
    assert state.token.subject == f"qlikbot\\{client_id}"


def test_a_login_that_fails_leaves_a_card_for_the_doctor_and_its_mend(presenter):
    client_id = made(presenter, "mended")
    presenter.tenant.oauth_clients.set_consent(client_id, "required")
    presenter.try_token(TryForm(client_id=client_id))
    card = presenter.state.error
    assert (card.kind, card.client_id) == ("AssertionRejected", client_id)
    assert presenter.state.token is None
    assert [step.phase for step in presenter.state.steps] == ["done", "failed", "waiting"]
    presenter.go_to("Clients")
    presenter.examine(card.client_id)
    assert presenter.state.tab == "Try a token"
    [finding] = [check for check in presenter.state.diagnosis.findings if check.mend]
    assert (finding.name, finding.mend) == ("consent", "trust")
    presenter.mend_login(finding.mend)
    assert presenter.state.diagnosis.is_healthy
    assert "trusted" in presenter.state.mended
    presenter.drop_diagnosis()
    assert presenter.state.diagnosis is None
    presenter.try_token(TryForm(client_id=client_id))
    assert presenter.state.token.subject == f"qlikbot\\{client_id}"


def test_the_doctor_asks_for_what_was_asked_for(presenter):
    client_id = made(presenter, "too much")
    presenter.try_token(TryForm(client_id=client_id, scopes=("apps",)))
    assert presenter.state.error.kind in ("ScopeRejected", "AssertionRejected")
    presenter.examine(client_id)
    assert "scopes" in [check.name for check in presenter.state.diagnosis.findings]


def test_a_token_of_a_user(presenter):
    client_id = made(presenter, "for users", impersonation=True)
    me = presenter.tenant.users.me()
    presenter.try_token(TryForm(client_id=client_id, user_field="subject", user_value=f" {me.subject} "))
    assert presenter.state.token.subject == me.subject
    presenter.try_token(TryForm(client_id=client_id, user_field="userId", user_value="nobody"))
    assert presenter.state.error.kind == "AssertionRejected"
    assert presenter.state.token is None


@pytest.fixture
def administrator(presenter):
    client_id = made(presenter, "administrator", scopes=("admin_classic",))
    presenter.try_token(TryForm(client_id=client_id))
    assert presenter.state.token is not None
    return client_id


def new_client(name, **changes):
    fields = {
        "appType": "web",
        "clientName": name,
        "allowedScopes": ["user_default"],
        "allowedGrantTypes": ["client_credentials"],
        "allowedAuthMethods": ["client_secret"],
        "redirectUris": [],
        "connectionConfig": {"consentMethod": "trusted"},
    }
    return json.dumps({**fields, **changes})


def test_calls_are_answered_with_what_can_be_shown(presenter, administrator):
    presenter.call(CallForm(method="get", path="v1/users/me"))
    answer = presenter.state.answer
    assert (answer.status, answer.problem, answer.is_json) == (200, "", True)
    assert answer.document["clientId"] == administrator
    assert answer.size == len(presenter.last_answer.content)
    assert "json" in answer.content_type
    assert json.loads(answer.raw) == answer.document
    assert [name for name, _ in answer.ways][1:] == ["curl", "qlik-keys", "qlik-cli", "Python"]
    presenter.call(CallForm(method="GET", path="/api/v1/oauth-clients?limit=1"))
    assert len(presenter.state.answer.document["data"]) == 1
    presenter.call(CallForm(method="GET", path="v1/oauth-clients/nobody"))
    refused = presenter.state.answer
    assert (refused.status, refused.kind) == (404, "TenantNotFound")
    assert refused.trace_id
    assert refused.hint
    assert presenter.state.error is None
    assert type(presenter.last_error).__name__ == "TenantNotFound"
    assert presenter.last_answer is None


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (CallForm(method="TRACE", path="v1/users/me"), "no method 'TRACE'"),
        (CallForm(method="GET", path=" "), "no path"),
        (CallForm(method="GET", path="https://elsewhere.example/api"), "not the tenant's"),
        (CallForm(method="POST", path="v1/x", body="{'a': 1}"), "no JSON (line 1, column 2)"),
        (CallForm(method="POST", path="v1/x", body="[NaN]"), "no JSON: NaN"),
        (CallForm(method="POST", path="v1/x", body="1e400"), "no JSON: a number in it is too large"),
        (CallForm(method="DELETE", path=f"v1/oauth-clients/{'a' * 32}"), "Nothing brings the client"),
        (CallForm(method="DELETE", path=f"v1/oauth-clients/{'a' * 32}/?x=1"), "Nothing brings the client"),
        (CallForm(method="DELETE", path=f"v1/oauth-clients/{'a' * 32}", confirm="a"), "Nothing brings the client"),
    ],
)
def test_what_is_no_call_is_told_and_not_sent(presenter, administrator, form, words):
    before = len(presenter.history())
    presenter.call(form)
    assert words in presenter.state.error.what
    assert len(presenter.history()) == before


def test_a_secret_in_an_answer_is_struck_out_and_shown_once(presenter, administrator):
    presenter.call(CallForm(method="POST", path="v1/oauth-clients", body=new_client("by a call")))
    answer, state = presenter.state.answer, presenter.state
    assert (answer.status, answer.document["clientSecret"], answer.struck) == (201, "•••", True)
    secret = presenter.client_secret().reveal()
    assert json.loads(presenter.last_answer.content)["clientSecret"] == secret
    assert (state.secret_what, state.secret_of) == ("clientSecret", "/api/v1/oauth-clients")
    assert find_canaries(repr(state) + answer.raw + repr(answer.document), [secret]) == []
    client_id = answer.document["clientId"]
    body = '[{"op": "replace", "path": "/clientName", "value": "renamed"}]'
    presenter.call(CallForm(method="PATCH", path=f"v1/oauth-clients/{client_id}", body=body))
    assert (presenter.state.answer.status, presenter.state.answer.size, presenter.state.answer.is_json) == (
        204,
        0,
        False,
    )
    presenter.call(CallForm(method="DELETE", path=f"v1/oauth-clients/{client_id}", confirm=client_id))
    assert presenter.state.answer.status == 204


def test_a_revoked_token_is_refused_from_then_on(presenter, administrator):
    presenter.revoke_token()
    assert presenter.state.token.is_revoked
    presenter.call(CallForm(method="GET", path="v1/users/me"))
    assert (presenter.state.answer.status, presenter.state.answer.kind) == (401, "TenantAuthError")
    assert isinstance(presenter.last_error, TenantAuthError)


def test_the_history_is_a_frame_without_bodies_and_secrets(presenter, administrator, box):
    secret = "body-canary-0123456789-abcdefghij"
    presenter.call(CallForm(method="POST", path="v1/oauth-clients", body=json.dumps({"password": secret})))
    presenter.call(CallForm(method="GET", path="v1/users/me?a=b"))
    box.configure(fail_next=[{"fault": 429, "path": "/api/v1/oauth-clients", "retry_after": 1, "times": 5}])
    presenter.call(CallForm(method="GET", path="v1/oauth-clients"))
    box.configure(fail_next=[])
    frame = presenter.history()
    assert tuple(frame.columns) == CALL_COLUMNS
    assert list(frame["path"]) == [
        "/oauth/token",
        "/api/v1/users/me",
        "/api/v1/oauth-clients",
        "/api/v1/users/me?a=b",
        "/api/v1/oauth-clients",
    ]
    assert list(frame["status"]) == [200, 200, 400, 200, 429]
    assert list(frame["error"].fillna("")) == ["", "", "TenantRejected", "", "TenantThrottled"]
    assert list(frame["retry_after"].fillna(0)) == [0, 0, 0, 0, 1]
    assert set(frame["client"]) == {"administrator"}
    assert (frame["milliseconds"] >= 0).all()
    assert frame.attrs["tenant"] == box.tenant_url
    text = frame.to_csv() + repr(presenter.state)
    assert find_canaries(text, [secret, presenter._token.reveal()]) == []
    assert [call.path for call in presenter.state.calls] == list(frame["path"])


def test_the_history_is_bounded(presenter, administrator):
    presenter._history.extend([presenter._history[0]] * 2000)
    assert len(presenter.history()) == 1000


def test_nothing_tried_outlives_the_connection(presenter, administrator):
    presenter.call(CallForm(method="GET", path="v1/users/me"))
    presenter.end_session()
    state = presenter.state
    assert (state.token, state.answer, state.assertion, state.calls, state.diagnosis) == (None, None, None, (), None)
    assert presenter._token is presenter.last_answer is None
    assert len(presenter.history()) == 0


def test_step_by_step_the_assertion_is_seen_before_it_is_sent(box):
    presenter = connect(box)
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
        assert presenter.state.token is None
    finally:
        presenter.end_session(wait=True)


def wait_until(presenter, holds, seconds=20):
    reached = threading.Event()
    presenter.listen(lambda state: reached.set() if holds(state) else None)
    assert reached.wait(seconds)
