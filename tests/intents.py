"""An operation interrupted at one of its calls, then one resume, then a look at both sides without the product.

What is checked is the *intent*: after a revocation no key that was there before logs in, after an adoption that removes
secrets no secret does, after a deletion neither client nor key is there, after a retirement the old key is gone.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from both_sides import BothSides, operation_in
from schedules import Actor, Ether, Killed
from support import ManualClock, machine_client

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

FAULTS = ("down", "denied", "lost", "interrupted", "interrupted after", "killed", "killed after")
MOST_CALLS = 60
OVERLAP = timedelta(hours=24)


class Interrupting(Ether):
    """Strikes at one call of an operation, and tells whether it was reached.

    A server that is down answers 503 from that call on, one that denies 403; an answer is lost once; Ctrl-C comes
    before a call is sent, or after its effect. So does kill -9, after which the process makes no further call, whatever
    it would have done at its end.
    """

    number, fault, reached, down, dead = -1, "", False, None, False

    def set(self, number, fault):
        self.calm()
        self.number, self.fault = number, fault

    def calm(self):
        super().calm()
        self.number, self.fault, self.reached, self.down, self.dead = -1, "", False, None, False

    def next(self, method, *, is_vault):
        if self.dead:
            raise Killed
        number, self.calls = self.calls, self.calls + 1
        self.writes += method not in {"GET", "LIST"}
        if self.down is is_vault:
            return "503" if self.fault == "down" else "denied"
        if number != self.number:
            return ""
        self.reached = True
        if self.fault in {"down", "denied"}:
            self.down = is_vault
            return "503" if self.fault == "down" else "denied"
        self.dead = self.fault.startswith("killed")
        if self.fault == "interrupted":
            raise KeyboardInterrupt
        if self.fault == "killed":
            raise Killed
        return self.fault


class Sides(BothSides):
    """A tenant of its own and a Vault; one actor who is interrupted, and another who resumes.

    Args:
        vault: a real OpenBao: .url and .token.
        custody: who holds the keys.
    """

    prefix = "intents"

    def __init__(self, vault, custody):
        self.vault, self.custody = vault, custody
        self.clock = ManualClock(time.time())
        self.simulator = SandboxTenant(f"https://t{uuid.uuid4().hex}.eu.qlikcloud.com", clock=self.clock)
        self.actor = Actor(self, custody, Interrupting())
        self.other = Actor(self, custody)
        self.host = self.actor.tenant.host
        assert list(self.actor.store.client_ids(self.host)) == []  # what only the first use asks
        transport = SandboxTransport(self.simulator)
        url, api_key = self.simulator.base_url, self.simulator.api_key
        super().__init__(vault, url, api_key, transport=transport, clock=self.clock, prefix=self.prefix)

    def close(self):
        self.actor.close()
        self.other.close()
        super().close()

    # --- before ---

    def provision(self, *, client_secret=False):
        made = qk.provision(
            self.other.tenant, self.other.store, name=f"etl-{uuid.uuid4().hex[:8]}", scopes=["user_default"],
            client_secret=client_secret, clock=self.clock,
        )  # fmt: skip
        return made.client_id, made.client_secret and made.client_secret.reveal()

    def rotate(self, client_id, *, until=None):
        self.change(qk.rotate, client_id, until=until, overlap=OVERLAP)

    def change(self, operation, client_id, *, until=None, **options):
        """Run an operation, until a step is done if one is named; return which steps were done."""
        done = []

        def see(event):
            if event.phase == "after":
                done.append(event.step)
                if event.step == until:
                    raise KeyboardInterrupt

        try:
            operation(self.other.tenant, self.other.store, client_id, on_step=see, clock=self.clock, **options)
        except KeyboardInterrupt:
            assert until
        return done

    def prepare(self, state):
        """Make a client in a state; return its id and its client secret, None for none."""
        if state == "secret only":
            made = self.other.tenant.oauth_clients.create(machine_client(f"etl-{uuid.uuid4().hex[:8]}"))
            return made.client.client_id, made.client_secret.reveal()
        client_id, secret = self.provision(client_secret="secret" in state)
        rotation = state.removeprefix("secret").strip()
        if rotation == "overlap":
            self.rotate(client_id)
        elif rotation in {"make_next", "publish"}:
            self.rotate(client_id, until=rotation)
        return client_id, secret

    # --- the operation ---

    def perform(self, operation, client_id):
        """Return what was raised, None for nothing."""
        tenant, store = self.actor.tenant, self.actor.store
        operations = {
            "revoke": lambda: qk.revoke(tenant, store, client_id, clock=self.clock),
            "retire": lambda: qk.retire_due(tenant, store, client_id, force=True, clock=self.clock),
            "adopt": lambda: qk.adopt(tenant, store, client_id, remove_secrets=True, clock=self.clock),
            "delete": lambda: qk.delete(tenant, store, client_id, confirm=client_id),
        }
        try:
            operations[operation]()
        except (QlikKeysError, KeyboardInterrupt, Killed) as problem:
            return problem
        return None

    def resume(self):
        return qk.resume(self.other.tenant, self.other.store, clock=self.clock)


# Operation -> the states in which it finds a client.
STATES = {
    "revoke": ("plain", "make_next", "publish", "overlap", "secret"),
    "adopt": ("secret only", "secret"),
    "delete": ("plain", "publish"),
    "retire": ("overlap",),
}
# The further ones of `make soak ARGS=--intents`.
MORE_STATES = {
    "revoke": ("secret make_next", "secret publish", "secret overlap"),
    "adopt": ("secret make_next", "secret publish", "secret overlap"),
    "delete": ("make_next", "overlap", "secret"),
    "retire": ("secret overlap",),
}
# How many calls may be over before the operation is noted: to read the record, to ask which client, to write the note.
BEFORE_THE_NOTE = {"revoke": 1, "adopt": 8, "delete": 3, "retire": 2}


def check(sides, operation, client_id, keys, secret, *, may_be_forgotten, where):
    """Assert that the operation's meaning is there; or, where its note was not reached, that nothing was changed.

    Args:
        sides: both sides.
        operation: which.
        client_id: of which client.
        keys: the keys that the Vault had before it.
        secret: the client secret, None for none.
        may_be_forgotten: the operation failed before it could write its note.
        where: what was done, for the failure's text.
    """
    client, document = sides.client(client_id), sides.document(client_id)
    now = sides.keys(client_id)
    if may_be_forgotten:
        assert client is not None, where
        assert set(keys) <= set(now), where
        assert not secret or sides.secret_logs_in(client_id, secret), where
        return
    if operation == "delete":
        assert client is None, where
        assert document is None, where
        for _, reference in keys.values():
            assert not reference or sides.ask_vault("GET", f"transit/keys/{reference}").status_code == 404, where
        return
    assert document is not None, where
    assert not document.get("operation"), where
    current = document["kid"]
    assert sides.logs_in(client_id, current, now[current]), where
    assert {key["kid"] for key in client["publicKeys"]} == set(now), where
    if operation == "revoke":
        assert not set(keys) & set(now), where
        alive = [kid for kid, parts in keys.items() if sides.logs_in(client_id, kid, parts)]
        assert alive == [], where
    elif operation == "adopt":
        assert not sides.secret_logs_in(client_id, secret), where
        assert client.get("clientSecrets", []) == [], where
    else:
        assert set(now) == {current}, where
        old = {kid: parts for kid, parts in keys.items() if kid != current}
        assert not any(sides.logs_in(client_id, kid, parts) for kid, parts in old.items()), where
    shown = sides.metadata(client_id)
    assert shown["custom_metadata"]["kid"] == current, where
    assert shown["custom_metadata"]["done_at_version"] == str(shown["current_version"]), where


def interrupt(sides, operation, state, number, fault):
    """Run one case; return whether the call was reached.

    Raises:
        AssertionError: the operation was forgotten, or is something else than it was.
    """
    where = f"{operation} of a client in state {state!r}: {fault} at call {number}, {sides.custody}"
    client_id, secret = sides.prepare(state)
    keys = sides.keys(client_id)
    sides.actor.ether.set(number, fault)
    problem = sides.perform(operation, client_id)
    reached = sides.actor.ether.reached
    sides.actor.ether.calm()
    document = sides.document(client_id)
    noted = operation_in(document).get("name")
    may_be_forgotten = problem is not None and noted != operation and number <= BEFORE_THE_NOTE[operation]
    results = sides.resume()
    told = [item.operation for item in results if item.client_id == client_id]
    assert not noted or told == [noted], f"{where}: {told}"
    check(sides, operation, client_id, keys, secret, may_be_forgotten=may_be_forgotten, where=where)
    writes = sides.other.ether.writes
    assert sides.resume() == [], where
    assert sides.other.ether.writes == writes, f"{where}: a second resume has written"
    sides.other.ether.calm()
    if sides.client(client_id) is not None:
        sides.other.tenant.oauth_clients.delete(client_id)
        sides.other.store.delete(sides.host, client_id)
    return reached
