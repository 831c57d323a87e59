"""Wycheproof's signatures against the sandbox's gate: every invalid one refused, every valid one accepted, but for a
table of those that are rightly refused. The key's own `alg` is the pinned one."""

from __future__ import annotations

from collections import Counter

import pytest
from fixtures.vector_files import vector_groups
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from qlik_keys.sandbox.simulator.messages import Refusal
from qlik_keys.sandbox.simulator.rules import gate
from qlik_keys.sandbox.simulator.rules.registration import register_all

EMPTY = "an empty payload is no claim set"
CONTRADICTION = "the key's alg contradicts the header's"
REFUSED_THOUGH_VALID = {
    **dict.fromkeys((259, 264, 268, 272, 320, 325), EMPTY),
    **dict.fromkeys((346, 347, 350, 351), CONTRADICTION),
}
KINDS = {"EC": ECKey, "RSA": RSAKey}


def asymmetric(name):
    """Yield each case with the JWK, or JWKs, that it is for; the groups of oct keys alone and of JWE are not ours."""
    for group in vector_groups(name):
        document = group.get("public") or group["private"]
        keys = document.get("keys", [document])
        if {key["kty"] for key in keys} == {"oct"} or "jwe" in group["comment"]:
            continue
        for case in group["tests"]:
            yield case, keys


def accepted(token, keys):
    """Tell whether a client that has these keys could log in, and else why not: registration first, then the gate.

    A key whose alg no tenant knows goes past the registration, so that the gate itself is put to the test.
    """
    if len(keys) > 1 or keys[0].get("use") == "enc" or keys[0].get("key_ops", ["verify"]) != ["verify"]:
        return registered(keys)
    key = keys[0]
    if key["alg"] in ("RS256", "RS512", "ES384"):
        verdict = registered([{**{n: key[n] for n in ("kty", "alg", "n", "e")}, "kid": "a", "use": "sig"}])
        if verdict != "accepted":
            return verdict
    kind = KINDS[key["kty"]]
    members = {name: key[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in key}
    try:
        compact = gate.inspect_login(token)
        gate.verify(compact, kind.import_key(members), alg=key["alg"], kid=None)
    except (gate.GateError, JoseError, ValueError) as refusal:
        return str(refusal)
    return "accepted"


def registered(keys):
    try:
        register_all(keys, current=(), history={}, now=0.0, maximum=None)
    except Refusal as refusal:
        return refusal.detail
    return "accepted"


@pytest.mark.parametrize(
    ("name", "invalid", "valid"),
    [("json_web_signature_test", 325, 36), ("json_web_key_test", 11, 1), ("json_web_crypto_test", 28, 2)],
)
def test_compact_signatures(name, invalid, valid):
    counted = Counter()
    for case, keys in asymmetric(name):
        verdict = accepted(case["jws"], keys)
        label = f"{name} {case['tcId']} {case['comment']}: {verdict}"
        counted[case["result"]] += 1
        if case["result"] == "invalid" or (name == "json_web_signature_test" and case["tcId"] in REFUSED_THOUGH_VALID):
            assert verdict != "accepted", label
        else:
            assert verdict == "accepted", label
    assert counted == {"invalid": invalid, "valid": valid}


@pytest.mark.parametrize(("tc_id", "reason"), REFUSED_THOUGH_VALID.items())
def test_reason_of_a_refusal_in_the_table(tc_id, reason):
    found = [(case, keys) for case, keys in asymmetric("json_web_signature_test") if case["tcId"] == tc_id]
    ((case, keys),) = found
    assert case["result"] == "valid"
    word = "empty" if reason == EMPTY else "alg"
    assert word in accepted(case["jws"], keys)


@pytest.mark.parametrize(
    ("name", "alg"),
    [
        ("rsa_signature_2048_sha256_test", "RS256"),
        ("rsa_signature_2048_sha512_test", "RS512"),
        ("rsa_signature_4096_sha512_test", "RS512"),
    ],
)
def test_rsa_signatures(name, alg):
    seen = Counter()
    for group in vector_groups(name):
        key = RSAKey.import_key(group["publicKeyPem"])
        for case in group["tests"]:
            right = gate.verify_bytes(
                key, alg=alg, message=bytes.fromhex(case["msg"]), signature=bytes.fromhex(case["sig"])
            )
            # "acceptable" are encodings without the NULL of RFC 8017 9.2: OpenSSL refuses them, and rightly.
            assert right is (case["result"] == "valid"), f"{name} {case['tcId']} {case['comment']}"
            seen[case["result"]] += 1
    assert seen.total() == 259
    assert seen["valid"] > 0


def test_ecdsa_signatures():
    seen = Counter()
    for group in vector_groups("ecdsa_secp384r1_sha384_p1363_test"):
        key = ECKey.import_key(group["publicKeyPem"])
        for case in group["tests"]:
            right = gate.verify_bytes(
                key, alg="ES384", message=bytes.fromhex(case["msg"]), signature=bytes.fromhex(case["sig"])
            )
            assert right is (case["result"] == "valid"), f"{case['tcId']} {case['comment']}"
            seen[case["result"]] += 1
    assert seen == {"invalid": 87, "valid": 193}


def test_ecdsa_keys_register_like_the_pem_they_are():
    for group in vector_groups("ecdsa_secp384r1_sha384_p1363_test"):
        numbers = ECKey.import_key(group["publicKeyPem"]).as_dict(private=False)
        jwk = {name: numbers[name] for name in ("kty", "crv", "x", "y")}
        assert registered([{**jwk, "alg": "ES384", "use": "sig", "kid": "a"}]) == "accepted"
