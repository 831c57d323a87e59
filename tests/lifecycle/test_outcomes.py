"""What a failure says of the effect of the whole operation: after a step that changed something, not "not applied"."""

from __future__ import annotations

from datetime import timedelta

import pytest

import qlik_keys as qk
from qlik_keys.errors import Outcome, QlikKeysError

ES384 = qk.KeySpec("ES384")
REFUSED = {"fault": 400, "times": 9}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({**REFUSED, "path": "/api/v1/oauth-clients", "method": "GET"}, Outcome.NOT_APPLIED),  # the first look
        ({**REFUSED, "path": "/api/v1/oauth-clients", "method": "POST"}, Outcome.UNKNOWN),  # after what is staged
        ({**REFUSED, "path": "/api/v1/users/me*"}, Outcome.UNKNOWN),  # after the client was made
    ],
)
def test_a_provision_that_fails(world, name, fault, outcome):
    world.box.configure(fail_next=[fault])
    with pytest.raises(QlikKeysError) as caught:
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=ES384)
    assert caught.value.outcome is outcome
    world.box.configure(fail_next=[])
    qk.resume(world.tenant, world.store)


def test_a_rotation_that_fails_at_its_login(world, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=ES384)
    world.box.configure(fail_next=[{**REFUSED, "path": "/api/v1/users/me*"}])
    with pytest.raises(QlikKeysError) as caught:
        qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(0))
    assert caught.value.outcome is Outcome.UNKNOWN
    world.box.configure(fail_next=[])
    qk.resume(world.tenant, world.store)


def test_a_preview_has_no_effect_to_tell_of(world, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=ES384)
    world.box.configure(fail_next=[{**REFUSED, "path": "/api/v1/oauth-clients*"}])
    with pytest.raises(QlikKeysError) as caught:
        qk.preview(world.tenant, world.store, "rotate", made.client_id)
    assert caught.value.outcome is Outcome.NOT_APPLIED
