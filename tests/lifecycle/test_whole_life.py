"""A client from its first key to its end: the one pass of the lifecycle that `make test-fast` has."""

from __future__ import annotations

from datetime import timedelta

import pytest

import qlik_keys as qk

pytestmark = [pytest.mark.openbao, pytest.mark.fast]


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_a_client_logs_in_with_each_of_its_keys_and_leaves_nothing(world, name):
    tenant, store, at_once = world.tenant, world.store, timedelta(0)
    made = qk.provision(tenant, store, name=name, scopes=["user_default"])
    assert qk.provision(tenant, store, name=name, scopes=["user_default"]).client_id == made.client_id
    world.assert_settled(name)
    rotated = qk.rotate(tenant, store, made.client_id, overlap=at_once)
    world.assert_settled(name)
    revoked = qk.revoke(tenant, store, made.client_id)
    world.assert_settled(name)
    assert len({made.kid, rotated.kid, revoked.kid}) == 3
    assert qk.resume(tenant, store) == []
    assert qk.doctor(tenant, store, made.client_id).is_healthy
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)
    assert world.is_untouched(name)
