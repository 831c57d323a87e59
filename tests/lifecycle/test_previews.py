"""Plans: the same steps as the run then takes, and a preview changes nothing."""

from __future__ import annotations

import json
from datetime import timedelta

import hvac
import pytest
from fixtures.harness.steps import interrupt, provision

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, ManualActionRequired, StoreNotFound

pytestmark = pytest.mark.openbao


def state_of(world, vault, name):
    """All that the tenant and the Vault show of the clients of a name, and what is pending; no key is shown."""
    told = [world.pending(), world.transit_keys(name)]
    for client in world.clients_named(name):
        path = f"qlik-keys/{world.tenant.host}/{client.client_id}"
        try:
            versions = vault.secrets.kv.v2.read_secret_metadata(path)["data"]["versions"]
        except hvac.exceptions.InvalidPath:
            versions = None
        told += [client.model_dump_json(), versions]
    return told


def made(world, name):
    return provision(world.tenant, world.store, name).client_id


def rotated(world, name):
    return qk.rotate(world.tenant, world.store, made(world, name)).client_id


def interrupted(world, name):
    client_id = made(world, name)
    interrupt(qk.rotate, world.tenant, world.store, client_id, at="publish")
    return client_id


def with_secret(world, name):
    return world.create_with_secret(name).client.client_id


def half_made(world, name):
    interrupt(provision, world.tenant, world.store, name, at="register")
    return ""


MAKING = ["write_pending", "register", "bind", "record", "verify", "remove_pending"]
FINISHING = ["bind", "record", "trust", "verify", "remove_pending"]
ROTATION = ["make_next", "publish", "verify_next", "promote"]
RETIRING = ["unpublish", "retire", "purge"]
KV, TRANSIT, BOTH = ("kv",), ("transit",), ("kv", "transit")
NOW, RSA = {"overlap": timedelta(0)}, {"key": qk.KeySpec("RS256", bits=2048)}
ONE, TWO = ["current"], ["current", "previous"]
# What is done, to which client, its options, the steps (None: only those of the plan), the states of the keys in the
# end (None: no client), and the custodies to try.
CASES = {
    "a new client": ("provision", None, {}, MAKING, ONE, BOTH),
    "a client with a secret too": ("provision", None, {"client_secret": True}, MAKING, ONE, KV),
    "a client that is there": ("provision", made, {}, [], ONE, KV),
    "a client that was started": ("provision", half_made, {}, FINISHING, ONE, TRANSIT),
    "a rotation": ("rotate", made, {}, ROTATION, TWO, KV),
    "a rotation to RSA": ("rotate", made, RSA, ROTATION, TWO, TRANSIT),
    "a rotation at once": ("rotate", made, NOW, [*ROTATION, *RETIRING], ONE, BOTH),
    "a rotation that was started": ("rotate", interrupted, {}, ROTATION[2:], TWO, KV),
    "a forced retirement": (
        "retire", rotated, {"force": True}, ["end_overlap", "verify_current", *RETIRING], ONE, TRANSIT,
    ),
    "nothing to retire": ("retire", made, {}, [], ONE, KV),
    "a revocation": ("revoke", made, {}, None, ONE, KV),
    "a revocation during a rotation": ("revoke", interrupted, {}, None, ONE, TRANSIT),
    "a revocation during an overlap": ("revoke", rotated, {}, None, ONE, KV),
    "an adoption": ("adopt", with_secret, {}, ROTATION, ONE, TRANSIT),
    "an adoption without the secret": (
        "adopt", with_secret, {"remove_secrets": True}, [*ROTATION, "remove_secrets", "settle"], ONE, KV,
    ),
    "a deletion": ("delete", made, {}, ["note", "delete_client", "end_tokens", "delete_record"], None, TRANSIT),
    "a deletion without the keys": ("delete", made, {"keep_secret": True}, ["delete_client", "end_tokens"], None, KV),
    "a client to finish": ("resume", half_made, {}, FINISHING, ONE, KV),
    "a rotation to finish": ("resume", interrupted, {}, ROTATION[2:], TWO, TRANSIT),
}  # fmt: skip


@pytest.mark.parametrize(("case", "custody"), [(case, custody) for case in CASES for custody in CASES[case][-1]])
def test_the_plan_is_what_is_done(case, world, vault, name):
    operation, prepare, options, expected, states, _ = CASES[case]
    tenant, store = world.tenant, world.store
    client_id = prepare(world, name) if prepare else ""
    if operation == "provision":
        options = {"name": name, "scopes": ["user_default"], **options}
    before = state_of(world, vault, name)
    plan = qk.preview(tenant, store, operation, client_id, **options)
    assert state_of(world, vault, name) == before
    assert (plan.blocked, plan.operation) == ("", operation)
    done = []
    see = {"on_step": lambda event: done.append(event.step) if event.phase == "after" else None}
    see |= {"confirm": client_id} if operation == "delete" else {}
    function = qk.retire_due if operation == "retire" else getattr(qk, operation)
    function(tenant, store, *[client_id] * (operation not in {"provision", "resume"}), **options, **see)
    steps = [step.action for step in plan.steps]
    assert steps == [step for step in done if step != "check"]
    assert expected is None or steps == expected
    words = plan.to_text()
    assert all(step.title in words for step in plan.steps)
    assert ("cannot be undone" in words) is any(step.irreversible for step in plan.steps)
    assert json.loads(json.dumps(plan.to_dict()))["operation"] == operation
    assert {step.client_name for step in plan.steps} <= {name, client_id}
    assert world.pending() == []
    if states is None:
        assert world.clients_named(name) == []
        return
    [client] = world.clients_named(name)
    record = store.read(tenant.host, client.client_id)
    assert sorted(key.state for key in record.keys.values()) == states
    assert {key.kid for key in client.public_keys} == set(record.keys)
    assert record.custody == world.custody
    world.assert_no_orphan(name, record)


def test_a_plan_says_what_would_be_refused_and_what_cannot_be_undone(world, tenant, store, name):
    client_id = rotated(world, name)
    plan = qk.preview(tenant, store, "retire", client_id)
    assert "can be removed in 2" in plan.blocked
    assert (plan.steps, bool(plan.hint)) == ((), True)
    assert "would be refused" in plan.to_text()
    with pytest.raises(ManualActionRequired):
        qk.retire_due(tenant, store, client_id)
    plan = qk.preview(tenant, store, "provision", name=name, scopes=["admin_classic"])
    assert "scopes" in plan.blocked
    plan = qk.preview(tenant, store, "revoke", made(world, f"{name} revoked"))
    assert any("remain valid until they expire" in note for note in plan.notes)
    assert [step.action for step in plan.steps if step.irreversible] == ["retire", "purge", "end_tokens"]


def test_a_plan_says_that_a_rotation_is_in_progress_only_where_one_is(world, name):
    def notes(client_id):
        plan = qk.preview(world.tenant, world.store, "rotate", client_id)
        return [note for note in plan.notes if "was in" in note]

    assert notes(made(world, name)) == []
    assert len(notes(interrupted(world, f"{name} too"))) == 1


def test_a_plan_for_no_operation_or_no_client_is_refused(tenant, store):
    with pytest.raises(ConfigurationError, match="no operation"):
        qk.preview(tenant, store, "polish")
    with pytest.raises(ConfigurationError, match="needs one client"):
        qk.preview(tenant, store, "rotate")
    with pytest.raises(StoreNotFound):
        qk.preview(tenant, store, "rotate", "0" * 32)
