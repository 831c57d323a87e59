"""Clients with faults, and the people who made them."""

from __future__ import annotations

import functools
import json
from urllib.parse import parse_qs

import httpx
import hvac
import pytest
from fixtures.fault_cases import stop_at
from fixtures.unhealthy_client import UnhealthyClient

import qlik_keys as qk


class Listening(httpx.BaseTransport):
    """The network, and a note of every token and assertion that goes over it."""

    def __init__(self):
        self._network = httpx.HTTPTransport()
        self.heard = {}

    def handle_request(self, request):
        response = self._network.handle_request(request)
        if request.url.path == "/oauth/token":
            [assertion] = parse_qs(request.read().decode())["client_assertion"]
            self.heard[f"assertion {len(self.heard)}"] = assertion.split(".")[2]
            body = json.loads(response.read())
            if "access_token" in body:
                self.heard[f"token {len(self.heard)}"] = body["access_token"]
        return response

    def close(self):
        self._network.close()


class DiagnosedClient(UnhealthyClient):
    """An unhealthy client, with short names for what these tests do to it."""

    @property
    def everywhere(self):
        """What an operation needs to know: tenant, store and id."""
        return self.tenant, self.store, self.client_id

    @property
    def registered(self):
        return self.tenant.oauth_clients.get(self.client_id)

    def set_consent(self, method):
        self.tenant.oauth_clients.set_consent(self.client_id, method)

    def disable_bot(self):
        self.control(f"users/{self.bot_user}/disable")

    def provision(self, name="", **options):
        """Make the client under a name that the caller knows; return the result."""
        self.name = name or self.name
        made = qk.provision(self.tenant, self.store, name=self.name, scopes=["user_default"], **options)
        self.client_id = made.client_id
        return made

    def stop(self, step, operation):
        """Interrupt an operation on this client before a step."""
        stop_at(self, step, functools.partial(operation, *self.everywhere))

    def stop_provisioning(self, name, step):
        stop_at(self, step, functools.partial(self.provision, name))

    def examine(self):
        """Diagnose it as its administrator."""
        return qk.doctor(*self.everywhere)

    def secrets(self, key):
        """All that must not show: the credentials, what the doctor sent and got, and a private key."""
        secrets = {"API key": self.box.api_key, "Vault token": self.box.vault_token, **self.transport.heard}
        secrets |= {f"Vault token {number}": token for number, token in enumerate(self.tokens)}
        if key is not None:
            lines = enumerate(key.reveal().splitlines()[1:-1])
            secrets |= {f"line {number} of the PEM": line for number, line in lines if len(line) >= 24}
            secrets["d"] = json.loads(key.reveal("jwk"))["d"]
        return secrets

    def fix(self, name):
        return qk.fix(*self.everywhere, name)


@pytest.fixture(scope="module")
def box():
    """A sandbox of its own: unreadable documents are in its Vault, which would stop the sweeps of other tests."""
    with qk.sandbox.start() as started:
        yield started


@pytest.fixture(scope="module")
def vault_operator(box):
    client = hvac.Client(url=box.vault_url, token=box.vault_token)
    yield client
    client.adapter.close()


@pytest.fixture
def custody():
    return "kv"


@pytest.fixture
def heard(client):
    """The tokens and assertions that the doctor's session sends and gets."""
    client.transport = Listening()
    return client.transport.heard


@pytest.fixture
def client(box, custody, vault_operator):
    """A client that is not there yet: `make`, `register` or `provision` makes it."""
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody) as store,
    ):
        made = DiagnosedClient(box=box, tenant=tenant, store=store, operator=vault_operator)
        yield made
        made.forget()
