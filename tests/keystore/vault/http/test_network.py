"""What can be wrong between us and a Vault: each told by class, words and hint, and with what it leaves behind.

What only a cluster or a gateway says comes from a server on loopback that stands before the real one.
"""

from __future__ import annotations

import gc
import socket
import warnings
from dataclasses import dataclass, replace

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

pytestmark = pytest.mark.openbao


def is_data_call(call):
    return "/data/" in call.path


def test_a_closed_port_is_reported(open_vault, host):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        store = open_vault(f"http://{address}", token="t")
        with pytest.raises(StoreUnreachable) as caught:
            store.write(make_record(store, host))
    assert caught.value.message == f"The Vault at {address} cannot be reached."
    assert "Check the address" in caught.value.hint
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert caught.value.retryable


def test_a_name_that_does_not_exist(open_vault, host):
    store = open_vault("https://vault.invalid:8200", token="t")
    with pytest.raises(StoreUnreachable) as caught:
        store.client_ids(host)
    assert "cannot be reached" in caught.value.message
    assert caught.value.outcome is Outcome.NOT_APPLIED


def test_https_to_a_server_of_plain_http(openbao, open_vault, host):
    store = open_vault(openbao.url.replace("http", "https"))
    with pytest.raises(StoreMisconfigured) as caught:
        store.client_ids(host)
    assert "does not use TLS" in caught.value.message
    assert "plain http" in caught.value.hint


@dataclass
class Odd:
    """An answer to every call for data, how it is told, and whether it may have had its effect."""

    reply: Reply | str
    kind: type[StoreError]
    words: str
    hint: str
    outcome: Outcome = Outcome.UNKNOWN
    retryable: bool = True


def said(status, *words):
    return Reply(status, {"errors": list(words)})


NEVER = Outcome.NOT_APPLIED
ODD = {
    "never answered": Odd(HANG, StoreUnreachable, "did not answer before the time-out", "audit device"),
    "cut": Odd(CUT, StoreUnreachable, "closed the connection", "Try again"),
    "sealed": Odd(said(503, "Vault is sealed"), StoreSealed, "is sealed (HTTP 503)", "unseal", NEVER),
    "sealed OpenBao": Odd(said(503, "OpenBao is sealed"), StoreSealed, "is sealed (HTTP 503)", "unseal", NEVER),
    "standby, no leader": Odd(
        said(500, "local node not active but active cluster node not found"),
        StoreUnreachable,
        "is a standby that cannot reach its leader",
        "Try again",
        NEVER,
    ),
    "standby": Odd(said(429, "Vault is in standby mode"), StoreUnreachable, "is a standby", "Try again", NEVER),
    "standby, bare": Odd(Reply(429), StoreUnreachable, "asks for fewer requests, or is a standby", "Try again", NEVER),
    "disaster recovery": Odd(
        Reply(472), StoreUnreachable, "is a disaster recovery standby", "primary", NEVER, retryable=False
    ),
    "performance standby": Odd(Reply(473), StoreUnreachable, "is a performance standby", "Try again", NEVER),
    "behind its primary": Odd(Reply(412), StoreUnreachable, "is behind its primary", "Try again", NEVER),
    "internal error": Odd(said(500, "internal error"), StoreUnreachable, "has an internal error", "Try again"),
    "gateway": Odd(Reply(502, b"<html>"), StoreUnreachable, "cannot be reached by the gateway", "Try again"),
    "gateway, time-out": Odd(
        Reply(504, b"<html>"), StoreUnreachable, "did not answer before the time-out", "audit device"
    ),
    "unavailable": Odd(Reply(503, b"<html>"), StoreUnreachable, "is not available", "Try again"),
    "too large": Odd(
        said(413, "too large"), StoreProtocolError, "finds the document too large", "operator", NEVER, retryable=False
    ),
    "a page": Odd(
        Reply(200, b"<html>sign in</html>", {"content-type": "text/html"}),
        StoreProtocolError,
        "does not come from Vault",
        "no proxy",
        retryable=False,
    ),
    "teapot": Odd(Reply(418), StoreProtocolError, "not Vault's", "no proxy", retryable=False),
}


@pytest.mark.parametrize("case", ODD.values(), ids=ODD)
def test_an_answer_that_is_no_success_is_told(operator, open_vault, make_backdoor, host, *, case):
    with Loopback(lambda call: case.reply if is_data_call(call) else PASS, operator.url) as fault_proxy:
        store = open_vault(fault_proxy.url, token=operator.root_token, timeout_seconds=0.3)
        for attempt in (
            lambda: store.write(make_record(store, host)),
            lambda: store.write_pending(make_pending(store, host)),
            lambda: store.read(host, "0" * 32),
        ):
            with pytest.raises(case.kind) as caught:
                attempt()
            assert case.words in caught.value.message
            assert caught.value.retryable is case.retryable
            assert caught.value.path.startswith(f"secret/qlik-keys/{host}")
            assert case.hint in caught.value.hint
            assert caught.value.outcome is case.outcome
        # The same store goes on as soon as the Vault does.
        fault_proxy.answer = lambda _: PASS
        record = store.write(make_record(store, host))
        assert store.read(host, record.client_id) == record
    assert record.client_id in make_backdoor(operator).snapshot(host)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_gets_nothing(operator, open_vault, make_backdoor, host, *, status):
    with (
        Loopback(lambda _: Reply(200, {"data": {"version": 1}})) as elsewhere,
        Loopback(upstream=operator.url) as vault,
    ):

        def answer(call):
            return Reply(status, b"", {"location": f"{elsewhere.url}{call.target}"}) if is_data_call(call) else PASS

        vault.answer = answer
        store = open_vault(vault.url, token=operator.root_token)
        for attempt in (
            lambda: store.write(make_record(store, host)),
            lambda: store.write_pending(make_pending(store, host)),
            lambda: store.read(host, "0" * 32),
        ):
            with pytest.raises(StoreMisconfigured) as caught:
                attempt()
            assert f"redirects to {elsewhere.url}" in caught.value.message
            assert "Neither token nor key was sent there" in caught.value.hint
            assert caught.value.outcome is Outcome.NOT_APPLIED
        assert elsewhere.calls == []
    assert '"private_key"' not in make_backdoor(operator).snapshot(host)


def test_a_login_is_not_redirected_either(openbao, open_vault, host):
    from qlik_keys.keystore.vault.store import UserPass

    with Loopback(lambda _: Reply(200, {"auth": {"client_token": "t"}})) as elsewhere, Loopback() as vault:
        vault.answer = lambda call: Reply(307, b"", {"location": f"{elsewhere.url}{call.target}"})
        store = open_vault(vault.url, login=UserPass("ada", "correct horse"))
        with pytest.raises(StoreMisconfigured, match="redirects to"):
            store.client_ids(host)
        assert elsewhere.calls == []


@pytest.mark.parametrize("location", ["", "/", "http://[::1", "//other.example.com/v1/x", "https://127.0.0.1:1/"])
def test_an_odd_redirect_is_refused(openbao, open_vault, host, location):
    def answer(call):
        return Reply(307, b"", {"location": location or call.target}) if is_data_call(call) else PASS

    with Loopback(answer, openbao.url) as vault:
        store = open_vault(vault.url, token=openbao.token)
        with pytest.raises(StoreError) as caught:
            store.write(make_record(store, host))
        assert caught.value.outcome is Outcome.NOT_APPLIED or location == "/"
        assert sum(is_data_call(call) and call.method == "POST" for call in vault.calls) == 1


def test_a_redirect_within_the_origin_is_followed_with_method_and_body(openbao, open_vault, host):
    """As a load balancer with a path of its own does."""

    def answer(call):
        if call.path.startswith("/v1/") and (is_data_call(call) or "/metadata/" in call.path):
            return Reply(307, b"", {"location": f"/again{call.target}"})
        return PASS

    with Loopback(answer, openbao.url) as vault:
        passed_on = vault.pass_on
        vault.pass_on = lambda call: passed_on(replace(call, target=call.target.removeprefix("/again")))
        store = open_vault(vault.url, token=openbao.token)
        record = store.write(make_record(store, host))
        assert store.read(host, record.client_id) == record
        assert list(store.client_ids(host)) == [record.client_id]
        assert any(path.startswith("POST /again/v1/secret/data/") for path in vault.paths())


def test_a_write_that_was_not_done_is_not_believed(openbao, operator, open_vault, make_backdoor, host):
    """A server that says yes and keeps nothing: only reading back finds it out."""

    def answer(call):
        return Reply(200, {"data": {"version": 1}}) if is_data_call(call) and call.method == "POST" else PASS

    with Loopback(answer, openbao.url) as vault:
        store = open_vault(vault.url, token=openbao.token)
        for attempt in (
            lambda: store.write(make_record(store, host)),
            lambda: store.write_pending(make_pending(store, host)),
        ):
            with pytest.raises(StoreProtocolError) as caught:
                attempt()
            assert "is missing when it is read back" in caught.value.message
            assert caught.value.outcome is Outcome.UNKNOWN
    assert '"private_key"' not in make_backdoor(operator).snapshot(host)


def test_a_deletion_that_was_not_done_is_not_believed(openbao, open_vault, host):
    with Loopback(lambda call: Reply(204) if call.method == "DELETE" else PASS, openbao.url) as vault:
        store = open_vault(vault.url, token=openbao.token)
        record = store.write(make_record(store, host))
        pending = store.write_pending(make_pending(store, host))
        for attempt in (lambda: store.delete(host, record.client_id), lambda: store.remove_pending(pending)):
            with pytest.raises(StoreProtocolError, match="still exists after it was deleted"):
                attempt()


def test_a_destruction_that_was_not_done_is_not_believed(openbao, open_vault, host):
    with Loopback(lambda call: Reply(204) if "/destroy/" in call.path else PASS, openbao.url) as vault:
        store = open_vault(vault.url, token=openbao.token)
        first = store.write(make_record(store, host))
        last = store.write(first.without_key(first.current.kid))
        with pytest.raises(StoreProtocolError, match="still exist after they were destroyed"):
            store.purge(last)


def test_nothing_there_is_told_from_a_404_of_a_gateway(openbao, open_vault, host):
    store = open_vault()
    with pytest.raises(StoreNotFound, match=f"no key of client {'0' * 32} at secret/qlik-keys/{host}"):
        store.read(host, "0" * 32)
    with Loopback(lambda call: Reply(404, b"<html>") if is_data_call(call) else PASS, openbao.url) as vault:
        store = open_vault(vault.url, token=openbao.token)
        with pytest.raises(StoreError) as caught:
            store.read_pending(host, "etl")
        assert caught.value.hint or "has nothing there" in caught.value.message


def test_who_loses_while_making_a_record_leaves_the_winner_s_to_be_seen(openbao, open_vault, host):
    """The loser has announced its record when the winner writes: people are shown the winner's all the same."""
    winner = open_vault()
    record = make_record(winner, host)
    won = []

    def answer(call):
        if is_data_call(call) and call.method == "POST":
            won.append(winner.write(record))
        return PASS

    with Loopback(answer, openbao.url) as fault_proxy:
        loser = open_vault(fault_proxy.url)
        late = fault_proxy.calls
        with pytest.raises(StoreConflict):
            loser.write(make_record(loser, host, client_id=record.client_id))
    assert any(call.method == "POST" and "/metadata/" in call.path for call in late)
    assert winner.read(host, record.client_id) == won[0]
    assert winner.summary(host, record.client_id).current_kid == record.current.kid


def test_who_loses_as_the_winner_is_done_fixes_what_is_shown(openbao, open_vault, host):
    """The loser's announcement comes after the winner has written everything."""
    winner = open_vault()
    record = make_record(winner, host)
    won = []

    def answer(call):
        if "/metadata/" in call.path and call.method == "POST" and not won:
            won.append(winner.write(record))
        return PASS

    with Loopback(answer, openbao.url) as fault_proxy:
        loser = open_vault(fault_proxy.url)
        with pytest.raises(StoreConflict):
            loser.write(make_record(loser, host, client_id=record.client_id))
    assert winner.read(host, record.client_id) == won[0]
    assert winner.summary(host, record.client_id).current_kid == record.current.kid


@pytest.mark.openbao
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
