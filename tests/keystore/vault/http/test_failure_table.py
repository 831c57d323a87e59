"""The table of what goes wrong in a call to Vault: nothing that hvac or requests can raise is missing in it."""

from __future__ import annotations

import inspect
import sys

import hvac.exceptions
import pytest
import requests.exceptions
import urllib3.exceptions

from qlik_keys.errors import Outcome, StoreError, StoreProtocolError, StoreUnreachable
from qlik_keys.keystore.vault.http.failures import HVAC_FAILURES, REQUESTS_FAILURES, tell

WHERE = {"host": "vault:8200", "path": "secret/x", "status": None}
CANARY = "canary-7f3a9b1c55"
NEVER_MADE = urllib3.exceptions.MaxRetryError(None, "/", urllib3.exceptions.NewConnectionError(None, "refused"))
TOO_SLOW = urllib3.exceptions.ReadTimeoutError(None, "/", "slow")


@pytest.mark.parametrize(
    ("root", "table", "fewest"),
    [
        (hvac.exceptions.VaultError, HVAC_FAILURES, 10),
        (requests.exceptions.RequestException, REQUESTS_FAILURES, 15),
    ],
)
def test_every_exception_of_the_library_is_in_the_table(root, table, fewest):
    found = [thing for _, thing in inspect.getmembers(sys.modules[root.__module__], inspect.isclass)]
    raised = {thing for thing in found if issubclass(thing, root) and not issubclass(thing, Warning)}
    assert len(raised) > fewest
    assert raised - set(table) == set()


@pytest.mark.parametrize("kind", [*HVAC_FAILURES, *REQUESTS_FAILURES], ids=lambda kind: kind.__name__)
def test_each_is_told_without_its_own_words(kind):
    error = kind("x", "doc", 0) if kind is requests.exceptions.JSONDecodeError else kind(CANARY)
    told = tell(error, **WHERE)
    assert isinstance(told, StoreError)
    assert "vault:8200" in told.message
    assert told.path == "secret/x"
    assert CANARY not in f"{told!r}{told}{vars(told)}"
    assert (told.__cause__, told.__context__) == (None, None)


@pytest.mark.parametrize(
    ("reason", "outcome", "words"),
    [
        ([NEVER_MADE], Outcome.NOT_APPLIED, ""),
        ([urllib3.exceptions.ProtocolError("aborted")], Outcome.UNKNOWN, "closed the connection"),
        ([TOO_SLOW], Outcome.UNKNOWN, "did not answer before the time-out"),
        ([], Outcome.UNKNOWN, "closed the connection"),
    ],
)
def test_a_connection_that_was_cut_may_have_done_it_and_one_never_made_did_not(reason, outcome, words):
    told = tell(requests.exceptions.ConnectionError(*reason), **WHERE)
    assert isinstance(told, StoreUnreachable)
    assert told.outcome is outcome
    assert told.retryable or outcome is Outcome.UNKNOWN
    assert words in told.message


def test_what_is_not_known_is_told_by_its_class_alone():
    told = tell(UnicodeEncodeError("latin-1", f"{CANARY} é", 0, 1, "secret"), **WHERE)
    assert isinstance(told, StoreProtocolError)
    assert told.message == "The call to the Vault at vault:8200 failed in the client (UnicodeEncodeError)."
    assert told.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "status", "body", "words"),
    [
        (hvac.exceptions.InvalidRequest, 400, "check-and-set parameter did not match", "version other than"),
        (hvac.exceptions.InvalidRequest, 400, "Upgrading from non-versioned to versioned data.", "is upgrading"),
        (hvac.exceptions.InvalidPath, 404, "no handler for route 'x'. route entry not found.", "nothing mounted"),
        (hvac.exceptions.UnexpectedError, 405, "1 error: unsupported operation", "an engine of another type"),
        (hvac.exceptions.UnexpectedError, 405, "", "does not allow"),
        (hvac.exceptions.VaultDown, 503, "OpenBao is sealed", "is sealed"),
        (hvac.exceptions.InvalidRequest, 400, "security barrier not initialized", "is not initialized"),
    ],
)
def test_the_server_s_known_words_come_before_its_status(kind, status, body, words):
    for error in (kind(errors=[body]), kind(text=body)):
        assert words in tell(error, host="h", path="p", status=status).message
