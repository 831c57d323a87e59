"""Each finding is made for real on the sandbox and named rightly, alone and next to another, and shows no secret."""

from __future__ import annotations

import itertools
import json
import logging
import re
import traceback

import pytest
from fixtures.canaries import find_canaries
from fixtures.fault_cases import FAULT_CASES, IN_TRANSIT, MORE, in_order, make
from fixtures.own_commands import assert_commands_parse
from fixtures.unhealthy_client import check_of, found
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError
from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.rules.checks import CHECKS
from qlik_keys.rules.fixes import FIXES
from qlik_keys.rules.model import SEVERITIES

pytestmark = pytest.mark.openbao
ALL = {**FAULT_CASES, **MORE, **IN_TRANSIT}
DAMAGED = ("wrong key written", "soft-deleted", "destroyed", "private key emptied")


def assert_told_once(diagnosis, *fault_cases):
    """Every fault case is named, nothing else is, and what it hides is said not to be checked."""
    wanted = [fault_case.finding for fault_case in fault_cases]
    assert sorted(found(diagnosis)) == sorted(wanted), diagnosis.to_text()
    assert not diagnosis.is_healthy
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
    for check in diagnosis.checks:
        assert check.why
        assert_commands_parse(check.why, check.advice)
        assert not re.search(r"\.\.(?!\.)|\bNone\b", f"{check.why} {check.advice}")


@pytest.mark.parametrize(
    ("name", "custody"),
    [(name, "kv") for name in [*FAULT_CASES, *MORE]]
    + [(name, "transit") for name in [*IN_TRANSIT, "another key", "under its name", "no record", "interrupted"]]
    + [(name, "transit") for name in ["bot disabled", *DAMAGED[:3]]],
)
def test_one_fault_is_one_finding_and_shows_no_secret(client, client_keys, heard, caplog, name):
    caplog.set_level(logging.DEBUG)
    fault_case = ALL[name]
    client.make(key=client_keys["RS256"] if fault_case.is_rsa else qk.KeySpec("ES384"))
    key = client.record.current.private
    fault_case.inflict(client)
    caplog.clear()  # what was logged before, is not the doctor's
    diagnosis = client.diagnose()
    assert_told_once(diagnosis, fault_case)
    if name in DAMAGED:  # a store that was asked, and could read it, has the right to
        rights = check_of(diagnosis, "vault-rights")
        assert (rights.verdict, "may read" in rights.why, "sign in Vault" in rights.why) == ("passed", True, False)
    left = [diagnosis.to_text(), json.dumps(diagnosis.to_dict()), diagnosis._repr_html_(), repr(diagnosis.checks)]
    assert find_canaries("\n".join([*left, repr(diagnosis.findings), caplog.text]), client.secrets(key)) == []
    assert heard or name != "too many tokens"


def visible(first, second):
    if first.finding == second.finding:
        return False
    hidden = {first.finding: first.hides | first.never_with, second.finding: second.hides | second.never_with}
    return first.finding not in hidden[second.finding] and second.finding not in hidden[first.finding]


PAIRS = [
    (one, other)
    for one, other in itertools.combinations(FAULT_CASES, 2)
    if visible(FAULT_CASES[one], FAULT_CASES[other])
][::3]  # every third one: each fault is in several
# Two that the tenant refuses alike: the one that can be looked up does not swallow the one that cannot.
PAIRS += [("by secret only", other) for other in DAMAGED]
PAIRS += [(one, other) for one in ("audience", "another key") for other in ("wrong key written", "private key emptied")]
PAIRS += [("scopes", "not seen yet"), ("scopes", "too many tokens"), ("scopes", "led elsewhere")]
PAIRS += [(one, "bot disabled") for one in ("not trusted", "by secret only", "no scopes")]
WHERE_VAULT_SIGNS = itertools.product(["no machine", "not trusted", "scopes"], IN_TRANSIT)


@pytest.mark.parametrize(
    ("one", "other", "custody"),
    [(*pair, "kv") for pair in dict.fromkeys(PAIRS)] + [(*pair, "transit") for pair in WHERE_VAULT_SIGNS],
)
def test_of_two_faults_both_are_named(client, client_keys, one, other):
    pair = [ALL[one], ALL[other]]
    make(client, client_keys, *in_order(pair))
    diagnosis = client.diagnose()
    assert_told_once(diagnosis, *pair)
    if other == "bot disabled":
        user = check_of(diagnosis, "user")
        assert re.search(r"bot user.* disabled|disabled.* bot user", user.why)
        assert "under Users" in user.advice


def shown(error):
    """What Python and IPython show of an error."""
    kind, trace = type(error), error.__traceback__
    while "/tests/" in trace.tb_frame.f_code.co_filename:  # the test's own frames hold the secrets to look for
        trace = trace.tb_next
    verbose = "\n".join(VerboseTB(theme_name="nocolor").structured_traceback(kind, error, trace))
    summary = traceback.TracebackException(kind, error, trace, capture_locals=True)
    ours = [frame for frame in summary.stack if "/qlik_keys/" in frame.filename and "/tests/" not in frame.filename]
    return "\n".join([verbose, repr(error), repr(vars(error)), *(f"{frame.name} {frame.locals}" for frame in ours)])


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_no_secret_shows(client, heard, caplog, custody):
    caplog.set_level(logging.DEBUG)
    key = client.make().record.current.private
    caplog.clear()  # what was logged before, is not the doctor's
    tenant, store = client.doctors()
    diagnosis = qk.doctor(tenant, store, client.client_id)
    left = [diagnosis.to_text(), repr(diagnosis.to_dict()), diagnosis._repr_html_(), repr(diagnosis), str(diagnosis)]
    refused = tenant.with_credential(qk.ApiKey("an-api-key-of-no-user"))
    for name in FIXES:
        try:
            qk.fix(refused, store, client.client_id, name)
        except QlikKeysError as error:
            left.append(shown(error))
    assert len(left) > 5
    assert "Starting new HTTP connection" in caplog.text  # it was really heard
    assert {"assertion 0", "token 1"} <= set(heard)
    assert find_canaries("\n".join([*left, caplog.text]), client.secrets(key)) == []


def test_an_interrupt_shows_none_either(client, heard):
    key = client.make().record.current.private
    tenant, store = client.doctors()

    def interrupt(exchange):
        if exchange.path == "/api/v1/users/me":
            raise KeyboardInterrupt

    tenant.subscribe(interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        qk.doctor(tenant, store, client.client_id)
    left = shown(caught.value)
    assert "check_login" in left
    assert "token 1" in heard
    assert find_canaries(left, client.secrets(key)) == []
