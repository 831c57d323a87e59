"""A filter of findings hides no tenant that could not be asked, in no format."""

from __future__ import annotations

import json
import socket

import pytest
from fixtures.support import NoWaiting

import qlik_keys as qk
from qlik_keys.inventory.audit_report import some_findings

pytestmark = pytest.mark.openbao


def test_a_dead_tenant_stays_in_each_format_of_a_filtered_audit(box):
    with (
        socket.socket() as bound,  # it does not listen
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with qk.QlikTenant(address, credential=qk.ApiKey(box.api_key), clock=NoWaiting()) as dead:
            found = qk.Fleet({"dead": (dead, store)}).audit()
    for options in ({"only": ["QK306"]}, {"severity": "critical"}):
        kept = some_findings(found, **options)
        assert [*zip(kept["tenant"], kept["code"], strict=True)] == [("dead", "QK410")]
        told = {form: qk.audit_report(kept, form) for form in ("json", "csv", "html", "junit", "prometheus")}
        assert json.loads(told["json"])[0]["tenant"] == "dead"
        assert all("QK410" in text for text in told.values())
        # The alert of the guide fires; the time of an audit is that of tenants that were asked.
        assert 'findings_by_severity{severity="high",tenant="dead"} 1.0' in told["prometheus"]
        assert 'audit_timestamp_seconds{tenant="dead"}' not in told["prometheus"]
