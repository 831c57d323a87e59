"""Plans before anything is done: the same steps as the run then takes, and nothing is changed by looking."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import hvac
import pytest

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, ManualActionRequired, StoreNotFound

pytestmark = [pytest.mark.openbao, pytest.mark.parametrize("custody", ["kv", "transit"])]
HOUR = timedelta(hours=1)


def state_of(world, name):
    """All that the tenant and the Vault say of the clients of a name, and what is pending; no key is shown."""
    vault = hvac.Client(url=world.box.vault_url, token=world.box.vault_token)
    told = [world.pending(), world.transit_keys(name)]
    for client in world.clients_named(name):
        path = f"qlik-keys/{world.tenant.host}/{client.client_id}"
        try:
            versions = vault.secrets.kv.v2.read_secret_metadata(path)["data"]["versions"]
        except hvac.exceptions.InvalidPath:
            versions = None
        told += [client.model_dump_json(), versions]
    vault.adapter.close()
    return told


def made(world, name):
    return qk.provision(world.tenant, world.store, name=name, scopes=["user_default"]).client_id


def rotated(world, name):
    client_id = made(world, name)
    qk.rotate(world.tenant, world.store, client_id)
    return client_id


def interrupted(world, name, *, at="publish"):
    client_id, cancel = made(world, name), threading.Event()
    with pytest.raises(qk.errors.Interrupted):
        qk.rotate(
            world.tenant,
            world.store,
            client_id,
            cancel=cancel,
            on_step=lambda event: cancel.set() if event.step == at else None,
        )
    return client_id


def with_secret(world, name):
    return world.create_with_secret(name).client.client_id


def half_made(world, name):
    cancel = threading.Event()
    with pytest.raises(qk.errors.Interrupted):
        qk.provision(
            world.tenant,
            world.store,
            name=name,
            scopes=["user_default"],
            cancel=cancel,
            on_step=lambda event: cancel.set() if event.step == "register" else None,
        )
    return ""


CALLS = {
    "provision": lambda world, _, **options: qk.provision(world.tenant, world.store, **options),
    "rotate": lambda world, client_id, **options: qk.rotate(world.tenant, world.store, client_id, **options),
    "retire": lambda world, client_id, **options: qk.retire_due(world.tenant, world.store, client_id, **options),
    "revoke": lambda world, client_id, **options: qk.revoke(world.tenant, world.store, client_id, **options),
    "adopt": lambda world, client_id, **options: qk.adopt(world.tenant, world.store, client_id, **options),
    "delete": lambda world, client_id, **options: qk.delete(
        world.tenant, world.store, client_id, confirm=client_id, **options
    ),
    "resume": lambda world, _, **options: qk.resume(world.tenant, world.store, **options),
}
ROTATION = ["make_next", "publish", "verify_next", "promote"]
MAKING = ["write_pending", "register", "bind", "record", "verify", "remove_pending"]
CASES = {
    "a new client": ("provision", None, {}, MAKING),
    "a client with a secret too": ("provision", None, {"client_secret": True}, MAKING),
    "a client that is there": ("provision", made, {}, []),
    "a client that was started": ("provision", half_made, {}, ["bind", "record", "trust", "verify", "remove_pending"]),
    "a rotation": ("rotate", made, {}, ROTATION),
    "a rotation to RSA": ("rotate", made, {"key": qk.KeySpec("RS256", bits=2048)}, ROTATION),
    "a rotation at once": ("rotate", made, {"overlap": timedelta(0)}, [*ROTATION, "unpublish", "retire", "purge"]),
    "a rotation that was started": ("rotate", interrupted, {}, ROTATION[2:]),
    "a retirement by force": (
        "retire", rotated, {"force": True}, ["end_overlap", "verify_current", "unpublish", "retire", "purge"],
    ),
    "nothing to retire": ("retire", made, {}, []),
    "an alarm": ("revoke", made, {}, None),
    "an alarm during a rotation": ("revoke", interrupted, {}, None),
    "an alarm during an overlap": ("revoke", rotated, {}, None),
    "an adoption": ("adopt", with_secret, {}, ROTATION),
    "an adoption without the secret": (
        "adopt", with_secret, {"remove_secrets": True}, [*ROTATION, "remove_secrets", "settle"],
    ),
    "an end": ("delete", made, {}, ["note", "delete_client", "end_tokens", "delete_record"]),
    "an end that keeps the keys": ("delete", made, {"keep_secret": True}, ["delete_client", "end_tokens"]),
    "a client to finish": ("resume", half_made, {}, ["bind", "record", "trust", "verify", "remove_pending"]),
    "a rotation to finish": ("resume", interrupted, {}, ROTATION[2:]),
}  # fmt: skip


# What the store holds of the client in the end, and with it the tenant; None for no client at all.
ONE, TWO = ["current"], ["current", "previous"]
ENDS = dict.fromkeys(CASES, ONE) | dict.fromkeys(
    ["a rotation", "a rotation to RSA", "a rotation that was started", "a rotation to finish"], TWO
)
ENDS |= dict.fromkeys(["an end", "an end that keeps the keys"])


def assert_end(world, name, states):
    """Both sides have the same keys, in these states, nothing is pending and nothing is left in Transit."""
    clients = world.clients_named(name)
    assert world.pending() == []
    if states is None:
        assert clients == []
        return
    [client] = clients
    record = world.store.read(world.tenant.host, client.client_id)
    assert sorted(key.state for key in record.keys.values()) == states
    assert {key.kid for key in client.public_keys} == set(record.keys)
    assert record.custody == world.custody
    world.assert_no_orphan(name, record)


@pytest.mark.parametrize("case", CASES)
def test_the_plan_is_what_is_done(case, world, name):
    operation, prepare, options, expected = CASES[case]
    client_id = prepare(world, name) if prepare else ""
    if operation == "provision":
        options, client_id = {"name": name, "scopes": ["user_default"], **options}, ""
    before = state_of(world, name)
    plan = qk.preview(world.tenant, world.store, operation, client_id, **options)
    assert state_of(world, name) == before
    assert (plan.blocked, plan.operation) == ("", operation)
    done = []
    CALLS[operation](
        world, client_id, **options, on_step=lambda event: done.append(event.step) if event.phase == "after" else None
    )
    steps = [step.action for step in plan.steps]
    assert steps == [step for step in done if step != "check"]
    assert expected is None or steps == expected
    words = plan.to_text()
    assert all(step.title in words for step in plan.steps)
    assert ("cannot be undone" in words) is any(step.irreversible for step in plan.steps)
    assert json.loads(json.dumps(plan.to_dict()))["operation"] == operation
    assert {step.client_name for step in plan.steps} <= {name, client_id}
    assert_end(world, name, ENDS[case])


def test_what_would_be_refused_is_told_in_the_plan(world, name):
    client_id = rotated(world, name)
    plan = qk.preview(world.tenant, world.store, "retire", client_id)
    assert "can be removed in 2" in plan.blocked
    assert (plan.steps, bool(plan.hint)) == ((), True)
    assert "would be refused" in plan.to_text()
    with pytest.raises(ManualActionRequired):
        qk.retire_due(world.tenant, world.store, client_id)
    plan = qk.preview(world.tenant, world.store, "provision", name=name, scopes=["admin_classic"])
    assert "another" in plan.blocked or "scopes" in plan.blocked


def test_an_alarm_says_what_cannot_be_called_back(world, name):
    plan = qk.preview(world.tenant, world.store, "revoke", made(world, name))
    assert any("remain valid until they expire" in note for note in plan.notes)
    assert [step.action for step in plan.steps if step.irreversible] == ["retire", "purge", "end_tokens"]


def test_a_plan_says_that_a_rotation_is_in_progress_only_where_one_is(world, name):
    def notes():
        return [note for note in qk.preview(world.tenant, world.store, "rotate", client_id).notes if "was in" in note]

    client_id = made(world, name)
    assert notes() == []
    client_id = interrupted(world, f"{name} too")
    assert len(notes()) == 1


def test_a_question_without_sense_is_refused(world):
    with pytest.raises(ConfigurationError, match="no operation"):
        qk.preview(world.tenant, world.store, "polish")
    with pytest.raises(ConfigurationError, match="needs one client"):
        qk.preview(world.tenant, world.store, "rotate")
    with pytest.raises(StoreNotFound):
        qk.preview(world.tenant, world.store, "rotate", "0" * 32)
