"""A simulator in this process, a real OpenBao, and the two ways to ask both: bare, and by qlik_keys."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import httpx
import hvac
import pytest
from fixtures.counted_work import Counter, UncountedTransport

import qlik_keys as qk
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))  # the bare jobs are those that `make bench` measures


@dataclass
class Place:
    """Where work is counted."""

    counter: Counter
    bare: httpx.Client  # alone, with an administrator's key
    vault: hvac.Client  # alone
    requests: object  # the Vault by requests alone
    tenant: qk.QlikTenant
    store: qk.VaultKeyStore
    transit: qk.VaultKeyStore
    box: SimpleNamespace  # what the bare jobs want to know of a sandbox
    names: itertools.count = field(default_factory=itertools.count)

    def name(self):
        return f"counted-{next(self.names)}"


@pytest.fixture(scope="session")
def place(openbao):
    from bench_provision import Vault

    counter = Counter()
    simulator = SandboxTenant("https://counted.eu.qlikcloud.com")
    transport = UncountedTransport(SandboxTransport(simulator), counter)
    vault = hvac.Client(url=openbao.url, token=openbao.token)
    vault.adapter.session.hooks["response"] = lambda answer, **_: counter.requests.append(answer.request.method)
    requests = Vault(openbao.url, openbao.token)
    requests._http.hooks["response"].append(lambda answer, **_: counter.requests.append(answer.request.method))
    headers, box = {"Authorization": f"Bearer {simulator.api_key}"}, SimpleNamespace(tenant_url=simulator.base_url)
    with (
        httpx.Client(base_url=simulator.base_url, transport=transport, headers=headers) as bare,
        qk.QlikTenant(simulator.base_url, credential=qk.ApiKey(simulator.api_key), transport=transport) as tenant,
        qk.VaultKeyStore(openbao.url, token=openbao.token) as store,
        qk.VaultKeyStore(openbao.url, token=openbao.token, custody="transit") as transit,
    ):
        for each in (store, transit):
            each.subscribe(lambda call: counter.requests.append(f"{call.method} {call.path}"))
        yield Place(counter, bare, vault, requests, tenant, store, transit, box)
    vault.adapter.close()
    requests.close()
