"""What a failure says of the effect of the whole operation: after a step that changed something, not "not applied"."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from datetime import timedelta

import pytest
from fixtures.cli_terminal import PROGRAM

import qlik_keys as qk
from qlik_keys.errors import Outcome, QlikKeysError

ES384 = qk.KeySpec("ES384")
REFUSED = {"fault": 400, "times": 9}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({**REFUSED, "path": "/api/v1/oauth-clients", "method": "GET"}, Outcome.NOT_APPLIED),  # the first look
        ({**REFUSED, "path": "/api/v1/oauth-clients", "method": "POST"}, Outcome.UNKNOWN),  # after what is pending
        ({**REFUSED, "path": "/api/v1/users/me*"}, Outcome.UNKNOWN),  # after the client was made
    ],
)
def test_a_provision_that_fails(world, name, fault, outcome):
    world.box.configure(fail_next=[fault])
    with pytest.raises(QlikKeysError) as caught:
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=ES384)
    assert caught.value.outcome is outcome
    world.box.configure(fail_next=[])
    qk.resume(world.tenant, world.store)


def test_a_rotation_that_fails_at_its_login(world, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=ES384)
    world.box.configure(fail_next=[{**REFUSED, "path": "/api/v1/users/me*"}])
    with pytest.raises(QlikKeysError) as caught:
        qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(0))
    assert caught.value.outcome is Outcome.UNKNOWN
    world.box.configure(fail_next=[])
    qk.resume(world.tenant, world.store)


def test_a_preview_has_no_effect_to_tell_of(world, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=ES384)
    world.box.configure(fail_next=[{**REFUSED, "path": "/api/v1/oauth-clients*"}])
    with pytest.raises(QlikKeysError) as caught:
        qk.preview(world.tenant, world.store, "rotate", made.client_id)
    assert caught.value.outcome is Outcome.NOT_APPLIED


@pytest.mark.parametrize("write_pending", [(4, False), (8, True)], ids=["pending", "registered"])
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["words", "json"])
def test_an_interrupt_tells_what_was_started_and_with_which_id(world, name, fault_proxy, more, write_pending):
    """At that call to the Vault the key is pending and nothing registered, or the tenant has the client."""
    (call, is_registered), started = write_pending, []
    fault_proxy.strike(at=call, phase="before", strike=lambda: started[0].send_signal(signal.SIGINT))
    settings = {
        "QLIK_TENANT_URL": world.tenant.url,
        "QLIK_API_KEY": world.box.api_key,
        "VAULT_ADDR": fault_proxy.url,
        "VAULT_TOKEN": world.box.vault_token,
    }
    started.append(
        subprocess.Popen(
            [*PROGRAM, "provision", name, "--scope", "user_default", *more],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )
    err = started[0].communicate(timeout=60)[1]
    told = json.loads(err)["message"] if more else err
    ids = [client.client_id for client in world.clients_named(name)]
    assert (started[0].returncode, len(ids)) == (1, int(is_registered))
    assert f"Interrupted. The operation 'provision' on {name!r}" in told
    assert "qlik-keys resume" in told
    assert all(client_id in told for client_id in ids)
    qk.resume(world.tenant, world.store)
    world.assert_settled(name)


def test_an_interrupt_in_a_notebook_has_the_same_as_a_note(world, name):
    def stop_at(step, phase):
        def stop(event):
            if (event.step, event.phase) == (step, phase):
                raise KeyboardInterrupt

        return stop

    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=ES384)
    with pytest.raises(KeyboardInterrupt) as caught:
        qk.rotate(world.tenant, world.store, made.client_id, on_step=stop_at("promote", "after"))
    [note] = caught.value.__notes__
    assert made.client_id in note
    assert "'rotate'" in note
    qk.resume(world.tenant, world.store)
    with pytest.raises(KeyboardInterrupt) as caught:  # before anything was done there is nothing to tell
        qk.retire_due(world.tenant, world.store, made.client_id, force=True, on_step=stop_at("check", "after"))
    assert not hasattr(caught.value, "__notes__")
