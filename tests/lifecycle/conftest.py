"""A tenant and a store on the sandbox, what can strike between us and them, and the end state of every operation."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import hvac
import pytest
from actors import Actors
from between import Between

import qlik_keys as qk
from qlik_keys.keystore.base import pending_document_name
from qlik_keys.tenant import NewOAuthClient, eq


@dataclass
class World:
    """The two sides, and what must be true of them when all is done."""

    box: object
    tenant: qk.QlikTenant
    store: qk.VaultKeyStore
    custody: str = "kv"

    def clients_named(self, name):
        return self.tenant.oauth_clients.list(eq("clientName", name))

    def forget(self, name):
        """Delete the clients of that name, so that hundreds of cases do not make each listing long."""
        for client in self.clients_named(name):
            self.tenant.oauth_clients.delete(client.client_id)
            self.store.delete(self.tenant.host, client.client_id)

    def create_with_secret(self, name):
        """Make a machine-to-machine client as a person without us does: by secret alone."""
        new = NewOAuthClient(
            app_type="web",
            client_name=name,
            allowed_scopes=("user_default",),
            allowed_grant_types=("client_credentials",),
            allowed_auth_methods=("client_secret",),
            consent_method="trusted",
        )
        return self.tenant.oauth_clients.create(new)

    def pending(self):
        """What lies under `.staged` in the Vault, asked by hvac itself and not by our store."""
        vault = hvac.Client(url=self.box.vault_url, token=self.box.vault_token)
        try:
            path = f"qlik-keys/{self.tenant.host}/.staged"
            return vault.secrets.kv.v2.list_secrets(path, mount_point="secret")["data"]["keys"]
        except hvac.exceptions.InvalidPath:
            return []
        finally:
            vault.adapter.close()

    def transit_keys(self, name):
        """The keys in Transit that were made for a client of that name, asked by hvac itself."""
        vault = hvac.Client(url=self.box.vault_url, token=self.box.vault_token)
        try:
            names = vault.secrets.transit.list_keys()["data"]["keys"]
        except hvac.exceptions.InvalidPath:
            return []
        finally:
            vault.adapter.close()
        return sorted(each for each in names if f".{pending_document_name(name)}." in each)

    def assert_no_orphan(self, name, record, where=""):
        """Every key in Transit that was made for that client is named by its record."""
        named = sorted(key.reference for key in record.keys.values() if key.reference) if record else []
        assert self.transit_keys(name) == named, where

    def is_untouched(self, name):
        """Whether there is nothing at all of that name: no client, nothing pending."""
        return not self.clients_named(name) and self.pending() == [] and self.transit_keys(name) == []

    def assert_settled(self, name, *, by_key=True, secret=None):
        """Exactly one client of that name, its key in the Vault, it logs in, and nothing pending is left.

        A client secret, where there is one, must be the only one, and log in too.
        """
        clients = self.clients_named(name)
        assert len(clients) == 1, f"{len(clients)} clients"
        [client] = clients
        record = self.store.read(self.tenant.host, client.client_id)
        assert [key.kid for key in client.public_keys] == list(record.keys)
        assert (record.current is not None) is by_key
        if by_key:
            assert (record.current.private is None) is (self.custody == "transit")
            with qk.TokenSource.from_store(
                self.store, tenant_url=self.tenant.url, client_id=client.client_id
            ) as source:
                as_client = self.tenant.with_credential(qk.PrivateKeyJwtAuth(source))
                assert as_client.users.me().client_id == client.client_id
        if secret is not None:
            assert len(client.client_secrets) == 1
            as_client = self.tenant.with_credential(qk.ClientSecret(client.client_id, secret))
            assert as_client.users.me().client_id == client.client_id
        assert self.pending() == []
        self.assert_no_orphan(name, record)
        return client


@pytest.fixture
def custody():
    """Who holds the keys; tests that hold for both have it as a parameter."""
    return "kv"


@pytest.fixture
def world(box, custody):
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody) as store,
    ):
        before = {client.client_id for client in tenant.oauth_clients.iterate()}
        yield World(box, tenant, store, custody)
        box.configure(fail_next=[])
        qk.resume(tenant, store)
        # Every resume looks through all clients of the tenant, which all tests share: none leaves its own behind.
        for client in tenant.oauth_clients.list():
            if client.client_id not in before:
                tenant.oauth_clients.delete(client.client_id)
                store.delete(tenant.host, client.client_id)


@pytest.fixture(scope="session")
def actors(box):
    actors = Actors(box)
    yield actors
    actors.close()


@pytest.fixture
def between(box):
    between = Between(box.vault_url)
    yield between
    between.close()


@pytest.fixture
def name():
    return f"etl-{uuid.uuid4().hex[:12]}"
