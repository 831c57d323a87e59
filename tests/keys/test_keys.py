"""Key pairs: what is made, what is loaded, what is refused and why, and what never shows."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import pickle
from datetime import date

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fixtures.canaries import find_canaries
from hypothesis import given, settings
from hypothesis import strategies as st

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import KeySpec, PrivateKey, PublicJwk, generate, kid_made_on
from qlik_keys.keys.material import has_roca_fingerprint

PRIVATE_NAMES = ("d", "p", "q", "dp", "dq", "qi")


def pem_of(native):
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return native.private_bytes(pem, pkcs8, serialization.NoEncryption())


@pytest.fixture(scope="module")
def native_rsa():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def native_ec():
    return ec.generate_private_key(ec.SECP384R1())


@pytest.mark.parametrize(
    ("spec", "kty", "bits"),
    [
        (KeySpec("ES384"), "EC", 384),
        (KeySpec("RS256", bits=2048), "RSA", 2048),
        (KeySpec("RS512", bits=3072), "RSA", 3072),
    ],
)
def test_a_generated_key_is_what_was_asked_for(spec, kty, bits):
    key = generate(spec, made_on=date(2026, 11, 24))
    assert (key.alg, key.public.kty, key.public.bits, key.public.spec) == (spec.alg, kty, bits, spec)
    assert key.kid == f"2026-11-24_{key.public.thumbprint}"
    assert kid_made_on(key.kid) == date(2026, 11, 24)
    assert set(key.public.to_dict()) == {"kid", "kty", "alg", "use"} | (
        {"n", "e"} if kty == "RSA" else {"crv", "x", "y"}
    )


def test_rsa_is_4096_bits_unless_told_otherwise():
    assert KeySpec("RS256").bits == KeySpec("RS512").bits == 4096
    assert KeySpec() == KeySpec("ES384")


@pytest.mark.parametrize(
    ("alg", "bits"),
    [
        *(("RS384", None), ("PS256", None), ("ES256", None), ("EdDSA", None)),
        *(("RS256", 1024), ("RS256", 2049), ("ES384", 256)),
    ],
)
def test_a_kind_that_no_tenant_accepts_is_refused(alg, bits):
    with pytest.raises(KeyMaterialError) as caught:
        KeySpec(alg, bits=bits)
    assert caught.value.hint


def test_a_key_survives_pem_and_jwk(client_keys):
    for key in client_keys.values():
        assert PrivateKey.from_pem(key.reveal(), alg=key.alg, kid=key.kid) == key
        assert PrivateKey.from_jwk(key.reveal("jwk")) == key
        assert PublicJwk.from_jwk(key.public.to_dict()) == key.public
    assert PrivateKey.from_pem(client_keys["RS256"].reveal(), alg="RS512").public.to_dict()["alg"] == "RS512"


@pytest.mark.parametrize(
    ("make", "options", "reason"),
    [
        (lambda _: rsa.generate_private_key(public_exponent=3, key_size=2048), {}, "exponent is 3"),
        (lambda made: made["ec"], {"passphrase": "correct horse"}, "not encrypted"),
        (lambda made: made["rsa"], {"alg": "ES384"}, "cannot be used with"),
        (lambda made: made["ec"], {"kid": f"2026-11-24_{'A' * 43}"}, "thumbprint"),
    ],
    ids=["exponent 3", "needless passphrase", "RSA as ES384", "another key's kid"],
)
def test_a_key_that_does_not_go_with_its_options_is_refused(native_rsa, native_ec, make, options, reason):
    pem = pem_of(make({"rsa": native_rsa, "ec": native_ec}))
    with pytest.raises(KeyMaterialError, match=reason) as caught:
        PrivateKey.from_pem(pem, **options)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def jwk_of(key):
    return json.loads(key.reveal("jwk"))


def test_private_jwk_refusals(client_keys):
    rsa_jwk, ec_jwk = jwk_of(client_keys["RS256"]), jwk_of(client_keys["ES384"])
    cases = {
        "P-256": ({**ec_jwk, "crv": "P-256"}, "a curve other than"),
        "even exponent": ({**rsa_jwk, "e": "AQAA"}, "even"),
        "exponent 1": ({**rsa_jwk, "e": "AQ"}, "exponent is 1"),
        "no modulus": ({name: value for name, value in rsa_jwk.items() if name != "n"}, "`n`"),
        "not a member text": ({**rsa_jwk, "n": 5}, "`n`"),
        "padding": ({**rsa_jwk, "n": rsa_jwk["n"] + "="}, "base64url"),
        "numbers that do not fit": ({**rsa_jwk, "d": rsa_jwk["n"]}, "numbers"),
        "another algorithm": ({**rsa_jwk, "alg": "PS256"}, "`alg`"),
        "not JSON": ("{", "not a JSON"),
        "a list": ("[]", "not a JSON object"),
        "no kty": ({}, "kty"),
    }
    for name, (document, reason) in cases.items():
        with pytest.raises(KeyMaterialError, match=reason) as caught:
            PrivateKey.from_jwk(document)
        secrets = [value for member, value in rsa_jwk.items() if member in PRIVATE_NAMES]
        assert not find_canaries(str(caught.value), secrets), name
        assert caught.value.__context__ is None, name


def test_public_jwk_refusals(client_keys):
    public = client_keys["RS256"].public.to_dict()
    off_curve = client_keys["ES384"].public.to_dict()
    off_curve["y"] = off_curve["x"]
    cases = {
        "no kid": ({**public, "kid": ""}, "`kid`"),
        "no alg": ({name: value for name, value in public.items() if name != "alg"}, "`alg`"),
        "for encryption": ({**public, "use": "enc"}, "`use`"),
        "key_ops": ({**public, "key_ops": ["encrypt"]}, "key_ops"),
        "alg of the other type": ({**public, "alg": "ES384"}, "cannot be used with"),
        "off the curve": (off_curve, "do not form a valid key"),
    }
    for name, (document, reason) in cases.items():
        with pytest.raises(KeyMaterialError, match=reason) as caught:
            PublicJwk.from_jwk(document)
        assert caught.value.hint, name


@pytest.mark.parametrize("alg", ["RS256", "ES384"])
def test_a_private_jwk_where_a_public_one_is_asked_for_is_refused_and_not_echoed(alg, client_keys):
    private = jwk_of(client_keys[alg])
    for document in (private, json.dumps(private)):
        with pytest.raises(KeyMaterialError, match="private members") as caught:
            PublicJwk.from_jwk(document)
        assert not find_canaries(f"{caught.value!r}{caught.value}", [private["d"]])


def test_roca_keys_are_refused(native_rsa):
    # A modulus with the fingerprint, made the flawed way: both primes are 65537**a mod M for the primes up to 167.
    primes = [p for p in range(3, 168) if all(p % q for q in range(2, p))]
    product = 1
    for prime in primes:
        product *= prime
    modulus = pow(65537, 1234, product) * pow(65537, 4321, product)
    assert has_roca_fingerprint(modulus)
    assert not has_roca_fingerprint(native_rsa.public_key().public_numbers().n)
    modulus += product * (1 << 1900)
    number = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    n = base64.urlsafe_b64encode(number).rstrip(b"=").decode()
    with pytest.raises(KeyMaterialError, match="ROCA"):
        PublicJwk.from_jwk({"kty": "RSA", "n": n, "e": "AQAB", "kid": "x", "alg": "RS256"})


def test_a_private_key_does_not_show_itself(client_keys):
    for key in client_keys.values():
        secrets = [value for member, value in jwk_of(key).items() if member in PRIVATE_NAMES]
        shown = f"{key!r}{key}{key.signer()!r}{[key]}{vars(type(key)).keys()}"
        assert not find_canaries(shown, secrets)
        assert not hasattr(key, "__dict__")
        for leak in (pickle.dumps, copy.copy, copy.deepcopy, dict, json.dumps, list):
            with pytest.raises(TypeError):
                leak(key)
            with pytest.raises(TypeError):
                leak(key.signer())


def test_short_numbers_keep_their_leading_zeros():
    # About one P-384 key in 128 has an x or y with a leading zero byte; RFC 7518 6.2.1.2 wants 48 bytes all the same.
    found = 0
    for scalar in range(1, 400):
        native = ec.derive_private_key(scalar, ec.SECP384R1())
        key = PrivateKey.from_pem(pem_of(native))
        document = jwk_of(key)
        sizes = {len(base64.urlsafe_b64decode(document[name] + "==")) for name in ("x", "y", "d")}
        assert sizes == {48}
        numbers = native.public_key().public_numbers()
        found += min(numbers.x, numbers.y).bit_length() <= 376
    assert found


@given(
    st.dictionaries(
        st.sampled_from(["kty", "n", "e", "d", "crv", "x", "y", "k", "kid", "alg", "use"]),
        st.text() | st.integers() | st.none() | st.lists(st.text()),
    )
)
@settings(max_examples=100, deadline=None)
def test_any_document_gives_a_key_or_our_own_error(document):
    for load in (PrivateKey.from_jwk, PublicJwk.from_jwk):
        with contextlib.suppress(KeyMaterialError):
            load(document)


@given(st.binary(max_size=400) | st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_key_or_our_own_error(data):
    with pytest.raises(KeyMaterialError):
        PrivateKey.from_pem(data)


@pytest.mark.parametrize("alg", ["RS256", "RS512", "ES384"])
def test_a_signature_is_verified_for_this_key_and_these_bytes_alone(alg, client_keys):
    key = client_keys[alg]
    signature = key.signer().sign(b"data")
    assert key.public.verifies(b"data", signature)
    assert not key.public.verifies(b"date", signature)
    changed = bytes([signature[0] ^ 1]) + signature[1:]
    for wrong in (b"", b"\0" * len(signature), signature[:-1], signature + b"\0", changed):
        assert not key.public.verifies(b"data", wrong)
    others = {**client_keys, alg: generate(KeySpec(alg, bits=2048) if alg != "ES384" else KeySpec(alg))}
    assert not any(other.public.verifies(b"data", signature) for other in others.values())
