"""Through a proxy: tenant and Vault by real names; and what a proxy does wrong is told of the proxy."""

from __future__ import annotations

import socket
from urllib.parse import quote, urlsplit

import pytest
from fixtures.loopback import Loopback
from fixtures.support import ManualClock
from fixtures.tls_servers import TENANT_NAME, VAULT_NAME, ConnectProxy, TlsFront

import qlik_keys as qk
from qlik_keys.errors import Outcome, StoreError, StoreUnreachable, TenantError, TenantUnreachable
from qlik_keys.tenant import RetryPolicy

TENANT_URL, VAULT_URL = f"https://{TENANT_NAME}", f"https://{VAULT_NAME}:8200"
PASSWORD = "pa#ss/w?rd@%41"  # with everything that has a meaning in a URL


@pytest.fixture
def targets(tenant_fronts, tls_openbao):
    """Which port stands for which name."""
    return {
        f"{TENANT_NAME}:443": urlsplit(tenant_fronts["good"]).port,
        f"{VAULT_NAME}:8200": urlsplit(tls_openbao.urls["good"]).port,
    }


@pytest.fixture
def trusted(monkeypatch, certificates):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))


def call_both(token="t", **options):
    with qk.QlikTenant(TENANT_URL, credential=qk.ApiKey("k"), clock=ManualClock()) as tenant:
        tenant.metadata()
    with qk.VaultKeyStore(VAULT_URL, token=token, **options) as store:
        store.client_ids(TENANT_NAME)


def failures(**options):
    """What tenant and Vault say."""
    retry = RetryPolicy(attempts=1)
    tenant = qk.QlikTenant(TENANT_URL, credential=qk.ApiKey("k"), clock=ManualClock(), retry=retry)
    with tenant, pytest.raises(TenantError) as from_tenant:
        tenant.metadata()
    with qk.VaultKeyStore(VAULT_URL, token="t", **options) as store, pytest.raises(StoreError) as from_vault:
        store.client_ids(TENANT_NAME)
    assert isinstance(from_tenant.value, TenantUnreachable)
    assert isinstance(from_vault.value, StoreUnreachable)
    return from_tenant.value, from_vault.value


@pytest.mark.openbao
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_both_are_called_through_the_proxy_that_the_environment_names(monkeypatch, trusted, targets, tls_openbao, name):
    with ConnectProxy(targets) as proxy:
        monkeypatch.setenv(name, f"http://{proxy.address}")
        monkeypatch.setenv("NO_PROXY", "[::1],not a host!,10.0.0.0/8,evil.example,:,]")
        call_both(tls_openbao.token)
    assert proxy.connects == [f"{TENANT_NAME}:443", f"{VAULT_NAME}:8200"]


@pytest.mark.openbao
@pytest.mark.parametrize(
    "login", [f"ada:{quote(PASSWORD, safe='')}", "ada:pa#ss/w?rd@%2541"], ids=["encoded", "as it is"]
)
def test_a_proxy_with_a_login(monkeypatch, trusted, targets, tls_openbao, login):
    with ConnectProxy(targets, login=f"ada:{PASSWORD}") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{login}@{proxy.address}")
        call_both(tls_openbao.token)
    assert len(proxy.connects) == len(targets)


@pytest.mark.openbao
def test_a_vaults_own_proxy(monkeypatch, trusted, targets, tls_openbao):
    with ConnectProxy(targets) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        with qk.VaultKeyStore(VAULT_URL, token=tls_openbao.token, proxy=f"http://{proxy.address}") as store:
            assert store.client_ids(TENANT_NAME) == []
    assert proxy.connects == [f"{VAULT_NAME}:8200"]


@pytest.mark.openbao
def test_a_proxy_that_is_spoken_to_by_tls(monkeypatch, trusted, certificates, targets, tls_openbao):
    with ConnectProxy(targets) as proxy, TlsFront(certificates.files["good"], proxy.port) as front:
        monkeypatch.setenv("HTTPS_PROXY", front.url)
        call_both(tls_openbao.token)
        assert proxy.connects == [f"{TENANT_NAME}:443", f"{VAULT_NAME}:8200"]
    with ConnectProxy(targets) as proxy, TlsFront(certificates.files["expired"], proxy.port) as front:
        monkeypatch.setenv("HTTPS_PROXY", front.url)
        for error in failures():
            assert f"The proxy 127.0.0.1:{front.port} did not accept a connection (its certificate has expired)" in str(
                error
            )
            assert error.outcome is Outcome.NOT_APPLIED


@pytest.mark.parametrize(
    ("status", "words", "hint", "retryable"),
    [
        (403, "does not let calls through to", "NO_PROXY", False),
        (407, "wants a login (407)", "Write user and password into HTTPS_PROXY", False),
        (405, "does not let calls through to", "another kind of server may listen there", False),
        (502, "does not reach", "NO_PROXY", True),
        (-1, "", "HTTPS_PROXY", True),
    ],
)
def test_a_proxy_that_says_no(monkeypatch, trusted, status, words, hint, retryable):  # noqa: PLR0917
    with ConnectProxy(status=status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        for error in failures():
            assert error.message.startswith(f"The proxy {proxy.address} {words}")
            assert "was not called" in error.message
            assert hint in error.hint
            assert (error.outcome, error.retryable) == (Outcome.NOT_APPLIED, retryable)


def test_a_login_that_the_proxy_does_not_accept_is_not_shown(monkeypatch, trusted, targets):
    with ConnectProxy(targets, login="ada:right") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:hunter22#/x@{proxy.address}")
        for error in failures():
            assert error.message.startswith(f"The proxy {proxy.address} does not accept its login (407)")
            assert "hunter22" not in str(error) + repr(error)
            assert "ada" not in str(error)


def test_a_dead_proxy(monkeypatch, trusted):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:hunter22@{address}")
        for error in failures():
            assert error.message.startswith(f"The proxy {address} refuses connections")
            assert "HTTPS_PROXY" in error.hint
            assert "hunter22" not in str(error)
            assert (error.outcome, error.retryable) == (Outcome.NOT_APPLIED, True)


def test_a_proxy_with_an_unknown_host_name(monkeypatch, trusted):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    for error in failures():
        assert error.message.startswith("The proxy proxy.invalid:3128 has an unknown host name")
        assert error.outcome is Outcome.NOT_APPLIED


def test_what_is_wrong_behind_the_proxy_is_told_of_the_server(
    monkeypatch, trusted, targets, tenant_fronts, tls_openbao
):
    wrong = {
        f"{TENANT_NAME}:443": urlsplit(tenant_fronts["expired"]).port,
        f"{VAULT_NAME}:8200": urlsplit(tls_openbao.urls["expired"]).port,
    }
    with ConnectProxy(wrong) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        retry = RetryPolicy(attempts=1)
        tenant = qk.QlikTenant(TENANT_URL, credential=qk.ApiKey("k"), clock=ManualClock(), retry=retry)
        with tenant, pytest.raises(TenantError, match=f"The tenant {TENANT_NAME} .*has expired"):
            tenant.metadata()
        with (
            qk.VaultKeyStore(VAULT_URL, token="t") as store,
            pytest.raises(StoreError, match=r"The Vault .*has expired"),
        ):
            store.client_ids(TENANT_NAME)


@pytest.mark.openbao
def test_a_proxy_that_is_corrected_holds_for_the_same_objects(monkeypatch, trusted, targets, tls_openbao):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    retry = RetryPolicy(attempts=1)
    with (
        qk.QlikTenant(TENANT_URL, credential=qk.ApiKey("k"), clock=ManualClock(), retry=retry) as tenant,
        qk.VaultKeyStore(VAULT_URL, token=tls_openbao.token) as store,
        ConnectProxy(targets) as proxy,
    ):
        with pytest.raises(TenantUnreachable, match="The proxy"):
            tenant.metadata()
        with pytest.raises(StoreUnreachable, match="The proxy"):
            store.client_ids(TENANT_NAME)
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        assert tenant.metadata().issuer
        assert store.client_ids(TENANT_NAME) == []


def test_a_proxy_that_never_answers(monkeypatch, trusted):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", address)
        retry = RetryPolicy(attempts=1)
        tenant = qk.QlikTenant(TENANT_URL, credential=qk.ApiKey("k"), retry=retry, timeout_seconds=0.2)
        with tenant, pytest.raises(TenantUnreachable) as from_tenant:
            tenant.oauth_clients.delete("a" * 32)
        with (
            qk.VaultKeyStore(VAULT_URL, token="t", timeout_seconds=0.2) as store,
            pytest.raises(StoreError) as from_vault,
        ):
            store.client_ids(TENANT_NAME)
    for caught in (from_tenant, from_vault):
        assert caught.value.message.startswith(f"The proxy {address} does not answer in time")
        assert caught.value.outcome is Outcome.NOT_APPLIED


def test_a_proxy_that_is_called_by_tls_and_does_not_speak_it(monkeypatch, trusted):
    with Loopback() as plain:
        monkeypatch.setenv("HTTPS_PROXY", plain.url.replace("http", "https"))
        address = plain.url.removeprefix("http://")
        for error in failures():
            assert error.message.startswith(f"The proxy {address} did not accept a connection (it does not use TLS)")
            assert error.outcome is Outcome.NOT_APPLIED
