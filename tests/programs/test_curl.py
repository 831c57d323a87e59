"""curl and a POSIX shell, by the bridge and by the endpoints themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.support import machine_client

import qlik_keys as qk

pytestmark = pytest.mark.openbao

NAME = "called by programs"
BY_HAND = (Path(__file__).parent / "log_in_by_hand.sh").read_text("utf-8")
ME = """
curl --silent --show-error --fail --location --header @- "$QLIK_TENANT_URL/api/v1/users/me"
"""
STATUS_OF_ME = """
curl --silent --output answer --write-out '%{http_code}' --location --header @- "$QLIK_TENANT_URL/api/v1/users/me"
"""
REVOKE = {
    "form": 'printf %s "$TOKEN" | curl --silent --fail --data-urlencode token@- "$QLIK_TENANT_URL/oauth/revoke"',
    "JSON": """printf '{"token": "%s", "token_type_hint": "access_token"}' "$TOKEN" | curl --silent --fail \
        --header 'Content-Type: application/json' --data-binary @- "$QLIK_TENANT_URL/oauth/revoke" """,
}


def output_of(ended):
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_token_goes_down_a_pipe_to_curl(shell, called):
    pipe = f'qlik-keys token --client "$1" --stdout | sed "s/^/Authorization: Bearer /" | {ME}'
    ended = shell(pipe, NAME)
    me = json.loads(output_of(ended))
    assert (me["clientId"], me["name"]) == (called.client_id, NAME)
    assert "scope user_default" in ended.stderr


def test_curl_is_run_with_a_token_in_its_environment(shell, called, box):
    """The variables of the administrator, who is in the shell's environment, are the client's inside."""
    script = """
        qlik-keys token --client "$1" --exec -- sh -c '
            curl --silent --show-error --fail --location --header "Authorization: Bearer $QLIK_API_KEY" \
                "$QLIK_TENANT_URL/api/v1/users/me"'
    """
    assert json.loads(output_of(shell(script, NAME)))["clientId"] == called.client_id


def test_curl_s_own_end_is_the_command_s(shell, called):
    script = """
        qlik-keys token --client "$1" --exec -- sh -c '
            curl --silent --fail --header "Authorization: Bearer $QLIK_API_KEY" "$QLIK_TENANT_URL/api/v1/nothing"'
    """
    assert shell(script, NAME).returncode == 22  # "HTTP page not retrieved" (curl's manual, "EXIT CODES")


@pytest.mark.parametrize("alg", ["RS256", "RS512", "ES384"])
def test_a_hand_made_assertion_gets_a_token(shell, tenant, client_keys, tmp_path, alg):
    key = client_keys[alg]
    client_id = tenant.oauth_clients.create(machine_client(f"by hand, {alg}", key)).client.client_id
    (tmp_path / "key.pem").write_text(key.reveal())
    names = {"TOKEN_URL": tenant.token_url, "CLIENT_ID": client_id, "KID": key.kid, "ALG": alg}
    for _ in range(3):  # an ES384 signature's numbers are of changing length
        answer = json.loads(output_of(shell(BY_HAND, **names)))
        assert answer["scope"] == "user_default"
    me = json.loads(output_of(shell(ME, stdin=f"Authorization: Bearer {answer['access_token']}\n")))
    assert me["clientId"] == client_id
    refused = json.loads(output_of(shell(BY_HAND, **{**names, "KID": "another"})))
    assert refused["errors"][0]["code"] == "invalid_client"


@pytest.mark.parametrize("body", ["form", "JSON"])
def test_curl_revokes_a_token(shell, called, box, body):
    with (
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
        qk.TokenSource.from_store(store, tenant_url=box.tenant_url, client_id=called.client_id) as source,
    ):
        gone, kept = source.token().reveal(), source.token(force=True).reveal()
    statuses = {}

    def look():
        for token in (gone, kept):
            statuses[token] = output_of(shell(STATUS_OF_ME, stdin=f"Authorization: Bearer {token}\n"))
        return [statuses[gone], statuses[kept]]

    assert look() == ["200", "200"]
    output_of(shell(REVOKE[body], TOKEN=gone))
    assert look() == ["401", "200"]
