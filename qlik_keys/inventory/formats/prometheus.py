"""Prometheus' text exposition, for node_exporter's textfile collector: counts of findings, and the dates of keys.

Few series: one per client with a dated key, one per kind of finding that there is. A file is read long after it was
written: `qlik_keys_audit_timestamp_seconds` says when that was.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qlik_keys.inventory.formats.rows import asked_of, audited_at, counts, dated_keys, found_rows, tenants_of

if TYPE_CHECKING:
    import pandas as pd

_DAY_SECONDS = 86_400


def audit_as_prometheus(found: pd.DataFrame) -> str:
    """Return the gauges of an audit."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest  # noqa: PLC0415  # for this format alone

    registry = CollectorRegistry()

    def gauge(name: str, words: str, *labels: str) -> Gauge:
        return Gauge(f"qlik_keys_{name}", words, labels, registry=registry)

    rows, now = found_rows(found), audited_at(found)
    by_kind = gauge("findings", "Findings of the audit by kind.", "tenant", "code", "finding", "severity")
    for (tenant, code, finding, severity), count in Counter(
        (row.tenant, row.code, row.finding, row.severity) for row in rows
    ).items():
        by_kind.labels(tenant, code, finding, severity).set(count)
    by_severity = gauge("findings_by_severity", "Findings of the audit by severity, also zero.", "tenant", "severity")
    audited = gauge("audit_timestamp_seconds", "When the audit was made, in seconds since 1970.", "tenant")
    asked = asked_of(found)
    for tenant in tenants_of(found):
        if tenant in asked:
            audited.labels(tenant).set(now.timestamp())
        for severity, count in counts(row for row in rows if row.tenant == tenant).items():
            by_severity.labels(tenant, severity).set(count)
    age = gauge("key_age_days", "How old a client's current key was at the audit.", "tenant", "client_id", "name")
    due = gauge(
        "key_rotation_due_seconds",
        "How long it was at the audit until a client's key should be replaced; negative if it is overdue.",
        "tenant",
        "client_id",
        "name",
    )
    for key in dated_keys(found):
        labels = (key.tenant, key.client_id, key.name)
        if key.made_at is not None:
            age.labels(*labels).set((now - key.made_at).total_seconds() / _DAY_SECONDS)
        if key.rotate_by is not None:
            due.labels(*labels).set((key.rotate_by - now).total_seconds())
    return generate_latest(registry).decode()
