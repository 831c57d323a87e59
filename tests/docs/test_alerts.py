"""The alerts of the guide of warnings: PromQL that a Prometheus takes, about series that the audit writes."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from qlik_keys.inventory.formats.prometheus import audit_as_prometheus

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "warnings.md"
MATCHING = re.compile(r"\b(on|ignoring)\s*\(([^)]*)\)")
MOMENT = datetime(2026, 11, 29, tzinfo=UTC).isoformat()


@pytest.fixture(scope="module")
def series():
    """By series, its labels."""
    columns = ("severity", "code", "finding", "client_id", "name", "meaning", "advice", "command")
    found = pd.DataFrame([dict.fromkeys(columns, "x") | {"severity": "high"}], dtype="string")
    dates = {"client_id": "1", "name": "etl", "key_made": MOMENT, "rotate_by": MOMENT}
    found.attrs = {"tenant": "https://acme.eu.qlikcloud.com", "time": MOMENT, "key_dates": [dates]}
    lines = re.findall(r"^(\w+)\{(.*)\} ", audit_as_prometheus(found), re.MULTILINE)
    return {name: {*re.findall(r"(\w+)=", labels)} for name, labels in lines}


def test_the_alerts_are_about_labels_and_series_that_there_are(series):
    [block] = re.findall(r"```text\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    alerts = block.splitlines()
    assert len(alerts) == 3
    for alert in alerts:
        names = re.findall(r"qlik_keys_\w+", alert)
        assert names
        assert {*names} <= {*series}
        for matching in MATCHING.finditer(alert):
            left = alert[: matching.start()].rstrip(" +-*/<>=")
            assert left.endswith(tuple(series)), "vectors alone are matched: Prometheus refuses a number there"
            kind, labels = matching[1], {each.strip() for each in matching[2].split(",")}
            assert labels <= series[names[0]]
            common = labels if kind == "on" else series[names[0]] - labels
            assert common == series[names[1]]
