"""The widgets of the tab "Try a token": a countdown, the call that is typed, its answer, the doctor's checks.

Calls and answers travel as messages only: a body may hold a password, an answer anything, and a synced trait is saved
with the notebook (reliability-facts, section 3).
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from qlik_keys.jupyter.panel.model.forms import CallForm
from qlik_keys.jupyter.panel.model.words import CALL_METHODS
from qlik_keys.jupyter.panel.widgets import static_text
from qlik_keys.rules.fixes import FIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from qlik_keys.auth.inspection import Called
    from qlik_keys.diagnosis import Diagnosis
    from qlik_keys.jupyter.panel.model.shown import ShownAnswer
    from qlik_keys.jupyter.panel.model.state import DoctorState

_FAST = 1  # zlib: the least work
# A notebook server disconnects a kernel that sends more than a megabyte a second.
_LARGEST_MESSAGE_BYTES = 700_000
_LARGEST_INTEGER = 2**53 - 1  # of a double (RFC 8259, 6)
_NUMBER = "\0"  # the one member of an object that represents a number in `answer_view.js`


class Countdown(anywidget.AnyWidget):
    """Shows the time that is left, second by second; the page counts, so it needs no kernel.

    Args:
        over: called when a page has counted to the end.
    """

    _esm = static_text("countdown.js")
    ends_at = traitlets.Unicode("").tag(sync=True)

    def __init__(self, *, over: Callable[[], None]) -> None:
        super().__init__()
        self._over = over
        self.on_msg(self._received)

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("kind") == "over":
            self._over()

    def count_to(self, moment: datetime | None) -> None:
        """Count down to a moment, None for nothing."""
        self.ends_at = "" if moment is None else moment.isoformat()

    def __repr__(self) -> str:
        return f"<Countdown to {self.ends_at or 'nothing'}>"


class CallBar(anywidget.AnyWidget):
    """The fields of a call: method, path, body; a click sends all of them in one message.

    Args:
        send: called with what was typed.
    """

    _esm = static_text("call_bar.js")
    methods: traitlets.List[str] = traitlets.List([*CALL_METHODS]).tag(sync=True)
    disabled = traitlets.Bool(default_value=True).tag(sync=True)
    why = traitlets.Unicode("").tag(sync=True)

    def __init__(self, *, send: Callable[[CallForm], None]) -> None:
        super().__init__()
        self._send_call = send
        self.on_msg(self._received)

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("kind") == "call" and not self.disabled:
            fields = {name: str(content.pop(name, "")) for name in ("method", "path", "body", "confirm")}
            self._send_call(CallForm(**fields))

    def clear(self) -> None:
        """Empty the body in the page."""
        self.send({"kind": "clear"})

    def __repr__(self) -> str:
        return "<CallBar>"


class AnswerView(anywidget.AnyWidget):
    """Shows an answer as a tree, a table or raw, with the same call by hand, and the calls before it.

    Args:
        examine: called when the user asks what is wrong.
    """

    _esm = static_text("elements.js", "answer_view.js")
    disabled = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, *, examine: Callable[[], None]) -> None:
        super().__init__()
        self._examine = examine
        self._answer: ShownAnswer | None = None
        self._calls: Sequence[Called] = ()
        self.on_msg(self._received)

    def show(self, answer: ShownAnswer | None, calls: Sequence[Called]) -> None:
        """Show an answer, None for none, and the newest calls, the oldest first."""
        if answer is not self._answer:
            self._answer = answer
            self._send_answer()
        if calls != self._calls:
            self._calls = calls
            self._send_calls()

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("kind") == "ready":  # a page was opened and has no answer yet
            self._send_answer()
            self._send_calls()
        elif content.get("kind") == "doctor" and not self.disabled:
            self._examine()

    def _send_answer(self) -> None:
        self.send({"kind": "answer"}, [packed(self._answer)])

    def _send_calls(self) -> None:
        self.send({"kind": "calls"}, [_compressed([_call_facts(each) for each in self._calls])])

    def __repr__(self) -> str:
        return f"<AnswerView {self._answer.status if self._answer else 'of nothing'}>"


class CheckList(anywidget.AnyWidget):
    """Shows what the doctor found, the failed checks first, each with a button for its fix.

    Args:
        fix: called with the name of a fix.
        again: called to check again.
        dismiss: called to remove the result.
    """

    _esm = static_text("elements.js", "check_list.js")
    found: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, *, fix: Callable[[str], None], again: Callable[[], None], dismiss: Callable[[], None]) -> None:
        super().__init__()
        self._actions: dict[str, Callable[[], None]] = {"again": again, "dismiss": dismiss}
        self._fix = fix
        self.on_msg(self._received)

    def show(self, doctor: DoctorState) -> None:
        """Show what the doctor found."""
        self.found = {} if doctor.diagnosis is None else found_of(doctor.diagnosis, doctor.fixed, doctor.remark)

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        kind = content.get("kind")
        if self.disabled:
            return
        if kind == "fix":
            self._fix(str(content.get("fix")))
        elif kind in self._actions:
            self._actions[kind]()

    def __repr__(self) -> str:
        return f"<CheckList, {len(self.found.get('checks', ()))} checks>"


def found_of(diagnosis: Diagnosis, fixed: str, remark: str) -> dict[str, Any]:
    """Return a diagnosis as the page shows it."""
    order = {"failed": 0, "not_checked": 1, "passed": 2}
    return {
        "client": diagnosis.client_name or diagnosis.client_id,
        "at": f"{diagnosis.at:%H:%M:%S} UTC",
        "fixed": fixed,
        "remark": remark,
        "logged_in": any(check.name == "login" and check.verdict == "passed" for check in diagnosis.checks),
        "checks": [
            {
                "name": check.name,
                "title": check.title,
                "code": check.code,
                "verdict": check.verdict,
                "why": check.why,
                "advice": check.advice,
                "fix": check.fix,
                "does": FIXES.get(check.fix, ""),
            }
            for check in sorted(diagnosis.checks, key=lambda check: order[check.verdict])
        ],
    }


def packed(answer: ShownAnswer | None) -> bytes:
    """Return an answer as compressed JSON; in the place of one that is too large for the page, a note."""
    if answer is None:
        return b""
    facts = {
        "method": answer.request.method,
        "path": answer.request.address,
        "samples": answer.samples,
        "needs": answer.needs,
        "status": answer.status,
        "sent": answer.sent,
        "milliseconds": answer.milliseconds,
        "size": answer.size,
        "content_type": answer.content_type,
        "trace_id": answer.trace_id,
        "problem": answer.problem,
        "hint": answer.hint,
        "error": answer.kind,
        "redacted": answer.redacted,
        "note": answer.note,
    }
    raw = {"is_json": False, "document": None, "raw": answer.raw}
    try:
        whole = _compressed({**facts, **raw, "is_json": answer.is_json, "document": _for_page(answer.document)})
    except RecursionError:  # nested too deep to be written again
        whole = _compressed({**facts, **raw})
    if len(whole) <= _LARGEST_MESSAGE_BYTES:
        return whole
    note = f"{answer.size:,} bytes are too many to show here. In a cell: panel.last_answer.json()"
    return _compressed({**facts, **raw, "raw": note})


def _for_page(value: Any) -> Any:
    """Return a document whose numbers a page shows unmodified: JavaScript has doubles only, and writes 1.0 as 1."""
    if isinstance(value, dict):
        return {name: _for_page(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_for_page(each) for each in value]
    is_exact = isinstance(value, bool) or not isinstance(value, int | float)
    is_exact = is_exact or (isinstance(value, int) and abs(value) <= _LARGEST_INTEGER)
    return value if is_exact else {_NUMBER: json.dumps(value)}


def _call_facts(call: Called) -> dict[str, Any]:
    return {
        "time": f"{call.time:%H:%M:%S}",
        "client": call.client,
        "method": call.method,
        "path": call.path,
        "status": call.status,
        "is_good": not call.error,
        "milliseconds": call.milliseconds,
        "retry_after": call.retry_after,
        "trace_id": call.trace_id,
    }


def _compressed(document: Any) -> bytes:
    return zlib.compress(json.dumps(document).encode(), _FAST)
