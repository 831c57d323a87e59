"""A client whose secrets are known, and what a user would use it with."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest
from fixtures.leaks import Leaks
from fixtures.support import NoWaiting

import qlik_keys as qk
from qlik_keys.tenant import RetryPolicy


@pytest.fixture(scope="module")
def safe(box):
    """The parts, all with real secrets: .tenant .store .made .key .source and what else there is to show."""
    name, options = f"leaking-{uuid.uuid4().hex[:8]}", {"retry": RetryPolicy(attempts=1), "clock": NoWaiting()}
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key), **options) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token, timeout_seconds=2.0) as store,
    ):
        made = qk.provision(tenant, store, name=name, scopes=["user_default"], client_secret=True)
        record, key = store.read(tenant.host, made.client_id), qk.generate(qk.KeySpec("RS256", bits=2048))
        parts = {"box": box, "tenant": tenant, "store": store, "made": made, "name": name, "record": record, "key": key}
        with qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=made.client_id) as source:
            yield SimpleNamespace(**parts, source=source)
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)


@pytest.fixture
def leaks(safe):
    """What must be shown nowhere."""
    leaks = Leaks(**{"API key": safe.box.api_key, "Vault token": safe.box.vault_token})
    leaks.secrets |= {"client secret": safe.made.client_secret.reveal(), "access token": safe.source.token().reveal()}
    leaks.key("own key", safe.key)
    leaks.key("stored key", safe.record.current.private)
    return leaks
