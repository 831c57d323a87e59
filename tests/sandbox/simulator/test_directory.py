"""Users, the tenant and API keys on the sandbox: as qlik.dev's reference has them, and strict about it."""

from __future__ import annotations

USERS, KEYS, TENANTS = "/api/v1/users", "/api/v1/api-keys", "/api/v1/tenants"
SEEDED = ["Sandbox administrator (no real tenant)", "Grace Example", "Linus Example"]


def listed(sandbox, path, headers=None, **query):
    answer = sandbox.http.get(path, params=query, headers=headers or sandbox.admin)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(page):
    return [each["name"] for each in page["data"]]


def page_at(sandbox, page, direction):
    return sandbox.http.get(page["links"][direction]["href"], headers=sandbox.admin).json()


def test_pages_lead_forth_and_back(sandbox):
    page = listed(sandbox, USERS, limit="2", totalResults="true")
    assert (names(page), page["totalResults"]) == (SEEDED[:2], 3)
    second = page_at(sandbox, page, "next")
    assert (names(second), "next" in second["links"]) == (SEEDED[2:], False)
    first = page_at(sandbox, second, "prev")
    assert (names(first), "prev" in first["links"]) == (SEEDED[:2], False)
    # A user who comes meanwhile neither repeats nor hides another.
    sandbox.tenant.add_user(name="Later", subject="idp\\later")
    assert names(page_at(sandbox, page, "next")) == [*SEEDED[2:], "Later"]


def test_users_are_filtered_sorted_and_narrowed(sandbox):
    assert names(listed(sandbox, USERS, filter='name co "exam" and status eq "active"')) == SEEDED[1:]
    assert names(listed(sandbox, USERS, filter='email eq "GRACE@sandbox.example"')) == ["Grace Example"]
    assert names(listed(sandbox, USERS, sort="-name")) == sorted(SEEDED, reverse=True)
    (linus,) = listed(sandbox, USERS, fields="name,email", filter='name eq "Linus Example"')["data"]
    assert linus == {"name": "Linus Example", "email": "linus@sandbox.example"}
    assert listed(sandbox, f"{USERS}/actions/count") == {"total": 3}


def test_a_wrong_parameter_is_refused(sandbox):
    wrong = [(USERS, {"limit": "0"}), (USERS, {"limit": "101"}), (USERS, {"sort": "roles"}), (USERS, {"nonsense": "1"})]
    wrong += [(USERS, {"filter": text}) for text in ('roles eq "x"', 'id co "x"', "name")]
    wrong += [(USERS, query) for query in ({"next": "abc"}, {"next": "abc", "prev": "abc"}, {"totalResults": "yes"})]
    wrong += [(KEYS, query) for query in ({"status": "x"}, {"startingAfter": "x"}, {"page": "1"})]
    for path, query in [*wrong, (KEYS, {"startingAfter": "x", "endingBefore": "y"})]:
        assert sandbox.http.get(path, params=query, headers=sandbox.admin).status_code == 400, query


def test_who_is_no_administrator_sees_itself_and_its_own_keys(sandbox):
    user, api_key = sandbox.tenant.add_user(name="Ada", subject="idp\\ada")
    headers = {"authorization": f"Bearer {api_key}"}
    assert names(listed(sandbox, USERS, headers)) == ["Ada"]
    assert listed(sandbox, f"{USERS}/actions/count", headers) == {"total": 1}
    assert [each["sub"] for each in listed(sandbox, KEYS, headers)["data"]] == [user.user_id]
    other = listed(sandbox, KEYS)["data"][0]["id"]
    assert sandbox.http.get(f"{KEYS}/{other}", headers=headers).status_code == 404
    assert sandbox.http.get(USERS).status_code == 401


def test_the_record_of_an_api_key_has_not_the_key(sandbox):
    sandbox.tenant.add_user(name="Ada", subject="idp\\ada")
    first = listed(sandbox, KEYS, limit="1", sort="+created")
    (row,) = first["data"]
    fields = "id sub subType tenantId description status expiry created lastUpdated createdByUser"
    assert row.keys() == set(fields.split())
    assert sandbox.tenant.api_key not in sandbox.http.get(KEYS, headers=sandbox.admin).text
    second = page_at(sandbox, first, "next")
    assert second["data"][0]["id"] != row["id"]
    assert page_at(sandbox, second, "prev")["data"] == [row]
    assert sandbox.http.get(f"{KEYS}/{row['id']}", headers=sandbox.admin).json() == row
    assert listed(sandbox, KEYS, status="revoked")["data"] == []


def test_the_tenant_is_found_by_a_redirect_to_itself(sandbox):
    answer = sandbox.http.get(f"{TENANTS}/me", headers=sandbox.admin)
    location = f"{sandbox.tenant.base_url}{TENANTS}/{sandbox.tenant.tenant_id}"
    assert (answer.status_code, answer.headers["location"]) == (307, location)
    document = sandbox.http.get(location, headers=sandbox.admin).json()
    assert (document["id"], document["hostnames"]) == (sandbox.tenant.tenant_id, ["acme.eu.qlikcloud.com"])
    assert sandbox.http.get(f"{TENANTS}/{'x' * 32}", headers=sandbox.admin).status_code == 404
