"""What a finding says of one client is told of each client, and what it means once."""

from __future__ import annotations

import pandas as pd
import pytest

from qlik_keys.cli.output.table import audit_as_text
from qlik_keys.inventory.audit_report import audit_report
from qlik_keys.rules.catalogue import FINDINGS

RULE = FINDINGS["hook-pending"]


@pytest.fixture
def found():
    rows = [
        {"client_id": f"{number}", "name": f"etl-{number}", "meaning": f"{RULE.meaning} Pending: {hook}."}
        for number, hook in enumerate(("restart-etl", "refresh-agent"))
    ]
    shared = {"severity": RULE.severity, "code": RULE.code, "finding": RULE.name, "advice": RULE.advice, "command": ""}
    frame = pd.DataFrame([shared | row for row in rows], dtype="string")
    frame.attrs = {"tenant": "https://acme.eu.qlikcloud.com", "time": "2026-11-29T00:00:00+00:00"}
    return frame


def test_a_terminal_shows_the_meaning_once_and_the_hook_of_each_client(found):
    text = audit_as_text(found)
    assert text.count(RULE.meaning) == 1
    assert text.splitlines()[-2:] == ["  etl-0: Pending: restart-etl.", "  etl-1: Pending: refresh-agent."]


def test_a_page_shows_the_meaning_once_and_the_hook_of_each_client(found):
    page = audit_report(found, "html")
    assert page.count("No old key is removed until then.") == 1
    assert "<td>Pending: restart-etl.</td>" in page
    assert "<td>Pending: refresh-agent.</td>" in page
