"""The client assertion: claims and compact JWS over a `Signer` (RFC 7523, RFC 7515 7.1; qlik-cloud-contract).

What signs is not known here: a key in memory (`keys.private.LocalSigner`), or one that never leaves Vault. The audience
is the token endpoint, exactly, and never taken from anything that a server sent.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import TYPE_CHECKING

from qlik_keys.core.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from qlik_keys.keys.signer import Signer

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEFAULT_LIFETIME_SECONDS = 120
MAXIMUM_LIFETIME_SECONDS = 300
# `iat` is that much in the past, so that a tenant whose clock is behind ours does not see an assertion of the future
# (RFC 7519 4.1.6 only says when it was issued; GitHub asks its users for the same minute). `nbf` is not sent: Qlik asks
# for none, and it would have to be right as well.
BACKDATED_SECONDS = 60


def client_assertion(
    signer: Signer,
    *,
    client_id: str,
    audience: str,
    lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
    clock: Clock = SYSTEM_CLOCK,
) -> str:
    """Return a fresh client assertion; each call has its own `jti`, so each serves one request.

    Args:
        signer: signs, and names its key and algorithm.
        client_id: `iss` and `sub`.
        audience: the token endpoint, `<tenant>/oauth/token`.
        lifetime_seconds: from now, 1 to 300. `iat` is a minute back, and `exp` is at most 300 s after it
            (qlik-cloud-contract, "The client assertion"): more than 240 end as 240 do.
        clock: says what now is.

    Raises:
        ValueError: the lifetime is out of bounds, or a text is empty.
        KeyMaterialError, StoreError: the signer could not sign.
    """
    if not 1 <= lifetime_seconds <= MAXIMUM_LIFETIME_SECONDS:
        raise ValueError(f"lifetime_seconds must be 1 to {MAXIMUM_LIFETIME_SECONDS}, not {lifetime_seconds}")
    if not client_id or not audience:
        raise ValueError("client_id and audience must not be empty")
    now = int(clock.time())
    issued_at = now - BACKDATED_SECONDS
    expires_at = min(now + lifetime_seconds, issued_at + MAXIMUM_LIFETIME_SECONDS)
    claims = (
        f'{{"iss":{_text(client_id)},"sub":{_text(client_id)},"aud":{_text(audience)},'
        f'"jti":"{_random_uuid()}","iat":{issued_at},"exp":{expires_at}}}'
    )
    signing_input = _header(signer.alg, signer.kid) + b"." + _base64url(claims.encode())
    return (signing_input + b"." + _base64url(signer.sign(signing_input))).decode()


def _random_uuid() -> str:
    """Return a random UUID (RFC 9562 5.4) as text, in a third of the time of `str(uuid.uuid4())`."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


@lru_cache(maxsize=1024)
def _text(value: str) -> str:
    return json.dumps(value)


@lru_cache(maxsize=1024)
def _header(alg: str, kid: str) -> bytes:
    return _base64url(json.dumps({"alg": alg, "kid": kid, "typ": "JWT"}, separators=(",", ":")).encode())
