"""Trusting clients that another program made: by secret alone, in the middle of an adoption, with a foreign key."""

from __future__ import annotations

import contextlib

import pytest
from fixtures.harness.steps import register

import qlik_keys as qk
from qlik_keys.errors import FleetError

pytestmark = pytest.mark.openbao


def test_a_client_with_a_secret_is_trusted_and_its_adoption_finished_and_a_foreign_key_is_refused(world, name):
    fleet = qk.Fleet({"here": (world.tenant, world.store)})
    plain, started, foreign = (
        world.create_with_secret(f"{name}-{kind}").client.client_id for kind in ("plain", "started", "foreign")
    )
    for client_id in (plain, started, foreign):
        world.tenant.oauth_clients.set_consent(client_id, "required")
    with contextlib.suppress(FleetError):  # its key cannot log in yet
        fleet.run("adopt", qk.Selection(clients=(started,)))
    register(world.tenant, foreign, qk.generate(qk.KeySpec("ES384")).public)
    with pytest.raises(FleetError) as caught:
        fleet.run("trust", qk.Selection(clients=(plain, started, foreign)))
    outcomes = {each.client_id: each.outcome for each in caught.value.results}
    assert outcomes == {plain: "trusted", started: "trusted", foreign: "failed"}
    assert "a registered key that qlik_keys does not manage" in str(caught.value)
    [finished] = fleet.resume()
    assert (finished.client_id, finished.resumed.operation, finished.error) == (started, "adopt", None)
    assert world.store.read(world.tenant.host, started).current is not None
