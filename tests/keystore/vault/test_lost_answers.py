"""The network fails at every single call of every change, before it has its effect and after: what is then believed.

Whatever happens, what the store says of the outcome is true, and the same change sent again is written once.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest
from fixtures.loopback import CUT, CUT_AFTER, PASS

from qlik_keys.errors import Outcome, StoreNotFound, StoreUnreachable
from qlik_keys.keystore.testing import make_key, make_pending, make_record

pytestmark = pytest.mark.openbao


def cut(proxy, at=-1, phase="after", *, onwards=False):
    """Count the calls from 0 again, and cut the connection at that one or, `onwards`, at it and every later one."""
    proxy.calls.clear()

    def answer(_):
        number = len(proxy.calls) - 1
        if number == at and phase == "after":
            return CUT_AFTER
        return CUT if number == at or (onwards and number > at >= 0) else PASS

    proxy.answer = answer


def _prepare_update(store, host):
    first = store.write(make_record(store, host))
    new = replace(make_key(store, first.current.public.spec), state="current")
    return first.with_key(replace(first.current, state="previous")).with_key(new)


def _check_record(store, wanted):
    _check_applied(store, wanted)
    # What is shown of it may lag behind until the change is sent again.
    assert store.summary(wanted.tenant_host, wanted.client_id).current_kid == wanted.current.kid


def _check_applied(store, wanted):
    """It is there, written once, however often it was sent."""
    assert store.read(wanted.tenant_host, wanted.client_id) == replace(wanted, version=wanted.version + 1)


def _written(backdoor, tenant_host):
    """What was ever written for that tenant, as Vault counts it; what is shown of it aside."""
    return re.findall(r'"current_version": ([1-9]\d*)', backdoor.snapshot(tenant_host))


def _check_pending(store, wanted):
    assert store.read_pending(wanted.tenant_host, wanted.name) == replace(wanted, version=wanted.version + 1)


def _prepare_purge(store, host):
    first = store.write(make_record(store, host))
    return store.write(first.without_key(first.current.kid))


def _check_purged(store, wanted):
    assert store.read(wanted.tenant_host, wanted.client_id) == wanted
    versions = store._api.kv.read_secret_metadata(
        f"qlik-keys/{wanted.tenant_host}/{wanted.client_id}", mount_point="secret"
    )["data"]["versions"]
    assert [number for number, about in versions.items() if not about["destroyed"]] == [str(wanted.version)]


def _check_gone(store, wanted):
    with pytest.raises(StoreNotFound):
        store.read(wanted.tenant_host, wanted.client_id)
    assert list(store.client_ids(wanted.tenant_host)) == []


def _check_no_pending(store, wanted):
    assert list(store.pending(wanted.tenant_host)) == []


# What is there before a change, what is asked for, and what must be there after it.
CHANGES = {
    "write_pending": (make_pending, lambda s, wanted: s.write_pending(wanted), _check_pending),
    "note the id": (
        lambda s, host: replace(s.write_pending(make_pending(s, host)), client_id="0" * 32),
        lambda s, wanted: s.write_pending(wanted),
        _check_pending,
    ),
    "make": (make_record, lambda s, wanted: s.write(wanted), _check_record),
    "update": (_prepare_update, lambda s, wanted: s.write(wanted), _check_record),
    "purge": (_prepare_purge, lambda s, wanted: s.purge(wanted), _check_purged),
    "delete": (
        lambda s, host: s.write(make_record(s, host)),
        lambda s, wanted: s.delete(wanted.tenant_host, wanted.client_id),
        _check_gone,
    ),
    "remove_pending": (
        lambda s, host: s.write_pending(make_pending(s, host)),
        lambda s, wanted: s.remove_pending(wanted),
        _check_no_pending,
    ),
}


@pytest.mark.parametrize("onwards", [False, True], ids=["one call", "gone"])
@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_survives_the_network_at_every_call(
    backdoor, open_vault, host, fault_proxy, *, change, phase, onwards
):
    prepare, ask, check = change
    direct, failed = open_vault(), 0
    for at in itertools.count():
        tenant_host = f"{at}.{host}"
        wanted = prepare(direct, tenant_host)
        before = _written(backdoor, tenant_host)
        store = open_vault(fault_proxy.url)
        cut(fault_proxy, at, phase, onwards=onwards)
        try:
            ask(store, wanted)
        except StoreUnreachable as problem:
            failed += 1
            assert problem.retryable  # noqa: PT017 - whether it fails depends on the call
            assert not isinstance(problem.__context__, Exception)  # noqa: PT017
            if problem.outcome is Outcome.NOT_APPLIED:
                assert _written(backdoor, tenant_host) == before
            if problem.outcome is Outcome.APPLIED:
                _check_applied(direct, wanted)
        else:
            check(direct, wanted)
        struck = len(fault_proxy.calls) > at
        cut(fault_proxy)
        ask(store, wanted)
        check(direct, wanted)
        store.close()
        if not struck:
            break
    assert at > 2  # token, mount, and the calls of the change itself
    if onwards:
        assert failed == at  # a network that is gone is told, at whichever call it went
