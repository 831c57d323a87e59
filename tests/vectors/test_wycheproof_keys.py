"""Wycheproof's keys against the product's key loading and the sandbox's registration, and its signatures to be made
against the product's signers, byte for byte."""

from __future__ import annotations

from collections import Counter

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fixtures.vector_files import vector_groups

import qlik_keys as qk
from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys.private import LocalSigner
from qlik_keys.sandbox.simulator.messages import Refusal
from qlik_keys.sandbox.simulator.rules.registration import register_all

# Every key of json_web_key_test, with the words by which the product and the sandbox refuse it; None: it is accepted.
KEYS = {
    "jws_mixedSymmetryKeyset": ("symmetric", "symmetric"),
    "jws_keyset": ("symmetric", "symmetric"),
    "jws_duplicate_kid": ("symmetric", "symmetric"),
    "rs256 RS256": None,
    "rs256 RSA1_5": ("alg", "alg"),
    "jws_rsa_roca_key": ("ROCA", "ROCA"),
    "keysize_too_small": ("2048", "2048"),
    "exponentOne": ("exponent", "exponent"),
    "HS256": ("symmetric", "symmetric"),
    "HS384": ("symmetric", "symmetric"),
    "HS512": ("symmetric", "symmetric"),
    "wrong_algorithm": ("curve", "alg"),
    "invalid_algorithm": ("curve", "alg"),
    "invalid_use": ("curve", "alg"),
    "invalid_point": ("curve", "alg"),
    "wrong_curve": ("alg", "alg"),
    "wrong_kty": ("lacks", "alg"),
    "invalid_aes_gcm_key": ("symmetric", "symmetric"),
    "invalid_aes_kw_key": ("symmetric", "symmetric"),
}


def key_groups():
    for group in vector_groups("json_web_key_test"):
        document = group.get("public") or group["private"]
        keys = document.get("keys", [document])
        name = group["comment"] if group["comment"] in KEYS else f"{group['comment']} {keys[0]['alg']}"
        yield name, keys, group["tests"]


def test_every_key_of_the_file_is_in_the_table():
    assert {name for name, _, _ in key_groups()} == set(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_product_and_sandbox_refuse_the_key_for_the_same_kind_of_reason(name):
    for keys in (keys for one, keys, _ in key_groups() if one == name):
        documents = [{"kid": "a", **key} for key in keys]
        if KEYS[name] is None:
            assert qk.PublicJwk.from_jwk(documents[0]).to_dict() == {**documents[0], "use": "sig"}
            register_all(documents, current=(), history={}, now=0.0, maximum=None)
            continue
        product_word, sandbox_word = KEYS[name]
        with pytest.raises(KeyMaterialError, match=product_word):
            qk.PublicJwk.from_jwk(documents[0])
        with pytest.raises(Refusal) as refused:
            register_all(documents, current=(), history={}, now=0.0, maximum=None)
        assert sandbox_word in refused.value.detail


def signers(group, alg, *, small):
    """The product's signers over the group's key; one with a small exponent is refused, and only the signer is left."""
    if small:
        with pytest.raises(KeyMaterialError, match="exponent"):
            qk.PrivateKey.from_pem(group["privateKeyPem"], alg=alg)
        return [LocalSigner(load_pem_private_key(group["privateKeyPem"].encode(), None), kid="a", alg=alg)]
    by_pem = qk.PrivateKey.from_pem(group["privateKeyPem"], alg=alg)
    by_jwk = qk.PrivateKey.from_jwk(group["privateKeyJwk"], alg=alg)
    assert by_pem.public.thumbprint == by_jwk.public.thumbprint
    return [by_pem.signer(), by_jwk.signer()]


@pytest.mark.parametrize(("name", "cases"), [("rsa_pkcs1_2048_sig_gen_test", 19), ("rsa_pkcs1_4096_sig_gen_test", 16)])
def test_signing_is_right_to_the_byte(name, cases):
    algorithms = {"SHA-256": "RS256", "SHA-512": "RS512"}  # a tenant knows no other
    seen = Counter()
    for group in vector_groups(name):
        alg = algorithms.get(group["sha"])
        if alg is None:
            continue
        for case in group["tests"]:
            for signer in signers(group, alg, small="SmallPublicKey" in case["flags"]):
                assert signer.sign(bytes.fromhex(case["msg"])).hex() == case["sig"], f"{name} {case['tcId']}"
            seen[case["result"]] += 1
    assert seen.total() == cases


@pytest.mark.parametrize(
    "name", ["rsa_signature_2048_sha256_test", "rsa_signature_2048_sha512_test", "rsa_signature_4096_sha512_test"]
)
def test_public_rsa_keys(name):
    """Signature libraries verify with small exponents; a key that is to be registered may not have one."""
    flags = Counter()
    for group in vector_groups(name):
        small = any("SmallPublicKey" in case["flags"] for case in group["tests"])
        jwk = {"kid": "a", "use": "sig", **group["keyJwk"], "alg": "RS256"}
        verdict = "accepted"
        try:
            qk.PublicJwk.from_jwk(jwk)
        except KeyMaterialError as error:
            verdict = str(error)
        assert ("exponent" in verdict) if small else (verdict == "accepted"), f"{group['keyJwk']['kid']}: {verdict}"
        flags[small] += 1
    assert flags[False] > 0


def test_public_p384_keys():
    for group in vector_groups("ecdsa_secp384r1_sha384_p1363_test"):
        if "publicKeyJwk" not in group:
            continue
        jwk = {**group["publicKeyJwk"], "kid": "a", "use": "sig", "alg": "ES384"}
        assert qk.PublicJwk.from_jwk(jwk).to_dict() == jwk
