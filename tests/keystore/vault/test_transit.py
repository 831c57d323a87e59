"""Custody transit on a real OpenBao: the same contract, and what it adds: the key never comes out."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace

import hvac
import pytest

import qlik_keys as qk
from qlik_keys.errors import (
    ConfigurationError,
    KeyMaterialError,
    StoreConflict,
    StoreDenied,
    StoreMisconfigured,
    StoreNotFound,
)
from qlik_keys.keystore.base import KeyOwner
from qlik_keys.keystore.testing import OWNER, KeyStoreContract, check_signature, make_key, make_pending, make_record

pytestmark = pytest.mark.openbao
TRANSIT_POLICY = """
path "transit/keys/qlik-keys.*" {{ capabilities = ["create", "read", "update", "delete"] }}
path "transit/keys" {{ capabilities = ["list"] }}
path "transit/keys/" {{ capabilities = ["list"] }}
path "transit/wrapping_key" {{ capabilities = ["read"] }}
path "transit/sign/qlik-keys.*" {{ capabilities = ["update"] }}
"""


class TestTransitWithTheRootToken(KeyStoreContract):
    @pytest.fixture
    def open_store(self, open_vault):
        return lambda: open_vault(custody="transit")

    @pytest.fixture
    def backdoor(self, operator, make_backdoor):
        return make_backdoor(operator)


class TestTransitWithANarrowPolicy(KeyStoreContract):
    @pytest.fixture
    def open_store(self, open_vault, operator, narrow_policy):
        rules = narrow_policy.format(mount="secret", prefix="qlik-keys") + TRANSIT_POLICY.format()
        token = operator.make_token(rules, no_default_policy=True, no_parent=True)
        return lambda: open_vault(token=token, custody="transit")

    @pytest.fixture
    def backdoor(self, operator, make_backdoor):
        return make_backdoor(operator)


@pytest.fixture
def store(open_vault):
    return open_vault(custody="transit")


@pytest.fixture
def owner(host):
    return KeyOwner(host, "nightly-etl")


@pytest.fixture
def transit(operator):
    return operator.client.secrets.transit


@pytest.mark.parametrize("alg", ["RS256", "RS512"])
@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_every_kind_is_made_and_signs(store, owner, alg, bits):
    key = store.make_key(qk.KeySpec(alg, bits=bits), owner)
    assert (key.alg, key.public.bits, key.custody, key.private) == (alg, bits, "transit", None)
    check_signature(key.public, store.signer(key).sign(b"header.claims"), b"header.claims")


@pytest.mark.parametrize(
    "spec", [qk.KeySpec("ES384"), qk.KeySpec("RS256", bits=2048), qk.KeySpec("RS512", bits=3072)], ids=str
)
def test_a_key_is_brought_in_and_does_not_come_out(store, owner, transit, spec):
    key = qk.generate(spec)
    taken = store.import_key(key, owner)
    assert (taken.kid, taken.public, taken.private) == (key.kid, key.public, None)
    check_signature(key.public, store.signer(taken).sign(b"x.y"), b"x.y")
    for kind in ("signing-key", "encryption-key"):
        with pytest.raises(hvac.exceptions.InvalidRequest):
            transit.export_key(taken.reference, key_type=kind)
    with pytest.raises(hvac.exceptions.VaultError, match="exporting is disallowed"):
        transit.backup_key(taken.reference)


def test_what_vault_made_is_neither_exported_nor_backed_up(store, owner, transit):
    key = make_key_for(store, owner)
    about = transit.read_key(key.reference)["data"]
    assert (about["exportable"], about["allow_plaintext_backup"], about["deletion_allowed"]) == (False, False, False)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        transit.export_key(key.reference, key_type="signing-key")


def test_a_size_that_transit_has_not_is_refused(store, owner):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem = rsa.generate_private_key(65537, 2560).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(KeyMaterialError, match="2560 bits"):
        store.import_key(qk.PrivateKey.from_pem(pem), owner)


def make_key_for(store, owner):
    return store.make_key(qk.KeySpec("ES384"), owner)


def test_the_documents_hold_no_private_half(store, host, operator, make_backdoor):
    written = store.write(make_record(store, host))
    snapshot = make_backdoor(operator).snapshot(host)
    assert "PRIVATE KEY" not in snapshot
    assert '"d"' not in snapshot.replace('\\"', '"')
    path = f"qlik-keys/{host}/{written.client_id}"
    document = operator.kv.read_secret_version(path, raise_on_deleted_version=True)["data"]["data"]
    assert document["transit_key"] == written.current.reference
    assert document["custody"] == "transit"
    assert json.loads(document["keys"][written.current.kid]["public_jwk"]) == written.current.public.to_dict()


def test_either_custody_uses_the_keys_of_both(open_vault, host):
    by_kv, by_transit = open_vault(), open_vault(custody="transit")
    old = replace(make_key(by_kv), state="previous")
    new = replace(make_key(by_transit), state="current")
    written = by_transit.write(make_record(by_transit, host, keys=[old, new]))
    there = by_kv.read(host, written.client_id)
    assert there == written
    for key in there.keys.values():
        check_signature(key.public, by_kv.signer(key).sign(b"x.y"), b"x.y")


def test_a_discarded_key_is_gone(store, owner):
    key = make_key_for(store, owner)
    signer = store.signer(key)
    store.discard_key(key)
    store.discard_key(key)
    with pytest.raises(StoreNotFound) as caught:
        signer.sign(b"x.y")
    assert caught.value.hint


def test_deleting_a_record_destroys_its_keys(store, host, operator, make_backdoor):
    backdoor = make_backdoor(operator)
    owner = KeyOwner(host, "nightly-etl", "0" * 32)
    keys = [replace(make_key_for(store, owner), state=state) for state in ("current", "previous")]
    store.write(make_record(store, host, client_id="0" * 32, keys=keys))
    assert sorted(backdoor.transit_names(host)) == sorted(key.reference for key in keys)
    store.delete(host, "0" * 32)
    assert backdoor.transit_names(host) == []


class TestSweep:
    """Keys that no document names go; nobody is harmed who is just about to name one."""

    def test_what_is_named_stays_and_what_is_not_goes(self, store, host, owner, operator, make_backdoor):
        pending = store.write_pending(replace(make_pending(store, host), key=make_key_for(store, owner)))
        with_id = KeyOwner(host, "nightly-etl", "0" * 32)
        current = replace(make_key_for(store, with_id), state="current")
        record = store.write(make_record(store, host, client_id="0" * 32, keys=[current]))
        orphans = [make_key_for(store, each).reference for each in (owner, with_id, KeyOwner(host, "another"))]
        assert sorted(store.sweep(host)) == sorted(orphans)
        assert sorted(make_backdoor(operator).transit_names(host)) == sorted(
            [pending.key.reference, record.current.reference]
        )
        assert list(store.sweep(host)) == []

    def test_other_tenants_are_left_alone(self, store, host, open_vault):
        elsewhere = make_key_for(store, KeyOwner(f"{host}.more.com", "nightly-etl"))
        assert list(store.sweep(host)) == []
        assert list(open_vault().sweep(f"{host}.more.com")) == []
        assert list(store.sweep(f"{host}.more.com")) == [elsewhere.reference]

    def test_who_is_about_to_write_a_record_loses(self, store, open_vault, host):
        owner = KeyOwner(host, "nightly-etl", "0" * 32)
        current = replace(make_key_for(store, owner), state="current")
        record = store.write(make_record(store, host, client_id="0" * 32, keys=[current]))
        late = make_key_for(store, owner)
        assert list(open_vault(custody="transit").sweep(host)) == [late.reference]
        with pytest.raises(StoreConflict):
            store.write(record.with_key(late))
        assert store.read(host, "0" * 32).keys == record.keys

    @pytest.mark.parametrize("staging", [True, False])
    def test_who_is_about_to_write_the_first_version_loses_too(self, store, open_vault, host, *, staging):
        owner = KeyOwner(host, "nightly-etl", "" if staging else "0" * 32)
        late = make_key_for(store, owner)
        assert list(open_vault(custody="transit").sweep(host)) == [late.reference]
        pending = replace(make_pending(store, host), key=late)
        record = make_record(store, host, client_id="0" * 32, keys=[late])
        with pytest.raises(StoreConflict):
            store.write_pending(pending) if staging else store.write(record)
        assert store.read_pending(host, "nightly-etl") is None
        assert list(store.client_ids(host)) == []

    def test_what_a_soft_deleted_record_may_name_stays(self, store, host, owner, operator):
        current = replace(make_key_for(store, owner), state="current")
        record = store.write(make_record(store, host, keys=[current]))
        operator.kv.delete_latest_version_of_secret(f"qlik-keys/{host}/{record.client_id}")
        assert list(store.sweep(host)) == []
        operator.kv.undelete_secret_versions(f"qlik-keys/{host}/{record.client_id}", versions=[record.version])
        store.signer(store.read(host, record.client_id).current).sign(b"x.y")


def test_no_engine_is_told_with_what_to_do(open_vault, owner):
    store = open_vault(custody="transit", transit_mount="elsewhere")
    with pytest.raises(StoreMisconfigured) as caught:
        make_key_for(store, owner)
    assert "transit_mount" in caught.value.hint
    with pytest.raises(ConfigurationError):
        open_vault(custody="transit", transit_mount="../sys")
    with pytest.raises(ValueError, match="'kv' or 'transit'"):
        open_vault(custody="safe")


def test_a_missing_right_is_named(open_vault, operator, narrow_policy, owner):
    rules = narrow_policy.format(mount="secret", prefix="qlik-keys")
    store = open_vault(token=operator.make_token(rules), custody="transit")
    with pytest.raises(StoreDenied) as caught:
        make_key_for(store, owner)
    assert "transit/keys/qlik-keys." in caught.value.message
    made = make_key_for(open_vault(custody="transit"), owner)
    with pytest.raises(StoreDenied) as caught:
        store.signer(made).sign(b"x.y")
    assert f"transit/sign/{made.reference}" in caught.value.message


def test_a_signer_shows_its_name_only(store):
    key = store.make_key(qk.KeySpec("ES384"), OWNER)
    assert repr(store.signer(key)) == f"<TransitSigner kid={key.kid} alg=ES384>"
    assert b64encode(b"x").decode() not in repr(store)
