"""Each operation on a client's keys, struck at each of its calls: killed, an answer lost, the network gone.

Whatever strikes, and at once: a key that the Vault holds logs in. After one resume: the tenant and the Vault have the
same keys, nothing is in progress, and the same wish again finds its end (reliability-facts R1 to R6).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
import uuid
from threading import Event

import pytest
from fixtures.fault_proxy import CUT
from fixtures.key_changes import CHANGES
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.errors import Interrupted, QlikKeysError, TenantNotFound

pytestmark = pytest.mark.openbao
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])
LOSSES = {
    "request lost": {"phase": "before"},
    "answer lost": {"phase": "after"},
    "network gone before": {"phase": "before", "onwards": True},
    "network gone after": {"phase": "after", "onwards": True},
}


def prepare(world, operation, name):
    """Make a client as the operation finds it; return its id."""
    if operation == "adopt":
        return world.create_with_secret(name).client.client_id
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    if operation == "retire":
        qk.rotate(world.tenant, world.store, made.client_id)
    return made.client_id


def keys_of(world, client_id):
    try:
        return world.store.read(world.tenant.host, client_id)
    except qk.errors.StoreNotFound:
        return None


def assert_somebody_logs_in(world, client_id, where):
    """Some key in the store, registered on the tenant, logs in."""
    record = keys_of(world, client_id)
    if record is None or record.current is None:
        return  # adopting: its secret still logs in
    with qk.TokenSource.from_store(world.store, tenant_url=world.tenant.url, client_id=client_id) as source:
        assert source.token().expires_at, where


def assert_end(world, client_id, where):
    record = keys_of(world, client_id)
    if record is None:
        return
    client = world.tenant.oauth_clients.get(client_id)
    assert sorted(key.kid for key in client.public_keys) == sorted(record.keys), where
    assert not record.is_in_progress, where
    assert record.current is not None, where
    assert len(record.keys) <= 2, where
    assert qk.resume(world.tenant, world.store) == [], where
    world.assert_no_orphan(record.client_name, record, where)


def change_through(world, fault_proxy, operation, client_id):
    clock = ManualClock(time.time())
    credential = qk.ApiKey(world.box.api_key)
    with (
        qk.QlikTenant(
            world.tenant.url, credential=credential, transport=fault_proxy.transport(), clock=clock
        ) as tenant,
        qk.VaultKeyStore(fault_proxy.url, token=world.box.vault_token, clock=clock, custody=world.custody) as store,
    ):
        try:
            CHANGES[operation](tenant, store, client_id, clock=clock)
        except QlikKeysError as problem:
            return problem
    return None


# With Transit the calls to the tenant are the same ones, so two kinds of loss do there; kills strike at every call.
@pytest.mark.parametrize(
    ("custody", "loss"),
    [*(("kv", loss) for loss in LOSSES), ("transit", "answer lost"), ("transit", "network gone before")],
)
@pytest.mark.parametrize("operation", CHANGES)
def test_lost_at_any_call(operation, loss, world, fault_proxy, name):
    client_id = prepare(world, operation, f"{name}-whole")
    fault_proxy.strike()
    assert change_through(world, fault_proxy, operation, client_id) is None
    assert_end(world, client_id, "undisturbed")
    world.forget(f"{name}-whole")
    for number, call in enumerate(list(fault_proxy.calls)):
        each, where = f"{name}-{number}", f"{operation}: {loss} at call {number}, {call}"
        client_id = prepare(world, operation, each)
        fault_proxy.strike(number, **LOSSES[loss])
        problem = change_through(world, fault_proxy, operation, client_id)
        fault_proxy.strike()
        if problem is not None:
            assert problem.hint, where
        assert_somebody_logs_in(world, client_id, where)
        qk.resume(world.tenant, world.store)
        assert_end(world, client_id, where)
        world.forget(each)


@BOTH
@pytest.mark.parametrize("operation", CHANGES)
def test_killed_at_any_call(operation, world, actors, fault_proxy, name):
    wish = {"proxy": fault_proxy.url, "vault_url": fault_proxy.url, "operation": operation, "custody": world.custody}

    def kill():
        os.kill(actors.pids.result(10)[0], signal.SIGKILL)
        return "cut"

    number, finished = 0, False
    while not finished:
        each = f"{name}-{number}"
        client_id = prepare(world, operation, each)
        kids = set() if operation == "adopt" else set(keys_of(world, client_id).keys)
        fault_proxy.strike(number, "after", kill)
        [end] = actors.run({**wish, "name": each, "client_id": client_id})
        finished = end["returncode"] == 0
        where = f"{operation}: killed after call {number}, {fault_proxy.calls[-1]}"
        fault_proxy.strike()
        assert_somebody_logs_in(world, client_id, where)
        noted = getattr(keys_of(world, client_id), "operation", None)
        told = [item.operation for item in qk.resume(world.tenant, world.store) if item.client_id == client_id]
        assert noted is None or told == [noted.name], where
        assert_end(world, client_id, where)
        client = world.tenant.oauth_clients.get(client_id)
        if operation == "revoke" and (finished or noted is not None):
            assert kids.isdisjoint(key.kid for key in client.public_keys), where
        if operation == "adopt" and (finished or noted is not None):
            assert client.client_secrets == (), where
        world.forget(each)
        number += 1
    assert number > 5


def other_actor(world, operation, client_id):
    """Return what another actor does, and where it puts what it is told."""
    heard = []

    def act():
        try:
            if operation == "resume":
                qk.resume(world.tenant, world.store)
            else:
                CHANGES[operation](world.tenant, world.store, client_id)
        except QlikKeysError as problem:
            heard.append(problem)

    return act, heard


@pytest.mark.parametrize(
    ("custody", "operation", "other", "answer"),
    [
        *itertools.product(
            ["kv"],
            ["rotate", "rotate at once", "revoke", "retire"],
            ["rotate", "rotate at once", "revoke", "resume"],
            [None],
        ),
        ("kv", "adopt", "revoke", None),
        ("transit", "adopt", "revoke", None),
        ("transit", "adopt", "rotate", None),
        ("transit", "rotate at once", "revoke", None),
        ("transit", "rotate at once", "rotate at once", CUT),
        ("transit", "revoke", "resume", CUT),
        ("transit", "adopt", "rotate at once", CUT),
    ],
)
def test_another_actor_at_any_call(operation, other, answer, *, world, fault_proxy, name):
    """The other one runs from start to end between two calls: one wins, the other is told, nobody is locked out.

    No key that a revocation was told of is used again, and none that the tenant has is one that the store has not.
    """
    number, finished = 0, False
    while not finished:
        each = f"{name}-{number}"
        client_id = prepare(world, operation, each)
        act, heard = other_actor(world, other, client_id)
        revoked = set()

        def intrude(act=act, heard=heard, client_id=client_id, revoked=revoked):
            before = keys_of(world, client_id)
            act()
            if other == "revoke" and not heard and before is not None:
                revoked.update(before.keys)
            return answer

        fault_proxy.strike(number, "after", intrude)
        problem = change_through(world, fault_proxy, operation, client_id)
        finished = number >= len(fault_proxy.calls)
        where = f"{operation}, and {other} at call {number}"
        fault_proxy.strike()
        for told in [*heard, *([problem] if problem else [])]:
            assert told.hint, where
        assert_somebody_logs_in(world, client_id, where)
        qk.resume(world.tenant, world.store)
        assert_end(world, client_id, where)
        assert_somebody_logs_in(world, client_id, where)
        record = keys_of(world, client_id)
        assert record is None or revoked.isdisjoint(record.keys), where
        world.forget(each)
        number += 1


@BOTH
@pytest.mark.parametrize("loss", ["request lost", "network gone after"])
def test_delete_lost_at_any_call_and_asked_for_again(loss, world, fault_proxy, name):
    """The client goes first, its keys last; what is interrupted is done by asking again, and nothing is left."""
    number, struck = 0, True
    while struck:
        each = f"{name}-{number}"
        client_id = qk.provision(world.tenant, world.store, name=each, scopes=["user_default"]).client_id
        fault_proxy.strike(number, **LOSSES[loss])
        clock = ManualClock(time.time())
        with (
            qk.QlikTenant(
                world.tenant.url,
                credential=qk.ApiKey(world.box.api_key),
                transport=fault_proxy.transport(),
                clock=clock,
            ) as tenant,
            qk.VaultKeyStore(fault_proxy.url, token=world.box.vault_token, clock=clock, custody=world.custody) as store,
        ):
            problems = []
            try:
                qk.delete(tenant, store, client_id, confirm=client_id)
            except QlikKeysError as problem:
                problems.append(problem)
        assert all(problem.hint for problem in problems)
        struck = number < len(fault_proxy.calls)
        fault_proxy.strike()
        with contextlib.suppress(TenantNotFound):  # all was done, and the answer was lost
            qk.delete(world.tenant, world.store, client_id, confirm=client_id)
        assert world.is_untouched(each), f"{loss} at call {number}"
        assert keys_of(world, client_id) is None
        number += 1
    assert number > 4


def killed_at_every_call(world, actors, fault_proxy, operation, prepare_client):
    """Kill the operation after each of its calls in turn; yield each client and where it was, for the end."""
    wish = {"proxy": fault_proxy.url, "vault_url": fault_proxy.url, "operation": operation, "custody": world.custody}

    def kill():
        os.kill(actors.pids.result(10)[0], signal.SIGKILL)
        return "cut"

    number, finished = 0, False
    while not finished:
        each = f"etl-{uuid.uuid4().hex[:12]}"
        client_id = prepare_client(each)
        fault_proxy.strike(number, "after", kill)
        [end] = actors.run({**wish, "name": each, "client_id": client_id})
        finished = end["returncode"] == 0
        where = f"{operation}: killed after call {number}, {fault_proxy.calls[-1]}"
        fault_proxy.strike()
        yield each, client_id, where
        number += 1
    assert number > 4


@BOTH
def test_delete_killed_at_any_call_and_asked_for_again(world, actors, fault_proxy):
    def prepare_client(each):
        return qk.provision(world.tenant, world.store, name=each, scopes=["user_default"]).client_id

    for each, client_id, where in killed_at_every_call(world, actors, fault_proxy, "delete", prepare_client):
        record = keys_of(world, client_id)
        if record is not None and record.operation is not None:
            assert [item.operation for item in qk.resume(world.tenant, world.store)] == ["delete"], where
            assert world.is_untouched(each), where
        with contextlib.suppress(TenantNotFound):  # all was done by now
            qk.delete(world.tenant, world.store, client_id, confirm=client_id)
        assert world.is_untouched(each), where
        assert keys_of(world, client_id) is None, where


@BOTH
def test_resume_killed_at_any_call_and_asked_for_again(world, actors, fault_proxy):
    def prepare_client(each):
        client_id, cancel = (
            qk.provision(world.tenant, world.store, name=each, scopes=["user_default"]).client_id,
            Event(),
        )
        with pytest.raises(Interrupted):
            qk.rotate(
                world.tenant,
                world.store,
                client_id,
                cancel=cancel,
                on_step=lambda event: cancel.set() if event.step == "make_next" else None,
            )
        return client_id

    for each, client_id, where in killed_at_every_call(world, actors, fault_proxy, "resume", prepare_client):
        assert_somebody_logs_in(world, client_id, where)
        qk.resume(world.tenant, world.store)
        assert_end(world, client_id, where)
        world.forget(each)
