"""What tests need to knock at a sandbox tenant: the HTTP door, requests, and assertions that may be wrong."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from qlik_keys.sandbox.asgi import UVICORN_OPTIONS, create_app

if TYPE_CHECKING:
    import qlik_keys as qk

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLIENTS = "/api/v1/oauth-clients"


@contextlib.contextmanager
def serving(make_tenant, *, control_token=None, scheme="http", **uvicorn_options):
    """Serve a tenant by uvicorn on a free port; it is made when the address is known. Yields it and the address.

    The socket listens before the server runs, so that nobody need wait for it; and it names its protocol, without
    which asyncio leaves Nagle's algorithm on, and each answer takes 40 ms.
    """
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        address = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        tenant = make_tenant(address)
        app = create_app(tenant, control_token=control_token)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, **UVICORN_OPTIONS, **uvicorn_options))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield tenant, address
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


@dataclass
class Registered:
    """A client of the sandbox with the keys that it was registered with, which a test may sign by."""

    client_id: str
    secret: str | None
    keys: list[qk.PrivateKey]


class Knock:
    """Requests to one tenant through one door."""

    def __init__(self, tenant, http, clock):
        self.tenant = tenant
        self.http = http
        self.clock = clock
        self.token_url = f"{tenant.base_url}/oauth/token"
        self.admin = {"authorization": f"Bearer {tenant.api_key}"}

    def now(self):
        return int(self.clock.time())

    def create(self, *keys, **fields):
        methods = ["private_key_jwt"] if keys else ["client_secret"]
        document = {
            "appType": "web",
            "clientName": "test client",
            "allowedScopes": ["user_default"],
            "allowedGrantTypes": ["client_credentials"],
            "allowedAuthMethods": methods,
            "publicKeys": [key.public.to_dict() for key in keys],
            "connectionConfig": {"consentMethod": "trusted"},
            **fields,
        }
        return self.http.post(CLIENTS, json=document, headers=self.admin)

    def client(self, *keys, **fields):
        answer = self.create(*keys, **fields)
        assert answer.status_code == 201, answer.text
        return Registered(answer.json()["clientId"], answer.json().get("clientSecret"), list(keys))

    def call(self, method, path="", **options):
        headers = {**self.admin, **options.pop("headers", {})}
        return self.http.request(method, f"{CLIENTS}{path}", headers=headers, **options)

    def get_token(self, client_id, **parameters):
        return self.http.post(
            "/oauth/token", data={"grant_type": "client_credentials", "client_id": client_id, **parameters}
        )

    def log_in(self, client, *, key=None, **parameters):
        """Log in as the contract says, with changed parameters; the assertion is new."""
        assertion = self.assertion(client, key=key)
        return self.get_token(
            client.client_id, client_assertion=assertion, client_assertion_type=ASSERTION_TYPE, **parameters
        )

    def claims(self, client_id):
        now = self.now()
        aud, jti = self.token_url, str(uuid.uuid4())
        return {"iss": client_id, "sub": client_id, "aud": aud, "jti": jti, "iat": now, "exp": now + 120}

    def assertion(self, client, *, key=None, claims=None, header=None):
        key = key or client.keys[0]
        claims = self.claims(client.client_id) if claims is None else claims
        return sign(key, json.dumps(claims), header or {"alg": key.alg, "kid": key.kid, "typ": "JWT"})


def base64url(data):
    return urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def sign(key, payload, header):
    """Sign anything under any header: what the product's own assertions would never let through."""
    text = header if isinstance(header, str) else json.dumps(header)
    signing_input = f"{base64url(text)}.{base64url(payload)}"
    return f"{signing_input}.{base64url(key.signer().sign(signing_input.encode()))}"
