"""How a Vault token stands, as the store tells it: its life at this moment, its rights, and a renewal at request."""

from __future__ import annotations

import uuid

import pytest
from fixtures.loopback import PASS, Loopback, Reply

from qlik_keys.errors import StoreDenied, StoreUnreachable
from qlik_keys.keystore.base import ReportsHealth
from qlik_keys.keystore.vault.store import UserPass

pytestmark = pytest.mark.openbao
CLIENT_ID = "0" * 32


@pytest.fixture
def rules(narrow_policy):
    return narrow_policy.format(mount="secret", prefix="qlik-keys")


def test_a_root_token_does_not_end_and_may_do_all(open_vault, host):
    health = open_vault().health(host, CLIENT_ID)
    assert (health.known, health.seconds_left, health.life_seconds) == (True, None, None)
    assert health.capabilities == ("root",)
    assert health.path == f"secret/data/qlik-keys/{host}/{CLIENT_ID}"
    assert isinstance(open_vault(), ReportsHealth)


@pytest.mark.parametrize("renewable", [True, False])
def test_its_life_is_told_as_it_is_now(open_vault, host, operator, rules, renewable):
    store = open_vault(token=operator.make_token(rules, ttl="1h", renewable=renewable))
    health = store.health(host, CLIENT_ID)
    assert 3590 < health.seconds_left <= 3600
    assert (health.life_seconds, health.renewable, health.replaceable) == (3600, renewable, False)
    assert set(health.capabilities) == {"create", "read", "update"}


def test_without_the_policy_default_neither_life_nor_rights_are_told(open_vault, host, operator, rules):
    store = open_vault(token=operator.make_token(rules, ttl="1h", no_default_policy=True))
    health = store.health(host, CLIENT_ID)
    assert (health.known, health.seconds_left, health.capabilities) == (False, None, None)


def test_a_token_that_was_revoked_is_refused_for_everything(open_vault, host, operator, rules):
    token = operator.make_token(rules, ttl="1h")
    store = open_vault(token=token)
    store.client_ids(host)
    operator.client.auth.token.revoke(token)
    with pytest.raises(StoreDenied) as caught:
        store.health(host, CLIENT_ID)
    assert caught.value.hint
    with pytest.raises(StoreDenied):
        store.renew_token()


def test_a_vault_that_is_not_there(open_vault, host):
    with pytest.raises(StoreUnreachable):
        open_vault("http://127.0.0.1:9").health(host, CLIENT_ID)


def test_it_is_renewed_when_asked_for_to_its_whole_life(open_vault, host, operator, rules):
    token = operator.make_token(rules, ttl="1h", renewable=True)
    store = open_vault(token=token)
    store.client_ids(host)
    operator.client.auth.token.renew(token, increment="30m")  # somebody else renews it, for less
    assert store.health(host, CLIENT_ID).seconds_left < 1810
    assert store.renew_token() is True
    assert store.health(host, CLIENT_ID).seconds_left > 3590


def test_a_token_that_vault_does_not_renew(open_vault, operator, rules):
    assert open_vault(token=operator.make_token(rules, ttl="1h", renewable=False)).renew_token() is False


def capped(call):
    """Answer a renewal as Vault does near the end of the longest life, which nobody waits for here."""
    if not call.path.endswith("/renew-self"):
        return PASS
    auth = {"client_token": call.headers["X-Vault-Token"], "lease_duration": 100, "renewable": True}
    return Reply(200, {"auth": auth, "warnings": ["TTL exceeded the effective max_ttl; capped accordingly"]})


def test_a_token_at_the_end_of_its_longest_life_is_not_renewed(open_vault, openbao, operator, rules):
    with Loopback(capped, upstream=openbao.url) as fault_proxy:
        assert open_vault(fault_proxy.url, token=operator.make_token(rules, ttl="1h")).renew_token() is False


def test_a_token_that_does_not_end_needs_no_renewal(open_vault):
    assert open_vault().renew_token() is True


def test_with_a_login_another_token_is_fetched(open_vault, openbao, host, operator, rules):
    mount = f"people-{uuid.uuid4().hex[:8]}"
    operator.client.sys.enable_auth_method("userpass", path=mount)
    operator.client.auth.userpass.create_or_update_user(
        "ada",
        "correct horse",
        mount_point=mount,
        token_policies=[operator.make_policy(rules)],
        token_ttl="1h",
        token_max_ttl="1h",
    )
    login = UserPass("ada", "correct horse", mount=mount)
    with Loopback(capped, upstream=openbao.url) as fault_proxy:
        store = open_vault(fault_proxy.url, login=login)
        assert store.health(host, CLIENT_ID).replaceable is True
        assert store.renew_token() is True
        assert sum(path.startswith(f"POST /v1/auth/{mount}/login/") for path in fault_proxy.paths()) == 2
        assert store.health(host, CLIENT_ID).seconds_left > 3590
    operator.client.sys.disable_auth_method(mount)
