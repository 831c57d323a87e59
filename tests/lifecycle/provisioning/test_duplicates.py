"""A client that a second attempt made of the same key is found and removed, and no other client ever is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.support import machine_client

import qlik_keys as qk
from qlik_keys.keystore.base import ClientRecord, StoredKey
from qlik_keys.lifecycle.duplicates import find_duplicates
from qlik_keys.tenant import OAuthClient, eq

AT_ONCE = timedelta(0)
MADE_AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
OURS, OTHER = "0" * 32, "f" * 32
ES384 = qk.KeySpec("ES384")


def registered_next_to(tenant, name, *keys):
    """A client that another attempt has registered, and has not bound."""
    return tenant.oauth_clients.create(machine_client(name, *keys)).client.client_id


def ids_named(tenant, name):
    return {client.client_id for client in tenant.oauth_clients.list(eq("clientName", name))}


@pytest.mark.openbao
@pytest.mark.parametrize("finish", ["resume", "delete"])
def test_one_made_of_a_key_that_was_rotated_since_is_removed(tenant, store, made, name, finish):
    first = store.read(tenant.host, made.client_id).current
    twin = registered_next_to(tenant, name, first)
    others = {registered_next_to(tenant, name, qk.generate(ES384)), registered_next_to(tenant, name)}
    qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE)
    if finish == "resume":
        [item] = qk.resume(tenant, store)
        assert (item.operation, item.client_id, item.error) == ("remove_duplicate", twin, None)
        assert qk.resume(tenant, store) == []
        assert ids_named(tenant, name) == {made.client_id, *others}
    else:
        plan = qk.preview(tenant, store, "delete", made.client_id)
        assert [step.action for step in plan.steps].count("remove_duplicate") == 1
        assert ids_named(tenant, name) == {made.client_id, twin, *others}
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)
        assert ids_named(tenant, name) == others


@pytest.mark.openbao
def test_one_whose_own_record_was_deleted_softly_stays(tenant, store, made, name, vault):
    own = qk.generate(ES384)
    qk.rotate(tenant, store, made.client_id, key=own, overlap=AT_ONCE)
    twin = registered_next_to(tenant, name, own)
    store.write(replace(store.read(tenant.host, made.client_id), client_id=twin, version=0))
    vault.secrets.kv.v2.delete_latest_version_of_secret(f"qlik-keys/{tenant.host}/{twin}")
    assert [item for item in qk.resume(tenant, store) if item.operation == "remove_duplicate"] == []
    assert twin in ids_named(tenant, name)
    vault.secrets.kv.v2.delete_metadata_and_all_versions(f"qlik-keys/{tenant.host}/{twin}")


def client(client_id, key, *, name="etl", made_at=MADE_AT):
    told = {"clientId": client_id, "clientName": name, "publicKeys": [key.public.to_dict()], "createdAt": made_at}
    return OAuthClient.model_validate(told)


def record_with(key):
    names = {"tenant_host": "acme.eu.qlikcloud.com", "client_id": OURS, "client_name": "etl", "custody": "kv"}
    held = StoredKey(public=key.public, private=key, state="current", made_at=MADE_AT)
    return ClientRecord(**names, token_url="https://acme.eu.qlikcloud.com/oauth/token", keys={key.public.kid: held})


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
def test_a_removed_key_is_verification_only_within_an_hour(changes, is_current, is_found):
    key, next_key = qk.generate(ES384), qk.generate(ES384)
    record = record_with(key) if is_current else replace(record_with(next_key), removed_kids=(key.public.kid,))
    found = find_duplicates([client(OURS, next_key), client(OTHER, key, **changes)], {OURS: record})
    assert [each.client.client_id for each in found] == ([OTHER] if is_found else [])


def test_of_two_possible_owners_none_is_taken():
    key, second = qk.generate(ES384), "1" * 32
    records = {OURS: record_with(key), second: replace(record_with(key), client_id=second)}
    assert find_duplicates([client(each, key) for each in (OURS, second, OTHER)], records) == []
