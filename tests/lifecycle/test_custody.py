"""The custody of a client's key changes on request alone, and plan, result, audit and doctor show that it did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.harness.steps import can_log_in, interrupt, provision

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, ManualActionRequired
from qlik_keys.lifecycle import resume_client

pytestmark = pytest.mark.openbao
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])
IN_TRANSIT = pytest.mark.parametrize("custody", ["transit"])
OTHER = {"kv": "transit", "transit": "kv"}
AT_ONCE = timedelta(0)


@pytest.fixture
def stranger(world):
    """A store whose own custody is the other one."""
    with qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token, custody=OTHER[world.custody]) as store:
        yield store


def custodies(world, made):
    record = world.store.read(world.tenant.host, made.client_id)
    return {key.custody for key in record.keys.values()} | {record.custody}


def findings(world, made):
    found = qk.audit(world.tenant, world.store)
    return list(found[found.client_id == made.client_id].finding)


@BOTH
def test_a_store_of_the_other_custody_moves_no_key(world, tenant, made, stranger):
    due = {"client_ids": [made.client_id], "before": datetime.now(UTC) + timedelta(days=1), "overlap": AT_ONCE}
    for operation, options in (
        (qk.rotate, {"overlap": AT_ONCE}),
        (qk.rotate, {"overlap": AT_ONCE, "key": qk.KeySpec("RS256", bits=2048)}),
        (qk.rotate, {"overlap": AT_ONCE, "key": qk.generate(qk.KeySpec("ES384"))}),
        (qk.revoke, {}),
        (qk.adopt, {}),
        (qk.rotate_due, due),
    ):
        operation(tenant, stranger, *[made.client_id] * (operation is not qk.rotate_due), **options)
        assert custodies(world, made) == {world.custody}
        assert "custody-changed" not in findings(world, made)


@BOTH
def test_an_interrupted_rotation_is_finished_where_it_was_started(world, tenant, made, stranger):
    interrupt(qk.rotate, tenant, stranger, made.client_id, overlap=AT_ONCE, at="publish", phase="before")
    [finished] = resume_client(tenant, stranger, made.client_id)
    assert finished.error is None
    assert custodies(world, made) == {world.custody}
    world.assert_settled(made.name)


@BOTH
@pytest.mark.parametrize("by", ["provision", "resume"])
def test_a_client_that_was_started_is_finished_in_the_custody_of_its_key(world, tenant, stranger, name, by):
    interrupt(provision, tenant, world.store, name, at="register")
    if by == "resume":
        assert [item.error for item in qk.resume(tenant, stranger)] == [None]
    else:
        warnings = provision(tenant, stranger, name).warnings
        assert any(f"in custody {world.custody}, and is not moved" in warning for warning in warnings)
    world.assert_settled(name)


@BOTH
def test_resume_compares_no_custody_with_a_client_that_another_run_has_finished(world, tenant, store, stranger, name):
    interrupt(provision, tenant, stranger, name, at="register", phase="before")
    left = stranger.read_pending(tenant.host, name)
    stranger.remove_pending(left)
    provision(tenant, store, name)
    stranger.write_pending(replace(left, version=0))
    assert [item.error for item in qk.resume(tenant, stranger)] == [None]
    world.assert_settled(name)


@IN_TRANSIT
def test_a_key_in_transit_that_a_kv_store_had_made_is_found_by_resume(world, tenant, made, stranger):
    """The rotation was interrupted after Vault had made the key, and before a document named it."""

    def stop(call):
        if call.method == "POST" and call.path.startswith("/v1/transit/keys/"):
            raise KeyboardInterrupt

    before = world.transit_keys(made.name)
    stranger.subscribe(stop)
    with pytest.raises(KeyboardInterrupt):
        qk.rotate(tenant, stranger, made.client_id)
    assert len(world.transit_keys(made.name)) == len(before) + 1
    with qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token) as store:
        qk.resume(tenant, store)
    assert world.transit_keys(made.name) == before


@BOTH
@pytest.mark.parametrize("operation", ["rotate", "revoke"])
def test_a_requested_change_stands_in_plan_result_audit_and_doctor(world, tenant, store, made, operation):
    there, old = OTHER[world.custody], store.read(tenant.host, made.client_id).current
    plan = qk.preview(tenant, store, operation, made.client_id, custody=there)
    assert f"custody changes from {world.custody} (" in plan.to_text()
    assert f" to {there} (" in plan.to_text()
    assert custodies(world, made) == {world.custody}
    assert "custody" not in qk.preview(tenant, store, operation, made.client_id).to_text()
    done = getattr(qk, operation)(tenant, store, made.client_id, custody=there)
    [told] = [warning for warning in done.warnings if "custody changes" in warning]
    assert told in plan.notes
    record = store.read(tenant.host, made.client_id)
    assert (old.custody, record.current.custody, record.custody_before) == (world.custody, there, world.custody)
    assert store.summary(tenant.host, made.client_id).custody == there
    logins = [can_log_in(tenant, store, made.client_id, key) for key in (old, record.current)]
    assert logins == [operation == "rotate", True]
    assert "custody-changed" in findings(world, made)
    checks = qk.doctor(tenant, store, made.client_id).checks
    said = next(check for check in checks if check.name == "store-record")
    assert f"the key before it was in custody {world.custody}" in said.why
    qk.retire_due(tenant, store, made.client_id, force=True)
    assert "custody-changed" in findings(world, made)  # though the old key is gone
    assert not can_log_in(tenant, store, made.client_id, old)
    record = store.read(tenant.host, made.client_id)
    assert (record.custody, len(record.keys)) == (there, 1)
    world.assert_no_orphan(made.name, record)
    qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE)
    assert "custody-changed" not in findings(world, made)


@BOTH
def test_a_custody_is_for_a_new_key_alone(world, tenant, store, made, name):
    other = OTHER[world.custody]
    with pytest.raises(ManualActionRequired, match="this run makes no new key"):
        qk.adopt(tenant, store, made.client_id, custody=other)
    with pytest.raises(ConfigurationError, match="no custody 'safe'"):
        qk.rotate(tenant, store, made.client_id, custody="safe")
    assert custodies(world, made) == {world.custody}
    adopted = world.create_with_secret(f"{name} adopted").client
    qk.adopt(tenant, store, adopted.client_id, custody=other)
    record = store.read(tenant.host, adopted.client_id)
    assert (record.current.custody, record.custody_before) == (other, None)


@IN_TRANSIT
def test_a_key_that_could_leave_transit_is_a_finding(world, tenant, store, made, vault):
    assert "key-can-leave" not in findings(world, made)
    reference = store.read(tenant.host, made.client_id).current.reference
    vault.secrets.transit.update_key_configuration(reference, allow_plaintext_backup=True)
    assert "key-can-leave" in findings(world, made)
    [found] = [check for check in qk.doctor(tenant, store, made.client_id).findings if check.name == "store-record"]
    assert "plaintext backup" in found.why
    assert "revoke" in found.advice
    qk.revoke(tenant, store, made.client_id)
    assert "key-can-leave" not in findings(world, made)
    assert qk.doctor(tenant, store, made.client_id).is_healthy
