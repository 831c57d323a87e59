"""A tenant that logs in by a key in the Vault closes the store that it opened for that, and no store of others."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest

from qlik_keys.auth.http_auth import StoredKeyLogin
from qlik_keys.config.settings import Settings
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError
from qlik_keys.keystore.vault.store import VaultKeyStore
from qlik_keys.tenant import Anonymous, QlikTenant

URL = "https://acme.eu.qlikcloud.com"


class WatchedStore(VaultKeyStore):
    closed = 0

    def close(self):
        WatchedStore.closed += 1
        super().close()


@dataclass(frozen=True)
class WatchedSettings(Settings):
    def store(self, **options):
        return WatchedStore(self.vault_url, token=self.vault_token, **options)


def settings_of(url=URL):
    token = Secret("canary", what="token", any_text=True)
    return WatchedSettings(tenant_url=url, login_client="rotation", vault_url="http://127.0.0.1:9", vault_token=token)


@pytest.fixture(autouse=True)
def closed():
    WatchedStore.closed = 0
    return lambda: WatchedStore.closed


def test_the_store_of_the_login_is_closed_once_with_the_tenant(closed):
    with settings_of().tenant() as tenant:
        tenant.with_credential(Anonymous()).close()  # shares the connections
        assert closed() == 0
    assert closed() == 1


def test_it_is_closed_where_the_tenant_cannot_be_made(closed):
    with pytest.raises(ConfigurationError):
        settings_of("http://acme.eu.qlikcloud.com").tenant()
    assert closed() == 1


def test_a_store_that_someone_else_has_opened_stays_open(closed):
    store = settings_of().store()
    with QlikTenant(URL, credential=StoredKeyLogin(store, "rotation")):
        pass
    assert closed() == 0
    with contextlib.closing(store):
        pass
    assert closed() == 1
