from __future__ import annotations

import pytest

from qlik_keys.core.origins import is_loopback, require_https, same_origin
from qlik_keys.errors import ConfigurationError


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1", "[::1]"])
def test_loopback_by_its_text(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "127.0.0.1.example.com", "localhost.example.com", "example.com", "10.0.0.1", "0.0.0.0", "::", "127"]
)
def test_not_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("https://a.example/x?y=1", "https://A.example:443"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("https://[::1]:8200/v1", "https://[::1]:8200"),
    ],
)
def test_same_origin(first, second):
    assert same_origin(first, second)
    assert same_origin(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("https://a.example", "http://a.example"),
        ("https://a.example", "https://b.example"),
        ("https://a.example", "https://a.example:8443"),
        ("https://a.example", "https://a.example@evil.example"),
        ("https://a.example", "//a.example/path"),
        ("https://a.example", "/path"),
        ("https://a.example:port", "https://a.example:port"),
        ("https://a.example:0", "https://a.example"),
        ("ftp://a.example", "ftp://a.example"),
        ("", ""),
    ],
)
def test_other_origin(first, second):
    assert not same_origin(first, second)
    assert not same_origin(second, first)


@pytest.mark.parametrize(
    "url", ["https://vault.example", "http://127.0.0.1:8200", "http://localhost:1", "http://[::1]:2"]
)
def test_a_safe_url_passes(url):
    require_https(url, what="Vault address")


@pytest.mark.parametrize("url", ["http://vault.example", "http://10.0.0.1:8200", "HTTP://vault.example"])
def test_plain_http_off_loopback_is_refused(url):
    with pytest.raises(ConfigurationError, match="Vault address is plain http") as caught:
        require_https(url, what="Vault address")
    assert "https" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "canary.example:8200",
        "ftp://vault.example/canary",
        "https:///canary",
        "https://[::1/canary",
        "https://h:canary",
    ],
)
def test_what_is_no_url_is_refused_without_being_quoted(url):
    with pytest.raises(ConfigurationError) as caught:
        require_https(url, what="Vault address")
    assert "canary" not in str(caught.value)
    assert "Vault address" in str(caught.value)


def test_a_password_in_the_url_is_not_quoted():
    with pytest.raises(ConfigurationError) as caught:
        require_https("http://user:canary@vault.example", what="Vault address")
    assert "canary" not in str(caught.value)
