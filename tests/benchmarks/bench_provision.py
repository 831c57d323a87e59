"""One client made, from nothing to its verification, against the bare calls that it needs, by httpx and requests.

The floor makes the same key with `cryptography` and sends the sixteen calls of docs/requests.md, of the same kind and
size, over one kept connection to each server. It checks no answer, compares nothing, keeps no budget, and could not go
on after a crash. With the tenant 50 ms away the time is compared with the round trips alone: what is over waits in
series, or is work.
"""

import base64
import contextlib
import hashlib
import itertools
import json
import time
import uuid
from urllib.parse import quote, urlsplit

import httpx
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from measure import Row, compared, interleaved, main

import qlik_keys as qk
from qlik_keys.tenant import RateBudget

GOAL = 1.15
GOAL_AWAY = 1.10
LATENCY_SECONDS = 0.05
ROUNDS_AWAY = 10, 1
REQUESTS = 16
ROUNDS = 40, 2
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def boundless():
    """Make a budget that never waits: the sandbox sets no limit here."""
    return RateBudget(limits_per_minute={1: 10**6, 2: 10**6})


@contextlib.contextmanager
def connected(box, **options):
    """Yield the ways to ask a sandbox: httpx with an administrator's key, our tenant with these options, our store."""
    with (
        httpx.Client(base_url=box.tenant_url, headers={"Authorization": f"Bearer {box.api_key}"}) as bare,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key), **options) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        yield bare, tenant, store


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public_jwk(key, kid):
    numbers = key.public_key().public_numbers()
    x, y = (encoded(number.to_bytes(48, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-384", "x": x, "y": y, "kid": kid, "alg": "ES384", "use": "sig"}


def new_key():
    """Make a key; return it and its PEM."""
    key = ec.generate_private_key(ec.SECP384R1())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key, key.private_bytes(*form).decode()


def assertion(key, kid, client_id, audience):
    now, jti = int(time.time()), str(uuid.uuid4())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "jti": jti, "iat": now, "exp": now + 120}
    head = encoded(json.dumps({"alg": "ES384", "kid": kid}).encode())
    signed = f"{head}.{encoded(json.dumps(claims).encode())}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA384())))
    return f"{signed}.{encoded(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}"


class Vault:
    """The bare calls to a Vault's KV version 2."""

    def __init__(self, url, token):
        self._http = requests.Session()
        self._http.trust_env = False  # it would look for proxies and .netrc at each call
        self._http.headers["X-Vault-Token"] = token
        self._url = f"{url}/v1/secret"
        self.close = self._http.close

    def read(self, path):
        return self._http.get(f"{self._url}/data/{path}").json()

    def write(self, path, secret, cas):
        return self._http.post(f"{self._url}/data/{path}", json={"options": {"cas": cas}, "data": secret}).json()

    def metadata(self, path):
        return self._http.get(f"{self._url}/metadata/{path}").json()

    def show(self, path, metadata):
        self._http.post(f"{self._url}/metadata/{path}", json={"custom_metadata": metadata}).raise_for_status()

    def destroy(self, path, versions):
        self._http.post(f"{self._url}/destroy/{path}", json={"versions": versions}).raise_for_status()

    def delete(self, path):
        self._http.delete(f"{self._url}/metadata/{path}").raise_for_status()


class Floor:
    """The bare calls."""

    def __init__(self, box, tenant, vault):
        self._box, self._tenant, self._vault = box, tenant, vault
        self._folder = f"bare-keys/{quote(urlsplit(box.tenant_url).netloc)}"  # as long as ours

    def _look(self, name):
        self._tenant.get("/api/v1/oauth-clients", params={"filter": f'clientName eq "{name}"', "limit": "100"}).json()

    def make(self, name):
        named = hashlib.sha256(name.encode()).hexdigest()[:32]
        pending = f"{self._folder}/.staged/{named}"
        self._vault.read(pending)
        self._look(name)
        kid, (key, pem) = uuid.uuid4().hex, new_key()
        document = {"name": name, "specification": "…" * 80, "client_id": "", "keys": {kid: {"private_jwk": pem}}}
        self._vault.write(pending, document, 0)
        self._vault.read(pending)
        self._look(name)
        body = {"appType": "web", "clientName": name, "allowedScopes": ["user_default"]}
        body |= {"allowedGrantTypes": ["client_credentials"], "allowedAuthMethods": ["private_key_jwt"]}
        body |= {"publicKeys": [public_jwk(key, kid)], "connectionConfig": {"consentMethod": "trusted"}}
        client_id = self._tenant.post("/api/v1/oauth-clients", json=body).json()["clientId"]
        self._vault.write(pending, {**document, "client_id": client_id}, 1)
        path = f"{self._folder}/{client_id}"
        self._vault.show(path, {"client_name": name, "kid": kid})
        self._vault.show(f"{self._folder}/.names/{named}", {"client_id": client_id})
        self._vault.write(path, {**document, "private_key": pem, "kid": kid, "alg": "ES384"}, 0)
        there = self._vault.read(path)["data"]["data"]
        held = serialization.load_pem_private_key(there["private_key"].encode(), None)
        self._log_in(held, kid, client_id)
        self._vault.read(pending)
        self._vault.delete(pending)

    def _log_in(self, key, kid, client_id):
        signed = assertion(key, kid, client_id, f"{self._box.tenant_url}/oauth/token")
        form = {"grant_type": "client_credentials", "client_id": client_id}
        form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        token = self._tenant.post("/oauth/token", data=form, headers={"Authorization": ""}).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        address = self._tenant.get("/api/v1/users/me", headers=bearer).headers["location"]
        self._tenant.get(address, headers=bearer).raise_for_status().json()


def figures(box, sides, vault, variants, names, *, quick, rounds, requests):
    """Yield three rows, by their names: our requests, the time of the variants, and that to the round trips."""
    bare, tenant, store = sides
    ours_named, ours = [*variants.items()][-1]
    sent = counted(tenant, store, ours)
    yield Row(name=names[0], ours=sum(sent), unit="requests", goal=requests)
    yield compared(names[1], interleaved(variants, rounds), goal=GOAL)
    box.configure(latency_seconds=LATENCY_SECONDS)
    away = {"the round trips": lambda: round_trips(bare, vault, *sent), ours_named: ours}
    yield compared(names[2], interleaved(away, ROUNDS_AWAY[quick]), goal=GOAL_AWAY)
    box.configure(latency_seconds=0)


def counted(tenant, store, perform):
    """Return how many requests it sends to the tenant and to the Vault, once both are known."""
    of_tenant, of_vault = [], []
    ends = [tenant.subscribe(of_tenant.append), store.subscribe(of_vault.append)]
    perform()
    for end in ends:
        end()
    return len(of_tenant), len(of_vault)


def round_trips(tenant, vault, of_tenant, of_vault):
    """Send that many small requests to each side, one after another."""
    for _ in range(of_tenant):
        tenant.get("/.well-known/oauth-authorization-server")
    for _ in range(of_vault):
        vault.read("floor/nothing")


def rows(quick):
    clients = (f"client-{number}" for number in itertools.count())
    with (
        qk.sandbox.start() as box,
        contextlib.closing(Vault(box.vault_url, box.vault_token)) as vault,
        connected(box) as (bare, tenant, store),
    ):
        floor = Floor(box, bare, vault)
        variants = {
            "httpx, requests, cryptography": lambda: floor.make(next(clients)),
            "qk.provision": lambda: qk.provision(tenant, store, name=next(clients), scopes=["user_default"]),
        }
        for variant in variants.values():
            variant()
        name = "a client provisioned"
        names = "requests to provision a client", name, f"{name}, the tenant 50 ms away, to its round trips"
        options = {"quick": quick, "rounds": ROUNDS[quick], "requests": REQUESTS}
        yield from figures(box, (bare, tenant, store), vault, variants, names, **options)


if __name__ == "__main__":
    main(rows)
