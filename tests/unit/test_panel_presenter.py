"""The panel without widgets, on the real sandbox: its states, its errors, and what it never keeps."""

from __future__ import annotations

import io
import threading
import traceback

import pytest
from canaries import find_canaries
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, NeedsPerson, TenantAuthError
from qlik_keys.panel.presenter import Presenter
from qlik_keys.panel.state import ClientForm, ConnectForm
from qlik_keys.panel.words import BY_HAND, KEY_CHOICES
from qlik_keys.secret import Secret
from qlik_keys.settings import Settings

pytestmark = pytest.mark.openbao


@pytest.fixture
def presenter():
    made = Presenter(settings=Settings(), run=lambda task: task())
    yield made
    made.end_session()


@pytest.fixture
def connected(presenter, box):
    presenter.connect(lambda: form_of(box))
    assert presenter.state.connection is not None
    return presenter


def form_of(box, **changes):
    values = {
        "tenant_url": box.tenant_url,
        "credential": "api_key",
        "api_key": Secret(box.api_key, what="API key"),
        "vault_url": box.vault_url,
        "vault_token": Secret(box.vault_token, what="Vault token"),
    }
    return ConnectForm(**{**values, **changes})


def client(name, **changes):
    return ClientForm(name=name, scopes=("user_default",), **changes)


def test_it_begins_with_nothing(presenter):
    state = presenter.state
    assert (state.connection, state.work, state.error, state.steps, state.made) == (None, "", None, (), None)
    assert presenter.problem_of(client("any")).startswith("Connect first")


def test_connecting_says_as_whom(connected, box):
    connection = connected.state.connection
    assert connection.mode == "sandbox"
    assert connection.tenant_url == box.tenant_url
    assert connection.vault_url == box.vault_url
    assert connection.identity
    assert "TenantAdmin" in connection.roles


def test_the_sandbox_ends_with_the_session(presenter):
    presenter.start_sandbox()
    assert presenter.state.connection.mode == "sandbox"
    url = presenter.state.connection.tenant_url
    first = presenter.tenant
    presenter.start_sandbox()
    assert presenter.tenant is first
    presenter.end_session()
    assert presenter.state.connection is None
    assert presenter.tenant is None
    with qk.QlikTenant(url, credential=qk.ApiKey("x" * 20)) as tenant, pytest.raises(qk.errors.TenantUnreachable):
        tenant.users.me()


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"api_key": Secret("nobody-has-this-key")}, "TenantAuthError", "credential"),
        ({"api_key": None}, "ConfigurationError", "no credential"),
        ({"vault_token": None}, "ConfigurationError", "no token"),
        ({"vault_token": Secret("s.nobody-has-this-token")}, "StoreDenied", "token"),
        ({"vault_url": ""}, "ConfigurationError", "No Vault address"),
        ({"vault_url": "http://vault.example.com:8200"}, "ConfigurationError", "plain http"),
        ({"tenant_url": "http://acme.eu.qlikcloud.com"}, "ConfigurationError", "http"),
        ({"tenant_url": "http://127.0.0.1:1"}, "TenantUnreachable", "127.0.0.1"),
        ({"vault_url": "http://127.0.0.1:1"}, "StoreUnreachable", "127.0.0.1"),
        ({"mount": "nowhere"}, "StoreMisconfigured", "nowhere"),
        ({"vault_login": "userpass", "role_id": "ada", "secret_id": None}, "ConfigurationError", "password"),
    ],
)
def test_what_does_not_connect_is_a_card(presenter, box, changes, kind, words):
    presenter.connect(lambda: form_of(box, **changes))
    card = presenter.state.error
    assert card.kind == kind
    assert words in f"{card.what} {card.hint}"
    assert card.hint
    assert type(presenter.last_error).__name__ == kind
    assert presenter.state.connection is None
    assert presenter.state.work == ""
    presenter.dismiss_error()
    assert presenter.state.error is None


def test_a_credential_of_the_environment_goes_to_its_own_tenant_alone(box):
    settings = Settings.resolve(
        tenant_url=box.tenant_url, api_key=box.api_key, vault_url=box.vault_url, vault_token=box.vault_token
    )
    presenter = Presenter(settings=settings, run=lambda task: task())
    nothing_typed = {"api_key": None, "vault_token": None}
    presenter.connect(lambda: form_of(box, **nothing_typed))
    assert presenter.state.connection.tenant_url == box.tenant_url
    presenter.connect(lambda: form_of(box, **nothing_typed, tenant_url="https://elsewhere.eu.qlikcloud.com"))
    assert "no credential" in presenter.state.error.what
    presenter.connect(lambda: form_of(box, **nothing_typed, vault_url="https://elsewhere.example:8200"))
    assert "no token" in presenter.state.error.what
    presenter.end_session()


def test_a_client_is_made_step_by_step(connected):
    seen = []
    connected.listen(lambda state: seen.append([step.phase for step in state.steps]))
    connected.make_client(client("panel-step-by-step"))
    state = connected.state
    assert [step.step for step in state.steps] == list(BY_HAND)
    assert {step.phase for step in state.steps} == {"done"}
    assert ["done", "running", *["waiting"] * 5] in seen
    by_step = {step.step: step.requests for step in state.steps}
    assert ("tenant", "POST", 201) in {(one.system, one.method, one.status) for one in by_step["register"]}
    assert {one.system for one in by_step["stage"]} == {"vault"}
    assert [one.path for one in by_step["prove"] if one.method == "POST"] == ["/oauth/token"]
    assert state.made.created
    assert state.made.subject == rf"qlikbot\{state.made.client_id}"
    assert state.made.vault_path.endswith(f"/{state.made.client_id}")
    assert state.made.client_id in set(state.clients["client_id"])
    assert connected.last_made.client_id == state.made.client_id


def test_asked_again_it_is_the_same_client(connected):
    connected.make_client(client("panel-again"))
    first = connected.state.made
    connected.make_client(client("panel-again"))
    again = connected.state.made
    assert (again.client_id, again.kid, again.created) == (first.client_id, first.kid, False)


def test_a_conflict_shows_what_differs(connected):
    connected.make_client(client("panel-conflict"))
    connected.make_client(client("panel-conflict", key_choice="RS256-2048"))
    assert isinstance(connected.last_error, NeedsPerson)
    assert connected.state.error.differences == (("key", "RS256 (2048 bits)", "ES384"),)


def test_a_client_secret_waits_until_it_is_stored(connected):
    connected.make_client(client("panel-secret", private_key_jwt=False, client_secret=True))
    assert connected.state.has_client_secret
    secret = connected.client_secret()
    assert len(secret.reveal()) > 20
    assert connected.last_made.client_secret is None
    connected.client_secret_is_stored()
    assert connected.client_secret() is None
    assert not connected.state.has_client_secret


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (client("  "), "Give the client a name."),
        (ClientForm(name="any"), "The client has no scope."),
        (client("any", private_key_jwt=False), "could not log in"),
        (client("n" * 513), "longer than 512"),
        (client("any", description="d" * 4097), "longer than 4096"),
    ],
)
def test_why_a_client_cannot_be_made(connected, form, words):
    assert words in connected.problem_of(form)


def test_every_key_choice_is_previewed_without_a_private_member(connected):
    for name, choice in KEY_CHOICES.items():
        text = connected.preview(client("any", key_choice=name))
        assert str(choice.spec) in text
        assert '"allowedAuthMethods"' in text


def test_warnings_for_dangerous_choices(connected):
    form = ClientForm(
        name="any",
        scopes=("admin_classic", "no.such.scope"),
        private_key_jwt=False,
        client_secret=True,
        impersonation=True,
        trusted=False,
    )
    words = " ".join(connected.warnings_of(form))
    for warning in ("administer the whole tenant", "no.such.scope", "weaker login", "any user", "cannot log in"):
        assert warning in words


def test_a_step_that_fails_is_marked_and_the_next_try_goes_on(connected, box):
    box.configure(fail_next=[{"method": "POST", "path": "/api/v1/oauth-clients", "fault": 400}])
    connected.make_client(client("panel-fails"))
    phases = {step.step: step.phase for step in connected.state.steps}
    assert phases["stage"] == "done"
    assert phases["register"] == "failed"
    assert phases["prove"] == "waiting"
    assert connected.state.error.kind == "TenantRejected"
    connected.make_client(client("panel-fails"))
    assert connected.state.error is None
    assert connected.state.made.created


def test_cancel_stops_between_steps(connected):
    cancelled = []

    def cancel_at_register(state):
        if any(step.step == "stage" and step.phase == "done" for step in state.steps) and not cancelled:
            cancelled.append(True)
            connected.cancel()

    connected.listen(cancel_at_register)
    connected.make_client(client("panel-cancelled"))
    assert connected.state.error.kind == "Interrupted"
    assert connected.state.made is None
    assert {step.step: step.phase for step in connected.state.steps}["register"] == "waiting"
    connected.make_client(client("panel-cancelled"))
    assert connected.state.made.created


def test_one_work_at_a_time(box):
    go_on, tasks = threading.Event(), []

    def run(task):
        thread = threading.Thread(target=lambda: (go_on.wait(10), task()))
        tasks.append(thread)
        thread.start()

    presenter = Presenter(settings=Settings(), run=run)
    presenter.connect(lambda: form_of(box))
    presenter.refresh()
    assert "busy" in presenter.state.error.what
    go_on.set()
    tasks[0].join()
    assert presenter.state.connection is not None
    assert len(tasks) == 1
    presenter.end_session()
    tasks[1].join()


def test_what_a_cell_waits_for_is_raised_there(presenter):
    with pytest.raises(ConfigurationError, match="Nothing is connected"):
        presenter.refresh(wait=True)
    assert presenter.state.error.kind == "ConfigurationError"
    assert presenter.state.work == ""


def test_a_foreign_exception_is_told_by_its_class_alone(presenter):
    def fill_in():
        raise RuntimeError("the text may hold anything: correct-horse-battery")

    presenter.connect(fill_in)
    card = presenter.state.error
    assert card.kind == "RuntimeError"
    assert "correct-horse" not in repr(presenter.state)
    assert "last_error" in card.hint


def test_no_state_and_no_traceback_has_a_secret(presenter, box):
    key, token = "canary-api-key-0123456789abcdef", "s.canary-vault-token-0123456789"
    canaries = {"API key": key, "Vault token": token, "real key": box.api_key, "real token": box.vault_token}
    seen = []
    presenter.listen(lambda state: seen.append(repr(state)))
    for changes in (
        {"api_key": Secret(key, what="API key")},
        {"vault_token": Secret(token, what="Vault token")},
        {"vault_url": "http://127.0.0.1:1"},
        {},
    ):
        presenter.connect(lambda changes=changes: form_of(box, **changes))
        if changes:
            error = presenter.last_error
            assert error is not None
            verbose = VerboseTB()
            seen.append(verbose.text(type(error), error, error.__traceback__))
            out = io.StringIO()
            traceback.TracebackException.from_exception(error, capture_locals=True).print(file=out)
            seen.append(out.getvalue())
    presenter.make_client(client("panel-canaries", client_secret=True))
    canaries["client secret"] = presenter.client_secret().reveal()
    record = presenter.store.read(presenter.tenant.host, presenter.state.made.client_id)
    canaries["private key"] = record.current.private.reveal()
    seen += [repr(vars(presenter)), repr(presenter.last_made)]
    assert find_canaries("\n".join(seen), canaries) == []


def test_the_error_of_a_refused_login_is_the_tenants(presenter, box):
    presenter.connect(lambda: form_of(box, api_key=Secret("nobody-has-this-key")))
    assert isinstance(presenter.last_error, TenantAuthError)
    assert presenter.state.error.outcome == "Nothing was changed by it."
