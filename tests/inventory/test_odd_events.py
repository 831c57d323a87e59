"""Events that a tenant refuses, or tells in another way than expected, are "unknown" and never "not used"."""

from __future__ import annotations

import json

import httpx
import pandas as pd
import pytest
from fixtures.support import ManualClock, machine_client

import qlik_keys as qk
from qlik_keys.core.clock import utc_now
from qlik_keys.inventory.usage import usage_of
from qlik_keys.lifecycle.last_use import last_use
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

URL = "https://odd.eu.qlikcloud.com"
DAY = 86400


class Odd(httpx.BaseTransport):
    """A sandbox tenant in this process whose answers on events are changed."""

    def __init__(self, sandbox):
        self.inner, self.change = SandboxTransport(sandbox), None

    def handle_request(self, request):
        response = self.inner.handle_request(request)
        if self.change is None or request.url.path != "/api/v1/audits":
            return response
        return self.change(request, json.loads(response.read()))


@pytest.fixture
def world():
    """A client that logged in long ago and 101 times today, and how its tenant tells of that."""
    clock = ManualClock()
    sandbox = SandboxTenant(URL, clock=clock)
    transport = Odd(sandbox)
    tenant = qk.QlikTenant(URL, credential=qk.ApiKey(sandbox.api_key), transport=transport, clock=clock)
    made = tenant.oauth_clients.create(machine_client("etl"))
    clock.advance(100 * DAY)
    for _ in range(101):
        tenant.with_credential(qk.ClientSecret(made.client.client_id, made.client_secret)).users.me()
    return tenant, made.client.client_id, clock, transport


def refused(_request, _document):
    return httpx.Response(400, json={"errors": [{"code": "AUD-1", "title": "sort is not known"}]})


def refused_later(request, document):
    return refused(request, document) if "next" in request.url.params else httpx.Response(200, json=document)


def without(*names):
    def change(_request, document):
        for row in document["data"]:
            for name in names:
                row.pop(name, None)
                row["data"].pop(name, None)
        return httpx.Response(200, json=document)

    return change


@pytest.mark.parametrize(
    "change",
    [refused, refused_later, without("issuedToClientId"), without("eventTime"), without("eventTime", "id")],
    ids=["refused", "refused later", "no client", "no time", "no id"],
)
def test_what_is_not_told_is_unknown(world, change):
    tenant, client_id, clock, transport = world
    transport.change = change
    [row] = qk.clients(tenant, consent=False, usage=True, clock=clock).itertuples()
    assert (pd.isna(row.logins_30d), pd.isna(row.last_login)) == (True, True)
    assert "unused-90-days" not in row.findings
    told = last_use(tenant, "0" * 32 if change is refused_later else client_id, clock).to_text()
    assert told.startswith("When it last logged in is unknown: ")


def test_a_name_that_is_not_known_leaves_the_other_one(world):
    tenant, client_id, clock, transport = world

    def change(request, document):
        if request.url.params["eventType"].startswith("com.qlik.core."):
            return refused(request, document)
        return httpx.Response(200, json=document)

    transport.change = change
    assert usage_of(tenant, utc_now(clock)).recent[client_id] == 101
    assert last_use(tenant, client_id, clock).at == utc_now(clock)


def test_events_in_another_order_shorten_no_window_at_the_wrong_end(world):
    """Oldest first: what a limited number of pages does not show is then the newest."""
    tenant, client_id, clock, transport = world
    rows = []
    for number in range(1200):
        moment = pd.Timestamp(clock.time() - (1200 - number) * 600, unit="s", tz="UTC").isoformat()
        of = client_id if number in (0, 1199) else "0" * 32
        data = {"issuedToClientId": of, "grantType": "client_credentials"}
        rows.append({"id": f"{number}", "eventTime": moment, "data": data})

    def change(request, _document):
        start = int(request.url.params.get("next", "0"))
        address = f"{URL}/api/v1/audits?next={start + 100}"
        following = {"next": {"href": address}} if start + 100 < len(rows) else {}
        is_core = "core" in request.url.params.get("eventType", "")
        page = {"data": [] if is_core else rows[start : start + 100], "links": {} if is_core else following}
        return httpx.Response(200, json=page)

    transport.change = change
    assert usage_of(tenant, utc_now(clock), most_pages=3).since is None
    assert "order" in last_use(tenant, client_id, clock).unknown
    del rows[800:-1]  # now all of them are read
    assert last_use(tenant, client_id, clock).at == pd.Timestamp(rows[-1]["eventTime"])
