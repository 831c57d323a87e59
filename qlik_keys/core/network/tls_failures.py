"""What a failure of TLS means, in words and with what to do about it; read when a connection has failed.

Not done here: making contexts (`tls`), and the errors that are raised (`tenant.http.failures`,
`keystore.vault.http.failures`).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from qlik_keys.core.network.tls import HANDSHAKE, causes


@dataclass(frozen=True, slots=True)
class TlsTrouble:
    """What a failure of TLS means.

    Attributes:
        words: what is wrong, for a bracket behind "did not accept a connection".
        hint: what to do; "{trust}" stands for the setting that names the authority.
        never_sent: whether it is sure that the server did not read a request.
        with_proxy: whether it is the proxy's TLS, not the server's.
        retryable: whether the same may work later without anyone changing anything.
    """

    words: str
    hint: str
    never_sent: bool
    with_proxy: bool = False
    retryable: bool = False


_TRUST = "Set {trust} to the certificate of the authority that signed it"
_UNKNOWN_AUTHORITY = (
    "its certificate is signed by an authority that this machine does not trust",
    _TRUST + "; behind a proxy that re-signs traffic, this is the proxy's own authority.",
)
# A server that leaves out its intermediate certificate looks the same from here as one of an unknown authority.
_NO_ISSUER = (
    _UNKNOWN_AUTHORITY[0],
    (
        f"{_UNKNOWN_AUTHORITY[1]} If that authority is trusted already, the server does not send its intermediate "
        "certificate, and its operator must add it."
    ),
)
# By OpenSSL's X509_V_ERR_*, which are part of its stable interface.
_CERTIFICATES: dict[int, tuple[str, str]] = {
    2: _NO_ISSUER,
    9: (
        "its certificate is not valid yet",
        "Check this machine's clock; if it is right, the server's operator must act.",
    ),
    10: (
        "its certificate has expired",
        "The server's operator must renew it. Check this machine's clock too.",
    ),
    18: (
        "its certificate is self-signed",
        "Make sure that it is the right server; then set {trust} to that certificate itself.",
    ),
    19: _UNKNOWN_AUTHORITY,
    20: _NO_ISSUER,
    21: _NO_ISSUER,
    23: ("its certificate was revoked", "The server's operator must replace it."),
    62: (
        "its certificate is for another host name",
        "Check the address: use a host name that the certificate contains.",
    ),
    64: (
        "its certificate is for another host name",
        "Use the server's host name: the certificate does not contain this IP address.",
    ),
    66: ("the key of its certificate is too weak", "The server's operator must replace the certificate."),
    67: ("the key of its authority is too weak", "The server's operator must replace the certificate."),
    68: ("its certificate is signed with a digest that is too weak", "The server's operator must replace it."),
}
# What a server says in an alert; OpenSSL has named them since SSLv3.
_WANTS_ONE = (
    "it requires a client certificate",
    "Set one, with its private key, in {certificate}.",
)
_REFUSES_OURS = (
    "it does not accept the client certificate",
    "Ask its operator which authority signs client certificates there, and see {certificate}.",
)
_NO_TLS = ("it does not use TLS", "Check scheme and port: the server may use plain http there.")
_NO_COMMON = (
    "it shares no TLS version or cipher with this machine",
    "The server must support TLS 1.2 or later; ask its operator.",
)
_REASONS: dict[str, tuple[str, str]] = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTS_ONE,
    "SSLV3_ALERT_BAD_CERTIFICATE": _REFUSES_OURS,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _REFUSES_OURS,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": ("it reports that the client certificate has expired", _REFUSES_OURS[1]),
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _REFUSES_OURS,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _REFUSES_OURS,
    "TLSV1_ALERT_UNKNOWN_CA": _REFUSES_OURS,
    "TLSV1_ALERT_ACCESS_DENIED": _REFUSES_OURS,
    "TLSV1_ALERT_DECRYPT_ERROR": _REFUSES_OURS,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _NO_COMMON,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_COMMON,
    "NO_PROTOCOLS_AVAILABLE": _NO_COMMON,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "it refuses the TLS handshake",
        "It shares no TLS version or cipher with this machine, or it requires a client certificate: {certificate}.",
    ),
    "TLSV1_UNRECOGNIZED_NAME": ("it does not know that host name", "Check the address."),
}
# With these a server ends a handshake whose last message is its client's: the client has sent its request by then.
_ENDS_LATE = {reason for reason, told in _REASONS.items() if told in (_WANTS_ONE, _REFUSES_OURS)} | {
    "SSLV3_ALERT_CERTIFICATE_EXPIRED"
}


def tls_trouble(error: BaseException, *, trust: str, certificate: str, has_certificate: bool) -> TlsTrouble | None:
    """Say what a failure of TLS means, None where a failure is none of TLS.

    Args:
        error: what a library raised; its causes are looked through.
        trust: what names the authority, for the hint: "SSL_CERT_FILE".
        certificate: what names the client certificate, for the hint.
        has_certificate: whether one was shown.
    """
    for cause in causes(error):
        peer = getattr(cause, HANDSHAKE, "")
        if not isinstance(cause, ssl.SSLError) and not (peer and isinstance(cause, ConnectionError)):
            continue
        reason = str(getattr(cause, "reason", "") or "")
        told: tuple[str, str] | None
        if isinstance(cause, ssl.SSLCertVerificationError):
            code, said = getattr(cause, "verify_code", 0), str(getattr(cause, "verify_message", "")).rstrip(".")
            plain = said if said and said.isprintable() else "no reason is given"
            told = _CERTIFICATES.get(code) or (f"its certificate is refused: {plain}", _TRUST + ".")
        else:
            told = _REASONS.get(reason)
        if reason == "SSLV3_ALERT_BAD_CERTIFICATE" and not has_certificate:
            told = _WANTS_ONE  # what TLS 1.2 has for it
        may_pass = told is None
        if told is None:
            told = (
                ("it closed the connection during the TLS handshake", _NO_TLS[1])
                if peer and (isinstance(cause, ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError))
                else ("TLS failed", "Check the address, and whether there is a proxy in between.")
            )
        words, hint = told
        never_sent = bool(peer) or isinstance(cause, ssl.SSLCertVerificationError) or reason in _ENDS_LATE
        hint = hint.format(trust=trust, certificate=certificate)
        return TlsTrouble(words, hint, never_sent, with_proxy=peer == "proxy", retryable=may_pass)
    return None
