"""An operation interrupted at one of its calls, then one resume, then a look at both sides without the product.

What is checked is the *intent*: after a revocation no key that was there before logs in, after an adoption that removes
secrets no secret does, after a deletion neither client nor key is there, after a retirement the old key is gone. The
checker speaks HTTP to the tenant and the Vault by itself, and signs its assertions by `cryptography` alone.
"""

from __future__ import annotations

import json
import time
import uuid
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta

import httpx
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from schedules import Actor, Ether, Killed
from support import ManualClock, machine_client

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError
from qlik_keys.sandbox.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

FAULTS = ("down", "denied", "lost", "interrupted", "interrupted after", "killed", "killed after")
MOST_CALLS = 60
P384 = ec.SECP384R1()
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


class Sides:
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
        self.http = httpx.Client(transport=SandboxTransport(self.simulator), base_url=self.simulator.base_url)

    def close(self):
        self.actor.close()
        self.other.close()
        self.http.close()

    # --- without the product ---

    def ask_vault(self, method, path, **options):
        headers = {"X-Vault-Token": self.vault.token}
        return requests.request(method, f"{self.vault.url}/v1/{path}", headers=headers, timeout=30, **options)

    def document(self, client_id):
        answer = self.ask_vault("GET", f"secret/data/{self.prefix}/{self.host}/{client_id}")
        return answer.json()["data"]["data"] if answer.status_code == 200 else None

    def metadata(self, client_id):
        answer = self.ask_vault("GET", f"secret/metadata/{self.prefix}/{self.host}/{client_id}")
        return answer.json()["data"] if answer.status_code == 200 else None

    def client(self, client_id):
        headers = {"authorization": f"Bearer {self.simulator.api_key}"}
        answer = self.http.get(f"/api/v1/oauth-clients/{client_id}", headers=headers)
        return answer.json() if answer.status_code == 200 else None

    def keys(self, client_id):
        """Whatever the Vault has of a client's keys: kid -> (private number, None) or (None, name in Transit)."""
        document = self.document(client_id) or {"keys": {}}
        return {kid: self._parts(entry) for kid, entry in document["keys"].items()}

    def _parts(self, entry):
        if entry.get("reference"):
            return None, entry["reference"]
        number = json.loads(entry["private_jwk"])["d"]
        return int.from_bytes(urlsafe_b64decode(number + "=" * (-len(number) % 4))), None

    def logs_in(self, client_id, kid, parts):
        url = f"{self.simulator.base_url}/oauth/token"
        now = int(self.clock.time())
        claims = {"iss": client_id, "sub": client_id, "aud": url, "iat": now, "exp": now + 60, "jti": uuid.uuid4().hex}
        header = {"alg": "ES384", "typ": "JWT", "kid": kid}
        signed = b".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        signature = self._signature(signed, *parts)
        if signature is None:
            return False  # the Vault does not have that key any more
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_id": client_id,
            "client_assertion": (signed + b"." + signature).decode(),
        }
        return self.http.post("/oauth/token", data=form).status_code == 200

    def _signature(self, signed, number, reference):
        if number is not None:
            der = ec.derive_private_key(number, P384).sign(signed, ec.ECDSA(hashes.SHA384()))
            return encoded(b"".join(half.to_bytes(48) for half in decode_dss_signature(der)))
        body = {"input": b64encode(signed).decode(), "marshaling_algorithm": "jws"}
        answer = self.ask_vault("POST", f"transit/sign/{reference}/sha2-384", json=body)
        if answer.status_code != 200:
            return None
        return answer.json()["data"]["signature"].rpartition(":")[2].rstrip("=").encode()

    def secret_logs_in(self, client_id, secret):
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        return self.http.post("/oauth/token", data=form).status_code == 200

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


def encoded(content):
    return urlsafe_b64encode(content).rstrip(b"=")


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
    noted = json.loads(document.get("operation") or "{}").get("name") if document else None
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
