"""Key pairs for private-key-JWT clients: making, loading, naming and checking them.

The one place that touches jwcrypto, whose `JWK` is a mapping that shows its private members to anybody who walks it
(reliability-facts 0.10); it never leaves this module. What a tenant accepts is in qlik-cloud-contract, "Keys that a
client may register": RS256 and RS512 with RSA of 2048 bits or more, ES384 with P-384.

Not done here: storing keys (`keystore`), building assertions (`assertion`).
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from qlik_keys.errors import KeyMaterialError

if TYPE_CHECKING:
    from collections.abc import Mapping

Algorithm = Literal["RS256", "RS512", "ES384"]

ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "RS512", "ES384")
RSA_SIZES = (2048, 3072, 4096)
_MINIMUM_RSA_BITS = 2048
_MINIMUM_EXPONENT = 65537  # NIST SP 800-56B 6.2: 2**16 < e; smaller ones invite attacks on sloppy verifiers
_PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_KID = re.compile(r"(?P<made_on>\d{4}-\d{2}-\d{2})_(?P<thumbprint>[A-Za-z0-9_-]{43})")
_WANTED = "A Qlik tenant accepts RS256 and RS512 with RSA of 2048 bits or more, and ES384 with P-384."
_LOADED_KEYS = 512


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What kind of key to make.

    Attributes:
        alg: JWS algorithm: "ES384", "RS256" or "RS512".
        bits: RSA modulus size: 2048, 3072 or 4096 (the default); None for ES384.

    Raises:
        KeyMaterialError: a tenant does not accept that kind.

    Example:
        >>> KeySpec("RS256").bits
        4096
    """

    alg: Algorithm = "ES384"
    bits: int | None = None

    def __post_init__(self) -> None:
        if self.alg not in ALGORITHMS:
            raise KeyMaterialError(f"{self.alg!r} is not an algorithm for client keys.", hint=_WANTED)
        if self.alg == "ES384":
            if self.bits not in (None, 384):
                raise KeyMaterialError("ES384 has one size, P-384.", hint="Leave `bits` out.")
            object.__setattr__(self, "bits", None)
        elif self.bits is None:
            object.__setattr__(self, "bits", 4096)
        elif self.bits not in RSA_SIZES:
            raise KeyMaterialError(f"RSA of {self.bits} bits is not offered.", hint="Use 2048, 3072 or 4096.")

    def __str__(self) -> str:
        return self.alg if self.bits is None else f"{self.alg} ({self.bits} bits)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicJwk:
    """The public half of a client key, as a tenant registers it: an allow-list of members and nothing else.

    Attributes:
        kid: key id.
        alg: the algorithm that the key is pinned to.
        kty: "RSA" or "EC".
        members: the public numbers, base64url: (("n", …), ("e", …)) or (("crv", …), ("x", …), ("y", …)).
    """

    kid: str
    alg: Algorithm
    kty: Literal["RSA", "EC"]
    members: tuple[tuple[str, str], ...]

    @classmethod
    def from_jwk(cls, document: Mapping[str, Any] | str) -> PublicJwk:
        """Check a public JWK and return it.

        Args:
            document: the JWK as a mapping or as JSON text; it needs `kid` and `alg`.

        Raises:
            KeyMaterialError: it is private or symmetric, lacks a member, or is a key that no tenant accepts. The
                text names members, never their values.
        """
        members, problem = _parse_jwk(document)
        if not problem and _PRIVATE_MEMBERS & members.keys():
            problem = "This JWK has private members, and a public key is wanted here."
        del document
        if problem:
            members.clear()
            raise KeyMaterialError(problem, hint="Pass the public half: `PrivateKey.public`, or the JWK without them.")
        kid = members.get("kid")
        if not isinstance(kid, str) or not kid:
            raise KeyMaterialError("The JWK has no `kid`.", hint="A tenant picks the registered key by it: add one.")
        alg = members.get("alg")
        if alg not in ALGORITHMS:
            raise KeyMaterialError("The JWK's `alg` is none that a tenant accepts.", hint=_WANTED)
        if members.get("use", "sig") != "sig":
            raise KeyMaterialError('The JWK\'s `use` is not "sig".', hint="A client key is for signatures.")
        operations = members.get("key_ops")
        if operations is not None and not (isinstance(operations, list) and "verify" in operations):
            raise KeyMaterialError("The JWK's `key_ops` lack `verify`.", hint="A client key is for signatures.")
        return _public(_import(members), alg=alg, kid=kid)

    def to_dict(self) -> dict[str, str]:
        """Return the JWK as a new dict, the members that the contract lists and no other."""
        return {"kid": self.kid, "kty": self.kty, "alg": self.alg, "use": "sig", **dict(self.members)}

    @property
    def thumbprint(self) -> str:
        """The key's RFC 7638 SHA-256 thumbprint, base64url."""
        return thumbprint(self.to_dict())

    @property
    def bits(self) -> int:
        """The size of the RSA modulus, or 384."""
        if self.kty == "EC":
            return 384
        return _public_numbers(_import(self.to_dict())).n.bit_length()

    @property
    def spec(self) -> KeySpec | None:
        """The spec that would make such a key, None for an RSA size that we do not make ourselves."""
        if self.kty == "EC":
            return KeySpec(self.alg)
        return KeySpec(self.alg, bits=self.bits) if self.bits in RSA_SIZES else None


class PrivateKey:
    """A private key that does not show itself.

    It has a fixed repr, no pickle, no JSON, no mapping; `reveal()` is the one way out. Make one with `generate`,
    `PrivateKey.from_pem`, `PrivateKey.from_jwk`.

    Attributes:
        kid: key id, `<UTC date>_<thumbprint>` unless the key was loaded under another name.
        alg: JWS algorithm.
        public: the public half.
    """

    __slots__ = ("__jwk", "__native", "alg", "kid", "public")

    kid: str
    alg: Algorithm
    public: PublicJwk

    def __init__(self, jwk: JWK, *, alg: Algorithm, kid: str) -> None:
        self.__jwk = jwk
        self.__native = jwk.get_op_key("sign")
        self.kid = kid
        self.alg = alg
        self.public = _public(jwk, alg=alg, kid=kid)

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        *,
        passphrase: str | bytes | None = None,
        alg: Algorithm | None = None,
        kid: str | None = None,
        made_on: date | None = None,
    ) -> PrivateKey:
        """Load a private key from PEM: PKCS#8, PKCS#1 or SEC1, encrypted or not.

        The load validates the key, which costs 40 ms for RSA-2048 and 290 ms for RSA-4096, and happens once per
        process for a given PEM.

        Args:
            pem: the PEM text.
            passphrase: for an encrypted key.
            alg: "RS256" (the default for RSA) or "RS512"; "ES384" for P-384.
            kid: the key's name; without it, one is made of `made_on` and the thumbprint.
            made_on: UTC date for a new kid, today by default.

        Raises:
            KeyMaterialError: no private key, the wrong passphrase, or a key that no tenant accepts.
        """
        data = pem.encode() if isinstance(pem, str) else bytes(pem)
        secret = passphrase.encode() if isinstance(passphrase, str) else passphrase
        jwk, problem, hint = _load_pem(data, secret)
        # IPython's %xmode Verbose prints the arguments of every frame of a traceback.
        del data, secret, pem, passphrase
        if jwk is None:
            raise KeyMaterialError(problem, hint=hint)
        return cls._named(jwk, alg=alg, kid=kid, made_on=made_on)

    @classmethod
    def from_jwk(
        cls,
        document: Mapping[str, Any] | str,
        *,
        alg: Algorithm | None = None,
        kid: str | None = None,
        made_on: date | None = None,
    ) -> PrivateKey:
        """Load a private key from a JWK, given as a mapping or as JSON text.

        Args:
            document: the JWK.
            alg: overrides the JWK's own `alg`, which is used when it has one.
            kid: the key's name; without it the JWK's own `kid` is kept if it is one of ours, else a new one is made.
            made_on: UTC date for a new kid, today by default.

        Raises:
            KeyMaterialError: not a private JWK, or a key that no tenant accepts.
        """
        members, problem = _parse_jwk(document)
        del document
        if not problem and members.get("kty") in _PUBLIC_MEMBERS and "d" not in members:
            problem = "This JWK is a public key, and a private key is needed here."
        own_alg, own_kid = members.get("alg"), members.get("kid")
        if problem:
            jwk, hint = None, "Give the JWK that has the private member `d`."
        else:
            jwk, problem, hint = _load_jwk(members)
        members.clear()
        if jwk is None:
            raise KeyMaterialError(problem, hint=hint)
        if alg is None and own_alg is not None:
            if own_alg not in ALGORITHMS:
                raise KeyMaterialError("The JWK's `alg` is none that a tenant accepts.", hint=_WANTED)
            alg = own_alg
        if kid is None and isinstance(own_kid, str) and _KID.fullmatch(own_kid):
            kid = own_kid
        return cls._named(jwk, alg=alg, kid=kid, made_on=made_on)

    @classmethod
    def _named(cls, jwk: JWK, *, alg: Algorithm | None, kid: str | None, made_on: date | None) -> PrivateKey:
        kty = jwk["kty"]
        if alg is None:
            alg = "ES384" if kty == "EC" else "RS256"
        if (alg == "ES384") != (kty == "EC"):
            raise KeyMaterialError(f"{alg} does not go with a key of type {kty}.", hint=_WANTED)
        if kid is None:
            kid = make_kid(_public_members(jwk), made_on=made_on or datetime.now(tz=UTC).date())
        else:
            check_kid(kid, _public_members(jwk))
        return cls(jwk, alg=alg, kid=kid)

    def signer(self) -> LocalSigner:
        """Return a signer over this key; it holds the loaded key, so that signing never loads it again."""
        return LocalSigner(self.__native, kid=self.kid, alg=self.alg)

    def reveal(self, form: Literal["pem", "jwk"] = "pem") -> str:
        """Return the private key in the clear: PKCS#8 PEM, or the private JWK as JSON text.

        The one way out. Whoever calls it answers for where the text goes.
        """
        if form == "pem":
            pem = self.__jwk.export_to_pem(private_key=True, password=None).decode()
            _loaded_put(pem.encode(), self.__jwk)
            return str(pem)
        document = json.loads(self.__jwk.export_private())
        return json.dumps({**document, "kid": self.kid, "alg": self.alg, "use": "sig"}, separators=(",", ":"))

    def __repr__(self) -> str:
        return f"<PrivateKey kid={self.kid} alg={self.alg}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a PrivateKey is neither pickled nor copied; keep it in the key store, or use reveal()")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrivateKey) and self.public == other.public

    def __hash__(self) -> int:
        return hash(self.public)


class LocalSigner:
    """Signs with a key that this process holds (RFC 7518 3.3, 3.4).

    Attributes:
        kid: key id.
        alg: JWS algorithm.
    """

    __slots__ = ("__native", "__sign", "alg", "kid")

    def __init__(self, native: Any, *, kid: str, alg: Algorithm) -> None:
        self.kid = kid
        self.alg = alg
        self.__native = native
        if alg == "ES384":
            self.__sign = self._ecdsa(native)
        else:
            digest = hashes.SHA256() if alg == "RS256" else hashes.SHA512()
            scheme = padding.PKCS1v15()
            self.__sign = lambda data: native.sign(data, scheme, digest)

    @staticmethod
    def _ecdsa(native: Any) -> Any:
        scheme = ec.ECDSA(hashes.SHA384())

        def sign(data: bytes) -> bytes:
            r, s = decode_dss_signature(native.sign(data, scheme))
            return r.to_bytes(48, "big") + s.to_bytes(48, "big")

        return sign

    def sign(self, data: bytes) -> bytes:
        """Return the JWS signature of the bytes: PKCS#1 v1.5, or r and s side by side."""
        return bytes(self.__sign(data))

    def __repr__(self) -> str:
        return f"<LocalSigner kid={self.kid} alg={self.alg}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a signer holds a private key: it is neither pickled nor copied")


def generate(spec: KeySpec | None = None, *, made_on: date | None = None) -> PrivateKey:
    """Make a new key pair.

    RSA-4096 takes 0.1 to 2.5 s, by luck; other threads run meanwhile (the GIL is released).

    Args:
        spec: the kind of key, ES384 by default.
        made_on: UTC date for the kid, today by default.

    Example:
        >>> generate(KeySpec("ES384")).alg
        'ES384'
    """
    spec = spec or KeySpec()
    if spec.alg == "ES384":
        jwk = JWK.generate(kty="EC", crv="P-384")
    else:
        jwk = JWK.generate(kty="RSA", size=spec.bits, public_exponent=_MINIMUM_EXPONENT)
    # This process made it a moment ago: the key check (40 to 290 ms, holding the GIL) would tell us nothing.
    jwk.unsafe_skip_rsa_key_validation = True
    kid = make_kid(_public_members(jwk), made_on=made_on or datetime.now(tz=UTC).date())
    return PrivateKey(jwk, alg=spec.alg, kid=kid)


def thumbprint(members: Mapping[str, str]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of a public JWK, base64url.

    Raises:
        KeyMaterialError: the members are no RSA or EC key.
    """
    return str(_import(members).thumbprint())


def make_kid(members: Mapping[str, str], *, made_on: date) -> str:
    """Return `<UTC date>_<thumbprint>`: Qlik keeps no date per key, so the date travels in the name."""
    return f"{made_on.isoformat()}_{thumbprint(members)}"


def check_kid(kid: str, members: Mapping[str, str]) -> None:
    """Refuse a kid of our form that names another key; kids of other forms are left alone.

    Raises:
        KeyMaterialError: the thumbprint in the kid is not the key's.
    """
    found = _KID.fullmatch(kid)
    if found and found["thumbprint"] != thumbprint(members):
        raise KeyMaterialError(
            f"The kid {kid} carries another key's thumbprint.", hint="The key and its name were mixed up: check both."
        )


def kid_made_on(kid: str) -> date | None:
    """Return the date in a kid of our form, None for any other."""
    found = _KID.fullmatch(kid)
    if not found:
        return None
    try:
        return date.fromisoformat(found["made_on"])
    except ValueError:
        return None


# --- loading ---------------------------------------------------------------------------------------------------------

_loaded: OrderedDict[bytes, JWK] = OrderedDict()
_loaded_lock = threading.Lock()


def _loaded_put(data: bytes, jwk: JWK) -> None:
    """Remember a validated key by the digest of its PEM, so that this process never validates it again."""
    with _loaded_lock:
        _loaded[hashlib.sha256(data).digest()] = jwk
        while len(_loaded) > _LOADED_KEYS:
            _loaded.popitem(last=False)


def _load_pem(data: bytes, passphrase: bytes | None) -> tuple[JWK | None, str, str]:
    """Return the key, or why there is none and what to do; never raises, so that no traceback holds the PEM."""
    with _loaded_lock:
        known = _loaded.get(hashlib.sha256(data).digest())
    if known is not None and passphrase is None:
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
        return None, f"No private key could be read: {reason}.", _WANTED
    except Exception as problem:  # noqa: BLE001  # cryptography has its own class for each kind it cannot do
        return None, f"This kind of key is not supported ({type(problem).__name__}).", _WANTED
    if not jwk.has_private:
        return None, "This PEM is a public key, and a private key is needed here.", "Give the private key's PEM."
    weakness = _weakness(jwk)
    if weakness:
        return None, weakness, _WANTED
    jwk.unsafe_skip_rsa_key_validation = True  # validated by the import, a line above
    if passphrase is None:
        _loaded_put(data, jwk)
    return jwk, "", ""


def _weakness_of_pem(problem: Exception) -> str:
    # cryptography names the reason in its text and never quotes the key (reliability-facts, section 3).
    text = str(problem)
    return "it is an RSA key with an impossible exponent" if "exponent" in text or " e " in text else "it is damaged"


def _load_jwk(members: dict[str, Any]) -> tuple[JWK | None, str, str]:
    """Return the key, or why there is none and what to do; never raises, so that no traceback holds the members."""
    kept = {name: value for name, value in members.items() if name not in ("alg", "use", "key_ops", "kid")}
    try:
        jwk = JWK(**kept)
    except Exception:  # noqa: BLE001  # jwcrypto lets binascii's and struct's errors through
        return None, "The JWK is damaged: a member is missing or malformed.", _WANTED
    weakness = _weakness(jwk)
    if weakness:
        return None, weakness, _WANTED
    try:
        jwk.get_op_key("sign")  # cryptography validates the numbers here
    except Exception:  # noqa: BLE001  # ValueError, or a class of the backend's
        return None, "The JWK's numbers do not make a key.", "Check that it was copied whole."
    jwk.unsafe_skip_rsa_key_validation = True
    return jwk, "", ""


def _parse_jwk(document: Mapping[str, Any] | str) -> tuple[dict[str, Any], str]:
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
    if kty not in _PUBLIC_MEMBERS:
        return {}, "This JWK's `kty` is neither RSA nor EC."
    if kty == "EC" and members.get("crv") != "P-384":
        return {}, "This JWK is on another curve than P-384."
    missing = [name for name in _PUBLIC_MEMBERS[kty] if not isinstance(members.get(name), str) or not members[name]]
    if missing:
        return {}, f"This JWK lacks the member `{missing[0]}`."
    for name in _PUBLIC_MEMBERS[kty]:
        if name != "crv" and not re.fullmatch(r"[A-Za-z0-9_-]+", members[name]):
            return {}, f"The member `{name}` is not base64url."
    return members, ""


def _import(members: Mapping[str, Any]) -> JWK:
    """Return the public key of these members, checked.

    Raises:
        KeyMaterialError: the numbers make no key that a tenant accepts.
    """
    kty = members.get("kty")
    names = _PUBLIC_MEMBERS.get(str(kty))
    if names is None:
        raise KeyMaterialError("This JWK's `kty` is neither RSA nor EC.", hint=_WANTED)
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
        raise KeyMaterialError(weakness, hint=_WANTED)
    return jwk


def _public_members(jwk: JWK) -> dict[str, str]:
    kty = jwk["kty"]
    return {"kty": kty, **{name: jwk[name] for name in _PUBLIC_MEMBERS[kty]}}


def _public(jwk: JWK, *, alg: Algorithm, kid: str) -> PublicJwk:
    kty = jwk["kty"]
    if (alg == "ES384") != (kty == "EC"):
        raise KeyMaterialError(f"{alg} does not go with a key of type {kty}.", hint=_WANTED)
    return PublicJwk(kid=kid, alg=alg, kty=kty, members=tuple((name, jwk[name]) for name in _PUBLIC_MEMBERS[kty]))


def _public_numbers(jwk: JWK) -> rsa.RSAPublicNumbers:
    numbers = jwk.get_op_key("verify").public_numbers()
    assert isinstance(numbers, rsa.RSAPublicNumbers)
    return numbers


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
    modulus, exponent = (int.from_bytes(_decode(jwk[name]), "big") for name in ("n", "e"))
    if modulus.bit_length() < _MINIMUM_RSA_BITS:
        return f"The RSA key has {modulus.bit_length()} bits, fewer than 2048."
    if exponent % 2 == 0:
        return "The RSA key's exponent is even, so it is no RSA key."
    if exponent < _MINIMUM_EXPONENT:
        return f"The RSA key's exponent is {exponent}, smaller than 65537."
    if _has_roca_fingerprint(modulus):
        return "The RSA key has the ROCA fingerprint (CVE-2017-15361): it can be factored."
    return ""


def _decode(text: str) -> bytes:
    from base64 import urlsafe_b64decode  # noqa: PLC0415

    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _has_roca_fingerprint(modulus: int) -> bool:
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
