"""A tenant that was measured to take one key per client: the plan says so before anything is done."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import qlik_keys as qk
from qlik_keys.errors import ManualActionRequired
from qlik_keys.keystore.profiles import TenantProfile

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
MEASURED = "The tenant takes one key per client (measured on 2026-11-29)"


@pytest.mark.parametrize("operation", ["rotate", "revoke"])
def test_the_plan_says_what_the_probe_has_measured(world, operation):
    tenant, store = world.tenant, world.store
    made = qk.provision(tenant, store, name=f"one-key-{operation}", scopes=["user_default"])

    def notes(**options):
        return " ".join(qk.preview(tenant, store, operation, made.client_id, **options).notes)

    def do(**options):
        return getattr(qk, operation)(tenant, store, made.client_id, **options)

    try:
        world.box.configure(maximum_public_keys=1)
        store.write_profile(tenant.host, TenantProfile(probed_at=AT, maximum_keys=2))
        assert "takes one key" not in notes()
        store.write_profile(tenant.host, TenantProfile(probed_at=AT, maximum_keys=1))
        assert f"{MEASURED}: this will be refused" in notes()
        with pytest.raises(ManualActionRequired, match="refuses a second key"):
            do()
        assert f"{MEASURED}: the new key replaces the old one" in notes(allow_swap=True)
        assert do(allow_swap=True).kid != made.kid
    finally:
        world.box.configure(maximum_public_keys=None)
        store.write_profile(tenant.host, TenantProfile(probed_at=AT))
