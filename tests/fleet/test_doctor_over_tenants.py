"""The doctor over tenants of which one is dead or refuses the credential: it says so, and does not ask again."""

from __future__ import annotations

import socket

import pytest
from fixtures.support import NoWaiting

import qlik_keys as qk
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.diagnosis.results import Diagnosis, not_checked, passed, see

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


def test_what_could_not_be_looked_at_is_shown_where_nothing_was_found():
    checks = (
        not_checked("client-exists", "It is hidden."),
        see("consent", "client-exists"),
        not_checked("login", "No key."),
    )
    unseen = Diagnosis(
        client_id="", client_name="etl", tenant_url="https://a.test", at=utc_now(SYSTEM_CLOCK), checks=checks
    )
    assert [line.rpartition(": ")[2] for line in unseen.to_text(only_failed=True).splitlines()[1:]] == [
        "It is hidden.",
        "No key.",
    ]
    healthy = Diagnosis(
        client_id="",
        client_name="etl",
        tenant_url="https://a.test",
        at=utc_now(SYSTEM_CLOCK),
        checks=(passed("login", "It did."),),
    )
    assert len(healthy.to_text(only_failed=True).splitlines()) == 1
