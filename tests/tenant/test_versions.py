"""The version that requests ask for, and what is told of endpoints that the tenant calls deprecated."""

import logging
from datetime import date

import httpx
import pytest
from fixtures.scripted_transport import qlik_error

from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant import NewOAuthClient, PatchOperation
from qlik_keys.tenant.http.versions import DeprecatedEndpoint, path_without_ids, requested_version

ID = "0123456789abcdef0123456789abcdef"
LISTING = {"data": [], "links": {"self": {"href": "https://acme.eu.qlikcloud.com/api/v1/oauth-clients"}}}
CLIENT = {"clientId": ID, "clientName": "one"}


def test_every_call_asks_for_the_pinned_version(tenant_on):
    tenant, transport = tenant_on(
        httpx.Response(200, json=LISTING),
        httpx.Response(201, json=CLIENT),
        httpx.Response(204),
        httpx.Response(307, headers={"location": "/api/v1/users/u1"}),
        httpx.Response(200, json={"id": "u1"}),
        qlik_error(404),
    )
    tenant.oauth_clients.list()
    tenant.oauth_clients.create(NewOAuthClient(app_type="web", client_name="one"))
    tenant.oauth_clients.patch(ID, [PatchOperation("replace", "/clientName", "two")])
    tenant.users.me()
    assert tenant.discover().problem is not None
    assert [sent.headers.get_list("qlik-api-version") for sent in transport.sent] == [["2026-11"]] * 6


def test_a_raw_call_may_ask_for_another_version_once(tenant_on):
    tenant, transport = tenant_on(httpx.Response(200, json={}))
    tenant.raw("get", "v1/items", headers={"Qlik-API-Version": "2026-05"})
    tenant.raw("get", "v1/items")
    assert [sent.headers.get_list("qlik-api-version") for sent in transport.sent] == [["2026-05"], ["2026-11"]]


def test_the_environment_overrides_the_version(tenant_on, monkeypatch):
    monkeypatch.setenv("QLIK_API_VERSION", " 2026-08 ")
    tenant, transport = tenant_on(httpx.Response(200, json=LISTING))
    tenant.oauth_clients.list()
    assert transport.sent[0].headers["qlik-api-version"] == "2026-08"


@pytest.mark.parametrize("given", ["2026", "2026-13", "latest", "2026-11\r\nx: y", "canary-of-a-secret"])
def test_what_is_no_version_is_refused_and_not_quoted(given):
    with pytest.raises(ConfigurationError) as caught:
        requested_version({"QLIK_API_VERSION": given})
    assert caught.value.message == "The variable QLIK_API_VERSION is not a version of the Qlik Cloud API."
    assert caught.value.hint == "Set it to a year and a month, for example 2026-11, or remove it to use 2026-11."


@pytest.mark.parametrize(
    ("headers", "sunset", "link"),
    [
        ({"deprecation": "true"}, None, ""),
        ({"deprecation": "@1767225600", "sunset": "Mon, 01 Mar 2027 00:00:00 GMT"}, date(2027, 3, 1), ""),
        ({"deprecation": "true", "sunset": "2027-03-01"}, date(2027, 3, 1), ""),
        ({"deprecation": "true", "sunset": "soon"}, None, ""),
        ({"sunset": "Mon, 01 Mar 2027 00:00:00 GMT"}, date(2027, 3, 1), ""),
        ({"deprecation": "true", "link": '<https://qlik.dev/a?t=1#b>; rel="sunset"'}, None, "https://qlik.dev/a"),
        ({"deprecation": "true", "link": "<javascript:alert(1)>"}, None, ""),
        ({"deprecation": "true", "link": "<https://user:word@qlik.dev/a>"}, None, ""),
        ({"deprecation": "true", "link": "<https://[>"}, None, ""),
    ],
)
def test_a_deprecated_endpoint_is_told_once(tenant_on, caplog, headers, sunset, link):
    tenant, _ = tenant_on(httpx.Response(200, json=CLIENT, headers=headers))
    with caplog.at_level(logging.WARNING):
        tenant.oauth_clients.get(ID)
        tenant.oauth_clients.get("f" * 32)
    expected = DeprecatedEndpoint(method="GET", path="/api/v1/oauth-clients/{id}", sunset=sunset, link=link)
    assert tenant.deprecations == (expected,)
    assert [record.getMessage() for record in caplog.records] == [expected.words]


@pytest.mark.parametrize(
    "headers",
    [
        *({"deprecation": value} for value in ("", "false", "FALSE", "?0")),
        {"sunset": "soon"},
        {"deprecation": "false", "sunset": "2027-03-01"},
        {"link": "<https://qlik.dev/a>"},
    ],
)
def test_an_endpoint_that_is_not_deprecated_is_not_told(tenant_on, caplog, headers):
    tenant, _ = tenant_on(httpx.Response(200, json=CLIENT, headers=headers))
    tenant.oauth_clients.get(ID)
    assert (tenant.deprecations, caplog.records) == ((), [])


def test_the_words_have_the_day_and_where_to_read_more():
    words = DeprecatedEndpoint(method="GET", path="/x", sunset=date(2027, 3, 1), link="https://qlik.dev/a").words
    assert words == "Qlik Cloud has deprecated GET /x, and may remove it on 2027-03-01. See https://qlik.dev/a."


def test_no_secret_of_the_request_is_in_a_warning(tenant_on, caplog):
    key = "canary-of-an-api-key"
    headers = {"deprecation": "true", "link": f"<https://qlik.dev/{key}>"}
    tenant, _ = tenant_on(httpx.Response(200, json=CLIENT, headers=headers), api_key=key)
    tenant.oauth_clients.get(ID)
    assert tenant.deprecations[0].name == "GET /api/v1/oauth-clients/{id}"
    assert key not in caplog.text + repr(tenant.deprecations)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/api/v1/oauth-clients/{ID}/connection-configs/me", "/api/v1/oauth-clients/{id}/connection-configs/me"),
        (f"/api/v1/oauth-clients/{ID}/client-secrets/abcdef", "/api/v1/oauth-clients/{id}/client-secrets/{id}"),
        (f"/api/v1/oauth-clients/{ID}/actions/publish", "/api/v1/oauth-clients/{id}/actions/publish"),
        ("/api/v1/users/me", "/api/v1/users/me"),
        ("/oauth/token", "/oauth/token"),
        ("/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server"),
        ("/api/v1/items/Quarterly%20Numbers", "/api/v1/items/{id}"),
    ],
)
def test_ids_are_not_part_of_an_endpoint(path, shown):
    assert path_without_ids(path) == shown
