"""What an operator does to a real server, seen by the store: no keys yet, sealed, unsealed, an audit that blocks."""

from __future__ import annotations

import sys

import pytest
from fixtures.canaries import find_canaries
from fixtures.vault_server import VaultServer

from qlik_keys.errors import Outcome, StoreSealed, StoreUnreachable
from qlik_keys.keystore.testing import make_key, make_pending, make_record

pytestmark = [pytest.mark.openbao, pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")]


@pytest.fixture
def server(tmp_path):
    with VaultServer(tmp_path) as started:
        yield started


def test_from_not_initialized_over_sealed_to_work_and_back(server, open_vault, make_backdoor, host):
    before_all = open_vault(server.url, token="t")
    for call in (lambda: before_all.client_ids(host), lambda: before_all.write(make_record(before_all, host))):
        with pytest.raises(StoreSealed) as caught:
            call()
        assert "is not initialized" in caught.value.message
        assert "operator init" in caught.value.hint
        assert (caught.value.retryable, caught.value.outcome) == (False, Outcome.NOT_APPLIED)

    server.initialize()
    store = open_vault(server.url, token=server.client.token)

    def assert_sealed():
        for call in (
            lambda: store.client_ids(host),
            lambda: store.read(host, "0" * 32),
            lambda: store.write(make_record(store, host)),
            lambda: store.write_pending(make_pending(store, host)),
            lambda: store.delete(host, "0" * 32),
        ):
            with pytest.raises(StoreSealed) as caught:
                call()
            assert "is sealed" in caught.value.message
            assert "unseal" in caught.value.hint
            assert (caught.value.retryable, caught.value.outcome) == (True, Outcome.NOT_APPLIED)

    assert_sealed()
    server.unseal()
    server.make_mount()
    record = store.write(make_record(store, host))  # the same object goes on
    backdoor = make_backdoor(server)
    before = backdoor.snapshot(host)

    server.seal()
    assert_sealed()
    server.unseal()
    assert backdoor.snapshot(host) == before
    assert store.read(host, record.client_id) == record
    again = store.write(record.with_key(make_key(store, record.current.public.spec)))
    assert store.read(host, record.client_id) == again


def test_the_audit_log_shows_no_key_and_where_it_blocks_the_time_out_says_so(server, open_vault, host):
    """Vault hashes strings in its log and shows everything else: our documents are strings throughout."""
    server.initialize()
    server.unseal()
    server.make_mount()
    store = open_vault(server.url, token=server.client.token, timeout_seconds=0.5)
    pending = store.write_pending(make_pending(store, host))
    record = store.write(make_record(store, host))
    store.read(host, record.client_id)
    canaries = {"token": server.client.token}
    for name, key in (("pending", pending.key), ("current", record.current)):
        # A PEM shares its first characters, which name the kind of key, with every other one: they are no secret.
        canaries[f"{name} PEM"] = key.private.reveal()[-150:].replace("-----END PRIVATE KEY-----", "")
        canaries[f"{name} JWK"] = key.private.reveal("jwk").split('"d":')[1].split('"')[1]
    assert record.client_id.encode() in server.audited
    assert find_canaries(server.audited, canaries) == []

    changed = record.with_key(make_key(store, record.current.public.spec))
    server.block_audit()
    for call in (
        lambda: store.read(host, record.client_id),
        lambda: store.write(changed),
        lambda: store.client_ids(host),
    ):
        with pytest.raises(StoreUnreachable) as caught:
            call()
        assert "did not answer before the time-out" in caught.value.message
        assert "A blocked audit device" in caught.value.hint
        assert (caught.value.retryable, caught.value.outcome) == (True, Outcome.UNKNOWN)

    # Sent again once it flows: whether the write that hung was done meanwhile or not, it is done once.
    server.free_audit()
    written = store.write(changed)
    assert written.version == record.version + 1
    assert store.read(host, record.client_id) == written
