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


def token_of(knock, client, **parameters):
    answer = knock.get_token(client.client_id, client_secret=client.secret, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


def listed(knock, query="", headers=None):
    answer = knock.http.get(f"{TOKENS}{query}", headers=headers or knock.admin)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page):
    return [one["id"] for one in page["data"]]


def bot_id(knock, token):
    return knock.http.get(ME, headers=bearer(token), follow_redirects=True).json()["id"]


@pytest.fixture
def somebody(knock):
    """A person who is no administrator: the user, and headers with the API key."""
    user, api_key = knock.tenant.add_user(name="Somebody", subject="idp\\somebody")
    return user, bearer(api_key)


def impersonated(knock, user):
    client = knock.client(allowedGrantTypes=[IMPERSONATION], clientName="for people")
    lookup = json.dumps({"field": "userId", "value": user.user_id})
    return token_of(knock, client, grant_type=IMPERSONATION, user_lookup=lookup)


class TestRows:
    def test_a_token_is_listed_with_whom_it_stands_for(self, knock):
        token = token_of(knock, knock.client(clientName="nightly-etl"))
        (row,) = listed(knock)["data"]
        assert row == {
            "id": row["id"],
            "userId": bot_id(knock, token),
            "tenantId": knock.tenant.tenant_id,
            "description": "nightly-etl",
        }
        assert token not in json.dumps(row)

    def test_its_last_use_is_told(self, knock):
        token = token_of(knock, knock.client())
        assert "lastUsed" not in listed(knock)["data"][0]
        knock.clock.advance(60)
        bot_id(knock, token)
        used = knock.now()
        knock.clock.advance(60)
        (row,) = listed(knock)["data"]
        assert datetime.fromisoformat(row["lastUsed"]).timestamp() == used

    def test_only_living_ones_are_there(self, knock):
        client = knock.client()
        token_of(knock, client)
        knock.clock.advance(10)
        revoked, kept = token_of(knock, client), token_of(knock, client)
        assert len(ids(listed(knock))) == 3
        knock.http.post("/oauth/revoke", data={"token": revoked})
        knock.clock.advance(LIFETIME_SECONDS - 10)
        (row,) = listed(knock)["data"]
        assert row["userId"] == bot_id(knock, kept)
        knock.clock.advance(10)
        assert ids(listed(knock)) == []

    def test_they_go_with_their_client(self, knock):
        client, other = knock.client(), knock.client(clientName="other")
        for one in (client, other):
            token_of(knock, one)
        knock.call("DELETE", f"/{client.client_id}", headers={"qlik-confirm-delete": client.client_id})
        assert [row["description"] for row in listed(knock)["data"]] == ["other"]


class TestPages:
    def test_twenty_unless_told_and_by_links_to_the_end_and_back(self, knock):
        clients = [knock.client() for _ in range(3)]
        for number in range(22):
            token_of(knock, clients[number % 3])
        everything = ids(listed(knock, "?limit=100"))
        assert len(set(everything)) == 22
        page = listed(knock)
        assert len(page["data"]) == 20
        assert page["links"].keys() == {"self", "next"}
        assert page["links"]["self"]["href"] == f"{knock.tenant.base_url}{TOKENS}"
        page = listed(knock, "?limit=9")
        seen, back = [ids(page)], []
        while "next" in page["links"]:
            href = page["links"]["next"]["href"]
            assert href.startswith(f"{knock.tenant.base_url}{TOKENS}?")
            page = knock.http.get(href, headers=knock.admin).json()
            seen.append(ids(page))
        while "prev" in page["links"]:
            page = knock.http.get(page["links"]["prev"]["href"], headers=knock.admin).json()
            back.insert(0, ids(page))
        assert [len(one) for one in seen] == [9, 9, 4]
        assert [one for rows in seen for one in rows] == everything
        assert back == seen[:2]

    def test_tokens_that_come_and_go_neither_hide_nor_repeat_another(self, knock):
        client = knock.client()
        for _ in range(6):
            token_of(knock, client)
        first = listed(knock, "?limit=3")
        everything = ids(listed(knock))
        knock.http.delete(f"{TOKENS}/{ids(first)[0]}", headers=knock.admin)
        token_of(knock, client)
        second = knock.http.get(first["links"]["next"]["href"], headers=knock.admin).json()
        assert ids(second) == everything[3:]

    def test_they_are_sorted_by_user(self, knock):
        for _ in range(8):
            token_of(knock, knock.client())
        for query in ("", "?sort=userId"):
            users = [row["userId"] for row in listed(knock, query)["data"]]
            assert users == sorted(users)

    def test_one_user_s_alone(self, knock):
        tokens = [token_of(knock, knock.client(clientName=name)) for name in "ab"]
        user_id = bot_id(knock, tokens[0])
        assert [row["description"] for row in listed(knock, f"?userId={user_id}")["data"]] == ["a"]
        assert ids(listed(knock, "?userId=x")) == []

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
    def test_what_is_not_documented_is_refused(self, knock, query):
        answer = knock.http.get(f"{TOKENS}?{query}", headers=knock.admin)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "HTTP-400"


class TestWhoMay:
    def test_a_person_sees_the_own_ones(self, knock, somebody):
        user, headers = somebody
        token_of(knock, knock.client())
        token = impersonated(knock, user)
        assert len(ids(listed(knock))) == 2
        for own in (headers, bearer(token)):
            (row,) = listed(knock, headers=own)["data"]
            assert (row["userId"], row["description"]) == (user.user_id, "for people")

    def test_a_bot_without_the_scope_of_administrators_sees_the_own_ones(self, knock):
        plain = token_of(knock, knock.client())
        admin = token_of(knock, knock.client(allowedScopes=["admin_classic"]))
        assert len(ids(listed(knock, headers=bearer(plain)))) == 1
        assert len(ids(listed(knock, headers=bearer(admin)))) == 2

    def test_others_tokens_are_an_empty_list_to_a_person(self, knock, somebody):
        other = bot_id(knock, token_of(knock, knock.client()))
        assert ids(listed(knock, f"?userId={other}", headers=somebody[1])) == []

    def test_without_a_credential_there_is_nothing(self, knock):
        assert knock.http.get(TOKENS).status_code == 401
        assert knock.http.delete(f"{TOKENS}/{'x' * 32}").status_code == 401


class TestRevoke:
    def test_an_administrator_ends_any(self, knock):
        client = knock.client()
        gone, kept = token_of(knock, client), token_of(knock, client)
        first, second = ids(listed(knock))
        answer = knock.http.delete(f"{TOKENS}/{first}", headers=knock.admin)
        assert (answer.status_code, answer.content) == (204, b"")
        assert ids(listed(knock)) == [second]
        assert [knock.http.get(ME, headers=bearer(one)).status_code for one in (gone, kept)] == [401, 307]
        assert knock.http.delete(f"{TOKENS}/{first}", headers=knock.admin).status_code == 404

    def test_a_person_ends_the_own_ones_only(self, knock, somebody):
        user, headers = somebody
        strange = token_of(knock, knock.client())
        own = impersonated(knock, user)
        (own_row,) = ids(listed(knock, headers=headers))
        (strange_row,) = set(ids(listed(knock))) - {own_row}
        assert knock.http.delete(f"{TOKENS}/{strange_row}", headers=headers).status_code == 403
        assert knock.http.delete(f"{TOKENS}/{own_row}", headers=headers).status_code == 204
        assert [knock.http.get(ME, headers=bearer(one)).status_code for one in (own, strange)] == [401, 307]

    def test_one_that_is_over_is_not_there(self, knock):
        token_of(knock, knock.client())
        (row,) = ids(listed(knock))
        knock.clock.advance(LIFETIME_SECONDS)
        assert knock.http.delete(f"{TOKENS}/{row}", headers=knock.admin).status_code == 404

    @pytest.mark.parametrize("path", ["x", "x" * 31, "x" * 33, "%78" + "x" * 31, "x" * 32 + "/"])
    def test_what_is_no_id_is_not_found(self, knock, path):
        assert knock.http.delete(f"{TOKENS}/{path}", headers=knock.admin).status_code == 404

    def test_other_methods_are_refused(self, knock):
        assert knock.http.post(TOKENS, headers=knock.admin).status_code == 405
        assert knock.http.get(f"{TOKENS}/{'x' * 32}", headers=knock.admin).status_code == 405


def test_the_request_log_names_the_known_parameters_and_strikes_out_the_others(knock):
    knock.http.get(f"{TOKENS}?limit=5&secret=abc", headers=knock.admin)
    knock.http.get(f"{CLIENTS}?userId=abc", headers=knock.admin)
    first, second = (entry.query for entry in knock.tenant.requests())
    assert first == {"limit": "5", "•••": "•••"}
    assert second == {"•••": "•••"}
