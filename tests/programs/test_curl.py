"""curl and a POSIX shell, by the bridge and by the endpoints themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.support import machine_client

pytestmark = pytest.mark.openbao

NAME = "called by programs"
BY_HAND = (Path(__file__).parent / "log_in_by_hand.sh").read_text("utf-8")
ME = """
curl --silent --show-error --fail --location --header @- "$QLIK_TENANT_URL/api/v1/users/me"
"""


def output_of(ended):
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_token_goes_down_a_pipe_to_curl(shell, called):
    pipe = f'qlik-keys token --client "$1" --stdout | sed "s/^/Authorization: Bearer /" | {ME}'
    ended = shell(pipe, NAME)
    me = json.loads(output_of(ended))
    assert (me["clientId"], me["name"]) == (called.client_id, NAME)
    assert "scope user_default" in ended.stderr


def test_curl_is_run_with_a_token_in_its_environment_and_its_own_end_is_the_command_s(shell, called):
    """The variables of the administrator, who is in the shell's environment, are the client's inside."""
    script = """
        qlik-keys token --client "$1" --exec -- sh -c '
            curl --silent --show-error --fail --location --header "Authorization: Bearer $QLIK_API_KEY" \
                "$QLIK_TENANT_URL/api/v1/$0"' "$2"
    """
    assert json.loads(output_of(shell(script, NAME, "users/me")))["clientId"] == called.client_id
    assert shell(script, NAME, "nothing").returncode == 22  # "HTTP page not retrieved" (curl's manual, "EXIT CODES")


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
