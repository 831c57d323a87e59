"""A stock OAuth library of another world, openid-client on node, logs in at the sandbox with keys that we made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.other_programs import installed_by_npm, node
from fixtures.support import machine_client

pytestmark = [pytest.mark.openbao, pytest.mark.registry]

ALGORITHMS = ["RS256", "RS512", "ES384"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory, box, tenant, client_keys):
    """What it saw of a client of each algorithm: {algorithm: …}."""
    clients = []
    for alg in ALGORITHMS:
        key = client_keys[alg]
        client_id = tenant.oauth_clients.create(machine_client(f"for openid-client, {alg}", key)).client.client_id
        clients.append({"clientId": client_id, "kid": key.kid, "alg": alg, "pem": key.reveal()})
    folder = installed_by_npm(Path(__file__).parent / "openid_client", tmp_path_factory.mktemp("npm"))
    given = json.dumps({"tenantUrl": box.tenant_url, "clients": clients})
    told = json.loads(node("log_in.mjs", cwd=folder, input=given))
    return {one["alg"]: {**one, **saw} for one, saw in zip(clients, told, strict=True)}


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_it_finds_the_endpoints_gets_a_token_and_ends_it_but_not_by_the_issuer_as_audience(seen, alg):
    saw = seen[alg]
    assert saw["scope"] == "user_default"
    assert saw["expiresIn"] > 0
    assert saw["me"]["subject"] == f"qlikbot\\{saw['clientId']}"
    assert saw["afterRevoke"]["status"] == 401
    assert saw["itsOwnAudience"]["status"] == 401
