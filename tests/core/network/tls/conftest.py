"""Servers that speak TLS, right and wrong ones, with an authority made for the run: two fronts and one OpenBao."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from fixtures.tls_servers import TENANT_NAME, VAULT_NAME, TlsFront

from qlik_keys.sandbox.authority import Authority, Certificate, CertificateFiles

if TYPE_CHECKING:
    from pathlib import Path

HERE = ["127.0.0.1", "localhost", TENANT_NAME, VAULT_NAME]
_DAY = dt.timedelta(days=1)
VARIABLES = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("QLIK_KEYS_TENANT_CERT", "QLIK_KEYS_TENANT_KEY"),
    *("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"),
)


@dataclass
class Certificates:
    """The files of the run: the authority, as a file and as a folder; servers by what is wrong with them; clients."""

    ca: Path
    ca_folder: Path
    files: dict[str, CertificateFiles]
    client: CertificateFiles
    stranger: CertificateFiles  # of another authority


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """No proxy, authority or certificate of a developer's environment has a part in these tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = Authority(), Authority("another authority")
    ca = folder / "ca.pem"
    ca.write_bytes(authority.pem)
    (folder / "authorities").mkdir()
    (folder / "authorities" / "company-root.crt").write_bytes(authority.pem)
    (folder / "authorities" / "README").write_text("not a certificate")
    made: dict[str, Certificate] = {
        "good": authority.issue(HERE),
        "expired": authority.issue(HERE, begins_in=-2 * _DAY, ends_in=-_DAY),
        "not yet valid": authority.issue(HERE, begins_in=_DAY, ends_in=2 * _DAY),
        "other name": authority.issue(["other.acme.example"]),
        "self-signed": authority.issue(HERE, self_signed=True),
        "other authority": other.issue(HERE),
    }
    return Certificates(
        ca=ca,
        ca_folder=folder / "authorities",
        files={kind: each.write(folder, kind.replace(" ", "-")) for kind, each in made.items()},
        client=authority.issue(["ada"]).write(folder, "client"),
        stranger=other.issue(["ada"]).write(folder, "stranger"),
    )


@pytest.fixture(scope="session")
def tenant_fronts(box, certificates):
    """The URLs of TLS fronts before the sandbox's tenant, by what is wrong with them."""
    port = urlsplit(box.tenant_url).port
    with contextlib.ExitStack() as stack:
        fronts = {kind: stack.enter_context(TlsFront(files, port)) for kind, files in certificates.files.items()}
        versions = {"client certificate": ssl.TLSVersion.TLSv1_3, "the same, 1.2": ssl.TLSVersion.TLSv1_2}
        for kind, longest in versions.items():
            front = TlsFront(certificates.files["good"], port, client_authority=certificates.ca, longest=longest)
            fronts[kind] = stack.enter_context(front)
        yield {kind: front.url for kind, front in fronts.items()}


@pytest.fixture(scope="session")
def tls_openbao(certificates):
    """One OpenBao with a TLS listener for each certificate: .urls by what is wrong, .token."""
    from qlik_keys.sandbox.openbao import OpenBao, TlsListener

    kinds = [*certificates.files, "client certificate"]
    listeners = [TlsListener(files) for files in certificates.files.values()]
    listeners.append(TlsListener(certificates.files["good"], client_authority=certificates.ca))
    with OpenBao.start(listeners=listeners) as server:
        server.urls = dict(zip(kinds, server.tls_urls, strict=True))
        server.urls["plain"] = server.url
        yield server


@pytest.fixture
def loose_end():
    """The port of a server that reads a request and ends the connection."""
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            connection, _ = listener.accept()
            with connection:
                if not stop.is_set():
                    connection.recv(65_536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        stop.set()
        with socket.create_connection(listener.getsockname()):
            pass
        thread.join()
