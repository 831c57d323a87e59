"""The public numbers of a key: read, judged, named by their thumbprint, and used to verify a signature.

A private key is judged here too, by its public half. Nothing here raises while it holds private members: `material`
says why.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import formats
from qlik_keys.keys.spec import WANTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.keys.spec import Algorithm

Native = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
MINIMUM_RSA_BITS = 2048
MINIMUM_EXPONENT = 65537  # NIST SP 800-56B 6.2: 2**16 < e; smaller ones invite attacks on sloppy verifiers
PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
P384_BYTES = 48


def public_members(native: Native) -> dict[str, str]:
    """Return `kty` and the public numbers (RFC 7518 6.2.1, 6.3.1)."""
    if isinstance(native, rsa.RSAPrivateKey):
        public = native.public_key().public_numbers()
        return {"kty": "RSA", "n": encode_number(public.n), "e": encode_number(public.e)}
    point = native.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-384",
        "x": encode_number(point.x, P384_BYTES),
        "y": encode_number(point.y, P384_BYTES),
    }


def thumbprint(members: Mapping[str, str]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of checked public members, base64url."""
    names = sorted(("kty", *PUBLIC_MEMBERS[members["kty"]]))
    text = json.dumps({name: members[name] for name in names}, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode()).digest())


def import_public(members: Mapping[str, Any]) -> dict[str, str]:
    """Return `kty` and the public numbers of these members, checked.

    Raises:
        KeyMaterialError: the numbers make no key that a tenant accepts.
    """
    kty = str(members.get("kty"))
    names = PUBLIC_MEMBERS.get(kty)
    if names is None:
        raise KeyMaterialError("This JWK's `kty` is neither RSA nor EC.", hint=WANTED)
    public = {"kty": kty, **{name: members[name] for name in names if name in members}}
    del members
    try:
        weakness = weakness_of(public)
        if not weakness:
            _public_key(public)  # puts the point on the curve
    except Exception:  # noqa: BLE001  # binascii's, jwcrypto's and cryptography's errors
        weakness = "The public numbers in the JWK do not form a valid key."
    if weakness:
        raise KeyMaterialError(weakness, hint=WANTED)
    return public


def load_public_pem(pem: str) -> dict[str, str]:
    """Return `kty` and the public numbers in a PEM text, checked.

    Raises:
        KeyMaterialError: there is none, or none that a tenant accepts.
    """
    from jwcrypto.jwk import JWK  # noqa: PLC0415  # as in `material`

    try:
        members = JWK.from_pem(pem.encode()).export_public(as_dict=True)
    except Exception:  # noqa: BLE001  # jwcrypto lets cryptography's errors through
        members = {}
    return import_public(members)


def parse_jwk(document: Mapping[str, Any] | str) -> tuple[dict[str, Any], str]:
    """Return the JWK's members, or {} and what is wrong with it."""
    handed = formats.jwk_of(document)
    problem = handed.problem or problem_of_jwk(handed.members)
    return ({}, problem) if problem else (handed.members, "")


def problem_of_jwk(members: Mapping[str, Any]) -> str:
    """Say why these members are no public half of a key that a tenant accepts, or ""."""
    kty = str(members.get("kty"))
    if kty == "oct" or "k" in members:
        return "This JWK is a symmetric key, but a client key must be a key pair."
    if kty == "OKP":
        return "This JWK is on an Edwards or Montgomery curve (Ed25519 and the like)."
    if kty not in PUBLIC_MEMBERS:
        return "This JWK's `kty` is neither RSA nor EC."
    if kty == "EC" and members.get("crv") != "P-384":
        return "This JWK uses a curve other than P-384."
    if "oth" in members:
        return "This JWK is an RSA key with more than two primes."
    missing = [name for name in PUBLIC_MEMBERS[kty] if not isinstance(members.get(name), str) or not members[name]]
    if missing:
        return f"This JWK lacks the member `{missing[0]}`."
    for name in PUBLIC_MEMBERS[kty]:
        if name != "crv" and not re.fullmatch(r"[A-Za-z0-9_-]+", members[name]):
            return f"The member `{name}` is not base64url."
    return ""


def _public_key(members: Mapping[str, str]) -> Any:
    from jwcrypto.jwk import JWK  # noqa: PLC0415  # as in `material`

    return JWK(**members).get_op_key("verify")


def verifies(members: Mapping[str, str], alg: Algorithm, data: bytes, signature: bytes) -> bool:
    """Tell whether a JWS signature of these bytes is right (RFC 7518 3.3, 3.4)."""
    key = _public_key(members)
    try:
        if alg == "ES384":
            half = len(signature) // 2
            r, s = (int.from_bytes(part) for part in (signature[:half], signature[half:]))
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA384()))
        else:
            digest = hashes.SHA256() if alg == "RS256" else hashes.SHA512()
            key.verify(signature, data, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def modulus_bits(members: Mapping[str, str]) -> int:
    """Return the size of an RSA key's modulus."""
    return decode_number(members, "n").bit_length()


def weakness_of_key(native: Any) -> str:
    """Say why no tenant should be given this key, or "" for one that is `Native` and sound."""
    if isinstance(native, ec.EllipticCurvePrivateKey):
        curve = _CURVES.get(native.curve.name, native.curve.name)
        return "" if curve == "P-384" else f"The key is on the curve {curve}, not on P-384."
    if isinstance(native, rsa.RSAPrivateKey):
        return weakness_of(public_members(native))
    kind = type(native).__name__.lstrip("_").removesuffix("PrivateKey")
    if kind.startswith(("Ed", "X")):
        return f"The key is on an Edwards or Montgomery curve (Ed25519 and the like): it is {kind}."
    return f"Keys of type {kind} cannot sign client assertions."


def weakness_of(members: Mapping[str, Any]) -> str:
    """Say why no tenant should be given the key with these public members, or ""."""
    kty = members["kty"]
    if kty == "EC":
        return "" if members["crv"] == "P-384" else f"The key is on the curve {members['crv']}, not on P-384."
    modulus, exponent = decode_number(members, "n"), decode_number(members, "e")
    if modulus.bit_length() < MINIMUM_RSA_BITS:
        return f"The RSA key has {modulus.bit_length()} bits, fewer than {MINIMUM_RSA_BITS}."
    if exponent % 2 == 0:
        return "The RSA key's exponent is even, so it is not a valid RSA key."
    if exponent < MINIMUM_EXPONENT:
        return f"The RSA key's exponent is {exponent}, smaller than {MINIMUM_EXPONENT}."
    if has_roca_fingerprint(modulus):
        return "The RSA key has the ROCA fingerprint (CVE-2017-15361): it can be factored."
    return ""


def has_roca_fingerprint(modulus: int) -> bool:
    """Tell a modulus made by Infineon's flawed library (CVE-2017-15361).

    Its primes are k*M + (65537**a mod M), M a product of small primes, so the modulus is in the subgroup that 65537
    generates modulo each of those primes; a sound modulus does so for all of them once in about 2**27.
    """
    for prime in _ROCA_PRIMES:
        residue, power = modulus % prime, 1
        for _ in range(prime):
            if power == residue:
                break
            power = power * 65537 % prime
        else:
            return False
    return True


def encode_number(number: int, length: int | None = None) -> str:
    """Return a number in base64url (RFC 7518 2, 6.2.1.2), without a length in as few bytes as it needs."""
    return _base64url(number.to_bytes(length or (number.bit_length() + 7) // 8 or 1, "big"))


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_number(members: Mapping[str, Any], name: str) -> int:
    """Return the number that a member has in base64url."""
    text = members[name]
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


_ROCA_PRIMES = [p for p in range(3, 168) if all(p % q for q in range(2, int(p**0.5) + 1))]
