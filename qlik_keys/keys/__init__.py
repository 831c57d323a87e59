"""Key pairs for private-key-JWT clients: making, loading, naming and checking them.

The one package that touches jwcrypto, whose `JWK` is a mapping that shows its private members to anybody who walks it
(reliability-facts 0.10); it never leaves here. What a tenant accepts is in qlik-cloud-contract, "Keys that a client may
register": RS256 and RS512 with RSA of 2048 bits or more, ES384 with P-384.

Not done here: storing keys (`keystore`), building assertions (`assertion`).
"""

from qlik_keys.keys.private import LocalSigner, PrivateKey, generate
from qlik_keys.keys.public import PublicJwk, kid_made_on, thumbprint
from qlik_keys.keys.spec import ALGORITHMS, RSA_SIZES, Algorithm, KeySpec

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
]
