"""The panel's controllers on the real sandbox, clients in it, and the messages of a page."""

from __future__ import annotations

import uuid

import pytest
from fixtures.support import connected_controllers

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers


@pytest.fixture
def controllers(box):
    """Connected to the sandbox; each call returns when its work is done."""
    connected = connected_controllers(box)
    yield connected
    end(connected)


@pytest.fixture
def unconnected():
    """The same, before anything is connected."""
    made = PanelControllers(settings=Settings(), run=lambda task: task())
    yield made
    end(made)


def end(controllers):
    for _ in range(2):  # the first time is a warning while a secret waits
        controllers.connection.end_session()


@pytest.fixture
def tenant(controllers):
    return controllers.connection.tenant


@pytest.fixture
def key_store(controllers):
    return controllers.connection.key_store


@pytest.fixture
def provisioned(tenant, key_store):
    """Make a client of a new name."""

    def make(**options):
        name = f"panel-{uuid.uuid4().hex[:10]}"
        return qk.provision(tenant, key_store, name=name, scopes=["user_default"], **options)

    return make


@pytest.fixture
def made(provisioned):
    return provisioned()


@pytest.fixture
def name():
    return f"panel-{uuid.uuid4().hex[:10]}"
