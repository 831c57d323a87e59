"""The panel's controllers on the real sandbox, clients in it, and the messages of a page."""

from __future__ import annotations

import threading
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
        return qk.provision(tenant, key_store, name=new_name(), scopes=["user_default"], **options)

    return make


@pytest.fixture
def made(provisioned):
    return provisioned()


@pytest.fixture
def name():
    return new_name()


def new_name():
    return f"panel-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def arrive():
    """Give a widget a message, as from the page."""
    return lambda widget, content: widget._handle_custom_msg(dict(content), [])


@pytest.fixture
def wait_until():
    def wait(controllers, holds, seconds=20):
        reached = threading.Event()
        controllers.store.listen(lambda state: reached.set() if holds(state) else None)
        assert reached.wait(seconds)

    return wait
