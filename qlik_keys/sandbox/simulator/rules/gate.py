"""The gate before the JOSE library: what a client assertion must be before, and while, its signature is verified.

No JOSE library refuses all that it should (reliability-facts 2.3): padding, duplicate names, short signatures, a
foreign kid pass here and there. So the structure is checked here, strictly, and the library verifies bytes that are
already known to be well formed, with the key and the algorithm that were registered. joserfc, not the product's
library, so that one mistake cannot hide the other. RFC 7515, RFC 7518 3, RFC 7519, RFC 7523 3, RFC 8725.

Not done here: which client and which key (`tokens`), the memory of `jti` (`state`).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from joserfc import errors as jose_errors
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from qlik_keys.sandbox.simulator.messages import strict_json

VerificationKey = RSAKey | ECKey

MAXIMUM_ASSERTION_CHARACTERS = 8192
MAXIMUM_LIFETIME_SECONDS = 300
CLOCK_TOLERANCE_SECONDS = 10

_PART = re.compile(r"[A-Za-z0-9_-]+")
_FORBIDDEN_HEADERS = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "enc", "zip"})
_TYPES = frozenset({"jwt", "client-authentication+jwt"})
_MAXIMUM_JTI_CHARACTERS = 255
_LATEST_DATE = 2**53  # what a double holds to the second; an integer may be of any size


class GateError(Exception):
    """An assertion is refused.

    Attributes:
        reason: in words, without a value from the assertion.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Compact:
    """A compact JWS parsed; nothing about it is verified.

    Attributes:
        header: the protected header.
        payload: the payload, decoded.
        signing_input: what the signature is over.
        signature: the signature, decoded.
    """

    header: dict[str, Any]
    payload: bytes = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def decode_canonical(text: str) -> bytes:
    """Return the bytes of a base64url text that has the one spelling they have (RFC 4648 3.5, RFC 7515 2).

    Raises:
        ValueError: another alphabet, padding, blanks, or unused bits that are not zero.
    """
    if not _PART.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not base64url")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise ValueError("not the canonical spelling")
    return data


def inspect_login(token: str) -> Compact:
    """Take a compact JWS apart: three parts, none empty, canonical, with a header of our kind.

    Raises:
        GateError: it is none.
    """
    if len(token) > MAXIMUM_ASSERTION_CHARACTERS:
        raise GateError("the assertion is too long")
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  # header, payload, signature
        raise GateError("the assertion does not have three parts")
    try:
        header_bytes, payload, signature = (decode_canonical(part) for part in parts)
    except ValueError:
        parts = []
    if not parts:
        raise GateError("a part of the assertion is empty or not canonical base64url")
    header = _json_object(header_bytes, "header")
    signing_input = token.rpartition(".")[0].encode()
    return Compact(header=header, payload=payload, signing_input=signing_input, signature=signature)


def verify(compact: Compact, key: VerificationKey, *, alg: str, kid: str | None) -> None:
    """Verify header and signature against a key that was registered for one algorithm.

    Args:
        compact: the assertion.
        key: the registered key.
        alg: the algorithm that it was registered for; the header must name it.
        kid: the key id that the header must name; None only for keys that never had one (test vectors).

    Raises:
        GateError: the header or the signature is not right.
    """
    header = compact.header
    if _FORBIDDEN_HEADERS & header.keys():
        raise GateError("the header has a parameter that no client assertion may have")
    if header.get("alg") != alg:
        raise GateError("the header's alg is not the one that the key was registered for")
    if kid is not None and header.get("kid") != kid:
        raise GateError("the header's kid is not the key's")
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in _TYPES:
        raise GateError("the header's typ is that of another kind of token")
    if not verify_bytes(key, alg=alg, message=compact.signing_input, signature=compact.signature):
        raise GateError("signature validation failed")


def verify_bytes(key: VerificationKey, *, alg: str, message: bytes, signature: bytes) -> bool:
    """Tell whether the signature is right; its length must be the algorithm's own (RFC 7518 3.3, 3.4)."""
    algorithm = JWSRegistry.algorithms.get(alg)
    if algorithm is None or algorithm.key_type != key.key_type:
        return False
    if len(signature) != _signature_bytes(key):
        return False
    try:
        algorithm.check_key(key)
        return bool(algorithm.verify(message, signature, key))
    except (jose_errors.JoseError, ValueError):
        return False


def read_claims(payload: bytes) -> dict[str, Any]:
    """Return the claims of a verified payload.

    Raises:
        GateError: they are no JSON object, or not strictly JSON.
    """
    return _json_object(payload, "payload")


def check_claims(claims: dict[str, Any], *, client_id: str, audience: str, now: float) -> tuple[str, float]:
    """Check what the contract says of the claims; the replay of `jti` remains for the caller, as the last check.

    Args:
        claims: the verified claims.
        client_id: must be `iss` and `sub`.
        audience: the token endpoint; `aud` must be this one string, compared character by character (RFC 7523 3).
        now: the tenant's time.

    Returns:
        The `jti`, and the time until which it must be remembered.

    Raises:
        GateError: a claim is missing or wrong.
    """
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise GateError("iss and sub are not the client id")
    if claims.get("aud") != audience:
        raise GateError("invalid audience: aud must be the token endpoint, one string, with no trailing slash")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= _MAXIMUM_JTI_CHARACTERS:
        raise GateError("jti is missing, empty or no text")
    issued_at, expires_at = _date(claims, "iat"), _date(claims, "exp")
    if expires_at <= now:
        raise GateError("the assertion has expired")
    if expires_at <= issued_at:
        raise GateError("exp is not after iat")
    if expires_at > issued_at + MAXIMUM_LIFETIME_SECONDS:
        raise GateError("exp is more than 300 seconds after iat")
    if issued_at > now + CLOCK_TOLERANCE_SECONDS:
        raise GateError("iat is in the future")
    if "nbf" in claims and _date(claims, "nbf") > now + CLOCK_TOLERANCE_SECONDS:
        raise GateError("nbf is in the future")
    return jti, expires_at + CLOCK_TOLERANCE_SECONDS


def _date(claims: dict[str, Any], name: str) -> float:
    """Return a NumericDate (RFC 7519 2: a number, fractions allowed)."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GateError(f"{name} is missing or no number")
    if not 0 <= value < _LATEST_DATE:
        raise GateError(f"{name} is out of reason")
    return value


def _signature_bytes(key: VerificationKey) -> int:
    if isinstance(key, ECKey):
        return 2 * ((key.curve_key_size + 7) // 8)
    return (key.get_op_key("verify").key_size + 7) // 8


def _json_object(data: bytes, what: str) -> dict[str, Any]:
    try:
        document = strict_json(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise GateError(f"the {what} is not a JSON object, or not strictly one")
    return document
