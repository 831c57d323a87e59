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
import hvac
import requests
from support import ManualClock

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError, TenantNotFound
from qlik_keys.keystore.base import staged_document_name
from qlik_keys.sandbox.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import NewOAuthClient

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
        # The referee sees both sides as they are; nothing strikes at it.
        self.referee = Actor(self, "kv")
        self.host = self.referee.tenant.host
        self.could_log_in, self.doomed, self.told = set(), set(), []
        self.compromised = set()  # kids that a revocation was told of, or that had one that has succeeded

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
        known = sorted(client.client_name for client in self._clients())
        return self.choose(known) if known else ""

    def _perform(self, actor, operation, client):
        ids = [each.client_id for each in self._clients() if each.client_name == client]
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
            qk.adopt(tenant, store, client_id or self._stranger(), remove_secrets=True, clock=clock)
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
        record = self._record(client_id)
        before = set() if record is None else set(record.keys)
        try:
            qk.revoke(tenant, store, client_id, clock=clock)
        except (QlikKeysError, Killed):
            record = self._record(client_id)
            if record is not None and record.operation is not None and record.operation.name == "revoke":
                self.compromised |= record.operation.compromised
            raise
        self.compromised |= before

    def _stranger(self):
        new = NewOAuthClient(
            app_type="web",
            client_name=f"stranger {uuid.uuid4().hex[:6]}",
            allowed_scopes=("user_default",),
            allowed_grant_types=("client_credentials",),
            allowed_auth_methods=("client_secret",),
            consent_method="trusted",
        )
        return self.referee.tenant.oauth_clients.create(new).client.client_id

    # --- what must be true ---

    def _clients(self):
        return self.referee.tenant.oauth_clients.list()

    def _record(self, client_id):
        try:
            return self.referee.store.read(self.host, client_id)
        except qk.errors.StoreNotFound:
            return None

    def _check_nobody_is_locked_out(self):
        there = {client.client_id: client for client in self._clients()}
        for client_id in self.could_log_in - self.doomed:
            assert client_id in there, f"{client_id} is gone, and nobody has deleted it"
        for client in there.values():
            record = self._record(client.client_id)
            registered = {key.kid for key in client.public_keys}
            held = set() if record is None else {key.kid for key in record.keys.values() if self._signs(key)}
            if record is not None and client.client_id in self.could_log_in - self.doomed:
                assert record.current is not None, f"{client.client_name} has no current key any more"
                assert record.current.kid in registered & held, f"{client.client_name}: its current key cannot log in"
            elif client.client_id in self.could_log_in - self.doomed:
                raise AssertionError(f"the keys of {client.client_name} are gone from the store")
            if record is not None and record.current is not None and record.current.kid in registered:
                self.could_log_in.add(client.client_id)

    def _signs(self, key):
        try:
            return bool(self.referee.store.signer(key).sign(b"header.claims"))
        except qk.errors.StoreNotFound:
            return False

    def _finish(self):
        for actor in self.actors:
            actor.ether.calm()
        # A deletion that was interrupted before its note is asked for again; the others are what `resume` finishes.
        for client_id in self.doomed:
            record = self._record(client_id)
            if record is not None and record.operation is not None and record.operation.name == "delete":
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
        vault = hvac.Client(url=self.vault.url, token=self.vault.token)
        clients, references = self._clients(), set()
        assert self.doomed.isdisjoint(client.client_id for client in clients), "what was deleted is there"
        names = Counter(client.client_name for client in clients)
        assert max(names.values(), default=0) <= 1, f"doubles: {names}"
        for client in clients:
            record = self._record(client.client_id)
            if record is None:
                assert "private_key_jwt" not in client.allowed_auth_methods, f"{client.client_name} is an orphan"
                continue
            waits = bool(record.in_state("previous"))
            assert not record.is_in_progress or (waits and record.overlap_seconds), client.client_name
            assert {key.kid for key in client.public_keys} == set(record.keys), client.client_name
            revived = self.compromised & {*record.keys, *(key.kid for key in client.public_keys)}
            assert not revived, f"{client.client_name}: revoked keys are there: {revived}"
            references |= {key.reference for key in record.keys.values()} - {""}
            with qk.TokenSource.from_store(
                self.referee.store, tenant_url=self.simulator.base_url, client_id=client.client_id,
                http=self.referee.tenant.http,
            ) as source:  # fmt: skip
                assert source.token().reveal()
        assert self._listed(vault.secrets.kv.v2.list_secrets, f"{self.prefix}/{self.host}/.staged") == []
        kept = set(self._listed(vault.secrets.kv.v2.list_secrets, f"{self.prefix}/{self.host}")) - {
            ".staged/",
            ".names/",
        }
        assert kept <= {client.client_id for client in clients}, "keys of clients that are gone"
        if any(actor.custody == "transit" for actor in self.actors):
            assert self._in_transit(vault) == references, "keys in Transit that nothing names, or the other way round"
        vault.adapter.close()

    def _listed(self, list_them, path):
        try:
            return list_them(path)["data"]["keys"]
        except hvac.exceptions.InvalidPath:
            return []

    def _in_transit(self, vault):
        try:
            names = vault.secrets.transit.list_keys()["data"]["keys"]
        except hvac.exceptions.InvalidPath:
            return set()
        return {name for name in names if name.startswith(f"{self.prefix}.{self.host}.")}

    def _clean(self):
        with hvac_client(self.vault) as vault:
            for name in self._in_transit(vault):
                self.referee.store._transit.destroy(name)
        for client_id in self.referee.store.client_ids(self.host):
            self.referee.store.delete(self.host, client_id)
        for staged in self.referee.store.staged(self.host):
            assert staged_document_name(staged.name)
            self.referee.store.unstage(staged)
        for actor in (*self.actors, self.referee):
            actor.close()


class hvac_client:  # noqa: N801  # used as a function
    def __init__(self, vault):
        self._client = hvac.Client(url=vault.url, token=vault.token)

    def __enter__(self):
        return self._client

    def __exit__(self, *_):
        self._client.adapter.close()
