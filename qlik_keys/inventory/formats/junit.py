"""JUnit's XML, as CI servers show it: a test case per finding, in a suite per tenant.

A finding below the severity that fails the audit is a test case that passes, with its text as output. A tenant without
a finding has one test case that passes, so that a report is never taken for a run in which nothing was looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # it writes only: nothing is parsed

from qlik_keys.inventory.formats.rows import audited_at, found_rows, tenants_of
from qlik_keys.rules.model import SEVERITIES

if TYPE_CHECKING:
    import pandas as pd

    from qlik_keys.inventory.formats.rows import FoundRow

NEVER = "never"


def audit_as_junit(found: pd.DataFrame, *, fail_on: str = "low") -> str:
    """Return the XML.

    Args:
        found: of `audit`.
        fail_on: the least severity that is a failure; "never" for none.
    """
    rows = found_rows(found)
    failing = SEVERITIES[: SEVERITIES.index(fail_on) + 1] if fail_on in SEVERITIES else ()
    root = ET.Element("testsuites", name="qlik-keys audit")
    tests = failures = 0
    for tenant in tenants_of(found) or [""]:
        suite = ET.SubElement(root, "testsuite", name=tenant or "audit")
        told = [row for row in rows if row.tenant == tenant]
        failed = sum(_case(suite, row, is_failure=row.severity in failing) for row in told)
        if not told:
            ET.SubElement(suite, "testcase", classname=tenant or "audit", name="no findings", time="0")
        counted = max(1, len(told))
        suite.attrib |= {"tests": str(counted), "failures": str(failed), "errors": "0", "skipped": "0", "time": "0"}
        suite.set("timestamp", f"{audited_at(found):%Y-%m-%dT%H:%M:%S}")
        tests, failures = tests + counted, failures + failed
    root.attrib |= {"tests": str(tests), "failures": str(failures), "errors": "0"}
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, row: FoundRow, *, is_failure: bool) -> int:
    """Add the test case of a finding; return 1 for a failure, else 0."""
    client = row.name or row.client_id or row.tenant
    name = f"{row.code} {row.finding}" + (f" [{row.client_id}]" if row.client_id else "")
    case = ET.SubElement(suite, "testcase", classname=client, name=name, time="0")
    text = "\n".join(part for part in (row.meaning, row.advice, row.command) if part)
    if is_failure:
        ET.SubElement(case, "failure", type=row.severity, message=f"{row.severity}: {row.meaning}").text = text
    else:
        ET.SubElement(case, "system-out").text = f"{row.severity}: {text}"
    return int(is_failure)
