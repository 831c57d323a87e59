"""The public half of a key, and how keys are named (RFC 7517, RFC 7638; docs/concepts/glossary.md)."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import public_numbers
from qlik_keys.keys.spec import ALGORITHMS, PRIVATE_MEMBERS, RSA_SIZES, WANTED, Algorithm, KeySpec

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE64URL = string.ascii_letters + string.digits + "-_"
KID = re.compile(r"(?P<made_on>\d{4}-\d{2}-\d{2})_(?P<thumbprint>[A-Za-z0-9_-]{43})")


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
        members, problem = public_numbers.parse_jwk(document)
        if not problem and PRIVATE_MEMBERS & members.keys():
            problem = "This JWK has private members, but a public key is needed here."
        del document
        if problem:
            members.clear()
            raise KeyMaterialError(problem, hint="Pass the public half: `PrivateKey.public`, or the JWK without them.")
        kid = members.get("kid")
        if not isinstance(kid, str) or not kid:
            raise KeyMaterialError(
                "The JWK has no `kid`.", hint="A tenant selects the registered key by the kid: add one."
            )
        alg = members.get("alg")
        if alg not in ALGORITHMS:
            raise KeyMaterialError("The JWK's `alg` is not one that a tenant accepts.", hint=WANTED)
        if members.get("use", "sig") != "sig":
            raise KeyMaterialError('The JWK\'s `use` is not "sig".', hint="A client key is for signatures.")
        operations = members.get("key_ops")
        if operations is not None and not (isinstance(operations, list) and "verify" in operations):
            raise KeyMaterialError("The JWK's `key_ops` lack `verify`.", hint="A client key is for signatures.")
        return cls.of(public_numbers.import_public(members), alg=alg, kid=kid)

    @classmethod
    def from_pem(cls, pem: str, *, alg: Algorithm, kid: str | None = None, made_on: date | None = None) -> PublicJwk:
        """Check a public key in PEM and return it.

        Args:
            pem: the PEM text (SubjectPublicKeyInfo).
            alg: the algorithm that the key is for.
            kid: the key's name; without it, one is made of `made_on` and the thumbprint.
            made_on: UTC date for a new kid, today by default.

        Raises:
            KeyMaterialError: it is no public key that a tenant accepts.
        """
        members = public_numbers.load_public_pem(pem)
        made_on = made_on or datetime.now(UTC).date()
        return cls.of(members, alg=alg, kid=kid or make_kid(public_numbers.thumbprint(members), made_on=made_on))

    @classmethod
    def of(cls, members: Mapping[str, str], *, alg: Algorithm, kid: str) -> PublicJwk:
        """Return the public half with these checked members; for this package alone.

        Raises:
            KeyMaterialError: the algorithm does not go with the type of key.
        """
        kty = members["kty"]
        if (alg == "ES384") != (kty == "EC"):
            raise KeyMaterialError(f"{alg} cannot be used with a key of type {kty}.", hint=WANTED)
        kind: Literal["RSA", "EC"] = "RSA" if kty == "RSA" else "EC"
        return cls(kid=kid, alg=alg, kty=kind, members=tuple(item for item in members.items() if item[0] != "kty"))

    def to_dict(self) -> dict[str, str]:
        """Return the JWK as a new dict, the members that the contract lists and no other."""
        return {"kid": self.kid, "kty": self.kty, "alg": self.alg, "use": "sig", **dict(self.members)}

    @property
    def thumbprint(self) -> str:
        """The key's RFC 7638 SHA-256 thumbprint, base64url."""
        return thumbprint(self.to_dict())

    def is_same_as(self, document: Mapping[str, Any]) -> bool:
        """Tell whether a JWK is this key, whatever it is called there: the members of RFC 7638 3.2 are the same."""
        return document.get("kty") == self.kty and all(document.get(name) == value for name, value in self.members)

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Tell whether a JWS signature of these bytes was made with this key's private half (RFC 7518 3.3, 3.4)."""
        return public_numbers.verifies(public_numbers.import_public(self.to_dict()), self.alg, data, signature)

    @property
    def bits(self) -> int:
        """The size of the RSA modulus, or 384."""
        if self.kty == "EC":
            return 384
        return public_numbers.modulus_bits(public_numbers.import_public(self.to_dict()))

    @property
    def spec(self) -> KeySpec | None:
        """The spec that would make such a key, None for an RSA size that we do not make ourselves."""
        if self.kty == "EC":
            return KeySpec(self.alg)
        return KeySpec(self.alg, bits=self.bits) if self.bits in RSA_SIZES else None


def thumbprint(members: Mapping[str, str]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of a public JWK, base64url.

    Raises:
        KeyMaterialError: the members are no RSA or EC key.
    """
    return public_numbers.thumbprint(public_numbers.import_public(members))


def make_kid(thumbprint: str, *, made_on: date) -> str:
    """Return `<UTC date>_<thumbprint>`: Qlik keeps no date per key, so the name has it."""
    return f"{made_on.isoformat()}_{thumbprint}"


def check_kid(kid: str, thumbprint: str) -> None:
    """Refuse a kid of our form that names another key than the one with this thumbprint; other forms are left alone.

    Raises:
        KeyMaterialError: the thumbprint in the kid is not the key's.
    """
    found = KID.fullmatch(kid)
    if found and found["thumbprint"] != thumbprint:
        raise KeyMaterialError(
            f"The kid {kid} contains the thumbprint of another key.",
            hint="Perhaps keys were mixed up: check the kid and the key.",
        )


def kid_made_on(kid: str) -> date | None:
    """Return the date in a kid of our form, None for any other."""
    found = KID.fullmatch(kid)
    if not found:
        return None
    try:
        return date.fromisoformat(found["made_on"])
    except ValueError:
        return None
