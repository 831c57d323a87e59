"""Calls with a token on the real sandbox: answers, refusals, what is not sent, their history, and lost answers."""

from __future__ import annotations

import json

import pytest
from fixtures.canaries import find_canaries
from fixtures.support import made_in_panel, newest_card

from qlik_keys.inventory.frames import CALL_COLUMNS
from qlik_keys.jupyter.panel.model.forms import CallForm, TokenForm
from qlik_keys.jupyter.panel.model.words import LOST_CALL, UNANSWERED_CALL

CANARY = "canary-call-0123456789-abcdefghijklmnop"
pytestmark = pytest.mark.openbao


@pytest.fixture
def administrator(controllers):
    client_id = made_in_panel(controllers, "administrator", scopes=("admin_classic",))
    controllers.token.request(TokenForm(client_id=client_id))
    assert controllers.state.token.token is not None
    return client_id


@pytest.fixture
def call(controllers, administrator):
    """Call the tenant as an administrator, and return the answer that is shown."""

    def send(method, path, **fields):
        controllers.calls.call(CallForm(method=method, path=path, **fields))
        return controllers.state.calls.answer

    return send


def new_client(name):
    fields = {"appType": "web", "clientName": name, "allowedScopes": ["user_default"], "redirectUris": []}
    methods = {"allowedGrantTypes": ["client_credentials"], "allowedAuthMethods": ["client_secret"]}
    return json.dumps({**fields, **methods, "connectionConfig": {"consentMethod": "trusted"}})


def test_calls_are_answered_with_what_can_be_shown_refusals_too(controllers, administrator, call):
    answer = call("get", "v1/users/me")
    assert (answer.status, answer.problem, answer.is_json) == (200, "", True)
    assert answer.document["clientId"] == administrator
    assert answer.size == len(controllers.calls.last_answer.content)
    assert "json" in answer.content_type
    assert json.loads(answer.raw) == answer.document
    assert [name for name, _ in answer.samples][1:] == ["curl", "qlik-keys", "qlik-cli", "Python"]
    assert len(call("GET", "/api/v1/oauth-clients?limit=1").document["data"]) == 1
    refused = call("GET", "v1/oauth-clients/unknown")
    assert (refused.status, refused.kind, refused.is_json) == (404, "TenantNotFound", True)
    assert (bool(refused.trace_id), bool(refused.hint)) == (True, True)
    assert (newest_card(controllers), type(controllers.store.last_error).__name__) == (None, "TenantNotFound")
    assert refused.document["errors"][0]["title"] in refused.problem
    last = controllers.calls.last_answer
    assert (last.status, last.json()) == (404, refused.document)


def test_what_is_no_call_is_refused_at_the_form_and_not_sent(controllers, call):
    deletion = f"v1/oauth-clients/{'a' * 32}"
    call("GET", "v1/users/me")
    before = len(controllers.history.frame())
    for form, words in (
        (CallForm(method="TRACE", path="v1/users/me"), "no method 'TRACE'"),
        (CallForm(method="GET", path=" "), "not a path"),
        (CallForm(method="GET", path="GET v1/users/me"), "must not contain a method, but this one begins with GET"),
        (CallForm(method="GET", path="https://elsewhere.example/api"), "not on the tenant"),
        (CallForm(method="POST", path="v1/x", body="{'a': 1}"), "not JSON (line 1, column 2)"),
        (CallForm(method="POST", path="v1/x", body="[NaN]"), "not JSON: NaN"),
        (CallForm(method="POST", path="v1/x", body="1e400"), "not JSON: a number in it is too large"),
        (CallForm(method="DELETE", path=deletion), "would be deleted permanently"),
        (CallForm(method="DELETE", path=f"{deletion}/?x=1", confirm="a"), "would be deleted permanently"),
    ):
        controllers.calls.call(form)
        answer = controllers.state.calls.answer  # in the place of the one before
        assert words in answer.problem
        assert (answer.status, answer.sent, answer.samples, answer.kind) == (None, False, (), "ConfigurationError")
        assert controllers.store.last_error.message == answer.problem
        assert (newest_card(controllers), controllers.calls.last_answer) == (None, None)
    assert len(controllers.history.frame()) == before


def test_a_secret_in_an_answer_is_redacted_and_shown_once(controllers, call):
    answer, state = call("POST", "v1/oauth-clients", body=new_client("by a call")), controllers.state
    assert (answer.status, answer.document["clientSecret"], answer.redacted) == (201, "•••", True)
    secret, client_id = controllers.secrets.first().reveal(), answer.document["clientId"]
    assert json.loads(controllers.calls.last_answer.content)["clientSecret"] == secret
    assert (state.secrets.kind, state.secrets.owner) == ("clientSecret", f"client {client_id}")
    assert find_canaries(repr(state) + answer.raw + repr(answer.document), [secret]) == []
    body = '[{"op": "replace", "path": "/clientName", "value": "renamed"}]'
    changed = call("PATCH", f"v1/oauth-clients/{client_id}", body=body)
    assert (changed.status, changed.size, changed.is_json) == (204, 0, False)
    assert call("DELETE", f"v1/oauth-clients/{client_id}", confirm=client_id).status == 204


def test_the_history_is_a_frame_without_bodies_and_secrets_and_bounded(controllers, call, box):
    secret = "body-canary-0123456789-abcdefghij"
    call("POST", "v1/oauth-clients", body=json.dumps({"password": secret}))
    call("GET", "v1/users/me?a=b")
    box.configure(fail_next=[{"fault": 429, "path": "/api/v1/oauth-clients", "retry_after": 1, "times": 5}])
    call("GET", "v1/oauth-clients")
    box.configure(fail_next=[])
    frame = controllers.history.frame()
    assert tuple(frame.columns) == CALL_COLUMNS
    rows = frame[["path", "status", "error", "retry_after"]].astype(object).fillna("").to_numpy().tolist()
    assert rows == [
        ["/oauth/token", 200, "", ""],
        ["/api/v1/users/me", 200, "", ""],
        ["/api/v1/oauth-clients", 400, "TenantRejected", ""],
        ["/api/v1/users/me?a=b", 200, "", ""],
        ["/api/v1/oauth-clients", 429, "TenantThrottled", 1],
    ]
    assert set(frame["client"]) == {"administrator"}
    assert (frame["milliseconds"] >= 0).all()
    assert frame.attrs["tenant"] == box.tenant_url
    text = frame.to_csv() + repr(controllers.state)
    assert find_canaries(text, [secret, controllers.token._token.reveal()]) == []
    assert [each.path for each in controllers.state.calls.newest] == list(frame["path"])
    controllers.history._calls.extend([controllers.history._calls[0]] * 2000)
    assert len(controllers.history.frame()) == 1000


def test_a_lost_answer_is_shown_at_the_form_and_not_as_if_it_were_checked(controllers, administrator, call, box):
    def failing(fault):
        box.configure(fail_next=[{"fault": fault, "path": "/api/v1/oauth-clients", "method": "POST"}])
        answer = call("POST", "v1/oauth-clients", body=new_client("made twice"))
        box.configure(fail_next=[])
        return answer

    call("GET", "v1/users/me")
    answer = failing("lost_answer")
    assert (answer.status, answer.sent, answer.kind, answer.hint) == (None, True, "TenantUnreachable", LOST_CALL)
    assert answer.samples
    assert (newest_card(controllers), controllers.calls.last_answer) == (None, None)
    controllers.doctor.examine(administrator, after_call=True)
    assert controllers.state.doctor.remark == UNANSWERED_CALL
    answer = failing(503)
    assert (answer.status, answer.hint.startswith(LOST_CALL)) == (503, True)


def test_nothing_that_is_saved_with_the_notebook_names_a_call(controllers, call):
    """The work in progress, an error's card and a secret's label are synced; path and query may hold anything."""
    seen = []
    controllers.store.listen(lambda state: seen.append(repr((state.work, state.results, state.secrets))))
    call("POST", f"v1/oauth-clients?q={CANARY}", body=new_client("seen nowhere"))
    call("GET", f"v1/{CANARY}")
    call("GET", f"https://elsewhere.example/{CANARY}")
    assert controllers.secrets.first() is not None
    assert find_canaries(repr(seen), [CANARY]) == []
