"""A client that a second attempt made of the same key is found and removed, and no other client ever is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hvac
import pytest

import qlik_keys as qk
from qlik_keys.errors import TenantNotFound
from qlik_keys.keystore.base import ClientRecord, StoredKey
from qlik_keys.lifecycle.duplicates import find_duplicates
from qlik_keys.tenant import NewOAuthClient, OAuthClient

pytestmark = pytest.mark.parametrize("custody", ["kv"])
AT_ONCE = timedelta(0)
MADE_AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
OURS, OTHER = "0" * 32, "f" * 32


@pytest.fixture
def made(world, name):
    return qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])


def registered_next_to(world, name, *keys):
    """A client that another attempt has registered, and has not bound."""
    new = NewOAuthClient(
        app_type="web",
        client_name=name,
        allowed_scopes=("user_default",),
        allowed_grant_types=("client_credentials",),
        allowed_auth_methods=("private_key_jwt",),
        public_keys=keys,
        consent_method="trusted",
    )
    return world.tenant.oauth_clients.create(new).client.client_id


def is_there(world, client_id):
    try:
        world.tenant.oauth_clients.get(client_id)
    except TenantNotFound:
        return False
    return True


@pytest.mark.openbao
@pytest.mark.parametrize("finish", ["resume", "delete"])
def test_one_made_of_a_key_that_was_rotated_since_is_removed(world, made, name, finish):
    first = world.store.read(world.tenant.host, made.client_id).current
    twin = registered_next_to(world, name, first.public)
    bystander = registered_next_to(world, name, qk.generate(qk.KeySpec("ES384")).public)
    qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE)
    if finish == "resume":
        [item] = qk.resume(world.tenant, world.store)
        assert (item.operation, item.client_id, item.error) == ("remove_duplicate", twin, None)
        assert qk.resume(world.tenant, world.store) == []
    else:
        plan = qk.preview(world.tenant, world.store, "delete", made.client_id)
        assert [step.action for step in plan.steps].count("remove_duplicate") == 1
        assert is_there(world, twin)
        qk.delete(world.tenant, world.store, made.client_id, confirm=made.client_id)
    assert [is_there(world, each) for each in (made.client_id, twin, bystander)] == [finish == "resume", False, True]
    world.tenant.oauth_clients.delete(bystander)


@pytest.mark.openbao
def test_one_whose_own_record_was_deleted_softly_stays(world, made, name):
    own = qk.generate(qk.KeySpec("ES384"))
    qk.rotate(world.tenant, world.store, made.client_id, key=own, overlap=AT_ONCE)
    twin = registered_next_to(world, name, own.public)
    record = world.store.read(world.tenant.host, made.client_id)
    world.store.write(replace(record, client_id=twin, version=0))
    vault = hvac.Client(url=world.box.vault_url, token=world.box.vault_token)
    path = f"qlik-keys/{world.tenant.host}/{twin}"
    vault.secrets.kv.v2.delete_latest_version_of_secret(path, mount_point="secret")
    assert [item for item in qk.resume(world.tenant, world.store) if item.operation == "remove_duplicate"] == []
    assert is_there(world, twin)
    vault.secrets.kv.v2.delete_metadata_and_all_versions(path, mount_point="secret")
    world.tenant.oauth_clients.delete(twin)


def client(client_id, key, *, name="etl", made_at=MADE_AT):
    told = {"clientId": client_id, "clientName": name, "publicKeys": [key.public.to_dict()], "createdAt": made_at}
    return OAuthClient.model_validate(told)


def record_with(key, custody):
    return ClientRecord(
        tenant_host="acme.eu.qlikcloud.com",
        client_id=OURS,
        client_name="etl",
        token_url="https://acme.eu.qlikcloud.com/oauth/token",
        custody=custody,
        keys={key.public.kid: StoredKey(public=key.public, private=key, state="current", made_at=MADE_AT)},
    )


@pytest.mark.parametrize(
    ("changes", "is_current", "is_found"),
    [
        ({}, True, True),
        ({"made_at": MADE_AT + timedelta(days=300)}, True, True),
        ({}, False, True),
        ({"made_at": MADE_AT - timedelta(minutes=59)}, False, True),
        ({"made_at": MADE_AT + timedelta(minutes=61)}, False, False),
        ({"made_at": None}, False, False),
        ({"name": "ETL"}, True, False),
    ],
)
def test_a_removed_key_is_verification_only_next_to_the_time(custody, changes, is_current, is_found):
    key, next_key = qk.generate(qk.KeySpec("ES384")), qk.generate(qk.KeySpec("ES384"))
    record = record_with(key if is_current else next_key, custody)
    record = record if is_current else replace(record, removed_kids=(key.public.kid,))
    found = find_duplicates([client(OURS, next_key), client(OTHER, key, **changes)], {OURS: record})
    assert [each.client.client_id for each in found] == ([OTHER] if is_found else [])


def test_of_two_possible_owners_none_is_taken(custody):
    key = qk.generate(qk.KeySpec("ES384"))
    record = record_with(key, custody)
    second = "1" * 32
    clients = [client(each, key) for each in (OURS, second, OTHER)]
    assert find_duplicates(clients, {OURS: record, second: replace(record, client_id=second)}) == []
