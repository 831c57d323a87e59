"""The doctor over tenants of which one is dead or refuses the credential: it says so, and does not ask again."""

from __future__ import annotations

import socket

import pytest
from fixtures.support import NoWaiting

import qlik_keys as qk

pytestmark = pytest.mark.openbao


def test_a_dead_tenant_is_not_asked_for_its_host_names(box):
    asked = []
    with (
        socket.socket() as bound,  # it does not listen
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with qk.QlikTenant(address, credential=qk.ApiKey(box.api_key), clock=NoWaiting()) as dead:
            dead.subscribe(lambda exchange: asked.append(exchange.path))
            found = qk.Fleet({"dead": (dead, store)}).doctor("of-no-tenant")
    assert found.findings == ("tenant-unreachable",)
    assert set(asked) == {"/.well-known/oauth-authorization-server"}


def test_a_refused_credential_is_a_finding_also_of_a_client_that_only_has_a_name(box):
    with (
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey("of-another-tenant")) as tenant,
    ):
        fleet = qk.Fleet({"refused": (tenant, store)})
        assert fleet.doctor("of-no-tenant").findings == ("credential-refused",)


def test_what_could_not_be_looked_at_is_shown_where_nothing_was_found(box):
    person = box.add_user("Ada", "ada-of-the-fleet-doctor")
    with (
        qk.VaultKeyStore(box.vault_url, token="of-no-one") as store,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(person.api_key)) as tenant,
    ):
        found = qk.Fleet({"seen-by-ada": (tenant, store)}).doctor("of-no-tenant").diagnoses["seen-by-ada"]
    assert not found.is_healthy
    unseen = [check.why for check in found.checks if check.verdict == "not_checked"]
    shown = found.to_text(only_failed=True)
    if not found.findings:
        assert all((why in shown) is not why.startswith("See ") for why in unseen)
