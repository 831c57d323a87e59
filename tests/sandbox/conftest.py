"""A sandbox tenant behind each of its two doors."""

from __future__ import annotations

import httpx
import pytest
from fixtures.sandbox_client import SandboxClient, serving
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

REAL_ADDRESS = "https://acme.eu.qlikcloud.com"


@pytest.fixture(scope="session")
def more_keys():
    """Further P-384 keys, made once."""
    return [qk.generate(qk.KeySpec("ES384")) for _ in range(4)]


@pytest.fixture
def sandbox_client(clock):
    """The synchronous door, at a real tenant's kind of address."""
    tenant = SandboxTenant(REAL_ADDRESS, clock=clock)
    with httpx.Client(base_url=tenant.base_url, transport=SandboxTransport(tenant)) as http:
        yield SandboxClient(tenant, http, clock)


@pytest.fixture(scope="session")
def http_knock():
    """The HTTP door, once for all that need real HTTP, of a tenant that believes to be at a real address.

    Its clock stands.
    """
    clock = ManualClock()
    with (
        serving(lambda _address: SandboxTenant(REAL_ADDRESS, clock=clock)) as (tenant, address),
        httpx.Client(base_url=address, timeout=30, headers={"host": httpx.URL(REAL_ADDRESS).host}) as http,
    ):
        yield SandboxClient(tenant, http, clock)
