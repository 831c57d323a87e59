"""Raw key material: reading it, judging it, and never validating the same key twice in a process.

A private key is cryptography's own object here. jwcrypto makes keys and reads those that come as a JWK; it is loaded
for that alone, since its import (with X.509 and all) costs more than a token's signature and both its requests.

Functions here return what is wrong instead of raising it wherever private members are available: a traceback prints the
arguments of its frames (`%xmode Verbose`), so no frame that holds them may be part of one.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import formats
from qlik_keys.keys.spec import PRIVATE_MEMBERS, WANTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.keys.spec import Algorithm

Native = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
MINIMUM_RSA_BITS = 2048
MINIMUM_EXPONENT = 65537  # NIST SP 800-56B 6.2: 2**16 < e; smaller ones invite attacks on sloppy verifiers
PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
_DAMAGED, _COPY = "it is damaged", "Copy it again completely."
_LOADED_KEYS = 512
_MOST_BITS = 16_384
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_P384_BYTES = 48


@dataclass(frozen=True, slots=True)
class LoadedKey:
    """A validated private key, and what follows from it and is asked for again and again.

    Attributes:
        native: the key.
        members: `kty` and the public numbers (RFC 7518 6.2.1, 6.3.1).
        thumbprint: RFC 7638, SHA-256, base64url.
    """

    native: Native = field(repr=False)
    members: Mapping[str, str]
    thumbprint: str

    @classmethod
    def of(cls, native: Native) -> LoadedKey:
        """Return a validated key with its public half."""
        members = public_members(native)
        return cls(native, members, thumbprint(members))


_loaded: OrderedDict[bytes, LoadedKey] = OrderedDict()
_loaded_lock = threading.Lock()


def remember(key: LoadedKey, *forms: bytes) -> None:
    """Remember a validated key by the digests of its written forms, so that this process never validates it again.

    Args:
        key: the key.
        forms: its PEM, the text of its private JWK, or `canonical` of that JWK.
    """
    with _loaded_lock:
        for form in forms:
            _loaded[hashlib.sha256(form).digest()] = key
        while len(_loaded) > _LOADED_KEYS:
            _loaded.popitem(last=False)


def remembered(form: bytes) -> LoadedKey | None:
    """Return the key that was written in that form before, None for none."""
    with _loaded_lock:
        return _loaded.get(hashlib.sha256(form).digest())


def canonical(members: Mapping[str, Any]) -> bytes:
    """Return one written form of a private JWK's numbers, whatever order and other members it came with."""
    names = sorted({"kty", *PUBLIC_MEMBERS.get(str(members.get("kty")), ()), *(PRIVATE_MEMBERS & members.keys())})
    return json.dumps([[name, members.get(name)] for name in names]).encode()


Loaded = tuple[LoadedKey | None, str, str]


def load(content: str | bytes, passphrase: bytes | None) -> tuple[LoadedKey | None, str, str, dict[str, Any]]:
    """Return the key in what someone handed in, or why there is none and what to do, and a JWK's `alg` and `kid`.

    Never raises, so that no traceback holds the key.
    """
    passphrase = passphrase or None  # an empty one is none: OpenSSL takes none either
    known = remembered(content) if passphrase is None and isinstance(content, bytes) else None
    if known is not None:
        return known, "", "", {}
    handed = formats.detect_key_format(content)
    if handed.kind == "jwk":
        if passphrase is not None:
            return None, "A JWK is not encrypted, but a passphrase was given.", "Pass no passphrase.", {}
        return load_jwk(handed.members)
    if handed.kind == "pem":
        return *_load_pem(handed.data, passphrase), {}
    if handed.kind == "der":
        return *_load_der(handed.data, passphrase), {}
    return None, handed.problem, handed.hint, {}


def _load_pem(data: bytes, passphrase: bytes | None) -> Loaded:
    known = remembered(data) if passphrase is None else None
    if known is not None:
        return known, "", ""
    try:
        native = load_pem_private_key(data, passphrase)
    except TypeError:
        if passphrase is None:
            return None, "The PEM is encrypted.", "Give its passphrase."
        return None, "The PEM is not encrypted, but a passphrase was given.", "Pass no passphrase."
    except ValueError as problem:
        if b"ENCRYPTED" in data and passphrase is not None:
            return None, "The passphrase is wrong, or the PEM is damaged.", "Check the passphrase."
        relabelled = _load_body(data)
        if relabelled is not None:
            return relabelled
        weakness = _weakness_of_pem(problem)
        return None, f"No private key could be read: {weakness}.", _COPY if weakness == _DAMAGED else WANTED
    except Exception as problem:  # noqa: BLE001  # cryptography has its own class for each kind it cannot do
        return None, f"This kind of key is not supported ({type(problem).__name__}).", WANTED
    weakness = _weakness_of(native)
    if weakness or not isinstance(native, Native):
        return None, weakness, WANTED
    key = LoadedKey.of(native)
    if passphrase is None:
        # Under its numbers too: where a document has the same key as a JWK, it is not validated again.
        remember(key, data, canonical(_private_members(key)))
    return key, "", ""


def _load_body(data: bytes) -> Loaded | None:
    """Return the key in a PEM whose label is another's: a body that was wrapped by hand, in PKCS#8 or PKCS#1."""
    lines = data.split(b"\n")
    try:
        body = b64decode(b"".join(lines[1:-2]), validate=True)
        load_der_private_key(body, None)
    except Exception:  # noqa: BLE001  # it is damaged, encrypted, or no key
        return None
    return _load_der(body, None)


def _load_der(data: bytes, passphrase: bytes | None) -> Loaded:
    native: Any = None
    try:
        native = load_der_private_key(data, passphrase)
    except TypeError:
        if passphrase is None:
            return None, "The key is in DER and encrypted.", "Give its passphrase."
        return None, "The key is in DER and not encrypted, but a passphrase was given.", "Pass no passphrase."
    except Exception:  # noqa: BLE001  # cryptography has its own class for each kind it cannot do
        if passphrase is not None:
            return None, "The passphrase is wrong, or the DER key is damaged.", "Check the passphrase."
        return None, *_what_der_is(data)
    weakness = _weakness_of(native)
    return (None, weakness, WANTED) if weakness else (LoadedKey.of(native), "", "")


def _what_der_is(data: bytes) -> tuple[str, str]:
    """Say what DER that is no private key is, and what to do."""
    from cryptography import x509  # noqa: PLC0415  # a fifth of a token's time, for an error

    give = "Give the private key's file."
    for read, what in (
        (load_der_public_key, "a public key in DER, but a private key is needed here"),
        (x509.load_der_x509_certificate, "a certificate in DER, which contains only a public key"),
        (x509.load_der_x509_csr, "a certificate request in DER, which contains only a public key"),
    ):
        try:
            read(data)
        except Exception:  # noqa: BLE001, S112  # it is something else
            continue
        return f"This is {what}.", give
    return "No private key could be read: it is binary (DER) and either damaged or not a key.", WANTED


def _weakness_of_pem(problem: Exception) -> str:
    # cryptography names the reason in its text and never quotes the key (reliability-facts, section 3).
    text = str(problem)
    return "it is an RSA key with an impossible exponent" if "exponent" in text or " e " in text else _DAMAGED


def load_jwk(members: dict[str, Any]) -> tuple[LoadedKey | None, str, str, dict[str, Any]]:
    """Return the key in a JWK, or why there is none and what to do, and its `alg` and `kid`.

    Never raises, so that no traceback holds the members; they are emptied.
    """
    names = {name: members.get(name) for name in ("alg", "kid")}
    problem = _problem_of(members)
    is_other = "kty" in members and (
        str(members["kty"]) not in PUBLIC_MEMBERS or members.get("crv", "P-384") != "P-384"
    )
    hint = WANTED if is_other else "Pass the complete JWK, with the private member `d`."
    if not problem and "d" not in members:
        problem = "This JWK is a public key, but a private key is needed here."
        hint = "Pass the JWK with the private member `d`."
    key = None
    if not problem:
        key, problem, hint = _key_of(members)
    members.clear()
    return key, problem, hint, names


def _key_of(members: dict[str, Any]) -> Loaded:
    try:
        form = canonical(members)
    except (TypeError, ValueError):
        return None, "The JWK is damaged: a member is malformed.", WANTED
    known = remembered(form)
    if known is not None:
        return known, "", ""
    from jwcrypto.jwk import JWK  # noqa: PLC0415  # see above

    kept = {name: value for name, value in members.items() if name not in ("alg", "use", "key_ops", "kid")}
    try:
        if kept["kty"] == "RSA" and not {"p", "q", "dp", "dq", "qi"} <= kept.keys():
            kept |= _primes(kept)
        jwk = JWK(**kept)
    except Exception:  # noqa: BLE001  # jwcrypto lets binascii's and struct's errors through
        return None, "The JWK is damaged: a member is missing or malformed.", WANTED
    weakness = _weakness(dict(jwk.export_public(as_dict=True)))
    if weakness:
        return None, weakness, WANTED
    try:
        native: Native = jwk.get_op_key("sign")  # cryptography validates the numbers here
    except Exception:  # noqa: BLE001  # ValueError, or a class of the backend's
        return None, "The numbers in the JWK do not form a valid key.", "Check that it was copied whole."
    key = LoadedKey.of(native)
    remember(key, form)
    return key, "", ""


def _primes(members: Mapping[str, Any]) -> dict[str, str]:
    """Return the members of an RSA key that follow from `n`, `e` and `d` (RFC 7518 6.3.2: a producer may omit them).

    Raises:
        ValueError: the three do not belong together.
    """
    n, e, d = (_number(members, name) for name in ("n", "e", "d"))
    if n.bit_length() > _MOST_BITS:
        raise ValueError("too large")
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    rest = {"p": p, "q": q, "dp": rsa.rsa_crt_dmp1(d, p), "dq": rsa.rsa_crt_dmq1(d, q), "qi": rsa.rsa_crt_iqmp(p, q)}
    return {name: _text(value) for name, value in rest.items()}


def parse_jwk(document: Mapping[str, Any] | str) -> tuple[dict[str, Any], str]:
    """Return the JWK's members, or {} and what is wrong with it."""
    handed = formats.jwk_of(document)
    problem = handed.problem or _problem_of(handed.members)
    return ({}, problem) if problem else (handed.members, "")


def _problem_of(members: Mapping[str, Any]) -> str:
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


def generate(*, kty: str, bits: int | None) -> LoadedKey:
    """Return a new key."""
    from jwcrypto.jwk import JWK  # noqa: PLC0415  # see above

    if kty == "EC":
        jwk = JWK.generate(kty="EC", crv="P-384")
    else:
        jwk = JWK.generate(kty="RSA", size=bits, public_exponent=MINIMUM_EXPONENT)
    # This process made it a moment ago: the key check (40 to 290 ms, holding the GIL) would tell us nothing.
    jwk.unsafe_skip_rsa_key_validation = True
    key = LoadedKey.of(jwk.get_op_key("sign"))
    remember(key, canonical(_private_members(key)))
    return key


def private_pem(key: LoadedKey) -> str:
    """Return the key as PKCS#8 PEM in the clear, and remember that form."""
    pem = key.native.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    remember(key, pem)
    return pem.decode()


def private_jwk(key: LoadedKey, *, kid: str, alg: Algorithm) -> str:
    """Return the key as the text of a private JWK in the clear, and remember that form."""
    text = json.dumps({**_private_members(key), "kid": kid, "alg": alg, "use": "sig"}, separators=(",", ":"))
    remember(key, text.encode())
    return text


def _private_members(key: LoadedKey) -> dict[str, str]:
    """Return the members of the private JWK in the clear (RFC 7518 6.2.2, 6.3.2)."""
    if isinstance(key.native, rsa.RSAPrivateKey):
        numbers = key.native.private_numbers()
        values = {"d": numbers.d, "p": numbers.p, "q": numbers.q}
        values |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
        return {**key.members, **{name: _text(value) for name, value in values.items()}}
    return {**key.members, "d": _text(key.native.private_numbers().private_value, _P384_BYTES)}


def public_members(native: Native) -> dict[str, str]:
    """Return `kty` and the public numbers (RFC 7518 6.2.1, 6.3.1)."""
    if isinstance(native, rsa.RSAPrivateKey):
        public = native.public_key().public_numbers()
        return {"kty": "RSA", "n": _text(public.n), "e": _text(public.e)}
    point = native.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-384", "x": _text(point.x, _P384_BYTES), "y": _text(point.y, _P384_BYTES)}


def thumbprint(members: Mapping[str, str]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of checked public members, base64url."""
    names = sorted(("kty", *PUBLIC_MEMBERS[members["kty"]]))
    text = json.dumps({name: members[name] for name in names}, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode()).digest())


def _text(number: int, length: int | None = None) -> str:
    return _base64url(number.to_bytes(length or (number.bit_length() + 7) // 8 or 1, "big"))


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


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
        weakness = _weakness(public)
        if not weakness:
            _public_key(public)  # puts the point on the curve
    except Exception:  # noqa: BLE001  # binascii's, jwcrypto's and cryptography's errors
        weakness = "The public numbers in the JWK do not form a valid key."
    if weakness:
        raise KeyMaterialError(weakness, hint=WANTED)
    return public


def _public_key(members: Mapping[str, str]) -> Any:
    from jwcrypto.jwk import JWK  # noqa: PLC0415  # see above

    return JWK(**members).get_op_key("verify")


def load_public_pem(pem: str) -> dict[str, str]:
    """Return `kty` and the public numbers in a PEM text, checked.

    Raises:
        KeyMaterialError: there is none, or none that a tenant accepts.
    """
    from jwcrypto.jwk import JWK  # noqa: PLC0415  # see above

    try:
        members = JWK.from_pem(pem.encode()).export_public(as_dict=True)
    except Exception:  # noqa: BLE001  # jwcrypto lets cryptography's errors through
        members = {}
    return import_public(members)


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
    return _number(members, "n").bit_length()


def _number(members: Mapping[str, Any], name: str) -> int:
    text = members[name]
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _weakness_of(native: Any) -> str:
    """Say why no tenant should be given this key, or "" for one that is `Native` and sound."""
    if isinstance(native, ec.EllipticCurvePrivateKey):
        curve = _CURVES.get(native.curve.name, native.curve.name)
        return "" if curve == "P-384" else f"The key is on the curve {curve}, not on P-384."
    if isinstance(native, rsa.RSAPrivateKey):
        return _weakness(public_members(native))
    kind = type(native).__name__.lstrip("_").removesuffix("PrivateKey")
    if kind.startswith(("Ed", "X")):
        return f"The key is on an Edwards or Montgomery curve (Ed25519 and the like): it is {kind}."
    return f"Keys of type {kind} cannot sign client assertions."


def _weakness(members: Mapping[str, Any]) -> str:
    """Say why no tenant should be given the key with these public members, or ""."""
    kty = members["kty"]
    if kty == "EC":
        return "" if members["crv"] == "P-384" else f"The key is on the curve {members['crv']}, not on P-384."
    modulus, exponent = _number(members, "n"), _number(members, "e")
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


_ROCA_PRIMES = [p for p in range(3, 168) if all(p % q for q in range(2, int(p**0.5) + 1))]
