"""A tenant of a fleet whose Vault keeps nothing: another tenant's remembers what was told, until its own can."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from fixtures.harness.sides import Sides
from fixtures.loopback import Loopback, Reply

import qlik_keys as qk
from qlik_keys.fleet.notifications import notify_found
from qlik_keys.fleet.notifications.destinations import destinations_of
from qlik_keys.fleet.notifications.memory import StoreMemory
from qlik_keys.keystore.optional import NOTIFIED

pytestmark = pytest.mark.openbao
NAMES = ("eu", "us")
CLIENT = "0" * 31 + "1"
COLUMNS = ("severity", "code", "finding", "client_id", "name", "meaning", "advice", "command")
NOT_ASKED = ("high", "QK410", "tenant-not-asked", "", "", "It could not be asked.", "Look.", "")
OVERDUE = ("high", "QK104", "rotation-overdue", CLIENT, "payroll-secret-name", "It is old.", "Rotate it.", "")


@pytest.fixture
def places(openbao):
    sides = {name: Sides(openbao) for name in NAMES}
    yield {name: each.other for name, each in sides.items()}
    for each in sides.values():
        each.close()


@pytest.fixture
def denied(openbao, places):
    """The store of "us" with a login that the Vault refuses."""
    with qk.VaultKeyStore(openbao.url, token="s.of-no-one") as store:
        yield {"eu": places["eu"].store, "us": store}


def found(**rows):
    tables = [pd.DataFrame(rows[name], columns=[*COLUMNS]).assign(tenant=name) for name in NAMES]
    return pd.concat(tables, ignore_index=True).astype("string")


def test_it_is_told_once_and_its_end_too_wherever_it_is_remembered(places, denied):
    with Loopback(lambda _: Reply(200)) as first, Loopback(lambda _: Reply(200)) as second:
        destinations = destinations_of([each.url.replace("http", "json") for each in (first, second)])

        def told(stores, **rows):
            memories = {name: StoreMemory(each.tenant, stores[name]) for name, each in places.items()}
            done = notify_found(found(**rows), memories, destinations)
            titles = []
            for receiver in (first, second):
                titles.append([call.json["title"].rpartition(": ")[2] for call in receiver.calls])
                receiver.calls.clear()
            assert titles[0] == titles[1]
            return titles[0], dict(done.forgetful), dict(done.elsewhere)

        own = {name: each.store for name, each in places.items()}
        both = {"eu": [OVERDUE], "us": [OVERDUE]}
        dead = {"eu": [OVERDUE], "us": [NOT_ASKED]}
        assert told(own, **both) == (["2 new"], {}, {})
        assert told(denied, **dead) == (["1 new"], {}, {"us": "eu"})
        versions = [each.store.read_note(each.tenant.host, NOTIFIED).version for each in places.values()]
        assert told(denied, **dead) == ([], {}, {"us": "eu"})
        # It can be asked again and its notes stay closed: no name of its clients goes to the other tenant's store.
        another = (*OVERDUE[:3], "f" * 32, *OVERDUE[4:])
        assert told(denied, eu=[OVERDUE], us=[OVERDUE, another])[0] == ["2 new, 1 gone"]
        note = places["eu"].store.read_note(places["eu"].tenant.host, NOTIFIED)
        assert [*json.loads(note.text)["others"]] == ["us"]
        assert note.text.count("payroll-secret-name") == 1  # its own client's
        assert note.version > versions[0]
        assert told(denied, eu=[OVERDUE], us=[NOT_ASKED]) == (["1 new"], {}, {"us": "eu"})
        assert told(own, **both) == (["2 gone"], {}, {})
        assert told(own, **both) == ([], {}, {})
        assert "others" not in json.loads(places["eu"].store.read_note(places["eu"].tenant.host, NOTIFIED).text)
        # The other way round: the first tenant of the fleet is the one that is dead.
        swapped = {"eu": denied["us"], "us": own["us"]}
        assert told(swapped, eu=[NOT_ASKED], us=[OVERDUE])[0::2] == (["1 new"], {"eu": "us"})
        assert told(swapped, eu=[NOT_ASKED], us=[OVERDUE])[0] == []
        with pytest.raises(qk.errors.StoreDenied):
            told({"eu": denied["us"], "us": denied["us"]}, **dead)
        assert (first.calls, second.calls) == ([], [])
