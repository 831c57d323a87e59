"""The switch "Show last use" of the tab Clients: what it costs, what it shows, and why nothing is known."""

from __future__ import annotations

import json
import zlib

import pytest
from fixtures.support import machine_client

import qlik_keys as qk
from qlik_keys.jupyter.panel.model.forms import ChangeForm
from qlik_keys.jupyter.panel.views.clients import ClientsView

pytestmark = pytest.mark.openbao
USE = {"last_login", "logins_30d"}


class Shown:
    """The tab as a page has it."""

    def __init__(self, controllers):
        self.view = ClientsView(controllers)
        controllers.store.listen(self.view.draw, *ClientsView.groups)

    @property
    def columns(self):
        return json.loads(zlib.decompress(self.view._table._rows))

    @property
    def note(self):
        return self.view._why_unknown.value


@pytest.fixture
def events_asked(tenant):
    seen = []
    tenant.subscribe(lambda exchange: seen.append(exchange.path) if "/audits" in exchange.path else None)
    return seen


def test_the_switch_adds_the_columns_the_findings_and_the_reason(controllers, tenant, box, made, events_asked):
    secret = tenant.oauth_clients.create(machine_client("by-secret"))
    client_id = secret.client.client_id
    tenant.with_credential(qk.ClientSecret(client_id, secret.client_secret)).users.me()
    try:
        shown = Shown(controllers)
        controllers.clients.refresh()
        assert not USE & {*shown.columns}
        assert events_asked == []
        shown.view._table.columns = ["name", "consent"]
        shown.view._last_use.value = True
        columns = shown.columns
        row = columns["client_id"].index(client_id)
        assert (columns["logins_30d"][row], columns["logins_since"] is None) == (1, False)
        assert columns["last_login"][row]
        assert "secret-still-used" in columns["findings"][row]
        assert shown.view._table.columns == ["name", "consent", "last_login", "logins_30d"]
        assert "last logged in" not in shown.note

        # A change lists the clients again with what is known: it does not cost the requests for all events.
        asked = len(events_asked)
        assert asked
        form = ChangeForm(operation="publish", client_id=made.client_id)
        controllers.changes.plan(form)
        controllers.changes.apply(form)
        assert len(events_asked) == asked
        assert shown.columns["logins_30d"][row] == 1

        box.configure(events_refused=True)
        controllers.clients.refresh()
        assert "⚠ When the clients last logged in is unknown: " in shown.note
        columns = shown.columns
        assert (columns["logins_30d"][row], columns["last_login"][row], columns["logins_since"]) == (None, None, None)
        shown.view._last_use.value = False
        assert not USE & {*shown.columns}
        assert "last logged in" not in shown.note
    finally:
        box.configure(events_refused=False)
        qk.delete(tenant, controllers.connection.key_store, client_id, confirm=client_id)
