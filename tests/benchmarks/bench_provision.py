"""One client made, from nothing to its proof, against the bare calls that it needs, by httpx and hvac.

The floor makes the same key with `cryptography` and sends the same sixteen calls of the same kind and size, over one
connection to each server; docs/requests.md says why each is needed. It checks no answer, compares nothing, keeps no
budget, and could not go on after a crash.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import time
import uuid
from typing import TYPE_CHECKING

import httpx
import hvac
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from measure import Row, compared, interleaved, main

import qlik_keys as qk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOAL = 1.15
REQUESTS = 16
ROUNDS, QUICK_ROUNDS = 40, 5
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public_jwk(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    x, y = (encoded(number.to_bytes(48, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-384", "x": x, "y": y, "kid": kid, "alg": "ES384", "use": "sig"}


def assertion(key: ec.EllipticCurvePrivateKey, kid: str, client_id: str, audience: str) -> str:
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + 120,
    }
    head = encoded(json.dumps({"alg": "ES384", "kid": kid}).encode())
    signed = f"{head}.{encoded(json.dumps(claims).encode())}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA384())))
    return f"{signed}.{encoded(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}"


class Floor:
    """The bare calls."""

    def __init__(self, box: object, tenant: httpx.Client, vault: hvac.Client) -> None:
        self._box, self._tenant, self._vault, self._kv = box, tenant, vault, vault.secrets.kv.v2

    def _read(self, path: str, version: int | None = None) -> dict | None:
        with contextlib.suppress(hvac.exceptions.InvalidPath):
            return self._kv.read_secret_version(path, version=version, raise_on_deleted_version=True)
        return None

    def _metadata(self, path: str) -> None:
        with contextlib.suppress(hvac.exceptions.InvalidPath):
            self._kv.read_secret_metadata(path)

    def _write(self, path: str, secret: dict, cas: int) -> None:
        self._kv.create_or_update_secret(path, secret=secret, cas=cas)

    def _look(self, name: str) -> None:
        self._tenant.get("/api/v1/oauth-clients", params={"filter": f'clientName eq "{name}"', "limit": "100"}).json()

    def make(self, name: str) -> None:
        staged = f"floor/.staged/{name}"
        self._read(staged)
        self._look(name)
        key = ec.generate_private_key(ec.SECP384R1())
        kid = uuid.uuid4().hex
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        document = {"name": name, "specification": "…" * 80, "client_id": "", "keys": {kid: {"private_jwk": pem}}}
        self._write(staged, document, 0)
        self._read(staged)
        self._look(name)
        made = self._tenant.post(
            "/api/v1/oauth-clients",
            json={
                "appType": "web",
                "clientName": name,
                "allowedScopes": ["user_default"],
                "allowedGrantTypes": ["client_credentials"],
                "allowedAuthMethods": ["private_key_jwt"],
                "publicKeys": [public_jwk(key, kid)],
                "connectionConfig": {"consentMethod": "trusted"},
            },
        ).json()
        client_id = made["clientId"]
        self._write(staged, {**document, "client_id": client_id}, 1)
        path = f"floor/{client_id}"
        self._kv.update_metadata(path, custom_metadata={"client_name": name, "kid": kid})
        self._kv.update_metadata(f"floor/.names/{name}", custom_metadata={"client_id": client_id})
        self._write(path, {**document, "private_key": pem, "kid": kid, "alg": "ES384"}, 0)
        there = self._read(path)["data"]["data"]
        held = serialization.load_pem_private_key(there["private_key"].encode(), None)
        token = self._tenant.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion(held, kid, client_id, f"{self._box.tenant_url}/oauth/token"),
            },
            headers={"Authorization": ""},
        ).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        address = self._tenant.get("/api/v1/users/me", headers=bearer).headers["location"]
        self._tenant.get(address, headers=bearer).raise_for_status().json()
        self._read(staged)
        self._kv.delete_metadata_and_all_versions(staged)


def requests_of(
    words: str, job: Callable[[], object], tenant: qk.QlikTenant, store: qk.VaultKeyStore, *, goal: int
) -> Row:
    """Count the requests of a job."""
    asked: list[object] = []
    unsubscribe = [tenant.subscribe(asked.append), store.subscribe(asked.append)]
    job()
    for end in unsubscribe:
        end()
    return Row(name=f"requests to {words}", ours=len(asked), unit="requests", goal=goal)


def rows(quick: bool) -> Iterator[Row]:
    names = (f"client-{number}" for number in itertools.count())
    with qk.sandbox.start() as box:
        vault = hvac.Client(url=box.vault_url, token=box.vault_token)
        with (
            httpx.Client(base_url=box.tenant_url, headers={"Authorization": f"Bearer {box.api_key}"}) as bare,
            qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
            qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
        ):
            floor = Floor(box, bare, vault)
            variants = {
                "httpx, hvac, cryptography": lambda: floor.make(next(names)),
                "qk.provision": lambda: qk.provision(tenant, store, name=next(names), scopes=["user_default"]),
            }
            for variant in variants.values():
                variant()  # the first use of a store asks two things more, once
            yield requests_of("provision a client", variants["qk.provision"], tenant, store, goal=REQUESTS)
            seconds = interleaved(variants, QUICK_ROUNDS if quick else ROUNDS)
            yield compared("a client provisioned", seconds, goal=GOAL)
        vault.adapter.close()


if __name__ == "__main__":
    main(rows)
