"""RFC 7638's thumbprint, RFC 7520's keys and signatures: the product's keys, and the sandbox's gate next to them."""

from __future__ import annotations

import json

import pytest
from fixtures.vector_files import vector
from joserfc.jwk import ECKey, RSAKey

import qlik_keys as qk
from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import thumbprint
from qlik_keys.sandbox.simulator.messages import Refusal
from qlik_keys.sandbox.simulator.rules import gate
from qlik_keys.sandbox.simulator.rules.registration import register_all

BILBO = "bilbo.baggins@hobbiton.example"


def cookbook(name):
    return vector(f"rfc/rfc7520-cookbook/{name}.json")


def test_rfc7638_thumbprint():
    known = vector("rfc/rfc7638-thumbprint.json")
    assert thumbprint(known["jwk"]) == known["thumbprint_b64url"]
    assert qk.PublicJwk.from_jwk(known["jwk"]).thumbprint == known["thumbprint_b64url"]


def test_rfc7638_thumbprint_of_the_sandbox():
    known = vector("rfc/rfc7638-thumbprint.json")
    (key,) = register_all([{**known["jwk"], "use": "sig"}], current=(), history={}, now=0.0, maximum=None)
    assert key.thumbprint == known["thumbprint_b64url"]


def test_rfc7520_4_1_signature_byte_for_byte():
    example = cookbook("jws/4_1.rsa_v15_signature")
    key = qk.PrivateKey.from_jwk(cookbook("jwk/3_4.rsa_private_key"), alg="RS256", kid=BILBO)
    signing_input = example["signing"]["sig-input"].encode()
    encoded = gate.urlsafe_b64encode(key.signer().sign(signing_input)).rstrip(b"=").decode()
    assert encoded == example["signing"]["sig"]
    assert f"{signing_input.decode()}.{encoded}" == example["output"]["compact"]


def test_rfc7520_3_3_and_3_4_are_one_key():
    public = {**cookbook("jwk/3_3.rsa_public_key"), "alg": "RS256"}
    private = qk.PrivateKey.from_jwk(cookbook("jwk/3_4.rsa_private_key"), alg="RS256", kid=BILBO)
    assert qk.PublicJwk.from_jwk(public) == private.public
    assert private.public.to_dict() == public
    assert register_all([public], current=(), history={}, now=0.0, maximum=None)[0].kid == BILBO


def test_rfc7520_3_1_and_3_2_are_on_a_curve_that_no_tenant_accepts():
    public = {**cookbook("jwk/3_1.ec_public_key"), "alg": "ES384"}
    with pytest.raises(KeyMaterialError, match="a curve other than P-384"):
        qk.PublicJwk.from_jwk(public)
    with pytest.raises(KeyMaterialError, match="a curve other than P-384"):
        qk.PrivateKey.from_jwk(cookbook("jwk/3_2.ec_private_key"))
    with pytest.raises(Refusal) as refused:
        register_all([public], current=(), history={}, now=0.0, maximum=None)
    assert "P-384" in refused.value.detail


@pytest.mark.parametrize("name", ["jwk/3_2.ec_private_key", "jwk/3_4.rsa_private_key"])
def test_rfc7520_private_keys_are_refused_where_a_public_one_is_asked_for(name):
    private = {**cookbook(name), "alg": "RS256" if "rsa" in name else "ES384"}
    with pytest.raises(KeyMaterialError) as refused:
        qk.PublicJwk.from_jwk(private)
    assert private["d"] not in str(refused.value)
    with pytest.raises(Refusal) as refused:
        register_all([private], current=(), history={}, now=0.0, maximum=None)
    assert "private" in refused.value.detail
    assert private["d"] not in refused.value.detail


@pytest.mark.parametrize(
    ("name", "alg"),
    [("4_1.rsa_v15_signature", "RS256"), ("4_2.rsa-pss_signature", "PS384"), ("4_3.ecdsa_signature", "ES512")],
)
def test_rfc7520_signatures_pass_the_gate_with_their_key_and_no_other(name, alg):
    compact = gate.inspect_login(cookbook(f"jws/{name}")["output"]["compact"])
    keys = {
        "RSA": RSAKey.import_key(cookbook("jwk/3_3.rsa_public_key")),
        "EC": ECKey.import_key(cookbook("jwk/3_1.ec_public_key")),
    }
    right, wrong = ("EC", "RSA") if alg == "ES512" else ("RSA", "EC")
    gate.verify(compact, keys[right], alg=alg, kid=BILBO)
    with pytest.raises(gate.GateError, match="signature"):
        gate.verify(compact, keys[wrong], alg=alg, kid=BILBO)
    with pytest.raises(gate.GateError, match="kid"):
        gate.verify(compact, keys[right], alg=alg, kid="frodo.baggins@hobbiton.example")
    with pytest.raises(gate.GateError, match="alg"):
        gate.verify(compact, keys[right], alg="RS512", kid=BILBO)


def test_rfc7520_4_4_symmetric_signature_is_refused():
    compact = gate.inspect_login(cookbook("jws/4_4.hmac-sha2_integrity_protection")["output"]["compact"])
    key = RSAKey.import_key(cookbook("jwk/3_3.rsa_public_key"))
    with pytest.raises(gate.GateError, match="signature"):
        gate.verify(compact, key, alg="HS256", kid=None)


@pytest.mark.parametrize("name", ["4_6.protecting_specific_header_fields", "4_8.multiple_signatures"])
def test_rfc7520_json_serializations_are_refused(name):
    for serialized in cookbook(f"jws/{name}")["output"].values():
        with pytest.raises(gate.GateError):
            gate.inspect_login(json.dumps(serialized))
