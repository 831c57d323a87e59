"""What an interrupted operation leaves in progress: what resumes it, takes it over, or must wait for it."""

from __future__ import annotations

import pytest
from fixtures.harness.cases import told_by
from fixtures.harness.steps import register
from fixtures.support import machine_client

import qlik_keys as qk
from qlik_keys.errors import ManualActionRequired, Outcome, QlikKeysError, StoreDenied, TenantNotFound

pytestmark = pytest.mark.openbao


def fails_at(sides, operation, client, call, fault):
    """Do an operation that fails at one of its calls; return what is raised."""
    sides.actor.line.fail_at(call, fault)
    told = told_by(lambda: sides.actor.act(operation, client))
    sides.actor.line.calm()
    return told.problem


def working(sides, client, keys):
    return {kid for kid, parts in keys.items() if sides.logs_in(client.client_id, kid, parts)}


SECOND_REVOCATIONS = {
    # The key that is not registered yet never is; one that consumers do not use yet goes first.
    "make_next": ["retire", "purge"],
    "publish": ["unpublish", "retire", "purge"],
    "promote": ["verify_current", "unpublish", "retire", "purge"],
}
WHOLE = ["make_next", "publish", "verify_next", "promote", "unpublish", "retire", "purge", "end_tokens", "settle"]


@pytest.mark.parametrize("until", SECOND_REVOCATIONS)
def test_a_second_revocation_replaces_what_the_first_has_made_and_resume_keeps_it(until, sides):
    for second in ("revoke", "resume"):
        client = sides.prepare("plain")
        [old] = sides.keys(client.client_id)
        sides.do("revoke", client, until=until)
        keys = sides.keys(client.client_id)
        [new] = set(keys) - {old}
        if second == "resume":
            [done] = sides.resume()
            assert (done.operation, done.result.kid) == ("revoke", new)
        else:
            preview = qk.preview(sides.other.tenant, sides.other.store, "revoke", client.client_id, clock=sides.clock)
            steps = sides.do("revoke", client)
            assert [step.action for step in preview.steps] == [step for step in steps if step != "check"]
            assert steps == ["note", "check", *SECOND_REVOCATIONS[until], *WHOLE]
        assert working(sides, client, keys) == ({new} if second == "resume" else set())
        now = sides.keys(client.client_id)
        assert len(now) == 1
        assert working(sides, client, now) == set(now)
        assert sides.resume() == []


def test_a_revocation_registers_no_compromised_key_again(sides):
    """The key was removed from the tenant in the console before the revocation."""
    client = sides.prepare("rotate")
    keys, current = sides.keys(client.client_id), sides.document(client.client_id)["kid"]
    there = sides.other.tenant.oauth_clients.get(client.client_id).public_keys
    register(sides.other.tenant, client.client_id, *[key for key in there if key.kid != current])
    sides.do("revoke", client, until="publish")
    assert current not in {key["kid"] for key in sides.client(client.client_id)["publicKeys"]}
    assert current not in working(sides, client, keys)
    sides.resume()
    assert working(sides, client, keys) == set()


def test_an_own_key_that_is_given_twice_stays(sides):
    client, own = sides.prepare("plain"), qk.generate(qk.KeySpec("ES384"))
    sides.do("revoke", client, until="publish", key=own)
    sides.do("revoke", client, key=own, allow_swap=True)
    assert list(sides.keys(client.client_id)) == [own.kid]


def test_another_operation_finishes_an_interrupted_revocation_first(sides):
    client = sides.prepare("plain")
    keys = sides.keys(client.client_id)
    assert isinstance(fails_at(sides, "revoke", client, 2, "down"), QlikKeysError)
    rotated = qk.rotate(sides.other.tenant, sides.other.store, client.client_id, clock=sides.clock)
    assert "Another operation was in progress and was finished first: revoke, started by" in rotated.warnings[0]
    assert set(rotated.retired) == set(keys)
    assert working(sides, client, keys) == set()
    assert sides.resume() == []


def test_a_stronger_operation_takes_over_and_is_remembered(sides):
    client = sides.prepare("rotate until publish")
    for operation, call, replaced in (("revoke", 3, ("rotate",)), ("delete", 5, ("rotate", "revoke"))):
        assert isinstance(fails_at(sides, operation, client, call, "interrupted"), KeyboardInterrupt)
        started = sides.other.store.read(sides.host, client.client_id).operation
        assert (started.name, started.replaced) == (operation, replaced)
    for operation in ("revoke", "retire", "adopt"):
        refusal = told_by(lambda operation=operation: sides.actor.act(operation, client)).problem
        assert isinstance(refusal, QlikKeysError), operation
        assert "resume" in refusal.hint or sides.client(client.client_id) is None, operation
    [done] = sides.resume()
    assert (done.operation, done.client_id, done.result) == ("delete", client.client_id, client.client_id)
    assert (sides.client(client.client_id), sides.document(client.client_id)) == (None, None)


def test_a_deletion_that_keeps_the_keys_or_finds_no_client_leaves_nothing_in_progress(sides):
    tenant, store = sides.other.tenant, sides.other.store
    client, gone = sides.prepare("rotate until publish"), sides.prepare("plain")
    qk.delete(tenant, store, client.client_id, confirm=client.client_id, keep_secret=True)
    assert len(sides.keys(client.client_id)) == 2
    tenant.oauth_clients.delete(gone.client_id)
    with pytest.raises(TenantNotFound):
        qk.revoke(tenant, store, gone.client_id, clock=sides.clock)
    assert sides.resume() == []


@pytest.mark.parametrize("look", ["resume", "rotate_due", "retire_due", "resume_client"])
def test_metadata_that_were_not_written_are_set_right(look, sides):
    client, tenant, store = sides.prepare("plain"), sides.other.tenant, sides.other.store
    # The one write of the metadata after the promotion fails.
    assert isinstance(fails_at(sides, "rotate", client, 12, "denied"), StoreDenied)

    def compared():
        shown, document = sides.metadata(client.client_id)["custom_metadata"], sides.document(client.client_id)
        return [(shown[field], document[field]) for field in ("kid", "rotate_by")]

    [kids, _] = compared()
    assert len(set(kids)) == 2
    function = qk.lifecycle.resume_client if look == "resume_client" else getattr(qk, look)
    found = function(tenant, store, *[client.client_id] * (look == "resume_client"), clock=sides.clock)
    assert all(getattr(item, "outcome", "") == "skipped" for item in found)
    assert all(shown == written for shown, written in compared())
    writes = sides.other.line.writes
    assert sides.resume() == []
    assert sides.other.line.writes == writes


@pytest.mark.parametrize("step", ["register", "bind", "record", "verify"])
def test_a_client_that_is_being_made_is_deleted_for_good_and_not_adopted(step, sides):
    client = sides.prepare(f"provision until {step}")
    with pytest.raises(ManualActionRequired, match="not finished"):
        sides.other.act("adopt", client)
    sides.other.act("delete", client)
    assert sides.resume() == []
    assert (sides.clients(), sides.pending(), sides.document(client.client_id)) == ([], [], None)


def test_a_name_taken_before_the_registration_requires_manual_action(sides):
    client = sides.prepare("provision until write_pending")
    stranger = sides.other.tenant.oauth_clients.create(machine_client(client.name)).client.client_id
    with pytest.raises(ManualActionRequired, match="another user"):
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
    sides.actor.act("resume", None)  # the same calls are made each time from then on
    first = sides.prepare("rotate until publish")
    sides.actor.line.calls.clear()
    sides.actor.act("resume", None)
    listing = sides.actor.line.calls.index("tenant GET /api/v1/oauth-clients")
    sides.forget(first.name)
    sides.prepare("rotate until publish")
    assert fails_at(sides, "resume", None, listing, "down").outcome is Outcome.UNKNOWN


def test_an_interrupt_has_a_note_of_what_was_started_and_with_which_id(sides):
    client = sides.prepare("plain")
    [note] = fails_at(sides, "rotate", client, 12, "interrupted").__notes__
    assert client.client_id in note
    assert "'rotate'" in note
    sides.resume()  # before anything was done there is nothing to say
    assert not hasattr(fails_at(sides, "retire", client, 1, "interrupted"), "__notes__")
