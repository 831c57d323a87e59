"""Every operation takes a client's id or its name, and a client that does not exist is never a success."""

from __future__ import annotations

from datetime import timedelta

import hvac
import pytest
from fixtures.harness.steps import log_in, provision

import qlik_keys as qk
from qlik_keys.errors import AmbiguousName, ConfigurationError, StoreNotFound, TenantNotFound
from qlik_keys.keystore.lookup import ClientLookup
from qlik_keys.tenant import PatchOperation

pytestmark = pytest.mark.openbao
AT_ONCE = timedelta(0)


def test_a_client_is_deleted_by_its_name_if_its_id_is_confirmed(world, tenant, store, made):
    with pytest.raises(ConfigurationError, match="nothing was deleted") as caught:
        qk.delete(tenant, store, made.name, confirm=made.name)
    assert made.client_id in caught.value.hint
    assert world.clients_named(made.name)
    qk.delete(tenant, store, made.name, confirm=made.client_id, keep_secret=True)
    assert world.clients_named(made.name) == []
    assert store.read(tenant.host, made.client_id).current.kid == made.kid
    qk.delete(tenant, store, made.name, confirm=made.client_id)  # the name is now in its record alone
    with pytest.raises(StoreNotFound):
        store.read(tenant.host, made.client_id)


@pytest.mark.parametrize("wrong", [None, 5, b"nightly-etl", "", " ", ("a",)])
def test_a_value_that_is_no_text_names_no_client(world, wrong):
    calls = [qk.rotate, qk.revoke, qk.adopt, qk.doctor, lambda *where: qk.delete(*where, confirm="0" * 32)]
    for call in [*calls, qk.retire_due] if wrong is not None else calls:  # a retirement without a client is of all
        with pytest.raises(ConfigurationError, match="Give its id or its name"):
            call(world.tenant, world.store, wrong)


@pytest.mark.parametrize("unknown", ["a-name-of-no-client", "0" * 32])
@pytest.mark.parametrize("options", [{}, {"keep_secret": True}])
def test_deleting_an_unknown_client_never_succeeds(world, unknown, options):
    with pytest.raises(TenantNotFound):
        qk.delete(world.tenant, world.store, unknown, confirm=unknown, **options)


def test_every_operation_takes_a_name(world, tenant, store, made, name):
    kid = qk.rotate(tenant, store, name).kid
    assert [each.retired for each in qk.retire_due(tenant, store, name, force=True)] == [(made.kid,)]
    assert qk.preview(tenant, store, "revoke", name).client_id == made.client_id
    assert qk.revoke(tenant, store, name).retired == (kid,)
    assert qk.doctor(tenant, store, name).client_id == made.client_id
    other = world.create_with_secret(f"{name} other").client
    assert qk.adopt(tenant, store, other.client_name).client_id == other.client_id
    assert log_in(tenant, store, name).expires_at
    for operation in (qk.rotate, qk.revoke, qk.adopt):
        with pytest.raises(TenantNotFound):
            operation(tenant, store, f"{name} unknown")


def test_a_name_of_several_clients_is_refused_with_their_ids(world, tenant, store, made, name):
    twin = world.create_with_secret(name).client
    ids = tuple(sorted((made.client_id, twin.client_id)))
    for operation in (
        lambda: qk.rotate(tenant, store, name),
        lambda: qk.delete(tenant, store, name, confirm=twin.client_id),
        lambda: qk.preview(tenant, store, "rotate", name),
        lambda: qk.doctor(tenant, store, name),
        lambda: qk.fix(tenant, store, name, "trust"),
    ):
        with pytest.raises(AmbiguousName) as caught:
            operation()
        assert caught.value.client_ids == ids
        assert all(each in caught.value.hint for each in ids)
    assert ClientLookup(store, tenant.host).find(name) == made.client_id  # the other has no key there
    qk.adopt(tenant, store, twin.client_id)
    with pytest.raises(ConfigurationError) as caught:
        ClientLookup(store, tenant.host).find(name)
    assert all(each in caught.value.hint for each in ids)


def test_an_id_counts_before_a_name_that_looks_like_one(tenant, store, made):
    like_an_id = "ab" * 16
    named = provision(tenant, store, like_an_id)
    assert qk.rotate(tenant, store, like_an_id, overlap=AT_ONCE).client_id == named.client_id
    assert qk.preview(tenant, store, "rotate", like_an_id).client_id == named.client_id
    assert qk.doctor(tenant, store, like_an_id).client_id == named.client_id
    assert qk.fix(tenant, store, like_an_id, "trust")
    assert [due.client_id for due in qk.rotate_due(tenant, store, client_ids=[like_an_id])] == [named.client_id]
    assert log_in(tenant, store, like_an_id).expires_at
    provision(tenant, store, made.client_id)  # a client whose name is the id of another one
    assert qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE).client_id == made.client_id
    with pytest.raises(ConfigurationError):
        qk.delete(tenant, store, like_an_id, confirm=like_an_id)
    qk.delete(tenant, store, like_an_id, confirm=named.client_id)


def test_a_renamed_client_is_not_found_by_its_old_name(tenant, store, made, name):
    tenant.oauth_clients.patch(made.client_id, [PatchOperation("replace", "/clientName", f"{name} new")])
    assert ClientLookup.of(tenant, store).find(f"{name} new") == made.client_id
    for operation in (qk.rotate, qk.doctor):
        with pytest.raises(AmbiguousName, match="is named") as caught:
            operation(tenant, store, name)
        assert caught.value.client_ids == (made.client_id,)
        assert made.client_id in caught.value.hint


def test_the_records_name_counts_and_resume_writes_a_missing_entry(tenant, store, made, name, vault):
    host, kv = tenant.host, vault.secrets.kv.v2
    store.set_names_right(host, {made.client_id: f"{name} stale"})
    assert store.ids_named(host, f"{name} stale") == []
    folder = f"qlik-keys/{host}/.names"
    entries = [
        f"{folder}/{hashed}{made.client_id}"
        for hashed in kv.list_secrets(folder)["data"]["keys"]
        if made.client_id in kv.list_secrets(f"{folder}/{hashed}")["data"]["keys"]
    ]
    named = {entry: kv.read_secret_metadata(entry)["data"]["custom_metadata"] for entry in entries}
    [entry] = [entry for entry, metadata in named.items() if metadata == {"client_name": name}]
    kv.delete_metadata_and_all_versions(entry)
    with pytest.raises(StoreNotFound) as caught:
        ClientLookup(store, host).find(name)
    assert "`qlik-keys resume`" in caught.value.hint
    qk.resume(tenant, store)
    calls = []
    store.subscribe(calls.append)
    assert ClientLookup(store, host).find(name) == made.client_id
    assert len(calls) == 2  # the name's entries, and the record that they point to
    qk.delete(tenant, store, name, confirm=made.client_id)
    with pytest.raises(hvac.exceptions.InvalidPath):
        kv.read_secret_metadata(entry)
