"""An address that is not found is no client that is gone: nothing advises to delete a client that is there."""

from __future__ import annotations

from datetime import timedelta

import pytest

import qlik_keys as qk
from qlik_keys import errors

pytestmark = pytest.mark.openbao


def test_a_redirect_into_nothing_is_no_client_that_is_gone(world, box, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    box.configure(users_me_redirect="/login")
    try:
        with pytest.raises(errors.TenantNotFound) as caught:
            qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(0))
    finally:
        box.configure(users_me_redirect="")
    assert not isinstance(caught.value, errors.ClientGone)
    assert (caught.value.path, "delete" in caught.value.hint) == ("/login", False)
    qk.resume(world.tenant, world.store)
    world.assert_settled(name)
