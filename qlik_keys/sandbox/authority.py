"""A certificate authority for one run: TLS for the sandbox and the tests (RFC 5280).

Its keys are on the curve P-256, which takes a millisecond each, and are never used again. The authority's own key stays
in memory; a server's key must be in a file, since both servers read it from there.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from qlik_keys.core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qlik_keys.core.clock import Clock

_BACK = dt.timedelta(minutes=5)  # for a reader whose clock is behind
_LIFE = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key, in PEM."""

    pem: bytes
    key_pem: bytes = field(repr=False)

    def write(self, folder: Path, name: str) -> CertificateFiles:
        """Write `<name>.pem` and `<name>.key`, which only the user may read, to a folder."""
        files = CertificateFiles(folder / f"{name}.pem", folder / f"{name}.key")
        files.certificate.write_bytes(self.pem)
        descriptor = os.open(files.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.key_pem)
        return files


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate and its key lie."""

    certificate: Path
    key: Path


class Authority:
    """The authority.

    Args:
        name: its name.
        clock: time, for what it signs.

    Attributes:
        pem: its certificate.

    Example:
        >>> files = Authority().issue(["127.0.0.1"]).write(folder, "server")  # doctest: +SKIP
    """

    def __init__(self, name: str = "qlik_keys sandbox", *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(self._name, self._key, self._now() - _BACK, self._now() + _LIFE)
        certificate = (
            builder.issuer_name(self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(key_id, critical=False)
            .sign(self._key, SHA256())
        )
        self._key_id = key_id
        self.pem = certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        names: Sequence[str],
        *,
        begins_in: dt.timedelta = -_BACK,
        ends_in: dt.timedelta = _LIFE,
        self_signed: bool = False,
    ) -> Certificate:
        """Return a certificate for a server, or for a client, by these names.

        Args:
            names: host names and IP addresses; the first is its subject, too.
            begins_in: when it becomes valid, from now on.
            ends_in: when it ends, from now on.
            self_signed: whether it is signed by its own key, not by the authority.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(names[0])
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = (
            self._builder(subject, key, self._now() + begins_in, self._now() + ends_in)
            .issuer_name(subject if self_signed else self._name)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        )
        if not self_signed:
            issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._key_id)
            builder = builder.add_extension(issuer, critical=False)
        certificate = builder.sign(key if self_signed else self._key, SHA256())
        return Certificate(
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock.time(), tz=dt.UTC)

    @staticmethod
    def _builder(
        subject: x509.Name, key: ec.EllipticCurvePrivateKey, begins: dt.datetime, ends: dt.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
