"""kill -9 at every step of provision, before and after its effect: one resume, or the same call again, settles it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import qlik_keys as qk

STEPS = ("check", "stage", "register", "claim", "record", "prove", "unstage")
POINTS = [(step, phase) for step in STEPS for phase in ("before", "after")]
# Until the key is staged nothing tells that anything was wished for: asking again is all there is to resume.
NOT_YET_STAGED = {("check", "before"), ("check", "after"), ("stage", "before")}


def provision_and_die(world, name, step, phase, *, client_secret=False):
    told = {
        "tenant_url": world.box.tenant_url,
        "api_key": world.box.api_key,
        "vault_url": world.box.vault_url,
        "vault_token": world.box.vault_token,
        "name": name,
        "step": step,
        "phase": phase,
        "client_secret": client_secret,
    }
    script = Path(__file__).with_name("killed.py")
    ended = subprocess.run([sys.executable, script], input=json.dumps(told).encode(), check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.openbao
@pytest.mark.parametrize(("step", "phase"), POINTS)
def test_one_resume_settles_it(step, phase, world, name):
    provision_and_die(world, name, step, phase)
    results = qk.resume(world.tenant, world.store)
    if (step, phase) in NOT_YET_STAGED:
        assert results == []
        assert world.clients_named(name) == []
        assert world.staged() == []
        return
    client = world.assert_settled(name)
    if (step, phase) != ("unstage", "after"):
        assert [(item.operation, item.name, item.client_id) for item in results] == [
            ("provision", name, client.client_id)
        ]
    assert qk.resume(world.tenant, world.store) == []


@pytest.mark.openbao
@pytest.mark.parametrize(("step", "phase"), POINTS)
def test_the_same_call_again_settles_it(step, phase, world, name):
    provision_and_die(world, name, step, phase)
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    client = world.assert_settled(name)
    assert made.client_id == client.client_id
    assert made.created is ((step, phase) != ("unstage", "after"))


@pytest.mark.openbao
@pytest.mark.parametrize(("step", "phase"), [("register", "after"), ("claim", "after"), ("prove", "after")])
def test_a_client_secret_that_nobody_saw_is_replaced(step, phase, world, name):
    provision_and_die(world, name, step, phase, client_secret=True)
    [item] = qk.resume(world.tenant, world.store)
    client = world.assert_settled(name)
    assert len(client.client_secrets) == 1
    secret = qk.ClientSecret(client.client_id, item.result.client_secret)
    with world.tenant.with_credential(secret) as as_client:
        assert as_client.users.me().client_id == client.client_id
