"""Where a secret may be sent: loopback, the same origin, and https alone elsewhere."""

from __future__ import annotations

import pytest

from qlik_keys.core.origins import is_loopback, require_https, same_origin
from qlik_keys.errors import ConfigurationError

LOOPBACK = ("localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1", "[::1]")
ELSEWHERE = ("", "127.0.0.1.example.com", "localhost.example.com", "example.com", "10.0.0.1", "0.0.0.0", "::", "127")


def test_loopback_is_known_by_its_text():
    assert [host for host in (*LOOPBACK, *ELSEWHERE) if is_loopback(host)] == [*LOOPBACK]


SAME = [
    ("https://a.example/x?y=1", "https://A.example:443"),
    ("http://127.0.0.1:80/", "http://127.0.0.1"),
    ("https://[::1]:8200/v1", "https://[::1]:8200"),
    ("http://127.0.0.1:8123", "http://127.0.0.1:8123/a"),
]
OTHER = [
    ("http://127.0.0.1:8123", "http://127.0.0.1:8124"),
    ("https://a.example", "http://a.example"),
    *(("https://a.example", f"https://a.example{behind}") for behind in (".", ".evil.example", ":443@evil.example")),
    ("https://a.example", "//a.example/path"),
    ("https://a.example:port", "https://a.example:port"),
    ("https://a.example:0", "https://a.example"),
    *(("ftp://a.example", "ftp://a.example"), ("", "")),
]


def test_an_origin_is_scheme_host_and_port():
    for pair in SAME + OTHER:
        assert same_origin(*pair) == same_origin(*pair[::-1]) == (pair in SAME), pair


def test_plain_http_is_refused_except_on_loopback():
    for url in ("https://vault.example", "http://127.0.0.1:8200", "http://localhost:1", "http://[::1]:2"):
        require_https(url, what="Vault address")
    for url in ("http://vault.example", "http://10.0.0.1:8200", "HTTP://vault.example"):
        with pytest.raises(ConfigurationError, match="Vault address is plain http") as caught:
            require_https(url, what="Vault address")
        assert "https" in caught.value.hint


def test_what_is_no_url_or_has_a_password_is_refused_without_being_quoted():
    odd = ("", "canary.example:8200", "ftp://vault.example/canary", "https:///canary", "https://[::1/canary")
    for url in (*odd, "https://h:canary", "http://user:canary@vault.example"):
        with pytest.raises(ConfigurationError, match="Vault address") as caught:
            require_https(url, what="Vault address")
        assert "canary" not in str(caught.value)
