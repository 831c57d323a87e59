"""Tenant and store on the sandbox (fixtures/world.py) with a client, and the harness on a Vault of its own."""

from __future__ import annotations

import hvac
import pytest
from fixtures.harness.sides import Sides
from fixtures.harness.steps import provision
from fixtures.world import custody, name, world

__all__ = ["custody", "name", "world"]


@pytest.fixture
def tenant(world):
    return world.tenant


@pytest.fixture
def store(world):
    return world.store


@pytest.fixture
def made(tenant, store, name):
    return provision(tenant, store, name)


@pytest.fixture
def vault(box):
    """The sandbox's Vault as its operator sees it."""
    client = hvac.Client(url=box.vault_url, token=box.vault_token)
    yield client
    client.adapter.close()


@pytest.fixture
def sides(openbao, custody):
    sides = Sides(openbao, custody)
    yield sides
    sides.close()
