"""Custody transit on a real OpenBao: the same contract, and what it adds: the key never comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import hvac
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

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
from qlik_keys.keystore.testing import KeyStoreContract, check_signature, make_key, make_pending, make_record
from qlik_keys.keystore.vault.sweep import sweep
from qlik_keys.keystore.vault.transit import TransitName

pytestmark = pytest.mark.openbao
TRANSIT_POLICY = """
path "transit/keys/qlik-keys.*" { capabilities = ["create", "read", "update", "delete"] }
path "transit/keys" { capabilities = ["list"] }
path "transit/keys/" { capabilities = ["list"] }
path "transit/wrapping_key" { capabilities = ["read"] }
path "transit/sign/qlik-keys.*" { capabilities = ["update"] }
"""
CLIENT_ID = "0" * 32


class TestTransitWithANarrowPolicy(KeyStoreContract):
    @pytest.fixture
    def open_store(self, open_vault, operator, rules):
        token = operator.make_token(rules + TRANSIT_POLICY, no_default_policy=True, no_parent=True)
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
def with_id(host):
    """The same owner, when its client is registered."""
    return KeyOwner(host, "nightly-etl", CLIENT_ID)


@pytest.fixture
def transit(operator):
    return operator.client.secrets.transit


@pytest.mark.parametrize(("alg", "bits"), [("RS256", 3072), ("RS512", 4096)])
def test_every_kind_is_made_and_signs(open_vault, owner, alg, bits):
    store = open_vault(custody="transit", timeout_seconds=120)  # which a large key may take on a busy machine
    key = store.make_key(qk.KeySpec(alg, bits=bits), owner)
    assert (key.alg, key.public.bits, key.custody, key.private) == (alg, bits, "transit", None)
    check_signature(key.public, store.signer(key).sign(b"header.claims"), b"header.claims")


def assert_does_not_come_out(transit, key):
    about = transit.read_key(key.reference)["data"]
    assert (about["exportable"], about["allow_plaintext_backup"], about["deletion_allowed"]) == (False, False, False)
    for kind in ("signing-key", "encryption-key"):
        with pytest.raises(hvac.exceptions.InvalidRequest):
            transit.export_key(key.reference, key_type=kind)
    with pytest.raises(hvac.exceptions.VaultError, match="exporting is disallowed"):
        transit.backup_key(key.reference)


@pytest.mark.parametrize(
    "spec", [qk.KeySpec("ES384"), qk.KeySpec("RS256", bits=2048), qk.KeySpec("RS512", bits=3072)], ids=str
)
def test_a_key_is_brought_in_and_does_not_come_out(store, owner, transit, spec):
    key = qk.generate(spec)
    taken = store.import_key(key, owner)
    assert (taken.kid, taken.public, taken.private) == (key.kid, key.public, None)
    check_signature(key.public, store.signer(taken).sign(b"x.y"), b"x.y")
    assert_does_not_come_out(transit, taken)


def test_what_vault_made_does_not_come_out_and_is_gone_when_discarded(store, owner, transit):
    key = make_key_for(store, owner)
    assert_does_not_come_out(transit, key)
    signer = store.signer(key)
    assert repr(signer) == f"<TransitSigner kid={key.kid} alg=ES384>"
    store.discard_key(key)
    with pytest.raises(StoreNotFound) as caught:
        signer.sign(b"x.y")
    assert caught.value.hint


def test_a_size_that_transit_does_not_have_is_refused(store, owner):
    pem = rsa.generate_private_key(65537, 2560).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(KeyMaterialError, match="2560 bits"):
        store.import_key(qk.PrivateKey.from_pem(pem), owner)


def make_key_for(store, owner, **changes):
    return replace(store.make_key(qk.KeySpec("ES384"), owner), **changes)


def test_the_documents_hold_no_private_half(store, host, backdoor):
    written = store.write(make_record(store, host))
    snapshot = backdoor.snapshot(host)
    assert "PRIVATE KEY" not in snapshot
    assert '"d"' not in snapshot.replace('\\"', '"')
    path = f"qlik-keys/{host}/{written.client_id}"
    document = backdoor.kv.read_secret_version(path, raise_on_deleted_version=True)["data"]["data"]
    assert (document["transit_key"], document["custody"]) == (written.current.reference, "transit")
    assert json.loads(document["keys"][written.current.kid]["public_jwk"]) == written.current.public.to_dict()


def test_either_custody_uses_the_keys_of_both(open_vault, host):
    by_kv, by_transit = open_vault(), open_vault(custody="transit")
    keys = [replace(make_key(by_kv), state="previous"), replace(make_key(by_transit), state="current")]
    written = by_transit.write(make_record(by_transit, host, keys=keys))
    there = by_kv.read(host, written.client_id)
    assert there == written
    for key in there.keys.values():
        check_signature(key.public, by_kv.signer(key).sign(b"x.y"), b"x.y")


def test_deleting_a_record_destroys_its_keys(store, host, with_id, backdoor):
    keys = [make_key_for(store, with_id, state=state) for state in ("current", "previous")]
    store.write(make_record(store, host, client_id=CLIENT_ID, keys=keys))
    assert sorted(backdoor.transit_names(host)) == sorted(key.reference for key in keys)
    store.delete(host, CLIENT_ID)
    assert backdoor.transit_names(host) == []


class TestSweep:
    """Keys that no document names are destroyed; a writer that is about to name one loses nothing."""

    def test_what_is_named_stays_and_what_is_not_goes(self, store, host, owner, with_id, backdoor):
        pending = store.write_pending(replace(make_pending(store, host), key=make_key_for(store, owner)))
        current = make_key_for(store, with_id, state="current")
        store.write(make_record(store, host, client_id=CLIENT_ID, keys=[current]))
        orphans = [make_key_for(store, each).reference for each in (owner, with_id, KeyOwner(host, "another"))]
        assert sorted(store.sweep(host)) == sorted(orphans)
        assert sorted(backdoor.transit_names(host)) == sorted([pending.key.reference, current.reference])
        assert list(store.sweep(host)) == []

    def test_other_tenants_are_left_alone(self, store, host, open_vault):
        elsewhere = make_key_for(store, KeyOwner(f"{host}.more.com", "nightly-etl"))
        assert list(store.sweep(host)) == []
        assert list(open_vault().sweep(f"{host}.more.com")) == []
        assert list(store.sweep(f"{host}.more.com")) == [elsewhere.reference]

    def test_who_is_about_to_write_a_record_loses(self, store, open_vault, host, with_id):
        current = make_key_for(store, with_id, state="current")
        record = store.write(make_record(store, host, client_id=CLIENT_ID, keys=[current]))
        late = make_key_for(store, with_id)
        assert list(open_vault(custody="transit").sweep(host)) == [late.reference]
        with pytest.raises(StoreConflict):
            store.write(record.with_key(late))
        assert store.read(host, CLIENT_ID).keys == record.keys

    @pytest.mark.parametrize("staging", [True, False])
    def test_who_is_about_to_write_the_first_version_loses_too(self, store, open_vault, host, *, staging):
        late = make_key_for(store, KeyOwner(host, "nightly-etl", "" if staging else CLIENT_ID))
        assert list(open_vault(custody="transit").sweep(host)) == [late.reference]
        record = make_record(store, host, client_id=CLIENT_ID, keys=[late])
        with pytest.raises(StoreConflict):
            store.write_pending(replace(make_pending(store, host), key=late)) if staging else store.write(record)
        assert store.read_pending(host, "nightly-etl") is None
        assert list(store.client_ids(host)) == []

    def test_what_a_soft_deleted_record_may_name_stays(self, store, host, owner, backdoor):
        record = store.write(make_record(store, host, keys=[make_key_for(store, owner, state="current")]))
        path = f"qlik-keys/{host}/{record.client_id}"
        backdoor.kv.delete_latest_version_of_secret(path)
        assert list(store.sweep(host)) == []
        backdoor.kv.undelete_secret_versions(path, versions=[record.version])
        store.signer(store.read(host, record.client_id).current).sign(b"x.y")

    def test_a_key_that_a_document_got_meanwhile_is_kept(self):
        looks = iter([[], [], ["c1"]])  # before, for those who may still write, and right before the destruction
        record = SimpleNamespace(keys={"kid": SimpleNamespace(reference="key")})
        documents = SimpleNamespace(
            pending=lambda *_, **__: [], client_ids=lambda _: next(looks), read=lambda *_: record
        )
        destroyed = []
        transit = SimpleNamespace(
            names=lambda _: ["key"],
            parse=lambda *_: TransitName("document", "c1"),
            is_of=lambda *_: False,
            destroy=destroyed.append,
        )
        assert sweep(documents, transit, "acme.eu.qlikcloud.com") == destroyed == []


def test_no_engine_is_told_with_what_to_do(open_vault, owner):
    store = open_vault(custody="transit", transit_mount="elsewhere")
    with pytest.raises(StoreMisconfigured) as caught:
        make_key_for(store, owner)
    assert "transit_mount" in caught.value.hint
    with pytest.raises(ConfigurationError):
        open_vault(custody="transit", transit_mount="../sys")
    with pytest.raises(ValueError, match="'kv' or 'transit'"):
        open_vault(custody="safe")


def test_a_missing_right_is_named(open_vault, operator, rules, owner):
    store = open_vault(token=operator.make_token(rules), custody="transit")
    with pytest.raises(StoreDenied) as caught:
        make_key_for(store, owner)
    assert "transit/keys/qlik-keys." in caught.value.message
    made = make_key_for(open_vault(custody="transit"), owner)
    with pytest.raises(StoreDenied) as caught:
        store.signer(made).sign(b"x.y")
    assert f"transit/sign/{made.reference}" in caught.value.message
