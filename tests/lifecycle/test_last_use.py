"""The plan of what removes a login says when the client last logged in, or that this is unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest

import qlik_keys as qk
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now

pytestmark = pytest.mark.openbao


@pytest.fixture(autouse=True)
def usual_settings(box):
    yield
    box.configure(events_refused=False, event_namespace="old")


def prepared(world, name, operation):
    """The id of a client, and the options of the operation's plan."""
    if operation == "adopt":
        return world.create_with_secret(name).client.client_id, {"remove_secrets": True}
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    if operation == "retire":
        qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(hours=1))
    return made.client_id, {"force": True} if operation == "retire" else {}


@pytest.mark.parametrize("namespace", ["old", "core", "both"])
@pytest.mark.parametrize("operation", ["adopt", "retire", "delete"])
def test_the_plan_says_when_the_client_last_logged_in(world, box, name, operation, namespace):
    box.configure(event_namespace=namespace)
    client_id, options = prepared(world, name, operation)

    def notes():
        return qk.preview(world.tenant, world.store, operation, client_id, **options).notes

    # The client that is adopted has not logged in yet; the others have been verified by a login.
    told = "It has not logged in since" if operation == "adopt" else f"It last logged in at {utc_now(SYSTEM_CLOCK):%Y-}"
    assert [each.startswith(told) for each in notes()].count(True) == 1
    box.configure(events_refused=True)
    assert [each.startswith("When it last logged in is unknown") for each in notes()].count(True) == 1


def test_a_plan_that_removes_no_login_asks_for_no_event(world, box, name):
    client_id, _ = prepared(world, name, "delete")
    before = len(box.requests())
    qk.preview(world.tenant, world.store, "rotate", client_id)
    qk.preview(world.tenant, world.store, "adopt", client_id)
    assert not [each for each in box.requests()[before:] if each["path"] == "/api/v1/audits"]
