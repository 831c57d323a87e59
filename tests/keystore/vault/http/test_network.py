"""What can be wrong between us and a Vault: each told by class, words and hint, and with what it leaves behind.

What only a cluster or a gateway says comes from a server on loopback that stands before the real one.
"""

from __future__ import annotations

import gc
import socket
import warnings
from dataclasses import replace

import pytest
from fixtures.loopback import CUT, HANG, PASS, Loopback, Reply

import qlik_keys as qk
from qlik_keys.errors import (
    Outcome,
    StoreConflict,
    StoreError,
    StoreMisconfigured,
    StoreNotFound,
    StoreProtocolError,
    StoreSealed,
    StoreUnreachable,
)
from qlik_keys.keystore.testing import make_pending, make_record
from qlik_keys.keystore.vault.store import UserPass

pytestmark = pytest.mark.openbao


def is_data_call(call):
    return "/data/" in call.path


def attempts(store, host):
    """Calls that write or read data."""
    return (
        lambda: store.write(make_record(store, host)),
        lambda: store.write_pending(make_pending(store, host)),
        lambda: store.read(host, "0" * 32),
    )


@pytest.fixture
def store(open_vault, fault_proxy):
    """A store that calls the real one by way of the server on loopback."""
    return open_vault(fault_proxy.url, timeout_seconds=0.3)


@pytest.fixture
def elsewhere():
    """Another server, which believes everything."""
    with Loopback(lambda _: Reply(200, {"data": {"version": 1}, "auth": {"client_token": "t"}})) as server:
        yield server


def test_a_closed_port_is_reported(open_vault, host):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        store = open_vault(f"http://{address}", token="t")
        with pytest.raises(StoreUnreachable) as caught:
            store.write(make_record(store, host))
    assert caught.value.message == f"The Vault at {address} cannot be reached."
    assert "Check the address" in caught.value.hint
    assert (caught.value.outcome, caught.value.retryable) == (Outcome.NOT_APPLIED, True)


def test_https_to_a_server_of_plain_http(openbao, open_vault, host):
    with pytest.raises(StoreMisconfigured, match="does not use TLS") as caught:
        open_vault(openbao.url.replace("http", "https")).client_ids(host)
    assert "plain http" in caught.value.hint


def said(status, *words):
    return Reply(status, {"errors": list(words)})


NEVER, UNKNOWN = Outcome.NOT_APPLIED, Outcome.UNKNOWN
NO_LEADER = said(500, "local node not active but active cluster node not found")
PAGE = Reply(200, b"<html>sign in</html>", {"content-type": "text/html"})
FEWER = "asks for fewer requests, or is a standby"
# An answer to every call for data, how it is told, whether it may have had its effect, and whether to try again.
ODD = {
    "never answered": (HANG, StoreUnreachable, "did not answer before the time-out", "audit device", UNKNOWN, True),
    "cut": (CUT, StoreUnreachable, "closed the connection", "Try again", UNKNOWN, True),
    "sealed": (said(503, "Vault is sealed"), StoreSealed, "is sealed (HTTP 503)", "unseal", NEVER, True),
    "standby, no leader": (NO_LEADER, StoreUnreachable, "cannot reach its leader", "Try again", NEVER, True),
    "standby": (said(429, "Vault is in standby mode"), StoreUnreachable, "is a standby", "Try again", NEVER, True),
    "standby, bare": (Reply(429), StoreUnreachable, FEWER, "Try again", NEVER, True),
    "recovery": (Reply(472), StoreUnreachable, "is a disaster recovery standby", "primary", NEVER, False),
    "performance": (Reply(473), StoreUnreachable, "is a performance standby", "Try again", NEVER, True),
    "behind": (Reply(412), StoreUnreachable, "is behind its primary", "Try again", NEVER, True),
    "error": (said(500, "internal error"), StoreUnreachable, "has an internal error", "Try again", UNKNOWN, True),
    "gateway": (Reply(502, b"<html>"), StoreUnreachable, "reached by the gateway", "Try again", UNKNOWN, True),
    "time-out": (Reply(504, b"<html>"), StoreUnreachable, "before the time-out", "audit device", UNKNOWN, True),
    "unavailable": (Reply(503, b"<html>"), StoreUnreachable, "is not available", "Try again", UNKNOWN, True),
    "too large": (said(413, "x"), StoreProtocolError, "finds the document too large", "operator", NEVER, False),
    "a page": (PAGE, StoreProtocolError, "does not come from Vault", "no proxy", UNKNOWN, False),
    "teapot": (Reply(418), StoreProtocolError, "not Vault's", "no proxy", UNKNOWN, False),
}


@pytest.mark.parametrize("case", ODD.values(), ids=ODD)
def test_an_answer_that_is_no_success_is_told(store, fault_proxy, host, case):
    reply, kind, words, hint, outcome, retryable = case
    fault_proxy.answer = lambda call: reply if is_data_call(call) else PASS
    for attempt in attempts(store, host):
        with pytest.raises(kind) as caught:
            attempt()
        assert words in caught.value.message
        assert hint in caught.value.hint
        assert caught.value.path.startswith(f"secret/qlik-keys/{host}")
        assert (caught.value.outcome, caught.value.retryable) == (outcome, retryable)
    # The same store goes on as soon as the Vault does.
    fault_proxy.answer = lambda _: PASS
    record = store.write(make_record(store, host))
    assert store.read(host, record.client_id) == record


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_gets_nothing(open_vault, fault_proxy, elsewhere, backdoor, host, *, status):
    def answer(call):
        if is_data_call(call) or "/login" in call.path:
            return Reply(status, b"", {"location": f"{elsewhere.url}{call.target}"})
        return PASS

    fault_proxy.answer = answer
    by_login = open_vault(fault_proxy.url, login=UserPass("ada", "correct horse"))
    for attempt in (*attempts(open_vault(fault_proxy.url), host), lambda: by_login.client_ids(host)):
        with pytest.raises(StoreMisconfigured, match=f"redirects to {elsewhere.url}") as caught:
            attempt()
        assert "Neither token nor key was sent there" in caught.value.hint
        assert caught.value.outcome is Outcome.NOT_APPLIED
    assert elsewhere.calls == []
    assert '"private_key"' not in backdoor.snapshot(host)


@pytest.mark.parametrize("location", ["", "/", "http://[::1", "//other.example.com/v1/x", "https://127.0.0.1:1/"])
def test_an_odd_redirect_is_refused(store, fault_proxy, host, location):
    def answer(call):
        return Reply(307, b"", {"location": location or call.target}) if is_data_call(call) else PASS

    fault_proxy.answer = answer
    with pytest.raises(StoreError) as caught:
        store.write(make_record(store, host))
    assert caught.value.outcome is Outcome.NOT_APPLIED or location == "/"
    assert sum(is_data_call(call) and call.method == "POST" for call in fault_proxy.calls) == 1


def test_a_redirect_within_the_origin_is_followed_with_method_and_body(store, fault_proxy, host):
    """As a load balancer with a path of its own does."""

    def answer(call):
        if call.path.startswith("/v1/") and (is_data_call(call) or "/metadata/" in call.path):
            return Reply(307, b"", {"location": f"/again{call.target}"})
        return PASS

    passed_on, fault_proxy.answer = fault_proxy.pass_on, answer
    fault_proxy.pass_on = lambda call: passed_on(replace(call, target=call.target.removeprefix("/again")))
    record = store.write(make_record(store, host))
    assert store.read(host, record.client_id) == record
    assert list(store.client_ids(host)) == [record.client_id]
    assert any(path.startswith("POST /again/v1/secret/data/") for path in fault_proxy.paths())


def test_a_write_that_was_not_done_is_not_believed(store, fault_proxy, backdoor, host):
    """A server that says yes and keeps nothing: only reading back finds it out."""

    def answer(call):
        return Reply(200, {"data": {"version": 1}}) if is_data_call(call) and call.method == "POST" else PASS

    fault_proxy.answer = answer
    for attempt in attempts(store, host)[:2]:
        with pytest.raises(StoreProtocolError, match="is missing when it is read back") as caught:
            attempt()
        assert caught.value.outcome is Outcome.UNKNOWN
    assert '"private_key"' not in backdoor.snapshot(host)


def test_a_deletion_or_destruction_that_was_not_done_is_not_believed(store, fault_proxy, host):
    fault_proxy.answer = lambda call: Reply(204) if call.method == "DELETE" or "/destroy/" in call.path else PASS
    record = store.write(make_record(store, host))
    pending = store.write_pending(make_pending(store, host))
    for attempt in (lambda: store.delete(host, record.client_id), lambda: store.remove_pending(pending)):
        with pytest.raises(StoreProtocolError, match="still exists after it was deleted"):
            attempt()
    last = store.write(record.without_key(record.current.kid))
    with pytest.raises(StoreProtocolError, match="still exist after they were destroyed"):
        store.purge(last)


def test_nothing_there_is_told_from_a_404_of_a_gateway(store, fault_proxy, host):
    with pytest.raises(StoreNotFound, match=f"no key of client {'0' * 32} at secret/qlik-keys/{host}"):
        store.read(host, "0" * 32)
    fault_proxy.answer = lambda call: Reply(404, b"<html>") if is_data_call(call) else PASS
    with pytest.raises(StoreError) as caught:
        store.read_pending(host, "etl")
    assert caught.value.hint or "has nothing there" in caught.value.message


@pytest.mark.parametrize("part", ["/data/", "/metadata/"])
def test_what_is_shown_is_the_winner_s_record(open_vault, store, fault_proxy, host, part):
    """The winner writes when the loser has announced its record, or right before the announcement arrives."""
    winner, won = open_vault(), []
    record = make_record(winner, host)

    def answer(call):
        if part in call.path and call.method == "POST" and not won:
            won.append(winner.write(record))
        return PASS

    fault_proxy.answer = answer
    with pytest.raises(StoreConflict):
        store.write(make_record(store, host, client_id=record.client_id))
    assert any(call.method == "POST" and "/metadata/" in call.path for call in fault_proxy.calls)
    assert winner.read(host, record.client_id) == won[0]
    assert winner.summary(host, record.client_id).current_kid == record.current.kid


def test_an_unclosed_store_leaves_no_open_socket(openbao, host):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        store = qk.VaultKeyStore(openbao.url, token=openbao.token)
        store.client_ids(host)
        session = store._api._session
        del store
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    assert all(len(adapter.poolmanager.pools) == 0 for adapter in session.adapters.values())
