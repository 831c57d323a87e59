"""Every secret that goes through the store is a canary; nothing that it leaves behind shows one, come what may."""

from __future__ import annotations

import gc
import io
import json
import logging
import pickle
import traceback
import warnings

import pytest
from fixtures.canaries import find_canaries
from fixtures.loopback import CUT, HANG, PASS, Loopback, Reply
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError
from qlik_keys.keystore.base import StoredKey
from qlik_keys.keystore.testing import MADE_AT, OWNER, make_pending, make_record
from qlik_keys.keystore.vault.store import AppRole, JwtLogin, KubernetesLogin, UserPass

pytestmark = pytest.mark.openbao

LOGGERS = ("", "urllib3", "requests", "hvac", "qlik_keys")
TYPED = {
    "secret id": "canary-secret-id-4f1c9a77e2",
    "password": "canary password with blanks é",
    "JWT": "canary.jwt-of-somebody.c2lnbmF0dXJl",
    "wrong token": "canary-wrong-vault-token-91",
}


@pytest.fixture
def logs():
    """What all loggers say at DEBUG."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    logging.getLogger().addHandler(handler)
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    logging.getLogger().removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def key_canaries(name, stored):
    found = {f"{name} PEM line {n}": line for n, line in enumerate(stored.private.reveal().splitlines()[2:-1])}
    secret = {"d", "p", "q", "dp", "dq", "qi"}
    members = json.loads(stored.private.reveal("jwk")).items()
    found |= {f"{name} {member}": value for member, value in members if member in secret}
    return {name: text for name, text in found.items() if len(text) >= 20}


def shown(error):
    """Return every way in which an exception is printed, and all that can be reached from it."""
    trace = error.__traceback__
    while trace is not None and "/tests/" in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next  # the test's own frames hold the canaries
    kind = type(error)
    texts = ["\n".join(VerboseTB(theme_name="nocolor").structured_traceback(kind, error, trace))]
    texts += traceback.TracebackException(kind, error, trace, capture_locals=True).format()
    seen, waiting = set(), [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            texts += [repr(one), str(one), repr(vars(one)), repr(one.args)]
            waiting += [one.__cause__, one.__context__]
    return "\n".join(texts)


def test_success_shows_nothing(open_vault, operator, host, logs):
    token = operator.make_token('path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }')
    store = open_vault(token=token)
    calls = []
    store.subscribe(calls.append)
    key = store.import_key(qk.generate(qk.KeySpec("RS256", bits=2048)), OWNER)
    pending = store.write_pending(make_pending(store, host))
    record = store.write(make_record(store, host).with_key(key))
    read, waiting = store.read(host, record.client_id), store.read_pending(host, pending.name)
    things = [store, pending, record, read, waiting, store.summary(host, record.client_id), store.token_status()]
    things += [store.signer(read.current), read.current, *vars(store).values(), *calls]
    store.remove_pending(pending)
    store.delete(host, record.client_id)
    canaries = {"token": token, **key_canaries("RSA", key), **key_canaries("pending", pending.key)}
    canaries |= key_canaries("current", record.current)
    assert len(canaries) > 20
    assert "/v1/secret/data/qlik-keys" in logs.getvalue()  # the loggers were really heard
    assert find_canaries(logs.getvalue(), canaries) == []
    assert find_canaries("\n".join(f"{thing!r} {thing}" for thing in things), canaries) == []
    for thing in (store, read, read.current, pending):
        with pytest.raises((TypeError, pickle.PicklingError, AttributeError)):
            pickle.dumps(thing)


def typed_faults(address):
    """Calls that are refused before anything is sent."""
    odd = "\u00e9"
    return {
        "token with a letter": lambda: qk.VaultKeyStore(address, token=TYPED["wrong token"] + odd),
        "address with a password": lambda: qk.VaultKeyStore(f"https://u:{TYPED['wrong token']}@vault", token="t"),
        "plain address with a password": lambda: qk.VaultKeyStore(f"http://u:{TYPED['wrong token']}@vault", token="t"),
        "secret id with a letter": lambda: AppRole("role", TYPED["secret id"] + odd),
        "role id with a letter": lambda: AppRole(TYPED["secret id"] + odd, TYPED["secret id"]),
        "no user": lambda: UserPass("", TYPED["password"]),
        "JWT with a letter": lambda: JwtLogin("ci", TYPED["JWT"] + odd),
        "Kubernetes JWT with a letter": lambda: KubernetesLogin("ci", TYPED["JWT"] + odd),
    }


@pytest.mark.parametrize("name", typed_faults(""))
def test_a_typed_secret_that_is_refused_is_not_shown(openbao, logs, name):
    with pytest.raises(QlikKeysError) as caught:
        typed_faults(openbao.url)[name]()
    assert find_canaries(shown(caught.value) + logs.getvalue(), TYPED) == []


@pytest.mark.parametrize("kind", ["AppRole", "UserPass", "JwtLogin", "KubernetesLogin"])
@pytest.mark.parametrize("fault", ["refused", "echoed", CUT, HANG, "odd", "page"])
def test_a_login_that_fails_shows_nothing(openbao, open_vault, host, logs, *, kind, fault):
    login = {
        "AppRole": lambda: AppRole("role", TYPED["secret id"]),
        "UserPass": lambda: UserPass("ada", TYPED["password"]),
        "JwtLogin": lambda: JwtLogin("ci", TYPED["JWT"]),
        "KubernetesLogin": lambda: KubernetesLogin("ci", TYPED["JWT"]),
    }[kind]()

    def answer(call):
        if "/auth/" not in call.path or fault == "refused":
            return PASS
        # A server's answer that repeats what it was sent: it is not believed, and not pasted either.
        echo = call.body.decode()
        replies = {
            "echoed": Reply(400, {"errors": [echo, call.target]}),
            "odd": Reply(500, {"errors": [echo]}),
            "page": Reply(200, echo.encode()),
        }
        return replies.get(fault, fault)

    with Loopback(answer, openbao.url) as fault_proxy:
        store = open_vault(fault_proxy.url, login=login, timeout_seconds=0.2)
        with pytest.raises(QlikKeysError) as caught:
            store.write(make_record(store, host))
    assert find_canaries(shown(caught.value) + logs.getvalue() + repr(login) + repr(store), TYPED) == []
    with pytest.raises(TypeError):
        pickle.dumps(login)


@pytest.mark.parametrize("fault", [CUT, HANG, "redirect", "odd", "page", "refused", "interrupt"])
def test_a_write_that_fails_shows_nothing(openbao, operator, open_vault, host, logs, *, fault):
    token = operator.make_token('path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }')

    def answer(call):
        if "/data/" not in call.path or fault == "interrupt":
            return PASS
        echo = call.body.decode() + str(call.headers)
        replies = {
            "redirect": Reply(307, b"", {"location": "https://elsewhere.invalid/" + call.headers["X-Vault-Token"]}),
            "odd": Reply(400, {"errors": [echo]}),
            "page": Reply(200, echo.encode()),
            "refused": Reply(403, {"errors": [echo]}),
        }
        return replies.get(fault, fault)

    with Loopback(answer, openbao.url) as fault_proxy:
        store = open_vault(fault_proxy.url, token=token, timeout_seconds=0.2)
        store.client_ids(host)
        record = make_record(store, host)
        canaries = {"token": token, **key_canaries("key", record.current)}
        if fault == "interrupt":
            # Ctrl-C may come at any moment: here, while hvac has token and key in its frames.
            store._api.adapter.session._note_index = _interrupt  # it is called with each answer
        with pytest.raises((QlikKeysError, KeyboardInterrupt)) as caught:
            store.write(record)
        assert isinstance(caught.value, KeyboardInterrupt) is (fault == "interrupt")
        with pytest.raises((QlikKeysError, KeyboardInterrupt)) as second:
            store.write_pending(make_pending(store, host))
    assert find_canaries(shown(caught.value) + shown(second.value) + logs.getvalue(), canaries) == []


def _interrupt(*_, **__):
    raise KeyboardInterrupt


def test_a_store_that_nobody_closed_leaves_no_open_socket(openbao, host):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        store = qk.VaultKeyStore(openbao.url, token=openbao.token)
        store.client_ids(host)
        session = store._api._session
        del store
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    assert all(len(adapter.poolmanager.pools) == 0 for adapter in session.adapters.values())


@pytest.mark.parametrize("right", ["none", "wrapping key alone"])
def test_a_key_that_transit_refuses_on_its_way_in_does_not_show(open_vault, operator, narrow_policy, logs, right):
    rules = narrow_policy.format(mount="secret", prefix="qlik-keys")
    if right != "none":
        rules += '\npath "transit/wrapping_key" { capabilities = ["read"] }'
    store = open_vault(token=operator.make_token(rules), custody="transit")
    key = qk.generate(qk.KeySpec("RS256", bits=2048))
    with pytest.raises(QlikKeysError) as caught:
        store.import_key(key, OWNER)
    canaries = key_canaries("key", StoredKey(public=key.public, state="next", made_at=MADE_AT, private=key))
    assert canaries
    assert find_canaries(shown(caught.value) + logs.getvalue(), canaries) == []


def test_a_key_that_transit_takes_in_does_not_show(open_vault, logs):
    store = open_vault(custody="transit")
    calls = []
    store.subscribe(calls.append)
    key = qk.generate(qk.KeySpec("RS256", bits=2048))
    taken = store.import_key(key, OWNER)
    canaries = key_canaries("key", StoredKey(public=key.public, state="next", made_at=MADE_AT, private=key))
    assert find_canaries(f"{taken!r}{calls!r}{logs.getvalue()}", canaries) == []
    store.discard_key(taken)
