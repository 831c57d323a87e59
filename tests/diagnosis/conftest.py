"""Unhealthy clients, and what they are made unhealthy with."""

from __future__ import annotations

import hvac
import pytest
from fixtures.unhealthy_client import UnhealthyClient

import qlik_keys as qk


@pytest.fixture(scope="module")
def box():
    """A sandbox of its own: documents that cannot be read are in its Vault, and would stop the sweeps of others."""
    with qk.sandbox.start() as started:
        yield started


@pytest.fixture(scope="module")
def vault_operator(box):
    client = hvac.Client(url=box.vault_url, token=box.vault_token)
    yield client
    client.adapter.close()


@pytest.fixture
def custody():
    return "kv"


@pytest.fixture
def unhealthy_client(box, custody, vault_operator):
    """An unhealthy client with no client yet: `make` or `register` gives it a new one."""
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody) as store,
    ):
        made = UnhealthyClient(box=box, tenant=tenant, store=store, operator=vault_operator)
        yield made
        made.forget()
