"""Key pairs for private-key-JWT clients: making, loading, naming and checking them.

The one package that touches jwcrypto, whose `JWK` is a mapping that shows its private members to anyone who walks it
(reliability-facts 0.10); it never leaves here. What a tenant accepts is in qlik-cloud-contract, "Keys that a client may
register": RS256 and RS512 with RSA of 2048 bits or more, ES384 with P-384.

The names load lazily: to say what kind of key is wanted (`KeySpec`) brings neither cryptography nor jwcrypto.

Not done here: storing keys (`keystore`), building assertions (`assertion`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.core.lazy import lazy_names

if TYPE_CHECKING:
    from qlik_keys.keys.private import LocalSigner, PrivateKey, generate, wrong_key
    from qlik_keys.keys.public import PublicJwk, kid_made_on, thumbprint
    from qlik_keys.keys.spec import ALGORITHMS, RSA_SIZES, Algorithm, KeySpec

_HOMES = {
    "ALGORITHMS": "spec",
    "Algorithm": "spec",
    "KeySpec": "spec",
    "LocalSigner": "private",
    "PrivateKey": "private",
    "PublicJwk": "public",
    "RSA_SIZES": "spec",
    "generate": "private",
    "kid_made_on": "public",
    "thumbprint": "public",
    "wrong_key": "private",
}

__all__ = [
    "ALGORITHMS",
    "RSA_SIZES",
    "Algorithm",
    "KeySpec",
    "LocalSigner",
    "PrivateKey",
    "PublicJwk",
    "generate",
    "kid_made_on",
    "thumbprint",
    "wrong_key",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES, __all__)
