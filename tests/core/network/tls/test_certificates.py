"""What is wrong with a certificate is told as what it is, at the tenant and at the Vault, and nothing was sent."""

from __future__ import annotations

import os
import socket

import pytest
from fixtures.support import ManualClock
from fixtures.tls_servers import ConnectProxy, TlsFront

import qlik_keys as qk
from qlik_keys.errors import (
    ConfigurationError,
    Outcome,
    StoreError,
    StoreMisconfigured,
    StoreUnreachable,
    TenantError,
    TenantUnreachable,
)
from qlik_keys.tenant import RetryPolicy

HOST = "acme.eu.qlikcloud.com"
WRONG = {
    "expired": ("its certificate has expired", "renew"),
    "not yet valid": ("its certificate is not valid yet", "clock"),
    "other name": ("its certificate is for another host name", "host name"),
    "self-signed": ("its certificate is self-signed", "that certificate itself"),
    "other authority": ("its certificate is signed by an authority that this machine does not trust", "intermediate"),
}


def failed_tenant(url):
    with (
        qk.QlikTenant(url, credential=qk.ApiKey("k"), retry=RetryPolicy(attempts=3), clock=ManualClock()) as tenant,
        pytest.raises(TenantError) as caught,
    ):
        tenant.metadata()
    assert isinstance(caught.value, TenantUnreachable)
    return caught.value


def failed_store(url, **options):
    with qk.VaultKeyStore(url, token="t", **options) as store, pytest.raises(StoreError) as caught:
        store.client_ids(HOST)
    return caught.value


@pytest.mark.parametrize(("kind", "told"), WRONG.items(), ids=WRONG)
def test_a_tenants_certificate(monkeypatch, certificates, tenant_fronts, kind, told):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    error = failed_tenant(tenant_fronts[kind])
    words, hint = told
    assert f"did not accept a connection ({words})" in error.message
    assert hint in error.hint
    assert (error.outcome, error.retryable) == (Outcome.NOT_APPLIED, False)


@pytest.mark.openbao
@pytest.mark.parametrize(("kind", "told"), WRONG.items(), ids=WRONG)
def test_a_vaults_certificate(certificates, tls_openbao, kind, told):
    error = failed_store(tls_openbao.urls[kind], ca_cert=str(certificates.ca))
    words, hint = told
    assert type(error) is StoreMisconfigured
    assert f"did not accept a connection ({words})" in error.message
    assert hint in error.hint
    assert (error.outcome, error.retryable) == (Outcome.NOT_APPLIED, False)


def test_without_its_authority_neither_is_trusted(tenant_fronts, tls_openbao):
    told = "signed by an authority that this machine does not trust"
    tenant, store = failed_tenant(tenant_fronts["good"]), failed_store(tls_openbao.urls["good"])
    assert told in tenant.message
    assert "Set SSL_CERT_FILE" in tenant.hint
    assert told in store.message
    assert "Set `ca_cert` (VAULT_CACERT)" in store.hint


@pytest.mark.openbao
def test_a_name_that_is_not_the_address_is_accepted_where_it_is_given(certificates, tls_openbao):
    options = {"ca_cert": str(certificates.ca), "tls_server_name": "other.acme.example"}
    with qk.VaultKeyStore(tls_openbao.urls["other name"], token=tls_openbao.token, **options) as store:
        assert store.client_ids(HOST) == []
    error = failed_store(tls_openbao.urls["good"], **options)
    assert "for another host name" in error.message


# --- the authority ---


def authority_variables(certificates):
    plain = certificates.ca_folder.parent / "plain"
    plain.mkdir(exist_ok=True)
    (plain / "company-root.crt").write_bytes(certificates.ca.read_bytes())
    (plain / "README").write_text("not a certificate")
    empty = certificates.ca_folder.parent / "empty"
    empty.mkdir(exist_ok=True)
    return [
        ("SSL_CERT_FILE", certificates.ca),
        ("SSL_CERT_DIR", certificates.ca_folder),
        ("SSL_CERT_DIR", plain),
        ("SSL_CERT_DIR", f"{empty}{os.pathsep}/no/such{os.pathsep}{certificates.ca_folder}"),
        ("REQUESTS_CA_BUNDLE", certificates.ca),
        ("REQUESTS_CA_BUNDLE", certificates.ca_folder),
        ("CURL_CA_BUNDLE", certificates.ca),
    ]


@pytest.mark.openbao
@pytest.mark.parametrize("number", range(7))
def test_a_private_authority_by_file_and_by_folder(monkeypatch, certificates, tenant_fronts, tls_openbao, number):
    name, value = authority_variables(certificates)[number]
    monkeypatch.setenv(name, str(value))
    with qk.QlikTenant(tenant_fronts["good"], credential=qk.ApiKey("k")) as tenant:
        assert tenant.metadata().issuer
    with qk.VaultKeyStore(tls_openbao.urls["good"], token=tls_openbao.token) as store:
        assert store.client_ids(HOST) == []


@pytest.mark.openbao
def test_a_vaults_authority_as_a_folder_and_as_text(certificates, tls_openbao):
    for given in (str(certificates.ca_folder), certificates.ca.read_text()):
        with qk.VaultKeyStore(tls_openbao.urls["good"], token=tls_openbao.token, ca_cert=given) as store:
            assert store.client_ids(HOST) == []


@pytest.mark.openbao
def test_an_authority_of_its_own_is_the_only_one_that_a_vault_is_trusted_by(certificates, tls_openbao, tmp_path):
    """requests would trust certifi's next to it; a server of the other authority stands for those."""
    both = tmp_path / "both.pem"
    both.write_bytes(certificates.ca.read_bytes() + certificates.files["self-signed"].certificate.read_bytes())
    assert "self-signed" in failed_store(tls_openbao.urls["self-signed"], ca_cert=str(certificates.ca)).message
    with qk.VaultKeyStore(tls_openbao.urls["self-signed"], token=tls_openbao.token, ca_cert=str(both)) as store:
        assert store.client_ids(HOST) == []


# --- what is corrected in a running process holds from the next call on ---


def test_a_variable_that_is_corrected_holds_for_the_same_tenant(
    monkeypatch, box, certificates, tenant_fronts, tmp_path
):
    file = tmp_path / "authority.pem"
    file.write_bytes(certificates.files["self-signed"].certificate.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    url, key = tenant_fronts["good"], qk.ApiKey("k")
    with qk.QlikTenant(url, credential=key, retry=RetryPolicy(attempts=1)) as tenant:
        for _ in range(2):
            with pytest.raises(TenantUnreachable, match="does not trust"):
                tenant.metadata()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
        assert tenant.metadata().issuer
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with qk.QlikTenant(url, credential=key, retry=RetryPolicy(attempts=1)) as tenant:
        with pytest.raises(TenantUnreachable, match="does not trust"):
            tenant.metadata()
        file.write_bytes(certificates.ca.read_bytes())
        assert tenant.metadata().issuer


@pytest.mark.openbao
def test_a_variable_that_is_corrected_holds_for_the_same_store(monkeypatch, certificates, tls_openbao, tmp_path):
    folder = tmp_path / "authorities"
    folder.mkdir()
    (folder / "one.pem").write_bytes(certificates.files["self-signed"].certificate.read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    with qk.VaultKeyStore(tls_openbao.urls["good"], token=tls_openbao.token) as store:
        for _ in range(2):
            with pytest.raises(StoreMisconfigured, match="does not trust"):
                store.client_ids(HOST)
        (folder / "two.pem").write_bytes(certificates.ca.read_bytes())
        assert store.client_ids(HOST) == []


def test_a_context_is_made_once_for_the_same_settings(certificates):
    from qlik_keys.core.network.tls import Place, TlsSettings, context_for

    settings = TlsSettings(trusted=Place(str(certificates.ca), "SSL_CERT_FILE"))
    assert context_for(settings) is context_for(TlsSettings(trusted=Place(str(certificates.ca), "SSL_CERT_FILE")))
    assert context_for(settings) is not context_for(settings, for_proxy=True)


# --- a server that requires a client certificate ---


@pytest.mark.parametrize("kind", ["client certificate", "the same, 1.2"])
def test_a_tenants_gateway_that_wants_a_client_certificate(monkeypatch, certificates, tenant_fronts, kind):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    error = failed_tenant(tenant_fronts[kind])
    # A server of TLS 1.2 may say no more than that the handshake failed.
    assert {"client certificate": "it requires a client certificate"}.get(
        kind, "refuses the TLS handshake"
    ) in error.message
    assert "requires a client certificate" in error.message + error.hint
    assert "QLIK_KEYS_TENANT_CERT and QLIK_KEYS_TENANT_KEY" in error.hint
    assert error.outcome is Outcome.NOT_APPLIED

    monkeypatch.setenv("QLIK_KEYS_TENANT_CERT", str(certificates.stranger.certificate))
    monkeypatch.setenv("QLIK_KEYS_TENANT_KEY", str(certificates.stranger.key))
    error = failed_tenant(tenant_fronts[kind])
    assert "it does not accept the client certificate" in error.message
    assert error.outcome is Outcome.NOT_APPLIED

    monkeypatch.setenv("QLIK_KEYS_TENANT_CERT", str(certificates.client.certificate))
    monkeypatch.setenv("QLIK_KEYS_TENANT_KEY", str(certificates.client.key))
    with qk.QlikTenant(tenant_fronts[kind], credential=qk.ApiKey("k")) as tenant:
        assert tenant.metadata().issuer


@pytest.mark.openbao
def test_a_vault_that_wants_a_client_certificate(certificates, tls_openbao):
    url, ca = tls_openbao.urls["client certificate"], str(certificates.ca)
    error = failed_store(url, ca_cert=ca)
    assert type(error) is StoreMisconfigured
    assert "it requires a client certificate" in error.message
    assert "VAULT_CLIENT_CERT, VAULT_CLIENT_KEY" in error.hint
    assert (error.outcome, error.retryable) == (Outcome.NOT_APPLIED, False)

    stranger = {"client_cert": str(certificates.stranger.certificate), "client_key": str(certificates.stranger.key)}
    assert "does not accept the client certificate" in failed_store(url, ca_cert=ca, **stranger).message

    options = {"client_cert": str(certificates.client.certificate), "client_key": str(certificates.client.key)}
    with qk.VaultKeyStore(url, token=tls_openbao.token, ca_cert=ca, **options) as store:
        assert store.client_ids(HOST) == []
    one = certificates.ca.parent / "both.pem"
    one.write_bytes(certificates.client.certificate.read_bytes() + certificates.client.key.read_bytes())
    with qk.VaultKeyStore(url, token=tls_openbao.token, ca_cert=ca, client_cert=str(one)) as store:
        assert store.client_ids(HOST) == []


# --- http to https and the reverse ---


@pytest.mark.openbao
def test_plain_http_to_a_tls_port(monkeypatch, certificates, tenant_fronts, tls_openbao):
    error = failed_store(tls_openbao.urls["good"].replace("https", "http"))
    assert "uses TLS, but was called by plain http" in error.message
    assert (type(error), error.outcome) == (StoreMisconfigured, Outcome.NOT_APPLIED)
    assert "https://" in error.hint
    told = failed_tenant(tenant_fronts["good"].replace("https", "http"))
    assert "https://" in told.hint


@pytest.mark.openbao
def test_tls_to_a_plain_port(box, openbao):
    told = failed_tenant(box.tenant_url.replace("http", "https"))
    assert "it does not use TLS" in told.message
    assert (told.outcome, told.retryable) == (Outcome.NOT_APPLIED, False)
    assert "it does not use TLS" in failed_store(openbao.url.replace("http", "https")).message


def test_a_connection_that_ends_within_a_request_may_have_had_its_effect(monkeypatch, certificates, loose_end):
    """The same class of error as a failed handshake, after the request was sent."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    with TlsFront(certificates.files["good"], loose_end) as front:
        with (
            qk.QlikTenant(front.url, credential=qk.ApiKey("k"), retry=RetryPolicy(attempts=1)) as tenant,
            pytest.raises(TenantUnreachable) as caught,
        ):
            tenant.oauth_clients.delete("a" * 32)
        assert caught.value.outcome is Outcome.UNKNOWN
        with (
            qk.VaultKeyStore(front.url, login=qk.AppRole("role", "secret")) as store,
            pytest.raises(StoreUnreachable) as failed,
        ):
            store.client_ids(HOST)
        assert "closed the connection" in failed.value.message


# --- by Vault's own variables ---


@pytest.mark.openbao
@pytest.mark.parametrize("prefix", ["VAULT", "BAO"])
def test_a_vault_by_its_variables_alone(monkeypatch, certificates, tls_openbao, tmp_path, prefix):
    for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))

    def store(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"{prefix}_{name}", str(value))
        return qk.Settings.resolve().store()

    client = {"CLIENT_CERT": certificates.client.certificate, "CLIENT_KEY": certificates.client.key}
    address = {"ADDR": tls_openbao.urls["client certificate"], "TOKEN": tls_openbao.token}
    with store(**address, **client, CAPATH=certificates.ca_folder) as by_folder:
        assert by_folder.client_ids(HOST) == []
    with store(
        ADDR=tls_openbao.urls["other name"], CACERT=certificates.ca, TLS_SERVER_NAME="other.acme.example"
    ) as named:
        assert named.client_ids(HOST) == []
    with store(CACERT="/no/such/file", CACERT_BYTES=certificates.ca.read_text()) as by_text:
        assert by_text.client_ids(HOST) == []
    with store(CACERT_BYTES="") as broken, pytest.raises(ConfigurationError) as caught:
        broken.client_ids(HOST)
    assert caught.value.message == f"{prefix}_CACERT names a file that cannot be read (no such file or directory)."
    targets = {"other.acme.example:8200": int(tls_openbao.urls["other name"].rpartition(":")[2])}
    with ConnectProxy(targets, login="ada:secret") as proxy:
        variables = {
            "CACERT": certificates.ca,
            "PROXY_ADDR": f"http://ada:secret@{proxy.address}",
            "TLS_SERVER_NAME": "",
        }
        with store(ADDR="https://other.acme.example:8200", **variables) as by_proxy:
            assert by_proxy.client_ids(HOST) == []
        assert proxy.connects == list(targets)


@pytest.mark.openbao
def test_the_doctor_names_a_variable_that_prevents_calls(monkeypatch, certificates, tenant_fronts, tls_openbao):
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with (
        qk.QlikTenant(tenant_fronts["good"], credential=qk.ApiKey("k")) as tenant,
        qk.VaultKeyStore(tls_openbao.urls["good"], token="t", ca_cert=str(certificates.ca)) as store,
    ):
        seen = {check.name: check for check in qk.doctor(tenant, store, "a" * 32).checks}
    assert seen["tenant-url"].verdict == "failed"
    assert "SSL_CERT_FILE names a file that cannot be read" in seen["tenant-url"].why
    assert "unset" in seen["tenant-url"].advice
    assert seen["discovery"].verdict == "not_checked"


# --- a server that listens and says nothing ---


def test_a_handshake_that_is_never_answered_sent_nothing():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        tenant = qk.QlikTenant(url, credential=qk.ApiKey("k"), retry=RetryPolicy(attempts=1), timeout_seconds=0.2)
        with tenant, pytest.raises(TenantUnreachable, match="before the time-out") as caught:
            tenant.oauth_clients.delete("a" * 32)
        assert caught.value.outcome is Outcome.NOT_APPLIED
        error = failed_store(url, timeout_seconds=0.2)
    assert "did not accept a connection before the time-out" in error.message
    assert (error.outcome, error.retryable) == (Outcome.NOT_APPLIED, True)
