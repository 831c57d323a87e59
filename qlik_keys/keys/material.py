"""Raw key material: reading it, and never validating the same key twice in a process.

A private key is cryptography's own object here. jwcrypto makes keys and reads those that come as a JWK; it is loaded
for that alone, since its import (with X.509 and all) costs more than a token's signature and both its requests.

Functions here return what is wrong instead of raising it wherever private members are available: a traceback prints the
arguments of its frames (`%xmode Verbose`), so no frame that holds them may be part of one.

Not done here: what a public half is worth (`public_numbers`).
"""

from __future__ import annotations

import hashlib
import json
import threading
from base64 import b64decode
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
)

from qlik_keys.keys import formats
from qlik_keys.keys.public_numbers import (
    MINIMUM_EXPONENT,
    P384_BYTES,
    PUBLIC_MEMBERS,
    Native,
    decode_number,
    encode_number,
    problem_of_jwk,
    public_members,
    thumbprint,
    weakness_of,
    weakness_of_key,
)
from qlik_keys.keys.spec import PRIVATE_MEMBERS, WANTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.keys.spec import Algorithm

_DAMAGED, _COPY = "it is damaged", "Copy it again completely."
_LOADED_KEYS = 512
_MOST_BITS = 16_384


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
    weakness = weakness_of_key(native)
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
    weakness = weakness_of_key(native)
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
    problem = problem_of_jwk(members)
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
    weakness = weakness_of(dict(jwk.export_public(as_dict=True)))
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
    n, e, d = (decode_number(members, name) for name in ("n", "e", "d"))
    if n.bit_length() > _MOST_BITS:
        raise ValueError("too large")
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    rest = {"p": p, "q": q, "dp": rsa.rsa_crt_dmp1(d, p), "dq": rsa.rsa_crt_dmq1(d, q), "qi": rsa.rsa_crt_iqmp(p, q)}
    return {name: encode_number(value) for name, value in rest.items()}


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
        return {**key.members, **{name: encode_number(value) for name, value in values.items()}}
    return {**key.members, "d": encode_number(key.native.private_numbers().private_value, P384_BYTES)}
