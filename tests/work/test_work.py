"""How much work each job does, against the bare job in the same process.

The figures are deterministic, so the limits are about a tenth above what was counted when they were set. Lower a limit
where a job becomes cheaper; raise one only with the reason in the commit. `make bench` measures time.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import hvac
import pandas as pd
import pytest
from fixtures.counted_work import Counter, UncountedTransport, counted_program
from fixtures.support import environment_of, made_client

import qlik_keys as qk
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import RateBudget

pytestmark = pytest.mark.openbao
CLIENTS, WITH_KEYS, CALLS = 1000, 100, 50


sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))  # the bare jobs are those that `make bench` measures
bench_provision, bench_rotation = map(importlib.import_module, ("bench_provision", "bench_rotation"))


@pytest.fixture(scope="module")
def place(openbao):
    """Where work is counted: the tenant and the Vault, bare (httpx, hvac, requests) and by qlik_keys."""
    counter, names = Counter(), itertools.count()
    simulator = SandboxTenant("https://counted.eu.qlikcloud.com")
    transport = UncountedTransport(SandboxTransport(simulator), counter)
    headers = {"Authorization": f"Bearer {simulator.api_key}"}
    vault = hvac.Client(url=openbao.url, token=openbao.token)
    vault.adapter.session.hooks["response"] = lambda answer, **_: counter.requests.append(answer.request.method)
    requests = bench_provision.Vault(openbao.url, openbao.token)
    requests._http.hooks["response"].append(lambda answer, **_: counter.requests.append(answer.request.method))
    with (
        httpx.Client(base_url=simulator.base_url, transport=transport, headers=headers) as bare,
        qk.QlikTenant(simulator.base_url, credential=qk.ApiKey(simulator.api_key), transport=transport) as tenant,
        qk.VaultKeyStore(openbao.url, token=openbao.token) as kv,
        qk.VaultKeyStore(openbao.url, token=openbao.token, custody="transit") as transit,
    ):
        for each in (kv, transit):
            each.subscribe(lambda call: counter.requests.append(f"{call.method} {call.path}"))
        yield SimpleNamespace(
            counter=counter,
            vault=vault,
            tenant=tenant,
            stores={"kv": kv, "transit": transit},
            bare=(SimpleNamespace(tenant_url=simulator.base_url), bare, requests),  # what a bare job is made of
            name=lambda: f"counted-{next(names)}",
        )
    vault.adapter.close()
    requests.close()


def counted(place, job, *, warm=True):
    """What a job does; `warm`: when everything that is made once per process is there."""
    _ = job() if warm else None
    gc.collect()
    gc.disable()
    try:
        return place.counter.count(job)
    finally:
        gc.enable()


def assert_within(ours, bare, limit, *, times=0):
    """Our Python calls are at most that many times the bare job's, or that many more each time."""
    figure = (ours.calls - bare.calls) / times if times else ours.calls / bare.calls
    assert figure <= limit, f"{ours.calls} Python calls to the bare job's {bare.calls}: {figure:.3f}, not {limit}"


def cryptography_of(work):
    return work.keys_made, work.keys_loaded, work.signatures


def test_provision(place):
    floor, scopes = bench_provision.Floor(*place.bare), ["user_default"]
    bare = counted(place, lambda: floor.make(place.name()))
    ours = counted(place, lambda: qk.provision(place.tenant, place.stores["kv"], name=place.name(), scopes=scopes))
    assert ours.requests <= 16
    assert cryptography_of(ours) == (1, 1, 1)
    assert_within(ours, bare, 0.88)


@pytest.mark.parametrize(("custody", "requests", "ratio"), [("kv", 22, 0.96), ("transit", 26, 1.16)])
def test_rotate(place, custody, requests, ratio):
    floor, store = bench_rotation.RotationFloor(*place.bare), place.stores[custody]
    floor.begin(place.name())
    bare = counted(place, floor.rotate)
    made = qk.provision(place.tenant, store, name=place.name(), scopes=["user_default"])
    ours = counted(place, lambda: qk.rotate(place.tenant, store, made.client_id, overlap=timedelta(0)))
    assert ours.requests <= requests
    by_us = int(custody == "kv")  # in Transit, Vault makes the key and signs with it
    assert cryptography_of(ours) == (by_us, 1, by_us)
    assert_within(ours, bare, ratio)


def listed(bare):
    rows, address = [], "/api/v1/oauth-clients?limit=100"
    while address:
        page = json.loads(bare.get(address).content)
        rows += page["data"]
        address = page["links"].get("next", {}).get("href")
    return rows


@pytest.fixture
def fleet(place):
    """A tenant of a thousand clients, of which a hundred have keys in Vault: by httpx, and by qlik_keys."""
    simulator = SandboxTenant("https://fleet.eu.qlikcloud.com")
    simulator.seed_clients(CLIENTS)
    login = {"transport": UncountedTransport(SandboxTransport(simulator), place.counter)}
    headers = {"Authorization": f"Bearer {simulator.api_key}"}
    plenty = RateBudget(limits_per_minute={1: 10**6, 2: 10**6})
    with (
        httpx.Client(base_url=simulator.base_url, headers=headers, **login) as bare,
        qk.QlikTenant(simulator.base_url, credential=qk.ApiKey(simulator.api_key), budget=plenty, **login) as tenant,
    ):
        client_ids = [client["client_id"] for page in tenant.oauth_clients.overviews() for client in page]
        kv = place.vault.secrets.kv.v2
        for client_id in client_ids[:WITH_KEYS]:
            path = f"qlik-keys/{tenant.host}/{client_id}"
            kv.update_metadata(path, custom_metadata={"client_name": "x", "custody": "kv"})
            kv.create_or_update_secret(path, secret={"keys": "k"}, cas=0)
        yield bare, tenant


def test_listing_a_thousand_clients(place, fleet):
    plain, tenant = fleet
    store, kv, folder = place.stores["kv"], place.vault.secrets.kv.v2, f"qlik-keys/{tenant.host}"
    bare = counted(place, lambda: pd.DataFrame(listed(plain)))
    ours = counted(place, lambda: qk.clients(tenant, consent=False))
    assert (ours.requests, bare.requests, cryptography_of(ours)) == (CLIENTS / 100, CLIENTS / 100, (0, 0, 0))
    assert_within(ours, bare, 3.9, times=CLIENTS)

    def look_up():
        rows = listed(plain)
        there = set(kv.list_secrets(folder)["data"]["keys"])
        for row in rows:
            if row["clientId"] in there:
                kv.read_secret_metadata(f"{folder}/{row['clientId']}")
            json.loads(plain.get(f"/api/v1/oauth-clients/{row['clientId']}/connection-configs/me").content)
        return pd.DataFrame(rows)

    store.client_ids(tenant.host)
    bare = counted(place, look_up, warm=False)
    ours = counted(place, lambda: qk.clients(tenant, store, consent=True), warm=False)
    assert ours.requests == bare.requests == CLIENTS / 100 + 1 + WITH_KEYS + CLIENTS
    assert cryptography_of(ours) == (0, 0, 0)
    assert_within(ours, bare, 0.65)


def test_a_call_with_a_current_token(place):
    store, tenant, (_, http, _) = place.stores["kv"], place.tenant, place.bare
    made = qk.provision(tenant, store, name=place.name(), scopes=["user_default"])

    def calling(**options):
        with httpx.Client(base_url=tenant.url, transport=http._transport, **options) as client:
            return counted(place, lambda: [client.get(address) for _ in range(CALLS)])

    with qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=made.client_id, http=tenant.http) as source:
        address = f"/api/v1/users/{tenant.users.me().id}"
        bare = calling(headers={"authorization": f"Bearer {source.token().reveal()}"})
        ours = calling(auth=qk.PrivateKeyJwtAuth(source))
    assert (ours.requests, bare.requests, cryptography_of(ours)) == (CALLS, CALLS, (0, 0, 0))
    assert_within(ours, bare, 8.8, times=CALLS)


def test_the_command_token(box):
    bare = counted_program("import httpx, hvac")
    with made_client(box, "counted-token") as made:
        command = ("from qlik_keys.cli import main; main()", "token", "--client", made.client_id, "--stdout")
        ours = counted_program(*command, environment={**os.environ, **environment_of(box)})
    assert_within(ours, bare, 1.36)
    assert len(ours.modules) <= 1.3 * len(bare.modules)
    assert ours.bytes_read <= 1.2 * bare.bytes_read
    assert not {"pandas", "numpy", "ipywidgets", "IPython", "joserfc"} & ours.modules


def test_opening_the_panel():
    bare = counted_program("import ipywidgets, pandas; ipywidgets.VBox()")
    ours = counted_program("import ipywidgets, pandas; ipywidgets.VBox(); import qlik_keys as qk; qk.Panel()")
    added = ours.modules - bare.modules
    unneeded = {"httpx", "hvac", "requests", "pydantic", "cryptography", "jwcrypto", "qlik_keys.lifecycle.engine"}
    assert not unneeded & added
    assert len(added) <= 134  # a dozen of them are packages with nothing in them
    assert_within(ours, bare, 2.3)
    assert ours.bytes_read <= 1.16 * bare.bytes_read
