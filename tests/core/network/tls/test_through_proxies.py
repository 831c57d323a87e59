"""Through a proxy: tenant and Vault by real names; and what a proxy does wrong is told of the proxy."""

from __future__ import annotations

import socket
from urllib.parse import quote, urlsplit

import pytest
from fixtures.loopback import Loopback
from fixtures.support import ManualClock
from fixtures.tls_servers import TENANT_NAME, VAULT_NAME, ConnectProxy, TlsFront

import qlik_keys as qk
from qlik_keys.errors import Outcome, StoreError, TenantUnreachable
from qlik_keys.tenant import RetryPolicy

TENANT_URL, VAULT_URL = f"https://{TENANT_NAME}", f"https://{VAULT_NAME}:8200"
PASSWORD = "pa#ss/w?rd@%41"  # with everything that has a meaning in a URL
NAMES = [f"{TENANT_NAME}:443", f"{VAULT_NAME}:8200"]


@pytest.fixture
def targets(box, tenant_fronts, tls_openbao):
    """Which port stands for which name; the sandbox answers by the name of the tenant."""
    ports = [urlsplit(urls["good"]).port for urls in (tenant_fronts, tls_openbao.urls)]
    box.configure(alias_hosts=[TENANT_NAME])
    yield dict(zip(NAMES, ports, strict=True))
    box.configure(alias_hosts=[])


@pytest.fixture(autouse=True)
def _trusted(monkeypatch, certificates):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))


def call_both(token="t", **options):
    with qk.QlikTenant(TENANT_URL, credential=qk.ApiKey("k"), clock=ManualClock()) as tenant:
        tenant.metadata()
    with qk.VaultKeyStore(VAULT_URL, token=token, **options) as store:
        store.client_ids(TENANT_NAME)
        store.client_ids(TENANT_NAME)  # by the same connection


def failures(change=qk.QlikTenant.metadata, **options):
    """What tenant and Vault say."""
    retry = RetryPolicy(attempts=1)
    tenant = qk.QlikTenant(TENANT_URL, credential=qk.ApiKey("k"), clock=ManualClock(), retry=retry, **options)
    with tenant, pytest.raises(TenantUnreachable) as from_tenant:
        change(tenant)
    with qk.VaultKeyStore(VAULT_URL, token="t", **options) as store, pytest.raises(StoreError) as from_vault:
        store.client_ids(TENANT_NAME)
    return from_tenant.value, from_vault.value


@pytest.fixture
def assert_told(monkeypatch):
    """Both tell of the proxy without its login, and that nothing was sent to the server."""

    def check(url, words, hint="", retryable=None, **options):
        monkeypatch.setenv("HTTPS_PROXY", url)
        for error in failures(**options):
            assert error.message.startswith(f"The proxy {url.rpartition('/')[2].rpartition('@')[2]} {words}")
            assert "was not called" in error.message
            assert hint in error.hint
            assert "hunter22" not in str(error) + repr(error)
            assert "ada" not in str(error)
            assert (error.outcome, retryable in (None, error.retryable)) == (Outcome.NOT_APPLIED, True)

    return check


def test_the_proxy_of_a_store_comes_before_the_environments_which_may_be_corrected_later(
    monkeypatch, targets, tls_openbao
):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "[::1],not a host!,10.0.0.0/8,evil.example,:,]")
    options = {"clock": ManualClock(), "retry": RetryPolicy(attempts=1)}
    with (
        ConnectProxy(targets) as proxy,
        qk.VaultKeyStore(VAULT_URL, token=tls_openbao.token, proxy=f"http://{proxy.address}") as by_argument,
        qk.QlikTenant(TENANT_URL, credential=qk.ApiKey("k"), **options) as tenant,
        qk.VaultKeyStore(VAULT_URL, token=tls_openbao.token) as store,
    ):
        assert (by_argument.client_ids(TENANT_NAME), proxy.connects) == ([], NAMES[1:])
        for call in (tenant.metadata, lambda: store.client_ids(TENANT_NAME)):
            with pytest.raises((TenantUnreachable, StoreError), match=r"The proxy 127\.0\.0\.1:9 "):
                call()
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        assert (bool(tenant.metadata().issuer), store.client_ids(TENANT_NAME)) == (True, [])
        assert proxy.connects == [*NAMES[1:], *NAMES]


def test_what_is_wrong_behind_the_proxy_is_told_of_the_server(monkeypatch, tenant_fronts, tls_openbao):
    ports = [urlsplit(urls["expired"]).port for urls in (tenant_fronts, tls_openbao.urls)]
    wrong = dict(zip(NAMES, ports, strict=True))
    with ConnectProxy(wrong) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        for error, server in zip(failures(), (f"The tenant {TENANT_NAME} ", "The Vault "), strict=True):
            assert server in error.message
            assert "has expired" in error.message


def test_a_proxy_with_a_login(monkeypatch, assert_told, targets, tls_openbao):
    with ConnectProxy(targets, login=f"ada:{PASSWORD}") as proxy:
        for name, password in (("ALL_PROXY", quote(PASSWORD, safe="")), ("https_proxy", "pa#ss/w?rd@%2541")):
            monkeypatch.setenv(name, f"http://ada:{password}@{proxy.address}")
            call_both(tls_openbao.token)
            monkeypatch.delenv(name)
        assert proxy.connects == NAMES * 2
        assert_told(f"http://ada:hunter22#/x@{proxy.address}", "does not accept its login (407)")


def test_a_proxy_that_is_spoken_to_by_tls(monkeypatch, assert_told, certificates, targets, tls_openbao):
    with ConnectProxy(targets) as proxy, TlsFront(certificates.files["good"], proxy.port) as front:
        monkeypatch.setenv("HTTPS_PROXY", front.url)
        call_both(tls_openbao.token)
        assert proxy.connects == NAMES
    with ConnectProxy(targets) as proxy, TlsFront(certificates.files["expired"], proxy.port) as front:
        assert_told(front.url, "did not accept a connection (its certificate has expired)")


def test_a_proxy_that_says_no_or_cannot_be_reached(assert_told):
    for status, words, hint, retryable in (
        (403, "does not let calls through to", "NO_PROXY", False),
        (407, "wants a login (407)", "Write user and password into HTTPS_PROXY", False),
        (405, "does not let calls through to", "another kind of server may listen there", False),
        (502, "does not reach", "NO_PROXY", True),
        (-1, "", "HTTPS_PROXY", True),
    ):
        with ConnectProxy(status=status) as proxy:
            assert_told(f"http://{proxy.address}", words, hint, retryable)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        for proxy, reason in {address: "refuses connections", "proxy.invalid:3128": "has an unknown host name"}.items():
            assert_told(f"http://ada:hunter22@{proxy}", reason, "HTTPS_PROXY", retryable=True)


def test_a_proxy_that_never_answers_or_does_not_use_tls(assert_told):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        options = {"change": lambda tenant: tenant.oauth_clients.delete("a" * 32), "timeout_seconds": 0.2}
        assert_told(f"http://127.0.0.1:{silent.getsockname()[1]}", "does not answer in time", **options)
    with Loopback() as plain:
        assert_told(plain.url.replace("http", "https"), "did not accept a connection (it does not use TLS)")
