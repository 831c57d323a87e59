"""Two who make the same client at once: one client in the end, and a clear word or the same result for each (R7)."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.errors import Interrupted, ManualActionRequired, QlikKeysError
from qlik_keys.lifecycle.provisioning.operations import resume_client

pytestmark = pytest.mark.openbao

VARIANTS = {
    "ES384": {},
    "key and secret": {"client_secret": True},
    "secret alone": {"key": None, "client_secret": True},
}


def assert_fair(results, world, name, wish):
    """One client; whoever has a result has that client, and a secret that works or none; the others a clear word."""
    results = [result for result in results if result is not None]
    winners = [result for result in results if isinstance(result, qk.Provisioned)]
    losers = [result for result in results if not isinstance(result, qk.Provisioned)]
    assert winners
    by_key = wish.get("key", "") is not None
    client = world.assert_settled(name, by_key=by_key)
    assert {winner.client_id for winner in winners} == {client.client_id}
    assert {winner.kid for winner in winners} == {client.public_keys[0].kid if by_key else ""}
    for loser in losers:
        assert isinstance(loser, ManualActionRequired)
        assert loser.hint
        assert loser.retryable
    if wish.get("client_secret"):
        secrets = [winner.client_secret for winner in winners if winner.client_secret is not None]
        assert secrets, "nobody was given the secret"
        for secret in secrets:
            world.assert_settled(name, by_key=by_key, secret=secret)
        for winner in winners:
            assert winner.client_secret is not None or any("cannot be shown" in text for text in winner.warnings)
    assert qk.resume(world.tenant, world.store) == []


def attempt(results, tenant, store, **wish):
    try:
        results.append(qk.provision(tenant, store, scopes=["user_default"], **wish))
    except QlikKeysError as problem:
        results.append(problem)


@pytest.mark.parametrize("second", ["provision", "resume"])
@pytest.mark.parametrize(
    ("variant", "custody"), [*((variant, "kv") for variant in VARIANTS), (next(iter(VARIANTS)), "transit")]
)
def test_another_does_it_all_between_two_calls(variant, second, world, fault_proxy, name):
    """After the effect of each call of the first actor, and before the first one, the second runs from start to end.

    Before a later call's effect would be the same: nothing happens on either server between two calls.
    """
    wish, points = VARIANTS[variant], [(0, "before")]
    for number, phase in points:
        each, results, struck = f"{name}-{number}-{phase}", [], []

        def intrude(each=each, results=results, struck=struck):
            struck.append(fault_proxy.calls[-1])
            if second == "resume":
                results.extend(item.result for item in qk.resume(world.tenant, world.store))
            else:
                attempt(results, world.tenant, world.store, name=each, **wish)

        fault_proxy.strike(number, phase, intrude)
        clock = ManualClock(time.time())
        credential = qk.ApiKey(world.box.api_key)
        with (
            qk.QlikTenant(
                world.tenant.url, credential=credential, transport=fault_proxy.transport(), clock=clock
            ) as tenant,
            qk.VaultKeyStore(fault_proxy.url, token=world.box.vault_token, clock=clock, custody=world.custody) as store,
        ):
            attempt(results, tenant, store, name=each, clock=clock, **wish)
        try:
            assert_fair(results, world, each, wish)
        except AssertionError as failure:
            raise AssertionError(f"{second} {phase} call {number}, {struck}: {failure} {results}") from failure
        world.forget(each)
        if struck:
            points.append((len(points) - 1, "after"))
    assert len(points) > 15


@pytest.mark.parametrize("other", ["delete", "resume"])
def test_another_finishes_or_deletes_what_is_being_resumed(other, world, fault_proxy, name):
    """After each call of a `resume`, another actor finishes the same client or deletes it: nothing is started again."""

    def stop(event):
        if (event.step, event.phase) == ("bind", "after"):
            raise Interrupted("stop")

    number, struck = 0, True
    while struck:
        each = f"{name}-{number}"
        with pytest.raises(Interrupted):
            qk.provision(world.tenant, world.store, name=each, scopes=["user_default"], on_step=stop)
        [client] = world.clients_named(each)

        def intrude(client_id=client.client_id):
            if other == "resume":
                resume_client(world.tenant, world.store, client_id)
            else:
                qk.delete(world.tenant, world.store, client_id, confirm=client_id)

        fault_proxy.strike(number, "after", intrude)
        clock = ManualClock(time.time())
        options = {"credential": qk.ApiKey(world.box.api_key), "transport": fault_proxy.transport(), "clock": clock}
        with (
            qk.QlikTenant(world.tenant.url, **options) as tenant,
            qk.VaultKeyStore(fault_proxy.url, token=world.box.vault_token, clock=clock) as store,
            contextlib.suppress(QlikKeysError),  # a client that is gone under its hands is told
        ):
            resume_client(tenant, store, client.client_id, clock=clock)
        struck = number < len(fault_proxy.calls)
        fault_proxy.strike()
        if struck and other == "delete":
            qk.resume(world.tenant, world.store)
            assert world.is_untouched(each), number
        else:
            world.assert_settled(each)
        world.forget(each)
        number += 1
    assert number > 10
    assert qk.resume(world.tenant, world.store) == []


def test_six_threads_at_once(world, name):
    results, barrier = [], threading.Barrier(6)

    def make():
        barrier.wait()
        attempt(results, world.tenant, world.store, name=name)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_fair(results, world, name, {})


def test_four_processes_at_once(world, actors, name):
    for number in range(5):
        each = f"{name}-{number}"
        ends = actors.run(*[{"name": each}] * 4)
        assert [end["returncode"] for end in ends] == [0] * 4
        client = world.assert_settled(each)
        said = [end["said"] for end in ends]
        winners = [one for one in said if "client_id" in one]
        assert winners
        assert {(one["client_id"], one["kid"]) for one in winners} == {(client.client_id, client.public_keys[0].kid)}
        assert all(one["error"] == "ManualActionRequired" and one["hint"] for one in said if one not in winners)
