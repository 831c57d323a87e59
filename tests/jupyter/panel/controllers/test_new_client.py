"""A new client: what the form leads to, its steps, its key, and what was made in the session."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from fixtures.canaries import find_canaries
from fixtures.support import connect_form, made_in_panel, newest_card

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ManualActionRequired
from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
from qlik_keys.jupyter.panel.model.forms import CallForm, ChangeForm, ClientForm, TokenForm
from qlik_keys.jupyter.panel.model.summary import summary
from qlik_keys.jupyter.panel.model.words import BY_HAND, KEY_CHOICES, NEW_CLIENT_STEPS, OWN_KEY
from qlik_keys.jupyter.panel.operations.client_settings import SETTINGS
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.lifecycle.actions import ACTIONS

pytestmark = pytest.mark.openbao


def client(name, **changes):
    return ClientForm(name=name, **{"scopes": ("user_default",), **changes})


def phases(controllers):
    return {step.step: step.phase for step in controllers.state.new_client.steps}


def test_before_a_connection_nothing_can_be_made(unconnected):
    assert unconnected.new_client.problem_of(client("any")).startswith("Connect first")


def test_a_client_is_made_step_by_step_and_asked_for_again_it_is_the_same(controllers, name):
    seen = []
    controllers.store.listen(lambda state: seen.append([step.phase for step in state.new_client.steps]), "new_client")
    controllers.new_client.make(client(name))
    state = controllers.state.new_client
    assert [step.step for step in state.steps] == list(NEW_CLIENT_STEPS)
    assert {step.phase for step in state.steps} == {"done"}
    assert ["done", "running", *["waiting"] * 5] in seen
    by_step = {step.step: step.requests for step in state.steps}
    assert ("tenant", "POST", 201) in {(one.system, one.method, one.status) for one in by_step["register"]}
    assert {one.system for one in by_step["write_pending"]} == {"vault"}
    assert [one.path for one in by_step["verify"] if one.method == "POST"] == ["/oauth/token"]
    made = state.made
    assert (made.created, made.subject) == (True, rf"qlikbot\{made.client_id}")
    assert made.vault_path.endswith(f"/{made.client_id}")
    assert made.client_id in set(controllers.state.clients.frame["client_id"])
    assert controllers.new_client.last_made.client_id == made.client_id
    controllers.new_client.make(client(name))
    again = controllers.state.new_client.made
    assert (again.client_id, again.kid, again.created) == (made.client_id, made.kid, False)
    controllers.new_client.make(client(name, key_choice="RS256-2048"))
    assert isinstance(controllers.store.last_error, ManualActionRequired)
    assert newest_card(controllers).differences == (("key", "RS256 (2048 bits)", "ES384"),)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (client("  "), "Give the client a name."),
        (client("any", scopes=()), "The client has no scope."),
        (client("any", private_key_jwt=False), "could not log in"),
        (client("n" * 513), "has 513 characters; the maximum is 512"),
        (client("any", description="d" * 4097), "has 4097 characters"),
        (client("any", key_choice=OWN_KEY), "Choose the file with your key."),
    ],
)
def test_why_a_client_cannot_be_made_is_said(controllers, form, words):
    assert words in controllers.new_client.problem_of(form)


def test_the_preview_has_no_private_member_and_the_code_makes_the_same_client(controllers, tenant, key_store, name):
    for choice_name, choice in KEY_CHOICES.items():
        text = controllers.new_client.preview(client("any", key_choice=choice_name))
        assert str(choice.spec) in text
        assert '"allowedAuthMethods"' in text
    form = client(name, key_choice="RS256-2048", client_secret=True)

    class Panel:
        pass

    Panel.tenant, Panel.store = tenant, key_store
    names = {"qk": qk, "panel": Panel}
    exec(controllers.new_client.code_of(form), names)  # what the panel shows is what it says
    assert (names["made"].name, names["made"].created) == (name, True)
    controllers.new_client.make(form)
    assert controllers.state.new_client.made.created is False


def test_dangerous_choices_are_warned_of(controllers):
    form = client(
        "any",
        scopes=("admin_classic", "no.such.scope"),
        private_key_jwt=False,
        client_secret=True,
        impersonation=True,
        trusted=False,
    )
    for waiting in range(3):
        words = " ".join(controllers.new_client.warnings_of(form))
        assert ("are not stored yet" in words) == (waiting >= 2)
        controllers.secrets.keep(Secret(f"a-client-secret-{waiting}"), "etl")
    for warning in ("administer the whole tenant", "no.such.scope", "weaker login", "any user", "cannot log in"):
        assert warning in words


def test_a_client_secret_waits_and_is_in_no_result(controllers, name):
    controllers.new_client.make(client(name, private_key_jwt=False, client_secret=True))
    assert (controllers.state.secrets.owner, controllers.state.secrets.waiting) == (name, 1)
    assert len(controllers.secrets.first().reveal()) > 20
    assert controllers.new_client.last_made.client_secret is None
    controllers.connection.end_session()
    assert f"client secret of {name}" in newest_card(controllers).what
    controllers.dismiss("top")  # so it is warned of once more
    controllers.connection.end_session()
    assert controllers.state.connection is not None


@pytest.mark.parametrize(
    ("stop", "kind", "expected"),
    [
        ("fault", "TenantRejected", {"write_pending": "done", "register": "failed", "verify": "waiting"}),
        ("cancel", "Interrupted", {"write_pending": "done", "register": "waiting"}),
    ],
)
def test_what_was_stopped_in_a_step_is_finished_by_the_next_try(controllers, box, stop, kind, expected):
    stopped, name = [], f"stopped-by-{stop}"

    def cancel(state):
        if (
            any(step.step == "write_pending" and step.phase == "done" for step in state.new_client.steps)
            and not stopped
        ):
            stopped.append(True)
            controllers.work.steps.cancel()

    if stop == "cancel":
        controllers.store.listen(cancel, "new_client")
    else:
        box.configure(fail_next=[{"method": "POST", "path": "/api/v1/oauth-clients", "fault": 400}])
    controllers.new_client.make(client(name))
    assert expected.items() <= phases(controllers).items()
    assert newest_card(controllers).kind == kind
    assert controllers.state.new_client.made is None
    controllers.new_client.make(client(name))
    assert newest_card(controllers) is None
    assert controllers.state.new_client.made.created


@pytest.mark.parametrize(
    ("spec", "kind", "passphrase"),
    [
        (qk.KeySpec("RS256", bits=2048), "pem", None),
        (qk.KeySpec("ES384"), "jwk", None),
        (qk.KeySpec("ES384"), "encrypted", "pass phrase ü"),
    ],
)
def test_the_users_own_key_is_read_from_its_file(controllers, name, spec, kind, passphrase):
    tenant, key_store = controllers.connection.connected()
    key = qk.generate(spec)
    content = key.reveal("jwk" if kind == "jwk" else "pem")
    if kind == "encrypted":
        loaded = serialization.load_pem_private_key(content.encode(), None)
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        content = loaded.private_bytes(encoding, form, encryption).decode()
    own = client(
        name,
        key_choice=OWN_KEY,
        own_key=Secret(content, what="Key file", any_text=True),
        own_key_passphrase=Secret(passphrase, what="Passphrase", any_text=True) if passphrase else None,
    )
    assert "your own key" in controllers.new_client.preview(own)
    assert "from_pem" in controllers.new_client.code_of(own)
    controllers.new_client.make(own)
    assert newest_card(controllers) is None
    record = key_store.read(tenant.host, controllers.new_client.last_made.client_id)
    assert record.current.public.thumbprint == key.public.thumbprint
    assert controllers.state.new_client.made.subject.startswith("qlikbot")
    private = json.loads(key.reveal("jwk"))["d"] if kind == "jwk" else content
    assert find_canaries(repr(controllers.state), [private]) == []


@pytest.mark.parametrize(
    "content", ["no key at all", '{"kty": "none"}', "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_file_without_a_key_is_a_card_that_does_not_quote_it(controllers, content):
    own_key = Secret(content, what="Key file", any_text=True)
    controllers.new_client.make(client("own-broken", key_choice=OWN_KEY, own_key=own_key))
    assert newest_card(controllers).kind == "KeyMaterialError"
    assert content not in repr(controllers.state)


def test_a_name_is_checked_next_to_the_work(box, clock):
    controllers = PanelControllers(settings=Settings(), run=lambda task: task(), clock=clock)
    new_client = controllers.new_client

    def note_on(name):
        new_client.check_name(name)
        return controllers.state.new_client.name_note

    assert note_on("too-early") == ""
    controllers.connection.connect(lambda: connect_form(box))
    new_client.make(client("checked"))
    assert note_on(" checked ").startswith("A client checked exists")
    # A refused name is not called free next to the line that refuses it. Joiners are part of how some words are spelt.
    refused = (" ", "a\tb", "zero\u200bwidth", "joined\u200d", "\u200cjoined", "twice\u200d\u200djoined", "x" * 513)
    assert [note_on(name) for name in refused] == [""] * len(refused)
    assert note_on('not "checked" by O\'Brien \\ 日本') == '✓ The name not "checked" by O\'Brien \\ 日本 is free.'
    for name in ("क्\u200cष", "क्\u200dष", "👩\u200d💻 etl"):
        assert note_on(name) == f"✓ The name {name} is free."
        new_client.make(client(name))
        assert new_client.last_made.name == name
    controllers.connection.end_session()


def test_what_was_made_stays_with_its_steps_and_results_until_the_session_ends(controllers, tenant, key_store):
    for name in ("stays-first", "stays-second"):
        made_in_panel(controllers, name)
    first, second = controllers.state.new_client.made_here
    steps = controllers.state.new_client.steps
    rotate = ChangeForm(operation="rotate", client_id=first.client_id)
    controllers.changes.plan(rotate)
    controllers.changes.apply(rotate)
    rotated = controllers.state.change.steps
    assert [step.step for step in rotated][-1] == "promote"
    controllers.token.request(TokenForm(client_id=second.client_id))
    assert newest_card(controllers) is None
    assert (controllers.state.new_client.steps, controllers.state.change.steps) == (steps, rotated)
    assert controllers.state.new_client.made_here == (first, second)
    assert controllers.state.results["new"].words == "stays-second is made. Its login is verified."
    shown = markup.made(controllers.state.new_client.made_here)
    assert shown.index(second.vault_path) < shown.index("Made earlier") < shown.index(first.vault_path)
    # Deleted elsewhere: the next list of the tenant's clients shows it.
    qk.delete(tenant, key_store, first.client_id, confirm=first.client_id)
    controllers.clients.refresh()
    assert [each.is_gone for each in controllers.state.new_client.made_here] == [True, False]
    assert "stays-first (no longer on the tenant)" in markup.made(controllers.state.new_client.made_here)
    assert summary(controllers.state, "p").count("no longer on the tenant") == 1


@pytest.mark.parametrize("by", ["change", "call"])
def test_a_client_that_is_deleted_is_no_longer_shown_anywhere(controllers, name, by):
    made_in_panel(controllers, f"{name}-other")
    client_id = made_in_panel(controllers, name, scopes=("admin_classic",))
    if by == "change":
        form = ChangeForm(operation="delete", client_id=client_id, confirm=client_id)
        controllers.changes.plan(form)
        controllers.changes.apply(form)
    else:
        controllers.token.request(TokenForm(client_id=client_id))
        controllers.calls.call(CallForm(method="DELETE", path=f"v1/oauth-clients/{client_id}", confirm=client_id))
        assert controllers.state.calls.answer.status == 204
    state = controllers.state
    assert [each.name for each in state.new_client.made_here] == [f"{name}-other"]
    assert (state.new_client.made, state.clients.selected) == (None, ())
    assert client_id not in summary(state, "p") + markup.made(state.new_client.made_here)


def test_each_action_of_a_user_says_how_it_is_done_by_hand():
    done_by_the_package_alone = {"replace_secret", "remove_duplicate", "end_overlap", "note", "settle"}
    assert {str(action) for action, facts in ACTIONS.items() if not facts.by_hand} == done_by_the_package_alone
    assert {setting.step for setting in SETTINGS.values()} <= set(BY_HAND)
