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
        record |= {"auth_methods": (), "algs": (), "findings": (), "kids": ()}
        rows.append(record)
    frame = pd.DataFrame(rows)
    texts = {name: frame[name].astype("string") for name in ("client_id", "name", "current_kid", "consent", "custody")}
    moments = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns, UTC]")
    return frame.assign(**texts, **dict.fromkeys(("created", "updated", "key_made", "rotate_by"), moments))


@pytest.fixture
def panel():
    made = Panel(settings=Settings())
    connection = Connection(mode="sandbox", tenant_url="http://127.0.0.1:1", tenant_host="127.0.0.1:1", identity="me")
    made._controllers.store.set(connection=connection)
    return made


def view_of(panel):
    return panel._views["Try a token"]


def test_the_client_that_is_selected_in_the_table_is_chosen_and_the_other_way_round(panel):
    controllers, view = panel._controllers, view_of(panel)
    controllers.store.update("clients", frame=frame_of(3, keyless=1))
    assert [value for _, value in view._client.options] == ["", "id-0", "id-1", "id-2"]
    controllers.clients.select(["id-2"])
    assert view.form.client_id == "id-2"
    assert [option["name"] for option in view._scopes.options] == ["scope-2", "apps"]
    view._scopes.value = ["apps"]
    view._client.value = "id-1"
    assert controllers.state.clients.selected == ("id-1",)
    assert panel._views["Clients"]._table.selected == ["id-1"]
    assert view.form.scopes == ()  # another client's scopes are another choice
    controllers.clients.select(["id-1", "id-2"])
    assert view.form.client_id == ""
    controllers.clients.select(["id-3"])
    assert view.form.client_id == ""  # its key is not here
    assert view._get.disabled


def test_a_fleet_is_not_offered_by_name(panel):
    controllers, view = panel._controllers, view_of(panel)
    controllers.store.update("clients", frame=frame_of(500))
    assert len(view._client.options) == CLIENTS_SHOWN + 1
    assert "the first 50 of 500" in view._client.options[0][0]
    controllers.clients.select(["id-400"])
    assert view.form.client_id == "id-400"
    assert len(view._client.options) == CLIENTS_SHOWN + 2
    assert "name-300" not in json.dumps(view._client.get_state(), default=str)


def test_impersonation_is_offered_where_it_is_allowed(panel):
    controllers, view = panel._controllers, view_of(panel)
    controllers.store.update("clients", frame=frame_of(3))
    controllers.clients.select(["id-0"])
    view._for_user.value = True
    view._user.value.value = "somebody"
    assert "may not act for users" in view._user_note.value
    assert view.form.user_field == ""
    controllers.clients.select(["id-1"])
    assert view._user_note.value == ""
    assert (view.form.user_field, view.form.user_value) == ("subject", "somebody")
    assert "It is used as a subject" in view._user.note.value
    view._user.value.value = " 64ef645b3b7009d55dee5a2b"
    assert view.form.user_field == "userId"
    assert "It has the form of a user id." in view._user.note.value
    view._user.by.value = "subject"
    assert view.form.user_field == "subject"
    view._user.value.value = " "
    assert view._get.disabled


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ("64ef645b3b7009d55dee5a2b", "userId"),
        ("xkC-Dw1uMHWMXpHFl0i4_hLkpIbE0WWu", "userId"),
        ("64EF645B3B7009D55DEE5A2B", "subject"),
        ("64ef645b3b7009d55dee5a2", "subject"),
        ("acme\\ada", "subject"),
        ("auth0|5f0c8a3d0f0c8a3d0f0c8a3d", "subject"),
        ("ada@acme.example", "subject"),
        ("a" * 32, "subject"),
    ],
)
def test_an_id_is_told_from_a_subject_by_its_form(typed, field):
    assert detected_field(typed) == field


def test_a_user_that_was_found_is_chosen_by_id(panel):
    controllers, view = panel._controllers, view_of(panel)
    controllers.store.update("clients", frame=frame_of(3))
    controllers.clients.select(["id-1"])
    view._for_user.value = True
    view._user.value.value = "ada"
    found = (FoundUser(user_id="0123456789abcdef01234567", label="Ada"), FoundUser(user_id="odd id", label="Adam"))
    controllers.store.update("token", found_users=found)
    assert [label for label, _ in view._user.found.options][1:] == ["Ada", "Adam"]
    view._user.found.value = found[0].user_id
    assert (view.form.user_field, view.form.user_value) == ("userId", found[0].user_id)
    assert "This is the id of Ada." in view._user.note.value
    # The names of the others are not kept, and so in no saved notebook.
    assert [label for label, _ in view._user.found.options][1:] == ["Ada"]
    assert view._user.found.value == found[0].user_id
    controllers.store.update("token", found_users=found)
    view._user.found.value = "odd id"
    assert (view.form.user_field, view.form.user_value) == ("userId", "odd id")
    controllers.store.update("token", found_users=())
    assert (view._user.found.layout.display, "No user of the tenant" in view._user.note.value) == ("none", True)


def test_nothing_is_broken_on_purpose_on_a_real_tenant(panel):
    controllers, view = panel._controllers, view_of(panel)
    controllers.store.update("clients", frame=frame_of(1))
    controllers.clients.select(["id-0"])
    view._variant.value = "expired"
    assert view.form.variant == "expired"
    real = Connection(mode="real", tenant_url="https://a.eu.qlikcloud.com", tenant_host="a", identity="me")
    controllers.store.set(connection=real)
    assert view.form.variant == ""
    assert view._variant.layout.display == "none"
    assert "are for the sandbox only" in view._variant_note.value
