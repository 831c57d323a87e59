"""The tokens of a probe that was killed are ended by the next one: on a tenant they outlive their client."""

from __future__ import annotations

import pytest

import qlik_keys as qk
from qlik_keys.diagnosis.probe.throwaway import ThrowAwayClient, leftovers, remove_all
from qlik_keys.errors import TenantAuthError

pytestmark = pytest.mark.openbao


def test_the_tokens_of_a_client_that_was_left_are_ended_with_it(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        client = ThrowAwayClient(tenant)
        client.make()
        source = qk.TokenSource(tenant.token_url, client_id=client.client_id, signer=client.key.signer())
        with source, tenant.with_credential(qk.ApiKey(source.token().reveal())) as as_client:
            bot = as_client.users.me()
            assert bot.client_id == client.client_id
            assert remove_all(tenant) == ([client.client_id], None)
            with pytest.raises(TenantAuthError):
                as_client.users.me()
        assert [*leftovers(tenant)] == []
        tenant.users.delete(bot.id)
