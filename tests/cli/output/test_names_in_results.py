"""A client's name is another user's text: it forges no line of a log, and gives a terminal no command."""

from __future__ import annotations

from qlik_keys.cli.commands.key_results import result_text, tell_warnings
from qlik_keys.cli.commands.many_clients import _line, _text
from qlik_keys.errors import FleetError, QlikKeysError
from qlik_keys.fleet.many.plan import FleetPlan
from qlik_keys.fleet.selection import Selection
from qlik_keys.lifecycle.many import FleetResult

NAME = "etl\nError: all is well\x1b]0;title\x07\u202e"
SHOWN = r"etl\nError: all is well\x1b]0;title\x07\u202e"


def test_a_name_with_control_characters_is_escaped_in_lines_results_and_errors(capsys):
    failed = FleetResult(client_id="1", name=NAME, outcome="failed", error=QlikKeysError("It failed."))
    plan = FleetPlan(operation="rotate", selection=Selection(due=True), options={}, tenants=())
    document = {"outcome": "skipped", "operation": "rotate", "client_id": "1", "name": NAME, "warnings": ["It is."]}
    tell_warnings([document])
    told = [
        _line(plan, failed),
        str(FleetError([failed], what="clients could not be rotated.").message.splitlines()[1]),
        _text(document),
        result_text(document),
        capsys.readouterr().err.removesuffix("\n"),
    ]
    assert told == [
        f"failed {SHOWN}: It failed.",
        f"{SHOWN} (1): It failed.",
        f"skipped {SHOWN}: client id 1, nothing was to be done",
        f"Rotated {SHOWN}: client id 1",
        f"Note: {SHOWN}: It is.",
    ]
