"""RFC 7638's thumbprint, RFC 7520's keys and signatures: the product's keys, and the sandbox's gate next to them."""

from __future__ import annotations

import json

import pytest
from fixtures.vector_files import vector
from joserfc.jwk import ECKey, RSAKey

import qlik_keys as qk
from qlik_keys.keys import thumbprint
from qlik_keys.sandbox.simulator.rules import gate
from qlik_keys.sandbox.simulator.rules.registration import register_all

BILBO = "bilbo.baggins@hobbiton.example"


def cookbook(name):
    return vector(f"rfc/rfc7520-cookbook/{name}.json")


def registered(key):
    return register_all([key], current=(), history={}, now=0.0, maximum=None)[0]


def test_rfc7638_thumbprint():
    known = vector("rfc/rfc7638-thumbprint.json")
    loaded = (qk.PublicJwk.from_jwk(known["jwk"]), registered({**known["jwk"], "use": "sig"}))
    assert {thumbprint(known["jwk"]), *(key.thumbprint for key in loaded)} == {known["thumbprint_b64url"]}


def test_rfc7520_rsa_key_and_its_signature_byte_for_byte():
    public = {**cookbook("jwk/3_3.rsa_public_key"), "alg": "RS256"}
    private = qk.PrivateKey.from_jwk(cookbook("jwk/3_4.rsa_private_key"), alg="RS256", kid=BILBO)
    assert qk.PublicJwk.from_jwk(public) == private.public
    assert private.public.to_dict() == public
    assert registered(public).kid == BILBO
    example = cookbook("jws/4_1.rsa_v15_signature")
    signing_input = example["signing"]["sig-input"].encode()
    encoded = gate.urlsafe_b64encode(private.signer().sign(signing_input)).rstrip(b"=").decode()
    assert encoded == example["signing"]["sig"]
    assert f"{signing_input.decode()}.{encoded}" == example["output"]["compact"]


@pytest.mark.parametrize(
    ("name", "alg"),
    [("4_1.rsa_v15_signature", "RS256"), ("4_2.rsa-pss_signature", "PS384"), ("4_3.ecdsa_signature", "ES512")],
)
def test_rfc7520_signatures_pass_the_gate_with_their_key_and_no_other(name, alg):
    compact = gate.inspect_login(cookbook(f"jws/{name}")["output"]["compact"])
    keys = [RSAKey.import_key(cookbook("jwk/3_3.rsa_public_key")), ECKey.import_key(cookbook("jwk/3_1.ec_public_key"))]
    right, wrong = reversed(keys) if alg == "ES512" else keys
    gate.verify(compact, right, alg=alg, kid=BILBO)
    for key, other, why in (wrong, {}, "signature"), (right, {"kid": "frodo"}, "kid"), (right, {"alg": "RS512"}, "alg"):
        with pytest.raises(gate.GateError, match=why):
            gate.verify(compact, key, **{"alg": alg, "kid": BILBO, **other})


def test_rfc7520_symmetric_signatures_and_json_serializations_are_refused():
    compact = gate.inspect_login(cookbook("jws/4_4.hmac-sha2_integrity_protection")["output"]["compact"])
    with pytest.raises(gate.GateError, match="signature"):
        gate.verify(compact, RSAKey.import_key(cookbook("jwk/3_3.rsa_public_key")), alg="HS256", kid=None)
    for name in ("4_6.protecting_specific_header_fields", "4_8.multiple_signatures"):
        for serialized in cookbook(f"jws/{name}")["output"].values():
            with pytest.raises(gate.GateError):
                gate.inspect_login(json.dumps(serialized))
