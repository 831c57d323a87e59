"""kill -9 in provision, at every step and at every call: one resume, or the same call again, settles it."""

from __future__ import annotations

import os
import signal

import pytest

import qlik_keys as qk
from qlik_keys.errors import ManualActionRequired
from qlik_keys.tenant import NewOAuthClient

pytestmark = pytest.mark.openbao

STEPS = ("check", "write_pending", "register", "bind", "record", "verify", "remove_pending")
POINTS = [(step, phase) for step in STEPS for phase in ("before", "after")]
# Until the key is pending nothing tells that anything was wished for: asking again is all there is to resume.
NOT_YET_PENDING = {("check", "before"), ("check", "after"), ("write_pending", "before")}
VARIANTS = {
    "ES384": {"key": "ES384"},
    "RS256": {"key": "RS256"},
    "own key": {"key": "own"},
    "key and secret": {"key": "ES384", "client_secret": True},
    "secret alone": {"key": "none", "client_secret": True},
}


def provision_and_die(actors, name, step, phase, *, client_secret=False):
    [end] = actors.run({"name": name, "step": step, "phase": phase, "client_secret": client_secret})
    assert end["returncode"] == -signal.SIGKILL


@pytest.mark.parametrize(("step", "phase"), POINTS)
def test_one_resume_settles_it(step, phase, world, actors, name):
    provision_and_die(actors, name, step, phase)
    results = qk.resume(world.tenant, world.store)
    if (step, phase) in NOT_YET_PENDING:
        assert results == []
        assert world.is_untouched(name)
        return
    client = world.assert_settled(name)
    if (step, phase) != ("remove_pending", "after"):
        assert [(item.operation, item.name, item.client_id) for item in results] == [
            ("provision", name, client.client_id)
        ]
    assert qk.resume(world.tenant, world.store) == []


@pytest.mark.parametrize(("step", "phase"), POINTS)
def test_the_same_call_again_settles_it(step, phase, world, actors, name):
    provision_and_die(actors, name, step, phase)
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    client = world.assert_settled(name)
    assert made.client_id == client.client_id
    assert made.created is ((step, phase) != ("remove_pending", "after"))


@pytest.mark.parametrize(
    ("variant", "custody"),
    [*((variant, "kv") for variant in VARIANTS), ("own key", "transit"), ("key and secret", "transit")],
)
def test_killed_at_any_call(variant, world, actors, fault_proxy, name):
    """After each call's effect, which is before the next one's: the process gets no answer, it is dead."""
    wish = {"proxy": fault_proxy.url, "vault_url": fault_proxy.url, "custody": world.custody, **VARIANTS[variant]}
    by_key, by_secret = wish["key"] != "none", wish.get("client_secret", False)

    def kill():
        os.kill(actors.pids.result(10)[0], signal.SIGKILL)
        return "cut"

    number, finished = 0, False
    while not finished:
        each = f"{name}-{number}"
        fault_proxy.strike(number, "after", kill)
        [end] = actors.run({**wish, "name": each})
        finished = end["returncode"] == 0
        where = f"killed after call {number}, {fault_proxy.calls[-1]}" if not finished else "not killed"
        results = qk.resume(world.tenant, world.store)
        if not results and world.is_untouched(each):
            assert not any(" POST " in call and "/.staged/" in call for call in fault_proxy.calls), where
        else:
            secret = end["said"].get("secret") or next((item.result.client_secret for item in results), None)
            if by_secret and secret is None:  # it was interrupted when all was done: the secret is with the dead
                assert any(" DELETE " in call and "/.staged/" in call for call in fault_proxy.calls), where
            world.assert_settled(each, by_key=by_key, secret=secret)
        assert qk.resume(world.tenant, world.store) == [], where
        world.forget(each)
        number += 1
    assert number > 15


@pytest.mark.parametrize(("step", "phase"), [("register", "after"), ("bind", "after"), ("verify", "after")])
def test_a_client_secret_that_nobody_saw_is_replaced(step, phase, world, actors, name):
    provision_and_die(actors, name, step, phase, client_secret=True)
    [item] = qk.resume(world.tenant, world.store)
    world.assert_settled(name, secret=item.result.client_secret)


def test_a_client_of_a_dead_run_that_a_stranger_took_the_name_of_is_left_to_a_person(world, actors, name):
    provision_and_die(actors, name, "write_pending", "after")
    stranger = world.tenant.oauth_clients.create(
        NewOAuthClient(app_type="web", client_name=name, allowed_auth_methods=("client_secret",))
    ).client
    with pytest.raises(ManualActionRequired, match="another user"):
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    world.tenant.oauth_clients.delete(stranger.client_id)
    qk.resume(world.tenant, world.store)
    world.assert_settled(name)
