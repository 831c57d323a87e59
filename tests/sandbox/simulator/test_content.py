"""Spaces, apps, items, reloads and events on the sandbox: an analyst's first calls mean something, and scopes count."""

from __future__ import annotations

import pytest

from qlik_keys.sandbox.simulator.routes import KNOWN_PATHS, ROUTES

API = "/api/v1"
OPEN = ["Sales", "Published reports", "Raw data"]
APPS = ["Sales overview", "Sales forecast", "Monthly report", "Customer churn"]


@pytest.fixture
def ask(sandbox):
    """Return a call by a client's token of the given scopes; by the administrator's API key without any."""

    def ask(path, *scopes, **query):
        headers = sandbox.admin
        if scopes:
            client = sandbox.client(allowedScopes=list(scopes))
            token = sandbox.get_token(client.client_id, client_secret=client.secret).json()["access_token"]
            headers = {"authorization": f"Bearer {token}"}
        return sandbox.http.get(f"{API}/{path}", params=query, headers=headers)

    return ask


def names(answer):
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["data"]]


def test_an_administrator_finds_content_that_fits_together(ask):
    spaces = {row["id"]: row for row in ask("spaces").json()["data"]}
    people = {row["id"] for row in ask("users").json()["data"]}
    apps = ask("apps").json()["data"]
    assert {row["ownerId"] for row in (*spaces.values(), *apps)} <= people
    assert {app["spaceId"] for app in apps} < {*spaces, ""}
    assert {row["resourceId"] for row in ask("items", resourceType="app").json()["data"]} == {a["id"] for a in apps}
    assert ask("items", resourceType="automation").json()["data"] == []
    reloads = ask("reloads").json()["data"]
    assert {row["status"] for row in reloads} == {"SUCCEEDED", "FAILED"}
    assert {row["appId"] for row in reloads} < {app["id"] for app in apps}
    (failed,) = (row for row in reloads if row["status"] == "FAILED")
    assert ask("reloads", appId=failed["appId"]).json()["data"] == [failed]
    for path, row in (("spaces", next(iter(spaces.values()))), ("reloads", failed)):
        assert ask(f"{path}/{row['id']}").json() == row
    assert ask(f"apps/{apps[3]['id']}").json()["attributes"] == apps[3]
    assert ask(f"spaces/{'0' * 24}").json()["errors"][0]["code"] == "HTTP-404"


def test_lists_are_filtered_sorted_and_paged(ask, sandbox):
    assert names(ask("spaces", filter='NAME eq "sales"')) == ["Sales"]
    assert names(ask("spaces", type="managed,data", sort="-name")) == ["Raw data", "Published reports"]
    assert names(ask("spaces", name="fin")) == ["Finance"]
    assert names(ask("apps", query="BOARD")) == names(ask("items", name="monthly")) == ["Monthly report"]
    assert names(ask("apps", sort="-createdAt"))[0] == "Linus's scratchpad"
    page = ask("apps", limit="3", sort="+name").json()
    seen = [row["name"] for row in page["data"]]
    while "next" in page["links"]:
        page = sandbox.http.get(page["links"]["next"]["href"], headers=sandbox.admin).json()
        seen += [row["name"] for row in page["data"]]
    assert seen == sorted(names(ask("apps", limit="100")))
    assert len(seen) == 7


def test_a_wrong_parameter_is_refused(ask):
    moments = ("yesterday", "2026-01-01T00:00:00Z/never", "2026-01-01T00:00:00Z")
    for path, query in (
        *(("spaces", query) for query in ({"type": "secret"}, {"sort": "ownerId"}, {"filter": 'type eq "x"'})),
        *(("apps", query) for query in ({"resourceType": "app"}, {"limit": "101"})),
        *(("items", query) for query in ({"sort": "name"}, {"next": "x", "prev": "y"})),
        ("reloads", {"status": "FAILED"}),
        *(("audits", query) for query in ({"sort": "userId"}, *({"eventTime": moment} for moment in moments))),
    ):
        assert ask(path, **query).status_code == 400


def test_a_token_sees_what_its_scopes_allow(ask):
    for path, scopes, found in (
        ("spaces", ["user_default"], OPEN),
        ("spaces", ["spaces.shared:read"], ["Sales"]),
        ("spaces", ["spaces.managed", "spaces.data:read"], OPEN[1:]),
        ("spaces", ["admin.spaces:read"], ["Sales", "Finance", *OPEN[1:]]),
        ("apps", ["apps:read"], APPS),
        ("items", ["apps"], APPS),
    ):
        assert names(ask(path, *scopes)) == found, scopes


def test_a_refusal_names_the_scope_that_the_token_lacks(ask):
    for path, scope, named in (
        ("spaces", "apps:read", "spaces.shared:read"),
        ("spaces", "spaces.shared:create", "admin.spaces:read"),
        ("apps", "apps:export", "apps:read"),
        ("items", "spaces.shared", "apps:read"),
        ("reloads", "users:read", "admin.apps:read"),
        ("users", "apps:read", "users:read"),
        ("audits", "user_default", "admin_classic"),
    ):
        answer = ask(path, scope)
        (error,) = answer.json()["errors"]
        assert (answer.status_code, named in error["detail"]) == (403, True), error


def test_users_show_few_fields_and_reloads_one_app_but_to_an_administrator(ask):
    grace = next(row for row in ask("users", "users:read").json()["data"] if row["name"] == "Grace Example")
    assert grace.keys() == {"id", "tenantId", "status", "subject", "name", "email", "links"}
    assert ask(f"users/{grace['id']}", "users:read").json() == grace
    assert ask(f"users/{grace['id']}", "user_default").status_code == 404
    assert "roles" in ask(f"users/{grace['id']}", "admin.users:read").json()
    assert ask("reloads", "apps:read").status_code == 400
    app_id = next(row["id"] for row in ask("apps").json()["data"] if row["name"] == "Sales overview")
    assert [row["appId"] for row in ask("reloads", "apps:read", appId=app_id).json()["data"]] == [app_id]


def test_what_happens_to_clients_and_tokens_is_in_the_audit(ask, sandbox, clock):
    before = ask("audits").json()["data"]
    kinds = ["user-session.begin", "v1.app.exported", "user-session.begin", "v1.app.created"]
    assert [row["eventType"] for row in before] == [f"com.qlik.{kind}" for kind in kinds]
    client = sandbox.client(clientName="etl")
    path = f"/{client.client_id}"
    clock.advance(60)
    sandbox.get_token(client.client_id, client_secret=client.secret)
    clock.advance(60)
    sandbox.call("PATCH", path, json=[{"op": "replace", "path": "/clientName", "value": "new"}])
    sandbox.call("POST", f"{path}/client-secrets")
    sandbox.call("DELETE", path, headers={"qlik-confirm-delete": client.client_id})
    rows = ask("audits").json()["data"][: -len(before)]
    kinds = [f"v1.oauth-client.{kind}" for kind in ("deleted", "secret.created", "updated", "created")]
    kinds.insert(3, "oauth-token.issued")
    assert [row["eventType"] for row in rows] == [f"com.qlik.{kind}" for kind in kinds]
    issued = rows[3]
    about = {"issuedToClientId": client.client_id, "grantType": "client_credentials", "scopes": ["user_default"]}
    assert issued["data"] == {**about, "originIp": "127.0.0.1"}
    assert client.secret not in sandbox.http.get(f"{API}/audits", headers=sandbox.admin).text
    assert ask("audits", eventTime=f"{rows[4]['eventTime']}/{issued['eventTime']}").json()["data"] == rows[3:]
    assert ask("audits", eventType=issued["eventType"]).json()["data"] == [issued]
    assert ask(f"audits/{issued['id']}").json() == issued
    assert issued["eventType"] in ask("audits/types").json()["data"]


def test_an_unknown_path_is_answered_by_the_sandbox_with_those_that_it_knows(ask):
    answer = ask("data-files")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["detail"]) == (404, "SANDBOX-404", KNOWN_PATHS)
    assert error["detail"].startswith("This is the sandbox, not a tenant.")
    roots = {route.pattern.pattern.split("/")[3].strip("()") for route in ROUTES if "/api/v1/" in route.pattern.pattern}
    assert [root for root in roots if f" {root}" not in error["detail"]] == []
