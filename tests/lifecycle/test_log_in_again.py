"""`PrivateKeyJwtAuth` on the real sandbox and the real OpenBao: tokens that end, and keys that change, elsewhere."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

import qlik_keys as qk
from qlik_keys.errors import AssertionRejected
from qlik_keys.keystore.testing import make_key
from qlik_keys.tenant import PatchOperation

pytestmark = pytest.mark.openbao


@pytest.fixture
def client(world, name):
    return qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])


@pytest.fixture
def source(world, client):
    with qk.TokenSource.from_store(
        world.store, tenant_url=world.tenant.url, client_id=client.client_id, http=world.tenant.http
    ) as source:
        yield source


@pytest.fixture
def api(world, source):
    auth = qk.PrivateKeyJwtAuth(source)
    with httpx.Client(base_url=world.tenant.url, auth=auth, follow_redirects=True) as api:
        yield api


def revoke_elsewhere(world, token):
    httpx.post(f"{world.tenant.url}/oauth/revoke", data={"token": token.reveal()}).raise_for_status()


def change_key(world, client_id, *, in_store):
    """Put another key in the place of the client's, on the tenant and, if so wished, in the store."""
    record = world.store.read(world.tenant.host, client_id)
    new = make_key(world.store)
    if in_store:
        world.store.write(replace(record, keys={new.kid: replace(new, state="current", promoted_at=new.made_at)}))
    world.tenant.oauth_clients.patch(client_id, [PatchOperation("replace", "/publicKeys", [new.public])])
    return new.kid


@pytest.fixture
def token_requests(world):
    """The statuses of the answers to requests for a token."""
    statuses = []

    def note(exchange):
        if exchange.path == "/oauth/token":
            statuses.append(exchange.status)

    unsubscribe = world.tenant.subscribe(note)
    yield statuses
    unsubscribe()


def test_a_token_that_was_revoked_elsewhere_is_replaced_once(world, client, source, api, token_requests):
    assert api.get("/api/v1/users/me").json()["clientId"] == client.client_id
    old = source.token()
    revoke_elsewhere(world, old)
    token_requests.clear()
    assert api.get("/api/v1/users/me").json()["clientId"] == client.client_id
    assert source.token() is not old
    assert token_requests == [200]


def test_a_key_that_was_changed_elsewhere_is_read_from_the_store(world, client, source, api, token_requests):
    api.get("/api/v1/users/me").raise_for_status()
    change_key(world, client.client_id, in_store=True)
    revoke_elsewhere(world, source.token())
    token_requests.clear()
    assert api.get("/api/v1/users/me").json()["clientId"] == client.client_id
    # The old key was refused, the new one was not.
    assert token_requests == [401, 200]


def test_a_key_that_the_store_does_not_know_is_said_after_one_try(world, client, source, api, token_requests):
    api.get("/api/v1/users/me").raise_for_status()
    change_key(world, client.client_id, in_store=False)
    revoke_elsewhere(world, source.token())
    token_requests.clear()
    with pytest.raises(AssertionRejected) as caught:
        api.get("/api/v1/users/me")
    assert caught.value.hint
    assert token_requests == [401]
