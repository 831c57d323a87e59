"""The tenant's access tokens: made, looked up, counted, revoked.

A token has the form that Qlik's have: a signed JWT with `subType`, `purpose`, `jti`, `iat`, `exp`, `aud` and `iss`,
which names no user, no client and no scope (qlik.dev, changelog "OAuth tokens no longer contain PII", gives a sample).
Its header is not published; ES384 under a `kid` is an assumption. To clients it is opaque, and it is to the tenant too:
it knows its tokens by their SHA-256 digests, and reads nothing out of one. The signature is real all the same, so that
anyone who decodes a token sees one like a real one, and anyone who verifies it can (`/.well-known/jwks.json`).

The caller holds the tenant's lock; nothing here is safe without it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from qlik_keys.sandbox.simulator.messages import Refusal

_ALGORITHM = "ES384"
_CURVE = "P-384"
_ID_BYTES = 16


@dataclass(slots=True, kw_only=True)
class AccessToken:
    """What the tenant knows of a token; the token itself is kept nowhere.

    Attributes:
        token_id: its `jti`, by which it can be revoked.
        sequence: grows with each token.
        user_id: whom it stands for, a client's bot or a person.
        client_id: the client that asked for it, which may be deleted by now.
        client_name: its name at that time.
        scopes: what it may.
        expires_at: the first moment at which it is no more.
        last_used: when it last let someone in, None for never.
    """

    token_id: str
    sequence: int
    user_id: str
    client_id: str
    client_name: str
    scopes: tuple[str, ...]
    expires_at: float
    last_used: float | None = None


def digest(secret: str) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class AccessTokens:
    """All access tokens of one tenant, and the one key that signs them.

    Args:
        audience: the tenant's base URL.
    """

    def __init__(self, *, audience: str) -> None:
        self._audience = audience
        self._key = ECKey.generate_key(_CURVE, {"use": "sig", "alg": _ALGORITHM}, auto_kid=True)
        self._header = {"alg": _ALGORITHM, "kid": self._key.kid, "typ": "JWT"}
        self._sequence = 0
        self._known: dict[bytes, AccessToken] = {}

    def jwks(self) -> dict[str, Any]:
        """Return the public key, as a JWK set."""
        return {"keys": [self._key.as_dict(private=False)]}

    def make(
        self,
        *,
        user_id: str,
        client_id: str,
        client_name: str,
        scopes: tuple[str, ...],
        now: float,
        lifetime_seconds: float,
        maximum: int | None,
    ) -> tuple[str, float]:
        """Return a new token and when it expires.

        Raises:
            Refusal: the client has too many.
        """
        self._known = {key: one for key, one in self._known.items() if one.expires_at > now}
        if maximum is not None and sum(one.client_id == client_id for one in self._known.values()) >= maximum:
            raise Refusal(403, "too_many_tokens", "Too many tokens", f"A client may have {maximum} at a time.")
        self._sequence += 1
        expires_at = now + lifetime_seconds
        token = AccessToken(
            token_id=secrets.token_hex(_ID_BYTES),
            sequence=self._sequence,
            user_id=user_id,
            client_id=client_id,
            client_name=client_name,
            scopes=scopes,
            expires_at=expires_at,
        )
        claims = {
            "subType": "user",
            "purpose": "accessToken",
            "jti": token.token_id,
            "iat": int(now),
            "exp": int(expires_at),
            "aud": self._audience,
            "iss": "qlik.api",
        }
        text = jwt.encode(self._header, claims, self._key, algorithms=[_ALGORITHM])
        self._known[digest(text)] = token
        return text, expires_at

    def use(self, text: str, *, now: float) -> AccessToken | None:
        """Return what a credential stands for and note its use; None when it is unknown, expired or revoked."""
        token = self._known.get(digest(text))
        if token is None or token.expires_at <= now:
            return None
        token.last_used = now
        return token

    def living(self, *, now: float) -> list[AccessToken]:
        """Return the tokens that are not over, oldest first."""
        return [one for one in self._known.values() if one.expires_at > now]

    def revoke(self, text: str) -> None:
        """Forget a token; an unknown one is as good as revoked (RFC 7009 2.2)."""
        self._known.pop(digest(text), None)

    def revoke_by_id(self, token_id: str) -> None:
        """Forget the token with this `jti`."""
        self._known = {key: one for key, one in self._known.items() if one.token_id != token_id}

    def revoke_user(self, user_id: str) -> None:
        """Forget all tokens that stand for a user."""
        self._known = {key: one for key, one in self._known.items() if one.user_id != user_id}

    def revoke_client(self, client_id: str) -> None:
        """Forget all tokens that a client asked for."""
        self._known = {key: one for key, one in self._known.items() if one.client_id != client_id}
