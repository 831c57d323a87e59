"""Calls to Vault that are refused for a passing reason are made again: bounded, as the server asks, only where safe."""

from __future__ import annotations

import pytest
from fixtures.loopback import CUT, CUT_AFTER, PASS, Loopback, Reply

from qlik_keys.errors import Outcome, StoreError, StoreSealed, StoreUnreachable
from qlik_keys.keystore.testing.values import make_record

pytestmark = pytest.mark.openbao

LIMITED = Reply(429, {"errors": ["request path has exceeded the rate limit"]})
STANDBY = Reply(500, {"errors": ["local node not active but active cluster node not found"]})
GATEWAY = Reply(502, b"<html>bad gateway</html>", {"content-type": "text/html"})
FORWARDING = Reply(500, {"errors": ["error during forwarding RPC request"]})
SEALED = Reply(503, {"errors": ["Vault is sealed"]})


@pytest.fixture
def store(fault_proxy, open_vault, clock):
    return open_vault(fault_proxy.url, clock=clock)


def written(store, host):
    """A record that is written and can be read."""
    record = store.write(make_record(store, host))
    assert store.read(host, record.client_id) == record
    return record


def first(count, reply, *, methods, part="/data/"):
    """Answer the first so many calls of some methods with that reply, and pass all others on."""
    left = iter(range(count))
    return lambda call: reply if call.method in methods and part in call.path and next(left, None) is not None else PASS


@pytest.mark.parametrize("reply", [LIMITED, STANDBY], ids=["quota", "standby"])
def test_what_was_not_done_is_repeated_whatever_it_is(fault_proxy, store, host, reply):
    fault_proxy.answer = first(3, reply, methods={"GET", "POST"})
    written(store, host)
    fault_proxy.answer = first(3, reply, methods={"POST"})
    written(store, host)


def test_the_servers_own_wait_counts(fault_proxy, store, clock, host):
    fault_proxy.answer = first(2, Reply(429, {"errors": []}, {"retry-after": "7"}), methods={"GET"})
    assert store.read_pending(host, "nothing") is None
    assert clock.slept == [7, 7]


@pytest.mark.parametrize("reply", [GATEWAY, FORWARDING], ids=["gateway", "forwarding"])
def test_what_may_have_been_done_is_repeated_where_it_reads(fault_proxy, store, clock, host, reply):
    fault_proxy.answer = first(3, reply, methods={"GET"})
    assert store.read_pending(host, "nothing") is None
    assert len(clock.slept) == 3


@pytest.mark.parametrize(
    ("reply", "posts"), [(GATEWAY, 2), (FORWARDING, 2), (CUT, 2), (CUT_AFTER, 1)], ids=lambda reply: str(reply)[:20]
)
def test_a_write_of_unknown_outcome_is_looked_at_and_made_once(fault_proxy, store, host, reply, posts):
    fault_proxy.answer = first(1, reply, methods={"POST"})
    assert written(store, host).version == 1
    assert sum(path.startswith("POST /v1/secret/data/") for path in fault_proxy.paths()) == posts


def test_a_quota_that_never_ends_is_told_within_the_bound(fault_proxy, store, clock, host):
    fault_proxy.answer = first(10**6, LIMITED, methods={"GET", "POST"})
    with pytest.raises(StoreUnreachable) as caught:
        store.write(make_record(store, host))
    assert len(fault_proxy.calls) < 20
    assert (caught.value.retryable, caught.value.outcome) == (True, Outcome.NOT_APPLIED)
    assert sum(clock.slept) <= 30


def test_a_sealed_vault_is_told_at_once(fault_proxy, store, clock, host):
    fault_proxy.answer = first(10**6, SEALED, methods={"GET"})
    with pytest.raises(StoreSealed):
        store.read_pending(host, "nothing")
    assert clock.slept == []


def test_a_vault_that_goes_away_is_waited_for_and_one_that_never_was_is_not(openbao, open_vault, clock, host):
    with Loopback(upstream=openbao.url) as vault:
        store = open_vault(vault.url, clock=clock)
        store.read_pending(host, "nothing")
        store._api._session.connections.close()  # else the server's thread goes on to answer on the pooled one
    with pytest.raises(StoreError):
        store.read_pending(host, "nothing")
    assert len(clock.slept) == 7
    clock.slept.clear()
    with pytest.raises(StoreError):
        open_vault(vault.url, clock=clock).read_pending(host, "nothing")
    assert clock.slept == []
