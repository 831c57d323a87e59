"""Calls with a token without widgets, on the real sandbox: answers, refusals, what was never sent, and the doctor."""

from __future__ import annotations

import json

import pytest
from fixtures.canaries import find_canaries
from fixtures.loopback import Loopback, Reply
from fixtures.support import connected_presenter, made_in_panel

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.errors import TenantAuthError
from qlik_keys.inventory.frames import CALL_COLUMNS
from qlik_keys.jupyter.panel.controllers.presenter import Presenter
from qlik_keys.jupyter.panel.model.inspection_state import CallForm, TryForm
from qlik_keys.jupyter.panel.model.words import LOST_CALL, LOST_LOGIN, UNANSWERED_CALL

CANARY = "canary-call-0123456789-abcdefghijklmnop"
pytestmark = pytest.mark.openbao


@pytest.fixture
def presenter(box):
    connected = connected_presenter(box)
    yield connected
    connected.end_session()


@pytest.fixture
def administrator(presenter):
    client_id = made_in_panel(presenter, "administrator", scopes=("admin_classic",))
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
    # What the tenant said is there as any answer is, whole.
    assert refused.is_json
    assert refused.document["errors"][0]["title"] in refused.problem
    assert (presenter.last_answer.status, presenter.last_answer.json()) == (404, refused.document)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (CallForm(method="TRACE", path="v1/users/me"), "no method 'TRACE'"),
        (CallForm(method="GET", path=" "), "not a path"),
        (CallForm(method="GET", path="GET v1/users/me"), "must not contain a method, but this one begins with GET"),
        (CallForm(method="GET", path="https://elsewhere.example/api"), "not on the tenant"),
        (CallForm(method="POST", path="v1/x", body="{'a': 1}"), "no JSON (line 1, column 2)"),
        (CallForm(method="POST", path="v1/x", body="[NaN]"), "no JSON: NaN"),
        (CallForm(method="POST", path="v1/x", body="1e400"), "no JSON: a number in it is too large"),
        (CallForm(method="DELETE", path=f"v1/oauth-clients/{'a' * 32}"), "Nothing brings the client"),
        (CallForm(method="DELETE", path=f"v1/oauth-clients/{'a' * 32}/?x=1"), "Nothing brings the client"),
        (CallForm(method="DELETE", path=f"v1/oauth-clients/{'a' * 32}", confirm="a"), "Nothing brings the client"),
    ],
)
def test_what_is_no_call_is_told_and_not_sent(presenter, administrator, form, words):
    presenter.call(CallForm(method="GET", path="v1/users/me"))
    before = len(presenter.history())
    presenter.call(form)
    answer = presenter.state.answer  # in the place of the one before
    assert words in answer.problem
    assert (answer.status, answer.sent, answer.ways, answer.kind) == (None, False, (), "ConfigurationError")
    assert presenter.last_error.message == answer.problem
    assert (presenter.state.error, presenter.last_answer) == (None, None)
    assert len(presenter.history()) == before


def test_a_secret_in_an_answer_is_redacted_out_and_shown_once(presenter, administrator):
    presenter.call(CallForm(method="POST", path="v1/oauth-clients", body=new_client("by a call")))
    answer, state = presenter.state.answer, presenter.state
    assert (answer.status, answer.document["clientSecret"], answer.redacted) == (201, "•••", True)
    secret = presenter.client_secret().reveal()
    assert json.loads(presenter.last_answer.content)["clientSecret"] == secret
    assert (state.secret_what, state.secret_of) == ("clientSecret", f"client {answer.document['clientId']}")
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
    presenter.examine(administrator, after_call=True)
    assert presenter.state.diagnosis.is_healthy
    assert "was revoked" in presenter.state.examined
    presenter.try_token(TryForm(client_id=administrator))
    assert presenter.state.examined == ""  # it was of the token before
    presenter.drop_diagnosis()
    assert presenter.state.diagnosis is None


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


def test_a_token_that_is_over_is_said_to_be_so_by_the_doctor(box, presenter, clock):
    client_id = made_in_panel(presenter, "to end")
    presenter.try_token(TryForm(client_id=client_id))
    ends = presenter.state.token.expires_at
    presenter.examine(client_id, after_call=True)
    assert "ended" not in presenter.state.examined
    clock.now = ends.timestamp() + 1
    presenter._clock = clock
    presenter.examine(client_id, after_call=True)
    assert presenter.state.examined.startswith(f"The current token ended at {ends:%H:%M:%S} UTC")


def test_where_nothing_is_found_the_doctor_says_what_else_to_look_at(presenter, administrator, box):
    presenter.call(CallForm(method="GET", path="v1/oauth-clients/nobody"))
    presenter.examine(administrator, after_call=True)
    assert presenter.state.diagnosis.is_healthy
    assert "refused for another reason" in presenter.state.examined
    presenter.examine(administrator)
    assert presenter.state.examined == ""
    box.configure(fail_next=[{"fault": 401, "path": "/api/v1/users/me"}])
    presenter.call(CallForm(method="GET", path="v1/users/me"))
    presenter.examine(administrator, after_call=True)
    assert "does not take the current token" in presenter.state.examined


def test_of_a_call_that_lacks_a_scope_the_doctor_names_it_and_where_to_get_it(presenter):
    client_id = made_in_panel(presenter, "few scopes", scopes=("apps:read", "spaces.shared:read"))
    presenter.try_token(TryForm(client_id=client_id, scopes=("apps:read",)))
    presenter.call(CallForm(method="GET", path="v1/apps"))
    assert presenter.state.answer.document["data"][0]["name"] == "Sales overview"
    presenter.call(CallForm(method="GET", path="v1/spaces"))
    assert presenter.state.answer.hint.startswith("The token lacks a scope: give the client spaces.data:read (or")
    presenter.examine(client_id, after_call=True)
    assert presenter.state.diagnosis.is_healthy
    assert presenter.state.examined == (
        "The token lacks a scope. The client may have spaces.shared:read: get a token that asks for it."
    )
    presenter.call(CallForm(method="GET", path="v1/oauth-clients"))
    presenter.examine(client_id, after_call=True)
    assert presenter.state.examined == (
        "The token lacks a scope that the client may not have: add admin_classic to the client's scopes in Qlik's "
        "console, then get a new token."
    )


def test_users_are_searched_by_any_part_of_what_they_are_called(presenter, box):
    made_in_panel(presenter, "grace's job")
    for typed in ("GRACE", "race@sandbox", "sandbox\\grace", ' grace" or id eq "'):
        presenter.find_users(typed)
        labels = [user.label for user in presenter.state.found_users]
        expected = [] if '"' in typed else ["Grace Example · grace@sandbox.example · sandbox\\grace"]
        assert labels == expected, typed
    presenter.find_users("grace")
    (grace,) = presenter.state.found_users
    presenter.find_users(grace.user_id)
    assert presenter.state.found_users == (grace,)
    client_id = made_in_panel(presenter, "acts for users", impersonation=True)
    presenter.try_token(TryForm(client_id=client_id, user_field="userId", user_value=grace.user_id))
    assert "sandbox\\grace" in presenter.state.token.subject
    presenter.find_users(" ")
    assert "There is nothing to search for" in str(presenter.last_error)


def test_a_lost_answer_is_told_next_to_the_form_and_not_as_if_it_were_looked_up(presenter, administrator, box):
    presenter.call(CallForm(method="GET", path="v1/users/me"))
    box.configure(fail_next=[{"fault": "lost_answer", "path": "/api/v1/oauth-clients", "method": "POST"}])
    presenter.call(CallForm(method="POST", path="v1/oauth-clients", body=new_client("made twice")))
    box.configure(fail_next=[])
    answer = presenter.state.answer
    assert (answer.status, answer.sent, answer.kind) == (None, True, "TenantUnreachable")
    assert answer.hint == LOST_CALL
    assert answer.ways
    assert (presenter.state.error, presenter.last_answer) == (None, None)
    presenter.examine(administrator, after_call=True)
    assert presenter.state.examined == UNANSWERED_CALL
    box.configure(fail_next=[{"fault": 503, "path": "/api/v1/oauth-clients", "method": "POST"}])
    presenter.call(CallForm(method="POST", path="v1/oauth-clients", body=new_client("made thrice")))
    box.configure(fail_next=[])
    assert presenter.state.answer.status == 503
    assert presenter.state.answer.hint.startswith(LOST_CALL)


def test_of_a_lost_token_and_a_lost_revocation_the_truth_is_told(presenter, box):
    client_id = made_in_panel(presenter, "lost")
    box.configure(fail_next=[{"fault": "lost_answer", "path": "/oauth/token"}])
    presenter.try_token(TryForm(client_id=client_id))
    card = presenter.state.error
    assert (card.client_id, card.outcome) == (client_id, LOST_LOGIN)
    presenter.try_token(TryForm(client_id=client_id))
    box.configure(fail_next=[{"fault": 400, "path": "/oauth/revoke"}])
    presenter.revoke_token()
    box.configure(fail_next=[])
    card = presenter.state.error
    assert (card.doing, card.client_id) == ("Revoking the token", client_id)
    assert not presenter.state.token.is_revoked


def test_where_the_tenant_is_gone_the_doctor_can_be_asked_all_the_same():
    with qk.sandbox.start() as gone:
        presenter = connected_presenter(gone)
        client_id = made_in_panel(presenter, "left behind")
        presenter.try_token(TryForm(client_id=client_id))
    presenter.try_token(TryForm(client_id=client_id))
    assert (presenter.state.error.client_id, presenter.state.error.kind) == (client_id, "StoreUnreachable")
    presenter.end_session()


def test_a_connection_that_somebody_else_closed_is_told_so(box):
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        presenter = Presenter(settings=Settings(), run=lambda task: task())
        presenter.use(tenant, store)
        client_id = made_in_panel(presenter, "closed elsewhere")
        presenter.try_token(TryForm(client_id=client_id))
        tenant.close()
        presenter.call(CallForm(method="GET", path="v1/users/me"))
        assert "was closed" in presenter.state.error.what
        assert "Connect again" in presenter.state.error.hint
        presenter.end_session()


def test_a_loopback_tenant_that_does_not_say_so_is_no_sandbox(box):
    def answer(call):
        if call.path == "/.well-known/oauth-authorization-server":
            return Reply(200, {})
        return Reply(200, {"id": "u", "subject": "acme\\ada", "name": "Ada", "roles": []})

    with (
        Loopback(answer) as proxy,
        qk.QlikTenant(proxy.url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        presenter = Presenter(settings=Settings(), run=lambda task: task())
        presenter.use(tenant, store)
        assert presenter.state.connection.mode == "real"
        presenter.end_session()


def test_nothing_that_is_saved_with_the_notebook_names_a_call(presenter, administrator):
    """The busy word, an error's card and a secret's label are synced; path and query may hold anything."""
    seen = []
    presenter.listen(lambda state: seen.append((state.work, repr(state.error), state.secret_of, state.secret_what)))
    body = new_client("seen nowhere")
    presenter.call(CallForm(method="POST", path=f"v1/oauth-clients?q={CANARY}", body=body))
    presenter.call(CallForm(method="GET", path=f"v1/{CANARY}"))
    presenter.call(CallForm(method="GET", path=f"https://elsewhere.example/{CANARY}"))
    assert presenter.client_secret() is not None
    assert find_canaries(repr(seen), [CANARY]) == []
