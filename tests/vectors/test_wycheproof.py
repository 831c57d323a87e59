"""Wycheproof's keys and signatures: the product's key loading and signers, the sandbox's registration and gate."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fixtures.vector_files import vector_groups
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

import qlik_keys as qk
from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys.private import LocalSigner
from qlik_keys.sandbox.simulator.messages import Refusal
from qlik_keys.sandbox.simulator.rules import gate
from qlik_keys.sandbox.simulator.rules.registration import register_all

# Every key of json_web_key_test, with the words by which the product and the sandbox refuse it; None: it is accepted.
SYMMETRIC, OTHER_CURVE = ("symmetric", "symmetric"), ("curve", "alg")
KEYS = {
    **dict.fromkeys(("jws_mixedSymmetryKeyset", "jws_keyset", "jws_duplicate_kid"), SYMMETRIC),
    **dict.fromkeys(("HS256", "HS384", "HS512", "invalid_aes_gcm_key", "invalid_aes_kw_key"), SYMMETRIC),
    **dict.fromkeys(("wrong_algorithm", "invalid_algorithm", "invalid_use", "invalid_point"), OTHER_CURVE),
    "rs256 RS256": None,
    "rs256 RSA1_5": ("alg", "alg"),
    "jws_rsa_roca_key": ("ROCA", "ROCA"),
    "keysize_too_small": ("2048", "2048"),
    "exponentOne": ("exponent", "exponent"),
    "wrong_curve": ("alg", "alg"),
    "wrong_kty": ("lacks", "alg"),
}
# The valid cases of json_web_signature_test that the gate refuses, with a word of the reason: an empty payload is no
# claim set, and the key's alg contradicts the header's.
REFUSED_THOUGH_VALID = {
    **dict.fromkeys((259, 264, 268, 272, 320, 325), "empty"),
    **dict.fromkeys((346, 347, 350, 351), "alg"),
}


def registered(keys):
    try:
        register_all(keys, current=(), history={}, now=0.0, maximum=None)
    except Refusal as refusal:
        return refusal.detail
    return "accepted"


def keys_of(group):
    document = group.get("public") or group["private"]
    return document.get("keys", [document])


def test_product_and_sandbox_refuse_a_key_for_the_same_kind_of_reason():
    seen = set()
    for group in vector_groups("json_web_key_test"):
        documents = [{"kid": "a", **key} for key in keys_of(group)]
        name = group["comment"] if group["comment"] in KEYS else f"{group['comment']} {documents[0]['alg']}"
        seen.add(name)
        if KEYS[name] is None:
            assert qk.PublicJwk.from_jwk(documents[0]).to_dict() == {**documents[0], "use": "sig"}
            assert registered(documents) == "accepted"
            continue
        product_word, sandbox_word = KEYS[name]
        with pytest.raises(KeyMaterialError, match=product_word):
            qk.PublicJwk.from_jwk(documents[0])
        assert sandbox_word in registered(documents), name
    assert seen == set(KEYS)


def signers(group, alg, *, small):
    """The product's signers over the group's key; one with a small exponent is refused, and only the signer is left."""
    if small:
        with pytest.raises(KeyMaterialError, match="exponent"):
            qk.PrivateKey.from_pem(group["privateKeyPem"], alg=alg)
        return [LocalSigner(load_pem_private_key(group["privateKeyPem"].encode(), None), kid="a", alg=alg)]
    keys = (
        qk.PrivateKey.from_pem(group["privateKeyPem"], alg=alg),
        qk.PrivateKey.from_jwk(group["privateKeyJwk"], alg=alg),
    )
    assert keys[0].public.thumbprint == keys[1].public.thumbprint
    return [key.signer() for key in keys]


@pytest.mark.parametrize(("name", "cases"), [("rsa_pkcs1_2048_sig_gen_test", 19), ("rsa_pkcs1_4096_sig_gen_test", 16)])
def test_signing_is_right_to_the_byte(name, cases):
    algorithms, seen = {"SHA-256": "RS256", "SHA-512": "RS512"}, 0  # a tenant knows no other
    for group in vector_groups(name):
        if group["sha"] not in algorithms:
            continue
        for case in group["tests"]:
            for signer in signers(group, algorithms[group["sha"]], small="SmallPublicKey" in case["flags"]):
                assert signer.sign(bytes.fromhex(case["msg"])).hex() == case["sig"], f"{name} {case['tcId']}"
            seen += 1
    assert seen == cases


def accepted(token, keys):
    """Tell whether a client that has these keys could log in, and else why not: registration first, then the gate.

    A key whose alg no tenant knows skips the registration, so that the gate itself is tested.
    """
    if len(keys) > 1 or keys[0].get("use") == "enc" or keys[0].get("key_ops", ["verify"]) != ["verify"]:
        return registered(keys)
    [key] = keys
    if key["alg"] in ("RS256", "RS512", "ES384"):
        verdict = registered([{**{n: key[n] for n in ("kty", "alg", "n", "e")}, "kid": "a", "use": "sig"}])
        if verdict != "accepted":
            return verdict
    members = {name: key[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in key}
    kind = {"EC": ECKey, "RSA": RSAKey}[key["kty"]]
    try:
        gate.verify(gate.inspect_login(token), kind.import_key(members), alg=key["alg"], kid=None)
    except (gate.GateError, JoseError, ValueError) as refusal:
        return str(refusal)
    return "accepted"


@pytest.mark.parametrize(
    ("name", "invalid", "valid", "excepted"),
    [
        ("json_web_signature_test", 325, 36, REFUSED_THOUGH_VALID),
        ("json_web_key_test", 11, 1, {}),
        ("json_web_crypto_test", 28, 2, {}),
    ],
)
def test_compact_signatures(name, invalid, valid, excepted):
    counted, refused = Counter(), {}
    for group in vector_groups(name):
        keys = keys_of(group)
        if {key["kty"] for key in keys} == {"oct"} or "jwe" in group["comment"]:
            continue
        for case in group["tests"]:
            verdict = accepted(case["jws"], keys)
            counted[case["result"]] += 1
            if case["result"] == "invalid":
                assert verdict != "accepted", f"{case['tcId']} {case['comment']}"
            elif verdict != "accepted":
                refused[case["tcId"]] = verdict
    assert counted == {"invalid": invalid, "valid": valid}
    assert refused.keys() == excepted.keys()
    assert all(word in refused[number] for number, word in excepted.items())


def verified(group, key, alg):
    """Verify each signature; "acceptable" are encodings without the NULL of RFC 8017 9.2, which OpenSSL refuses."""
    for case in group["tests"]:
        message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
        right = gate.verify_bytes(key, alg=alg, message=message, signature=signature)
        assert right is (case["result"] == "valid"), f"{case['tcId']} {case['comment']}"
        yield case["result"]


@pytest.mark.parametrize(("bits", "sha"), [(2048, 256), (2048, 512), (4096, 512)])
def test_rsa_signatures_and_keys(bits, sha):
    """Signature libraries verify with small exponents; a key that is to be registered may not have one."""
    seen = Counter()
    for group in vector_groups(f"rsa_signature_{bits}_sha{sha}_test"):
        seen.update(verified(group, RSAKey.import_key(group["publicKeyPem"]), f"RS{sha}"))
        small = any("SmallPublicKey" in case["flags"] for case in group["tests"])
        with pytest.raises(KeyMaterialError, match="exponent") if small else nullcontext():
            qk.PublicJwk.from_jwk({"kid": "a", "use": "sig", **group["keyJwk"], "alg": "RS256"})
    assert seen.total() == 259
    assert seen["valid"] > 0


def test_p384_signatures_and_keys():
    seen, more = Counter(), {"alg": "ES384", "use": "sig", "kid": "a"}
    for group in vector_groups("ecdsa_secp384r1_sha384_p1363_test"):
        key = ECKey.import_key(group["publicKeyPem"])
        seen.update(verified(group, key, "ES384"))
        numbers = key.as_dict(private=False)
        assert registered([{**{name: numbers[name] for name in ("kty", "crv", "x", "y")}, **more}]) == "accepted"
        if "publicKeyJwk" in group:
            jwk = {**group["publicKeyJwk"], **more}
            assert qk.PublicJwk.from_jwk(jwk).to_dict() == jwk
    assert seen == {"invalid": 87, "valid": 193}
