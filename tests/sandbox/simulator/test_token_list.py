"""The sandbox's /api/v1/oauth-tokens: living tokens, a page at a time, and the end of one by its id."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from fixtures.sandbox_client import CLIENTS, base64url

TOKENS = "/api/v1/oauth-tokens"
ME = "/api/v1/users/me"
IMPERSONATION = "urn:qlik:oauth:user-impersonation"
LIFETIME_SECONDS = 21600


def bearer(credential):
    return {"authorization": f"Bearer {credential}"}


def token_of(sandbox_client, client, **parameters):
    answer = sandbox_client.get_token(client.client_id, client_secret=client.secret, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def listed(sandbox_client, query="", headers=None):
    answer = sandbox_client.http.get(f"{TOKENS}{query}", headers=headers or sandbox_client.admin)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page):
    return [one["id"] for one in page["data"]]


def bot_id(sandbox_client, token):
    return sandbox_client.http.get(ME, headers=bearer(token), follow_redirects=True).json()["id"]


@pytest.fixture
def another_user(sandbox_client):
    """A person who is no administrator: the user, and headers with the API key."""
    user, api_key = sandbox_client.tenant.add_user(name="Somebody", subject="idp\\somebody")
    return user, bearer(api_key)


def impersonated(sandbox_client, user):
    client = sandbox_client.client(allowedGrantTypes=[IMPERSONATION], clientName="for people")
    lookup = json.dumps({"field": "userId", "value": user.user_id})
    return token_of(sandbox_client, client, grant_type=IMPERSONATION, user_lookup=lookup)


class TestRows:
    def test_a_token_is_listed_with_whom_it_stands_for(self, sandbox_client):
        token = token_of(sandbox_client, sandbox_client.client(clientName="nightly-etl"))
        (row,) = listed(sandbox_client)["data"]
        assert row == {
            "id": row["id"],
            "userId": bot_id(sandbox_client, token),
            "tenantId": sandbox_client.tenant.tenant_id,
            "description": "nightly-etl",
        }
        assert token not in json.dumps(row)

    def test_its_last_use_is_told(self, sandbox_client):
        token = token_of(sandbox_client, sandbox_client.client())
        assert "lastUsed" not in listed(sandbox_client)["data"][0]
        sandbox_client.clock.advance(60)
        bot_id(sandbox_client, token)
        used = sandbox_client.now()
        sandbox_client.clock.advance(60)
        (row,) = listed(sandbox_client)["data"]
        assert datetime.fromisoformat(row["lastUsed"]).timestamp() == used

    def test_only_living_ones_are_there(self, sandbox_client):
        client = sandbox_client.client()
        token_of(sandbox_client, client)
        sandbox_client.clock.advance(10)
        revoked, kept = token_of(sandbox_client, client), token_of(sandbox_client, client)
        assert len(ids(listed(sandbox_client))) == 3
        sandbox_client.http.post("/oauth/revoke", data={"token": revoked})
        sandbox_client.clock.advance(LIFETIME_SECONDS - 10)
        (row,) = listed(sandbox_client)["data"]
        assert row["userId"] == bot_id(sandbox_client, kept)
        sandbox_client.clock.advance(10)
        assert ids(listed(sandbox_client)) == []

    def test_they_outlive_their_client(self, sandbox_client):
        client, other = sandbox_client.client(), sandbox_client.client(clientName="other")
        for one in (client, other):
            token_of(sandbox_client, one)
        sandbox_client.call("DELETE", f"/{client.client_id}", headers={"qlik-confirm-delete": client.client_id})
        assert {row["description"] for row in listed(sandbox_client)["data"]} == {"test client", "other"}


class TestPages:
    def test_twenty_unless_told_and_by_links_to_the_end_and_back(self, sandbox_client):
        clients = [sandbox_client.client() for _ in range(3)]
        for number in range(22):
            token_of(sandbox_client, clients[number % 3])
        everything = ids(listed(sandbox_client, "?limit=100"))
        assert len(set(everything)) == 22
        page = listed(sandbox_client)
        assert len(page["data"]) == 20
        assert page["links"].keys() == {"self", "next"}
        assert page["links"]["self"]["href"] == f"{sandbox_client.tenant.base_url}{TOKENS}"
        page = listed(sandbox_client, "?limit=9")
        seen, back = [ids(page)], []
        while "next" in page["links"]:
            href = page["links"]["next"]["href"]
            assert href.startswith(f"{sandbox_client.tenant.base_url}{TOKENS}?")
            page = sandbox_client.http.get(href, headers=sandbox_client.admin).json()
            seen.append(ids(page))
        while "prev" in page["links"]:
            page = sandbox_client.http.get(page["links"]["prev"]["href"], headers=sandbox_client.admin).json()
            back.insert(0, ids(page))
        assert [len(one) for one in seen] == [9, 9, 4]
        assert [one for rows in seen for one in rows] == everything
        assert back == seen[:2]

    def test_tokens_that_come_and_go_neither_hide_nor_repeat_another(self, sandbox_client):
        client = sandbox_client.client()
        for _ in range(6):
            token_of(sandbox_client, client)
        first = listed(sandbox_client, "?limit=3")
        everything = ids(listed(sandbox_client))
        sandbox_client.http.delete(f"{TOKENS}/{ids(first)[0]}", headers=sandbox_client.admin)
        token_of(sandbox_client, client)
        second = sandbox_client.http.get(first["links"]["next"]["href"], headers=sandbox_client.admin).json()
        assert ids(second) == everything[3:]

    def test_they_are_sorted_by_user(self, sandbox_client):
        for _ in range(8):
            token_of(sandbox_client, sandbox_client.client())
        for query in ("", "?sort=userId"):
            users = [row["userId"] for row in listed(sandbox_client, query)["data"]]
            assert users == sorted(users)

    def test_one_user_s_alone(self, sandbox_client):
        tokens = [token_of(sandbox_client, sandbox_client.client(clientName=name)) for name in "ab"]
        user_id = bot_id(sandbox_client, tokens[0])
        assert [row["description"] for row in listed(sandbox_client, f"?userId={user_id}")["data"]] == ["a"]
        assert ids(listed(sandbox_client, "?userId=x")) == []

    @pytest.mark.parametrize(
        "query",
        [
            *(f"limit={one}" for one in ("0", "101", "-1", "x", "", "1.5", "%2B5")),
            *(f"sort={one}" for one in ("", "%2BuserId", "-userId", "userid", "lastUsed")),
            "filter=x",
            "totalResults=true",
            "next=x",
            "Limit=5",
            "limit=5&limit=5",
            "page=",
            "page=x",
            "page=!",
            *(
                f"page={base64url(one)}"
                for one in ('["next","u"]', '["up","u",1]', '["next",1,1]', '["next","u",true]')
            ),
        ],
    )
    def test_what_is_not_documented_is_refused(self, sandbox_client, query):
        answer = sandbox_client.http.get(f"{TOKENS}?{query}", headers=sandbox_client.admin)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "HTTP-400"


class TestWhoMay:
    def test_a_person_sees_the_own_ones(self, sandbox_client, another_user):
        user, headers = another_user
        token_of(sandbox_client, sandbox_client.client())
        token = impersonated(sandbox_client, user)
        assert len(ids(listed(sandbox_client))) == 2
        for own in (headers, bearer(token)):
            (row,) = listed(sandbox_client, headers=own)["data"]
            assert (row["userId"], row["description"]) == (user.user_id, "for people")

    def test_a_bot_without_the_scope_of_administrators_sees_the_own_ones(self, sandbox_client):
        plain = token_of(sandbox_client, sandbox_client.client())
        admin = token_of(sandbox_client, sandbox_client.client(allowedScopes=["admin_classic"]))
        assert len(ids(listed(sandbox_client, headers=bearer(plain)))) == 1
        assert len(ids(listed(sandbox_client, headers=bearer(admin)))) == 2

    def test_others_tokens_are_an_empty_list_to_a_person(self, sandbox_client, another_user):
        other = bot_id(sandbox_client, token_of(sandbox_client, sandbox_client.client()))
        assert ids(listed(sandbox_client, f"?userId={other}", headers=another_user[1])) == []

    def test_without_a_credential_there_is_nothing(self, sandbox_client):
        assert sandbox_client.http.get(TOKENS).status_code == 401
        assert sandbox_client.http.delete(f"{TOKENS}/{'x' * 32}").status_code == 401


class TestRevoke:
    def test_an_administrator_ends_any(self, sandbox_client):
        client = sandbox_client.client()
        gone, kept = token_of(sandbox_client, client), token_of(sandbox_client, client)
        first, second = ids(listed(sandbox_client))
        answer = sandbox_client.http.delete(f"{TOKENS}/{first}", headers=sandbox_client.admin)
        assert (answer.status_code, answer.content) == (204, b"")
        assert ids(listed(sandbox_client)) == [second]
        assert [sandbox_client.http.get(ME, headers=bearer(one)).status_code for one in (gone, kept)] == [401, 307]
        assert sandbox_client.http.delete(f"{TOKENS}/{first}", headers=sandbox_client.admin).status_code == 404

    def test_a_person_ends_the_own_ones_only(self, sandbox_client, another_user):
        user, headers = another_user
        strange = token_of(sandbox_client, sandbox_client.client())
        own = impersonated(sandbox_client, user)
        (own_row,) = ids(listed(sandbox_client, headers=headers))
        (strange_row,) = set(ids(listed(sandbox_client))) - {own_row}
        assert sandbox_client.http.delete(f"{TOKENS}/{strange_row}", headers=headers).status_code == 403
        assert sandbox_client.http.delete(f"{TOKENS}/{own_row}", headers=headers).status_code == 204
        assert [sandbox_client.http.get(ME, headers=bearer(one)).status_code for one in (own, strange)] == [401, 307]

    def test_one_that_is_over_is_not_there(self, sandbox_client):
        token_of(sandbox_client, sandbox_client.client())
        (row,) = ids(listed(sandbox_client))
        sandbox_client.clock.advance(LIFETIME_SECONDS)
        assert sandbox_client.http.delete(f"{TOKENS}/{row}", headers=sandbox_client.admin).status_code == 404

    @pytest.mark.parametrize("path", ["x", "x" * 31, "x" * 33, "%78" + "x" * 31, "x" * 32 + "/"])
    def test_what_is_no_id_is_not_found(self, sandbox_client, path):
        assert sandbox_client.http.delete(f"{TOKENS}/{path}", headers=sandbox_client.admin).status_code == 404

    def test_other_methods_are_refused(self, sandbox_client):
        assert sandbox_client.http.post(TOKENS, headers=sandbox_client.admin).status_code == 405
        assert sandbox_client.http.get(f"{TOKENS}/{'x' * 32}", headers=sandbox_client.admin).status_code == 405


def test_the_request_log_names_the_known_parameters_and_strikes_out_the_others(sandbox_client):
    sandbox_client.http.get(f"{TOKENS}?limit=5&secret=abc", headers=sandbox_client.admin)
    sandbox_client.http.get(f"{CLIENTS}?userId=abc", headers=sandbox_client.admin)
    first, second = (entry.query for entry in sandbox_client.tenant.requests())
    assert first == {"limit": "5", "•••": "•••"}
    assert second == {"•••": "•••"}
