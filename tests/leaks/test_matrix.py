"""No secret reaches a surface: each thing that is shown, and each failure, on each surface of `fixtures/leaks`.

Further surfaces have tests of their own: a notebook and a shell (test_word_leaks), the page and the files of JupyterLab
(browser/test_panel_leaks), the doctor (diagnosis/test_doctor_leaks), what a malicious server says back (test_echoes).
"""

from __future__ import annotations

import functools
import json
import pickle
import uuid
from collections import UserDict

import httpx
import hvac
import pytest
from fixtures.harness.sides import OPERATIONS, Client
from fixtures.leaks import ERROR_SURFACES, VALUE_SURFACES, Leaks
from fixtures.loopback import CUT, HANG, PASS, Loopback, Reply
from fixtures.support import NoWaiting, machine_client

import qlik_keys as qk
from qlik_keys.auth.http_auth import BearerAuth
from qlik_keys.core.secret import Secret
from qlik_keys.errors import QlikKeysError
from qlik_keys.keystore.base import KeyOwner
from qlik_keys.keystore.testing.values import make_pending, make_record
from qlik_keys.keystore.vault.store import AppRole, JwtLogin, KubernetesLogin, UserPass
from qlik_keys.tenant import eq

DEAD = "http://127.0.0.1:9"
TYPED = "canary-typed-0123456789-abcdefghij"
BLANKS = "canary password with blanks é"
REFUSED = qk.ClientSecret("0" * 32, TYPED)


class Planted(UserDict):
    def __repr__(self):
        return f"Planted({self['text']})"

    def __reduce__(self):
        return str, (self["text"],)


@pytest.mark.parametrize("surface", [*VALUE_SURFACES, *(f"planted: {each}" for each in ERROR_SURFACES)])
def test_a_surface_shows_a_planted_secret(surface):
    namespace, leaks = {}, Leaks(planted=TYPED)
    # In a frame that is none of a test's, as the product's are.
    exec(compile("def fail(secret):\n    raise ValueError(secret)", "planted.py", "exec"), namespace)
    if surface in VALUE_SURFACES:
        leaks.shown = {surface: VALUE_SURFACES[surface](TYPED if surface == "JSON" else Planted(text=TYPED))}
    else:
        leaks.fail("planted", lambda: namespace["fail"](TYPED), ValueError)
        leaks.shown = {surface: leaks.shown[surface]}
    with pytest.raises(AssertionError, match=surface):
        leaks.check()


def test_nothing_that_a_user_holds_shows_a_secret(safe, leaks):
    tenant, store, made, record = safe.tenant, safe.store, safe.made, safe.record
    events = []
    with leaks.listening(tenant, store):
        own = provision(safe, name=f"{safe.name}-own", client_secret=False, on_step=events.append)
        qk.delete(tenant, store, own.client_id, confirm=own.client_id, on_step=events.append)
        by_secret, by_key = qk.ClientSecret(made.client_id, made.client_secret), qk.PrivateKeyJwtAuth(safe.source)
        tenant.with_credential(by_secret).users.me()
        with httpx.Client(base_url=tenant.url, auth=by_key, follow_redirects=True) as api:
            api.get("/api/v1/users/me").raise_for_status()
        pending, stored = make_pending(store, tenant.host), store.import_key(safe.key, KeyOwner(tenant.host, "x"))
        held = [made, record, record.current, record.current.private, safe.key, pending, stored, by_secret, by_key]
        held += [tenant, tenant.http, tenant.budget, tenant.oauth_clients, tenant.oauth_clients.get(made.client_id)]
        held += [store, store.summary(tenant.host, made.client_id), store.token_status()]
        held += [safe.box, safe.source, safe.source.token(), store.signer(record.current), made.client_secret]
        held += [made.verification, events, qk.clients(tenant, store), qk.audit(tenant, store)]
        for number, thing in enumerate(held):
            leaks.show(f"{number} {type(thing).__name__}", thing)
    leaks.shown |= {"URLs": json.dumps(safe.box.requests()), "parts of the store": repr([*vars(store).values()])}
    leaks.key("pending key", pending.key.private)
    for word in ("oauth/token", "/v1/secret/data/qlik-keys", "users/me"):
        assert word in leaks.shown["logs"]  # the loggers were really heard
    leaks.check()
    for secret in (safe.key, made.client_secret, by_secret, safe.source.token(), store, record, pending):
        with pytest.raises((TypeError, pickle.PicklingError, AttributeError)):
            pickle.dumps(secret)


def provision(safe, *, tenant=None, store=None, **options):
    asked = {"name": f"{safe.name}-fails", "scopes": ["user_default"], "key": safe.key, "client_secret": True}
    return qk.provision(tenant or safe.tenant, store or safe.store, **asked | options)


def other_tenant(safe, url=None, api_key=None):
    return qk.QlikTenant(url or safe.tenant.url, credential=qk.ApiKey(api_key or safe.box.api_key))


def other_store(safe, url=None, token=None):
    return qk.VaultKeyStore(url or safe.box.vault_url, token=token or safe.box.vault_token, timeout_seconds=0.2)


def jwk_of(safe):
    return json.loads(safe.key.reveal("jwk"))


def token_by_key(safe, url):
    return qk.TokenSource(f"{url}/oauth/token", client_id="0" * 32, signer=safe.key.signer()).token()


# Each fails with a QlikKeysError, in a frame that has a real or a typed secret in reach.
FAILURES = {
    "an API key that the tenant refuses": lambda safe: other_tenant(safe, api_key=TYPED).users.me(),
    "an API key with a line end inside": lambda safe: qk.ApiKey(f"{TYPED}\n{TYPED}"),
    "an address with a password": lambda safe: other_tenant(safe, url=f"https://u:{TYPED}@acme.eu.qlikcloud.com"),
    "a Vault token with an odd letter": lambda safe: other_store(safe, token=f"{TYPED}é"),
    "a Vault address with a password": lambda safe: other_store(safe, url=f"https://u:{TYPED}@vault"),
    "a secret id with an odd letter": lambda safe: AppRole("role", f"{TYPED}é"),
    "a password without a user": lambda safe: UserPass("", BLANKS),
    "a JWT with an odd letter": lambda safe: JwtLogin("ci", f"{TYPED}é"),
    "a tenant that is not there": lambda safe: provision(safe, tenant=other_tenant(safe, url=DEAD)),
    "a Vault that is not there": lambda safe: provision(safe, store=other_store(safe, url=DEAD)),
    "a Vault that refuses": lambda safe: provision(safe, store=other_store(safe, token=TYPED)),
    "another specification": lambda safe: provision(safe, name=safe.name, scopes=["apps"]),
    "a client secret that is refused": lambda safe: safe.tenant.with_credential(REFUSED).users.me(),
    "a key of another client": lambda safe: token_by_key(safe, safe.tenant.url),
    "a token of a dead tenant": lambda safe: token_by_key(safe, DEAD),
    "half a PEM": lambda safe: qk.PrivateKey.from_pem(safe.key.reveal()[:800]),
    "a PEM of another algorithm": lambda safe: qk.PrivateKey.from_pem(safe.key.reveal(), alg="ES384"),
    "a needless passphrase": lambda safe: qk.PrivateKey.from_pem(safe.key.reveal(), passphrase=BLANKS),
    "a private JWK for a public one": lambda safe: qk.PublicJwk.from_jwk(safe.key.reveal("jwk")),
    "a JWK of another modulus": lambda safe: qk.PrivateKey.from_jwk({**(jwk := jwk_of(safe)), "n": jwk["d"]}),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_shows_no_secret(safe, leaks, failure):
    leaks.secrets |= {"typed": TYPED, "with blanks": BLANKS}
    with leaks.listening(safe.tenant, safe.store):
        error = leaks.fail(failure, lambda: FAILURES[failure](safe), QlikKeysError)
    assert error.hint
    leaks.check()


TENANT_FAULTS = (
    {"method": "POST", "path": "/api/v1/oauth-clients", "fault": 400, "times": 9},
    {"method": "POST", "path": "/oauth/token", "fault": "lost_answer", "times": 9},
    {"method": "POST", "path": "/oauth/token", "fault": 401, "times": 9},
    {"method": "PATCH", "path": "/api/v1/oauth-clients/*", "fault": 400, "times": 9},
    {"method": "GET", "path": "/api/v1/oauth-clients/*", "fault": 403, "times": 9},
)
# Each operation without a fault, and with every second one, from another one on.
SHOWN = {"provision with secret": 0, "rotate at once": 1, "revoke": 0, "retire": 1, "adopt": 0}


@pytest.mark.parametrize("operation", SHOWN)
def test_an_operation_shows_no_secret_whatever_the_tenant_answers(safe, leaks, operation):
    tenant, store = safe.tenant, safe.store
    for number, fault in enumerate((None, *TENANT_FAULTS[SHOWN[operation] :: 2])):
        client = Client(f"{safe.name}-{uuid.uuid4().hex[:8]}")
        if operation == "adopt":
            created = tenant.oauth_clients.create(machine_client(client.name))
            client.client_id = created.client.client_id
            leaks.secrets[f"client secret {number}"] = created.client_secret.reveal()
        elif not operation.startswith("provision"):
            client.client_id = OPERATIONS["provision"](tenant, store, client).client_id
            if operation == "retire":
                OPERATIONS["rotate"](tenant, store, client)

        def see(event, client=client):
            leaks.show("event", event)
            if client.client_id in store.client_ids(tenant.host):
                record = store.read(tenant.host, client.client_id)
                leaks.show("record", record)
                for key in record.keys.values():
                    leaks.key(key.kid, key.private)

        safe.box.configure(fail_next=[fault] if fault else [])
        with leaks.listening(tenant, store):
            told = {"on_step": see, "clock": NoWaiting()}
            try:
                leaks.show("result", OPERATIONS[operation](tenant, store, client, **told))
            except QlikKeysError as problem:
                leaks.show_error("problem", problem)
        safe.box.configure(fail_next=[])
        qk.resume(tenant, store)
        for there in tenant.oauth_clients.list(eq("clientName", client.name)):
            qk.delete(tenant, store, there.client_id, confirm=there.client_id)
    leaks.shown["URLs"] = json.dumps(safe.box.requests()[-400:])
    leaks.check()


def echoes(call, answer):
    """What a server, or a gateway, may answer that repeats what it was sent."""
    echo = call.body.decode() + str(call.headers) + call.target
    elsewhere = {"location": f"https://elsewhere.invalid/{call.headers.get('X-Vault-Token', '')}"}
    more = {"cut": CUT, "hangs": HANG, "redirects": Reply(307, b"", elsewhere), "a page": Reply(200, echo.encode())}
    return Reply(int(answer), {"errors": [echo]}) if answer.isdigit() else more.get(answer, PASS)


LOGINS = (AppRole("role", TYPED), UserPass("ada", BLANKS), JwtLogin("ci", TYPED), KubernetesLogin("ci", TYPED))


@pytest.mark.parametrize("answer", ["cut", "hangs", "redirects", "400", "403", "500", "a page", "passes on"])
def test_a_vault_that_repeats_what_it_was_sent_shows_no_secret(safe, leaks, answer):
    leaks.secrets |= {"typed": TYPED, "with blanks": BLANKS}

    def decide(call):
        return echoes(call, answer) if "/auth/" in call.path or "/data/" in call.path else PASS

    host = f"{uuid.uuid4().hex}.eu.qlikcloud.com"
    with Loopback(decide, safe.box.vault_url) as vault, leaks.listening(safe.store):
        for number, login in enumerate(LOGINS):
            with qk.VaultKeyStore(vault.url, login=login, timeout_seconds=0.2) as store:
                leaks.fail(f"{number}", lambda store=store: store.client_ids(host), QlikKeysError)
                leaks.show(f"{number} store", store)
            leaks.show(f"{number} login", login)
            with pytest.raises(TypeError):
                pickle.dumps(login)
        if answer != "passes on":
            with other_store(safe, url=vault.url) as store:
                record, pending = make_record(safe.store, host), make_pending(safe.store, host)
                leaks.key("current", record.current.private)
                leaks.key("pending", pending.key.private)
                leaks.fail("write", lambda: store.write(record), QlikKeysError)
                leaks.fail("write_pending", lambda: store.write_pending(pending), QlikKeysError)
    leaks.check()


def test_ctrl_c_in_the_middle_of_a_write_shows_no_secret(safe, leaks):
    """It may come at any moment: here, while hvac has token and key in its frames."""
    host = f"{uuid.uuid4().hex}.eu.qlikcloud.com"
    with other_store(safe) as store, leaks.listening(store):
        record = make_record(store, host)
        leaks.key("key", record.current.private)
        store.client_ids(host)

        def interrupt(*_, **__):
            raise KeyboardInterrupt

        store._api.adapter.session._note_index = interrupt  # it is called with each answer
        leaks.fail("write", lambda: store.write(record), KeyboardInterrupt)
    leaks.check()


def test_a_key_on_its_way_into_transit_shows_nowhere(safe, leaks):
    all_rights = '{ capabilities = ["create", "read", "update", "delete", "list"] }'
    rights = ("", 'path "transit/wrapping_key" { capabilities = ["read"] }', f'path "transit/*" {all_rights}')
    operator, owner = hvac.Client(url=safe.box.vault_url, token=safe.box.vault_token), KeyOwner(safe.tenant.host, "x")
    for number, right in enumerate(rights):
        operator.sys.create_or_update_policy("on-its-way", f'path "secret/*" {all_rights}\n{right}')
        token = operator.auth.token.create(policies=["on-its-way"])["auth"]["client_token"]
        leaks.secrets[f"token {number}"] = token
        with qk.VaultKeyStore(safe.box.vault_url, token=token, custody="transit") as store, leaks.listening(store):
            if number == 2:
                taken = store.import_key(safe.key, owner)
                leaks.show("taken", taken)
                store.discard_key(taken)
            else:
                leaks.fail(f"import {number}", lambda store=store: store.import_key(safe.key, owner), QlikKeysError)
    operator.adapter.close()
    leaks.check()


URL, VAULT = "https://acme.eu.qlikcloud.com", "https://vault.example.com:8200"
NUMBER = int.from_bytes(TYPED.encode(), "big")
OF_WRONG_TYPE = (TYPED, TYPED.encode(), bytearray(TYPED.encode()), [TYPED], {"value": TYPED}, (TYPED,), NUMBER, None)


# Each is called with a value of the wrong type where a secret, or what holds one, belongs; and which types are right.
PLACES = {
    "Secret": (lambda wrong: Secret(wrong, what="API key"), "str"),
    "ApiKey": (qk.ApiKey, "str"),
    "ClientSecret": (lambda wrong: qk.ClientSecret("0" * 32, wrong), "str"),
    "secret of a TokenSource": (lambda wrong: qk.TokenSource(URL, client_id="a", secret=wrong), "str NoneType"),
    "Vault token": (lambda wrong: qk.VaultKeyStore(VAULT, token=wrong), "str NoneType"),
    "role id": (lambda wrong: qk.AppRole(wrong, "b"), "str NoneType"),
    "secret id": (lambda wrong: qk.AppRole("a", wrong), "str NoneType"),
    "user": (lambda wrong: qk.UserPass(wrong, "b"), "str NoneType"),
    "password": (lambda wrong: qk.UserPass("a", wrong), "str NoneType"),
    "JWT of Kubernetes": (lambda wrong: qk.KubernetesLogin("a", wrong), "str NoneType"),
    "JWT": (lambda wrong: qk.JwtLogin("a", wrong), "str NoneType"),
    "credential": (lambda wrong: qk.QlikTenant(URL, credential=wrong), "NoneType"),
    "other credential": (
        lambda wrong: qk.QlikTenant(URL, credential=qk.ApiKey("a")).with_credential(wrong),
        "NoneType",
    ),
    "Vault login": (lambda wrong: qk.VaultKeyStore(VAULT, login=wrong), "NoneType"),
    "signer": (lambda wrong: qk.TokenSource(URL, client_id="a", signer=wrong), "NoneType"),
    "store": (lambda wrong: qk.TokenSource(URL, client_id="a", store=wrong), "NoneType"),
    "store of from_store": (lambda wrong: qk.TokenSource.from_store(wrong, tenant_url=URL, client_id="a"), "NoneType"),
    "PrivateKeyJwtAuth": (qk.PrivateKeyJwtAuth, "NoneType"),
    "BearerAuth": (BearerAuth, "NoneType"),
    "key of provision": (lambda wrong: qk.provision(None, None, name="a", scopes=["b"], key=wrong), "NoneType"),
    **{
        f"key of {operation.__name__}": (lambda wrong, do=operation: do(None, None, "a", key=wrong), "NoneType")
        for operation in (qk.rotate, qk.revoke, qk.adopt)
    },
    "key of a preview": (lambda wrong: qk.preview(None, None, "rotate", "a", key=wrong), "NoneType"),
    "PEM": (qk.PrivateKey.from_pem, "str bytes bytearray NoneType"),
    "passphrase": (lambda wrong: qk.PrivateKey.from_pem(b"", passphrase=wrong), "str bytes NoneType"),
    "JWK": (qk.PrivateKey.from_jwk, "str dict NoneType"),
    "address of a tenant": (lambda wrong: qk.QlikTenant(wrong, credential=qk.ApiKey("a")), "str"),
    "address of a Vault": (lambda wrong: qk.VaultKeyStore(wrong, token="a"), "str"),
    "address of a TokenSource": (lambda wrong: qk.TokenSource(wrong, client_id="a", secret="b"), "str"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_or_an_address_of_the_wrong_type_is_refused_and_shown_nowhere(place):
    call, right = PLACES[place]
    for wrong in OF_WRONG_TYPE:
        kind = type(wrong).__name__
        if kind in right.split():
            continue
        leaks = Leaks(wrong=TYPED, number=str(NUMBER))
        expected = qk.errors.ConfigurationError if "address" in place else TypeError
        error = leaks.fail(kind, functools.partial(call, wrong), expected)
        assert kind in str(error)
        assert (error.__cause__, error.__context__) == (None, None)
        leaks.check()
