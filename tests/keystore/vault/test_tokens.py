"""How a Vault token stands: its life and rights, a renewal on request, its number of uses, and a half-done change."""

from __future__ import annotations

import pytest
from fixtures.loopback import CUT_AFTER, PASS, Reply

from qlik_keys import KeySpec, generate
from qlik_keys.errors import Outcome, StoreDenied, StoreSealed
from qlik_keys.keystore.base import KeyOwner
from qlik_keys.keystore.optional import ReportsHealth
from qlik_keys.keystore.testing import make_record

pytestmark = pytest.mark.openbao
CLIENT_ID = "0" * 32
SPENT = "its number of uses (num_uses) is exhausted"
SPEC = KeySpec("ES384")
SEALED = Reply(503, {"errors": ["Vault is sealed"]})


def test_a_root_token_does_not_end_may_do_all_and_needs_no_renewal(open_vault, host):
    store = open_vault()
    health = store.health(host, CLIENT_ID)
    assert (health.known, health.seconds_left, health.life_seconds) == (True, None, None)
    assert health.capabilities == ("root",)
    assert health.path == f"secret/data/qlik-keys/{host}/{CLIENT_ID}"
    assert isinstance(store, ReportsHealth)
    assert store.renew_token() is True


@pytest.mark.parametrize("renewable", [True, False])
def test_its_life_is_told_as_it_is_now_and_it_is_renewed_on_request(open_vault, host, operator, rules, renewable):
    token = operator.make_token(rules, ttl="1h", renewable=renewable)
    store = open_vault(token=token)
    health = store.health(host, CLIENT_ID)
    assert 3590 < health.seconds_left <= 3600
    assert (health.life_seconds, health.renewable, health.replaceable) == (3600, renewable, False)
    assert set(health.capabilities) == {"create", "read", "update"}
    if renewable:
        operator.client.auth.token.renew(token, increment="30m")  # another program renews it, for less
        assert store.health(host, CLIENT_ID).seconds_left < 1810
    assert store.renew_token() is renewable
    assert store.health(host, CLIENT_ID).seconds_left > 3590


def test_without_the_policy_default_neither_life_nor_rights_are_told(open_vault, host, operator, rules):
    store = open_vault(token=operator.make_token(rules, ttl="1h", no_default_policy=True))
    health = store.health(host, CLIENT_ID)
    assert (health.known, health.seconds_left, health.capabilities) == (False, None, None)
    assert store.client_ids(host) == []
    assert store.token_status().expires_at is None
    assert "does not report" in store.token_status().hint


@pytest.mark.parametrize("uses", [{}, {"num_uses": 50}])
def test_a_token_that_was_revoked_is_refused_for_everything(open_vault, host, operator, backdoor, rules, uses):  # noqa: PLR0917
    token = operator.make_token(rules, ttl="1h", **uses)
    store = open_vault(token=token)
    record = store.write(make_record(store, host))
    before = backdoor.snapshot(host)
    operator.client.auth.token.revoke(token)
    for call in (
        lambda: store.client_ids(host),
        lambda: store.read(host, record.client_id),
        lambda: store.write(record.without_key(record.current.kid)),
    ):
        with pytest.raises(StoreDenied, match="expired, revoked, used up, or from another Vault"):
            call()
    for call in (lambda: store.health(host, CLIENT_ID), store.renew_token):
        with pytest.raises(StoreDenied) as caught:
            call()
        assert caught.value.hint
    assert backdoor.snapshot(host) == before


def test_at_the_end_of_its_maximum_life_only_a_login_gets_another(  # noqa: PLR0917
    open_vault, fault_proxy, capped, host, operator, rules, policy, enable
):
    fault_proxy.answer = capped
    assert open_vault(fault_proxy.url, token=operator.make_token(rules, ttl="1h")).renew_token() is False
    mount = enable("userpass")
    store = open_vault(fault_proxy.url, login=operator.make_user(mount, policy, token_ttl="1h", token_max_ttl="1h"))
    assert store.health(host, CLIENT_ID).replaceable is True
    assert store.renew_token() is True
    assert sum(path.startswith(f"POST /v1/auth/{mount}/login/") for path in fault_proxy.paths()) == 2
    assert store.health(host, CLIENT_ID).seconds_left > 3590


@pytest.mark.parametrize("uses", [1, 2, 3])
def test_a_token_with_its_uses_spent(operator, open_vault, rules, host, uses):
    store = open_vault(token=operator.make_token(rules, num_uses=uses))
    with pytest.raises(StoreDenied) as caught:  # noqa: PT012 - which of them is refused is for the store to say
        for _ in range(uses + 1):
            store.client_ids(host)
    assert SPENT in caught.value.message
    assert "expired" not in caught.value.message
    assert "without a limit on its number of uses" in caught.value.hint
    assert caught.value.outcome is Outcome.NOT_APPLIED


def test_a_wrapping_token(operator, open_vault, host):
    wrapped = operator.client.auth.token.create(policies=["default"], wrap_ttl="5m")["wrap_info"]["token"]
    with pytest.raises(StoreDenied) as caught:
        open_vault(token=wrapped).client_ids(host)
    assert "it was valid for one call, as a wrapping token is" in caught.value.message
    assert "vault unwrap" in caught.value.hint
    assert "expired" not in caught.value.message


def test_a_repeat_that_is_refused_does_not_say_that_nothing_was_applied(open_vault, fault_proxy, host):
    """The first try was interrupted after its effect; the second finds a sealed Vault."""
    tries = []

    def answer(call):
        if call.method == "DELETE" and "/metadata/" in call.path:
            tries.append(call.path)
            return CUT_AFTER if len(tries) == 1 else SEALED
        return PASS

    fault_proxy.answer = answer
    store = open_vault(fault_proxy.url)
    record = store.write(make_record(store, host))
    with pytest.raises(StoreSealed) as caught:
        store.delete(host, record.client_id)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert record.client_id not in open_vault().client_ids(host)


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_what_was_written_and_cannot_be_read_back_may_be_there(open_vault, fault_proxy, host, custody):
    part = "/data/" if custody == "kv" else "/transit/keys/"
    fault_proxy.answer = lambda call: SEALED if call.method == "GET" and part in call.path else PASS
    store = open_vault(fault_proxy.url, custody=custody)
    owner = KeyOwner(tenant_host=host, client_name="n", client_id="")
    with pytest.raises(StoreSealed) as caught:
        store.write(make_record(store, host)) if custody == "kv" else store.import_key(generate(SPEC), owner)
    assert caught.value.outcome is Outcome.UNKNOWN
