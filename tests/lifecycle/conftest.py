"""A tenant and a store on the sandbox, and the end state that every operation must reach."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import hvac
import pytest

import qlik_keys as qk


@dataclass
class World:
    """The two sides, and what must be true of them when all is done."""

    box: object
    tenant: qk.QlikTenant
    store: qk.VaultKeyStore

    def clients_named(self, name):
        return [client for client in self.tenant.oauth_clients.iterate() if client.client_name == name]

    def staged(self):
        """What lies under `.staged` in the Vault, asked by hvac itself and not by our store."""
        vault = hvac.Client(url=self.box.vault_url, token=self.box.vault_token)
        try:
            path = f"qlik-keys/{self.tenant.host}/.staged"
            return vault.secrets.kv.v2.list_secrets(path, mount_point="secret")["data"]["keys"]
        except hvac.exceptions.InvalidPath:
            return []
        finally:
            vault.adapter.close()

    def assert_settled(self, name):
        """Exactly one client of that name, its key in the Vault, it logs in, and nothing staged is left."""
        clients = self.clients_named(name)
        assert len(clients) == 1, f"{len(clients)} clients"
        [client] = clients
        record = self.store.read(self.tenant.host, client.client_id)
        assert [key.kid for key in client.public_keys] == list(record.keys)
        assert record.current is not None
        assert record.current.private is not None
        source = qk.TokenSource.from_store(self.store, tenant_url=self.tenant.url, client_id=client.client_id)
        with self.tenant.with_credential(qk.PrivateKeyJwtAuth(source)) as as_client:
            assert as_client.users.me().client_id == client.client_id
        assert self.staged() == []
        return client


@pytest.fixture
def world(box):
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        yield World(box, tenant, store)
        box.configure(fail_next=[])
        qk.resume(tenant, store)


@pytest.fixture
def name():
    return f"etl-{uuid.uuid4().hex[:12]}"
