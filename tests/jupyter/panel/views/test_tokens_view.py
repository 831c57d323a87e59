"""The tab "Try a token" between widgets and controllers: the client chosen is the one selected; a fleet stays out."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from qlik_keys.config.settings import Settings
from qlik_keys.inventory.tables import COLUMNS
from qlik_keys.jupyter.panel.model.shown import Connection, FoundUser
from qlik_keys.jupyter.panel.panel import Panel
from qlik_keys.jupyter.panel.views.tokens import CLIENTS_SHOWN
from qlik_keys.jupyter.panel.views.user_choice import detected_field


def frame_of(count, *, keyless=0):
    rows = []
    for number in range(count + keyless):
        record = dict.fromkeys(COLUMNS)
        record |= {"client_id": f"id-{number}", "name": f"name-{number}", "scopes": (f"scope-{number}", "apps")}
        grants = ("client_credentials", "urn:qlik:oauth:user-impersonation") if number == 1 else ("client_credentials",)
        record |= {"grant_types": grants, "current_kid": f"kid-{number}" if number < count else pd.NA}
        rows.append(record | {"auth_methods": (), "algs": (), "findings": (), "kids": ()})
    frame = pd.DataFrame(rows)
    texts = {name: frame[name].astype("string") for name in ("client_id", "name", "current_kid", "consent", "custody")}
    moments = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns, UTC]")
    return frame.assign(**texts, **dict.fromkeys(("created", "updated", "key_made", "rotate_by"), moments))


@pytest.fixture
def panel():
    made = Panel(settings=Settings())
    connection = Connection(mode="sandbox", tenant_url="http://127.0.0.1:1", tenant_host="127.0.0.1:1", identity="me")
    made._controllers.store.set(connection=connection)
    made._controllers.store.update("clients", frame=frame_of(3, keyless=1))
    return made


@pytest.fixture
def view(panel):
    return panel._views["Try a token"]


def test_the_client_that_is_selected_in_the_table_is_chosen_and_the_other_way_round(panel, view):
    controllers = panel._controllers
    assert [value for _, value in view._client.options] == ["", "id-0", "id-1", "id-2"]
    controllers.clients.select(["id-2"])
    assert view.form.client_id == "id-2"
    assert [option["name"] for option in view._scopes.options] == ["scope-2", "apps"]
    view._scopes.value = ["apps"]
    view._client.value = "id-1"
    assert controllers.state.clients.selected == ("id-1",)
    assert panel._views["Clients"]._table.selected == ["id-1"]
    assert view.form.scopes == ()  # another client's scopes are another choice
    for none_to_try in (["id-1", "id-2"], ["id-3"]):  # the key of the last one is not here
        controllers.clients.select(none_to_try)
        assert (view.form.client_id, view._get.disabled) == ("", True)


def test_a_fleet_is_not_offered_by_name(panel, view):
    panel._controllers.store.update("clients", frame=frame_of(500))
    assert len(view._client.options) == CLIENTS_SHOWN + 1
    assert "the first 50 of 500" in view._client.options[0][0]
    panel._controllers.clients.select(["id-400"])
    assert view.form.client_id == "id-400"
    assert len(view._client.options) == CLIENTS_SHOWN + 2
    assert "name-300" not in json.dumps(view._client.get_state(), default=str)


def test_a_user_is_typed_or_found_where_impersonation_is_allowed(panel, view):
    controllers, user = panel._controllers, view._user

    def chosen():
        return view.form.user_field, view.form.user_value

    controllers.clients.select(["id-0"])
    view._for_user.value = True
    user.value.value = "ada"
    assert "may not act for users" in view._user_note.value
    assert view.form.user_field == ""
    controllers.clients.select(["id-1"])
    assert view._user_note.value == ""
    assert (chosen(), "It is used as a subject" in user.note.value) == (("subject", "ada"), True)
    user.value.value = " 64ef645b3b7009d55dee5a2b"
    assert (view.form.user_field, "It has the form of a user id." in user.note.value) == ("userId", True)
    user.by.value = "subject"
    assert view.form.user_field == "subject"
    user.by.value = ""
    user.value.value = " "
    assert view._get.disabled
    found = (FoundUser(user_id="0123456789abcdef01234567", label="Ada"), FoundUser(user_id="odd id", label="Adam"))
    controllers.store.update("token", found_users=found)
    assert [label for label, _ in user.found.options][1:] == ["Ada", "Adam"]
    user.found.value = found[0].user_id
    assert (chosen(), "This is the id of Ada." in user.note.value) == (("userId", found[0].user_id), True)
    # The names of the others are not kept, and so in no saved notebook.
    assert [label for label, _ in user.found.options][1:] == ["Ada"]
    controllers.store.update("token", found_users=found)
    user.found.value = "odd id"
    assert chosen() == ("userId", "odd id")
    controllers.store.update("token", found_users=())
    assert (user.found.layout.display, "No user of the tenant" in user.note.value) == ("none", True)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ("64ef645b3b7009d55dee5a2b", "userId"),
        ("xkC-Dw1uMHWMXpHFl0i4_hLkpIbE0WWu", "userId"),
        ("64EF645B3B7009D55DEE5A2B", "subject"),
        ("64ef645b3b7009d55dee5a2", "subject"),
        ("auth0|5f0c8a3d0f0c8a3d0f0c8a3d", "subject"),
        ("a" * 32, "subject"),
    ],
)
def test_an_id_is_told_from_a_subject_by_its_form(typed, field):
    assert detected_field(typed) == field


def test_nothing_is_broken_on_purpose_on_a_real_tenant(panel, view):
    panel._controllers.clients.select(["id-0"])
    view._variant.value = "expired"
    assert view.form.variant == "expired"
    real = Connection(mode="real", tenant_url="https://a.eu.qlikcloud.com", tenant_host="a", identity="me")
    panel._controllers.store.set(connection=real)
    assert (view.form.variant, view._variant.layout.display) == ("", "none")
    assert "are for the sandbox only" in view._variant_note.value
