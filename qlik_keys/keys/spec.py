"""What kinds of key there are: those that a Qlik tenant accepts, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from qlik_keys.core.arguments import TEXT, WHOLE_NUMBER, optional, require
from qlik_keys.errors import KeyMaterialError

Algorithm = Literal["RS256", "RS512", "ES384"]

ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "RS512", "ES384")
RSA_SIZES = (2048, 3072, 4096)
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})  # of a JWK
ROTATE_AFTER = timedelta(days=90)  # unless its owner chose another time
DEFAULT_OVERLAP = timedelta(hours=24)  # how long an old key logs in next to the new one
WANTED = "A Qlik tenant accepts RS256 and RS512 with RSA keys of at least 2048 bits, and ES384 with P-384."


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What kind of key to make.

    Attributes:
        alg: JWS algorithm: "ES384", "RS256" or "RS512".
        bits: RSA modulus size: 2048, 3072 or 4096 (the default); None for ES384.

    Raises:
        KeyMaterialError: a tenant does not accept that kind.
        TypeError: a value is of another type.

    Example:
        >>> KeySpec("RS256").bits
        4096
    """

    alg: Algorithm = "ES384"
    bits: int | None = None

    def __post_init__(self) -> None:
        require(TEXT, alg=self.alg)
        optional(WHOLE_NUMBER, bits=self.bits)
        if self.alg not in ALGORITHMS:
            raise KeyMaterialError(f"{self.alg!r} is not an algorithm for client keys.", hint=WANTED)
        if self.alg == "ES384":
            if self.bits not in (None, 384):
                raise KeyMaterialError("ES384 has only one size, P-384.", hint="Leave `bits` out.")
            object.__setattr__(self, "bits", None)
        elif self.bits is None:
            object.__setattr__(self, "bits", 4096)
        elif self.bits not in RSA_SIZES:
            raise KeyMaterialError(f"RSA keys of {self.bits} bits are not supported.", hint="Use 2048, 3072 or 4096.")

    def __str__(self) -> str:
        return self.alg if self.bits is None else f"{self.alg} ({self.bits} bits)"


DEFAULT_KEY = KeySpec()
