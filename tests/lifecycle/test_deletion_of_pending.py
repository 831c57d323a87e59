"""A deletion of a client that is still being made is finished by `resume`, wherever it was interrupted."""

from __future__ import annotations

import threading

import pytest

import qlik_keys as qk


def half_made(world, name, step):
    """A client whose making was interrupted after a step; return its id."""
    cancel = threading.Event()
    with pytest.raises(qk.errors.Interrupted):
        qk.provision(
            world.tenant,
            world.store,
            name=name,
            scopes=["user_default"],
            cancel=cancel,
            on_step=lambda event: cancel.set() if event.step == step else None,
        )
    [client] = world.clients_named(name)
    return client.client_id


@pytest.mark.parametrize("custody", ["kv", "transit"])
@pytest.mark.parametrize("made_until", ["register", "bind"])
@pytest.mark.parametrize("interrupted_at", ["note", "remove_pending", "delete_client", "end_tokens"])
def test_resume_finishes_it(world, name, custody, made_until, interrupted_at):
    client_id = half_made(world, name, made_until)

    def interrupt(event):
        if (event.step, event.phase) == (interrupted_at, "after"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        qk.delete(world.tenant, world.store, client_id, confirm=client_id, on_step=interrupt)
    if interrupted_at != "end_tokens":
        found = qk.audit(world.tenant, world.store)
        assert "operation-interrupted" in set(found[found["client_id"] == client_id]["finding"])
    done = [item.operation for item in qk.resume(world.tenant, world.store) if item.client_id == client_id]
    assert done == ["delete"]
    assert world.is_untouched(name)
    assert client_id not in world.store.client_ids(world.tenant.host)
    assert qk.resume(world.tenant, world.store) == []
