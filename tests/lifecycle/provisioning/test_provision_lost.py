"""Answers and requests lost at every call of provision, to the tenant and to the Vault, once or from there on.

Whatever the call says, exactly one client is there in the end, at once or after one resume (reliability-facts R9).
"""

from __future__ import annotations

import time

import pytest
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.errors import Outcome, QlikKeysError, StoreUnreachable, TenantUnreachable

pytestmark = pytest.mark.openbao

VARIANTS = {
    "ES384": {},
    "key and secret": {"client_secret": True},
    "secret alone": {"key": None, "client_secret": True},
}
LOSSES = {
    "request lost": {"phase": "before"},
    "answer lost": {"phase": "after"},
    "network gone before": {"phase": "before", "onwards": True},
    "network gone after": {"phase": "after", "onwards": True},
}


def provision_through(world, fault_proxy, name, wish):
    """Provision on connections of its own, with a clock that nobody waits for; return the result or the error."""
    clock = ManualClock(time.time())
    credential = qk.ApiKey(world.box.api_key)
    with (
        qk.QlikTenant(
            world.tenant.url, credential=credential, transport=fault_proxy.transport(), clock=clock
        ) as tenant,
        qk.VaultKeyStore(fault_proxy.url, token=world.box.vault_token, clock=clock, custody=world.custody) as store,
    ):
        try:
            return qk.provision(tenant, store, name=name, scopes=["user_default"], clock=clock, **wish), None
        except QlikKeysError as problem:
            return None, problem


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("variant", "custody"), [*((variant, "kv") for variant in VARIANTS), ("key and secret", "transit")]
)
def test_lost_at_any_call(variant, loss, world, fault_proxy, name):
    wish, number = VARIANTS[variant], 0
    fault_proxy.strike()
    made, _ = provision_through(world, fault_proxy, f"{name}-whole", wish)
    assert made.created
    for number, call in enumerate(list(fault_proxy.calls)):
        each, where = f"{name}-{number}", f"{loss} at call {number}, {call}"
        fault_proxy.strike(number, **LOSSES[loss])
        made, problem = provision_through(world, fault_proxy, each, wish)
        resumed = qk.resume(world.tenant, world.store)
        if problem is not None:
            assert isinstance(problem, TenantUnreachable | StoreUnreachable), where
            assert problem.hint, where
            assert problem.retryable, where
            assert loss.startswith("network") or call.startswith("vault"), where  # the tenant's calls are repeated
        if made is None and world.is_untouched(each):
            assert not any(" POST " in done and "/.staged/" in done for done in fault_proxy.calls[:number]), where
            made = qk.provision(world.tenant, world.store, name=each, scopes=["user_default"], **wish)
        secret = (made or resumed[0].result).client_secret if made or resumed else None
        if not (made or resumed):  # all was done, only nobody heard of it
            assert problem.outcome is Outcome.UNKNOWN, where
            again = qk.provision(world.tenant, world.store, name=each, scopes=["user_default"], **wish)
            assert again.created is False, where
        world.assert_settled(each, by_key=wish.get("key", "") is not None, secret=secret)
        assert qk.resume(world.tenant, world.store) == [], where
        world.forget(each)
    assert number > 15
