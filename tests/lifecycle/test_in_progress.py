"""What an interrupted operation leaves in progress: what resumes it, takes it over, or must wait for it."""

from __future__ import annotations

import pytest
from fixtures.harness.cases import told_by
from fixtures.harness.sides import Sides
from fixtures.support import machine_client

import qlik_keys as qk
from qlik_keys.errors import Outcome, QlikKeysError, StoreDenied
from qlik_keys.tenant import PatchOperation

pytestmark = pytest.mark.openbao


@pytest.fixture
def sides(openbao):
    sides = Sides(openbao)
    yield sides
    sides.close()


def fails_at(sides, operation, client, call, fault):
    """Do an operation that fails at one of its calls; return what is raised."""
    sides.actor.line.fail_at(call, fault)
    told = told_by(lambda: sides.actor.act(operation, client))
    sides.actor.line.calm()
    return told.problem


SECOND_REVOCATIONS = {
    # The key that is not registered yet never is; one that consumers do not use yet goes first.
    "make_next": ["retire", "purge"],
    "publish": ["unpublish", "retire", "purge"],
    "promote": ["verify_current", "unpublish", "retire", "purge"],
}
WHOLE = ["make_next", "publish", "verify_next", "promote", "unpublish", "retire", "purge", "end_tokens", "settle"]


@pytest.mark.parametrize("until", SECOND_REVOCATIONS)
def test_a_second_revocation_replaces_what_the_first_has_made_and_resume_keeps_it(until, sides):
    for again in ("revoke", "resume"):
        client = sides.prepare("plain")
        [old] = sides.keys(client.client_id)
        sides.do("revoke", client, until=until)
        keys = sides.keys(client.client_id)
        [new] = set(keys) - {old}
        if again == "resume":
            [done] = sides.resume()
            assert (done.operation, done.result.kid) == ("revoke", new)
            alive = {new}
        else:
            preview = qk.preview(sides.other.tenant, sides.other.store, "revoke", client.client_id, clock=sides.clock)
            steps = sides.do("revoke", client)
            assert [step.action for step in preview.steps] == [step for step in steps if step != "check"]
            assert steps == ["note", "check", *SECOND_REVOCATIONS[until], *WHOLE]
            alive = set()
        assert {kid for kid, parts in keys.items() if sides.logs_in(client.client_id, kid, parts)} == alive
        now = sides.keys(client.client_id)
        [current] = now
        assert sides.logs_in(client.client_id, current, now[current])
        assert sides.resume() == []


def test_a_revocation_registers_no_compromised_key_again(sides):
    """Somebody has taken the key off the tenant in the console, and then asks for a revocation."""
    client = sides.prepare("rotate")
    keys = sides.keys(client.client_id)
    current = sides.document(client.client_id)["kid"]
    there = sides.other.tenant.oauth_clients.get(client.client_id).public_keys
    kept = [key for key in there if key.kid != current]
    sides.other.tenant.oauth_clients.patch(client.client_id, [PatchOperation("replace", "/publicKeys", kept)])
    sides.do("revoke", client, until="publish")
    assert current not in {key["kid"] for key in sides.client(client.client_id)["publicKeys"]}
    assert not sides.logs_in(client.client_id, current, keys[current])
    sides.resume()
    assert not any(sides.logs_in(client.client_id, kid, parts) for kid, parts in keys.items())


def test_a_key_that_is_brought_along_twice_stays(sides):
    client = sides.prepare("plain")
    own = qk.generate(qk.KeySpec("ES384"))
    sides.do("revoke", client, until="publish", key=own)
    sides.do("revoke", client, key=own, allow_swap=True)
    assert list(sides.keys(client.client_id)) == [own.kid]


def test_others_finish_an_interrupted_revocation_first(sides):
    client = sides.prepare("plain")
    keys = sides.keys(client.client_id)
    assert isinstance(fails_at(sides, "revoke", client, 2, "down"), QlikKeysError)
    rotated = qk.rotate(sides.other.tenant, sides.other.store, client.client_id, clock=sides.clock)
    assert "Another operation was in progress and was finished first: revoke, started by" in rotated.warnings[0]
    assert set(rotated.retired) == set(keys)
    assert not any(sides.logs_in(client.client_id, kid, parts) for kid, parts in keys.items())
    assert sides.resume() == []


def test_a_stronger_operation_takes_over_and_is_remembered(sides):
    client = sides.prepare("rotate until publish")
    assert isinstance(fails_at(sides, "revoke", client, 3, "interrupted"), KeyboardInterrupt)
    started = sides.other.store.read(sides.host, client.client_id).operation
    assert (started.name, started.replaced) == ("revoke", ("rotate",))
    assert isinstance(fails_at(sides, "delete", client, 5, "interrupted"), KeyboardInterrupt)
    started = sides.other.store.read(sides.host, client.client_id).operation
    assert (started.name, started.replaced) == ("delete", ("rotate", "revoke"))
    for operation in ("revoke", "retire", "adopt"):
        refusal = told_by(lambda operation=operation: sides.actor.act(operation, client)).problem
        assert isinstance(refusal, QlikKeysError), operation
        assert "resume" in refusal.hint or sides.client(client.client_id) is None, operation
    [done] = sides.resume()
    assert (done.operation, done.client_id, done.result) == ("delete", client.client_id, client.client_id)
    assert sides.client(client.client_id) is None
    assert sides.document(client.client_id) is None


def test_a_deletion_that_keeps_the_keys_leaves_nothing_in_progress(sides):
    client = sides.prepare("rotate until publish")
    tenant, store = sides.other.tenant, sides.other.store
    qk.delete(tenant, store, client.client_id, confirm=client.client_id, keep_secret=True)
    assert len(sides.keys(client.client_id)) == 2
    assert sides.resume() == []


def test_a_revocation_of_a_client_that_is_gone_leaves_no_note(sides):
    client = sides.prepare("plain")
    sides.other.tenant.oauth_clients.delete(client.client_id)
    with pytest.raises(qk.errors.TenantNotFound):
        qk.revoke(sides.other.tenant, sides.other.store, client.client_id, clock=sides.clock)
    assert sides.resume() == []


def _shown(sides, client):
    return sides.metadata(client.client_id)["custom_metadata"]


def _rotated_with_old_metadata(sides):
    """Return a client whose rotation failed at the one write of the metadata after the promotion."""
    client = sides.prepare("plain")
    assert isinstance(fails_at(sides, "rotate", client, 12, "denied"), StoreDenied)
    assert _shown(sides, client)["kid"] != sides.document(client.client_id)["kid"]
    return client


@pytest.mark.parametrize("look", ["resume", "rotate_due", "retire_due", "resume_client"])
def test_metadata_that_were_not_written_are_set_right(look, sides):
    client = _rotated_with_old_metadata(sides)
    tenant, store, clock = sides.other.tenant, sides.other.store, sides.clock
    looks = {
        "resume": lambda: qk.resume(tenant, store, clock=clock),
        "rotate_due": lambda: qk.rotate_due(tenant, store, clock=clock),
        "retire_due": lambda: qk.retire_due(tenant, store, clock=clock),
        "resume_client": lambda: qk.lifecycle.resume_client(tenant, store, client.client_id, clock=clock),
    }
    assert all(getattr(item, "outcome", "") == "skipped" for item in looks[look]())
    shown, document = _shown(sides, client), sides.document(client.client_id)
    assert (shown["kid"], shown["rotate_by"]) == (document["kid"], document["rotate_by"])
    writes = sides.other.line.writes
    assert qk.resume(tenant, store, clock=clock) == []
    assert sides.other.line.writes == writes


@pytest.mark.parametrize("step", ["register", "bind", "record", "verify"])
def test_a_client_that_is_being_made_is_deleted_for_good_and_not_adopted(step, sides):
    client = sides.prepare(f"provision until {step}")
    with pytest.raises(qk.errors.ManualActionRequired, match="not finished"):
        sides.other.act("adopt", client)
    sides.other.act("delete", client)
    assert sides.resume() == []
    assert (sides.clients(), sides.pending(), sides.document(client.client_id)) == ([], [], None)


def test_a_name_taken_before_the_registration_requires_manual_action(sides):
    client = sides.prepare("provision until write_pending")
    stranger = sides.other.tenant.oauth_clients.create(machine_client(client.name)).client.client_id
    with pytest.raises(qk.errors.ManualActionRequired, match="another user"):
        sides.other.act("provision", client)
    sides.other.tenant.oauth_clients.delete(stranger)
    [made] = sides.resume()
    assert [there["clientId"] for there in sides.clients()] == [made.client_id]


@pytest.mark.parametrize("operation", ["provision", "rotate", "revoke", "delete", "resume"])
def test_a_failure_before_anything_was_changed_says_so(operation, sides):
    client = sides.prepare("nothing" if operation == "provision" else "rotate until publish")
    assert fails_at(sides, operation, client, 0, "denied").outcome is Outcome.NOT_APPLIED


def test_a_resume_that_ends_early_does_not_deny_what_it_has_finished(sides):
    """R9: the first of two is finished, and then the tenant's clients cannot be listed."""
    first = sides.prepare("rotate until publish")
    sides.actor.act("resume", None)
    listing = sides.actor.line.calls.index("tenant GET /api/v1/oauth-clients")
    sides.forget(first.name)
    sides.prepare("rotate until publish")
    assert fails_at(sides, "resume", None, listing, "down").outcome is Outcome.UNKNOWN


def test_ctrl_c_bears_a_note_of_what_was_started_and_with_which_id(sides):
    client = sides.prepare("plain")
    sides.actor.line.fail_at(12, "interrupted")
    [note] = told_by(lambda: sides.actor.act("rotate", client)).problem.__notes__
    assert client.client_id in note
    assert "'rotate'" in note
    sides.resume()
    sides.actor.line.fail_at(1, "interrupted")  # before anything was done there is nothing to tell
    assert not hasattr(told_by(lambda: sides.actor.act("retire", client)).problem, "__notes__")
