"""Schedules of two actors who work on the same clients while anything fails; used by test_schedules and `make soak`.

The tenant is the simulator behind its synchronous door, the Vault a real OpenBao. A schedule is a list of choices: who
does what to which client, and what strikes at which of its calls. After every step at least one key is both in the
store and on the tenant for each client that had one; after the faults have stopped, one resume by each actor leaves
nothing half done (issue 3; reliability-facts R1 to R6).
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import requests
from both_sides import BothSides, keys_in, operation_in
from support import ManualClock

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError, TenantNotFound
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

NAMES = ("a", "b")
FAULTS = ("429", "500", "503", "refused", "lost", "killed", "sealed", "denied", "intruder")
OPERATIONS = ("provision", "rotate", "rotate at once", "revoke", "retire", "adopt", "delete", "resume")
MOST_CALLS = 45
_ANSWERS = {
    "429": "too many requests",
    "500": "internal error",
    "503": "Vault is sealed",
    "denied": "permission denied",
}


class Killed(BaseException):
    """What a kill -9 is in one process: nothing that is written for errors sees it."""


ENDS = {"interrupted after": KeyboardInterrupt, "killed after": Killed}


@dataclass
class Ether:
    """What stands between one actor and the two servers.

    Attributes:
        faults: number of a call of the running operation -> what strikes there.
        intrude: what the intruder does.
        calls: how many the running operation has made.
        writes: those that were no GET, since the beginning.
    """

    faults: dict[int, str] = field(default_factory=dict)
    intrude: object = None
    calls: int = 0
    writes: int = 0
    lasting: str = ""

    def calm(self):
        self.faults, self.intrude, self.calls, self.lasting = {}, None, 0, ""

    def next(self, method, *, is_vault):
        """Return what strikes at this call."""
        self.writes += method not in {"GET", "LIST"}
        fault = self.lasting if is_vault and self.lasting else self.faults.get(self.calls, "")
        self.calls += 1
        if fault == "intruder":
            self.intrude()
            return ""
        if fault == "killed":
            raise Killed
        if fault in {"sealed", "denied"}:
            if not is_vault:
                return ""
            # Sealed for a while, and denied until the next token.
            self.lasting = fault
        return fault


class TenantDoor(httpx.BaseTransport):
    def __init__(self, ether, door):
        self._ether, self._door = ether, door

    def handle_request(self, request):
        fault = self._ether.next(request.method, is_vault=False)
        if fault == "refused":
            raise httpx.ConnectError("connection refused", request=request)
        if fault in {"429", "500", "503", "denied"}:
            fault = "403" if fault == "denied" else fault
            body = {"errors": [{"code": f"HTTP-{fault}", "title": "struck"}], "traceId": "t"}
            return httpx.Response(int(fault), headers={"retry-after": "1"}, json=body, request=request)
        answer = self._door.handle_request(request)
        if fault == "lost":
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if fault.endswith(" after"):
            raise ENDS[fault]
        return answer


class VaultDoor:
    """Stands in the place of the `send` of a store's connections."""

    def __init__(self, ether, send):
        self._ether, self._send = ether, send

    def __call__(self, request, **options):
        fault = self._ether.next(request.method, is_vault=True)
        if fault == "refused":
            raise requests.exceptions.ConnectTimeout(request=request)
        status = {"sealed": 503, "denied": 403, "429": 429, "500": 500, "503": 503}.get(fault)
        if status is not None:
            return struck(request, status, _ANSWERS["503" if fault == "sealed" else fault])
        answer = self._send(request, **options)
        if fault == "lost":
            answer.close()
            raise requests.exceptions.ConnectionError("Connection aborted.", request=request)
        if fault.endswith(" after"):
            raise ENDS[fault]
        return answer


def struck(request, status, words):
    answer = requests.Response()
    answer.status_code, answer.url, answer.request = status, request.url, request
    answer.headers["content-type"] = "application/json"
    answer._content = json.dumps({"errors": [words]}).encode()
    return answer


class SkewedClock:
    """The common clock, some seconds off."""

    def __init__(self, clock):
        self._clock, self.off_seconds = clock, 0.0

    def time(self):
        return self._clock.time() + self.off_seconds

    def monotonic(self):
        return self._clock.monotonic()

    def sleep(self, seconds):
        self._clock.sleep(seconds)


class Actor:
    """One person with connections of their own."""

    def __init__(self, schedule, custody, ether=None):
        self.ether, self.clock, self.custody = ether or Ether(), SkewedClock(schedule.clock), custody
        self.tenant = qk.QlikTenant(
            schedule.simulator.base_url,
            credential=qk.ApiKey(schedule.simulator.api_key),
            transport=TenantDoor(self.ether, SandboxTransport(schedule.simulator)),
            clock=self.clock,
        )
        self.store = qk.VaultKeyStore(
            schedule.vault.url, token=schedule.vault.token, custody=custody, clock=self.clock, prefix=schedule.prefix
        )
        connections = self.store._api._session.connections
        connections.send = VaultDoor(self.ether, connections.send)

    def close(self):
        self.tenant.close()
        self.store.close()


class Schedule:
    """One run: a fresh tenant, two actors, and what is chosen by `choose`.

    Args:
        vault: a real OpenBao: .url and .token.
        choose: picks one of a list; it has all the chance that there is.
        custodies: of the two actors, where they are not to be chosen.
    """

    def __init__(self, vault, choose, custodies=None):
        self.vault, self.choose, self.prefix = vault, choose, "schedules"
        self.clock = ManualClock()
        self.simulator = SandboxTenant(f"https://t{uuid.uuid4().hex}.eu.qlikcloud.com", clock=self.clock)
        kinds = ("kv", "transit")
        self.actors = [Actor(self, custody) for custody in custodies or (choose(kinds), choose(kinds))]
        # What is looked at is looked at without the product.
        self.sides = BothSides(
            vault, self.simulator.base_url, self.simulator.api_key,
            transport=SandboxTransport(self.simulator), clock=self.clock, prefix=self.prefix,
        )  # fmt: skip
        self.could_log_in, self.doomed, self.told = set(), set(), []
        self.compromised = set()  # kids that a revocation was told of, or that had one that has succeeded
        self.seen = {}  # kid -> (client id, the key), of all keys that were ever seen in the Vault
        self.secrets, self.secretless = {}, set()  # client secrets; clients that an adoption was to take theirs from

    def run(self, *, steps):
        """Do so many steps, then let the faults stop, resume, and look at the end.

        Raises:
            AssertionError: a promise is broken; it names the steps.
        """
        try:
            for _ in range(steps):
                self._step()
                self._check_nobody_is_locked_out()
            self._finish()
        except BaseException as problem:
            problem.add_note("the schedule was: " + "; ".join(self.told))
            raise
        finally:
            self._clean()

    # --- a step ---

    def _step(self):
        actor, other = self.choose(((0, 1), (1, 0)))
        actor, other = self.actors[actor], self.actors[other]
        operation, client = self.choose(OPERATIONS), self._client()
        faults = {self.choose(range(MOST_CALLS)): self.choose(FAULTS) for _ in range(self.choose((0, 1, 1, 2)))}
        theirs = (self.choose(OPERATIONS), self._client() or client) if "intruder" in faults.values() else None
        actor.clock.off_seconds = self.choose((0.0, 0.0, 0.0, 0.0, 200.0, -200.0))
        self.told.append(f"{self.actors.index(actor)} {operation} {client} {faults} {theirs} {actor.clock.off_seconds}")
        actor.ether.calm()
        actor.ether.faults = faults
        actor.ether.intrude = lambda: self._perform(other, *theirs)
        self._perform(actor, operation, client)
        actor.ether.calm()
        actor.clock.off_seconds = 0.0
        if self.choose((False, False, True)):
            self.clock.advance(90_000.0)  # overlaps are over

    def _client(self):
        known = sorted(client["clientName"] for client in self.sides.clients())
        return self.choose(known) if known else ""

    def _perform(self, actor, operation, client):
        ids = [each["clientId"] for each in self.sides.clients() if each["clientName"] == client]
        try:
            self._do(actor, operation, ids[0] if ids else "")
        except QlikKeysError as problem:
            self.told.append(f"({type(problem).__name__}: {problem.message})")
        except Killed:
            self.told.append("(killed)")
            actor.ether.calm()

    def _do(self, actor, operation, client_id):
        tenant, store, clock = actor.tenant, actor.store, actor.clock
        if operation == "provision":
            qk.provision(tenant, store, name=self.choose(NAMES), scopes=["user_default"], clock=clock)
        elif operation == "resume":
            qk.resume(tenant, store, clock=clock)
        elif operation == "adopt":
            self._adopt(tenant, store, client_id or self._stranger(), clock)
        elif not client_id:
            return
        elif operation == "delete":
            self.doomed.add(client_id)
            qk.delete(tenant, store, client_id, confirm=client_id)
        elif operation == "retire":
            qk.retire_due(tenant, store, client_id, force=self.choose((False, True)), clock=clock)
        elif operation == "revoke":
            self._revoke(tenant, store, client_id, clock)
        else:
            overlap = timedelta(0) if operation == "rotate at once" else timedelta(hours=24)
            qk.rotate(tenant, store, client_id, overlap=overlap, clock=clock)

    def _revoke(self, tenant, store, client_id, clock):
        document = self.sides.document(client_id)
        before, is_second = set(keys_in(document)), operation_in(document).get("name") == "revoke"
        try:
            qk.revoke(tenant, store, client_id, clock=clock)
        except (QlikKeysError, Killed):
            started = operation_in(self.sides.document(client_id))
            if started.get("name") == "revoke":
                # Of a second one only the note tells whether it was reached; the keys that have gone are not in it.
                self.compromised |= set(started.get("compromised", ())) if is_second else before
            raise
        self.compromised |= before

    def _adopt(self, tenant, store, client_id, clock):
        try:
            qk.adopt(tenant, store, client_id, remove_secrets=True, clock=clock)
        except (QlikKeysError, Killed):
            if operation_in(self.sides.document(client_id)).get("remove_secrets"):
                self.secretless.add(client_id)
            raise
        self.secretless.add(client_id)

    def _stranger(self):
        client_id, secret = self.sides.make_client(clientName=f"stranger {uuid.uuid4().hex[:6]}")
        self.secrets[client_id] = secret
        return client_id

    # --- what must be true ---

    def _check_nobody_is_locked_out(self):
        there = {client["clientId"]: client for client in self.sides.clients()}
        for client_id in self.could_log_in - self.doomed:
            assert client_id in there, f"{client_id} is gone, and nobody has deleted it"
        for client_id, client in there.items():
            name, document = client["clientName"], self.sides.document(client_id)
            keys = keys_in(document)
            self.seen |= {kid: (client_id, parts) for kid, parts in keys.items()}
            current = (document or {}).get("kid")
            if client_id in self.could_log_in - self.doomed:
                assert document is not None, f"the keys of {name} are gone from the store"
                assert current, f"{name} has no current key any more"
                assert self.sides.logs_in(client_id, current, keys[current]), f"{name}: its current key cannot log in"
            elif current in {key["kid"] for key in client.get("publicKeys", [])}:
                self.could_log_in.add(client_id)

    def _finish(self):
        for actor in self.actors:
            actor.ether.calm()
        # A deletion that was interrupted before its note is asked for again; the others are what `resume` finishes.
        for client_id in self.doomed:
            if operation_in(self.sides.document(client_id)).get("name") == "delete":
                continue
            with contextlib.suppress(TenantNotFound):
                qk.delete(self.actors[0].tenant, self.actors[0].store, client_id, confirm=client_id)
        self.clock.advance(600.0)  # what a clock that was ahead has noted is in the past for all
        for actor in self.actors:
            qk.resume(actor.tenant, actor.store, clock=actor.clock)
        self._check_nobody_is_locked_out()
        self._check_end()
        for actor in self.actors:
            writes = actor.ether.writes
            assert qk.resume(actor.tenant, actor.store, clock=actor.clock) == []
            assert actor.ether.writes == writes, "a second resume has written"

    def _check_end(self):
        clients, references = self.sides.clients(), set()
        assert self.doomed.isdisjoint(client["clientId"] for client in clients), "what was deleted is there"
        names = Counter(client["clientName"] for client in clients)
        assert max(names.values(), default=0) <= 1, f"doubles: {names}"
        for client in clients:
            document = self.sides.document(client["clientId"])
            if document is None:
                methods = client["allowedAuthMethods"]
                assert "private_key_jwt" not in methods, f"{client['clientName']} is an orphan"
                continue
            self._check_client(client, document)
            references |= {entry.get("reference", "") for entry in document["keys"].values()} - {""}
        for kid in self.compromised & self.seen.keys():
            client_id, parts = self.seen[kid]
            assert not self.sides.logs_in(client_id, kid, parts), f"the revoked key {kid} logs in"
        assert self.sides.documents("/.staged") == []
        kept = set(self.sides.documents()) - {".staged/", ".names/"}
        assert kept <= {client["clientId"] for client in clients}, "keys of clients that are gone"
        if any(actor.custody == "transit" for actor in self.actors):
            named = self.sides.names_in_transit()
            assert named == references, "keys in Transit that nothing names, or the other way round"

    def _check_client(self, client, document):
        client_id, name, keys = client["clientId"], client["clientName"], document["keys"]
        states = Counter(entry["state"] for entry in keys.values())
        overlap = int(document["overlap_seconds"] or 0)
        marks = (document["overlap_seconds"], document["unpurged"], document.get("operation"), states["next"])
        assert not any(marks) or (states["previous"] and overlap), f"{name} is in progress: {marks}"
        registered = {key["kid"] for key in client.get("publicKeys", [])}
        assert registered == set(keys), name
        revived = self.compromised & {*keys, *registered}
        assert not revived, f"{name}: revoked keys are there: {revived}"
        assert self.sides.logs_in(client_id, document["kid"], keys_in(document)[document["kid"]]), name
        shown = self.sides.metadata(client_id)["custom_metadata"]
        assert (shown["kid"], shown.get("rotate_by", "")) == (document["kid"], document["rotate_by"]), name
        if client_id in self.secretless:
            assert not client.get("clientSecrets"), f"{name} still has the secret that an adoption was to remove"
            secret = self.secrets.get(client_id)
            assert not secret or not self.sides.secret_logs_in(client_id, secret), f"the secret of {name} logs in"

    def _clean(self):
        self.sides.clear()
        self.sides.close()
        for actor in self.actors:
            actor.close()
