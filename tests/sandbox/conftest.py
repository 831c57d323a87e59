"""A sandbox tenant behind each of its two doors."""

from __future__ import annotations

import contextlib
from urllib.parse import urlsplit

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
def sandbox(clock):
    """The synchronous door, at a real tenant's kind of address."""
    tenant = SandboxTenant(REAL_ADDRESS, clock=clock)
    with httpx.Client(base_url=tenant.base_url, transport=SandboxTransport(tenant)) as http:
        yield SandboxClient(tenant, http, clock)


@contextlib.contextmanager
def behind_http(base_url=None, **options):
    """A tenant behind the HTTP door, at the given base or at the address where it is served; its clock stands."""
    clock = ManualClock()
    with (
        serving(lambda address: SandboxTenant(base_url or address, clock=clock), **options) as (tenant, address),
        httpx.Client(base_url=address, timeout=30, headers={"host": urlsplit(base_url or address).netloc}) as http,
    ):
        yield SandboxClient(tenant, http, clock)


@pytest.fixture(scope="session")
def http_door():
    """The HTTP door, once for all that need real HTTP, of a tenant that believes to be at a real address."""
    with behind_http(REAL_ADDRESS) as sandbox:
        yield sandbox


@pytest.fixture
def real_http():
    """The HTTP door of a tenant of one's own, with its controls."""
    with behind_http(control_token="the-control-token") as sandbox:
        yield sandbox
