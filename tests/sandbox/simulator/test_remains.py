"""What a deleted client leaves on the sandbox, and the deletion of a user (contract, "What outlives a client")."""

from __future__ import annotations

import pytest


def logged_in(sandbox):
    """A client that was deleted after its first login, its token, and its bot's id."""
    client = sandbox.client()
    token = sandbox.get_token(client.client_id, client_secret=client.secret).json()["access_token"]
    bot = next(row["id"] for row in users(sandbox) if row.get("clientId") == client.client_id)
    confirm = {"qlik-confirm-delete": client.client_id}
    assert sandbox.call("DELETE", f"/{client.client_id}", headers=confirm).status_code == 204
    return client, token, bot


def users(sandbox):
    return sandbox.http.get("/api/v1/users?limit=100", headers=sandbox.admin).json()["data"]


def tokens(sandbox, bot):
    path = f"/api/v1/oauth-tokens?userId={bot}"
    return sandbox.http.get(path, headers=sandbox.admin).json()["data"]


def lets_in(sandbox, token):
    headers = {"authorization": f"Bearer {token}"}
    return sandbox.http.get("/api/v1/users/me", headers=headers, follow_redirects=True).status_code == 200


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
def test_what_outlives_a_client(sandbox, settings, bot_stays, token_lives, rows):
    sandbox.tenant.configure(**settings)
    client, token, bot = logged_in(sandbox)
    assert (bot in {row["id"] for row in users(sandbox)}) is bot_stays
    assert lets_in(sandbox, token) is token_lives
    listed = tokens(sandbox, bot)
    assert len(listed) == rows
    named = client.client_id if "token_rows_name_client" in settings else None
    assert [row.get("clientId") for row in listed] == [named] * rows


def test_a_user_is_deleted_by_an_administrator_alone_and_its_credentials_end(sandbox):
    _, token, bot = logged_in(sandbox)
    person, api_key = sandbox.tenant.add_user(name="Ada", subject="auth0|ada")

    def delete(user_id, bearer):
        headers = {"authorization": f"Bearer {bearer}"}
        return sandbox.http.delete(f"/api/v1/users/{user_id}", headers=headers).status_code

    admin_key = sandbox.tenant.api_key
    assert delete(bot, api_key) == 403  # no administrator
    assert delete(bot, token) == 403  # an administrator's token without the scope
    me = sandbox.http.get("/api/v1/users/me", headers=sandbox.admin).headers["location"]
    assert delete(me.rpartition("/")[2], admin_key) == 403  # no one deletes itself
    assert lets_in(sandbox, token)
    assert [delete(bot, admin_key), delete(bot, admin_key)] == [204, 404]
    assert delete(person.user_id, admin_key) == 204
    assert [lets_in(sandbox, each) for each in (token, api_key)] == [False, False]
    assert tokens(sandbox, bot) == []
