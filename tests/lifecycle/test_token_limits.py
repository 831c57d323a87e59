"""A client that holds as many access tokens as its tenant allows: a rotation says so, a revocation ends them."""

from __future__ import annotations

import pytest
from fixtures.support import NoWaiting

import qlik_keys as qk
from qlik_keys import errors

pytestmark = pytest.mark.openbao


@pytest.fixture(autouse=True)
def usual_settings(box):
    yield
    box.configure(maximum_tokens=None)


def test_used_up_tokens_stop_a_rotation_at_once_and_no_revocation(world, box, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    box.configure(maximum_tokens=2)
    source = qk.TokenSource.from_store(world.store, tenant_url=box.tenant_url, client_id=made.client_id)
    source.token()  # the second one: the verification has got the first
    clock = NoWaiting()
    with pytest.raises(errors.AssertionRejected) as caught:
        qk.rotate(world.tenant, world.store, made.client_id, clock=clock)
    assert (caught.value.status, clock.slept) == (403, 0.0)
    revoked = qk.revoke(world.tenant, world.store, made.client_id)
    assert made.kid in revoked.retired
    assert any("2 access tokens of its bot user" in each for each in revoked.warnings)
    world.assert_settled(name)
