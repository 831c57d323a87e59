"""The panel without widgets, on the real sandbox: its states, its errors, and what it never keeps."""

from __future__ import annotations

import io
import json
import threading
import traceback

import pytest
from cryptography.hazmat.primitives import serialization
from fixtures.canaries import find_canaries
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError, ManualActionRequired, TenantAuthError
from qlik_keys.jupyter.panel.controllers.presenter import Presenter
from qlik_keys.jupyter.panel.model.state import ClientForm, ConnectForm
from qlik_keys.jupyter.panel.model.words import BY_HAND, KEY_CHOICES, NEW_CLIENT_STEPS, OWN_KEY
from qlik_keys.tenant import NewOAuthClient

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
    presenter.dismiss("connect")
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
    assert [step.step for step in state.steps] == list(NEW_CLIENT_STEPS)
    assert {step.phase for step in state.steps} == {"done"}
    assert ["done", "running", *["waiting"] * 5] in seen
    by_step = {step.step: step.requests for step in state.steps}
    assert ("tenant", "POST", 201) in {(one.system, one.method, one.status) for one in by_step["register"]}
    assert {one.system for one in by_step["write_pending"]} == {"vault"}
    assert [one.path for one in by_step["verify"] if one.method == "POST"] == ["/oauth/token"]
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
    assert isinstance(connected.last_error, ManualActionRequired)
    assert connected.state.error.differences == (("key", "RS256 (2048 bits)", "ES384"),)


def test_a_client_secret_waits_until_it_is_stored(connected):
    connected.make_client(client("panel-secret", private_key_jwt=False, client_secret=True))
    assert connected.state.secret_of
    secret = connected.client_secret()
    assert len(secret.reveal()) > 20
    assert connected.last_made.client_secret is None
    connected.client_secret_is_stored()
    assert connected.client_secret() is None
    assert connected.state.secret_of == ""


def test_a_second_secret_waits_behind_the_first_and_ending_the_session_warns(connected):
    names = ("panel-secret-one", "panel-secret-two", "panel-secret-three")
    warned = []
    for name in names:
        form = client(name, private_key_jwt=False, client_secret=True)
        warned.append(any("wait to be stored already" in text for text in connected.warnings_of(form)))
        connected.make_client(form)
    assert warned == [False, False, True]
    seen = []
    for number, name in enumerate(names):
        assert (connected.state.secret_of, connected.state.secrets_waiting) == (name, 3 - number)
        seen.append(connected.client_secret().reveal())
        with pytest.raises(ConfigurationError, match=name):
            connected.end_session(wait=True)
        assert connected.state.connection is not None
        assert seen[-1] not in repr(connected.state)
        connected.client_secret_is_stored()
    assert len(set(seen)) == 3
    assert (connected.client_secret(), connected.state.secrets_waiting) == (None, 0)
    connected.end_session(wait=True)
    assert connected.state.connection is None


def test_a_warning_that_was_dismissed_is_given_again(connected):
    connected.make_client(client("panel-secret-warned", private_key_jwt=False, client_secret=True))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="panel-secret-warned"):
            connected.end_session(wait=True)
        connected.dismiss("top")
    assert connected.client_secret() is not None
    connected.client_secret_is_stored()


def test_a_session_with_a_waiting_secret_ends_when_it_is_asked_twice(connected):
    connected.make_client(client("panel-secret-left", private_key_jwt=False, client_secret=True))
    with pytest.raises(ConfigurationError, match="panel-secret-left"):
        connected.end_session(wait=True)
    assert connected.client_secret() is not None
    connected.end_session(wait=True)
    assert (connected.state.connection, connected.client_secret()) == (None, None)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (client("  "), "Give the client a name."),
        (ClientForm(name="any"), "The client has no scope."),
        (client("any", private_key_jwt=False), "could not log in"),
        (client("n" * 513), "has 513 characters; 512 are the most"),
        (client("any", description="d" * 4097), "has 4097 characters"),
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
    assert phases["write_pending"] == "done"
    assert phases["register"] == "failed"
    assert phases["verify"] == "waiting"
    assert connected.state.error.kind == "TenantRejected"
    connected.make_client(client("panel-fails"))
    assert connected.state.error is None
    assert connected.state.made.created


def test_cancel_stops_between_steps(connected):
    cancelled = []

    def cancel_at_register(state):
        if any(step.step == "write_pending" and step.phase == "done" for step in state.steps) and not cancelled:
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


def test_every_action_that_a_person_can_do_says_how_it_is_done_by_hand():
    from qlik_keys.jupyter.panel.controllers.client_settings import SETTINGS
    from qlik_keys.lifecycle.actions import ACTIONS

    done_by_the_package_alone = {"replace_secret", "remove_duplicate", "end_overlap", "note", "settle"}
    assert {str(action) for action, facts in ACTIONS.items() if not facts.by_hand} == done_by_the_package_alone
    assert {setting.step for setting in SETTINGS.values()} <= set(BY_HAND)


@pytest.mark.parametrize(
    ("spec", "form", "passphrase"),
    [
        (qk.KeySpec("RS256", bits=2048), "pem", None),
        (qk.KeySpec("ES384"), "jwk", None),
        (qk.KeySpec("ES384"), "encrypted", "pass phrase ü"),
    ],
)
def test_an_own_key_is_taken_from_its_file(connected, spec, form, passphrase):
    key = qk.generate(spec)
    content = key.reveal("jwk" if form == "jwk" else "pem")
    if form == "encrypted":
        loaded = serialization.load_pem_private_key(content.encode(), None)
        content = loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase.encode()),
        ).decode()
    own = client(
        f"own-{form}-{spec.alg}",
        key_choice=OWN_KEY,
        own_key=Secret(content, what="Key file", any_text=True),
        own_key_passphrase=Secret(passphrase, what="Passphrase", any_text=True) if passphrase else None,
    )
    assert "your own key" in connected.preview(own)
    assert "from_pem" in connected.code_of(own)
    connected.make_client(own)
    assert connected.state.error is None
    record = connected.store.read(connected.tenant.host, connected.last_made.client_id)
    assert record.current.public.thumbprint == key.public.thumbprint
    assert connected.state.made.subject.startswith("qlikbot")
    private = json.loads(key.reveal("jwk"))["d"] if form == "jwk" else content
    assert find_canaries(repr(connected.state), [private]) == []


@pytest.mark.parametrize(
    "content", ["no key at all", '{"kty": "none"}', "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_file_without_a_key_is_a_card_that_does_not_quote_it(connected, content):
    own = client("own-broken", key_choice=OWN_KEY, own_key=Secret(content, what="Key file", any_text=True))
    connected.make_client(own)
    assert connected.state.error.kind == "KeyMaterialError"
    assert content not in repr(connected.state)
    assert connected.problem_of(client("own-none", key_choice=OWN_KEY)) == "Choose the file with your key."


def test_the_code_of_a_form_makes_that_client(connected):
    form = client("as-code", key_choice="RS256-2048", client_secret=True)
    panel = connected
    names = {"qk": qk, "panel": panel}
    exec(connected.code_of(form), names)  # what the panel shows is what it says
    assert (names["made"].name, names["made"].created) == ("as-code", True)
    connected.make_client(form)
    assert connected.state.made.created is False


def test_step_by_step_waits_before_each_step(box):
    presenter = Presenter(settings=Settings())
    waiting = threading.Event()
    seen = []

    def watch(state):
        if state.waits_for and (not seen or seen[-1] != state.waits_for):
            seen.append(state.waits_for)
            waiting.set()

    try:
        presenter.connect(lambda: form_of(box))
        wait_until(presenter, lambda state: not state.work)
        presenter.go_step_by_step(wanted=True)
        presenter.listen(watch)
        presenter.make_client(client("stepwise"))
        for number in range(1, 8):
            assert waiting.wait(10)
            waiting.clear()
            done = [step for step in presenter.state.steps if step.phase == "done"]
            assert (len(seen), len(done)) == (number, number - 1)
            presenter.next_step()
        wait_until(presenter, lambda state: not state.work)
        assert presenter.state.made.name == "stepwise"

        presenter.make_client(client("stepwise-cancelled"))
        assert waiting.wait(10)
        presenter.cancel()
        wait_until(presenter, lambda state: not state.work)
        assert presenter.state.error.kind == "Interrupted"
        assert presenter.state.waits_for == ""

        waiting.clear()
        seen.clear()
        presenter.make_client(client("stepwise-let-go"))
        assert waiting.wait(10)
        presenter.go_step_by_step(wanted=False)
        wait_until(presenter, lambda state: not state.work)
        assert presenter.state.made.name == "stepwise-let-go"
    finally:
        presenter.end_session(wait=True)


def wait_until(presenter, holds, seconds=20):
    reached = threading.Event()
    presenter.listen(lambda state: reached.set() if holds(state) else None)
    assert reached.wait(seconds)


def test_a_name_is_checked_next_to_the_work(box, clock):
    presenter = Presenter(settings=Settings(), run=lambda task: task(), clock=clock)
    presenter.check_name("too-early")
    assert presenter.state.name_note == ""
    presenter.connect(lambda: form_of(box))
    presenter.make_client(client("checked"))
    presenter.check_name(" checked ")
    assert presenter.state.name_note.startswith("There is a client checked already")
    presenter.check_name('not "checked" by O\'Brien \\ 日本')
    assert presenter.state.name_note == '✓ The name not "checked" by O\'Brien \\ 日本 is free.'
    # What is no name is not called free next to the line that refuses it.
    for no_name in (
        " ",
        "a\tb",
        "zero\u200bwidth",
        "joined\u200d",
        "\u200cjoined",
        "twice\u200d\u200djoined",
        "x" * 513,
    ):
        presenter.check_name(no_name)
        assert presenter.state.name_note == ""
    # Joiners are part of how words and pictures are spelt.
    for name in ("क्\u200cष", "क्\u200dष", "👩\u200d💻 etl"):
        presenter.check_name(name)
        assert presenter.state.name_note == f"✓ The name {name} is free."
        presenter.make_client(client(name))
        assert presenter.last_made.name == name
    presenter.end_session()


def test_what_is_selected_is_a_frame(connected):
    assert connected.selected() is None
    connected.make_client(client("selected"))
    connected.select([])
    assert connected.selected().empty
    connected.select([connected.last_made.client_id])
    assert list(connected.selected()["name"]) == ["selected"]
    connected.select(["0" * 32])
    connected.refresh()
    assert connected.state.selected == ()


def test_an_audit_leads_to_the_plan_of_what_fixes_it(connected):
    made = connected.tenant.oauth_clients.create(
        NewOAuthClient(
            app_type="web",
            client_name="audited",
            allowed_scopes=("user_default",),
            allowed_grant_types=("client_credentials",),
            allowed_auth_methods=("client_secret",),
            consent_method="trusted",
        )
    )
    client_id = made.client.client_id
    try:
        connected.audit()
        found = connected.state.audit
        assert list(found[found.client_id == client_id]["finding"]) == ["secret-only"]
        connected.show_finding("secret-only")
        assert (connected.state.tab, connected.state.finding) == ("Clients", "secret-only")
        connected.fix("secret-only", client_id)
        assert connected.state.selected == (client_id,)
        assert connected.state.plan.form.operation == "adopt"
        assert connected.state.plan.blocked == ""
        connected.fix("admin-scope", client_id)
        assert connected.state.tab == "Clients"
        connected.fix("unfinished", "")
        assert connected.state.plan.form.operation == "resume"
    finally:
        connected.tenant.oauth_clients.delete(client_id)


def test_a_new_sandbox_takes_the_place_of_the_one_before(presenter):
    presenter.start_sandbox(wait=True)
    first = presenter.sandbox
    presenter.start_sandbox(wait=True)
    assert presenter.sandbox is first
    presenter.start_sandbox(custody="transit", again=True, wait=True)
    assert presenter.sandbox is not first
    assert not first.running
    assert presenter.state.connection.custody == "transit"
