"""A client's whole life on tenants that answer otherwise where the public documents leave it open."""

from __future__ import annotations

from datetime import timedelta

import pytest

import qlik_keys as qk
from qlik_keys.errors import ManualActionRequired, TenantRejected
from qlik_keys.sandbox.simulator.settings import SandboxSettings

ALTERNATIVES = [
    {"empty_scope": "refused"},
    {"absent_replace": "applied"},
    {"filter_case": "exact"},
    {"maximum_page_size": 1},
    {"jti_remembered_seconds": 0},
    {"key_removal_seconds": 5},
    {"key_propagation_seconds": 0.3},
    {"key_token_lifetime_seconds": 60},
    {"lists_machine_tokens": False},
    {"token_rows_name_client": True},
    {"event_namespace": "core"},
    {"events_refused": True},
    {"tokens_end_with_client": True, "bot_ends_with_client": True},
    {"api_versions": ["2026-11"]},
    {"maximum_public_keys": 2},
]


@pytest.fixture
def configure(box):
    changed = {}

    def turn(**settings):
        changed.update(settings)
        box.configure(**settings)

    yield turn
    box.configure(**{name: getattr(SandboxSettings(), name) for name in changed})


@pytest.mark.parametrize("settings", ALTERNATIVES, ids=", ".join)
def test_every_operation_works_with_either_answer(world, name, configure, settings):
    tenant, store = world.tenant, world.store
    configure(**settings)
    made = qk.provision(tenant, store, name=name, scopes=["user_default"])
    assert qk.provision(tenant, store, name=name, scopes=["user_default"]).client_id == made.client_id
    assert qk.rotate(tenant, store, name, overlap=timedelta(0)).kid != made.kid
    kid = qk.revoke(tenant, store, name).kid
    if "empty_scope" not in settings:  # it logs in without a scope
        world.assert_settled(name)
    diagnosis = qk.doctor(tenant, store, name)
    assert (diagnosis.findings, diagnosis.login.verdict) == ((), "passed")
    assert ("Only with scopes that are named" in diagnosis.login.why) is ("empty_scope" in settings)
    [row] = qk.clients(tenant, store, usage=True).query("client_id == @made.client_id").itertuples()
    assert (row.current_kid, row.findings) == (kid, ())
    other = world.create_with_secret(f"{name} by hand").client.client_id
    assert qk.adopt(tenant, store, other, remove_secrets=True).client_id == other
    for client_id in (made.client_id, other):
        qk.delete(tenant, store, client_id, confirm=client_id, remove_bot=True)
    assert qk.resume(tenant, store) == []


def test_one_key_at_most_is_a_reason_and_a_swap_works(world, name, configure):
    configure(maximum_public_keys=1)
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    with pytest.raises(ManualActionRequired, match="refuses a second key"):
        qk.rotate(world.tenant, world.store, name)
    assert qk.rotate(world.tenant, world.store, name, allow_swap=True).kid != made.kid
    world.assert_settled(name)


def test_a_version_that_the_tenant_does_not_support_is_explained(world, name, configure):
    configure(api_versions=["2026-05"])
    with pytest.raises(TenantRejected) as caught:
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    assert caught.value.hint == "Set QLIK_API_VERSION to a version of the API that this tenant supports."
    configure(api_versions=SandboxSettings().api_versions)
