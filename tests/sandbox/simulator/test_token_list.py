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


def token_of(sandbox, client, **parameters):
    answer = sandbox.get_token(client.client_id, client_secret=client.secret, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def listed(sandbox, query="", headers=None):
    answer = sandbox.http.get(f"{TOKENS}{query}", headers=headers or sandbox.admin)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page):
    return [one["id"] for one in page["data"]]


def bot_id(sandbox, token):
    return sandbox.http.get(ME, headers=bearer(token), follow_redirects=True).json()["id"]


@pytest.fixture
def another_user(sandbox):
    """A person who is no administrator: the user, and headers with the API key."""
    user, api_key = sandbox.tenant.add_user(name="Somebody", subject="idp\\somebody")
    return user, bearer(api_key)


def impersonated(sandbox, user):
    client = sandbox.client(allowedGrantTypes=[IMPERSONATION], clientName="for people")
    lookup = json.dumps({"field": "userId", "value": user.user_id})
    return token_of(sandbox, client, grant_type=IMPERSONATION, user_lookup=lookup)


class TestRows:
    def test_a_token_is_listed_with_whom_it_stands_for(self, sandbox):
        token = token_of(sandbox, sandbox.client(clientName="nightly-etl"))
        (row,) = listed(sandbox)["data"]
        assert row == {
            "id": row["id"],
            "userId": bot_id(sandbox, token),
            "tenantId": sandbox.tenant.tenant_id,
            "description": "nightly-etl",
        }
        assert token not in json.dumps(row)

    def test_its_last_use_is_told(self, sandbox):
        token = token_of(sandbox, sandbox.client())
        assert "lastUsed" not in listed(sandbox)["data"][0]
        sandbox.clock.advance(60)
        bot_id(sandbox, token)
        used = sandbox.now()
        sandbox.clock.advance(60)
        (row,) = listed(sandbox)["data"]
        assert datetime.fromisoformat(row["lastUsed"]).timestamp() == used

    def test_only_living_ones_are_there(self, sandbox):
        client = sandbox.client()
        token_of(sandbox, client)
        sandbox.clock.advance(10)
        revoked, kept = token_of(sandbox, client), token_of(sandbox, client)
        assert len(ids(listed(sandbox))) == 3
        sandbox.http.post("/oauth/revoke", data={"token": revoked})
        sandbox.clock.advance(LIFETIME_SECONDS - 10)
        (row,) = listed(sandbox)["data"]
        assert row["userId"] == bot_id(sandbox, kept)
        sandbox.clock.advance(10)
        assert ids(listed(sandbox)) == []

    def test_they_go_with_their_client(self, sandbox):
        client, other = sandbox.client(), sandbox.client(clientName="other")
        for one in (client, other):
            token_of(sandbox, one)
        sandbox.call("DELETE", f"/{client.client_id}", headers={"qlik-confirm-delete": client.client_id})
        assert [row["description"] for row in listed(sandbox)["data"]] == ["other"]


class TestPages:
    def test_twenty_unless_told_and_by_links_to_the_end_and_back(self, sandbox):
        clients = [sandbox.client() for _ in range(3)]
        for number in range(22):
            token_of(sandbox, clients[number % 3])
        everything = ids(listed(sandbox, "?limit=100"))
        assert len(set(everything)) == 22
        page = listed(sandbox)
        assert len(page["data"]) == 20
        assert page["links"].keys() == {"self", "next"}
        assert page["links"]["self"]["href"] == f"{sandbox.tenant.base_url}{TOKENS}"
        page = listed(sandbox, "?limit=9")
        seen, back = [ids(page)], []
        while "next" in page["links"]:
            href = page["links"]["next"]["href"]
            assert href.startswith(f"{sandbox.tenant.base_url}{TOKENS}?")
            page = sandbox.http.get(href, headers=sandbox.admin).json()
            seen.append(ids(page))
        while "prev" in page["links"]:
            page = sandbox.http.get(page["links"]["prev"]["href"], headers=sandbox.admin).json()
            back.insert(0, ids(page))
        assert [len(one) for one in seen] == [9, 9, 4]
        assert [one for rows in seen for one in rows] == everything
        assert back == seen[:2]

    def test_tokens_that_come_and_go_neither_hide_nor_repeat_another(self, sandbox):
        client = sandbox.client()
        for _ in range(6):
            token_of(sandbox, client)
        first = listed(sandbox, "?limit=3")
        everything = ids(listed(sandbox))
        sandbox.http.delete(f"{TOKENS}/{ids(first)[0]}", headers=sandbox.admin)
        token_of(sandbox, client)
        second = sandbox.http.get(first["links"]["next"]["href"], headers=sandbox.admin).json()
        assert ids(second) == everything[3:]

    def test_they_are_sorted_by_user(self, sandbox):
        for _ in range(8):
            token_of(sandbox, sandbox.client())
        for query in ("", "?sort=userId"):
            users = [row["userId"] for row in listed(sandbox, query)["data"]]
            assert users == sorted(users)

    def test_one_user_s_alone(self, sandbox):
        tokens = [token_of(sandbox, sandbox.client(clientName=name)) for name in "ab"]
        user_id = bot_id(sandbox, tokens[0])
        assert [row["description"] for row in listed(sandbox, f"?userId={user_id}")["data"]] == ["a"]
        assert ids(listed(sandbox, "?userId=x")) == []

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
    def test_what_is_not_documented_is_refused(self, sandbox, query):
        answer = sandbox.http.get(f"{TOKENS}?{query}", headers=sandbox.admin)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "HTTP-400"


class TestWhoMay:
    def test_a_person_sees_the_own_ones(self, sandbox, another_user):
        user, headers = another_user
        token_of(sandbox, sandbox.client())
        token = impersonated(sandbox, user)
        assert len(ids(listed(sandbox))) == 2
        for own in (headers, bearer(token)):
            (row,) = listed(sandbox, headers=own)["data"]
            assert (row["userId"], row["description"]) == (user.user_id, "for people")

    def test_a_bot_without_the_scope_of_administrators_sees_the_own_ones(self, sandbox):
        plain = token_of(sandbox, sandbox.client())
        admin = token_of(sandbox, sandbox.client(allowedScopes=["admin_classic"]))
        assert len(ids(listed(sandbox, headers=bearer(plain)))) == 1
        assert len(ids(listed(sandbox, headers=bearer(admin)))) == 2

    def test_others_tokens_are_an_empty_list_to_a_person(self, sandbox, another_user):
        other = bot_id(sandbox, token_of(sandbox, sandbox.client()))
        assert ids(listed(sandbox, f"?userId={other}", headers=another_user[1])) == []

    def test_without_a_credential_there_is_nothing(self, sandbox):
        assert sandbox.http.get(TOKENS).status_code == 401
        assert sandbox.http.delete(f"{TOKENS}/{'x' * 32}").status_code == 401


class TestRevoke:
    def test_an_administrator_ends_any(self, sandbox):
        client = sandbox.client()
        gone, kept = token_of(sandbox, client), token_of(sandbox, client)
        first, second = ids(listed(sandbox))
        answer = sandbox.http.delete(f"{TOKENS}/{first}", headers=sandbox.admin)
        assert (answer.status_code, answer.content) == (204, b"")
        assert ids(listed(sandbox)) == [second]
        assert [sandbox.http.get(ME, headers=bearer(one)).status_code for one in (gone, kept)] == [401, 307]
        assert sandbox.http.delete(f"{TOKENS}/{first}", headers=sandbox.admin).status_code == 404

    def test_a_person_ends_the_own_ones_only(self, sandbox, another_user):
        user, headers = another_user
        strange = token_of(sandbox, sandbox.client())
        own = impersonated(sandbox, user)
        (own_row,) = ids(listed(sandbox, headers=headers))
        (strange_row,) = set(ids(listed(sandbox))) - {own_row}
        assert sandbox.http.delete(f"{TOKENS}/{strange_row}", headers=headers).status_code == 403
        assert sandbox.http.delete(f"{TOKENS}/{own_row}", headers=headers).status_code == 204
        assert [sandbox.http.get(ME, headers=bearer(one)).status_code for one in (own, strange)] == [401, 307]

    def test_one_that_is_over_is_not_there(self, sandbox):
        token_of(sandbox, sandbox.client())
        (row,) = ids(listed(sandbox))
        sandbox.clock.advance(LIFETIME_SECONDS)
        assert sandbox.http.delete(f"{TOKENS}/{row}", headers=sandbox.admin).status_code == 404

    @pytest.mark.parametrize("path", ["x", "x" * 31, "x" * 33, "%78" + "x" * 31, "x" * 32 + "/"])
    def test_what_is_no_id_is_not_found(self, sandbox, path):
        assert sandbox.http.delete(f"{TOKENS}/{path}", headers=sandbox.admin).status_code == 404

    def test_other_methods_are_refused(self, sandbox):
        assert sandbox.http.post(TOKENS, headers=sandbox.admin).status_code == 405
        assert sandbox.http.get(f"{TOKENS}/{'x' * 32}", headers=sandbox.admin).status_code == 405


def test_the_request_log_names_the_known_parameters_and_strikes_out_the_others(sandbox):
    sandbox.http.get(f"{TOKENS}?limit=5&secret=abc", headers=sandbox.admin)
    sandbox.http.get(f"{CLIENTS}?userId=abc", headers=sandbox.admin)
    first, second = (entry.query for entry in sandbox.tenant.requests())
    assert first == {"limit": "5", "•••": "•••"}
    assert second == {"•••": "•••"}
