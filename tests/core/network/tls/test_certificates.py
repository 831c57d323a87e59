"""What is wrong with a certificate is told as what it is, at the tenant and at the Vault, and nothing was sent."""

from __future__ import annotations

import os
import socket

import pytest
from fixtures.raw_server import RawServer
from fixtures.support import ManualClock
from fixtures.tls_servers import ConnectProxy, TlsFront

import qlik_keys as qk
from qlik_keys import errors
from qlik_keys.errors import ConfigurationError, Outcome, StoreMisconfigured, TenantUnreachable
from qlik_keys.tenant import RetryPolicy

HOST = "acme.eu.qlikcloud.com"
OTHER_NAME = {"tls_server_name": "other.acme.example"}
WRONG = {
    "expired": ("its certificate has expired", "renew"),
    "not yet valid": ("its certificate is not valid yet", "clock"),
    "other name": ("its certificate is for another host name", "host name"),
    "self-signed": ("its certificate is self-signed", "that certificate itself"),
    "other authority": ("its certificate is signed by an authority that this machine does not trust", "intermediate"),
}


def failed_tenant(url):
    options = {"retry": RetryPolicy(attempts=3), "clock": ManualClock()}
    with qk.QlikTenant(url, credential=qk.ApiKey("k"), **options) as tenant, pytest.raises(TenantUnreachable) as caught:
        tenant.metadata()
    return caught.value


def failed_store(url, **options):
    with qk.VaultKeyStore(url, token="t", **options) as store, pytest.raises(errors.StoreError) as caught:
        store.client_ids(HOST)
    return caught.value


@pytest.mark.parametrize("kind", WRONG)
def test_a_certificate_that_is_wrong(monkeypatch, certificates, tenant_fronts, tls_openbao, kind):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    words, hint = WRONG[kind]
    from_vault = failed_store(tls_openbao.urls[kind], ca_cert=str(certificates.ca))
    assert type(from_vault) is StoreMisconfigured
    for error in (failed_tenant(tenant_fronts[kind]), from_vault):
        assert f"did not accept a connection ({words})" in error.message
        assert hint in error.hint
        assert (error.outcome, error.retryable) == (Outcome.NOT_APPLIED, False)


def test_a_private_authority_by_file_and_by_folder(monkeypatch, certificates, tenant_fronts, tls_openbao, tmp_path):
    tenant, store = failed_tenant(tenant_fronts["good"]), failed_store(tls_openbao.urls["good"])
    for error, hint in ((tenant, "Set SSL_CERT_FILE"), (store, "Set `ca_cert` (VAULT_CACERT)")):
        assert "signed by an authority that this machine does not trust" in error.message
        assert hint in error.hint
    for name, value in (
        ("SSL_CERT_FILE", certificates.ca),
        ("SSL_CERT_DIR", certificates.ca_folder),
        ("SSL_CERT_DIR", f"{tmp_path}{os.pathsep}/no/such{os.pathsep}{certificates.ca_folder}"),
        ("REQUESTS_CA_BUNDLE", certificates.ca),
        ("REQUESTS_CA_BUNDLE", certificates.ca_folder),
        ("CURL_CA_BUNDLE", certificates.ca),
    ):
        with monkeypatch.context() as variables:
            variables.setenv(name, str(value))
            with qk.QlikTenant(tenant_fronts["good"], credential=qk.ApiKey("k")) as tenant:
                assert tenant.metadata().issuer
            with qk.VaultKeyStore(tls_openbao.urls["good"], token=tls_openbao.token) as store:
                assert store.client_ids(HOST) == []


@pytest.mark.openbao
def test_an_authority_of_its_own_is_the_only_one_that_a_vault_is_trusted_by(certificates, tls_openbao, tmp_path):
    """requests would trust certifi's next to it; a server of the other authority stands for those."""
    both = tmp_path / "both.pem"
    both.write_bytes(certificates.ca.read_bytes() + certificates.files["self-signed"].certificate.read_bytes())
    for kind, more, words in (("self-signed", {}, "self-signed"), ("good", OTHER_NAME, "for another host name")):
        assert words in failed_store(tls_openbao.urls[kind], ca_cert=str(certificates.ca), **more).message
    for kind, ca_cert in (
        ("self-signed", str(both)),
        ("good", str(certificates.ca_folder)),
        ("good", certificates.ca.read_text()),
    ):
        with qk.VaultKeyStore(tls_openbao.urls[kind], token=tls_openbao.token, ca_cert=ca_cert) as store:
            assert store.client_ids(HOST) == []


def test_what_is_corrected_holds_for_the_same_tenant_and_store(
    monkeypatch, certificates, tenant_fronts, tls_openbao, tmp_path
):
    """The variable, the file that it names, and what is in the folder that it names."""
    file, wrong, right = tmp_path / "a.pem", certificates.files["self-signed"].certificate, certificates.ca
    for name, value, correct in (
        ("SSL_CERT_FILE", file, lambda: monkeypatch.setenv("SSL_CERT_FILE", str(right))),
        ("SSL_CERT_FILE", file, lambda: file.write_bytes(right.read_bytes())),
        ("SSL_CERT_DIR", tmp_path, lambda: (tmp_path / "b.pem").write_bytes(right.read_bytes())),
    ):
        file.write_bytes(wrong.read_bytes())
        monkeypatch.setenv(name, str(value))
        with (
            qk.QlikTenant(tenant_fronts["good"], credential=qk.ApiKey("k"), retry=RetryPolicy(attempts=1)) as tenant,
            qk.VaultKeyStore(tls_openbao.urls["good"], token=tls_openbao.token) as store,
        ):
            for call in (tenant.metadata, tenant.metadata, lambda store=store: store.client_ids(HOST)):
                with pytest.raises((TenantUnreachable, StoreMisconfigured), match="does not trust"):
                    call()
            correct()
            assert (bool(tenant.metadata().issuer), store.client_ids(HOST)) == (True, [])
        monkeypatch.delenv(name)


@pytest.mark.parametrize("kind", ["client certificate", "the same, 1.2"])
def test_a_tenants_gateway_that_wants_a_client_certificate(monkeypatch, certificates, tenant_fronts, kind):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    error = failed_tenant(tenant_fronts[kind])
    # A server of TLS 1.2 may say no more than that the handshake failed.
    words = "it requires a client certificate" if kind == "client certificate" else "refuses the TLS handshake"
    assert words in error.message
    assert "requires a client certificate" in error.message + error.hint
    assert "QLIK_KEYS_TENANT_CERT and QLIK_KEYS_TENANT_KEY" in error.hint
    assert error.outcome is Outcome.NOT_APPLIED
    for files in (certificates.stranger, certificates.client):
        monkeypatch.setenv("QLIK_KEYS_TENANT_CERT", str(files.certificate))
        monkeypatch.setenv("QLIK_KEYS_TENANT_KEY", str(files.key))
        if files is certificates.stranger:
            error = failed_tenant(tenant_fronts[kind])
            assert "it does not accept the client certificate" in error.message
            assert error.outcome is Outcome.NOT_APPLIED
    with qk.QlikTenant(tenant_fronts[kind], credential=qk.ApiKey("k")) as tenant:
        assert tenant.metadata().issuer


@pytest.mark.openbao
def test_a_vault_that_wants_a_client_certificate(certificates, tls_openbao):
    url, options = tls_openbao.urls["client certificate"], {"ca_cert": str(certificates.ca)}
    error = failed_store(url, **options)
    assert type(error) is StoreMisconfigured
    assert "it requires a client certificate" in error.message
    assert "VAULT_CLIENT_CERT, VAULT_CLIENT_KEY" in error.hint
    assert (error.outcome, error.retryable) == (Outcome.NOT_APPLIED, False)
    stranger, client = (
        {"client_cert": str(files.certificate), "client_key": str(files.key)}
        for files in (certificates.stranger, certificates.client)
    )
    assert "does not accept the client certificate" in failed_store(url, **options, **stranger).message
    both = certificates.ca.parent / "both.pem"
    both.write_bytes(certificates.client.certificate.read_bytes() + certificates.client.key.read_bytes())
    for more in (client, {"client_cert": str(both)}):
        with qk.VaultKeyStore(url, token=tls_openbao.token, **options, **more) as store:
            assert store.client_ids(HOST) == []


def test_plain_http_to_a_tls_port_and_tls_to_a_plain_one(box, openbao, tenant_fronts, tls_openbao):
    error = failed_store(tls_openbao.urls["good"].replace("https", "http"))
    assert "uses TLS, but was called by plain http" in error.message
    assert (type(error), error.outcome) == (StoreMisconfigured, Outcome.NOT_APPLIED)
    for told in (error, failed_tenant(tenant_fronts["good"].replace("https", "http"))):
        assert "https://" in told.hint
    error = failed_tenant(box.tenant_url.replace("http", "https"))
    assert (error.outcome, error.retryable) == (Outcome.NOT_APPLIED, False)
    for told in (error, failed_store(openbao.url.replace("http", "https"))):
        assert "it does not use TLS" in told.message


def test_a_connection_that_ends_within_a_request_may_have_had_its_effect(monkeypatch, certificates):
    """The same class of error as a failed handshake, after the request was sent."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    with (
        RawServer(lambda _: ()) as server,
        TlsFront(certificates.files["good"], int(server.url.rpartition(":")[2])) as front,
    ):
        tenant = qk.QlikTenant(front.url, credential=qk.ApiKey("k"), retry=RetryPolicy(attempts=1))
        with tenant, pytest.raises(TenantUnreachable) as caught:
            tenant.oauth_clients.delete("a" * 32)
        store = qk.VaultKeyStore(front.url, login=qk.AppRole("role", "secret"))
        with store, pytest.raises(errors.StoreUnreachable, match="closed the connection"):
            store.client_ids(HOST)
    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.openbao
@pytest.mark.parametrize("prefix", ["VAULT", "BAO"])
def test_a_vault_by_its_variables_alone(monkeypatch, certificates, tls_openbao, tmp_path, prefix):
    for name in [each for each in os.environ if each.startswith(("QLIK_", "VAULT_", "BAO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))

    def client_ids(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"{prefix}_{name}", str(value))
        with qk.Settings.resolve().store() as store:
            return store.client_ids(HOST)

    client = {"CLIENT_CERT": certificates.client.certificate, "CLIENT_KEY": certificates.client.key}
    address = {"ADDR": tls_openbao.urls["client certificate"], "TOKEN": tls_openbao.token}
    assert client_ids(**address, **client, CAPATH=certificates.ca_folder) == []
    other_name = {"ADDR": tls_openbao.urls["other name"], "TLS_SERVER_NAME": "other.acme.example"}
    assert client_ids(CACERT=certificates.ca, **other_name) == []
    assert client_ids(CACERT="/no/such/file", CACERT_BYTES=certificates.ca.read_text()) == []
    with pytest.raises(ConfigurationError) as caught:
        client_ids(CACERT_BYTES="")
    assert caught.value.message == f"{prefix}_CACERT names a file that cannot be read (no such file or directory)."
    targets = {"other.acme.example:8200": int(tls_openbao.urls["other name"].rpartition(":")[2])}
    with ConnectProxy(targets, login="ada:secret") as proxy:
        variables = {"PROXY_ADDR": f"http://ada:secret@{proxy.address}", "TLS_SERVER_NAME": ""}
        assert client_ids(ADDR="https://other.acme.example:8200", CACERT=certificates.ca, **variables) == []
        assert proxy.connects == list(targets)


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
