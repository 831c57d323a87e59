"""Of any two faults both are named, or one is said not to have been checked because of the other."""

from __future__ import annotations

import itertools
import os
import re

import pytest
from fixtures.fault_cases import FAULT_CASES, MORE, in_order, make
from fixtures.unhealthy_client import check_of, found

from qlik_keys.rules.checks import CHECKS

pytestmark = pytest.mark.openbao
ALL = {**FAULT_CASES, **MORE}
# Of two of these one undoes the other, or keeps it from striking: it would be a test of one fault.
ELSEWHERE = {"nothing listens", "another website", "another name of the tenant", "a record under another name"}
IN_THE_RECORD = {"audience", *(name for name in ALL if ALL[name].finding == "store-record")}
CLOCKS = {name for name in ALL if ALL[name].finding == "clock"}
STORES = {"Vault gone", "the tenant for a Vault", "wrong mount", "unseen mount", "login refused", "revoked"}
TOKENS = {"may not read", *(name for name in ALL if ALL[name].finding == "vault-token")} - STORES
FIRST_ANSWERS = {"nothing listens", "another website", "discovery refused", "a server error"}
APART = [
    (ELSEWHERE, IN_THE_RECORD),
    ({"another website"}, CLOCKS),
    (STORES, TOKENS | STORES),
    ({"429 now"}, FIRST_ANSWERS),
    ({"another key"}, {"algorithm"}),
    # That there is no record for that address is known without the tenant.
    ({"another website", "another name of the tenant"}, {"429 before, for everything"}),
    # The second registers the store's kid again.
    ({"another key"}, {"under its name"}),
]


def can_be_made(one, other):
    if ALL[one].finding == ALL[other].finding:
        return False  # of one check one reason is told
    return not any((one in a and other in b) or (one in b and other in a) for a, b in APART)


EVERY = [pair for pair in itertools.combinations(ALL, 2) if can_be_made(*pair)]
# All of them take six minutes: ALL_PAIRS=1 asks for that.
PAIRS = EVERY if os.environ.get("ALL_PAIRS") else EVERY[::25]
_NAMED = re.compile(rf"(?<![\w-])({'|'.join(CHECKS)})(?![\w-])")


def reasons(diagnosis, name):
    """The checks that failed, to which a check that was not made leads, by way of others that were not made."""
    seen, ahead = {name}, [name]
    failed = set()
    while ahead:
        check = check_of(diagnosis, ahead.pop())
        if check.verdict == "failed":
            failed.add(check.name)
            continue
        for other in set(_NAMED.findall(check.why)) - seen if check.verdict == "not_checked" else ():
            seen.add(other)
            ahead.append(other)
    return failed


def is_told(diagnosis, fault_case, other):
    if fault_case.finding in found(diagnosis) or other.finding in reasons(diagnosis, fault_case.finding):
        return True
    # What affects the login alone has had no effect where none was tried.
    return fault_case is MORE["429 to the login"] and other.finding in reasons(diagnosis, "login")


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_of_any_two_faults_none_is_hidden(client, client_keys, one, other):
    first, second = pair = ALL[one], ALL[other]
    make(client, client_keys, *in_order(pair))
    diagnosis = client.diagnose()
    assert {*found(diagnosis)} <= {first.finding, second.finding}, diagnosis.to_text()
    assert is_told(diagnosis, first, second), (one, diagnosis.to_text())
    assert is_told(diagnosis, second, first), (other, diagnosis.to_text())
