"""One assertion against the bare OpenSSL signature and against PyJWT, joserfc and Authlib; a key read twice."""

from __future__ import annotations

import json
import time
import uuid
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import jwt
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt
from measure import compared, interleaved, main

from qlik_keys.auth.assertion import client_assertion
from qlik_keys.keys import KeySpec, PrivateKey, generate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure import Row

CLIENT_ID = "0123456789abcdef0123456789abcdef"
AUDIENCE = "https://acme.eu.qlikcloud.com/oauth/token"
CASES = [
    (KeySpec("RS256", bits=2048), 300, 1.08),
    (KeySpec("RS512", bits=2048), 300, 1.08),
    (KeySpec("RS256", bits=4096), 100, 1.02),
    (KeySpec("RS512", bits=4096), 100, 1.02),
    (KeySpec("ES384"), 1000, 1.10),
]


def claims() -> dict[str, object]:
    now = int(time.time())
    return {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": AUDIENCE,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + 120,
    }


def bare(native, alg):
    header = urlsafe_b64encode(json.dumps({"alg": alg, "kid": "k", "typ": "JWT"}).encode())
    ready = header + b"." + urlsafe_b64encode(json.dumps(claims()).encode())
    if alg == "ES384":
        scheme = ec.ECDSA(hashes.SHA384())
        return lambda: native.sign(ready, scheme)
    digest = hashes.SHA256() if alg == "RS256" else hashes.SHA512()
    scheme = padding.PKCS1v15()
    return lambda: native.sign(ready, scheme, digest)


def rows(quick: bool) -> Iterator[Row]:
    for spec, rounds, goal in CASES:
        key = generate(spec)
        pem = key.reveal()
        native = serialization.load_pem_private_key(pem.encode(), password=None)
        signer, alg, header = key.signer(), key.alg, {"kid": key.kid}
        imported = joserfc_jwk.import_key(pem, "EC" if alg == "ES384" else "RSA")
        variants = {
            "cryptography signs ready bytes": bare(native, alg),
            "qlik_keys": lambda signer=signer: client_assertion(signer, client_id=CLIENT_ID, audience=AUDIENCE),
            "PyJWT": lambda native=native, alg=alg, header=header: jwt.encode(
                claims(), native, algorithm=alg, headers=header
            ),
            "joserfc": lambda imported=imported, alg=alg, header=header: joserfc_jwt.encode(
                {"alg": alg, **header}, claims(), imported, algorithms=[alg]
            ),
            "Authlib": lambda imported=imported, alg=alg, header=header: private_key_jwt_sign(
                imported, CLIENT_ID, AUDIENCE, alg=alg, header=header
            ),
        }
        yield compared(f"an assertion, {spec}", interleaved(variants, rounds // 10 if quick else rounds), goal=goal)
    key = generate(KeySpec("RS256", bits=4096))
    pem, kid, signer = key.reveal(), key.kid, key.signer()
    once = {
        "one signature with the held key": lambda: client_assertion(signer, client_id=CLIENT_ID, audience=AUDIENCE),
        "qlik_keys, the same PEM": lambda: PrivateKey.from_pem(pem, kid=kid),
        "cryptography loads it again": lambda: serialization.load_pem_private_key(pem.encode(), password=None),
    }
    yield compared("an RSA-4096 key read a second time", interleaved(once, 2 if quick else 10))


if __name__ == "__main__":
    main(rows)
