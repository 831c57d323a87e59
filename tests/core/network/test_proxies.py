"""Which proxy an address is called through, by the environment; and that its login is never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.core.network.proxies import bypasses, proxy_for, read_proxy
from qlik_keys.errors import ConfigurationError

URL = "https://acme.eu.qlikcloud.com"


def found(url=URL, **environment):
    proxy = proxy_for(url, environment, library="httpx")
    return None if proxy is None else (proxy.url, proxy.source)


def test_the_environment_decides_and_loopback_is_never_called_through_a_proxy():
    small_and_big = {"https_proxy": "http://small", "HTTPS_PROXY": "http://big"}
    for environment, proxy in (
        ({}, None),
        ({"HTTPS_PROXY": "p:3128"}, ("http://p:3128", "HTTPS_PROXY")),
        ({"HTTPS_PROXY": " http://p/ "}, ("http://p:80", "HTTPS_PROXY")),
        ({"HTTPS_PROXY": "https://p"}, ("https://p:443", "HTTPS_PROXY")),
        ({"HTTPS_PROXY": "http://[::1]:3128"}, ("http://[::1]:3128", "HTTPS_PROXY")),
        (small_and_big, ("http://small:80", "https_proxy")),
        (small_and_big | {"https_proxy": ""}, None),
        ({"ALL_PROXY": "http://all"}, ("http://all:80", "ALL_PROXY")),
        ({"ALL_PROXY": "http://all", "HTTPS_PROXY": "http://p"}, ("http://p:80", "HTTPS_PROXY")),
        ({"HTTP_PROXY": "nonsense://"}, None),  # it is not for https
        ({"HTTPS_PROXY": "nonsense://", "NO_PROXY": "*"}, None),
    ):
        assert found(**environment) == proxy
    for url in ("http://127.0.0.1:8123", "https://localhost:8123", "https://[::1]:1", "https://127.9.9.9"):
        assert found(url, HTTPS_PROXY="nonsense", ALL_PROXY="http://p") is None


HOST, V6 = "acme.com", "2001:db8::1"
BYPASSED = [
    *((HOST, HOST), (HOST, "vault.acme.com"), (".acme.com", "vault.acme.com"), (".acme.com", HOST), ("*", HOST)),
    *(("*.acme.com", "vault.acme.com"), ("ACME.com", "acme.COM"), ("acme.com.", HOST), ("a.com acme.com", HOST)),
    *(("a.com,, ,acme.com,", HOST), ("https://acme.com", HOST), ("10.0.0.0/8", "10.1.2.3")),
    *(("[2001:db8::1]", V6), ("2001:DB8:0::1", V6), ("2001:db8::/32", "2001:db8::7")),
]
CALLED = [
    *((HOST, "evilacme.com"), ("acme.com:8443", HOST), ("", HOST), ("[::1]", HOST), ("[2001:db8::1]:8200", V6)),
    *(("10.0.0.0/8", "11.1.2.3"), ("10.0.0.0/99", "10.1.2.3"), ("0.0.1", "10.0.0.1")),
]


def test_no_proxy_as_curl_reads_it():
    assert [(listed, host) for listed, host in BYPASSED + CALLED if bypasses(listed, host, 443)] == BYPASSED
    assert bypasses("acme.com:8443", HOST, 8443)
    assert bypasses("[2001:db8::1]:8200", V6, 8200)


SECRET = "hunter22canary"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_what_names_no_proxy_is_refused_by_the_variables_name(monkeypatch, name):
    behinds = ("", "p:port", "p:0", "p:99999", "[::1", "a b", "héé")
    for value, reason in (
        (f"socks5h://ada:{SECRET}@p", "SOCKS"),
        (f"socks4://ada:{SECRET}@p", "unknown type (socks4)"),
        (f"{SECRET}://p", "unknown type"),
        *((f"http://ada:{SECRET}@{behind}", "is not the address of a proxy") for behind in behinds),
        (f"http:///{SECRET}", "is not the address of a proxy"),
        ("http://", "is not the address of a proxy"),
    ):
        monkeypatch.setenv(name, value)
        with qk.QlikTenant(URL, credential=qk.ApiKey("k")) as tenant, pytest.raises(ConfigurationError) as of_tenant:
            tenant.metadata()
        store = qk.VaultKeyStore("https://vault.acme.example", token="t")
        with store, pytest.raises(ConfigurationError) as of_vault:
            store.client_ids("acme.eu.qlikcloud.com")
        for error in (of_tenant.value, of_vault.value):
            assert error.message.startswith(name)
            assert reason in error.message
            assert SECRET not in str(error)
            assert error.hint
            assert error.__context__ is None


def test_a_password_ends_at_the_last_at_and_is_not_shown():
    for password in ("a#b", "a/b", "a?b", "a@b", "a:b", "p://x", "ä", "%23"):
        proxy = read_proxy(f"http://ada:{password}@p:3128", source="HTTPS_PROXY", library="httpx")
        told = {"%23": "#"}.get(password, password)
        assert (proxy.user, proxy.password.reveal(), proxy.host, proxy.port) == ("ada", told, "p", 3128)
        assert (password in repr(proxy), "ada" in repr(proxy)) == (False, False)


@given(st.text(max_size=40))
def test_any_value_is_a_proxy_or_a_configuration_error_and_any_no_proxy_is_read(value):
    for host in ("acme.com", "10.0.0.1", "2001:db8::1"):
        assert bypasses(value, host, 443) in (True, False)
    try:
        proxy = read_proxy(value, source="HTTPS_PROXY", library="httpx")
    except ConfigurationError:
        return
    assert proxy.url.isascii()
    assert proxy.authorization.isascii()


def test_a_verbose_traceback_shows_neither_the_proxys_login_nor_the_environment(monkeypatch):
    """IPython's %xmode Verbose prints the arguments of each frame, and the names on its line, os.environ too."""
    from IPython.core.ultratb import VerboseTB

    for name, value in {"QLIK_API_KEY": SECRET, "VAULT_MFA": SECRET, "HTTPS_PROXY": f"socks4://a:{SECRET}@p"}.items():
        monkeypatch.setenv(name, value)
    settings = Settings.resolve(tenant_url=URL, vault_url="https://vault.acme.example", vault_token="t")
    tenant = qk.QlikTenant(URL, credential=qk.ApiKey("k"))
    for call, words in ((tenant.metadata, "HTTPS_PROXY names"), (settings.store, "VAULT_MFA is not supported")):
        with pytest.raises(ConfigurationError) as caught:
            call()
        error = caught.value
        shown = VerboseTB(theme_name="nocolor").text(type(error), error, error.__traceback__)
        assert words in shown
        assert SECRET not in shown


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_the_environment_says_nothing_the_systems_own_setting_counts(monkeypatch, platform):
    monkeypatch.setattr("sys.platform", platform)
    systems = ("http://p:3128", "The system's proxy setting")
    for kind, is_excepted, proxy in (("https", False, systems), ("https", True, None), ("http", False, None)):
        monkeypatch.setattr("urllib.request.getproxies", lambda kind=kind: {kind: "http://p:3128"})
        monkeypatch.setattr("urllib.request.proxy_bypass", lambda _, excepted=is_excepted: excepted)
        assert found() == proxy
        assert found(NO_PROXY="*") is None
        assert found(HTTPS_PROXY="http://ours") == ("http://ours:80", "HTTPS_PROXY")
