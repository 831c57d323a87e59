"""What signs: a key in memory, or one that never leaves Vault."""

from __future__ import annotations

from typing import Protocol


class Signer(Protocol):
    """Something that signs under a key id, wherever the key lives."""

    @property
    def kid(self) -> str:
        """The key id under which the tenant knows the key."""
        ...

    @property
    def alg(self) -> str:
        """The JWS algorithm: "RS256", "RS512" or "ES384"."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Return the JWS signature of the bytes (RFC 7518 3.3, 3.4)."""
        ...
