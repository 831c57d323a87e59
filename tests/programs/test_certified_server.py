"""The product gets tokens from an authorization server that others wrote: oidc-provider, OpenID Certified, unmodified.

It takes the token endpoint as an assertion's audience (version 9.13.3, lib/helpers/oidc_context.js line 133,
`clientJwtAuthExpectedAudience`: the issuer, the token endpoint, the endpoint that is asked), so the product sends what
it sends to Qlik. The refusals are those of the OpenID Foundation's conformance suite that concern a client assertion.

Not done here: revoking. RFC 7009 2.1 has a client log in for that; Qlik's endpoint takes the token alone, and so the
product sends no more.
"""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from fixtures.other_programs import NODE, installed_by_npm
from fixtures.sandbox_client import ASSERTION_TYPE, sign

import qlik_keys as qk
from qlik_keys.auth.assertion import client_assertion
from qlik_keys.errors import AssertionRejected
from qlik_keys.keystore.base import KeyOwner

if TYPE_CHECKING:
    from qlik_keys.keys.signer import Signer

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
    with subprocess.Popen(
        [NODE, "serve.mjs"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        server.stdin.write(json.dumps({"clients": clients}) + "\n")
        server.stdin.flush()
        yield json.loads(server.stdout.readline())["url"] + "/oauth/token"
        server.stdin.close()


def claims(client_id, token_url, **changes):
    now = int(time.time())
    whole = {"iss": client_id, "sub": client_id, "aud": token_url, "jti": str(uuid.uuid4())}
    return {**whole, "iat": now, "exp": now + 120, **changes}


def ask(token_url, client_id, assertion):
    """Ask for a token with that assertion; return status and RFC 6749's error."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_assertion_type": ASSERTION_TYPE}
    answer = httpx.post(token_url, data={**form, "client_assertion": assertion})
    return answer.status_code, answer.json().get("error", "")


def is_active(token_url, token, *, client_id, signer):
    """Ask the server itself whether a token lives, and whose it is (RFC 7662)."""
    address = token_url.removesuffix("/token") + "/introspection"
    assertion = client_assertion(signer, client_id=client_id, audience=token_url)
    form = {"client_id": client_id, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    answer = httpx.post(address, data={**form, "token": token}).raise_for_status().json()
    return answer["active"] and answer["client_id"] == client_id


@dataclass(frozen=True)
class Renamed:
    """A signer under another's key id."""

    signer: Signer
    kid: str

    @property
    def alg(self):
        return self.signer.alg

    def sign(self, data):
        return self.signer.sign(data)


class TestTokens:
    @pytest.mark.parametrize("client_id", SPECS)
    def test_each_algorithm_gets_one_and_another(self, token_url, keys, client_id):
        signer = keys[client_id].signer()
        with qk.TokenSource(token_url, client_id=client_id, signer=signer) as source:
            tokens = source.token(), source.token(force=True)  # each request has an assertion of its own
        assert tokens[0].reveal() != tokens[1].reveal()
        for token in tokens:
            assert token.lifetime == LIFETIME_SECONDS
            assert is_active(token_url, token.reveal(), client_id=client_id, signer=signer)
        assert not is_active(token_url, tokens[0].reveal() + "x", client_id=client_id, signer=signer)

    @pytest.mark.parametrize("client_id", SPECS)
    def test_each_algorithm_with_a_key_that_stays_in_transit(self, token_url, transit, client_id):
        client_id = f"transit-{client_id}"
        signer, _ = transit[client_id]
        with qk.TokenSource(token_url, client_id=client_id, signer=signer) as source:
            assert is_active(token_url, source.token().reveal(), client_id=client_id, signer=signer)

    def test_scopes_are_asked_for(self, token_url, keys):
        options = {"client_id": "es384", "signer": keys["es384"].signer()}
        with qk.TokenSource(token_url, scopes=["user_default"], **options) as source:
            assert source.token().scope == "user_default"
        with (
            qk.TokenSource(token_url, scopes=["admin_classic"], **options) as source,
            pytest.raises(qk.errors.ScopeRejected),
        ):
            source.token()


class TestRefusals:
    @pytest.fixture
    def refused(self, token_url):
        """Ask by the product, which must be refused for its credential."""

        def ask_for(client_id, signer):
            with (
                qk.TokenSource(token_url, client_id=client_id, signer=signer) as source,
                pytest.raises(AssertionRejected) as caught,
            ):
                source.token()
            assert (caught.value.status, caught.value.code) == (401, "invalid_client")

        return ask_for

    def test_another_key(self, refused, keys):
        refused("es384", qk.generate(SPECS["es384"]).signer())

    def test_another_key_under_the_registered_kid(self, refused, keys):
        for client_id in ("es384", "rs256"):
            refused(client_id, Renamed(qk.generate(SPECS[client_id]).signer(), keys[client_id].kid))

    def test_another_client_s_key(self, refused, keys):
        refused("rs256-4096", keys["rs256"].signer())

    def test_another_algorithm_than_registered(self, refused, keys, token_url):
        refused("both", keys["rs512"].signer())
        with qk.TokenSource(token_url, client_id="both", signer=keys["rs256"].signer()) as source:
            assert source.token().reveal()

    def test_an_unknown_client(self, refused, keys):
        refused("nobody", keys["es384"].signer())

    @pytest.mark.parametrize("client_id", ["rs256", "rs512", "es384"])
    def test_a_replayed_assertion(self, token_url, keys, client_id):
        assertion = client_assertion(keys[client_id].signer(), client_id=client_id, audience=token_url)
        assert ask(token_url, client_id, assertion) == (200, "")
        assert ask(token_url, client_id, assertion) == (401, "invalid_client")

    @pytest.mark.parametrize(
        "changes",
        [
            {"iss": "rs256"},
            {"sub": "rs256"},
            {"sub": None},
            {"aud": "https://elsewhere.example/oauth/token"},
            {"exp": int(time.time()) - 300},
            {"jti": None},
            {"nbf": int(time.time()) + 86_400},  # of when the tests were collected, which may be long ago
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_a_claim_that_is_wrong(self, token_url, keys, changes):
        key = keys["es384"]
        header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
        document = {name: one for name, one in claims("es384", token_url, **changes).items() if one is not None}
        status, error = ask(token_url, "es384", sign(key, json.dumps(document), header))
        assert status in (400, 401)
        assert error in ("invalid_client", "invalid_request")
        assert ask(token_url, "es384", sign(key, json.dumps(claims("es384", token_url)), header)) == (200, "")

    def test_none_at_all(self, token_url):
        form = {"grant_type": "client_credentials", "client_id": "es384"}
        answer = httpx.post(token_url, data=form)
        assert answer.status_code in (400, 401)
        assert answer.json()["error"] in ("invalid_client", "invalid_request")
