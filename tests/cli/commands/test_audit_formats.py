"""`audit` in other formats and to a file, some of its findings; `notify` and `report` as commands."""

from __future__ import annotations

import json
import os
import uuid
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

import qlik_keys as qk
from qlik_keys.inventory.audit_report import AUDIT_FORMATS


@pytest.fixture
def soon(tenant, store):
    """A client whose key is due in 20 days; it has no finding unless one asks for it."""
    made = qk.provision(
        tenant, store, name=f"soon-{uuid.uuid4().hex[:8]}", scopes=["user_default"], rotate_after=timedelta(days=20)
    )
    yield made
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)


DUE = ("--due-within", "21d", "--only", "qk318")


def test_a_key_that_is_due_soon_is_a_finding_when_it_is_asked_for(qlik_keys, terminal, soon):
    assert qlik_keys("audit", "--only", "qk318").code == 0
    ended = qlik_keys("audit", *DUE, "--json")
    assert (ended.code, {each["code"] for each in json.loads(ended.out)}) == (3, {"QK318"})
    assert soon.client_id in terminal("audit", *DUE).out
    assert (qlik_keys("audit", *DUE, "--fail-on", "high").code, qlik_keys("audit", *DUE, "-q").out.split()) == (
        0,
        [soon.client_id],
    )
    assert qlik_keys("audit", *DUE, "--severity", "medium", "--format", "table").out == "There are no findings.\n"


def test_each_format_is_printed_and_written_to_a_file_that_names_it(qlik_keys, soon, tmp_path):
    for form in AUDIT_FORMATS:
        printed = qlik_keys("audit", *DUE, "--format", form)
        assert (printed.code, soon.client_id in printed.out, printed.err) == (3, True, ""), form
    for ending, first in ((".html", "<!doctype html>"), (".xml", "<?xml"), (".prom", "# HELP"), (".ics", "BEGIN:VCA")):
        file = tmp_path / f"audit{ending}"
        file.write_text("of yesterday")
        ended = qlik_keys("audit", *DUE, "--output", str(file))
        assert (ended.code, ended.out, file.read_text().startswith(first)) == (3, "", True)
    assert ET.parse(tmp_path / "audit.xml").getroot().get("failures") == "1"
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".audit")]
    refused = qlik_keys("audit", "--output", str(tmp_path / "none" / "audit.html"))
    assert (refused.code, "cannot be written" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "QK31"], "There is no finding 'QK31'"),
        (["--severity", "urgent"], "choose one of critical, high, medium, low"),
        (["--due-within", "soon"], "Write a whole number and a unit, for example 90d, 12h or 2w"),
        (["--due-within", "999999w"], "Write at most 36500d"),
        (["--format", "pdf"], "choose one of table, json"),
        (["-q", "--format", "csv"], "--quiet prints ids alone"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(qlik_keys, words, said):
    ended = qlik_keys("audit", *words)
    assert (ended.code, said in ended.err) == (2, True), ended.err


CANARY = "canary-T0KEN-of-a-webhook"


@pytest.mark.parametrize(
    ("words", "urls", "code", "said"),
    [
        ([f"json://127.0.0.1/{CANARY}"], "", 2, "a URL is a secret"),
        ([], "", 1, "QLIK_KEYS_NOTIFY"),
        ([], f"nothing-like-it://{CANARY}", 1, "URL number 1 is none that apprise knows"),
        ([], f"json://127.0.0.1:1/a jsons://h/{CANARY}?verify=no", 1, "URL number 2 turns off the verification"),
        (["--from-file", "/nowhere"], f"json://h/{CANARY}", 1, "cannot be read: No such file or directory"),
    ],
)
def test_a_destination_that_is_none_is_refused_and_never_repeated(qlik_keys, words, urls, code, said):
    for more in ([], ["--json"]):
        ended = qlik_keys("notify", *words, *more, QLIK_KEYS_NOTIFY=urls)
        assert (ended.code, ended.out, said in ended.err, CANARY in ended.err) == (code, "", True, False), ended.err


def test_a_dry_run_shows_the_message_and_sends_and_remembers_nothing(qlik_keys, terminal, soon, tmp_path):
    file = tmp_path / "urls"
    file.write_text(f"# the channel of the team\njson://127.0.0.1:1/{CANARY}\n")
    words = ("notify", *DUE, "--dry-run", "--from-file", str(file))
    for _ in range(2):
        [told] = json.loads(qlik_keys(*words).out)
        assert (told["new"], told["sent"], soon.client_id in told["body"]) == (1, False, True)
    shown = terminal(*words).out
    assert ("would be sent" in shown, soon.client_id in shown, CANARY in shown) == (True, True, False)


def test_a_report_is_printed_and_written(qlik_keys, terminal, soon, tmp_path):
    told = json.loads(qlik_keys("report", "--since", "2020-01-01").out)
    assert ("key-promoted", soon.client_id) in {(each["event"], each["client_id"]) for each in told["events"]}
    text = terminal("report").out
    assert (soon.name in text, "What cannot be known:" in text) == (True, True)
    file = tmp_path / "report.html"
    assert (qlik_keys("report", "-o", str(file)).code, soon.name in file.read_text()) == (0, True)
    as_csv = qlik_keys("report", "--format", "csv")
    assert (as_csv.out.startswith("time,client_id"), "Note: " in as_csv.err) == (True, True)
    assert qlik_keys("report", "--since", "yesterday").code == 2
    assert qlik_keys("report", "--format", "pdf").code == 2
    assert os.listdir(tmp_path) == ["report.html"]  # noqa: PTH208
