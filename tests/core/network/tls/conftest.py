"""Servers that speak TLS, right and wrong ones, with an authority made for the run: two fronts and one OpenBao."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
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


@dataclass
class Certificates:
    """The files of the run: the authority, as a file and as a folder; servers by what is wrong with them; clients."""

    ca: Path
    ca_folder: Path
    files: dict[str, CertificateFiles]
    client: CertificateFiles
    stranger: CertificateFiles  # of another authority


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = Authority(), Authority("another authority")
    ca, others = folder / "ca.pem", folder / "authorities"
    others.mkdir()
    for file in (ca, others / "company-root.crt"):
        file.write_bytes(authority.pem)
    (others / "README").write_text("not a certificate")
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
        ca_folder=others,
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
