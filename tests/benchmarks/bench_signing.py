"""One assertion against the bare OpenSSL signature and against PyJWT, joserfc and Authlib; a key read twice."""

import json
import time
import uuid
from base64 import urlsafe_b64encode

import jwt
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt
from measure import compared, interleaved, main

from qlik_keys.auth.assertion import client_assertion
from qlik_keys.keys import KeySpec, PrivateKey, generate

CLIENT_ID = "0123456789abcdef0123456789abcdef"
AUDIENCE = "https://acme.eu.qlikcloud.com/oauth/token"
CASES = [
    (KeySpec("RS256", bits=2048), 300, 1.08),
    (KeySpec("RS512", bits=2048), 300, 1.08),
    (KeySpec("RS256", bits=4096), 100, 1.02),
    (KeySpec("RS512", bits=4096), 100, 1.02),
    (KeySpec("ES384"), 1000, 1.10),
]


def claims():
    now, jti = int(time.time()), str(uuid.uuid4())
    return {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": AUDIENCE, "jti": jti, "iat": now, "exp": now + 120}


def ours(signer):
    return lambda: client_assertion(signer, client_id=CLIENT_ID, audience=AUDIENCE)


def peers(native, imported, alg, header):
    whole = {"alg": alg, **header}
    return {
        "PyJWT": lambda: jwt.encode(claims(), native, algorithm=alg, headers=header),
        "joserfc": lambda: joserfc_jwt.encode(whole, claims(), imported, algorithms=[alg]),
        "Authlib": lambda: private_key_jwt_sign(imported, CLIENT_ID, AUDIENCE, alg=alg, header=header),
    }


def bare(native, alg):
    header = urlsafe_b64encode(json.dumps({"alg": alg, "kid": "k", "typ": "JWT"}).encode())
    ready = header + b"." + urlsafe_b64encode(json.dumps(claims()).encode())
    if alg == "ES384":
        scheme = ec.ECDSA(hashes.SHA384())
        return lambda: native.sign(ready, scheme)
    scheme, digest = padding.PKCS1v15(), hashes.SHA256() if alg == "RS256" else hashes.SHA512()
    return lambda: native.sign(ready, scheme, digest)


def rows(quick):
    for spec, rounds, goal in CASES:
        key = generate(spec)
        alg, pem = key.alg, key.reveal()
        native = serialization.load_pem_private_key(pem.encode(), password=None)
        imported = joserfc_jwk.import_key(pem, "EC" if alg == "ES384" else "RSA")
        variants = {
            "cryptography signs ready bytes": bare(native, alg),
            "qlik_keys": ours(key.signer()),
            **peers(native, imported, alg, {"kid": key.kid}),
        }
        yield compared(f"an assertion, {spec}", interleaved(variants, rounds // 10 if quick else rounds), goal=goal)
    key = generate(KeySpec("RS256", bits=4096))
    pem = key.reveal()
    once = {
        "one signature with the held key": ours(key.signer()),
        "qlik_keys, the same PEM": lambda kid=key.kid: PrivateKey.from_pem(pem, kid=kid),
        "cryptography loads it again": lambda: serialization.load_pem_private_key(pem.encode(), password=None),
    }
    yield compared("an RSA-4096 key read a second time", interleaved(once, 2 if quick else 10))


if __name__ == "__main__":
    main(rows)
