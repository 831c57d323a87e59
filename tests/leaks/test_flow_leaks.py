"""Canary secrets go through the whole flow, and through every fault of it; none of them shows anywhere.

The search is `canaries.find_canaries`: in the clear and in six encodings, whole or any 20 characters of it.
"""

from __future__ import annotations

import io
import json
import logging
import pickle
import traceback

import httpx
import pytest
from fixtures.canaries import find_canaries
from fixtures.support import ManualClock
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.errors import QlikKeysError
from qlik_keys.sandbox import start
from qlik_keys.tenant import RetryPolicy

pytestmark = pytest.mark.openbao


class Watched:
    """Everything that the flow leaves behind, and the secrets that must not be in it."""

    def __init__(self):
        self.secrets = {}
        self.left = {}

    def secret(self, name, text):
        self.secrets[name] = text

    def private_key(self, name, key):
        for line in key.reveal().splitlines()[1:-1]:
            self.secrets[f"{name} PEM {line[:4]}"] = line if len(line) >= 24 else line.rjust(24, "~")
        for member, value in json.loads(key.reveal("jwk")).items():
            if member in ("d", "p", "q", "dp", "dq", "qi"):
                self.secrets[f"{name} {member}"] = value

    def assert_clean(self):
        assert self.left
        for where, text in self.left.items():
            assert not find_canaries(text, self.secrets), where


class Listening:
    """A signer that notes the assertions that it signs."""

    def __init__(self, signer, watched):
        self.kid, self.alg, self._signer, self._watched = signer.kid, signer.alg, signer, watched

    def sign(self, data):
        self._watched.secret(f"assertion {len(self._watched.secrets)}", data.decode().split(".")[1])
        return self._signer.sign(data)


@pytest.fixture
def logs():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore", "urllib3", "hvac", "qlik_keys")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def everything_reachable(error):
    """Walk an exception as a debugger would: causes, contexts, arguments, attributes, and theirs."""
    seen, waiting, texts = set(), [error], []
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, str | bytes | int | float | type(None)):
            if isinstance(thing, str | bytes):
                texts.append(thing if isinstance(thing, str) else thing.decode("latin-1"))
            continue
        seen.add(id(thing))
        texts.append(repr(thing))
        if isinstance(thing, dict):
            waiting += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting += thing
        elif isinstance(thing, BaseException):
            waiting += [thing.__cause__, thing.__context__, *thing.args, vars(thing)]
    return "\n".join(texts)


def shown(error):
    """Return every way in which Python, IPython and rich-like tools print an exception."""
    kind, trace = type(error), error.__traceback__
    verbose = "\n".join(VerboseTB(theme_name="nocolor").structured_traceback(kind, error, trace))
    # Our own frames with all their locals; the frames of the test and of libraries are not ours to keep clean.
    summary = traceback.TracebackException(kind, error, trace, capture_locals=True)
    ours = [frame for frame in summary.stack if "/qlik_keys/" in frame.filename and "/tests/" not in frame.filename]
    with_locals = "\n".join(f"{frame.name} {frame.locals}" for frame in ours)
    plain = "".join(traceback.format_exception(kind, error, trace))
    return "\n".join([str(error), repr(error), verbose, with_locals, plain, everything_reachable(error)])


def test_the_flow_leaves_no_secret(logs):  # one flow from end to end
    watched = Watched()
    exchanges, events = [], []
    with start() as box:
        watched.secret("API key", box.api_key)
        watched.secret("Vault token", box.vault_token)
        with (
            qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
            qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
        ):
            tenant.subscribe(exchanges.append)
            wishes = [qk.KeySpec("ES384"), qk.KeySpec("RS256", bits=2048), qk.generate(qk.KeySpec("RS512", bits=2048))]
            results = []
            for number, key in enumerate(wishes):
                made = qk.provision(
                    tenant, store, name=f"etl-{number}", scopes=["user_default"], key=key, client_secret=True,
                    on_step=events.append,
                )  # fmt: skip
                watched.secret(f"client secret {number}", made.client_secret.reveal())
                record = store.read(tenant.host, made.client_id)
                watched.private_key(f"key {number}", record.current.private)
                signer = Listening(store.signer(record.current), watched)
                source = qk.TokenSource(tenant.token_url, client_id=made.client_id, signer=signer)
                auth = qk.PrivateKeyJwtAuth(source)
                with httpx.Client(base_url=tenant.url, auth=auth, follow_redirects=True) as api:
                    api.get("/api/v1/users/me").raise_for_status()
                token = source.token()
                watched.secret(f"access token {number}", token.reveal())
                by_secret = qk.ClientSecret(made.client_id, made.client_secret)
                tenant.with_credential(by_secret).users.me()
                results += [made, record, record.current, record.current.private, signer._signer, source, auth, token]
                results += [by_secret, made.client_secret, made.verification]
            results += [tenant, store, box, tenant.http, tenant.budget, *store.pending(tenant.host)]
            frame = qk.clients(tenant, store)
            one = tenant.oauth_clients.get(made.client_id)
            results += [one, store.summary(tenant.host, made.client_id), tenant.oauth_clients]
            for thing in results:
                with pytest.raises((TypeError, pickle.PicklingError, AttributeError)) if _is_secret(thing) else _any():
                    watched.left[f"pickle of {type(thing).__name__}"] = pickle.dumps(thing)
            watched.left["reprs"] = "\n".join(f"{thing!r}{thing}" for thing in results)
            watched.left["events"] = repr(events)
            watched.left["exchanges"] = "\n".join(map(repr, exchanges))
            for way in ("to_html", "to_csv", "to_string", "to_dict", "__repr__", "_repr_html_"):
                watched.left[f"frame.{way}"] = str(getattr(frame, way)())
            watched.left["frame.to_json"] = frame.to_json(date_format="iso")
            watched.left["frame pickle"] = pickle.dumps(frame)
            watched.left["frame attrs"] = repr(frame.attrs)
            watched.left["sandbox's log"] = json.dumps(box.requests())
    watched.left["logs"] = logs.getvalue()
    assert "oauth/token" in watched.left["logs"]  # the loggers were really heard
    watched.assert_clean()


def _is_secret(thing):
    return type(thing).__name__ in {"PrivateKey", "LocalSigner", "Secret", "Token", "ClientSecret"}


class _any:  # noqa: N801
    """Whatever happens is fine, as long as nothing shows."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is not None and issubclass(kind, TypeError | AttributeError | pickle.PicklingError)


ONE_TRY = RetryPolicy(attempts=1)
ETL = {"name": "etl", "scopes": ["user_default"]}


def faults(box, watched):
    """Yield a name and a call that fails, each with real secrets in reach of the failing frame."""
    key = qk.generate(qk.KeySpec("RS256", bits=2048))
    watched.private_key("own key", key)
    pem, jwk = key.reveal(), key.reveal("jwk")
    api_key, vault_token = f"canary-api-key-{'x' * 40}", f"canary-vault-token-{'y' * 30}"
    watched.secret("wrong API key", api_key)
    watched.secret("wrong Vault token", vault_token)
    passphrase = "canary-passphrase-correct-horse"
    watched.secret("passphrase", passphrase)
    clock = ManualClock(__import__("time").time())

    def tenant(url=None, credential=None):
        return qk.QlikTenant(
            url or box.tenant_url, credential=qk.ApiKey(credential or box.api_key), retry=ONE_TRY, clock=clock
        )

    def store(url=None, token=None):
        return qk.VaultKeyStore(url or box.vault_url, token=token or box.vault_token, timeout_seconds=2.0)

    dead = "http://127.0.0.1:9"

    def provision_with(fault):
        box.configure(fail_next=[fault])
        qk.provision(tenant(), store(), **ETL, key=key, client_secret=True, clock=clock)

    post = {"method": "POST", "path": "/api/v1/oauth-clients"}
    token_call = {"method": "POST", "path": "/oauth/token", "times": 50}
    yield "wrong API key", tenant(credential=api_key).oauth_clients.list
    yield "wrong Vault token", lambda: store(token=vault_token).read("h", "0" * 32)
    yield "wrong Vault token, write", lambda: qk.provision(tenant(), store(token=vault_token), **ETL, key=key)
    yield "dead tenant", tenant(url=dead).oauth_clients.list
    yield "dead Vault", lambda: qk.provision(tenant(), store(url=dead), **ETL, key=key)
    yield "API key with a line end inside", lambda: qk.ApiKey(f"{api_key}\n{api_key}")
    yield "Vault token with a letter", lambda: store(token=f"{vault_token}é")
    yield (
        "URL with a password",
        lambda: qk.QlikTenant(f"https://u:{api_key}@a.qlikcloud.com", credential=qk.ApiKey("k")),
    )
    yield "register refused", lambda: provision_with({**post, "fault": 400, "times": 9})
    yield "register 500", lambda: provision_with({**post, "fault": 500, "times": 50})
    yield "token 500", lambda: provision_with({**token_call, "fault": 500})
    yield "token lost", lambda: provision_with({**token_call, "fault": "lost_answer"})
    yield "token 401", lambda: provision_with({**token_call, "fault": 401})
    yield "cut PEM", lambda: qk.PrivateKey.from_pem(pem[: len(pem) // 2])
    yield "PEM as ES384", lambda: qk.PrivateKey.from_pem(pem, alg="ES384")
    yield "needless passphrase", lambda: qk.PrivateKey.from_pem(pem, passphrase=passphrase)
    yield "private JWK as public", lambda: qk.PublicJwk.from_jwk(jwk)
    yield "JWK as ES384", lambda: qk.PrivateKey.from_jwk(jwk, alg="ES384")
    yield "JWK with the wrong modulus", lambda: qk.PrivateKey.from_jwk({**json.loads(jwk), "n": json.loads(jwk)["d"]})
    yield (
        "key of another client",
        lambda: qk.TokenSource(f"{box.tenant_url}/oauth/token", client_id="0" * 32, signer=key.signer()).token(),
    )
    yield (
        "token from a dead tenant",
        lambda: qk.TokenSource(f"{dead}/oauth/token", client_id="0" * 32, signer=key.signer()).token(),
    )
    yield "wrong client secret", tenant().with_credential(qk.ClientSecret("0" * 32, api_key)).users.me


def test_no_fault_shows_a_secret(logs):
    watched = Watched()
    with start() as box:
        watched.secret("API key", box.api_key)
        watched.secret("Vault token", box.vault_token)
        for name, call in faults(box, watched):
            with pytest.raises(QlikKeysError) as caught:
                call()
            # The test's own lambda holds the secrets in its closure: what is ours begins one frame further in.
            caught.value.__traceback__ = _below_the_test(caught.value.__traceback__)
            watched.left[name] = shown(caught.value)
            assert caught.value.hint, name
            box.configure(fail_next=[])
        watched.left["sandbox's log"] = json.dumps(box.requests())
    watched.left["logs"] = logs.getvalue()
    watched.assert_clean()


def _below_the_test(trace):
    while trace is not None and "/tests/" in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    return trace
