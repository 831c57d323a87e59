"""Every operation takes a client's id or its name, and what is not there is never a success."""

from __future__ import annotations

from datetime import timedelta

import pytest

import qlik_keys as qk
from qlik_keys.errors import AmbiguousName, ConfigurationError, StoreNotFound, TenantNotFound
from qlik_keys.keystore.lookup import ClientLookup
from qlik_keys.tenant import PatchOperation

pytestmark = pytest.mark.openbao
AT_ONCE = timedelta(0)


@pytest.fixture
def made(world, name):
    return qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])


def test_a_client_is_deleted_by_its_name_when_its_id_is_repeated(world, made):
    with pytest.raises(ConfigurationError, match="nothing was deleted") as caught:
        qk.delete(world.tenant, world.store, made.name, confirm=made.name)
    assert made.client_id in caught.value.hint
    assert world.clients_named(made.name)
    qk.delete(world.tenant, world.store, made.name, confirm=made.client_id)
    assert world.clients_named(made.name) == []
    with pytest.raises(StoreNotFound):
        world.store.read(world.tenant.host, made.client_id)


@pytest.mark.parametrize("wrong", [None, 5, b"nightly-etl", "", " ", ("a",), object()])
def test_what_is_no_text_names_no_client(world, wrong):
    for call in (qk.rotate, qk.revoke, qk.adopt, qk.retire_due, qk.doctor):
        if call is not qk.retire_due or wrong is not None:  # without a client it is about all
            with pytest.raises(ConfigurationError, match="Give its id or its name"):
                call(world.tenant, world.store, wrong)
    with pytest.raises(ConfigurationError, match="Give its id or its name"):
        qk.delete(world.tenant, world.store, wrong, confirm="0" * 32)


@pytest.mark.parametrize("who", ["nobody-of-that-name", "0" * 32])
def test_deleting_an_unknown_client_never_succeeds(world, who):
    with pytest.raises(TenantNotFound):
        qk.delete(world.tenant, world.store, who, confirm=who)
    with pytest.raises(TenantNotFound):
        qk.delete(world.tenant, world.store, who, confirm=who, keep_secret=True)


def test_every_operation_takes_a_name(world, made, name):
    tenant, store = world.tenant, world.store
    kid = qk.rotate(tenant, store, name).kid
    assert [each.retired for each in qk.retire_due(tenant, store, name, force=True)] == [(made.kid,)]
    assert qk.preview(tenant, store, "revoke", name).client_id == made.client_id
    assert qk.revoke(tenant, store, name).retired == (kid,)
    assert qk.doctor(tenant, store, name).client_id == made.client_id
    plan = qk.preview(tenant, store, "delete", name)
    assert [step.action for step in plan.steps] == ["note", "delete_client", "end_tokens", "delete_record"]
    other = world.create_with_secret(f"{name} other").client
    assert qk.adopt(tenant, store, other.client_name).client_id == other.client_id
    world.forget(other.client_name)
    with qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=name) as source:
        assert source.token().expires_at
        assert source.client_id == made.client_id
    for operation in (qk.rotate, qk.revoke, qk.adopt):
        with pytest.raises(TenantNotFound):
            operation(tenant, store, f"{name} nobody")
    with pytest.raises(ConfigurationError):
        qk.rotate(tenant, store, " ")


def test_a_name_that_several_have_is_refused_with_their_ids(world, made, name):
    twin = world.create_with_secret(name).client
    for ask in (
        lambda: qk.rotate(world.tenant, world.store, name),
        lambda: qk.delete(world.tenant, world.store, name, confirm=twin.client_id),
        lambda: qk.preview(world.tenant, world.store, "rotate", name),
        lambda: qk.doctor(world.tenant, world.store, name),
        lambda: qk.fix(world.tenant, world.store, name, "trust"),
    ):
        with pytest.raises(AmbiguousName) as caught:
            ask()
        assert caught.value.client_ids == tuple(sorted((made.client_id, twin.client_id)))
        assert made.client_id in caught.value.hint
        assert twin.client_id in caught.value.hint
    assert ClientLookup(world.store, world.tenant.host).find(name) == made.client_id  # the other has no key there
    qk.adopt(world.tenant, world.store, twin.client_id)
    with pytest.raises(ConfigurationError) as caught:
        ClientLookup(world.store, world.tenant.host).find(name)
    assert made.client_id in caught.value.hint
    assert twin.client_id in caught.value.hint


def test_an_id_counts_before_a_name_that_looks_like_one(world, made):
    like_an_id = "ab" * 16
    named = qk.provision(world.tenant, world.store, name=like_an_id, scopes=["user_default"])
    assert qk.rotate(world.tenant, world.store, like_an_id, overlap=AT_ONCE).client_id == named.client_id
    assert qk.preview(world.tenant, world.store, "rotate", like_an_id).client_id == named.client_id
    assert qk.doctor(world.tenant, world.store, like_an_id).client_id == named.client_id
    assert qk.fix(world.tenant, world.store, like_an_id, "trust")
    [due] = qk.rotate_due(world.tenant, world.store, client_ids=[like_an_id])
    assert due.client_id == named.client_id
    with qk.TokenSource.from_store(world.store, tenant_url=world.tenant.url, client_id=like_an_id) as source:
        assert source.token().expires_at
        assert source.client_id == named.client_id
    namesake = qk.provision(world.tenant, world.store, name=made.client_id, scopes=["user_default"])
    assert qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE).client_id == made.client_id
    with pytest.raises(ConfigurationError):
        qk.delete(world.tenant, world.store, like_an_id, confirm=like_an_id)
    qk.delete(world.tenant, world.store, like_an_id, confirm=named.client_id)
    world.forget(namesake.name)


def test_a_client_that_was_deleted_in_the_console_is_found_by_its_records_name(world, made, name):
    world.tenant.oauth_clients.delete(made.client_id)
    qk.delete(world.tenant, world.store, name, confirm=made.client_id)
    with pytest.raises(StoreNotFound):
        world.store.read(world.tenant.host, made.client_id)


def test_a_client_that_was_renamed_is_not_taken_by_its_old_name(world, made, name):
    world.tenant.oauth_clients.patch(made.client_id, [PatchOperation("replace", "/clientName", f"{name} new")])
    assert ClientLookup.of(world.tenant, world.store).find(f"{name} new") == made.client_id
    for ask in (qk.rotate, qk.doctor):
        with pytest.raises(AmbiguousName, match="is named") as caught:
            ask(world.tenant, world.store, name)
        assert caught.value.client_ids == (made.client_id,)
        assert made.client_id in caught.value.hint


@pytest.fixture
def asked(world):
    calls = []
    end = world.store.subscribe(calls.append)
    yield calls
    end()


def test_a_name_costs_the_same_however_many_clients_there_are(world, made, name, asked):
    counts = []
    for _ in range(2):
        asked.clear()
        assert ClientLookup(world.store, world.tenant.host).find(name) == made.client_id
        counts.append([(call.method, call.path) for call in asked])
        for number in range(3):
            qk.provision(world.tenant, world.store, name=f"{name}-{number}", scopes=["user_default"])
    assert counts[0] == counts[1]
    assert len(counts[0]) == 2  # the name's entries, and the record that they point to


def test_the_records_word_counts_and_a_missing_entry_is_told_and_written_by_resume(world, made, name, box):
    import hvac

    host, store = world.tenant.host, world.store
    store.set_names_right(host, {made.client_id: f"{name} stale"})
    assert store.ids_named(host, f"{name} stale") == []
    vault = hvac.Client(url=box.vault_url, token=box.vault_token)
    folder = f"qlik-keys/{host}/.names"
    [entry] = [
        f"{folder}/{hashed}{each}"
        for hashed in vault.secrets.kv.v2.list_secrets(folder)["data"]["keys"]
        for each in vault.secrets.kv.v2.list_secrets(f"{folder}/{hashed}")["data"]["keys"]
        if each == made.client_id
        and vault.secrets.kv.v2.read_secret_metadata(f"{folder}/{hashed}{each}")["data"]["custom_metadata"]
        == {"client_name": name}
    ]
    vault.secrets.kv.v2.delete_metadata_and_all_versions(entry)
    with pytest.raises(StoreNotFound) as caught:
        ClientLookup(store, host).find(name)
    assert "`qlik-keys resume`" in caught.value.hint
    qk.resume(world.tenant, store)
    assert ClientLookup(store, host).find(name) == made.client_id
    qk.delete(world.tenant, store, name, confirm=made.client_id)
    with pytest.raises(hvac.exceptions.InvalidPath):
        vault.secrets.kv.v2.read_secret_metadata(entry)
    vault.adapter.close()
