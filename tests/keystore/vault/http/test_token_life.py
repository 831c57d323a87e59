"""The Vault token's life on a real OpenBao: renewed at two thirds, replaced at its end, told when it cannot be."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from fixtures.loopback import CUT, PASS, Loopback, Reply

from qlik_keys.errors import StoreDenied, StoreUnreachable
from qlik_keys.keystore.vault.store import UserPass

pytestmark = pytest.mark.openbao

HOUR = 3600
RENEW, LOGIN = "POST /v1/auth/token/renew-self", "POST /v1/auth/people/login/"


@pytest.fixture(scope="module")
def policy(operator, narrow_policy):
    return operator.make_policy(narrow_policy.format(mount="secret", prefix="qlik-keys"))


@pytest.fixture
def make_token(operator, policy):
    return lambda **life: operator.client.auth.token.create(policies=[policy], **life)["auth"]["client_token"]


@pytest.fixture
def fault_proxy(openbao):
    with Loopback(upstream=openbao.url) as server:
        yield server


@pytest.fixture
def make_login(operator, policy):
    """Make a user whose tokens live as told, and return the login."""
    if "people/" not in operator.client.sys.list_auth_methods()["data"]:
        operator.client.sys.enable_auth_method("userpass", path="people")

    def make(name, **life):
        operator.client.auth.userpass.create_or_update_user(
            name, "correct horse", mount_point="people", token_policies=[policy], **life
        )
        return UserPass(name, "correct horse", mount="people")

    return make


def count(fault_proxy, start):
    return sum(path.startswith(start) for path in fault_proxy.paths())


def test_it_is_renewed_at_two_thirds_of_its_life_and_not_before(open_vault, host, clock, fault_proxy, make_login):
    store = open_vault(fault_proxy.url, login=make_login("third", token_ttl="1h", token_max_ttl="10h"), clock=clock)
    start = clock.now
    store.client_ids(host)
    assert store.token_status().expires_at == datetime.fromtimestamp(start + HOUR, tz=UTC)
    clock.advance(HOUR * 2 / 3 - 0.001)
    store.client_ids(host)
    assert count(fault_proxy, RENEW) == 0
    clock.advance(0.001)
    store.client_ids(host)
    assert count(fault_proxy, RENEW) == 1
    assert store.token_status().expires_at == datetime.fromtimestamp(start + HOUR * 5 / 3, tz=UTC)
    store.client_ids(host)
    assert (count(fault_proxy, RENEW), count(fault_proxy, LOGIN)) == (1, 1)
    clock.advance(HOUR * 2 / 3)
    store.client_ids(host)
    assert (count(fault_proxy, RENEW), count(fault_proxy, LOGIN)) == (2, 1)


def test_a_given_token_is_renewed_too(open_vault, host, clock, fault_proxy, make_token):
    token = make_token(ttl="1h")
    store = open_vault(fault_proxy.url, token=token, clock=clock)
    store.client_ids(host)
    clock.advance(HOUR * 2 / 3 + 1)
    store.client_ids(host)
    assert count(fault_proxy, RENEW) == 1
    assert store.token_status().renewable
    assert store.token_status().hint == ""


def test_a_given_token_that_cannot_be_renewed_is_told(open_vault, host, clock, fault_proxy, make_token):
    token = make_token(ttl="1h", renewable=False)
    store = open_vault(fault_proxy.url, token=token, clock=clock)
    store.client_ids(host)
    clock.advance(HOUR * 2 / 3 + 1)
    store.client_ids(host)
    assert count(fault_proxy, RENEW) == 0
    status = store.token_status()
    assert not status.renewable
    assert status.expires_at is not None
    assert "cannot be renewed" in status.hint


def test_a_token_that_may_not_ask_about_itself_does_its_work(open_vault, host, clock, make_token):
    token = make_token(ttl="1h", no_default_policy=True)
    store = open_vault(token=token, clock=clock)
    assert list(store.client_ids(host)) == []
    assert store.token_status().expires_at is None
    assert "does not report" in store.token_status().hint


def test_at_its_longest_life_there_is_a_new_login(open_vault, host, clock, fault_proxy, make_login):
    """Vault caps a renewal at the maximum; this server shows the moment at which nothing is left to be gained."""
    store = open_vault(fault_proxy.url, login=make_login("capped", token_ttl="1h", token_max_ttl="1h"), clock=clock)
    store.client_ids(host)

    def capped(call):
        if not call.path.endswith("renew-self"):
            return PASS
        left = HOUR - int(clock.now - start)
        auth = {"client_token": call.headers["X-Vault-Token"], "lease_duration": left, "renewable": True}
        return Reply(200, {"auth": auth, "warnings": ["TTL exceeded the effective max_ttl; capped accordingly"]})

    start = clock.now
    fault_proxy.answer = capped
    clock.advance(HOUR * 2 / 3)
    store.client_ids(host)
    assert (count(fault_proxy, RENEW), count(fault_proxy, LOGIN)) == (1, 2)
    assert store.token_status().expires_at == datetime.fromtimestamp(clock.now + HOUR, tz=UTC)


def test_a_batch_token_which_none_renews_is_replaced(open_vault, host, clock, fault_proxy, make_login):
    store = open_vault(fault_proxy.url, login=make_login("batch", token_type="batch", token_ttl="1h"), clock=clock)
    store.client_ids(host)
    clock.advance(HOUR * 2 / 3 - 0.001)
    store.client_ids(host)
    assert count(fault_proxy, LOGIN) == 1
    clock.advance(0.001)
    store.client_ids(host)
    assert (count(fault_proxy, RENEW), count(fault_proxy, LOGIN)) == (0, 2)


def test_a_token_that_an_operator_revoked_is_replaced_in_progress(operator, open_vault, host, fault_proxy, make_login):
    store = open_vault(fault_proxy.url, login=make_login("revoked", token_ttl="1h"))
    store.client_ids(host)
    token = next(call.headers["X-Vault-Token"] for call in fault_proxy.calls if "/metadata/" in call.path)
    operator.client.auth.token.revoke(token)
    assert list(store.client_ids(host)) == []
    assert count(fault_proxy, LOGIN) == 2


def test_a_login_that_no_longer_works_is_told(operator, open_vault, host, clock, make_login):
    store = open_vault(login=make_login("gone", token_ttl="1h"), clock=clock)
    store.client_ids(host)
    operator.client.auth.userpass.delete_user("gone", mount_point="people")
    clock.advance(HOUR * 2)
    operator.client.auth.token.revoke(store._keeper._lease.token.reveal())
    with pytest.raises(StoreDenied, match="refuses the login <UserPass gone at people>"):
        store.client_ids(host)


def test_a_renewal_that_fails_waits_as_long_as_the_token_is_good(open_vault, host, clock, fault_proxy, make_login):
    store = open_vault(fault_proxy.url, login=make_login("unhealthy_client", token_ttl="1h"), clock=clock)
    store.client_ids(host)
    fault_proxy.answer = lambda call: CUT if "/auth/" in call.path else PASS
    clock.advance(HOUR * 2 / 3)
    store.client_ids(host)  # still good for a third of its life
    tried = count(fault_proxy, RENEW)
    assert tried > 0
    store.client_ids(host)
    assert count(fault_proxy, RENEW) == tried  # and not asked for at every call
    clock.advance(HOUR / 3)
    with pytest.raises(StoreUnreachable):
        store.client_ids(host)
    fault_proxy.answer = lambda _: PASS
    assert list(store.client_ids(host)) == []


def test_however_many_threads_ask_there_is_one_login(open_vault, host, clock, fault_proxy, make_login):
    store = open_vault(fault_proxy.url, login=make_login("threads", token_ttl="1h"), clock=clock)
    together = threading.Barrier(8)

    def ask(_):
        together.wait()
        return list(store.client_ids(host))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(8))) == [[]] * 8
        assert count(fault_proxy, LOGIN) == 1
        clock.advance(HOUR * 2 / 3)
        assert list(threads.map(ask, range(8))) == [[]] * 8
        assert (count(fault_proxy, LOGIN), count(fault_proxy, RENEW)) == (1, 1)


def test_a_closed_store_begins_again(open_vault, host, fault_proxy, make_login):
    store = open_vault(fault_proxy.url, login=make_login("closed", token_ttl="1h"))
    store.client_ids(host)
    store.close()
    store.client_ids(host)
    assert count(fault_proxy, LOGIN) == 2


def test_a_revoked_login_is_dead_at_the_vault(operator, open_vault, host, make_login):
    store = open_vault(login=make_login("leaving", token_ttl="1h"))
    store.client_ids(host)
    token = store._keeper._lease.token.reveal()
    assert operator.client.auth.token.lookup(token)["data"]["display_name"] == "people-leaving"
    assert store.revoke_token() is True
    import hvac

    with pytest.raises(hvac.exceptions.Forbidden):
        operator.client.auth.token.lookup(token)
