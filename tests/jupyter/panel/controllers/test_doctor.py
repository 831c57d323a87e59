"""The doctor of the panel: what it is asked, what it says of a token and of a call, and its fixes."""

from __future__ import annotations

import pytest
from fixtures.support import made_in_panel, newest_card

from qlik_keys.errors import TenantAuthError
from qlik_keys.jupyter.panel.model.forms import CallForm, TokenForm

pytestmark = pytest.mark.openbao


def remark_on(controllers, client_id, path="", **options):
    """Make a call, run the doctor after it, and return what it says about the call."""
    if path:
        controllers.calls.call(CallForm(method="GET", path=path))
    controllers.doctor.examine(client_id, **{"after_call": True, **options})
    return controllers.state.doctor.remark


def test_a_login_that_fails_is_a_card_that_leads_to_the_doctor_and_its_fix(controllers, tenant, made):
    tenant.oauth_clients.set_consent(made.client_id, "required")
    controllers.token.request(TokenForm(client_id=made.client_id))
    card = newest_card(controllers)
    assert (card.kind, card.client_id) == ("AssertionRejected", made.client_id)
    assert controllers.state.token.token is None
    assert [step.phase for step in controllers.state.token.steps] == ["done", "failed", "waiting"]
    controllers.go_to("Clients")
    controllers.doctor.examine(card.client_id)
    assert controllers.state.tab == "Try a token"
    [finding] = [check for check in controllers.state.doctor.diagnosis.findings if check.fix]
    assert (finding.name, finding.fix) == ("consent", "trust")
    controllers.doctor.fix(finding.fix)
    assert controllers.state.doctor.diagnosis.is_healthy
    assert "trusted" in controllers.state.doctor.fixed
    controllers.doctor.dismiss()
    assert controllers.state.doctor.diagnosis is None
    controllers.token.request(TokenForm(client_id=made.client_id))
    assert controllers.state.token.token.subject == f"qlikbot\\{made.client_id}"


def test_the_doctor_checks_what_the_form_says_now_or_what_was_requested_last(controllers, name):
    client_id = made_in_panel(controllers, name, impersonation=True)
    controllers.token.request(TokenForm(client_id=client_id, scopes=("apps",)))
    assert newest_card(controllers).kind in ("ScopeRejected", "AssertionRejected")
    controllers.doctor.examine(client_id)
    assert "scopes" in [check.name for check in controllers.state.doctor.diagnosis.findings]
    controllers.token.request(TokenForm(client_id=client_id))
    wrong = TokenForm(client_id=client_id, user_field="subject", user_value="unknown@sandbox.example")
    controllers.doctor.examine(client_id, form=wrong)
    [finding] = controllers.state.doctor.diagnosis.findings
    assert (finding.name, "unknown@sandbox.example" in finding.why) == ("login", True)
    controllers.doctor.examine(client_id)  # Check again
    assert not controllers.state.doctor.diagnosis.is_healthy
    no_user_yet = TokenForm(client_id=client_id, user_field="subject")
    for form in (controllers.state.token.token.form, no_user_yet):
        controllers.doctor.examine(client_id, form=form, after_call=True)
        assert controllers.state.doctor.diagnosis.is_healthy


def test_a_token_that_is_revoked_or_expired_is_said_to_be_so(controllers, made, clock):
    controllers.token.request(TokenForm(client_id=made.client_id))
    expires = controllers.state.token.token.expires_at
    assert "expired" not in remark_on(controllers, made.client_id)
    real, controllers.work.clock = controllers.work.clock, clock
    clock.now = expires.timestamp() + 1
    assert remark_on(controllers, made.client_id).startswith(f"The current token expired at {expires:%H:%M:%S} UTC")
    controllers.work.clock = real
    controllers.token.revoke()
    assert controllers.state.token.token.is_revoked
    assert "was revoked" in remark_on(controllers, made.client_id, "v1/users/me")
    assert (controllers.state.calls.answer.status, controllers.state.calls.answer.kind) == (401, "TenantAuthError")
    assert isinstance(controllers.store.last_error, TenantAuthError)
    assert controllers.state.doctor.diagnosis.is_healthy
    controllers.token.request(TokenForm(client_id=made.client_id))
    assert controllers.state.doctor.remark == ""  # it was of the token before


def test_of_a_call_that_fails_although_the_login_works_the_doctor_says_what_to_check(controllers, name, box):
    client_id = made_in_panel(controllers, name, scopes=("apps:read", "spaces.shared:read"))
    controllers.token.request(TokenForm(client_id=client_id, scopes=("apps:read",)))
    assert "refused for another reason" in remark_on(controllers, client_id, "v1/apps/unknown")
    assert remark_on(controllers, client_id, after_call=False) == ""
    box.configure(fail_next=[{"fault": 401, "path": "/api/v1/users/me"}])
    assert "does not accept the current token" in remark_on(controllers, client_id, "v1/users/me")
    assert controllers.state.doctor.diagnosis.is_healthy
    assert remark_on(controllers, client_id, "v1/spaces") == (
        "The token lacks a scope. The client may have spaces.shared:read: get a token that asks for it."
    )
    assert "spaces.data:read (or" in controllers.state.calls.answer.hint
    assert remark_on(controllers, client_id, "v1/oauth-clients") == (
        "The token lacks a scope that the client may not have: add admin_classic to the client's scopes in Qlik's "
        "console, then get a new token."
    )
