"""The common operations on a tenant with more clients than one page holds, with the objects that made them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fixtures.harness.steps import provision

import qlik_keys as qk
from qlik_keys.core import redaction

PAGE = 100


@pytest.mark.openbao
def test_the_operations_of_the_readme_work_after_clients_were_made():
    """A paging cursor shares dates, ids and claim names with tokens, kids and assertions."""
    seen = []
    with qk.sandbox.start() as box:
        box.seed_clients(2 * PAGE + 50)
        for custody in ("kv", "transit"):
            with (
                qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
                qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody) as store,
            ):
                if custody == "kv":
                    tenant.subscribe(seen.append)
                made = [provision(tenant, store, f"etl-{custody}-{number}") for number in range(5)]
                qk.rotate(tenant, store, made[0].client_id, overlap=timedelta(0))
                frame = qk.clients(tenant, store)
                assert {each.client_id for each in made} <= set(frame["client_id"])
                assert len(frame) >= 2 * PAGE + 55
                assert (qk.audit(tenant, store)["client_id"] != "").any()
                assert qk.resume(tenant, store) == []
    cursors = {exchange.query["next"] for exchange in seen if "next" in exchange.query}
    assert cursors
    assert not any(redaction.REDACTED in cursor for cursor in cursors)
