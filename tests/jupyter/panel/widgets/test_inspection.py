"""The widgets of the tab "Try a token": what is called and answered goes by message, and no widget's state has it."""

from __future__ import annotations

import json
import random
import zlib
from dataclasses import replace
from datetime import UTC, datetime

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
MOMENT = datetime(2027, 1, 15, 8, tzinfo=UTC)
SENT = {"method": "GET", "path": f"/x?y={CANARY}", "status": 404, "milliseconds": 3.4, "trace_id": "ab"}
CALLED = Called(time=MOMENT, client_id="c", client="etl", error="TenantNotFound", **SENT)


def arrive(widget, **content):
    """As the page's message does."""
    widget._handle_custom_msg(content, [])


def answer_of(document):
    request = ShownRequest(
        system="tenant", method="GET", path="/x", address="/x", body=CANARY, status=None, milliseconds=0.0
    )
    raw = json.dumps(document)
    values = {"samples": (("curl", CANARY),), "status": 200, "milliseconds": 1.0, "size": len(raw), "is_json": True}
    return ShownAnswer(request=request, document=document, raw=raw, **values)


def unpacked(content):
    return json.loads(zlib.decompress(content))


def test_a_call_comes_in_one_message_and_is_in_no_state():
    calls = []
    bar = CallBar(send=calls.append)
    message = {"kind": "call", "method": "POST", "path": f"v1/x?y={CANARY}", "body": CANARY, "confirm": ""}
    arrive(bar, **message)
    assert calls == []  # it is disabled until there is a token
    bar.disabled = False
    arrive(bar, kind="other")
    arrive(bar, **message)
    assert calls == [CallForm(method="POST", path=f"v1/x?y={CANARY}", body=CANARY)]
    assert find_canaries(json.dumps(bar.get_state(), default=str) + repr(bar), [CANARY]) == []
    assert CANARY not in repr(CallForm(method="POST", path="v1/x", body=CANARY))


def test_an_answer_goes_by_message_and_is_in_no_state():
    asked, sent = [], []
    view = AnswerView(examine=lambda: asked.append(True))
    view.send = lambda content, buffers=None: sent.append((content, buffers))
    view.show(None, ())
    assert sent == []
    answer = answer_of({"data": [{"a": CANARY}]})
    view.show(answer, ())
    view.show(answer, ())
    assert [content for content, _ in sent] == [{"kind": "answer"}]
    told = unpacked(sent[0][1][0])
    assert (told["document"], told["samples"]) == ({"data": [{"a": CANARY}]}, [["curl", CANARY]])
    view.show(None, ())
    assert sent[-1] == ({"kind": "answer"}, [b""])
    view.show(answer, (CALLED,))
    assert sent[-1][0] == {"kind": "calls"}
    [call] = unpacked(sent[-1][1][0])
    assert (call["path"], call["status"], call["is_good"]) == (f"/x?y={CANARY}", 404, False)
    sent.clear()
    arrive(view, kind="ready")  # another page, which has nothing yet
    assert [content for content, _ in sent] == [{"kind": "answer"}, {"kind": "calls"}]
    assert find_canaries(json.dumps(view.get_state(), default=str) + repr(view), [CANARY]) == []
    arrive(view, kind="doctor")
    view.disabled = True
    arrive(view, kind="doctor")
    assert asked == [True]


def test_what_a_page_cannot_show_goes_as_text():
    numbers = [1, 2**53 - 1, 2**53, -(10**20), 1.0, 0.1, True, None, "1"]
    as_text = [{"\0": text} for text in ("9007199254740992", "-100000000000000000000", "1.0", "0.1")]
    assert unpacked(packed(answer_of({"n": numbers})))["document"]["n"] == [1, 2**53 - 1, *as_text, True, None, "1"]
    deep = []
    for _ in range(100_000):
        deep = [deep]
    told = unpacked(packed(replace(answer_of([]), document=deep, raw="[[…")))
    assert (told["is_json"], told["document"], told["raw"]) == (False, None, "[[…")
    large = packed(answer_of([random.Random(at).randbytes(400).hex() for at in range(3000)]))  # not compressible
    told = unpacked(large)
    assert len(large) < 10_000
    assert "panel.last_answer.json()" in told["raw"]
    assert (told["is_json"], told["document"], told["status"]) == (False, None, 200)


def test_a_countdown_knows_its_end_and_nothing_else():
    ended = []
    countdown = Countdown(over=lambda: ended.append(True))
    for moment, shown in ((None, ""), (MOMENT, "2027-01-15T08:00:00+00:00"), (None, "")):
        countdown.count_to(moment)
        assert countdown.ends_at == shown
    arrive(countdown, kind="over")
    assert ended == [True]


def test_what_failed_comes_first_with_what_a_click_does():
    others = {"consent": {"verdict": "failed", "advice": "trust it", "fix": "trust"}}
    others["scopes"] = {"verdict": "not_checked", "advice": "", "fix": ""}
    passed = {"verdict": "passed", "advice": "", "fix": ""}
    checks = tuple(
        Check(name=name, title=title, why=f"why {name}", **others.get(name, passed)) for name, title in CHECKS.items()
    )
    diagnosis = Diagnosis(client_id="c", client_name="etl", tenant_url="https://a", at=MOMENT, checks=checks)
    done = []
    view = CheckList(fix=done.append, again=lambda: done.append("again"), dismiss=lambda: done.append("dismiss"))
    view.show(DoctorState(diagnosis=diagnosis, fixed="trusted now", remark="the token has expired"))
    shown = view.found["checks"]
    assert [check["verdict"] for check in shown][:3] == ["failed", "not_checked", "passed"]
    assert (shown[0]["fix"], shown[0]["does"]) == ("trust", FIXES["trust"])
    assert (view.found["client"], view.found["fixed"]) == ("etl", "trusted now")
    assert (view.found["remark"], view.found["logged_in"]) == ("the token has expired", True)
    for message in ({"kind": "fix", "fix": "trust"}, {"kind": "again"}, {"kind": "dismiss"}, {"kind": "other"}):
        arrive(view, **message)
    view.disabled = True
    arrive(view, kind="again")
    assert done == ["trust", "again", "dismiss"]
    view.show(DoctorState())
    assert view.found == {}
