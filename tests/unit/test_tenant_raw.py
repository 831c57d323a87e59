"""Paths of raw calls: what is the tenant's, and what never gets its credential."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.raw import RawAnswer, api_path

URL = "https://acme.eu.qlikcloud.com"


@pytest.mark.parametrize(
    ("given_path", "place", "query"),
    [
        ("v1/users/me", "/api/v1/users/me", {}),
        ("/v1/users/me", "/api/v1/users/me", {}),
        ("/api/v1/users/me", "/api/v1/users/me", {}),
        (" v1/items?limit=1&sort=-name ", "/api/v1/items", {"limit": "1", "sort": "-name"}),
        (f"{URL}/api/v1/items?limit=1", "/api/v1/items", {"limit": "1"}),
        ("version", "/version", {}),
        ("/oauth/token", "/oauth/token", {}),
    ],
)
def test_paths(given_path, place, query):
    assert api_path(URL, given_path) == (place, query)


@pytest.mark.parametrize(
    "given_path",
    [
        "",
        " ",
        "https://elsewhere.example/api/v1/users/me",
        "http://acme.eu.qlikcloud.com/api/v1/users/me",
        "https://acme.eu.qlikcloud.com@elsewhere.example/",
        "//elsewhere.example/v1/users/me",
        "v1/../../secret",
        "v1\\users",
        "v1/users\nme",
    ],
)
def test_no_paths(given_path):
    with pytest.raises(ConfigurationError):
        api_path(URL, given_path)


@given(st.text(max_size=60))
def test_any_text_is_a_path_of_this_tenant_or_our_own_error(text):
    try:
        place, query = api_path(URL, text)
    except ConfigurationError:
        return
    assert place.startswith("/")
    assert not place.startswith("//")
    assert all(isinstance(value, str) for value in query.values())


def test_an_answer_that_is_no_json_says_so():
    assert RawAnswer(status=204, content=b"").json() is None
    assert RawAnswer(status=200, content=b"[1]").json() == [1]
    with pytest.raises(Exception, match="no JSON") as caught:
        RawAnswer(status=200, content=b"<html>secret</html>", content_type="text/html").json()
    assert "secret" not in str(caught.value)
