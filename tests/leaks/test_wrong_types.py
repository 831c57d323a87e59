"""A secret of the wrong type, or in the wrong place, is refused by a TypeError that nothing shows the secret of."""

from __future__ import annotations

import contextlib
import io
import json
import traceback

import pytest
from fixtures.canaries import find_canaries
from IPython.core.ultratb import VerboseTB

import qlik_keys as qk
from qlik_keys.auth.http_auth import BearerAuth, TokenSource
from qlik_keys.core.secret import Secret
from qlik_keys.keystore.vault.store import VaultKeyStore

CANARY = "canary-wrong-type-0123456789-abcdefghij"
URL = "https://acme.eu.qlikcloud.com"
VAULT = "https://vault.example.com:8200"
WRONG = {
    "bytes": CANARY.encode(),
    "bytearray": bytearray(CANARY.encode()),
    "list": [CANARY],
    "dict": {"value": CANARY},
    "tuple": (CANARY,),
    "int": int.from_bytes(CANARY.encode(), "big"),
}
# Each is called with a value of the wrong type where a secret, or what holds one, belongs.
SECRETS = {
    "Secret": lambda wrong: Secret(wrong, what="API key"),
    "ApiKey": qk.ApiKey,
    "ClientSecret": lambda wrong: qk.ClientSecret("0" * 32, wrong),
    "TokenSource secret": lambda wrong: TokenSource(f"{URL}/oauth/token", client_id="a", secret=wrong),
    "Vault token": lambda wrong: VaultKeyStore(VAULT, token=wrong),
    "AppRole role id": lambda wrong: qk.AppRole(wrong, "b"),
    "AppRole secret id": lambda wrong: qk.AppRole("a", wrong),
    "UserPass user": lambda wrong: qk.UserPass(wrong, "b"),
    "UserPass password": lambda wrong: qk.UserPass("a", wrong),
    "KubernetesLogin": lambda wrong: qk.KubernetesLogin("a", wrong),
    "JwtLogin": lambda wrong: qk.JwtLogin("a", wrong),
}
HOLDERS = {
    "credential": lambda wrong: qk.QlikTenant(URL, credential=wrong),
    "other credential": lambda wrong: qk.QlikTenant(URL, credential=qk.ApiKey("a")).with_credential(wrong),
    "Vault login": lambda wrong: VaultKeyStore(VAULT, login=wrong),
    "signer": lambda wrong: TokenSource(f"{URL}/oauth/token", client_id="a", signer=wrong),
    "store": lambda wrong: TokenSource(f"{URL}/oauth/token", client_id="a", store=wrong),
    "store of from_store": lambda wrong: TokenSource.from_store(wrong, tenant_url=URL, client_id="a"),
    "PrivateKeyJwtAuth": qk.PrivateKeyJwtAuth,
    "BearerAuth": BearerAuth,
    "provision": lambda wrong: qk.provision(None, None, name="a", scopes=["b"], key=wrong),
    "rotate": lambda wrong: qk.rotate(None, None, "a", key=wrong),
    "revoke": lambda wrong: qk.revoke(None, None, "a", key=wrong),
    "adopt": lambda wrong: qk.adopt(None, None, "a", key=wrong),
    "preview": lambda wrong: qk.preview(None, None, "rotate", "a", key=wrong),
}
INPUTS = {
    "PEM": (qk.PrivateKey.from_pem, {"str", "bytes", "bytearray"}),
    "passphrase": (lambda wrong: qk.PrivateKey.from_pem(b"", passphrase=wrong), {"str", "bytes"}),
    "JWK": (qk.PrivateKey.from_jwk, {"str", "dict"}),
}
CASES = [(place, call, kind, WRONG[kind]) for place, call in {**SECRETS, **HOLDERS}.items() for kind in WRONG]
CASES += [(place, call, "str", CANARY) for place, call in HOLDERS.items()]
CASES += [
    (place, call, kind, WRONG[kind]) for place, (call, right) in INPUTS.items() for kind in WRONG if kind not in right
]
CASES += [(place, call, "NoneType", None) for place, call in SECRETS.items() if "secret id" not in place]
CASES = [case for case in CASES if case[2] != "NoneType" or case[0] in ("Secret", "ApiKey", "ClientSecret")]


def shown_by(error):
    """Return all that the ways to show an error print of it, below the frame of the caller, who has the secret."""
    frames = error.__traceback__
    while frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    plain = "".join(traceback.format_exception(type(error), error, frames))
    locals_ = traceback.TracebackException(type(error), error, frames, capture_locals=True)
    verbose = io.StringIO()
    with contextlib.redirect_stdout(verbose):
        VerboseTB(theme_name="nocolor", include_vars=True)(type(error), error, frames)
    from rich.console import Console
    from rich.traceback import Traceback

    rich = Console(file=io.StringIO(), width=200)
    rich.print(Traceback.from_exception(type(error), error, frames, show_locals=True))
    return plain + "".join(locals_.format()) + verbose.getvalue() + rich.file.getvalue()


@pytest.mark.parametrize(
    ("place", "call", "kind", "wrong"), CASES, ids=[f"{place}-{kind}" for place, _, kind, _ in CASES]
)
def test_a_value_of_the_wrong_type_is_refused_and_shown_nowhere(place, call, kind, wrong):
    with pytest.raises(TypeError) as caught:
        call(wrong)
    assert kind in str(caught.value)
    assert not find_canaries(shown_by(caught.value), {"wrong": CANARY})
    assert str(WRONG["int"]) not in shown_by(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_what_shows_an_error_would_show_a_secret_in_its_frames():
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(CANARY)
    assert find_canaries(shown_by(caught.value), [CANARY])


@pytest.mark.parametrize("url", [f"https://user:{CANARY}@acme.eu.qlikcloud.com".encode(), [CANARY], None])
def test_an_address_that_is_no_text_is_a_configuration_error_that_does_not_show_it(url):
    for call in (
        lambda wrong: qk.QlikTenant(wrong, credential=qk.ApiKey("a")),
        lambda wrong: VaultKeyStore(wrong, token="a"),
        lambda wrong: TokenSource(wrong, client_id="a", secret="b"),
    ):
        with pytest.raises(qk.errors.ConfigurationError, match=type(url).__name__) as caught:
            call(url)
        assert not find_canaries(shown_by(caught.value), {"wrong": CANARY})
