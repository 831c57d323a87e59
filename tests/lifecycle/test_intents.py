"""Revoke, adopt with removal, delete and retire, interrupted at each call: one resume finishes what was meant.

Here each call is struck by one kind of fault, in turn; `make soak ARGS=--intents` strikes each call by all of them.
"""

from __future__ import annotations

import itertools

import httpx
import pytest
from fixtures.actors import rotate_together
from fixtures.intents import FAULTS, MOST_CALLS, STATES, Sides, interrupt

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError, StoreDenied
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import PatchOperation

pytestmark = pytest.mark.openbao
CASES = [(operation, state) for operation, states in STATES.items() for state in states]


@pytest.mark.parametrize("custody", ["kv", "transit"])
@pytest.mark.parametrize(("operation", "state"), CASES)
def test_interrupted_at_each_call(operation, state, custody, openbao):
    sides = Sides(openbao, custody)
    faults = itertools.cycle(FAULTS)
    # The two custodies, and the states, begin with different kinds of fault.
    for _ in range(CASES.index((operation, state)) + 2 * (custody == "transit")):
        next(faults)
    try:
        # Every other call with each custody, whose calls to the tenant are the same.
        numbers = range(custody == "transit", MOST_CALLS, 2)
        ends = (interrupt(sides, operation, state, number, next(faults)) for number in numbers)
        calls = 2 * sum(1 for _ in itertools.takewhile(bool, ends))
    finally:
        sides.close()
    assert 8 < calls < MOST_CALLS


@pytest.fixture
def sides(openbao):
    sides = Sides(openbao, "kv")
    yield sides
    sides.close()


def test_a_revocation_that_failed_is_finished_as_one(sides):
    """A rotation with an overlap, a tenant that answers 503 to a PATCH, a revocation that fails, then a resume."""
    client_id, _ = sides.prepare("overlap")
    keys = sides.keys(client_id)

    class NoPatch(SandboxTransport):
        def handle_request(self, request):
            if request.method == "PATCH":
                return httpx.Response(503, json={"errors": [{"code": "HTTP-503", "title": "down"}]}, request=request)
            return super().handle_request(request)

    url, credential = sides.simulator.base_url, qk.ApiKey(sides.simulator.api_key)
    with (
        qk.QlikTenant(url, credential=credential, transport=NoPatch(sides.simulator), clock=sides.clock) as tenant,
        pytest.raises(QlikKeysError),
    ):
        qk.revoke(tenant, sides.actor.store, client_id, clock=sides.clock)
    assert all(sides.logs_in(client_id, kid, parts) for kid, parts in keys.items())
    [done] = sides.resume()
    assert (done.operation, done.client_id, done.error) == ("revoke", client_id, None)
    assert set(done.result.retired) == set(keys)
    assert not any(sides.logs_in(client_id, kid, parts) for kid, parts in keys.items())
    assert sides.resume() == []


SECOND_REVOCATIONS = {
    # The key that is not registered yet never is; one that consumers do not use yet goes first.
    "make_next": ["retire", "purge"],
    "publish": ["unpublish", "retire", "purge"],
    "promote": ["verify_current", "unpublish", "retire", "purge"],
}
WHOLE = ["make_next", "publish", "verify_next", "promote", "unpublish", "retire", "purge"]


@pytest.mark.parametrize("until", SECOND_REVOCATIONS)
def test_a_second_revocation_replaces_what_the_first_has_made_and_resume_keeps_it(until, sides):
    for again in ("revoke", "resume"):
        client_id, _ = sides.prepare("plain")
        [old] = sides.keys(client_id)
        sides.change(qk.revoke, client_id, until=until)
        keys = sides.keys(client_id)
        [new] = set(keys) - {old}
        if again == "resume":
            [done] = sides.resume()
            assert (done.operation, done.result.kid) == ("revoke", new)
            alive = {new}
        else:
            preview = qk.preview(sides.other.tenant, sides.other.store, "revoke", client_id, clock=sides.clock)
            steps = sides.change(qk.revoke, client_id)
            assert [step.action for step in preview.steps] == [step for step in steps if step != "check"]
            assert steps == ["note", "check", *SECOND_REVOCATIONS[until], *WHOLE]
            alive = set()
        assert {kid for kid, parts in keys.items() if sides.logs_in(client_id, kid, parts)} == alive
        now = sides.keys(client_id)
        [current] = now
        assert sides.logs_in(client_id, current, now[current])
        assert sides.resume() == []


def test_a_revocation_registers_no_compromised_key_again(sides):
    """Somebody has taken the key off the tenant in the console, and then asks for a revocation."""
    client_id, _ = sides.prepare("overlap")
    keys = sides.keys(client_id)
    current = sides.document(client_id)["kid"]
    there = sides.other.tenant.oauth_clients.get(client_id).public_keys
    kept = [key for key in there if key.kid != current]
    sides.other.tenant.oauth_clients.patch(client_id, [PatchOperation("replace", "/publicKeys", kept)])
    sides.change(qk.revoke, client_id, until="publish")
    assert current not in {key["kid"] for key in sides.client(client_id)["publicKeys"]}
    assert not sides.logs_in(client_id, current, keys[current])
    sides.resume()
    assert not any(sides.logs_in(client_id, kid, parts) for kid, parts in keys.items())


def test_a_key_that_is_brought_along_twice_stays(sides):
    client_id, _ = sides.prepare("plain")
    own = qk.generate(qk.KeySpec("ES384"))
    sides.change(qk.revoke, client_id, until="publish", key=own)
    sides.change(qk.revoke, client_id, key=own, allow_swap=True)
    assert list(sides.keys(client_id)) == [own.kid]


def test_others_finish_an_interrupted_revocation_first(sides):
    client_id, _ = sides.prepare("plain")
    keys = sides.keys(client_id)
    sides.actor.ether.set(2, "down")
    assert isinstance(sides.perform("revoke", client_id), QlikKeysError)
    rotated = qk.rotate(sides.other.tenant, sides.other.store, client_id, clock=sides.clock)
    assert "Another operation was in progress and was finished first: revoke, started by" in rotated.warnings[0]
    assert set(rotated.retired) == set(keys)
    assert not any(sides.logs_in(client_id, kid, parts) for kid, parts in keys.items())
    assert sides.resume() == []


def test_a_stronger_operation_takes_over_and_is_remembered(sides):
    client_id, _ = sides.prepare("publish")
    sides.actor.ether.set(3, "interrupted")
    assert isinstance(sides.perform("revoke", client_id), KeyboardInterrupt)
    started = sides.other.store.read(sides.host, client_id).operation
    assert (started.name, started.replaced) == ("revoke", ("rotate",))
    sides.actor.ether.set(5, "interrupted")
    assert isinstance(sides.perform("delete", client_id), KeyboardInterrupt)
    started = sides.other.store.read(sides.host, client_id).operation
    assert (started.name, started.replaced) == ("delete", ("rotate", "revoke"))
    for operation in ("revoke", "retire", "adopt"):
        sides.actor.ether.calm()
        refusal = sides.perform(operation, client_id)
        assert isinstance(refusal, QlikKeysError), operation
        assert "resume" in refusal.hint or sides.client(client_id) is None, operation
    [done] = sides.resume()
    assert (done.operation, done.client_id, done.result) == ("delete", client_id, None)
    assert sides.client(client_id) is None
    assert sides.document(client_id) is None


def test_a_deletion_that_keeps_the_keys_leaves_nothing_in_progress(sides):
    client_id, _ = sides.prepare("publish")
    tenant, store = sides.other.tenant, sides.other.store
    qk.delete(tenant, store, client_id, confirm=client_id, keep_secret=True)
    assert len(sides.keys(client_id)) == 2
    assert sides.resume() == []


def test_a_revocation_of_a_client_that_is_gone_leaves_no_note(sides):
    client_id, _ = sides.prepare("plain")
    sides.other.tenant.oauth_clients.delete(client_id)
    with pytest.raises(qk.errors.TenantNotFound):
        qk.revoke(sides.other.tenant, sides.other.store, client_id, clock=sides.clock)
    assert sides.resume() == []


def _shown(sides, client_id):
    return sides.metadata(client_id)["custom_metadata"]


def _rotated_with_old_metadata(sides):
    """Return a client whose rotation failed at the one write of the metadata after the promotion."""
    client_id, _ = sides.prepare("plain")
    sides.actor.ether.set(12, "denied")
    with pytest.raises(StoreDenied):
        qk.rotate(sides.actor.tenant, sides.actor.store, client_id, clock=sides.clock)
    sides.actor.ether.calm()
    assert _shown(sides, client_id)["kid"] != sides.document(client_id)["kid"]
    return client_id


@pytest.mark.parametrize("look", ["resume", "rotate_due", "retire_due", "resume_client"])
def test_metadata_that_were_not_written_are_set_right(look, sides):
    client_id = _rotated_with_old_metadata(sides)
    tenant, store, clock = sides.other.tenant, sides.other.store, sides.clock
    looks = {
        "resume": lambda: qk.resume(tenant, store, clock=clock),
        "rotate_due": lambda: qk.rotate_due(tenant, store, clock=clock),
        "retire_due": lambda: qk.retire_due(tenant, store, clock=clock),
        "resume_client": lambda: qk.lifecycle.resume_client(tenant, store, client_id, clock=clock),
    }
    assert all(getattr(item, "outcome", "") == "skipped" for item in looks[look]())
    shown, document = _shown(sides, client_id), sides.document(client_id)
    assert (shown["kid"], shown["rotate_by"]) == (document["kid"], document["rotate_by"])
    writes = sides.other.ether.writes
    assert qk.resume(tenant, store, clock=clock) == []
    assert sides.other.ether.writes == writes


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_eight_processes_rotate_one_client_at_once(world, actors):
    """One makes the key; each of the others is told that it finished that one's rotation, or is refused."""
    assert rotate_together(world.box, actors, world.tenant, world.store) >= 1
