"""Resuming many whose logins are refused: one wait for all, and none for those that only need to be trusted."""

from __future__ import annotations

import pytest

import qlik_keys as qk
from qlik_keys.errors import AssertionRejected, ClientUntrusted, HookNotPending, ResumeError
from qlik_keys.lifecycle.verification import VERIFICATION_SECONDS

pytestmark = pytest.mark.openbao
COUNT = 4
STARTED = "rotate until publish"


def resumed(sides, **options):
    return qk.resume(sides.other.tenant, sides.other.store, clock=sides.clock, **options)


def waited(sides, before):
    return sum(sides.clock.slept[before:])


@pytest.fixture
def started(sides):
    """Clients whose rotation was interrupted with the new key published."""
    return [sides.prepare(f"plain, {STARTED}") for _ in range(COUNT)]


def test_none_waits_for_a_client_that_is_not_trusted_and_all_of_them_are_named(sides, started):
    consents = sides.other.tenant.oauth_clients.set_consent
    for client in started:
        consents(client.client_id, "required")
    before = len(sides.clock.slept)
    with pytest.raises(ResumeError) as caught:
        resumed(sides)
    assert waited(sides, before) == 0
    assert {type(each.error) for each in caught.value.failures} == {ClientUntrusted}
    assert str(caught.value).count("is not trusted") == 1
    assert all(f"{each.name} ({each.client_id})" in str(caught.value) for each in started)
    assert "qlik-keys trust" in str(caught.value)
    for client in started:
        consents(client.client_id, "trusted")
    assert [each.error for each in resumed(sides)] == [None] * COUNT
    assert resumed(sides) == []


def test_a_tenant_that_refuses_all_is_waited_for_twice_at_most(sides, started):
    """Once for the first client, and once for those whose keys were published while it was waited for."""
    sides.simulator.configure(key_propagation_seconds=1e6)
    before = len(sides.clock.slept)
    with pytest.raises(ResumeError) as caught:
        resumed(sides)
    assert [type(each.error) for each in caught.value.failures] == [AssertionRejected] * len(started)
    assert VERIFICATION_SECONDS / 2 < waited(sides, before) < 2 * VERIFICATION_SECONDS + len(started)
    sides.simulator.configure(key_propagation_seconds=0)
    assert [each.error for each in resumed(sides)] == [None] * len(started)


def test_clients_whose_keys_are_published_now_share_the_wait_for_a_slow_tenant(sides):
    clients = [sides.prepare("plain, rotate until make_next") for _ in range(COUNT)]
    slow_seconds = 20
    sides.simulator.configure(key_propagation_seconds=slow_seconds)
    before, told = len(sides.clock.slept), []
    fleet = qk.Fleet({"here": (sides.other.tenant, sides.other.store)})
    done = fleet.resume(clock=sides.clock, on_client=told.append)
    assert {each.client_id for each in told} == {each.client_id for each in clients}
    assert [each.outcome for each in done] == ["finished"] * COUNT
    assert slow_seconds < waited(sides, before) < 3 * slow_seconds


def test_a_misspelled_hook_is_an_error_with_what_is_pending_and_all_else_is_done(sides):
    client, other = sides.prepare("plain"), sides.prepare(f"plain, {STARTED}")
    fails = qk.Hook("restart", command=["false"])
    qk.rotate(sides.other.tenant, sides.other.store, client.client_id, hooks=[fails], clock=sides.clock)
    planned = qk.preview(sides.other.tenant, sides.other.store, "resume", drop_hooks=["restrat"], clock=sides.clock)
    assert "No client has a pending hook of this name. Pending hooks: restart." in planned.blocked
    with pytest.raises(ResumeError) as caught:
        resumed(sides, drop_hooks=["restrat", "restart"])
    [failure] = caught.value.failures
    assert isinstance(failure.error, HookNotPending)
    assert (failure.error.hook, failure.error.pending) == ("restrat", ("restart",))
    assert {(each.operation, each.client_id) for each in caught.value.results if each.error is None} == {
        ("hooks", client.client_id),
        ("rotate", other.client_id),
    }
    assert sides.other.store.read(sides.host, client.client_id).pending_hooks == ()
    with pytest.raises(ResumeError, match=r"The client has no pending hook of this name\. No hook is pending"):
        qk.lifecycle.resume_client(
            sides.other.tenant, sides.other.store, other.client_id, drop_hooks=["x"], clock=sides.clock
        )
