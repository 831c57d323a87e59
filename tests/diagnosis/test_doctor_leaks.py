"""The doctor, and each fix that fails: no secret shows in what is said or logged; for faults see `test_findings`."""

from __future__ import annotations

import logging
import traceback

import pytest
from fixtures.canaries import find_canaries
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError
from qlik_keys.rules.fixes import FIXES

pytestmark = pytest.mark.openbao


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
