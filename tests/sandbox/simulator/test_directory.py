"""Users, the tenant and API keys on the sandbox: as qlik.dev's reference has them, and strict about it."""

from __future__ import annotations

import pytest

USERS, KEYS, TENANTS = "/api/v1/users", "/api/v1/api-keys", "/api/v1/tenants"
SEEDED = ["Sandbox administrator (no real tenant)", "Grace Example", "Linus Example"]


def listed(sandbox_client, path, headers=None, **query):
    answer = sandbox_client.http.get(path, params=query, headers=headers or sandbox_client.admin)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(page):
    return [each["name"] for each in page["data"]]


@pytest.fixture
def another_user(sandbox_client):
    """A person who is no administrator: the user, and headers with the API key."""
    user, api_key = sandbox_client.tenant.add_user(name="Somebody", subject="idp\\somebody")
    return user, {"authorization": f"Bearer {api_key}"}


def test_pages_lead_forth_and_back(sandbox_client):
    page = listed(sandbox_client, USERS, limit="2", totalResults="true")
    assert (names(page), page["totalResults"]) == (SEEDED[:2], 3)
    second = sandbox_client.http.get(page["links"]["next"]["href"], headers=sandbox_client.admin).json()
    assert (names(second), "next" in second["links"]) == (SEEDED[2:], False)
    first = sandbox_client.http.get(second["links"]["prev"]["href"], headers=sandbox_client.admin).json()
    assert (names(first), "prev" in first["links"]) == (SEEDED[:2], False)
    # A user who comes meanwhile neither repeats nor hides another.
    sandbox_client.tenant.add_user(name="Later", subject="idp\\later")
    assert names(sandbox_client.http.get(page["links"]["next"]["href"], headers=sandbox_client.admin).json()) == [
        *SEEDED[2:],
        "Later",
    ]


def test_users_are_filtered_sorted_and_narrowed(sandbox_client):
    assert names(listed(sandbox_client, USERS, filter='name co "exam" and status eq "active"')) == SEEDED[1:]
    assert names(listed(sandbox_client, USERS, filter='email eq "GRACE@sandbox.example"')) == ["Grace Example"]
    assert names(listed(sandbox_client, USERS, sort="-name")) == sorted(SEEDED, reverse=True)
    assert listed(sandbox_client, USERS, fields="name,email", filter='name eq "Linus Example"')["data"] == [
        {"name": "Linus Example", "email": "linus@sandbox.example"}
    ]
    assert listed(sandbox_client, f"{USERS}/actions/count") == {"total": 3}


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"sort": "roles"},
        {"filter": 'roles eq "x"'},
        {"filter": 'id co "x"'},
        {"filter": "name"},
        {"next": "abc"},
        {"next": "abc", "prev": "abc"},
        {"totalResults": "yes"},
        {"nonsense": "1"},
    ],
)
def test_a_wrong_parameter_is_refused(sandbox_client, query):
    assert sandbox_client.http.get(USERS, params=query, headers=sandbox_client.admin).status_code == 400


def test_who_is_no_administrator_sees_itself_and_its_own_keys(sandbox_client, another_user):
    user, headers = another_user
    assert names(listed(sandbox_client, USERS, headers)) == ["Somebody"]
    assert listed(sandbox_client, f"{USERS}/actions/count", headers) == {"total": 1}
    assert [each["sub"] for each in listed(sandbox_client, KEYS, headers)["data"]] == [user.user_id]
    other = listed(sandbox_client, KEYS)["data"][0]["id"]
    assert sandbox_client.http.get(f"{KEYS}/{other}", headers=headers).status_code == 404
    assert sandbox_client.http.get(USERS).status_code == 401


def test_the_record_of_an_api_key_has_not_the_key(sandbox_client, clock, another_user):
    first = listed(sandbox_client, KEYS, limit="1", sort="+created")
    (row,) = first["data"]
    assert row.keys() == {
        *("id", "sub", "subType", "tenantId", "description", "status", "expiry", "created", "lastUpdated"),
        "createdByUser",
    }
    assert sandbox_client.tenant.api_key not in sandbox_client.http.get(KEYS, headers=sandbox_client.admin).text
    second = sandbox_client.http.get(first["links"]["next"]["href"], headers=sandbox_client.admin).json()
    assert second["data"][0]["id"] != row["id"]
    assert sandbox_client.http.get(second["links"]["prev"]["href"], headers=sandbox_client.admin).json()["data"] == [
        row
    ]
    assert sandbox_client.http.get(f"{KEYS}/{row['id']}", headers=sandbox_client.admin).json() == row
    assert listed(sandbox_client, KEYS, status="revoked")["data"] == []
    for query in ({"status": "x"}, {"startingAfter": "x"}, {"page": "1"}, {"startingAfter": "x", "endingBefore": "y"}):
        assert sandbox_client.http.get(KEYS, params=query, headers=sandbox_client.admin).status_code == 400


def test_the_tenant_is_found_by_a_redirect_to_itself(sandbox_client):
    answer = sandbox_client.http.get(f"{TENANTS}/me", headers=sandbox_client.admin)
    assert (answer.status_code, answer.headers["location"]) == (
        307,
        f"{sandbox_client.tenant.base_url}{TENANTS}/{sandbox_client.tenant.tenant_id}",
    )
    document = sandbox_client.http.get(f"{TENANTS}/me", headers=sandbox_client.admin, follow_redirects=True).json()
    assert (document["id"], document["hostnames"]) == (sandbox_client.tenant.tenant_id, ["acme.eu.qlikcloud.com"])
    assert sandbox_client.http.get(f"{TENANTS}/{'x' * 32}", headers=sandbox_client.admin).status_code == 404
