"""Each finding is made for real on the sandbox and named rightly, alone and next to another; health has none."""

from __future__ import annotations

import itertools
import re

import pytest
from fixtures.fault_cases import FAULT_CASES, IN_TRANSIT, MORE, in_order, make
from fixtures.own_commands import assert_commands_parse
from fixtures.unhealthy_client import check_of, found

from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.rules.checks import CHECKS
from qlik_keys.rules.fixes import FIXES
from qlik_keys.rules.model import SEVERITIES

pytestmark = pytest.mark.openbao
ALL = {**FAULT_CASES, **MORE}


def assert_told_once(diagnosis, *fault_cases):
    """Every fault case is named, nothing else is, and what it hides is said not to be checked."""
    wanted = [fault_case.finding for fault_case in fault_cases]
    assert sorted(found(diagnosis)) == sorted(wanted), diagnosis.to_text()
    for fault_case in fault_cases:
        check = check_of(diagnosis, fault_case.finding)
        assert check.why
        assert check.advice
        assert FINDINGS[check.finding].code == check.code
        assert check.severity in SEVERITIES
        # One fault case may stand in the way of the other's fix, never bring a fix of its own.
        assert check.fix == fault_case.fix or (len(fault_cases) > 1 and not check.fix)
        assert check.fix in {"", *FIXES}
        for hidden in fault_case.hides - {*wanted}:  # another fault may be seen in part all the same
            assert check_of(diagnosis, hidden).verdict == "not_checked", hidden
    assert [check.name for check in diagnosis.checks] == list(CHECKS)
    assert all(check.why for check in diagnosis.checks)
    for check in diagnosis.checks:
        assert_commands_parse(check.why, check.advice)
        assert not re.search(r"\.\.(?!\.)|\bNone\b", f"{check.why} {check.advice}")


@pytest.mark.parametrize("name", ALL)
def test_one_fault_is_one_finding(unhealthy_client, client_keys, name):
    make(unhealthy_client, client_keys, ALL[name])
    diagnosis = unhealthy_client.diagnose()
    assert_told_once(diagnosis, ALL[name])
    assert not diagnosis.is_healthy


@pytest.mark.parametrize("custody", ["transit"])
@pytest.mark.parametrize(
    "name", [*IN_TRANSIT, "another key", "destroyed", "under its name", "no record", "cut off", "bot disabled"]
)
def test_one_fault_is_one_finding_where_vault_signs(unhealthy_client, client_keys, name):
    fault_case = {**ALL, **IN_TRANSIT}[name]
    make(unhealthy_client, client_keys, fault_case)
    assert_told_once(unhealthy_client.diagnose(), fault_case)


@pytest.mark.parametrize("custody", ["transit"])
@pytest.mark.parametrize("other", ["no machine", "not trusted", "scopes"])
@pytest.mark.parametrize("one", IN_TRANSIT)
def test_of_two_faults_both_are_named_where_vault_signs(unhealthy_client, client_keys, one, other):
    pair = [FAULT_CASES[other], IN_TRANSIT[one]]
    make(unhealthy_client, client_keys, *pair)
    assert_told_once(unhealthy_client.diagnose(), *pair)


def visible(first, second):
    if first.finding == second.finding:
        return False
    hidden = {first.finding: first.hides | first.never_with, second.finding: second.hides | second.never_with}
    return first.finding not in hidden[second.finding] and second.finding not in hidden[first.finding]


PAIRS = [
    (one, other)
    for one, other in itertools.combinations(FAULT_CASES, 2)
    if visible(FAULT_CASES[one], FAULT_CASES[other])
][::2]  # every second one: each fault is in several
# Two that the tenant refuses alike: the one that can be looked up does not swallow the one that cannot.
PAIRS += [
    ("by secret only", other) for other in ("wrong key written", "private key emptied", "soft-deleted", "destroyed")
]
PAIRS += [(one, other) for one in ("audience", "another key") for other in ("wrong key written", "private key emptied")]
PAIRS += [("scopes", "not seen yet"), ("scopes", "too many tokens"), ("scopes", "led elsewhere")]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_of_two_faults_both_are_named(unhealthy_client, client_keys, one, other):
    pair = [ALL[one], ALL[other]]
    make(unhealthy_client, client_keys, *in_order(pair))
    assert_told_once(unhealthy_client.diagnose(), *pair)
