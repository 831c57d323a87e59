"""What an operator does to a real server, seen by the store: no keys yet, sealed, unsealed, an audit that blocks."""

from __future__ import annotations

import sys

import pytest

from qlik_keys.errors import Outcome, StoreSealed, StoreUnreachable
from qlik_keys.keystore.testing import make_key, make_pending, make_record

pytestmark = [pytest.mark.openbao, pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")]


@pytest.fixture
def server(tmp_path):
    from fixtures.vault_server import VaultServer

    with VaultServer(tmp_path) as started:
        yield started


@pytest.fixture
def ready_server(server):
    server.initialize()
    server.unseal()
    server.make_mount()
    return server


def test_from_not_initialized_over_sealed_to_work_and_back(server, open_vault, make_operator, make_backdoor, host):
    before_all = open_vault(server.url, token="t")
    for call in (lambda: before_all.client_ids(host), lambda: before_all.write(make_record(before_all, host))):
        with pytest.raises(StoreSealed) as caught:
            call()
        assert "is not initialized" in caught.value.message
        assert "operator init" in caught.value.hint
        assert not caught.value.retryable
        assert caught.value.outcome is Outcome.NOT_APPLIED

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
            assert caught.value.retryable
            assert caught.value.outcome is Outcome.NOT_APPLIED

    assert_sealed()
    server.unseal()
    server.make_mount()
    record = store.write(make_record(store, host))  # the same object goes on
    backdoor = make_backdoor(make_operator(server.url, server.client.token))
    before = backdoor.snapshot(host)

    server.seal()
    assert_sealed()
    server.unseal()
    assert backdoor.snapshot(host) == before
    assert store.read(host, record.client_id) == record
    again = store.write(record.with_key(make_key(store, record.current.public.spec)))
    assert store.read(host, record.client_id) == again


def test_an_audit_device_that_blocks_is_a_time_out_that_says_so(ready_server, open_vault, host):
    store = open_vault(ready_server.url, token=ready_server.client.token, timeout_seconds=0.5)
    record = store.write(make_record(store, host))
    changed = record.with_key(make_key(store, record.current.public.spec))

    ready_server.block_audit()
    for call, outcome in (
        (lambda: store.read(host, record.client_id), Outcome.UNKNOWN),
        (lambda: store.write(changed), Outcome.UNKNOWN),
        (lambda: store.client_ids(host), Outcome.UNKNOWN),
    ):
        with pytest.raises(StoreUnreachable) as caught:
            call()
        assert "did not answer before the time-out" in caught.value.message
        assert "A blocked audit device" in caught.value.hint
        assert caught.value.retryable
        assert caught.value.outcome is outcome

    # Asked again once it flows: whether the write that hung was done meanwhile or not, it is done once.
    ready_server.free_audit()
    written = store.write(changed)
    assert written.version == record.version + 1
    assert store.read(host, record.client_id) == written


def test_the_audit_log_shows_no_key(ready_server, open_vault, host):
    """Vault hashes strings in its log and shows everything else: our documents are strings throughout."""
    from fixtures.canaries import find_canaries

    store = open_vault(ready_server.url, token=ready_server.client.token)
    pending = store.write_pending(make_pending(store, host))
    record = store.write(make_record(store, host))
    store.read(host, record.client_id)
    canaries = {"token": ready_server.client.token}
    for name, key in (("pending", pending.key), ("current", record.current)):
        canaries[f"{name} PEM"] = key.private.reveal()
        canaries[f"{name} JWK"] = key.private.reveal("jwk").split('"d":')[1].split('"')[1]
    audited = ready_server.audited
    assert record.client_id.encode() in audited
    # A PEM shares its first characters, which name the kind of key, with every other one: they are no secret.
    canaries = {name: text[-150:] if "PEM" in name else text for name, text in canaries.items()}
    canaries = {name: text.replace("-----END PRIVATE KEY-----", "") for name, text in canaries.items()}
    assert find_canaries(audited, canaries) == []
