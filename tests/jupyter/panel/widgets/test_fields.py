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


def arrive(widget, content):
    """As the page's message does."""
    widget._handle_custom_msg(content, [])


def typed(text=CANARY, sent="one"):
    return {"kind": "typed", "sent": sent, "value": text}


def test_what_is_typed_is_held_and_in_no_state():
    field = SecretField(label="API key")
    arrive(field, {"kind": "touched", "filled": True})
    assert field.filled
    assert field.secret is None
    arrive(field, typed(f" {CANARY}\n"))
    assert field.secret == Secret(CANARY)
    assert field.held
    state = json.dumps(field.get_state(), default=str) + json.dumps(widgets.Widget.get_manager_state(), default=str)
    assert find_canaries(state + repr(field) + embed_snippet(views=[field]) + repr(vars(field)), [CANARY]) == []
    arrive(field, {"kind": "forget"})
    assert field.secret is None
    assert not field.filled


@pytest.mark.parametrize("text", ["two words of canary-secret-9876", "canary-sécret-9876543210"])
def test_what_no_header_may_carry_is_refused_without_quoting_it(text):
    field = SecretField(label="API key")
    arrive(field, typed(text))
    assert field.secret is None
    assert not field.held
    assert "API key" in field.problem
    assert find_canaries(field.problem, [text]) == []
    password = SecretField(label="Password", any_text=True)
    arrive(password, typed(text))
    assert password.secret.reveal() == text


def test_a_click_that_overtakes_what_was_typed_waits_for_it():
    field = SecretField(label="API key")
    got = []
    clicked = threading.Event()

    def work():
        clicked.set()
        got.append(field.wait(10))

    # The click came first and says which message is on its way.
    button = FormButton("Connect", fields=[field], action=lambda: threading.Thread(target=work).start())
    arrive(button, {"kind": "click", "values": ["one"]})
    clicked.wait(10)
    worker = next(thread for thread in threading.enumerate() if thread.name.endswith("(work)"))
    arrive(field, typed(sent="another"))
    arrive(field, typed("the-last-one-0123456789", sent="one"))
    worker.join(10)
    assert got == [Secret("the-last-one-0123456789")]


def test_a_message_that_never_comes_is_not_waited_for_permanently():
    field = SecretField(label="API key")
    field.sent = "lost"
    assert field.wait(0.01) is None


def test_a_click_brings_the_fields_as_the_page_shows_them():
    name = widgets.Text(value="nightly-et")
    choice = widgets.Dropdown(options=[("Token", "token"), ("AppRole", "approle")])
    scopes = ScopePicker(["user_default"])
    seen = []
    button = FormButton(
        "Create", fields=[name, choice, scopes], action=lambda: seen.append((name.value, choice.value, scopes.value))
    )
    assert button.fields == [[name.model_id, "value"], [choice.model_id, "index"], [scopes.model_id, "value"]]
    arrive(button, {"kind": "click", "values": ["nightly-etl", 1, ["apps:read"]]})
    assert seen == [("nightly-etl", "approle", ["apps:read"])]
    button.disabled = True
    arrive(button, {"kind": "click", "values": ["other", 0, []]})
    assert len(seen) == 1
    # A button that the values themselves turn on does its work: the click may be faster than the drawing.
    name.observe(lambda _: setattr(button, "disabled", False), names="value")
    arrive(button, {"kind": "click", "values": ["complete", 0, []]})
    assert seen[1:] == [("complete", "token", [])]


def test_a_field_is_never_empty_between_typing_and_holding():
    field = SecretField(label="API key")
    arrive(field, {"kind": "touched", "filled": True})
    filled = []
    field.observe(lambda _: filled.append(field.filled), names=["held", "problem"])
    arrive(field, typed())
    assert filled
    assert all(filled)


def test_a_secret_is_shown_in_a_message_of_its_own():
    sent, stored = [], []
    place = SecretOnce(label="Client secret", secret=lambda: Secret(CANARY), stored=lambda: stored.append(True))
    place.send = lambda content, buffers=None: sent.append(content)
    assert sent == []
    arrive(place, {"kind": "show"})
    assert sent == [{"kind": "secret", "value": CANARY}]
    assert find_canaries(json.dumps(place.get_state(), default=str) + repr(place), [CANARY]) == []
    arrive(place, {"kind": "stored", "label": "Client secret"})
    assert stored == [True]


def test_an_outdated_page_does_not_dismiss_the_next_secret():
    stored = []
    place = SecretOnce(label="Client secret of a", secret=lambda: None, stored=lambda: stored.append(place.label))
    for label, expected in (("Client secret of b", []), ("Client secret of a", ["Client secret of a"])):
        arrive(place, {"kind": "stored", "label": label})
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


def test_a_panel_takes_both_or_none():
    with pytest.raises(TypeError, match="both"):
        Panel(tenant=object())


def test_settings_that_contradict_each_other_are_a_card(monkeypatch):
    monkeypatch.setenv("QLIK_API_KEY", CANARY)
    monkeypatch.setenv("QLIK_CLIENT_ID", "c" * 32)
    monkeypatch.setenv("QLIK_CLIENT_SECRET", CANARY)
    panel = Panel()
    assert "QLIK_API_KEY" in str(panel.last_error)
    assert find_canaries(json.dumps(widgets.Widget.get_manager_state(), default=str), [CANARY]) == []


def test_a_handler_that_raises_leaves_a_card():
    panel = Panel(settings=Settings())
    button("Divide", panel._controllers.work, lambda: 1 / 0).click()
    assert isinstance(panel.last_error, ZeroDivisionError)
    assert "ZeroDivisionError" in newest_card(panel._controllers).what


def test_the_least_scopes_of_typed_calls_are_shown_and_chosen():
    picker = ScopePicker(["user_default"])
    view = ScopeCalls(picker)
    assert (view.result.value, view.use.layout.display) == ("", "none")
    view.calls.value = "GET /v1/apps\n<b>brew</b> tea"
    assert "<code>GET /v1/apps</code> needs <code>apps:read</code>" in view.result.value
    assert (
        "<code>&lt;b&gt;brew&lt;/b&gt; tea</code> <span class='qk-muted'>not recognized: write it" in view.result.value
    )
    assert "The least scopes: <code>apps:read</code>. Not included: 1 unknown call." in view.result.value
    assert picker.value == ["user_default"]
    view.use.click()
    assert picker.value == ["apps:read"]
    view.calls.value = "user me"
    assert (view.use.layout.display, "every token may" in view.result.value) == ("none", True)
