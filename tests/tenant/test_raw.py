"""Paths of raw calls: what is the tenant's, and what never gets its credential."""

import httpx
import pytest
from fixtures.scripted_transport import qlik_error
from hypothesis import given
from hypothesis import strategies as st

from qlik_keys.errors import ConfigurationError, Outcome, TenantUnavailable
from qlik_keys.tenant import RetryPolicy
from qlik_keys.tenant.http.bodies import JSON_NULL
from qlik_keys.tenant.resources.raw import RawAnswer, api_path

URL = "https://acme.eu.qlikcloud.com"


@pytest.mark.parametrize(
    ("given_path", "place", "query"),
    [
        ("v1/users/me", "/api/v1/users/me", {}),
        ("/api/v1/users/me", "/api/v1/users/me", {}),
        (" /v1/items?limit=1&sort=-name ", "/api/v1/items", {"limit": "1", "sort": "-name"}),
        (f"{URL}/api/v1/items?limit=1", "/api/v1/items", {"limit": "1"}),
        ("version", "/version", {}),
        ("/oauth/token", "/oauth/token", {}),
        ("v1/items?a=1&b=2&a=3&a=", "/api/v1/items", {"a": ("1", "3", ""), "b": "2"}),
        ("v1/items/a%23b", "/api/v1/items/a%23b", {}),
    ],
)
def test_a_path_is_understood_in_each_of_its_forms(given_path, place, query):
    assert api_path(URL, given_path) == (place, query)


ELSEWHERE = ["https://elsewhere.example/api/v1/users/me", "http://acme.eu.qlikcloud.com/api/v1/users/me"]
ELSEWHERE += ["https://acme.eu.qlikcloud.com@elsewhere.example/", "//elsewhere.example/v1/users/me"]


@pytest.mark.parametrize(
    "path", ["", " ", *ELSEWHERE, "v1/../../x", "v1\\users", "v1/users\nme", "v1/items/a#b", "v1/items?name=a#b"]
)
def test_what_is_no_path_of_the_tenant_is_refused(path):
    with pytest.raises(ConfigurationError):
        api_path(URL, path)


@given(st.text(max_size=60))
def test_any_text_is_a_path_of_this_tenant_or_our_own_error(text):
    try:
        place, query = api_path(URL, text)
    except ConfigurationError:
        return
    assert place.startswith("/")
    assert not place.startswith("//")
    assert all(isinstance(value, str | tuple) for value in query.values())


def test_an_answer_that_is_not_json_is_refused_without_being_quoted():
    assert RawAnswer(status=204, content=b"").json() is None
    assert RawAnswer(status=200, content=b"[1]").json() == [1]
    with pytest.raises(Exception, match="not JSON") as caught:
        RawAnswer(status=200, content=b"<html>secret</html>", content_type="text/html").json()
    assert "secret" not in str(caught.value)


def test_all_values_of_a_name_are_sent_also_on_the_next_page(tenant_on):
    first = {"data": [], "links": {"next": {"href": "?a=1&a=2&next=p2"}}}
    tenant, transport = tenant_on(httpx.Response(200, json=first), httpx.Response(200, json={"data": []}))
    assert len(list(tenant.raw_pages("v1/items?a=1", query={"a": ("1", "2"), "b": "x y"}))) == 2
    assert [sent.url.partition("?")[2] for sent in transport.sent] == ["a=1&a=2&b=x+y", "a=1&a=2&next=p2"]


def test_headers_that_the_connection_makes_are_refused_and_others_sent_once(tenant_on):
    tenant, transport = tenant_on(httpx.Response(200))
    for name in ("Content-Length", "transfer-encoding", "HOST", "Connection"):
        with pytest.raises(ConfigurationError, match="the connection sets it itself"):
            tenant.raw("post", "v1/items", body={}, headers={name: "5"})
    assert transport.sent == []
    tenant.raw("patch", "v1/items/1", body=[], headers={"Content-Type": "application/json-patch+json"})
    assert transport.sent[0].headers.get_list("content-type") == ["application/json-patch+json"]


def test_a_null_is_a_body_and_none_is_not(tenant_on):
    tenant, transport = tenant_on(httpx.Response(200))
    seen = []
    tenant.subscribe(seen.append)
    for body in (JSON_NULL, None, 0):
        tenant.raw("put", "v1/items/1", body=body)
    assert [sent.content for sent in transport.sent] == [b"null", b"", b"0"]
    assert [exchange.request_body for exchange in seen] == [None, None, 0]


def test_after_a_tenant_error_the_outcome_of_a_change_is_unknown(tenant_on):
    tenant, _ = tenant_on(qlik_error(503), retry=RetryPolicy(attempts=1))
    for method, advice in (("get", "Try again later"), ("post", "check before you try again")):
        with pytest.raises(TenantUnavailable, match=advice) as caught:
            tenant.raw(method, "v1/items")
        assert caught.value.outcome is Outcome.UNKNOWN
