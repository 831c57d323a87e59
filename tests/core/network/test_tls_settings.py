"""What names authorities and certificates, and is no good: refused by name before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

import qlik_keys as qk
from qlik_keys.core.network.tls import Place
from qlik_keys.errors import ConfigurationError
from qlik_keys.sandbox.authority import Authority

TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def refused(**options):
    """What tenant and Vault say; no server is called."""
    tenant = qk.QlikTenant("https://acme.eu.qlikcloud.com", credential=qk.ApiKey("k"))
    with tenant, pytest.raises(ConfigurationError) as from_tenant:
        tenant.metadata()
    store = qk.VaultKeyStore("https://vault.invalid:8200", token="t", **options)
    with store, pytest.raises(ConfigurationError) as from_vault:
        store.client_ids("acme.eu.qlikcloud.com")
    return from_tenant.value, from_vault.value


NO_CERTIFICATE = "without a certificate"
# What is wrong with a place of authorities, how it is made, and what is told.
BAD = {
    "missing": (lambda path: None, "cannot be read (no such file or directory)"),
    "garbage": (lambda path: path.write_text("hunter22"), NO_CERTIFICATE),
    "empty": (Path.touch, NO_CERTIFICATE),
    "binary": (lambda path: path.write_bytes(b"\x00\xff" * 50), NO_CERTIFICATE),
    "cut": (lambda path: path.write_bytes(Authority().pem[:200]), NO_CERTIFICATE),
    "a folder without any": (lambda path: (path / "none").mkdir(parents=True), "without any certificate"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "cannot be read ("),
}


@pytest.mark.parametrize("name", TRUST)
def test_an_authority_that_is_none_is_refused_by_the_variables_name(monkeypatch, tmp_path, name):
    for kind, (make, words) in BAD.items():
        path = tmp_path / kind
        make(path)
        monkeypatch.setenv(name, str(path))
        for error in refused():
            assert error.message.startswith(f"{name} names a f")
            assert name == "SSL_CERT_DIR" or words in error.message
            assert "hunter22" not in str(error)
            assert str(path) not in str(error)
            assert f"Correct or unset {name}." in error.hint
            assert error.__context__ is None


def test_a_vaults_authority_is_refused_by_its_own_name(tmp_path):
    (tmp_path / "garbage").write_text("hunter22")
    by_text = Place("MIIB, without its BEGIN", "VAULT_CACERT_BYTES")  # not taken for a file's name
    for ca_cert, words in (
        (str(tmp_path / "garbage"), "^ca_cert names a file without a certificate"),
        (by_text, "VAULT_CACERT_BYTES contains no certificate in PEM"),
    ):
        with (
            qk.VaultKeyStore("https://vault.invalid:8200", token="t", ca_cert=ca_cert) as store,
            pytest.raises(ConfigurationError, match=words),
        ):
            store.client_ids("acme.eu.qlikcloud.com")


def test_a_client_certificate_that_is_no_good(monkeypatch, tmp_path):
    one, other = (Authority().issue([name]).write(tmp_path, name) for name in ("one", "other"))
    encrypted, key = tmp_path / "encrypted.key", serialization.load_pem_private_key(one.key.read_bytes(), None)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    encrypted.write_bytes(key.private_bytes(pem, pkcs8, serialization.BestAvailableEncryption(b"hunter22")))
    for certificate, key, words in (
        (tmp_path / "nothing", one.key, "QLIK_KEYS_TENANT_CERT names a file that cannot be read"),
        (one.certificate, "", " holds no certificate with its private key"),
        (one.certificate, other.key, "do not match"),
        (one.certificate, encrypted, "is encrypted"),
        ("", one.key, "but no certificate"),
    ):
        monkeypatch.setenv("QLIK_KEYS_TENANT_CERT", str(certificate))
        monkeypatch.setenv("QLIK_KEYS_TENANT_KEY", str(key))
        tenant = qk.QlikTenant("https://acme.eu.qlikcloud.com", credential=qk.ApiKey("k"))
        with tenant, pytest.raises(ConfigurationError) as caught:
            tenant.metadata()
        assert words in caught.value.message
        assert "QLIK_KEYS_TENANT" in caught.value.message


def test_plain_http_on_loopback_reads_no_certificates(monkeypatch, box):
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        assert tenant.users.me().status == "active"


def test_a_host_that_there_cannot_be_is_refused_and_those_of_networks_and_clusters_are_taken():
    for host in ("a" * 64 + ".example", ".".join(["a" * 60] * 5), "a..example", ".example"):
        for kind, url, options in (
            (qk.QlikTenant, f"https://{host}", {"credential": qk.ApiKey("k")}),
            (qk.VaultKeyStore, f"https://{host}:8200", {"token": "t"}),
            (qk.VaultKeyStore, "https://vault.invalid", {"token": "t", "tls_server_name": host}),
        ):
            with pytest.raises(ConfigurationError, match="is not a host name"):
                kind(url, **options)
    for host in ("a" * 63 + ".example", "vault_server", "vault.acme.example.", "[::1]", "127.0.0.1"):
        qk.VaultKeyStore(f"https://{host}:8200", token="t", tls_server_name=host.strip("[]")).close()
