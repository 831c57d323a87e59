"""A person on a terminal is asked before an overlap is cut short for a client that is in use."""

from dataclasses import replace
from datetime import timedelta

import pytest

import qlik_keys as qk

pytestmark = pytest.mark.openbao
ASKED = "Retire the old key now?"


@pytest.fixture
def rotated(tenant, store):
    """A client with two keys, the newer of which has logged in for its verification alone."""
    made = qk.provision(tenant, store, name="retire-asks", scopes=["user_default"])
    qk.rotate(tenant, store, made.client_id)
    yield made.client_id
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)


def kids_of(tenant, client_id):
    return [key.kid for key in tenant.oauth_clients.get(client_id).public_keys]


def test_it_is_asked_if_there_was_a_login_apart_from_the_verification(terminal, qlik_keys, tenant, store, rotated):
    # The verification was an hour ago, so the logins that the tenant has told of are others.
    record = store.read(tenant.host, rotated)
    moved = {name: getattr(record.current, name) - timedelta(hours=1) for name in ("made_at", "promoted_at")}
    store.write(record.with_key(replace(record.current, **moved)))
    refused = terminal("retire", rotated, "--force", typed="n\n")
    assert (refused.code, ASKED in refused.err, "nothing was changed" in refused.err) == (1, True, True)
    assert len(kids_of(tenant, rotated)) == 2
    assert terminal("retire", rotated, "--force", typed="y\n").code == 0
    assert len(kids_of(tenant, rotated)) == 1
    qk.rotate(tenant, store, rotated)
    ended = qlik_keys("retire", rotated, "--force")
    assert (ended.code, ASKED in ended.err) == (0, False)


def test_the_verification_alone_is_no_use(terminal, tenant, rotated):
    ended = terminal("retire", rotated, "--force")
    assert (ended.code, ASKED in ended.err, len(kids_of(tenant, rotated))) == (0, False, 1)
