"""An audit in each format: read by another program's parser, with names that someone chose to do harm."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import icalendar
import pandas as pd
import pytest
from fixtures.support import ManualClock, machine_client
from prometheus_client.parser import text_string_to_metric_families

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError
from qlik_keys.inventory.audit_report import AUDIT_FORMATS, some_findings
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

pytestmark = pytest.mark.openbao
DAY = timedelta(days=1)
FORMULA, SCRIPT, QUOTES = '=HYPERLINK("https://evil.example")', "<script>alert(1)</script>", 'a"b\\c;d,e & é'


class Tenant:
    """A tenant in this process whose time is moved by hand, with its keys in a real OpenBao."""

    def __init__(self, openbao, host):
        self.clock = ManualClock()
        sandbox = SandboxTenant(f"https://{host}", clock=self.clock)
        options = {"transport": SandboxTransport(sandbox), "clock": self.clock}
        self.tenant = qk.QlikTenant(f"https://{host}", credential=qk.ApiKey(sandbox.api_key), **options)
        self.store = qk.VaultKeyStore(openbao.url, token=openbao.token, clock=self.clock)

    def made(self, name, days):
        return qk.provision(
            self.tenant, self.store, name=name, scopes=["user_default"], rotate_after=days * DAY, clock=self.clock
        )

    def audit(self, **options):
        return qk.audit(self.tenant, self.store, clock=self.clock, **options)

    def now(self):
        return datetime.fromtimestamp(self.clock.time(), UTC)


@pytest.fixture(scope="module")
def there(openbao):
    there = Tenant(openbao, "formats.eu.qlikcloud.com")
    there.ids = {name: there.made(name, days).client_id for name, days in ((FORMULA, 5), (SCRIPT, 20), (QUOTES, 60))}
    there.tenant.oauth_clients.create(machine_client("by secret"))
    yield there
    there.tenant.close()
    there.store.close()


@pytest.fixture(scope="module")
def found(there):
    return there.audit(due_within=timedelta(days=30))


@pytest.fixture(scope="module")
def several(found):
    """What an audit of two tenants looks like: a first column, and the attributes by tenant."""
    tables = [found.assign(tenant=name)[["tenant", *found.columns]] for name in ("eu", "us")]
    for each in tables:
        each.attrs = {}
    both = pd.concat(tables, ignore_index=True)
    both.attrs = {"tenants": {"eu": found.attrs, "us": found.attrs}}
    return both


def test_keys_that_are_due_within_the_asked_time_are_told_once(there, found):
    rows = {(row.code, row.client_id) for row in found.itertuples() if row.client_id in there.ids.values()}
    assert rows == {("QK115", there.ids[FORMULA]), ("QK318", there.ids[SCRIPT])}
    for within, told in ((20 * DAY, True), (20 * DAY - timedelta(seconds=1), False), (timedelta.max, True)):
        codes = {*there.audit(due_within=within)["client_id"][lambda ids: ids == there.ids[SCRIPT]]}
        assert bool(codes) is told, within
    with pytest.raises(ValueError, match="negative"):
        there.audit(due_within=-DAY)


def test_csv_runs_no_formula(found, several):
    for frame in (found, several):
        rows = [*csv.DictReader(io.StringIO(qk.audit_report(frame, "csv")))]
        assert [each["code"] for each in rows] == [*frame["code"]]
        assert {each["name"] for each in rows} == {f"'{FORMULA}", SCRIPT, "by secret"}
        assert ("tenant" in rows[0]) is (frame is several)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.cells, self.attributes = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data.strip("\n")


def test_html_is_a_page_without_scripts_and_addresses(found, several):
    page = Page(qk.audit_report(found, "html"))
    assert not {"script", "a", "img", "link", "iframe", "object"} & {*page.tags}
    assert not any(name.startswith("on") or name in {"src", "href"} for name in page.attributes)
    assert {FORMULA, SCRIPT} <= {*page.cells}
    assert {"eu", "us"} <= {*Page(qk.audit_report(several, "html")).cells}


def test_junit_has_a_case_for_each_finding_and_fails_by_severity(found, several):
    root = ET.fromstring(qk.audit_report(found, "junit"))
    assert (
        len(root.findall(".//testcase")) == len(root.findall(".//failure")) == len(found) == int(root.get("failures"))
    )
    assert {each.get("classname") for each in root.iter("testcase")} == {FORMULA, SCRIPT, "by secret"}
    medium = ET.fromstring(qk.audit_report(found, "junit", fail_on="medium"))
    assert {each.get("type") for each in medium.iter("failure")} == {"medium"}
    assert ET.fromstring(qk.audit_report(found, "junit", fail_on="never")).find(".//failure") is None
    root = ET.fromstring(qk.audit_report(several, "junit"))
    assert [each.get("name") for each in root.findall("testsuite")] == ["eu", "us"]
    nothing = ET.fromstring(qk.audit_report(found[:0], "junit"))
    assert (nothing.get("tests"), nothing.get("failures"), len(nothing.findall(".//testcase"))) == ("1", "0", 1)
    broken = found.assign(name="\x00\ud800]]>\x1b[31m")
    assert ET.fromstring(qk.audit_report(broken, "junit")).find(".//testcase").get("classname").endswith("[31m")


def samples(text):
    """The samples of an exposition, by name and labels."""
    return {
        (each.name, frozenset(each.labels.items())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_prometheus_reads_counts_ages_and_due_dates(there, found, several):
    told = samples(qk.audit_report(found, "prometheus"))
    where = ("tenant", "formats.eu.qlikcloud.com")
    assert told["qlik_keys_audit_timestamp_seconds", frozenset({where})] == int(there.clock.time())
    counts = {
        dict(labels)["severity"]: value
        for (name, labels), value in told.items()
        if name == "qlik_keys_findings_by_severity"
    }
    assert counts == {
        severity: (found["severity"] == severity).sum() for severity in ("critical", "high", "medium", "low")
    }
    of = {name: frozenset({where, ("client_id", client_id), ("name", name)}) for name, client_id in there.ids.items()}
    due = {name: told["qlik_keys_key_rotation_due_seconds", labels] for name, labels in of.items()}
    assert due == {FORMULA: 5 * DAY.total_seconds(), SCRIPT: 20 * DAY.total_seconds(), QUOTES: 60 * DAY.total_seconds()}
    assert {told["qlik_keys_key_age_days", labels] for labels in of.values()} == {0.0}
    both = samples(qk.audit_report(several, "prometheus"))
    assert {dict(labels)["tenant"] for _, labels in both} == {"eu", "us"}


def events(text):
    return {str(each["uid"]): each for each in icalendar.Calendar.from_ical(text).walk("VEVENT")}


def test_a_calendar_that_is_imported_again_moves_its_events(openbao, there, several):
    text = qk.audit_report(several, "ics")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert len(events(text)) == 2 * len(there.ids)
    other = Tenant(openbao, "calendar.eu.qlikcloud.com")
    made = other.made(QUOTES, 60)
    [(uid, before)] = events(qk.audit_report(other.audit(), "ics")).items()
    assert uid == f"{made.client_id}.rotate-by@calendar.eu.qlikcloud.com"
    assert before["dtstart"].dt == (other.now() + 60 * DAY).date()
    assert before["summary"] == f"Rotate the key of {QUOTES}"
    other.clock.advance(86_400)
    qk.rotate(other.tenant, other.store, made.client_id, rotate_after=60 * DAY, clock=other.clock)
    [(again, after)] = events(qk.audit_report(other.audit(), "ics")).items()
    assert (again, after["dtstart"].dt) == (uid, before["dtstart"].dt + DAY)
    assert after["sequence"] > before["sequence"]
    other.tenant.close()
    other.store.close()


def test_json_is_what_the_table_says(found):
    rows = json.loads(qk.audit_report(found, "json"))
    assert [(each["code"], each["name"]) for each in rows] == [*zip(found["code"], found["name"], strict=True)]


def test_some_findings_by_code_name_and_severity(found):
    assert {*some_findings(found, only=["qk318", "Secret-Only"])["finding"]} == {"rotation-due-soon", "secret-only"}
    assert {*some_findings(found, severity="medium")["severity"]} == {"medium"}
    assert some_findings(found, only=["QK318"]).attrs == found.attrs
    with pytest.raises(ConfigurationError, match="Did you mean rotation-due"):
        some_findings(found, only=["rotation-du"])


@pytest.mark.parametrize("form", AUDIT_FORMATS)
def test_an_audit_without_findings_and_a_table_of_another_kind(found, form):
    assert qk.audit_report(found[:0], form)
    with pytest.raises(ValueError, match="none of qk"):
        qk.audit_report(found[["code"]], form)
