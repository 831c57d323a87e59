"""Raw key material: reading it, judging it, and never validating the same key twice in a process.

Functions here return what is wrong instead of raising it wherever private members are at hand: a traceback prints the
arguments of its frames (`%xmode Verbose`), so no frame that holds them may be part of one.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from base64 import urlsafe_b64decode
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys.spec import WANTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.keys.spec import Algorithm

MINIMUM_RSA_BITS = 2048
MINIMUM_EXPONENT = 65537  # NIST SP 800-56B 6.2: 2**16 < e; smaller ones invite attacks on sloppy verifiers
PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_LOADED_KEYS = 512

_loaded: OrderedDict[bytes, JWK] = OrderedDict()
_loaded_lock = threading.Lock()


def remember(jwk: JWK, *forms: bytes) -> None:
    """Remember a validated key by the digests of its written forms, so that this process never validates it again.

    Args:
        jwk: the key.
        forms: its PEM, or `canonical` of its private JWK.
    """
    with _loaded_lock:
        for form in forms:
            _loaded[hashlib.sha256(form).digest()] = jwk
        while len(_loaded) > _LOADED_KEYS:
            _loaded.popitem(last=False)


def _remembered(form: bytes) -> JWK | None:
    with _loaded_lock:
        return _loaded.get(hashlib.sha256(form).digest())


def canonical(members: Mapping[str, Any]) -> bytes:
    """Return one written form of a private JWK's numbers, whatever order and other members it came with."""
    names = sorted({"kty", *PUBLIC_MEMBERS.get(str(members.get("kty")), ()), *(PRIVATE_MEMBERS & members.keys())})
    return json.dumps([[name, members.get(name)] for name in names]).encode()


def load_pem(data: bytes, passphrase: bytes | None) -> tuple[JWK | None, str, str]:
    """Return the key, or why there is none and what to do; never raises, so that no traceback holds the PEM."""
    known = _remembered(data) if passphrase is None else None
    if known is not None:
        return known, "", ""
    jwk = JWK()
    try:
        jwk.import_from_pem(data, password=passphrase)
    except TypeError:
        if passphrase is None:
            return None, "The PEM is encrypted.", "Give its passphrase."
        return None, "The PEM is not encrypted, and a passphrase was given.", "Leave the passphrase out."
    except (ValueError, JWException) as problem:
        if b"ENCRYPTED" in data and passphrase is not None:
            return None, "The passphrase does not open this PEM, or the PEM is damaged.", "Check the passphrase."
        reason = "it is not PEM at all" if b"-----BEGIN" not in data else _weakness_of_pem(problem)
        return None, f"No private key could be read: {reason}.", WANTED
    except Exception as problem:  # noqa: BLE001  # cryptography has its own class for each kind it cannot do
        return None, f"This kind of key is not supported ({type(problem).__name__}).", WANTED
    if not jwk.has_private:
        return None, "This PEM is a public key, and a private key is needed here.", "Give the private key's PEM."
    weakness = _weakness(jwk)
    if weakness:
        return None, weakness, WANTED
    jwk.unsafe_skip_rsa_key_validation = True  # validated by the import, a line above
    if passphrase is None:
        remember(jwk, data)
    return jwk, "", ""


def _weakness_of_pem(problem: Exception) -> str:
    # cryptography names the reason in its text and never quotes the key (reliability-facts, section 3).
    text = str(problem)
    return "it is an RSA key with an impossible exponent" if "exponent" in text or " e " in text else "it is damaged"


def load_jwk(members: dict[str, Any]) -> tuple[JWK | None, str, str]:
    """Return the key, or why there is none and what to do; never raises, so that no traceback holds the members."""
    try:
        form = canonical(members)
    except (TypeError, ValueError):
        return None, "The JWK is damaged: a member is malformed.", WANTED
    known = _remembered(form)
    if known is not None:
        return known, "", ""
    kept = {name: value for name, value in members.items() if name not in ("alg", "use", "key_ops", "kid")}
    try:
        jwk = JWK(**kept)
    except Exception:  # noqa: BLE001  # jwcrypto lets binascii's and struct's errors through
        return None, "The JWK is damaged: a member is missing or malformed.", WANTED
    weakness = _weakness(jwk)
    if weakness:
        return None, weakness, WANTED
    try:
        jwk.get_op_key("sign")  # cryptography validates the numbers here
    except Exception:  # noqa: BLE001  # ValueError, or a class of the backend's
        return None, "The JWK's numbers do not make a key.", "Check that it was copied whole."
    jwk.unsafe_skip_rsa_key_validation = True
    remember(jwk, form)
    return jwk, "", ""


def parse_jwk(document: Mapping[str, Any] | str) -> tuple[dict[str, Any], str]:
    """Return the JWK's members, or {} and what is wrong with it."""
    try:
        parsed: Any = json.loads(document) if isinstance(document, str) else document
        members = {str(name): value for name, value in parsed.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}, "This is not a JWK: it is no JSON object."
    kty = str(members.get("kty"))
    if kty == "oct" or "k" in members:
        return {}, "This JWK is a symmetric key, and a client key is a key pair."
    if kty == "OKP":
        return {}, "This JWK is on an Edwards or Montgomery curve (Ed25519 and the like)."
    if kty not in PUBLIC_MEMBERS:
        return {}, "This JWK's `kty` is neither RSA nor EC."
    if kty == "EC" and members.get("crv") != "P-384":
        return {}, "This JWK is on another curve than P-384."
    missing = [name for name in PUBLIC_MEMBERS[kty] if not isinstance(members.get(name), str) or not members[name]]
    if missing:
        return {}, f"This JWK lacks the member `{missing[0]}`."
    for name in PUBLIC_MEMBERS[kty]:
        if name != "crv" and not re.fullmatch(r"[A-Za-z0-9_-]+", members[name]):
            return {}, f"The member `{name}` is not base64url."
    return members, ""


def import_public(members: Mapping[str, Any]) -> JWK:
    """Return the public key of these members, checked.

    Raises:
        KeyMaterialError: the numbers make no key that a tenant accepts.
    """
    kty = members.get("kty")
    names = PUBLIC_MEMBERS.get(str(kty))
    if names is None:
        raise KeyMaterialError("This JWK's `kty` is neither RSA nor EC.", hint=WANTED)
    public = {name: members[name] for name in names if name in members}
    del members
    try:
        jwk = JWK(kty=kty, **public)
        weakness = _weakness(jwk)
        if not weakness:
            jwk.get_op_key("verify")  # puts the point on the curve
    except Exception:  # noqa: BLE001  # jwcrypto lets binascii's, struct's and cryptography's errors through
        weakness = "The JWK's public numbers do not make a key."
    if weakness:
        raise KeyMaterialError(weakness, hint=WANTED)
    return jwk


def load_public_pem(pem: str) -> JWK:
    """Return the public key in a PEM text, checked.

    Raises:
        KeyMaterialError: there is none, or none that a tenant accepts.
    """
    try:
        members = JWK.from_pem(pem.encode()).export_public(as_dict=True)
    except Exception:  # noqa: BLE001  # jwcrypto lets cryptography's errors through
        members = {}
    return import_public(members)


def public_members(jwk: JWK) -> dict[str, str]:
    """Return `kty` and the public numbers."""
    kty = jwk["kty"]
    return {"kty": kty, **{name: jwk[name] for name in PUBLIC_MEMBERS[kty]}}


def verifies(jwk: JWK, alg: Algorithm, data: bytes, signature: bytes) -> bool:
    """Tell whether a JWS signature of these bytes is right (RFC 7518 3.3, 3.4)."""
    key = jwk.get_op_key("verify")
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


def modulus_bits(jwk: JWK) -> int:
    """Return the size of an RSA key's modulus."""
    return _number(jwk, "n").bit_length()


def _number(jwk: JWK, name: str) -> int:
    text = jwk[name]
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _weakness(jwk: JWK) -> str:
    """Say why no tenant should be given this key, or ""."""
    kty = jwk["kty"]
    if kty == "EC":
        return "" if jwk["crv"] == "P-384" else f"The key is on the curve {jwk['crv']}, not on P-384."
    if kty != "RSA":
        return (
            "The key is on an Edwards or Montgomery curve (Ed25519 and the like)."
            if kty == "OKP"
            else (f"Keys of type {kty} are not for client assertions.")
        )
    modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
    if modulus.bit_length() < MINIMUM_RSA_BITS:
        return f"The RSA key has {modulus.bit_length()} bits, fewer than {MINIMUM_RSA_BITS}."
    if exponent % 2 == 0:
        return "The RSA key's exponent is even, so it is no RSA key."
    if exponent < MINIMUM_EXPONENT:
        return f"The RSA key's exponent is {exponent}, smaller than {MINIMUM_EXPONENT}."
    if has_roca_fingerprint(modulus):
        return "The RSA key has the ROCA fingerprint (CVE-2017-15361): it can be factored."
    return ""


def has_roca_fingerprint(modulus: int) -> bool:
    """Tell a modulus made by Infineon's flawed library (CVE-2017-15361).

    Its primes are k*M + (65537**a mod M), M a product of small primes, so the modulus lies in the subgroup that 65537
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


_ROCA_PRIMES = [p for p in range(3, 168) if all(p % q for q in range(2, int(p**0.5) + 1))]
