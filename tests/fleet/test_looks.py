"""How a notebook shows the results of a fleet: as tables, escaped, the failed ones first, and without a secret."""

from __future__ import annotations

import pickle
import threading
from html.parser import HTMLParser

import pandas as pd
import pytest
from fixtures.canaries import find_canaries
from IPython.core.formatters import HTMLFormatter

import qlik_keys as qk
from qlik_keys.core import tables
from qlik_keys.core.secret import Secret
from qlik_keys.errors import FleetError, Interrupted, TenantUnreachable
from qlik_keys.fleet.manifest.apply import Applied, AppliedChange
from qlik_keys.fleet.manifest.plan import PlannedChange
from qlik_keys.fleet.many.results import FleetResults
from qlik_keys.lifecycle.many import FleetResult

MALICIOUS = "<img src=x onerror=alert(1)>\u202e"
DEAD = qk.TenantReference(url="https://acme.eu.qlikcloud.com", api_key_variable="NOT_SET")


class Cells(HTMLParser):
    """The tags of a markup, and the text of its cells."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.text = set(), []
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text.append(data)


def shown(value):
    """What IPython shows of a value: markup without script or colour, and its text."""
    markup = HTMLFormatter()(value)
    assert markup is not None, type(value)
    found = Cells(markup)
    assert not found.tags & {"script", "img"}
    assert "color" not in markup  # light or dark, it is the page's
    return "\n".join(found.text)


def failed(client_id="", name="", **more):
    error = TenantUnreachable(f"No answer <b>of {MALICIOUS}</b>.", hint="Check the <network>.")
    return FleetResult(client_id=client_id, name=name, outcome="failed", error=error, **more)


def test_a_long_list_shows_the_failed_ones_first_with_the_reason_and_escapes_everything():
    done = [FleetResult(client_id=f"id-{n}", name=MALICIOUS, outcome="skipped") for n in range(250)]
    results = FleetResults([*done, failed(client_id="last", name="etl", tenant="prod"), failed(tenant="test")])
    markup, text = HTMLFormatter()(results), shown(results)
    assert "250 skipped, 2 failed." in text
    assert text.index("No answer") < text.index("Nothing was to be done")
    assert "What to do: Check the <network>." in text
    assert "The tenant could not be asked" in text
    assert "\u202e" not in markup
    assert markup.count("<tr>") == tables.MOST_ROWS + 1
    assert "and 152 more" in text
    again = pickle.loads(pickle.dumps(results))  # our own
    assert (type(again), len(again)) == (FleetResults, len(results))
    assert "No client." in shown(FleetResults())
    with pytest.raises(FleetError) as caught:
        raise FleetError(results, what="clients could not be rotated.")
    assert shown(caught.value.results) == text


def test_what_was_applied_is_shown_without_the_client_secret_that_it_made():
    change = PlannedChange(tenant="prod", kind="change", client=MALICIOUS, fields=(("owner", "", "<b>Ada</b>"),))
    made = AppliedChange(
        change=change, outcome="done", client_id="c" * 32, client_secret=Secret("canary-client-secret-4417")
    )
    applied = Applied(changes=(made, AppliedChange(change=change, outcome="failed", error=failed().error)), unchanged=7)
    text = shown(applied)
    assert "1 done, 1 failed, 7 unchanged." in text
    assert "owner: none -> <b>Ada</b>" in text
    assert "What to do: Check the <network>." in text
    assert "It has a new client secret" in text
    assert find_canaries(HTMLFormatter()(applied), {"secret": "canary-client-secret-4417"}) == []


@pytest.mark.openbao
def test_each_result_of_a_fleet_has_a_look_that_names_the_tenant_that_cannot_be_asked(world, name, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    fleet = qk.Fleet({"prod": (world.tenant, world.store), "dead": DEAD})
    qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    chosen = qk.Selection(clients=(name,))
    seen = []

    def look(value, *words):
        seen.append(HTMLFormatter()(value))
        text = shown(value)
        for each in words:
            assert each in text, text

    qk.rotate(world.tenant, world.store, name)
    plan = fleet.plan("retire", chosen, force=True)
    look(plan, "could not be asked", "NOT_SET", name, "State")
    with pytest.raises(FleetError) as caught:
        fleet.run(plan)
    look(caught.value.results, "dead", "The tenant could not be asked", "What to do", "Retired: ")
    assert [each.tenant for each in caught.value.failures] == ["dead"]
    look(fleet.only(["prod"]).run("rotate", qk.Selection(clients=(name,), due=True)), "No client.")
    look(fleet.each(count), "dead", "failed", "What to do", "list, 3 entries")
    for table in (fleet.clients(), fleet.audit(), fleet.report()):
        look(table, "These tenants could not be asked", "dead", "What to do")
        part = table[table["tenant"] == "prod"]
        assert type(part) is pd.DataFrame
    assert shown(fleet.only(["prod"]).clients()).count("could not be asked") == 0

    stop = threading.Event()
    with pytest.raises(Interrupted):
        qk.provision(
            world.tenant,
            world.store,
            name=f"{name}-2",
            scopes=["user_default"],
            client_secret=True,
            cancel=stop,
            on_step=lambda event: stop.set() if event.step == "register" else None,
        )
    resumed = fleet.only(["prod"]).resume()
    [item] = [each for each in resumed if each.resumed.name == f"{name}-2"]
    secret = item.resumed.result.client_secret
    assert isinstance(secret, Secret)
    look(resumed, "It has a new client secret", item.resumed.result.kid)
    canaries = {"secret": secret.reveal(), "token": world.box.vault_token, "API key": world.box.api_key}
    assert find_canaries("\n".join(seen), canaries) == []


def count(name, tenant, store, *, told, cancel):
    return [1, 2, 3]
