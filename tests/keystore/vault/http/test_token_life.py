"""The Vault token's life on a real OpenBao: renewed at two thirds, replaced at its end, told when it cannot be."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import hvac
import pytest
from fixtures.loopback import CUT, PASS

from qlik_keys.errors import StoreDenied, StoreUnreachable

pytestmark = pytest.mark.openbao

HOUR = 3600


@pytest.fixture
def login(enable, operator, policy):
    """Make a login whose tokens live as told, an hour unless told otherwise."""
    mount = enable("userpass")
    return lambda **life: operator.make_user(mount, policy, **{"token_ttl": "1h", **life})


@pytest.fixture
def open_with_login(open_vault, fault_proxy, clock, login):
    return lambda **life: open_vault(fault_proxy.url, login=login(**life), clock=clock)


@pytest.fixture
def counts(fault_proxy):
    """How many renewals and how many logins there were."""
    return lambda: tuple(
        sum(part in path for path in fault_proxy.paths()) for part in ("POST /v1/auth/token/renew-self", "/login/")
    )


def test_it_is_renewed_at_two_thirds_of_its_life_and_not_before(open_with_login, host, clock, counts):
    store = open_with_login(token_max_ttl="10h")
    start = clock.now
    store.client_ids(host)
    assert store.token_status().expires_at == datetime.fromtimestamp(start + HOUR, tz=UTC)
    clock.advance(HOUR * 2 / 3 - 0.001)
    store.client_ids(host)
    assert counts() == (0, 1)
    clock.advance(0.001)
    store.client_ids(host)
    assert store.token_status().expires_at == datetime.fromtimestamp(start + HOUR * 5 / 3, tz=UTC)
    store.client_ids(host)
    assert counts() == (1, 1)
    clock.advance(HOUR * 2 / 3)
    store.client_ids(host)
    assert counts() == (2, 1)


@pytest.mark.parametrize(("renewable", "hint"), [(True, ""), (False, "cannot be renewed")])
def test_a_given_token_is_renewed_too_where_it_can_be(  # noqa: PLR0917
    open_vault, host, clock, fault_proxy, counts, operator, rules, renewable, hint
):
    token = operator.make_token(rules, ttl="1h", renewable=renewable)
    store = open_vault(fault_proxy.url, token=token, clock=clock)
    store.client_ids(host)
    clock.advance(HOUR * 2 / 3 + 1)
    store.client_ids(host)
    assert counts() == (int(renewable), 0)
    status = store.token_status()
    assert status.renewable is renewable
    assert status.expires_at is not None
    assert hint in status.hint
    assert bool(status.hint) is bool(hint)


def test_at_its_longest_life_there_is_a_new_login(  # noqa: PLR0917
    open_with_login, host, clock, fault_proxy, capped, counts
):
    store = open_with_login(token_max_ttl="1h")
    store.client_ids(host)
    fault_proxy.answer = capped
    clock.advance(HOUR * 2 / 3)
    store.client_ids(host)
    assert counts() == (1, 2)
    assert store.token_status().expires_at == datetime.fromtimestamp(clock.now + HOUR, tz=UTC)


def test_a_batch_token_which_cannot_be_renewed_is_replaced(open_with_login, host, clock, counts):
    store = open_with_login(token_type="batch")
    store.client_ids(host)
    clock.advance(HOUR * 2 / 3 - 0.001)
    store.client_ids(host)
    assert counts() == (0, 1)
    clock.advance(0.001)
    store.client_ids(host)
    assert counts() == (0, 2)


def test_a_token_that_was_revoked_is_replaced_until_the_login_is_refused(operator, open_with_login, host, counts):
    store = open_with_login()
    store.client_ids(host)
    operator.client.auth.token.revoke(store._keeper._lease.token.reveal())
    assert list(store.client_ids(host)) == []
    assert counts() == (0, 2)
    mount = store._keeper._login.mount
    operator.client.auth.userpass.delete_user("ada", mount_point=mount)
    operator.client.auth.token.revoke(store._keeper._lease.token.reveal())
    with pytest.raises(StoreDenied, match=f"refuses the login <UserPass ada at {mount}>"):
        store.client_ids(host)


def test_a_renewal_that_fails_waits_as_long_as_the_token_is_good(open_with_login, host, clock, fault_proxy, counts):
    store = open_with_login()
    store.client_ids(host)
    fault_proxy.answer = lambda call: CUT if "/auth/" in call.path else PASS
    clock.advance(HOUR * 2 / 3)
    store.client_ids(host)  # still good for a third of its life
    tried = counts()
    assert tried[0] > 0
    store.client_ids(host)
    assert counts() == tried  # and not asked for at every call
    clock.advance(HOUR / 3)
    with pytest.raises(StoreUnreachable):
        store.client_ids(host)
    fault_proxy.answer = lambda _: PASS
    assert list(store.client_ids(host)) == []


def test_however_many_threads_ask_there_is_one_login(open_with_login, host, clock, counts):
    store = open_with_login()
    together = threading.Barrier(8)

    def ask(_):
        together.wait()
        return list(store.client_ids(host))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(8))) == [[]] * 8
        assert counts() == (0, 1)
        clock.advance(HOUR * 2 / 3)
        assert list(threads.map(ask, range(8))) == [[]] * 8
        assert counts() == (1, 1)


def test_a_revoked_login_is_dead_at_the_vault_and_a_closed_store_begins_again(operator, open_with_login, host, counts):
    store = open_with_login()
    store.client_ids(host)
    token = store._keeper._lease.token.reveal()
    assert operator.client.auth.token.lookup(token)["data"]["display_name"].endswith("-ada")
    assert store.revoke_token() is True
    with pytest.raises(hvac.exceptions.Forbidden):
        operator.client.auth.token.lookup(token)
    store.client_ids(host)
    store.close()
    store.client_ids(host)
    assert counts() == (0, 3)
