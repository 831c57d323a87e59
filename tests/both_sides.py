"""A look at tenant and Vault without the product: for checkers that must not share its mistakes.

It speaks HTTP to both, reads the documents as they lie in the Vault, and signs assertions by `cryptography` alone.
"""

from __future__ import annotations

import json
import time
import uuid
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from http.client import HTTPConnection

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

P384 = ec.SECP384R1()


class BothSides:
    """The clients of a tenant, and what the Vault has of them; all keys are ES384.

    Args:
        vault: a real OpenBao: .url and .token.
        tenant_url: the tenant.
        api_key: of its administrator.
        transport: what reaches it, None for the network.
        clock: time.
        prefix: the folder in the Vault's mount.
    """

    def __init__(self, vault, tenant_url, api_key, *, transport=None, clock=time, prefix="qlik-keys"):
        self._vault, self._tenant_url, self._api_key, self._clock = vault, tenant_url, api_key, clock
        self._host = httpx.URL(tenant_url).netloc.decode()
        self._folder, self._prefix = f"{prefix}/{self._host}", prefix
        self._transport = transport or httpx.HTTPTransport()
        # Without a library's work around each request: a soak run makes a million of them.
        self._connection = HTTPConnection(httpx.URL(vault.url).netloc.decode(), timeout=30)

    def close(self):
        self._transport.close()
        self._connection.close()

    # --- the Vault ---

    def ask_vault(self, method, path, **body):
        headers = {"X-Vault-Token": self._vault.token, "Content-Type": "application/json"}
        self._connection.request(method, f"/v1/{path}", json.dumps(body) if body else None, headers)
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.read())

    def document(self, client_id):
        answer = self.ask_vault("GET", f"secret/data/{self._folder}/{client_id}")
        return answer.json()["data"]["data"] if answer.status_code == 200 else None

    def metadata(self, client_id):
        answer = self.ask_vault("GET", f"secret/metadata/{self._folder}/{client_id}")
        return answer.json()["data"] if answer.status_code == 200 else None

    def _listed(self, path):
        answer = self.ask_vault("LIST", path)
        return answer.json()["data"]["keys"] if answer.status_code == 200 else []

    def documents(self, folder=""):
        return self._listed(f"secret/metadata/{self._folder}{folder}")

    def names_in_transit(self):
        return {name for name in self._listed("transit/keys") if name.startswith(f"{self._prefix}.{self._host}.")}

    # --- the tenant ---

    def _ask_tenant(self, method, path, **options):
        request = httpx.Request(method, f"{self._tenant_url}{path}", extensions={"timeout": {}}, **options)
        answer = self._transport.handle_request(request)
        return Answer(answer.status_code, answer.read())

    def _ask_as_administrator(self, method, path, **options):
        return self._ask_tenant(method, path, headers={"authorization": f"Bearer {self._api_key}"}, **options)

    def client(self, client_id):
        answer = self._ask_as_administrator("GET", f"/api/v1/oauth-clients/{client_id}")
        return answer.json() if answer.status_code == 200 else None

    def clients(self):
        return self._ask_as_administrator("GET", "/api/v1/oauth-clients?limit=100").json()["data"]

    def make_client(self, **fields):
        """Make a client that logs in by a secret, as somebody does in the console; return its id and its secret."""
        body = {
            "appType": "web",
            "allowedScopes": ["user_default"],
            "allowedGrantTypes": ["client_credentials"],
            "allowedAuthMethods": ["client_secret"],
            "connectionConfig": {"consentMethod": "trusted"},
            **fields,
        }
        made = self._ask_as_administrator("POST", "/api/v1/oauth-clients", json=body).json()
        return made["clientId"], made["clientSecret"]

    # --- keys and logins ---

    def keys(self, client_id):
        """Whatever the Vault has of a client's keys: kid -> (private number, None) or (None, name in Transit)."""
        return keys_in(self.document(client_id))

    def logs_in(self, client_id, kid, parts):
        url = f"{self._tenant_url}/oauth/token"
        now = int(self._clock.time())
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
        return self._ask_tenant("POST", "/oauth/token", data=form).status_code == 200

    def _signature(self, signed, number, reference):
        if number is not None:
            der = ec.derive_private_key(number, P384).sign(signed, ec.ECDSA(hashes.SHA384()))
            return encoded(b"".join(half.to_bytes(48) for half in decode_dss_signature(der)))
        body = {"input": b64encode(signed).decode(), "marshaling_algorithm": "jws"}
        answer = self.ask_vault("POST", f"transit/sign/{reference}/sha2-384", **body)
        if answer.status_code != 200:
            return None
        return answer.json()["data"]["signature"].rpartition(":")[2].rstrip("=").encode()

    def secret_logs_in(self, client_id, secret):
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        return self._ask_tenant("POST", "/oauth/token", data=form).status_code == 200

    # --- clearing away ---

    def clear(self):
        """Remove whatever the Vault has of the tenant."""
        for name in self.names_in_transit():
            self.ask_vault("POST", f"transit/keys/{name}/config", deletion_allowed=True)
            self.ask_vault("DELETE", f"transit/keys/{name}")
        self._clear("")

    def _clear(self, folder):
        for name in self.documents(folder):
            if name.endswith("/"):
                self._clear(f"{folder}/{name.rstrip('/')}")
            else:
                self.ask_vault("DELETE", f"secret/metadata/{self._folder}{folder}/{name}")


class Answer:
    def __init__(self, status_code, content):
        self.status_code, self._content = status_code, content

    def json(self):
        return json.loads(self._content)


def keys_in(document):
    return {kid: _parts(entry) for kid, entry in (document or {"keys": {}})["keys"].items()}


def _parts(entry):
    if entry.get("reference"):
        return None, entry["reference"]
    number = json.loads(entry["private_jwk"])["d"]
    return int.from_bytes(urlsafe_b64decode(number + "=" * (-len(number) % 4))), None


def operation_in(document):
    """Return the operation that a document says is in progress, {} for none."""
    return json.loads((document or {}).get("operation") or "{}")


def encoded(content):
    return urlsafe_b64encode(content).rstrip(b"=")
