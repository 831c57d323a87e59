"""The product gets tokens from an authorization server that others wrote: oidc-provider, OpenID Certified, unmodified.

It takes the token endpoint as an assertion's audience (version 9.13.3, lib/helpers/oidc_context.js line 133,
`clientJwtAuthExpectedAudience`: the issuer, the token endpoint, the endpoint that is asked), so the product sends what
it sends to Qlik. Revoking is not tested here: RFC 7009 2.1 has a client log in for that, and Qlik's endpoint does not.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
import pytest
from fixtures.other_programs import NODE, installed_by_npm
from fixtures.sandbox_client import ASSERTION_TYPE

import qlik_keys as qk
from qlik_keys.auth.assertion import client_assertion
from qlik_keys.errors import AssertionRejected, ScopeRejected
from qlik_keys.keystore.base import KeyOwner

pytestmark = [pytest.mark.openbao, pytest.mark.registry]

SPECS = {
    "rs256": qk.KeySpec("RS256", bits=2048),
    "rs256-4096": qk.KeySpec("RS256", bits=4096),
    "rs512": qk.KeySpec("RS512", bits=2048),
    "es384": qk.KeySpec("ES384"),
}
LIFETIME_SECONDS = 600  # the server's own default for this grant
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def keys():
    """The clients' keys: {client id: key}."""
    return {client_id: qk.generate(spec) for client_id, spec in SPECS.items()}


@pytest.fixture(scope="module")
def transit(openbao):
    """Signers of keys that a real OpenBao's Transit engine made and keeps, with their public halves, by client id."""
    with qk.VaultKeyStore(openbao.url, token=openbao.token, custody="transit") as store:
        owner = KeyOwner("127.0.0.1", "of another server")
        made = {f"transit-{client_id}": store.make_key(spec, owner) for client_id, spec in SPECS.items()}
        yield {client_id: (store.signer(key), key.public) for client_id, key in made.items()}
        for key in made.values():
            store.discard_key(key)


@pytest.fixture(scope="module")
def token_url(tmp_path_factory, keys, transit):
    """The server, with a client for each key, and one that has two keys and is registered for one algorithm."""
    folder = installed_by_npm(HERE / "oidc_provider", tmp_path_factory.mktemp("npm"))
    public = {client_id: key.public for client_id, key in keys.items()}
    public |= {client_id: jwk for client_id, (_, jwk) in transit.items()}
    clients = [{"clientId": name, "alg": jwk.alg, "keys": [jwk.to_dict()]} for name, jwk in public.items()]
    both = [public["rs256"].to_dict(), public["rs512"].to_dict()]
    clients.append({"clientId": "both", "alg": "RS256", "keys": both})
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([NODE, "serve.mjs"], cwd=folder, text=True, **pipes) as server:
        server.stdin.write(json.dumps({"clients": clients}) + "\n")
        server.stdin.flush()
        yield json.loads(server.stdout.readline())["url"] + "/oauth/token"
        server.stdin.close()


def is_active(token_url, token, *, client_id, signer):
    """Ask the server itself whether a token lives, and whose it is (RFC 7662)."""
    address = token_url.removesuffix("/token") + "/introspection"
    assertion = client_assertion(signer, client_id=client_id, audience=token_url)
    form = {"client_id": client_id, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    answer = httpx.post(address, data={**form, "token": token}).raise_for_status().json()
    return answer["active"] and answer["client_id"] == client_id


@pytest.mark.parametrize("client_id", SPECS)
def test_each_algorithm_gets_one_and_another(token_url, keys, client_id):
    signer = keys[client_id].signer()
    with qk.TokenSource(token_url, client_id=client_id, signer=signer) as source:
        tokens = source.token(), source.token(force=True)  # each request has an assertion of its own
    assert tokens[0].reveal() != tokens[1].reveal()
    for token in tokens:
        assert token.lifetime == LIFETIME_SECONDS
        assert is_active(token_url, token.reveal(), client_id=client_id, signer=signer)
    assert not is_active(token_url, tokens[0].reveal() + "x", client_id=client_id, signer=signer)


@pytest.mark.parametrize("client_id", SPECS)
def test_each_algorithm_with_a_key_that_stays_in_transit(token_url, transit, client_id):
    client_id = f"transit-{client_id}"
    signer, _ = transit[client_id]
    with qk.TokenSource(token_url, client_id=client_id, signer=signer) as source:
        assert is_active(token_url, source.token().reveal(), client_id=client_id, signer=signer)


def test_scopes_are_asked_for(token_url, keys):
    options = {"client_id": "es384", "signer": keys["es384"].signer()}
    with qk.TokenSource(token_url, scopes=["user_default"], **options) as source:
        assert source.token().scope == "user_default"
    with qk.TokenSource(token_url, scopes=["admin_classic"], **options) as source, pytest.raises(ScopeRejected):
        source.token()


@pytest.mark.parametrize(
    ("client_id", "key"), [("es384", None), ("rs256-4096", "rs256"), ("both", "rs512"), ("unknown", "es384")]
)
def test_a_key_that_is_not_the_client_s_is_refused(token_url, keys, client_id, key):
    """Another key, another client's, one of another algorithm than is registered, and one of no client."""
    signer = (keys[key] if key else qk.generate(SPECS["es384"])).signer()
    with (
        qk.TokenSource(token_url, client_id=client_id, signer=signer) as source,
        pytest.raises(AssertionRejected) as caught,
    ):
        source.token()
    assert (caught.value.status, caught.value.code) == (401, "invalid_client")
