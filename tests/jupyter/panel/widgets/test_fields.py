"""The panel's own controls: a secret comes and goes in messages, and no widget's state has it."""

from __future__ import annotations

import json
import threading

import ipywidgets as widgets
import pytest
from fixtures.canaries import find_canaries
from fixtures.support import newest_card
from ipywidgets.embed import embed_snippet

from qlik_keys.config.settings import Settings
from qlik_keys.core.secret import Secret
from qlik_keys.jupyter.panel import Panel
from qlik_keys.jupyter.panel.views.scope_calls import ScopeCalls
from qlik_keys.jupyter.panel.widgets.controls import button
from qlik_keys.jupyter.panel.widgets.fields import FormButton, ScopePicker, SecretField, SecretOnce

CANARY = "canary-secret-0123456789-abcdefghijklmnop"


def arrive(widget, kind, **content):
    """As the page's message does."""
    widget._handle_custom_msg({"kind": kind, **content}, [])


@pytest.fixture
def field():
    return SecretField(label="API key")


def test_what_is_typed_is_held_and_in_no_state(field):
    arrive(field, "touched", filled=True)
    assert (field.filled, field.secret) == (True, None)
    filled = []
    field.observe(lambda _: filled.append(field.filled), names=["held", "problem"])
    arrive(field, "typed", sent="one", value=f" {CANARY}\n")
    assert {*filled} == {True}  # the field is never empty between typing and holding
    assert (field.secret, field.held) == (Secret(CANARY), True)
    state = json.dumps(field.get_state(), default=str) + json.dumps(widgets.Widget.get_manager_state(), default=str)
    assert find_canaries(state + repr(field) + embed_snippet(views=[field]) + repr(vars(field)), [CANARY]) == []
    arrive(field, "forget")
    assert (field.secret, field.filled) == (None, False)


@pytest.mark.parametrize("text", ["two words of canary-secret-9876", "canary-sécret-9876543210"])
def test_what_no_header_may_carry_is_refused_without_quoting_it(field, text):
    arrive(field, "typed", sent="one", value=text)
    assert (field.secret, field.held) == (None, False)
    assert "API key" in field.problem
    assert find_canaries(field.problem, [text]) == []
    password = SecretField(label="Password", any_text=True)
    arrive(password, "typed", sent="one", value=text)
    assert password.secret.reveal() == text


def test_a_click_that_overtakes_what_was_typed_waits_for_it(field):
    got = []
    # The click came first and says which message is on its way.
    worker = threading.Thread(target=lambda: got.append(field.wait(10)))
    arrive(FormButton("Connect", fields=[field], action=worker.start), "click", values=["one"])
    arrive(field, "typed", sent="another", value=CANARY)
    arrive(field, "typed", sent="one", value="the-last-one-0123456789")
    worker.join(10)
    assert got == [Secret("the-last-one-0123456789")]
    other = SecretField(label="Vault token")
    other.sent = "lost"
    assert other.wait(0.01) is None  # what never comes is not waited for permanently


def test_a_click_brings_the_fields_as_the_page_shows_them():
    name = widgets.Text(value="nightly-et")
    choice = widgets.Dropdown(options=[("Token", "token"), ("AppRole", "approle")])
    scopes, seen = ScopePicker(["user_default"]), []
    create = FormButton(
        "Create", fields=[name, choice, scopes], action=lambda: seen.append((name.value, choice.value, scopes.value))
    )
    assert create.fields == [[name.model_id, "value"], [choice.model_id, "index"], [scopes.model_id, "value"]]
    arrive(create, "click", values=["nightly-etl", 1, ["apps:read"]])
    assert seen == [("nightly-etl", "approle", ["apps:read"])]
    create.disabled = True
    arrive(create, "click", values=["other", 0, []])
    assert len(seen) == 1
    # A button that the values themselves turn on does its work: the click may be faster than the drawing.
    name.observe(lambda _: setattr(create, "disabled", False), names="value")
    arrive(create, "click", values=["complete", 0, []])
    assert seen[1:] == [("complete", "token", [])]


def test_a_secret_is_shown_in_a_message_of_its_own_and_an_outdated_page_does_not_dismiss_the_next_one():
    sent, stored = [], []
    place = SecretOnce(label="Secret of a", secret=lambda: Secret(CANARY), stored=lambda: stored.append(place.label))
    place.send = lambda content, buffers=None: sent.append(content)
    arrive(place, "show")
    assert sent == [{"kind": "secret", "value": CANARY}]
    assert find_canaries(json.dumps(place.get_state(), default=str) + repr(place), [CANARY]) == []
    for label, expected in (("Secret of b", []), ("Secret of a", ["Secret of a"])):
        arrive(place, "stored", label=label)
        assert stored == expected


def test_scopes_come_with_what_covers_them():
    options = {option["name"]: option for option in ScopePicker([]).options}
    assert len(options) == 101
    assert options["apps:read"]["parents"] == ["apps"]
    assert "admin_classic" in options["admin.apps:read"]["parents"]
    assert options["user_default"]["parents"] == []
    assert options["apps:read"]["meaning"].endswith("Included in apps.")


def test_a_panel_says_in_words_what_it_is_without_a_kernel():
    panel = Panel(settings=Settings())
    bundle = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "qk.Panel()" in bundle["text/html"]
    assert bundle["text/plain"] == repr(panel) == "<qlik_keys.Panel, not connected>"
    assert panel.tenant is panel.store is panel.clients is panel.last_made is panel.last_error is None
    button("Divide", panel._controllers.work, lambda: 1 / 0).click()
    assert isinstance(panel.last_error, ZeroDivisionError)
    assert "ZeroDivisionError" in newest_card(panel._controllers).what
    with pytest.raises(TypeError, match="both"):
        Panel(tenant=object())


def test_settings_that_contradict_each_other_are_a_card(monkeypatch):
    monkeypatch.setenv("QLIK_API_KEY", CANARY)
    monkeypatch.setenv("QLIK_CLIENT_ID", "c" * 32)
    monkeypatch.setenv("QLIK_CLIENT_SECRET", CANARY)
    assert "QLIK_API_KEY" in str(Panel().last_error)
    assert find_canaries(json.dumps(widgets.Widget.get_manager_state(), default=str), [CANARY]) == []


def test_the_least_scopes_of_typed_calls_are_shown_and_chosen():
    picker = ScopePicker(["user_default"])
    view = ScopeCalls(picker)
    assert (view.result.value, view.use.layout.display) == ("", "none")
    view.calls.value = "GET /v1/apps\n<b>brew</b> tea"
    for told in (
        "<code>GET /v1/apps</code> needs <code>apps:read</code>",
        "<code>&lt;b&gt;brew&lt;/b&gt; tea</code> <span class='qk-muted'>not recognized: write it",
        "The least scopes: <code>apps:read</code>. Not included: 1 unknown call.",
    ):
        assert told in view.result.value
    assert picker.value == ["user_default"]
    view.use.click()
    assert picker.value == ["apps:read"]
    view.calls.value = "user me"
    assert (view.use.layout.display, "every token may" in view.result.value) == ("none", True)
