"""Who holds a client's key changes on request alone, and whoever looks sees that it did."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hvac
import pytest

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, Interrupted, ManualActionRequired
from qlik_keys.lifecycle import resume_client

pytestmark = [pytest.mark.openbao, pytest.mark.parametrize("custody", ["kv", "transit"])]
OTHER = {"kv": "transit", "transit": "kv"}
AT_ONCE = timedelta(0)


@pytest.fixture
def made(world, name):
    return qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])


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


OPERATIONS = {
    "rotate": lambda tenant, store, made: qk.rotate(tenant, store, made.client_id),
    "rotate with another kind": lambda tenant, store, made: qk.rotate(
        tenant, store, made.client_id, key=qk.KeySpec("RS256", bits=2048)
    ),
    "rotate with a key brought along": lambda tenant, store, made: qk.rotate(
        tenant, store, made.client_id, key=qk.generate(qk.KeySpec("ES384"))
    ),
    "revoke": lambda tenant, store, made: qk.revoke(tenant, store, made.client_id),
    "rotate_due": lambda tenant, store, made: qk.rotate_due(
        tenant, store, client_ids=[made.client_id], before=datetime.now(UTC) + timedelta(days=1), workers=1
    ),
    "adopt": lambda tenant, store, made: qk.adopt(tenant, store, made.client_id),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_store_of_the_other_custody_moves_no_key(world, made, stranger, operation):
    OPERATIONS[operation](world.tenant, stranger, made)
    assert custodies(world, made) == {world.custody}
    assert "custody-changed" not in findings(world, made)


def test_a_rotation_that_was_interrupted_is_finished_where_it_was_started(world, made, stranger):
    def stop(event):
        if event.step == "publish" and event.phase == "before":
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        qk.rotate(world.tenant, stranger, made.client_id, overlap=AT_ONCE, on_step=stop)
    [finished] = resume_client(world.tenant, stranger, made.client_id)
    assert finished.error is None
    assert custodies(world, made) == {world.custody}
    world.assert_settled(made.name)


@pytest.mark.parametrize("by", ["provision", "resume"])
def test_a_client_that_was_started_is_finished_in_the_custody_of_its_key(world, stranger, name, by):
    def stop(event):
        if event.step == "register" and event.phase == "after":
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], on_step=stop)
    if by == "resume":
        assert [item.error for item in qk.resume(world.tenant, stranger)] == [None]
    else:
        made = qk.provision(world.tenant, stranger, name=name, scopes=["user_default"])
        assert any(f"in custody {world.custody}, and is not moved" in warning for warning in made.warnings)
    world.assert_settled(name)


def test_resume_compares_no_custody_with_what_another_has_finished(world, stranger, name):
    """What is left of the second attempt is cleared away, whoever resumes."""

    def stop(event):
        if event.step == "register" and event.phase == "before":
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        qk.provision(world.tenant, stranger, name=name, scopes=["user_default"], on_step=stop)
    left = stranger.read_pending(world.tenant.host, name)
    stranger.remove_pending(left)
    qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    stranger.write_pending(replace(left, version=0))
    assert [item.error for item in qk.resume(world.tenant, stranger)] == [None]
    world.assert_settled(name)


def test_a_key_in_transit_that_a_kv_store_had_made_is_found_by_resume(world, made, stranger):
    """It was interrupted after Vault had made the key, and before a document named it."""
    if world.custody == "kv":
        return  # nothing is in the engine then

    def stop(call):
        if call.method == "POST" and call.path.startswith("/v1/transit/keys/"):
            raise KeyboardInterrupt

    before = world.transit_keys(made.name)
    stranger.subscribe(stop)
    with pytest.raises(KeyboardInterrupt):
        qk.rotate(world.tenant, stranger, made.client_id)
    assert len(world.transit_keys(made.name)) == len(before) + 1
    with qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token) as store:
        qk.resume(world.tenant, store)
    assert world.transit_keys(made.name) == before


@pytest.mark.parametrize("operation", ["rotate", "revoke"])
def test_a_change_that_was_asked_for_stands_in_plan_result_and_audit(world, made, operation):
    there = OTHER[world.custody]
    plan = qk.preview(world.tenant, world.store, operation, made.client_id, custody=there)
    assert f"custody changes from {world.custody} (" in plan.to_text()
    assert f" to {there} (" in plan.to_text()
    assert custodies(world, made) == {world.custody}
    unchanged = qk.preview(world.tenant, world.store, operation, made.client_id)
    assert "custody" not in unchanged.to_text()

    done = getattr(qk, operation)(world.tenant, world.store, made.client_id, custody=there)
    [told] = [warning for warning in done.warnings if "custody changes" in warning]
    assert told in plan.notes
    record = world.store.read(world.tenant.host, made.client_id)
    assert (record.current.custody, record.custody_before) == (there, world.custody)
    assert "custody-changed" in findings(world, made)
    checks = qk.doctor(world.tenant, world.store, made.client_id).checks
    said = next(check for check in checks if check.name == "store-record")
    assert f"the key before it was in custody {world.custody}" in said.why

    qk.retire_due(world.tenant, world.store, made.client_id, force=True)
    assert "custody-changed" in findings(world, made)  # though the old key is gone
    qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE)
    assert "custody-changed" not in findings(world, made)


def test_a_custody_that_no_new_key_is_made_for_is_refused(world, made):
    with pytest.raises(ManualActionRequired, match="this run makes no new key"):
        qk.adopt(world.tenant, world.store, made.client_id, custody=OTHER[world.custody])
    with pytest.raises(ConfigurationError, match="no custody 'safe'"):
        qk.rotate(world.tenant, world.store, made.client_id, custody="safe")
    assert custodies(world, made) == {world.custody}


def test_adopt_gives_a_first_key_the_custody_that_is_asked_for(world, name):
    client = world.create_with_secret(name).client
    qk.adopt(world.tenant, world.store, client.client_id, custody=OTHER[world.custody])
    record = world.store.read(world.tenant.host, client.client_id)
    assert (record.current.custody, record.custody_before) == (OTHER[world.custody], None)


def test_a_key_that_could_leave_transit_is_a_finding(world, made):
    if world.custody == "kv":
        assert "key-can-leave" not in findings(world, made)
        return
    assert "key-can-leave" not in findings(world, made)
    reference = world.store.read(world.tenant.host, made.client_id).current.reference
    vault = hvac.Client(url=world.box.vault_url, token=world.box.vault_token)
    vault.secrets.transit.update_key_configuration(reference, allow_plaintext_backup=True)
    vault.adapter.close()
    assert "key-can-leave" in findings(world, made)
    diagnosis = qk.doctor(world.tenant, world.store, made.client_id)
    [found] = [check for check in diagnosis.findings if check.name == "store-record"]
    assert "plaintext backup" in found.why
    assert "revoke" in found.advice
    qk.revoke(world.tenant, world.store, made.client_id)
    assert "key-can-leave" not in findings(world, made)
    assert qk.doctor(world.tenant, world.store, made.client_id).is_healthy
