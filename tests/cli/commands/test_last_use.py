"""A person on a terminal is told when a client last logged in, and asked before its secrets are removed."""

import uuid

import pytest
from fixtures.support import machine_client

import qlik_keys as qk

USED = "It last logged in at "


@pytest.fixture
def by_hand(tenant):
    """A client of another program's, which logs in by its secret."""
    return tenant.oauth_clients.create(machine_client(f"by-hand-{uuid.uuid4().hex[:8]}"))


def log_in(tenant, made):
    tenant.with_credential(qk.ClientSecret(made.client.client_id, made.client_secret)).users.me()


def test_secrets_of_a_client_in_use_go_after_a_question(terminal, tenant, by_hand):
    client_id = by_hand.client.client_id
    log_in(tenant, by_hand)
    refused = terminal("adopt", client_id, "--remove-secrets", typed="n\n")
    assert (refused.code, USED in refused.err, "nothing was changed" in refused.err) == (1, True, True)
    assert tenant.oauth_clients.get(client_id).allowed_auth_methods == ("client_secret",)
    assert terminal("adopt", client_id, "--remove-secrets", typed="y\n").code == 0
    assert tenant.oauth_clients.get(client_id).allowed_auth_methods == ("private_key_jwt",)


def test_nothing_is_asked_with_yes(terminal, tenant, by_hand):
    log_in(tenant, by_hand)
    ended = terminal("adopt", by_hand.client.client_id, "--remove-secrets", "--yes")
    assert (ended.code, USED in ended.err) == (0, False)


def test_a_client_that_is_not_used_and_a_program_are_asked_nothing(terminal, qlik_keys, tenant, by_hand):
    ended = terminal("adopt", by_hand.client.client_id, "--remove-secrets")
    assert (ended.code, "Remove its client secrets?" in ended.err) == (0, False)
    other = tenant.oauth_clients.create(machine_client(f"{by_hand.client.client_name}-2"))
    log_in(tenant, other)
    assert qlik_keys("adopt", other.client.client_id, "--remove-secrets").code == 0


def test_a_deletion_tells_it_before_the_id_is_repeated(terminal, tenant, by_hand):
    log_in(tenant, by_hand)
    client_id = by_hand.client.client_id
    ended = terminal("delete", client_id, typed=f"{client_id}\n")
    assert ended.code == 0
    assert ended.err.index(USED) < ended.err.index("Repeat the client's id")
