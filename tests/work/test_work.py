"""How much work each job does, against the bare job in the same process: a regression fails on the day it is made.

The figures are deterministic (`counted_work`), so the limits are close: about a tenth above what was counted when they
were set. Lower a limit where a job becomes cheaper; raise one only with the reason in the commit. `make bench` measures
time.
"""

from __future__ import annotations

import gc
import json
import os
from datetime import timedelta

import httpx
import pandas as pd
import pytest
from fixtures.counted_work import UncountedTransport, counted_program
from fixtures.support import environment_of, made_client

import qlik_keys as qk
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import RateBudget

pytestmark = pytest.mark.openbao
AT_ONCE = timedelta(0)
CLIENTS, WITH_KEYS = 1000, 100
CALLS = 50


def counted(place, job, *, warm=True):
    """What a job does; `warm`: when everything that is made once per process is there."""
    if warm:
        job()
    gc.collect()
    gc.disable()
    try:
        return place.counter.count(job)
    finally:
        gc.enable()


def assert_within(ours, bare, limit):
    """Our Python calls are at most that many times the bare job's."""
    ratio = ours.calls / bare.calls
    assert ratio <= limit, f"{ours.calls} Python calls are {ratio:.3f} times the bare job's {bare.calls}, not {limit}"


def assert_each(ours, bare, times, limit):
    """We call at most that many Python functions more than the bare job each time."""
    more = (ours.calls - bare.calls) / times
    assert more <= limit, f"{more:.1f} Python calls more than the bare job each time, not {limit}"


def cryptography_of(work):
    return {"made": work.keys_made, "loaded": work.keys_loaded, "signatures": work.signatures}


def test_provision(place):
    from bench_provision import Floor

    floor = Floor(place.box, place.bare, place.requests)
    bare = counted(place, lambda: floor.make(place.name()))
    ours = counted(place, lambda: qk.provision(place.tenant, place.store, name=place.name(), scopes=["user_default"]))
    assert ours.requests <= 16
    assert cryptography_of(ours) == {"made": 1, "loaded": 1, "signatures": 1}
    assert_within(ours, bare, 0.88)


@pytest.mark.parametrize(("custody", "requests", "ratio"), [("kv", 22, 0.96), ("transit", 26, 1.16)])
def test_rotate(place, custody, requests, ratio):
    from bench_rotation import RotationFloor

    floor = RotationFloor(place.box, place.bare, place.requests)
    floor.begin(place.name())
    bare = counted(place, floor.rotate)
    store = place.store if custody == "kv" else place.transit
    made = qk.provision(place.tenant, store, name=place.name(), scopes=["user_default"])
    ours = counted(place, lambda: qk.rotate(place.tenant, store, made.client_id, overlap=AT_ONCE))
    assert ours.requests <= requests
    by_us = int(custody == "kv")  # in Transit, Vault makes the key and signs with it
    assert cryptography_of(ours) == {"made": by_us, "loaded": 1, "signatures": by_us}
    assert_within(ours, bare, ratio)


@pytest.fixture(scope="module")
def fleet(place):
    """A tenant of a thousand clients, of which a hundred have keys in Vault: by httpx, and by qlik_keys."""
    simulator = SandboxTenant("https://fleet.eu.qlikcloud.com")
    simulator.seed_clients(CLIENTS)
    transport = UncountedTransport(SandboxTransport(simulator), place.counter)
    headers = {"Authorization": f"Bearer {simulator.api_key}"}
    with (
        httpx.Client(base_url=simulator.base_url, transport=transport, headers=headers) as bare,
        qk.QlikTenant(
            simulator.base_url,
            credential=qk.ApiKey(simulator.api_key),
            transport=transport,
            budget=RateBudget(limits_per_minute={1: 10**6, 2: 10**6}),
        ) as tenant,
    ):
        client_ids = [client["client_id"] for page in tenant.oauth_clients.overviews() for client in page]
        kv = place.vault.secrets.kv.v2
        for client_id in client_ids[:WITH_KEYS]:
            path = f"qlik-keys/{tenant.host}/{client_id}"
            kv.update_metadata(path, custom_metadata={"client_name": "x", "custody": "kv"})
            kv.create_or_update_secret(path, secret={"keys": "k"}, cas=0)
        yield bare, tenant


def listed(bare):
    rows, address = [], "/api/v1/oauth-clients?limit=100"
    while address:
        page = json.loads(bare.get(address).content)
        rows += page["data"]
        address = page["links"].get("next", {}).get("href")
    return rows


def test_listing_a_thousand_clients(place, fleet):
    plain, tenant = fleet
    bare = counted(place, lambda: pd.DataFrame(listed(plain)))
    ours = counted(place, lambda: qk.clients(tenant, consent=False))
    assert ours.requests == bare.requests == CLIENTS / 100
    assert cryptography_of(ours) == {"made": 0, "loaded": 0, "signatures": 0}
    assert_each(ours, bare, CLIENTS, 3.9)


def test_listing_a_thousand_clients_with_the_store_and_consent(place, fleet):
    plain, tenant = fleet
    kv, folder = place.vault.secrets.kv.v2, f"qlik-keys/{tenant.host}"

    def look_up():
        rows = listed(plain)
        there = set(kv.list_secrets(folder)["data"]["keys"])
        for row in rows:
            if row["clientId"] in there:
                kv.read_secret_metadata(f"{folder}/{row['clientId']}")
            json.loads(plain.get(f"/api/v1/oauth-clients/{row['clientId']}/connection-configs/me").content)
        return pd.DataFrame(rows)

    place.store.client_ids(tenant.host)
    bare = counted(place, look_up, warm=False)
    ours = counted(place, lambda: qk.clients(tenant, place.store, consent=True), warm=False)
    assert ours.requests == bare.requests == CLIENTS / 100 + 1 + WITH_KEYS + CLIENTS
    assert cryptography_of(ours) == {"made": 0, "loaded": 0, "signatures": 0}
    assert_within(ours, bare, 0.65)


def test_a_call_with_a_current_token(place):
    made = qk.provision(place.tenant, place.store, name=place.name(), scopes=["user_default"])
    transport = place.bare._transport
    with qk.TokenSource.from_store(
        place.store, tenant_url=place.tenant.url, client_id=made.client_id, http=place.tenant.http
    ) as source:
        fixed = {"authorization": f"Bearer {source.token().reveal()}"}
        address = place.tenant.users.me().id
        with (
            httpx.Client(base_url=place.tenant.url, transport=transport, headers=fixed) as plain,
            httpx.Client(base_url=place.tenant.url, transport=transport, auth=qk.PrivateKeyJwtAuth(source)) as ours,
        ):

            def calling(client):
                def job():
                    for _ in range(CALLS):
                        client.get(f"/api/v1/users/{address}")

                return job

            bare, with_auth = counted(place, calling(plain)), counted(place, calling(ours))
    assert with_auth.requests == bare.requests == CALLS
    assert cryptography_of(with_auth) == {"made": 0, "loaded": 0, "signatures": 0}
    assert_each(with_auth, bare, CALLS, 8.8)


TOKEN = "from qlik_keys.cli import main; main()"


def test_the_command_token(box):
    bare = counted_program("import httpx, hvac")
    with made_client(box, "counted-token") as made:
        environment = {**os.environ, **environment_of(box)}
        ours = counted_program(TOKEN, "token", "--client", made.client_id, "--stdout", environment=environment)
    assert_within(ours, bare, 1.36)
    assert len(ours.modules) <= 1.3 * len(bare.modules)
    assert ours.bytes_read <= 1.14 * bare.bytes_read
    assert {"httpx", "hvac"} <= bare.modules
    assert not {"pandas", "numpy", "ipywidgets", "IPython", "joserfc"} & ours.modules


def test_opening_the_panel():
    bare = counted_program("import ipywidgets, pandas; ipywidgets.VBox()")
    ours = counted_program("import ipywidgets, pandas; ipywidgets.VBox(); import qlik_keys as qk; qk.Panel()")
    assert ours.modules > bare.modules
    added = ours.modules - bare.modules
    assert (
        not {"httpx", "hvac", "requests", "pydantic", "cryptography", "jwcrypto", "qlik_keys.lifecycle.engine"} & added
    )
    assert len(added) <= 132  # a dozen of them are packages with nothing in them
    assert_within(ours, bare, 2.3)
    assert ours.bytes_read <= 1.16 * bare.bytes_read
