"""What a deleted client leaves on the sandbox, and the deletion of a user (contract, "What outlives a client")."""

from __future__ import annotations

import pytest


def logged_in(sandbox_client):
    """A client that was deleted after its first login, its token, and its bot's id."""
    client = sandbox_client.client()
    token = sandbox_client.get_token(client.client_id, client_secret=client.secret).json()["access_token"]
    bot = next(row["id"] for row in users(sandbox_client) if row.get("clientId") == client.client_id)
    confirm = {"qlik-confirm-delete": client.client_id}
    assert sandbox_client.call("DELETE", f"/{client.client_id}", headers=confirm).status_code == 204
    return client, token, bot


def users(sandbox_client):
    return sandbox_client.http.get("/api/v1/users?limit=100", headers=sandbox_client.admin).json()["data"]


def tokens(sandbox_client, bot):
    path = f"/api/v1/oauth-tokens?userId={bot}"
    return sandbox_client.http.get(path, headers=sandbox_client.admin).json()["data"]


def lets_in(sandbox_client, token):
    headers = {"authorization": f"Bearer {token}"}
    return sandbox_client.http.get("/api/v1/users/me", headers=headers, follow_redirects=True).status_code == 200


@pytest.mark.parametrize(
    ("settings", "bot_stays", "token_lives", "rows"),
    [
        ({}, True, True, 1),
        ({"tokens_end_with_client": True}, True, False, 0),
        ({"bot_ends_with_client": True}, False, False, 0),
        ({"lists_machine_tokens": False}, True, True, 0),
        ({"token_rows_name_client": True}, True, True, 1),
    ],
)
def test_what_outlives_a_client(sandbox_client, settings, bot_stays, token_lives, rows):
    sandbox_client.tenant.configure(**settings)
    client, token, bot = logged_in(sandbox_client)
    assert (bot in {row["id"] for row in users(sandbox_client)}) is bot_stays
    assert lets_in(sandbox_client, token) is token_lives
    listed = tokens(sandbox_client, bot)
    assert len(listed) == rows
    named = client.client_id if "token_rows_name_client" in settings else None
    assert [row.get("clientId") for row in listed] == [named] * rows


def test_a_user_is_deleted_by_an_administrator_alone_and_its_credentials_end(sandbox_client):
    _, token, bot = logged_in(sandbox_client)
    person, api_key = sandbox_client.tenant.add_user(name="Ada", subject="auth0|ada")

    def delete(user_id, bearer):
        headers = {"authorization": f"Bearer {bearer}"}
        return sandbox_client.http.delete(f"/api/v1/users/{user_id}", headers=headers).status_code

    admin_key = sandbox_client.tenant.api_key
    assert delete(bot, api_key) == 403  # no administrator
    assert delete(bot, token) == 403  # an administrator's token without the scope
    me = sandbox_client.http.get("/api/v1/users/me", headers=sandbox_client.admin).headers["location"]
    assert delete(me.rpartition("/")[2], admin_key) == 403  # no one deletes itself
    assert lets_in(sandbox_client, token)
    assert [delete(bot, admin_key), delete(bot, admin_key)] == [204, 404]
    assert delete(person.user_id, admin_key) == 204
    assert [lets_in(sandbox_client, each) for each in (token, api_key)] == [False, False]
    assert tokens(sandbox_client, bot) == []
