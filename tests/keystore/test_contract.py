"""The key stores' contract, kept by the Vault KV store on a real OpenBao; and what Vault alone can do to a record."""

from __future__ import annotations

import pytest

from qlik_keys.errors import StoreConflict, StoreDeleted, StoreNotFound
from qlik_keys.keystore.testing import KeyStoreContract, make_key, make_pending, make_record

pytestmark = pytest.mark.openbao
MOUNT, PREFIX = "teams/data-1", "bi/qlik"


@pytest.fixture(scope="module")
def narrow_token(operator, narrow_policy):
    operator.make_mount(MOUNT)
    rules = narrow_policy.format(mount=MOUNT, prefix=PREFIX)
    return operator.make_token(rules, no_default_policy=True, no_parent=True)


class TestWithANarrowPolicy(KeyStoreContract):
    """Rights on our folder alone, in a mount of two parts; the token may look at nothing else, not even at itself."""

    @pytest.fixture
    def open_store(self, open_vault, narrow_token):
        return lambda: open_vault(token=narrow_token, mount=f"/{MOUNT}/", prefix=f"{PREFIX}/")

    @pytest.fixture
    def backdoor(self, operator, make_backdoor):
        return make_backdoor(operator, MOUNT, PREFIX)


def test_a_namespace_has_records_of_its_own(open_vault, namespace, make_backdoor, host):
    store = open_vault(namespace=namespace.namespace)
    first = store.write(make_record(store, host))
    last = store.write(first.without_key(first.current.kid).with_key(make_key(store)))
    store.purge(last)
    assert store.read(host, first.client_id) == last
    assert list(open_vault().client_ids(host)) == []
    assert f"{first.client_id} version 2" in make_backdoor(namespace).snapshot(host)
    store.delete(host, first.client_id)
    assert make_backdoor(namespace).snapshot(host) == "{}"


@pytest.fixture
def store(open_vault):
    return open_vault()


@pytest.fixture
def record(store, host):
    return make_record(store, host)


@pytest.fixture
def path(record):
    return f"qlik-keys/{record.tenant_host}/{record.client_id}"


@pytest.fixture
def backdoor(operator, make_backdoor):
    return make_backdoor(operator)


def test_a_soft_deleted_record_is_told_from_none_and_can_be_deleted(store, backdoor, record, path):
    written = store.write(record)
    backdoor.kv.delete_latest_version_of_secret(path)
    for call in (lambda: store.read(record.tenant_host, record.client_id), lambda: store.write(record)):
        with pytest.raises(StoreDeleted) as caught:
            call()
        assert caught.value.deletion_time is not None
        assert caught.value.path == f"secret/{path}"
        assert "undelete" in caught.value.hint
    summary = store.summary(record.tenant_host, record.client_id)
    assert (summary.gone, summary.gone_at) == ("deleted", caught.value.deletion_time)
    backdoor.kv.undelete_secret_versions(path, versions=[written.version])
    assert store.read(record.tenant_host, record.client_id) == written
    backdoor.kv.delete_latest_version_of_secret(path)
    store.delete(record.tenant_host, record.client_id)
    assert backdoor.snapshot(record.tenant_host) == "{}"


def test_a_destroyed_record_is_told_as_such(store, backdoor, record, path):
    written = store.write(record)
    backdoor.kv.destroy_secret_versions(path, versions=[written.version])
    with pytest.raises(StoreNotFound) as caught:
        store.read(record.tenant_host, record.client_id)
    assert not isinstance(caught.value, StoreDeleted)
    assert "destroyed" in caught.value.message
    store.delete(record.tenant_host, record.client_id)
    assert backdoor.snapshot(record.tenant_host) == "{}"


def test_purging_reaches_soft_deleted_versions_too(store, backdoor, record, path):
    first = store.write(record)
    last = store.write(first.without_key(first.current.kid))
    backdoor.kv.delete_secret_versions(path, versions=[first.version])
    store.purge(last)
    versions = backdoor.kv.read_secret_metadata(path)["data"]["versions"]
    assert versions[str(first.version)]["destroyed"] is True
    assert store.read(record.tenant_host, record.client_id) == last


def test_a_foreign_document_that_was_soft_deleted_is_left_alone(store, backdoor, record, path):
    backdoor.put_foreign_record(record.tenant_host, record.client_id)
    backdoor.kv.delete_latest_version_of_secret(path)
    before = backdoor.kv.read_secret_metadata(path)["data"]
    with pytest.raises(StoreDeleted):
        store.write(record)
    with pytest.raises(StoreConflict):
        store.delete(record.tenant_host, record.client_id)
    assert backdoor.kv.read_secret_metadata(path)["data"] == before


def test_metadata_that_others_have_set_stay(store, backdoor, record, path):
    backdoor.kv.update_metadata(path, custom_metadata={"owner": "team A"}, max_versions=7)
    first = store.write(record)
    store.write(first.without_key(first.current.kid).with_key(make_key(store)))
    metadata = backdoor.kv.read_secret_metadata(path)["data"]
    assert metadata["custom_metadata"]["owner"] == "team A"
    assert "kid" not in metadata["custom_metadata"]
    assert metadata["max_versions"] == 7


def test_the_documents_are_laid_out_as_consumers_were_promised(store, backdoor, record, path):
    current = store.write(record).current
    answer = backdoor.kv.read_secret_version(path, raise_on_deleted_version=True)["data"]
    document = answer["data"]
    assert {name: document[name] for name in ("kid", "alg", "client_id", "client_name", "token_url")} == {
        "kid": current.kid,
        "alg": "ES384",
        "client_id": record.client_id,
        "client_name": "nightly-etl",
        "token_url": record.token_url,
    }
    assert document["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert document["private_key"] == current.private.reveal()
    assert document["keys"][current.kid]["state"] == "current"
    assert answer["metadata"]["custom_metadata"] == {
        "client_name": "nightly-etl",
        "tenant": record.tenant_host,
        "kid": current.kid,
        "made_on": "2026-11-24T03:42:35Z",
        "rotate_by": "2027-02-22T03:42:35Z",
        "custody": "kv",
        "done_at_version": "1",
    }
    # Vault's audit log hashes strings and shows all else in the clear.
    waiting = [document]
    while waiting:
        value = waiting.pop()
        waiting += value.values() if isinstance(value, dict) else []
        assert isinstance(value, dict | str)


@pytest.mark.parametrize("bad", ["..", "a/b"])
def test_a_host_or_an_id_that_leads_elsewhere_is_refused(store, bad):
    good = "acme.eu.qlikcloud.com"
    for call in (
        lambda: store.read(bad, "0" * 32),
        lambda: store.read(good, bad),
        lambda: store.delete(good, bad),
        lambda: store.pending(bad),
        lambda: store.write(make_record(store, good, client_id=bad)),
        lambda: store.write_pending(make_pending(store, bad)),
    ):
        with pytest.raises(ValueError, match="cannot be part of a path"):
            call()
