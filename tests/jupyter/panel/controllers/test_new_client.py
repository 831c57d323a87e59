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
from qlik_keys.jupyter.panel.model.forms import CallForm, ClientForm, TokenForm
from qlik_keys.jupyter.panel.model.summary import summary
from qlik_keys.jupyter.panel.model.words import BY_HAND, KEY_CHOICES, NEW_CLIENT_STEPS, OWN_KEY
from qlik_keys.jupyter.panel.operations.client_settings import SETTINGS
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.lifecycle.actions import ACTIONS

pytestmark = pytest.mark.openbao


def client(name, **changes):
    return ClientForm(name=name, **{"scopes": ("user_default",), **changes})


def test_a_client_is_made_step_by_step_and_requested_again_it_is_the_same(controllers, name):
    seen = []
    controllers.store.listen(lambda state: seen.append([step.phase for step in state.new_client.steps]), "new_client")
    controllers.new_client.make(client(name))
    state = controllers.state.new_client
    assert [(step.step, step.phase) for step in state.steps] == [(step, "done") for step in NEW_CLIENT_STEPS]
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


def test_why_a_client_cannot_be_made_is_said(controllers, unconnected):
    assert unconnected.new_client.problem_of(client("any")).startswith("Connect first")
    for form, words in (
        (client("  "), "Give the client a name."),
        (client("any", scopes=()), "The client has no scope."),
        (client("any", private_key_jwt=False), "could not log in"),
        (client("n" * 513), "has 513 characters; the maximum is 512"),
        (client("any", description="d" * 4097), "has 4097 characters"),
        (client("any", key_choice=OWN_KEY), "Choose the file with your key."),
    ):
        assert words in controllers.new_client.problem_of(form)


def test_the_preview_has_the_key_and_the_code_makes_the_same_client(controllers, tenant, key_store, name):
    for choice_name, choice in KEY_CHOICES.items():
        text = controllers.new_client.preview(client("any", key_choice=choice_name))
        assert (str(choice.spec) in text, '"allowedAuthMethods"' in text) == (True, True)
    form = client(name, key_choice="RS256-2048", client_secret=True)
    panel = type("Panel", (), {"tenant": tenant, "store": key_store})
    names = {"qk": qk, "panel": panel}
    exec(controllers.new_client.code_of(form), names)  # what the panel shows is what it says
    assert (names["made"].name, names["made"].created) == (name, True)
    controllers.new_client.make(form)
    assert controllers.state.new_client.made.created is False


def test_dangerous_choices_and_secrets_that_wait_are_warned_of(controllers, name):
    scopes = ("admin_classic", "no.such.scope")
    form = client("any", scopes=scopes, private_key_jwt=False, client_secret=True, impersonation=True, trusted=False)
    words = " ".join(controllers.new_client.warnings_of(form))
    for warning in ("administer the whole tenant", "no.such.scope", "weaker login", "any user", "cannot log in"):
        assert warning in words
    controllers.new_client.make(client(name, private_key_jwt=False, client_secret=True))
    assert (controllers.state.secrets.owner, controllers.state.secrets.waiting) == (name, 1)
    assert len(controllers.secrets.first().reveal()) > 20
    assert controllers.new_client.last_made.client_secret is None
    assert "are not stored yet" not in " ".join(controllers.new_client.warnings_of(form))
    controllers.secrets.keep(Secret("a-client-secret-2"), "etl")
    assert "are not stored yet" in " ".join(controllers.new_client.warnings_of(form))
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
        if not stopped and ("write_pending", "done") in [(step.step, step.phase) for step in state.new_client.steps]:
            stopped.append(True)
            controllers.work.steps.cancel()

    if stop == "cancel":
        controllers.store.listen(cancel, "new_client")
    else:
        box.configure(fail_next=[{"method": "POST", "path": "/api/v1/oauth-clients", "fault": 400}])
    controllers.new_client.make(client(name))
    assert expected.items() <= {step.step: step.phase for step in controllers.state.new_client.steps}.items()
    assert (newest_card(controllers).kind, controllers.state.new_client.made) == (kind, None)
    controllers.new_client.make(client(name))
    assert (newest_card(controllers), controllers.state.new_client.made.created) == (None, True)


@pytest.mark.parametrize("kind", ["jwk", "encrypted"])
def test_the_users_own_key_is_read_from_its_file(controllers, key_store, name, kind):
    key, passphrase = qk.generate(qk.KeySpec("ES384")), None
    content = key.reveal("jwk" if kind == "jwk" else "pem")
    if kind == "encrypted":
        passphrase = Secret("pass phrase ü", what="Passphrase", any_text=True)
        encryption = serialization.BestAvailableEncryption(passphrase.reveal().encode())
        loaded = serialization.load_pem_private_key(content.encode(), None)
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        content = loaded.private_bytes(encoding, form, encryption).decode()
    broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    for each in (broken, content):
        own_key = Secret(each, what="Key file", any_text=True)
        own = client(name, key_choice=OWN_KEY, own_key=own_key, own_key_passphrase=passphrase)
        if each is broken:
            controllers.new_client.make(own)
            assert newest_card(controllers).kind == "KeyMaterialError"
            assert broken not in repr(controllers.state)
    assert "your own key" in controllers.new_client.preview(own)
    assert "from_pem" in controllers.new_client.code_of(own)
    controllers.new_client.make(own)
    assert newest_card(controllers) is None
    record = key_store.read(controllers.connection.tenant.host, controllers.new_client.last_made.client_id)
    assert record.current.public.thumbprint == key.public.thumbprint
    private = json.loads(key.reveal("jwk"))["d"] if kind == "jwk" else content
    assert find_canaries(repr(controllers.state), [private]) == []


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
    for name in ('not "checked" by O\'Brien \\ 日本', "क्\u200cष", "क्\u200dष", "👩\u200d💻 etl"):
        assert note_on(name) == f"✓ The name {name} is free."
    # What is typed while work is in progress is asked once it is done.
    controllers.work.run("Waiting", lambda: new_client.check_name("typed-meanwhile"))
    assert controllers.state.new_client.name_note == "✓ The name typed-meanwhile is free."
    # That the client exists which was just made is told by the result, and by no note above it that would move it.
    controllers.work.run(
        "Making", lambda: (new_client.check_name("made-meanwhile"), new_client._make(client("made-meanwhile")))
    )
    assert controllers.state.new_client.name_note == ""
    assert note_on("made-meanwhile").startswith("A client made-meanwhile exists")
    controllers.connection.end_session()


def test_what_was_made_stays_until_it_is_deleted(controllers, tenant, key_store, name):
    for each in (f"{name}-first", name):
        made_in_panel(controllers, each, scopes=("admin_classic",))
    first, second = controllers.state.new_client.made_here
    steps = controllers.state.new_client.steps
    controllers.token.request(TokenForm(client_id=second.client_id))
    assert controllers.state.new_client.steps == steps
    assert controllers.state.new_client.made_here == (first, second)
    warned = "admin_classic allows this client to administer the whole tenant."
    assert controllers.state.results["new"].words == f"{name} is made. Its login is verified. {warned}"
    shown = markup.made(controllers.state.new_client.made_here)
    assert shown.index(second.vault_path) < shown.index("Made earlier") < shown.index(first.vault_path)
    # Deleted elsewhere: the next list of the tenant's clients shows it.
    qk.delete(tenant, key_store, first.client_id, confirm=first.client_id)
    controllers.clients.refresh()
    assert [each.is_gone for each in controllers.state.new_client.made_here] == [True, False]
    assert f"{name}-first (no longer on the tenant)" in markup.made(controllers.state.new_client.made_here)
    assert summary(controllers.state, "p").count("no longer on the tenant") == 1
    # Deleted here, by a call: it is no longer shown.
    path = f"v1/oauth-clients/{second.client_id}"
    controllers.calls.call(CallForm(method="DELETE", path=path, confirm=second.client_id))
    state = controllers.state
    assert (state.calls.answer.status, state.new_client.made, state.clients.selected) == (204, None, ())
    assert second.client_id not in summary(state, "p") + markup.made(state.new_client.made_here)


def test_each_action_of_a_user_says_how_it_is_done_by_hand():
    done_by_the_package_alone = {"replace_secret", "remove_duplicate", "end_overlap", "note"}
    done_by_the_package_alone |= {"settle", "drop_hooks"}
    assert {str(action) for action, facts in ACTIONS.items() if not facts.by_hand} == done_by_the_package_alone
    assert {setting.step for setting in SETTINGS.values()} <= set(BY_HAND)
