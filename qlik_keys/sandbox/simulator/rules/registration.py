"""Which public keys the tenant registers (qlik-cloud-contract, "Keys that a client may register"; RFC 7517, 7518 6).

Refusals name members and positions, never values: what is refused may be a private key, and is neither kept nor shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from joserfc import errors as jose_errors
from joserfc.jwk import ECKey, RSAKey

from qlik_keys.sandbox.simulator.messages import Refusal, bad_request
from qlik_keys.sandbox.simulator.rules.gate import VerificationKey, decode_canonical

ALGORITHMS = {"RS256": "RSA", "RS512": "RSA", "ES384": "EC"}

_COMMON = frozenset({"kid", "kty", "alg", "use"})
_NUMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_MINIMUM_BITS, _MAXIMUM_BITS = 2048, 16384
_MINIMUM_EXPONENT, _MAXIMUM_EXPONENT_BITS = 65537, 256  # NIST SP 800-56B 6.2
_P384_BYTES = 48
_MAXIMUM_KID_CHARACTERS = 512
_ROCA_GENERATOR = 65537
_ROCA_PRIMES = (
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A key that was accepted.

    Attributes:
        kid: key id.
        alg: the algorithm that it is pinned to.
        thumbprint: RFC 7638, SHA-256.
        jwk: its members, as they are answered.
        registered_at: the tenant's time of the registration, for the setting `key_propagation_seconds`.
        key: what verifies.
    """

    kid: str
    alg: str
    thumbprint: str
    jwk: dict[str, str] = field(repr=False)
    registered_at: float
    key: VerificationKey = field(repr=False)


def register_all(
    documents: Any, *, current: tuple[RegisteredKey, ...], history: dict[str, str], now: float, maximum: int | None
) -> tuple[RegisteredKey, ...]:
    """Check a whole array of public keys, and return them as registered.

    Args:
        documents: the JSON value of `publicKeys`.
        current: the client's keys so far; one that stays keeps its date.
        history: thumbprint to kid of all that the client ever had.
        now: the tenant's time.
        maximum: how many keys the client may hold, None for any number.

    Raises:
        Refusal: one of them, or the array as a whole, is not acceptable.
    """
    if not isinstance(documents, list):
        raise bad_request("publicKeys must be an array of JWKs.")
    if maximum is not None and len(documents) > maximum:
        raise bad_request(f"A client may hold at most {maximum} public keys.", title="Too many public keys")
    kept = {one.kid: one for one in current}
    keys: list[RegisteredKey] = []
    for position, document in enumerate(documents):
        known = kept.get(document["kid"]) if isinstance(document, dict) and _has_text(document, "kid") else None
        keys.append(known if known and known.jwk == document else _register(document, position, now))
    if len({one.kid for one in keys}) != len(keys):
        raise bad_request("publicKeys: two keys have the same kid.", title="Invalid public key")
    if len({one.thumbprint for one in keys}) != len(keys):
        raise bad_request("publicKeys: the same key is there under two kids.", title="Invalid public key")
    for one in keys:
        if history.get(one.thumbprint, one.kid) != one.kid:
            raise bad_request(
                "publicKeys: this client had the same key under another kid; a new kid does not make a new key.",
                title="Invalid public key",
            )
    return tuple(keys)


def _register(document: Any, position: int, now: float) -> RegisteredKey:
    where = f"publicKeys/{position}"
    if not isinstance(document, dict):
        raise _refused(where, "is not a JSON object")
    if _PRIVATE & document.keys():
        raise _refused(where, "has private or symmetric members; register the public half only")
    kty, alg = document.get("kty"), document.get("alg")
    if not isinstance(kty, str) or kty not in _NUMBERS:
        raise _refused(where, "kty must be RSA or EC")
    if not isinstance(alg, str) or ALGORITHMS.get(alg) != kty:
        raise _refused(where, "alg must be RS256 or RS512 with RSA, ES384 with EC")
    if document.get("use") != "sig":
        raise _refused(where, 'use must be "sig"')
    if not _has_text(document, "kid") or len(document["kid"]) > _MAXIMUM_KID_CHARACTERS:
        raise _refused(where, "kid must be a text, and not empty")
    for name in _NUMBERS[kty]:
        if not _has_text(document, name):
            raise _refused(where, f"{name} is missing")
    if document.keys() - _COMMON - set(_NUMBERS[kty]):
        raise _refused(where, f"may have kid, kty, alg, use, {', '.join(_NUMBERS[kty])} and nothing else")
    problem = _rsa_problem(document) if kty == "RSA" else _ec_problem(document)
    if problem:
        raise _refused(where, problem)
    return accept(document, now=now)


def accept(document: dict[str, str], *, now: float) -> RegisteredKey:
    """Return a key whose members were checked already, ready to verify.

    Raises:
        Refusal: its numbers make no key.
    """
    members: dict[str, str | list[str]] = {name: document[name] for name in ("kty", *_NUMBERS[document["kty"]])}
    key: VerificationKey | None
    try:
        key = RSAKey.import_key(members) if members["kty"] == "RSA" else ECKey.import_key(members)
        key.get_op_key("verify")  # cryptography puts the point on the curve here
    except (jose_errors.JoseError, ValueError):
        key = None
    if key is None:
        raise _refused("publicKeys", "the numbers make no public key")
    return RegisteredKey(document["kid"], document["alg"], key.thumbprint(), dict(document), now, key)


def _rsa_problem(document: dict[str, str]) -> str:
    try:
        n_bytes, e_bytes = decode_canonical(document["n"]), decode_canonical(document["e"])
    except ValueError:
        return "n and e must be base64url without padding"
    if not n_bytes[0] or not e_bytes[0]:
        return "n and e must be in the fewest octets (RFC 7518 2, Base64urlUInt)"
    n, e = int.from_bytes(n_bytes, "big"), int.from_bytes(e_bytes, "big")
    if not _MINIMUM_BITS <= n.bit_length() <= _MAXIMUM_BITS:
        return f"the modulus must have {_MINIMUM_BITS} bits or more"
    if e < _MINIMUM_EXPONENT or e.bit_length() > _MAXIMUM_EXPONENT_BITS or not e & 1 or not n & 1:
        return "the exponent must be odd and 65537 or more, the modulus odd"
    if _has_roca_fingerprint(n):
        return "the modulus has the ROCA fingerprint (CVE-2017-15361)"
    return ""


def _ec_problem(document: dict[str, str]) -> str:
    if document["crv"] != "P-384":
        return "crv must be P-384"
    try:
        lengths = {len(decode_canonical(document[name])) for name in ("x", "y")}
    except ValueError:
        return "x and y must be base64url without padding"
    return "" if lengths == {_P384_BYTES} else "x and y must have 48 octets each (RFC 7518 6.2.1.2)"


@cache
def _roca_subgroup(prime: int) -> frozenset[int]:
    residues, power = set(), 1
    while power not in residues:
        residues.add(power)
        power = power * _ROCA_GENERATOR % prime
    return frozenset(residues)


def _has_roca_fingerprint(modulus: int) -> bool:
    """Tell whether the modulus lies, for each small prime, in the subgroup that 65537 generates."""
    return all(modulus % prime in _roca_subgroup(prime) for prime in _ROCA_PRIMES)


def _has_text(document: dict[str, Any], name: str) -> bool:
    return isinstance(document.get(name), str) and bool(document[name])


def _refused(where: str, problem: str) -> Refusal:
    return bad_request(f"{where}: {problem}.", title="Invalid public key")
