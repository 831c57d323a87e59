"""The doctor in health and in every fault case, and each fix that fails: no secret shows in what is said or logged."""

from __future__ import annotations

import json
import logging
import traceback
from urllib.parse import parse_qs

import httpx
import pytest
from fixtures.canaries import find_canaries
from fixtures.fault_cases import FAULT_CASES, IN_TRANSIT, MORE
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError
from qlik_keys.rules.fixes import FIXES

pytestmark = pytest.mark.openbao
CASES = {"healthy": None, **FAULT_CASES, **MORE}


class Listening(httpx.BaseTransport):
    """The network, and a note of every token and assertion that goes over it."""

    def __init__(self):
        self._network = httpx.HTTPTransport()
        self.heard = {}

    def handle_request(self, request):
        response = self._network.handle_request(request)
        if request.url.path == "/oauth/token":
            [assertion] = parse_qs(request.read().decode())["client_assertion"]
            self.heard[f"assertion {len(self.heard)}"] = assertion.split(".")[2]
            body = json.loads(response.read())
            if "access_token" in body:
                self.heard[f"token {len(self.heard)}"] = body["access_token"]
        return response

    def close(self):
        self._network.close()


@pytest.fixture
def heard(unhealthy_client):
    """The tokens and assertions that the doctor's session sends and gets."""
    unhealthy_client.transport = Listening()
    return unhealthy_client.transport.heard


def secrets_of(unhealthy_client, *keys):
    secrets = {
        "API key": unhealthy_client.box.api_key,
        "Vault token": unhealthy_client.box.vault_token,
        **unhealthy_client.transport.heard,
    }
    secrets |= {f"Vault token {number}": token for number, token in enumerate(unhealthy_client.tokens)}
    for number, key in enumerate(key for key in keys if key is not None):
        secrets |= {
            f"key {number} {name}": value for name, value in json.loads(key.reveal("jwk")).items() if name == "d"
        }
        lines = key.reveal().splitlines()[1:-1]
        secrets |= {f"key {number} PEM {at}": line for at, line in enumerate(lines) if len(line) >= 24}
    return secrets


def told(diagnosis):
    texts = [diagnosis.to_text(), json.dumps(diagnosis.to_dict()), diagnosis._repr_html_(), repr(diagnosis)]
    return "\n".join([*texts, str(diagnosis), repr(diagnosis.checks), repr(diagnosis.findings)])


def shown(error):
    kind, trace = type(error), error.__traceback__
    while "/tests/" in trace.tb_frame.f_code.co_filename:  # the test's own frames hold the secrets to look for
        trace = trace.tb_next
    verbose = "\n".join(VerboseTB(theme_name="nocolor").structured_traceback(kind, error, trace))
    summary = traceback.TracebackException(kind, error, trace, capture_locals=True)
    ours = [frame for frame in summary.stack if "/qlik_keys/" in frame.filename and "/tests/" not in frame.filename]
    return "\n".join([verbose, repr(error), repr(vars(error)), *(f"{frame.name} {frame.locals}" for frame in ours)])


def fixes_that_fail(unhealthy_client, tenant, store, *, names=FIXES):
    """Try fixes as somebody who may not; yield what Python and IPython show of it."""
    tenant = tenant.with_credential(qk.ApiKey("nobodys-api-key-at-all"))
    for name in names:
        try:
            qk.fix(tenant, store, unhealthy_client.client_id, name)
        except QlikKeysError as error:
            yield shown(error)


@pytest.mark.parametrize("name", CASES)
def test_no_secret_shows(unhealthy_client, heard, client_keys, caplog, name):
    caplog.set_level(logging.DEBUG)
    fault_case = CASES[name]
    unhealthy_client.make(key=client_keys["RS256"] if fault_case and fault_case.is_rsa else qk.KeySpec("ES384"))
    key = unhealthy_client.record.current.private
    if fault_case is not None:
        fault_case.inflict(unhealthy_client)
    caplog.clear()  # what was logged before, is not the doctor's
    tenant, store = unhealthy_client.doctors()
    left = told(qk.doctor(tenant, store, unhealthy_client.client_id, **unhealthy_client.seen))
    if not name.startswith("429 before"):  # a fix would wait for the tier, in earnest
        # Every fix where all is well; else two of them, each time others.
        place = 2 * list(CASES).index(name)
        some = [[*FIXES][(place + more) % len(FIXES)] for more in (0, 1)]
        left += "\n".join(fixes_that_fail(unhealthy_client, tenant, store, names=some if fault_case else FIXES))
    assert "Starting new HTTP connection" in caplog.text  # it was really heard
    assert find_canaries(left + caplog.text, secrets_of(unhealthy_client, key)) == []
    if name in ("healthy", "too many tokens"):
        assert "assertion 0" in heard
    assert (name != "healthy") or "token 1" in heard


@pytest.mark.parametrize("custody", ["transit"])
@pytest.mark.parametrize("name", ["healthy", *IN_TRANSIT])
def test_no_secret_shows_where_vault_signs(unhealthy_client, heard, caplog, name):
    caplog.set_level(logging.DEBUG)
    unhealthy_client.make()
    if name != "healthy":
        IN_TRANSIT[name].inflict(unhealthy_client)
    tenant, store = unhealthy_client.doctors()
    left = told(qk.doctor(tenant, store, unhealthy_client.client_id))
    left += "\n".join(fixes_that_fail(unhealthy_client, tenant, store))
    assert find_canaries(left + caplog.text, secrets_of(unhealthy_client)) == []


def test_an_interrupt_shows_none_either(unhealthy_client, heard):
    unhealthy_client.make()
    key = unhealthy_client.record.current.private
    tenant, store = unhealthy_client.doctors()

    def interrupt(exchange):
        if exchange.path == "/api/v1/users/me":
            raise KeyboardInterrupt

    tenant.subscribe(interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        qk.doctor(tenant, store, unhealthy_client.client_id)
    left = shown(caught.value)
    assert "check_login" in left
    assert "token 1" in heard
    assert find_canaries(left, secrets_of(unhealthy_client, key)) == []
