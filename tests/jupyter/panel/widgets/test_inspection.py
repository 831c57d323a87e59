"""The widgets of the tab "Try a token": what is called and answered goes by message, and no widget's state has it."""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fixtures.canaries import find_canaries

from qlik_keys.auth.inspection import Called
from qlik_keys.diagnosis import Check, Diagnosis
from qlik_keys.jupyter.panel.model.forms import CallForm
from qlik_keys.jupyter.panel.model.shown import ShownAnswer, ShownRequest
from qlik_keys.jupyter.panel.model.state import DoctorState
from qlik_keys.jupyter.panel.widgets.inspection import AnswerView, CallBar, CheckList, Countdown, packed
from qlik_keys.rules.checks import CHECKS
from qlik_keys.rules.fixes import FIXES

CANARY = "canary-body-0123456789-abcdefghijklmnop"

CALLED = Called(
    time=datetime(2027, 1, 15, 8, tzinfo=UTC),
    client_id="c",
    client="etl",
    method="GET",
    path=f"/x?y={CANARY}",
    status=404,
    milliseconds=3.4,
    trace_id="ab",
    error="TenantNotFound",
)


def arrive(widget, content):
    """As the page's message does."""
    widget._handle_custom_msg(content, [])


def answer_of(document, **changes):
    request = ShownRequest(
        system="tenant", method="GET", path="/x", address="/x", body=CANARY, status=None, milliseconds=0.0
    )
    raw = json.dumps(document)
    values = {"request": request, "samples": (("curl", CANARY),), "status": 200, "milliseconds": 1.0, "size": len(raw)}
    return ShownAnswer(**values | {"is_json": True, "document": document, "raw": raw} | changes)


def sent_by(widget):
    """Record what a widget sends to its page."""
    sent = []
    widget.send = lambda content, buffers=None: sent.append((content, buffers))
    return sent


def test_a_call_comes_in_one_message_and_is_in_no_state():
    calls = []
    bar = CallBar(send=calls.append)
    message = {"kind": "call", "method": "POST", "path": f"v1/x?y={CANARY}", "body": CANARY, "confirm": ""}
    arrive(bar, dict(message))
    assert calls == []  # it is disabled until there is a token
    bar.disabled = False
    arrive(bar, {"kind": "other"})
    arrive(bar, dict(message))
    assert calls == [CallForm(method="POST", path=f"v1/x?y={CANARY}", body=CANARY)]
    assert find_canaries(json.dumps(bar.get_state(), default=str) + repr(bar), [CANARY]) == []
    assert CANARY not in repr(CallForm(method="POST", path="v1/x", body=CANARY))


def test_an_answer_goes_by_message_and_is_in_no_state():
    view = AnswerView(examine=lambda: None)
    sent = sent_by(view)
    view.show(None, ())
    assert sent == []
    answer = answer_of({"data": [{"a": CANARY}]})
    view.show(answer, ())
    view.show(answer, ())
    assert [content for content, _ in sent] == [{"kind": "answer"}]
    told = json.loads(zlib.decompress(sent[0][1][0]))
    assert told["document"] == {"data": [{"a": CANARY}]}
    assert told["samples"] == [["curl", CANARY]]
    view.show(None, ())
    assert sent[-1] == ({"kind": "answer"}, [b""])
    view.show(answer, (CALLED,))
    assert sent[-1][0] == {"kind": "calls"}
    [call] = json.loads(zlib.decompress(sent[-1][1][0]))
    assert (call["path"], call["status"], call["is_good"]) == (f"/x?y={CANARY}", 404, False)
    sent.clear()
    arrive(view, {"kind": "ready"})  # another page, which has nothing yet
    assert [content for content, _ in sent] == [{"kind": "answer"}, {"kind": "calls"}]
    assert find_canaries(json.dumps(view.get_state(), default=str) + repr(view), [CANARY]) == []


def test_numbers_that_a_double_would_falsify_go_as_text():
    numbers = [1, 2**53 - 1, 2**53, -(10**20), 1.0, 0.1, True, None, "1"]
    told = json.loads(zlib.decompress(packed(answer_of({"n": numbers}))))["document"]["n"]
    assert told == [
        1,
        2**53 - 1,
        {"\0": "9007199254740992"},
        {"\0": "-100000000000000000000"},
        {"\0": "1.0"},
        {"\0": "0.1"},
        True,
        None,
        "1",
    ]


def test_an_answer_that_is_too_deep_for_the_page_is_raw():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    told = json.loads(zlib.decompress(packed(replace(answer_of([]), document=deep, raw="[[…"))))
    assert (told["is_json"], told["document"], told["raw"]) == (False, None, "[[…")


def test_an_answer_that_is_too_large_says_where_it_is():
    rows = [random.Random(at).randbytes(400).hex() for at in range(3000)]  # only not compressible
    whole = packed(answer_of(rows))
    told = json.loads(zlib.decompress(whole))
    assert len(whole) < 10_000
    assert "panel.last_answer.json()" in told["raw"]
    assert (told["is_json"], told["document"], told["status"]) == (False, None, 200)


def test_a_failed_call_has_a_button_for_the_doctor():
    asked = []
    view = AnswerView(examine=lambda: asked.append(True))
    arrive(view, {"kind": "doctor"})
    view.disabled = True
    arrive(view, {"kind": "doctor"})
    assert asked == [True]


def test_a_countdown_knows_its_end_and_nothing_else():
    ended = []
    countdown = Countdown(over=lambda: ended.append(True))
    assert countdown.ends_at == ""
    countdown.count_to(datetime(2027, 1, 15, 8, tzinfo=UTC))
    assert countdown.ends_at == "2027-01-15T08:00:00+00:00"
    countdown.count_to(None)
    assert countdown.ends_at == ""
    arrive(countdown, {"kind": "over"})
    assert ended == [True]


@pytest.fixture
def diagnosis():
    verdicts = {"consent": "failed", "scopes": "not_checked"}
    checks = tuple(
        Check(
            name=name,
            title=title,
            verdict=verdicts.get(name, "passed"),
            why=f"why {name}",
            advice="trust it" if name == "consent" else "",
            fix="trust" if name == "consent" else "",
        )
        for name, title in CHECKS.items()
    )
    return Diagnosis(
        client_id="c", client_name="etl", tenant_url="https://a", at=datetime(2027, 1, 15, 8, tzinfo=UTC), checks=checks
    )


def test_what_failed_comes_first_with_what_a_click_does(diagnosis):
    done = []
    view = CheckList(fix=done.append, again=lambda: done.append("again"), dismiss=lambda: done.append("dismiss"))
    view.show(DoctorState(diagnosis=diagnosis, fixed="trusted now", remark="the token has expired"))
    checks = view.found["checks"]
    assert [check["verdict"] for check in checks][:3] == ["failed", "not_checked", "passed"]
    assert (checks[0]["fix"], checks[0]["does"]) == ("trust", FIXES["trust"])
    assert (view.found["client"], view.found["fixed"]) == ("etl", "trusted now")
    assert (view.found["remark"], view.found["logged_in"]) == ("the token has expired", True)
    for message in ({"kind": "fix", "fix": "trust"}, {"kind": "again"}, {"kind": "dismiss"}, {"kind": "other"}):
        arrive(view, message)
    assert done == ["trust", "again", "dismiss"]
    view.disabled = True
    arrive(view, {"kind": "again"})
    assert len(done) == 3
    view.show(DoctorState())
    assert view.found == {}
