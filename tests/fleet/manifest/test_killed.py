"""An `apply` that is killed after any of its writes: no client secret is lost, and no key in Transit is left."""

from __future__ import annotations

import contextlib

import pytest
from fixtures.harness.cases import told_by
from fixtures.harness.line import Killed
from fixtures.harness.sides import Sides

import qlik_keys as qk
from qlik_keys.fleet.manifest.reading import manifest_of

pytestmark = pytest.mark.openbao
BOTH = "methods: [private-key-jwt, client-secret]"


class KilledAfterWrite:
    """The faults of a line: a kill after one of its writes, from 0; which call that is differs by run."""

    def __init__(self, line, number):
        self._line, self._left = line, number

    def get(self, number, _):
        self._left -= self._line.calls[number].split()[1] not in {"GET", "LIST"}
        return "killed after" if self._left == -1 else ""


class Applications:
    """Applies files of one client to a tenant of its own, killed after a write, and then as often as it takes."""

    def __init__(self, sides):
        self.sides, self.told, self.calls = sides, [], []

    def __call__(self, client, said, kill_after=None):
        """Apply it, killed after a write; return how many writes it made."""
        actor = self.sides.actor
        fleet = qk.Fleet({"t0": (actor.tenant, actor.store)})
        text = f"name: {client.name}, scopes: [user_default], {said}"
        url = self.sides.where["tenant_url"]
        manifest = manifest_of(
            f"version: 1\nfleet: {client.name}\ntenants: {{t0: {{url: {url}}}}}\nclients: [{{{text}}}]\n"
        )
        actor.line.calm()
        if kill_after is not None:
            actor.line.faults = KilledAfterWrite(actor.line, kill_after)
        told = told_by(lambda: manifest.apply(fleet, clock=actor.clock, on_change=self.told.append))
        calls = [*actor.line.calls]
        self.calls += calls
        actor.line.calm()
        assert told.problem is None or isinstance(told.problem, Killed), told.problem
        if told.problem is None:
            assert manifest.plan(fleet, clock=actor.clock).changes == ()
        return sum(call.split()[1] not in {"GET", "LIST"} for call in calls)


@pytest.mark.parametrize(
    ("state", "said"),
    [("plain", BOTH), ("nothing", BOTH), ("nothing", "methods: [client-secret]")],
    ids=["added", "made with a key", "made without a key"],
)
def test_a_client_secret_is_handed_over_whatever_write_is_the_last_before_a_kill(openbao, state, said):
    with contextlib.closing(Sides(openbao)) as sides:
        apply = Applications(sides)
        writes = apply(sides.prepare(state), said)
        assert writes >= 3
        [made] = [each for each in apply.told if each.client_secret is not None]
        assert made.warnings == ()
        for kill_after in range(writes):
            client = sides.prepare(state)
            apply.told.clear()
            apply(client, said, kill_after)
            apply(client, said)
            [there] = sides.clients_named(client.name)
            shown = [each.client_secret.reveal() for each in apply.told if each.client_secret is not None]
            warned = " ".join(text for each in apply.told for text in each.warnings)
            hints = [each["hint"] for each in there["clientSecrets"]]  # the last letters of a secret
            unseen = [hint for hint in hints if not any(secret.endswith(hint) for secret in shown)]
            if shown:
                assert sides.secret_logs_in(there["clientId"], shown[-1]), kill_after
                assert all(hint in warned for hint in unseen), (kill_after, unseen, warned)
            else:  # the record was not reached: the next apply says so of a client that a secret alone lets in
                assert "private-key" not in said, kill_after
                assert "has not shown" in warned, kill_after


@pytest.mark.parametrize(
    ("state", "said"),
    [("nothing", "custody: transit"), ("plain", "custody: transit, overlap: 0h")],
    ids=["made", "moved"],
)
def test_a_key_that_vault_made_for_a_killed_apply_is_removed_by_the_next_one(openbao, state, said):
    with contextlib.closing(Sides(openbao)) as sides:
        apply = Applications(sides)
        bystander = sides.prepare("nothing")
        apply(bystander, "custody: transit")  # its key is another client's, and stays
        first = sides.prepare(state)
        if state == "plain":
            apply(first, "custody: kv")
        writes = apply(first, said)
        left = []
        for kill_after in range(writes):
            client = sides.prepare(state)
            if state == "plain":
                apply(client, "custody: kv")
            before = {*sides.names_in_transit()}
            apply(client, said, kill_after)
            left.append(len({*sides.names_in_transit()} - before))
            apply(client, said)
            assert len({*sides.names_in_transit()} - before) == 1, kill_after
            assert before <= {*sides.names_in_transit()}
        assert 1 in left  # one of the kills has left a key
        assert sides.resume() == []


def test_what_is_applied_without_keys_in_transit_does_not_ask_for_them(openbao):
    with contextlib.closing(Sides(openbao)) as sides:
        apply, client = Applications(sides), sides.prepare("nothing")
        apply(client, "rotate-after: 90d")
        apply(client, "rotate-after: 60d")
        assert {each.change.kind for each in apply.told} == {"create", "change"}
        assert not [call for call in apply.calls if "transit" in call]
