"""Tokens that are good for a few calls, or for one; and what a failure says when a part of the work was done."""

from __future__ import annotations

import pytest
from fixtures.loopback import CUT_AFTER, PASS, Loopback, Reply

from qlik_keys import KeySpec, generate
from qlik_keys.errors import Outcome, StoreDenied, StoreError, StoreSealed
from qlik_keys.keystore.base import KeyOwner
from qlik_keys.keystore.testing import make_record

pytestmark = pytest.mark.openbao
SPENT = "its number of uses (num_uses) is exhausted"


@pytest.mark.parametrize("uses", [1, 2, 3])
def test_a_token_with_its_uses_spent(operator, open_vault, narrow_policy, host, uses):
    rules = narrow_policy.format(mount="secret", prefix="qlik-keys")
    policies = ["default", operator.make_policy(rules)]
    token = operator.client.auth.token.create(policies=policies, num_uses=uses)["auth"]["client_token"]
    store = open_vault(token=token)
    with pytest.raises(StoreDenied) as caught:  # noqa: PT012 - which of them is refused is for the store to say
        for _ in range(uses + 1):
            store.client_ids(host)
    assert SPENT in caught.value.message
    assert "expired" not in caught.value.message
    assert "without a limit on its number of uses" in caught.value.hint
    assert caught.value.outcome is Outcome.NOT_APPLIED


def test_a_token_that_was_revoked_while_it_had_uses_is_not_called_spent(operator, open_vault, narrow_policy, host):
    rules = narrow_policy.format(mount="secret", prefix="qlik-keys")
    policies = ["default", operator.make_policy(rules)]
    token = operator.client.auth.token.create(policies=policies, num_uses=50)["auth"]["client_token"]
    store = open_vault(token=token)
    assert store.client_ids(host) == []
    operator.client.auth.token.revoke(token)
    with pytest.raises(StoreDenied, match="expired, revoked, used up, or from another Vault"):
        store.client_ids(host)


def test_a_wrapping_token(operator, open_vault, host):
    wrapped = operator.client.auth.token.create(policies=["default"], wrap_ttl="5m")["wrap_info"]["token"]
    with pytest.raises(StoreDenied) as caught:
        open_vault(token=wrapped).client_ids(host)
    assert "it was valid for one call, as a wrapping token is" in caught.value.message
    assert "vault unwrap" in caught.value.hint
    assert "expired" not in caught.value.message


def test_a_token_that_may_not_look_itself_up_is_not_taken_for_one(operator, open_vault, narrow_policy, host):
    rules = narrow_policy.format(mount="secret", prefix="qlik-keys")
    token = operator.make_token(rules, no_default_policy=True)
    store = open_vault(token=token)
    assert store.client_ids(host) == []
    with pytest.raises(StoreDenied) as caught:
        open_vault(token="s.not-of-this-vault").client_ids(host)
    assert "from another Vault" in caught.value.message


def test_uses_that_end_between_a_write_and_its_reading_back(operator, open_vault, narrow_policy, host):
    """Whatever the number of uses: an error that leaves a record behind does not say that nothing was applied."""
    rules = narrow_policy.format(mount="secret", prefix="qlik-keys")
    policies = ["default", operator.make_policy(rules)]
    outcomes = set()
    for uses in range(2, 12):
        token = operator.client.auth.token.create(policies=policies, num_uses=uses)["auth"]["client_token"]
        store, there = open_vault(token=token), open_vault(token=operator.root_token)
        record = make_record(store, host)
        try:
            store.write(record)
        except StoreDenied as error:
            failure = error
        else:
            break
        is_written = record.client_id in there.client_ids(host) and _readable(there, record)
        assert SPENT in failure.message
        assert not is_written or failure.outcome is not Outcome.NOT_APPLIED
        outcomes.add((is_written, failure.outcome is Outcome.NOT_APPLIED))
    assert (False, True) in outcomes
    assert (True, False) in outcomes


def _readable(store, record):
    try:
        store.read(record.tenant_host, record.client_id)
    except StoreError:
        return False
    return True


def test_a_repeat_that_is_refused_does_not_say_that_nothing_was_applied(operator, open_vault, host):
    """The first try was interrupted after its effect; the second finds a sealed Vault."""
    tries = []

    def answer(call):
        if call.method == "DELETE" and "/metadata/" in call.path:
            tries.append(call.path)
            return CUT_AFTER if len(tries) == 1 else Reply(503, {"errors": ["Vault is sealed"]})
        return PASS

    with Loopback(answer, operator.url) as fault_proxy:
        store = open_vault(fault_proxy.url, token=operator.root_token)
        record = store.write(make_record(store, host))
        with pytest.raises(StoreSealed) as caught:
            store.delete(host, record.client_id)
        assert caught.value.outcome is Outcome.UNKNOWN
        assert record.client_id not in open_vault(token=operator.root_token).client_ids(host)


def test_a_key_that_was_brought_in_and_cannot_be_read_may_be_there(operator, open_vault, host):
    def answer(call):
        refused = call.method == "GET" and "/transit/keys/" in call.path
        return Reply(503, {"errors": ["Vault is sealed"]}) if refused else PASS

    with Loopback(answer, operator.url) as fault_proxy:
        store = open_vault(fault_proxy.url, token=operator.root_token, custody="transit")
        with pytest.raises(StoreSealed) as caught:
            store.import_key(generate(KeySpec("ES384")), KeyOwner(tenant_host=host, client_name="n", client_id=""))
        assert caught.value.outcome is Outcome.UNKNOWN
