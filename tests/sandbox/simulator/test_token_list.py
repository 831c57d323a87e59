"""The sandbox's /api/v1/oauth-tokens: living tokens, a page at a time, and the end of one by its id."""

from __future__ import annotations

import json
from datetime import datetime

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


def impersonated(sandbox, user):
    client = sandbox.client(allowedGrantTypes=[IMPERSONATION], clientName="for people")
    lookup = json.dumps({"field": "userId", "value": user.user_id})
    return token_of(sandbox, client, grant_type=IMPERSONATION, user_lookup=lookup)


def deleted(sandbox, row, headers=None):
    return sandbox.http.delete(f"{TOKENS}/{row}", headers=headers or sandbox.admin).status_code


def statuses(sandbox, *tokens):
    return [sandbox.http.get(ME, headers=bearer(token)).status_code for token in tokens]


class TestRows:
    def test_a_token_is_listed_with_its_user_and_its_last_use(self, sandbox):
        token = token_of(sandbox, sandbox.client(clientName="nightly-etl"))
        assert "lastUsed" not in listed(sandbox)["data"][0]
        sandbox.clock.advance(60)
        user_id, used = bot_id(sandbox, token), sandbox.now()
        sandbox.clock.advance(60)
        (row,) = listed(sandbox)["data"]
        assert datetime.fromisoformat(row.pop("lastUsed")).timestamp() == used
        tenant_id = sandbox.tenant.tenant_id
        assert row == {"id": row["id"], "userId": user_id, "tenantId": tenant_id, "description": "nightly-etl"}
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

    def test_they_outlive_their_client(self, sandbox):
        client, other = sandbox.client(), sandbox.client(clientName="other")
        for one in (client, other):
            token_of(sandbox, one)
        sandbox.call("DELETE", f"/{client.client_id}", headers={"qlik-confirm-delete": client.client_id})
        assert {row["description"] for row in listed(sandbox)["data"]} == {"test client", "other"}


class TestPages:
    def test_twenty_by_default_and_by_links_to_the_end_and_back(self, sandbox):
        clients = [sandbox.client() for _ in range(3)]
        for number in range(22):
            token_of(sandbox, clients[number % 3])
        whole = listed(sandbox, "?limit=100&sort=userId")
        everything, users = ids(whole), [row["userId"] for row in whole["data"]]
        assert (len(set(everything)), users) == (22, sorted(users))
        page = listed(sandbox)
        assert (len(page["data"]), page["links"].keys()) == (20, {"self", "next"})
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
        assert seen == [everything[:9], everything[9:18], everything[18:]]
        assert back == seen[:2]

    def test_tokens_that_come_and_go_neither_hide_nor_repeat_another(self, sandbox):
        client = sandbox.client()
        for _ in range(6):
            token_of(sandbox, client)
        first = listed(sandbox, "?limit=3")
        everything = ids(listed(sandbox))
        assert deleted(sandbox, ids(first)[0]) == 204
        token_of(sandbox, client)
        second = sandbox.http.get(first["links"]["next"]["href"], headers=sandbox.admin).json()
        assert ids(second) == everything[3:]

    def test_what_is_not_documented_is_refused(self, sandbox):
        cursors = ('["next","u"]', '["up","u",1]', '["next",1,1]', '["next","u",true]')
        wrong = [f"limit={one}" for one in ("0", "101", "-1", "x", "", "1.5", "%2B5", "5&limit=5")]
        wrong += [f"sort={one}" for one in ("", "%2BuserId", "-userId", "userid", "lastUsed")]
        wrong += [f"page={one}" for one in ("", "x", "!", *map(base64url, cursors))]
        for query in [*wrong, "filter=x", "totalResults=true", "next=x", "Limit=5"]:
            answer = sandbox.http.get(f"{TOKENS}?{query}", headers=sandbox.admin)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "HTTP-400"), query


class TestWhoMay:
    def test_a_person_sees_and_ends_the_own_ones_only(self, sandbox):
        user, api_key = sandbox.tenant.add_user(name="Ada", subject="idp\\ada")
        other, own = token_of(sandbox, sandbox.client()), impersonated(sandbox, user)
        for credential in (api_key, own):
            (row,) = listed(sandbox, headers=bearer(credential))["data"]
            assert (row["userId"], row["description"]) == (user.user_id, "for people")
        bot = bot_id(sandbox, other)
        found = [ids(listed(sandbox, f"?userId={one}")) for one in (user.user_id, bot, "x")]
        assert ([len(rows) for rows in found], found[0]) == ([1, 1, 0], [row["id"]])
        assert ids(listed(sandbox, f"?userId={bot}", headers=bearer(api_key))) == []
        (other_row,) = set(ids(listed(sandbox))) - {row["id"]}
        assert [deleted(sandbox, one, bearer(api_key)) for one in (other_row, row["id"])] == [403, 204]
        assert statuses(sandbox, own, other) == [401, 307]

    def test_a_bot_without_the_scope_of_administrators_sees_the_own_ones(self, sandbox):
        plain = token_of(sandbox, sandbox.client())
        admin = token_of(sandbox, sandbox.client(allowedScopes=["admin_classic"]))
        assert [len(ids(listed(sandbox, headers=bearer(one)))) for one in (plain, admin)] == [1, 2]

    def test_an_administrator_ends_any(self, sandbox):
        client = sandbox.client()
        gone, kept = token_of(sandbox, client), token_of(sandbox, client)
        first, second = ids(listed(sandbox))
        answer = sandbox.http.delete(f"{TOKENS}/{first}", headers=sandbox.admin)
        assert (answer.status_code, answer.content) == (204, b"")
        assert ids(listed(sandbox)) == [second]
        assert statuses(sandbox, gone, kept) == [401, 307]
        for row in (first, "x", "x" * 31, "x" * 33, "%78" + "x" * 31, "x" * 32 + "/"):
            assert deleted(sandbox, row) == 404

    def test_without_a_credential_there_is_nothing_and_other_methods_are_refused(self, sandbox):
        row = f"{TOKENS}/{'x' * 32}"
        assert [sandbox.http.request(*call).status_code for call in (("GET", TOKENS), ("DELETE", row))] == [401, 401]
        for call in (("POST", TOKENS), ("GET", row)):
            assert sandbox.http.request(*call, headers=sandbox.admin).status_code == 405


def test_the_request_log_names_the_known_parameters_and_strikes_out_the_others(sandbox):
    sandbox.http.get(f"{TOKENS}?limit=5&secret=abc", headers=sandbox.admin)
    sandbox.http.get(f"{CLIENTS}?userId=abc", headers=sandbox.admin)
    assert [entry.query for entry in sandbox.tenant.requests()] == [{"limit": "5", "•••": "•••"}, {"•••": "•••"}]
