"""A stock OAuth library, Authlib, logs in at the sandbox by private-key JWT with a key that we made."""

from __future__ import annotations

import time

import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from fixtures.support import machine_client
from joserfc.jwk import ECKey, RSAKey

import qlik_keys as qk

pytestmark = pytest.mark.openbao


@pytest.mark.parametrize("alg", ["RS256", "RS512", "ES384"])
def test_it_gets_a_token_and_is_let_in(box, client_keys, alg):
    key = client_keys[alg]
    new = machine_client(f"for a stock library, {alg}", key)
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        client_id = tenant.oauth_clients.create(new).client.client_id
        token_url = tenant.token_url
    own_form = (ECKey if alg == "ES384" else RSAKey).import_key(key.reveal())
    # Its own lifetime is an hour, and it leaves the key id to the caller: Qlik wants 300 seconds at most, and the kid.
    method = PrivateKeyJWT(token_url, alg=alg, headers={"kid": key.kid}, claims={"exp": int(time.time()) + 120})
    with OAuth2Session(client_id, own_form, token_endpoint_auth_method=method, scope="user_default") as session:
        token = session.fetch_token(token_url, grant_type="client_credentials", client_id=client_id)
        me = session.get(f"{box.tenant_url}/api/v1/users/me").json()
    assert token["scope"] == "user_default"
    assert me["subject"] == f"qlikbot\\{client_id}"
