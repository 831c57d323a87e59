"""A login step by step on the real sandbox: the assertion, the token, expected rejections, and its user."""

from __future__ import annotations

import dataclasses

import pytest
from fixtures.canaries import find_canaries
from fixtures.support import made_in_panel, newest_card

from qlik_keys.auth.invalid_variants import INVALID_VARIANTS
from qlik_keys.jupyter.panel.controllers.token import REPLAYED
from qlik_keys.jupyter.panel.model.forms import CallForm, TokenForm
from qlik_keys.jupyter.panel.model.words import LOST_LOGIN

pytestmark = pytest.mark.openbao


def phases(controllers):
    return [(step.step, step.phase) for step in controllers.state.token.steps]


def test_what_is_missing_is_said(controllers):
    problem_of = controllers.token.problem_of
    assert problem_of(TokenForm(client_id="")).startswith("Choose a client")
    no_user = TokenForm(client_id="c", user_field="userId", user_value=" ")
    assert problem_of(no_user) == "Type which user the token is for."
    assert problem_of(TokenForm(client_id="c")) == ""
    controllers.calls.call(CallForm(method="GET", path="v1/users/me"))
    assert "no current token" in newest_card(controllers).what
    controllers.doctor.fix("trust")
    assert "no finding to fix" in newest_card(controllers).what
    controllers.token.find_users(" ")
    assert "nothing to search for" in newest_card(controllers).what
    controllers.connection.end_session()
    assert problem_of(TokenForm(client_id="c")) == "Connect first."


def test_a_login_is_shown_step_by_step(controllers, name):
    client_id = made_in_panel(controllers, name, scopes=("user_default", "apps"))
    controllers.token.request(TokenForm(client_id=client_id, scopes=("apps",)))
    state = controllers.state
    assert phases(controllers) == [("sign", "done"), ("ask", "done"), ("verify", "done")]
    requests = [[(one.system, one.method, one.status) for one in step.requests] for step in state.token.steps]
    followed = [("tenant", "GET", 307), ("tenant", "GET", 200)]
    assert requests == [[("vault", "GET", 200)], [("tenant", "POST", 200)], followed]
    assert [each.name for each in state.token.assertion.members][:2] == ["alg", "kid"]
    token = state.token.token
    assert (token.client_name, token.scope, token.kid) == (name, "apps", controllers.new_client.last_made.kid)
    assert (token.subject, token.lifetime_known) == (f"qlikbot\\{client_id}", True)
    assert state.token.rejection is None
    assert find_canaries(repr(state) + repr(dataclasses.asdict(token)), [controllers.token._token.reveal()]) == []


def test_an_invalid_assertion_is_an_expected_rejection_and_no_error(controllers, name):
    client_id = made_in_panel(controllers, name)
    controllers.token.request(TokenForm(client_id=client_id))
    token = controllers.state.token.token
    for variant in INVALID_VARIANTS.keys() - {REPLAYED}:
        controllers.token.request(TokenForm(client_id=client_id, variant=variant))
        shown = controllers.state.token
        rejection = shown.rejection
        assert (rejection.variant, rejection.status, shown.assertion.variant) == (variant, 401, variant)
        assert (bool(rejection.said), bool(rejection.trace_id)) == (True, True)
        expected = f"Refused, as expected: {INVALID_VARIANTS[variant].title}."
        assert (newest_card(controllers), controllers.state.results["try"].words) == (None, expected)
        assert phases(controllers) == [("sign", "done"), ("ask", "failed")]
        assert shown.token == token  # the current one stays
    controllers.token.request(TokenForm(client_id=client_id, variant=REPLAYED))
    assert [phase for _, phase in phases(controllers)] == ["done", "done", "failed", "done"]
    assert (newest_card(controllers), controllers.state.token.rejection.status) == (None, 401)
    assert controllers.state.token.token.subject == f"qlikbot\\{client_id}"


def test_users_are_found_by_any_part_of_their_name_and_a_token_is_for_one_of_them(controllers, tenant):
    made_in_panel(controllers, "grace's job")
    for typed in ("GRACE", "race@sandbox", "sandbox\\grace", ' grace" or id eq "'):
        controllers.token.find_users(typed)
        labels = [user.label for user in controllers.state.token.found_users]
        assert labels == ([] if '"' in typed else ["Grace Example · grace@sandbox.example · sandbox\\grace"]), typed
    controllers.token.find_users("grace")
    (grace,) = controllers.state.token.found_users
    controllers.token.find_users(grace.user_id)
    assert controllers.state.token.found_users == (grace,)
    client_id = made_in_panel(controllers, "for users", impersonation=True)
    me = tenant.users.me()
    for field, value, subject in (("userId", grace.user_id, "sandbox\\grace"), ("subject", me.subject, me.subject)):
        controllers.token.request(TokenForm(client_id=client_id, user_field=field, user_value=f" {value} "))
        assert controllers.state.token.token.subject == subject
        assert controllers.state.results["try"].words == f"for users logged in for the user {value}."
    controllers.token.request(TokenForm(client_id=client_id, user_field="userId", user_value="unknown"))
    assert newest_card(controllers).kind == "AssertionRejected"
    assert controllers.state.token.token is None


def test_what_is_known_after_a_failed_request_is_said(controllers, made, box):
    form = TokenForm(client_id=made.client_id)
    box.configure(fail_next=[{"fault": "lost_answer", "path": "/oauth/token"}])
    controllers.token.request(form)
    card = newest_card(controllers)
    assert (card.client_id, card.outcome) == (made.client_id, LOST_LOGIN)
    box.configure(fail_next=[{"method": "GET", "path": "/api/v1/users/me", "fault": 400}])
    controllers.token.request(form)
    assert (newest_card(controllers), controllers.state.token.token.subject) == (None, "")
    result = controllers.state.results["try"]
    assert result.kind == "warning"
    assert "logged in. The tenant did not say who the token's user is:" in result.words
    box.configure(fail_next=[{"fault": 400, "path": "/oauth/revoke"}])
    controllers.token.revoke()
    box.configure(fail_next=[])
    card = newest_card(controllers)
    assert (card.doing, card.client_id) == ("Revoking the token", made.client_id)
    assert not controllers.state.token.token.is_revoked
