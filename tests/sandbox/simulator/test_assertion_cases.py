"""All of assertion-cases.json against the sandbox's token and registration endpoints, over real HTTP.

Each case's id is built by the method of `Cases` with that name, or in `TABLE`. A builder returns all the responses that
must have the case's verdict; what else it needs on the way, it asserts itself. `POLICY` holds the decision, and its
reason, where the sources of the file differ. The token cases run with a key of each kind.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
import string
from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fixtures.sandbox_client import ASSERTION_TYPE, base64url, sign
from fixtures.vector_files import vector, vector_groups
from joserfc.jwk import ECKey, RSAKey

import qlik_keys as qk

CASES = {case["id"]: case["expect"] for case in vector("assertion-cases.json")["cases"]}
POLICY = {
    "aud-array-with-endpoint": ("reject", "Qlik names one string; draft-ietf-oauth-rfc7523bis forbids arrays"),
    "aud-is-issuer": ("reject", "Qlik names the token endpoint alone; the refusal says so"),
    "exp-float": ("accept", "RFC 7519 2 allows fractions, and to refuse them protects no one; the product emits none"),
    "key-roca": ("reject", "such a key can be factored from its public half"),
    "key-ops-wrong": ("reject", "the contract lists the members of a JWK, and key_ops is none of them"),
    "key-shared-by-clients": (
        "accept",
        "no rule forbids it, and to refuse it would hide a client that was made twice after a lost answer",
    ),
}
ACCEPTED = {200, 201, 204}
OTHER = "https://other.example"
NEW_KEY = {"kid": "k", "use": "sig"}


def from_base64url(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Bench:
    """One case at work: a client with one key, and everything about its login that can be changed."""

    def __init__(self, sandbox, key, keys):
        self.sandbox, self.key, self.keys = sandbox, key, keys
        self.more = keys["more"]
        self.now, self.endpoint = sandbox.now(), sandbox.token_url
        self.client = sandbox.client(key)

    def header(self, key=None, **changes):
        key = key or self.key
        return {"alg": key.alg, "kid": key.kid, "typ": "JWT", **changes}

    def claims(self, **changes):
        return {**self.sandbox.claims(self.client.client_id), **changes}

    def assertion(self, *, key=None, header=None, payload=None, **changes):
        payload = json.dumps(self.claims(**changes)) if payload is None else payload
        return sign(key or self.key, payload, self.header(key) if header is None else header)

    def parameters(self, assertion, **changes):
        own = {"grant_type": "client_credentials", "client_id": self.client.client_id}
        return {**own, "client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE, **changes}

    def post(self, **sent):
        return self.sandbox.http.post("/oauth/token", **sent)

    def send(self, assertion=None, *, remove=(), **changes):
        sent = self.parameters(self.assertion() if assertion is None else assertion, **changes)
        return self.post(data={name: value for name, value in sent.items() if name not in remove})

    def with_claims(self, **changes):
        return [self.send(self.assertion(**changes))]

    def with_header(self, **changes):
        return [self.send(self.assertion(header=self.header(**changes)))]

    def without(self, claim):
        claims = self.claims()
        del claims[claim]
        return [self.send(self.assertion(payload=json.dumps(claims)))]

    def with_signature(self, make):
        """Send assertions whose signatures were made from the right one."""
        head, _, signature = self.assertion().rpartition(".")
        return [self.send(f"{head}.{base64url(one)}") for one in make(from_base64url(signature))]

    def signed_text(self, payload_text):
        """Send an assertion whose payload part is spelled as given, and signed like that."""
        signing_input = f"{base64url(json.dumps(self.header()))}.{payload_text}"
        return self.send(f"{signing_input}.{base64url(self.key.signer().sign(signing_input.encode()))}")

    def odd_payload(self):
        """Return a payload whose last base64url character has bits to spare."""
        claims = self.claims()
        while len(json.dumps(claims)) % 3 == 0:
            claims["pad"] = claims.get("pad", "") + "x"
        return base64url(json.dumps(claims))

    def patch(self, *jwks):
        operations = [{"op": "replace", "path": "/publicKeys", "value": list(jwks)}]
        return self.sandbox.call("PATCH", f"/{self.client.client_id}", json=operations)

    def register(self, *jwks):
        """Register keys in both ways; what is refused must leave no trace, and must not be quoted."""
        listed, before = self.total(), self.sandbox.call("GET", f"/{self.client.client_id}").json()
        document = {"appType": "web", "clientName": "n", "allowedAuthMethods": ["private_key_jwt"]}
        made = self.sandbox.call("POST", json={**document, "publicKeys": list(jwks)})
        patched = self.patch(*jwks)
        if made.status_code != 201:
            assert self.total() == listed
            assert self.sandbox.call("GET", f"/{self.client.client_id}").json() == before
            quoted = [jwk[name] for jwk in jwks for name in "dkpnx" if jwk.get(name)]
            assert not [value for value in quoted if value in made.text + patched.text]
        return [made, patched]

    def register_each(self, *jwks):
        return [answer for jwk in jwks for answer in self.register(jwk)]

    def total(self):
        return self.sandbox.call("GET", "?totalResults=true&limit=1").json()["totalResults"]

    def ec_jwk(self, **changes):
        return {**self.more[1].public.to_dict(), **changes}

    def rsa_jwk(self, **changes):
        return {**self.keys["RS256"].public.to_dict(), **changes}

    def rsa_of(self, bits):
        n = rsa.generate_private_key(65537, bits).public_key().public_numbers().n.to_bytes((bits + 7) // 8, "big")
        return self.register({**NEW_KEY, "kty": "RSA", "alg": "RS256", "n": base64url(n), "e": "AQAB"})

    def ec_on(self, curve, crv):
        point = ec.generate_private_key(curve).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        x, y = point[1 : len(point) // 2 + 1], point[len(point) // 2 + 1 :]
        jwk = {**NEW_KEY, "kty": "EC", "alg": "ES384", "x": base64url(x), "y": base64url(y)}
        return self.register_each({**jwk, "crv": crv}, {**jwk, "crv": "P-384"})


class Cases(Bench):
    def repeated_parameter(self):
        assertion = self.assertion()
        body = urlencode([*self.parameters(assertion).items(), ("client_assertion", assertion)])
        repeated = json.dumps(self.parameters(assertion))[:-1] + f', "client_assertion": "{assertion}"}}'
        form, document = "application/x-www-form-urlencoded", "application/json"
        return [
            self.post(content=content, headers={"content-type": kind})
            for content, kind in ((body, form), (repeated, document))
        ]

    def two_auth_methods(self):
        basic = (self.client.client_id, "x")
        return [self.send(client_secret="x"), self.post(data=self.parameters(self.assertion()), auth=basic)]

    def first_key_of_two(self, index=0):
        self.client = self.sandbox.client(self.key, self.more[0])
        return [self.send(self.assertion(key=[self.key, self.more[0]][index]))]

    def second_key_of_two(self):
        return self.first_key_of_two(1)

    def unknown_client(self):
        unknown = secrets.token_hex(16)
        return [self.send(self.assertion(iss=unknown, sub=unknown), **one) for one in ({}, {"client_id": unknown})]

    def deleted_client(self):
        assert self.send().status_code == 200
        confirm = {"qlik-confirm-delete": self.client.client_id}
        assert self.sandbox.call("DELETE", f"/{self.client.client_id}", headers=confirm).status_code == 204
        return [self.send()]

    def jti_replayed(self):
        assertion = self.assertion()
        assert self.send(assertion).status_code == 200
        over = self.assertion(jti=self.claims()["jti"], exp=self.now - 1)
        return [self.send(one) for one in (assertion, over, assertion)]

    def jti_replayed_interleaved(self):
        first, second = self.assertion(), self.assertion()
        assert [self.send(one).status_code for one in (first, second)] == [200, 200]
        return [self.send(first)]

    def jti_replayed_concurrently(self):
        assertion = self.assertion()
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: self.send(assertion), range(16)))
        refused = [answer for answer in answers if answer.status_code != 200]
        assert len(refused) == 15
        return refused

    def jti_same_other_client(self):
        first = self.send(self.assertion(jti="one jti"))
        self.client = self.sandbox.client(self.key)
        return [first, self.send(self.assertion(jti="one jti"))]

    def jti_not_burnt_by_bad_signature(self):
        claims = json.dumps(self.claims())
        forger = self.more[3] if self.key.alg == "ES384" else self.keys["forger"]
        assert self.send(sign(forger, claims, self.header())).status_code == 401
        return [self.send(self.assertion(payload=claims))]

    def claims_duplicate_name(self):
        claims = self.claims()
        return [self.send(self.assertion(payload=f'{json.dumps(claims)[:-1]}, "sub": "{claims["sub"]}"}}'))]

    def header_duplicate_name(self):
        header = f'{{"alg": "none", "alg": "{self.key.alg}", "kid": "{self.key.kid}"}}'
        return [self.send(self.assertion(header=header))]

    def kid_of_other_client(self):
        self.sandbox.client(self.more[2])
        return [self.send(self.assertion(key=self.more[2]))]

    def kid_of_removed_key(self):
        assert self.send().status_code == 200
        assert self.patch(self.more[2].public.to_dict()).status_code == 204
        assert self.send(self.assertion(key=self.more[2])).status_code == 200
        return [self.send()]

    def alg_none(self, alg="none"):
        signing_input = f"{base64url(json.dumps(self.header(alg=alg)))}.{base64url(json.dumps(self.claims()))}"
        return [self.send(f"{signing_input}{end}") for end in (".", "", f".{base64url('x')}")]

    def alg_none_mixed_case(self):
        return self.alg_none("nOnE")

    def alg_hs256_with_public_key(self):
        public = (ECKey if self.key.alg == "ES384" else RSAKey).import_key(self.key.public.to_dict())
        jwk = json.dumps(self.key.public.to_dict()).encode()
        answers = []
        for secret in (public.as_pem(private=False), public.as_der(private=False), jwk):
            signing_input = f"{base64url(json.dumps(self.header(alg='HS256')))}.{base64url(json.dumps(self.claims()))}"
            mac = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
            answers.append(self.send(f"{signing_input}.{base64url(mac)}"))
        return answers

    def alg_not_registered(self):
        """A key that was registered for one RSA algorithm signs by the other, correctly."""
        registered, other = self.keys["RS256"], self.keys["RS256 as RS512"]
        self.client = self.sandbox.client(registered)
        return [self.send(self.assertion(key=other, header={"alg": "RS512", "kid": registered.kid}))]

    def alg_kty_mismatch(self):
        registered = self.keys["RS256"]
        self.client = self.sandbox.client(registered)
        header = {"alg": "ES384", "kid": registered.kid}
        return [self.send(self.assertion(key=key, header=header)) for key in (self.more[0], registered)]

    def embedded_jwk(self):
        attacker = self.more[3]
        own = {"alg": "ES384", "jwk": attacker.public.to_dict()}
        headers = ({**own, "kid": self.key.kid}, {**own, "kid": attacker.kid}, own)
        answers = [self.send(self.assertion(key=attacker, header=header)) for header in headers]
        return answers + self.with_header(jwk=self.key.public.to_dict())

    def embedded_jku_x5u_x5c(self):
        with socket.socket() as trap:
            trap.bind(("127.0.0.1", 0))
            trap.listen()
            trap.setblocking(False)
            address = f"http://127.0.0.1:{trap.getsockname()[1]}/x"
            values = {"jku": address, "x5u": address, "x5c": ["MAA="]}
            answers = [self.send(self.assertion(header=self.header(**{name: value}))) for name, value in values.items()]
            with pytest.raises(BlockingIOError):  # no connection has come
                trap.accept()
        return answers

    def malformed(self):
        header, payload, signature = self.assertion().split(".")
        parts = [f".{payload}.{signature}", f"{header}..{signature}", f"{header}.{payload}"]
        return [self.send(text) for text in ["..", ".", "x", "...", "é.é.é", *parts]]

    def payload_altered(self):
        header, _, signature = self.assertion().split(".")
        return [self.send(f"{header}.{base64url(json.dumps(self.claims(foo='bar')))}.{signature}")]

    def json_serialization(self):
        header, payload, signature = self.assertion().split(".")
        flattened = {"payload": payload, "protected": header, "signature": signature}
        general = {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
        forms = [self.send(json.dumps(one)) for one in (flattened, general)]
        return forms + [self.post(json=self.parameters(one)) for one in (flattened, general)]

    def base64_padding(self):
        payload = self.odd_payload()
        return [self.signed_text(payload + "=" * (-len(payload) % 4)), self.send(f"{self.assertion()}=")]

    def base64_space(self):
        payload = base64url(json.dumps(self.claims()))
        spaced = [self.signed_text(f"{payload[:9]}{blank}{payload[9:]}") for blank in " \n\t"]
        return [*spaced, self.send(f" {self.assertion()}")]

    def base64_unused_bits(self):
        payload = self.odd_payload()
        alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
        altered = payload[:-1] + alphabet[alphabet.index(payload[-1]) + 1]
        assert from_base64url(altered) == from_base64url(payload)
        return [self.signed_text(altered)]

    def es384_signature_der(self):
        def make(one):
            return [encode_dss_signature(int.from_bytes(one[:48], "big"), int.from_bytes(one[48:], "big"))]

        return self.with_signature(make)

    def es384_signature_short(self):
        """Cut at the end, at the start, in both halves; and a leading zero left out, which changes no number."""
        answers = self.with_signature(lambda one: [one[:-1], one[1:], one[1:48] + one[49:], one[:48], b"\0" * 95])
        while True:
            head, _, signature = self.assertion().rpartition(".")
            raw = from_base64url(signature)
            if raw[0] == 0:
                return [*answers, self.send(f"{head}.{base64url(raw[1:])}")]

    def es384_signature_long(self):
        return self.with_signature(lambda one: [b"\0" + one, one + b"\0", b"\0" + one[:48] + b"\0" + one[48:]])

    def oversized(self):
        huge = self.parameters(self.assertion(foo="x" * 2**20))
        return [self.post(data=huge), self.post(json=huge), self.send(self.assertion(foo="x" * 9000))]

    def key_roca(self):
        (group,) = [one for one in vector_groups("json_web_key_test") if one["comment"] == "jws_rsa_roca_key"]
        (public,) = group["public"].get("keys", [group["public"]])
        return self.register({**NEW_KEY, "kty": "RSA", "alg": "RS256", "n": public["n"], "e": public["e"]})

    def key_point_off_curve(self):
        y = bytearray(from_base64url(self.ec_jwk()["y"]))
        y[-1] ^= 1
        nowhere = base64url(bytes(48))
        return self.register_each(self.ec_jwk(y=base64url(bytes(y))), self.ec_jwk(x=nowhere, y=nowhere))

    def key_private_member(self):
        whole_ec, whole_rsa = (json.loads(key.reveal("jwk")) for key in (self.more[1], self.keys["RS256"]))
        parts = [self.rsa_jwk(**{name: whole_rsa[name]}) for name in ("d", "p", "q", "dp", "dq", "qi")]
        answers = self.register_each(whole_ec, whole_rsa, *parts)
        assert all("private" in answer.json()["errors"][0]["detail"] for answer in answers)
        return answers

    def key_missing_member(self):
        whole = [(self.rsa_jwk(), name) for name in "ne"] + [(self.ec_jwk(), name) for name in "xy"]
        return self.register_each(*({key: value for key, value in jwk.items() if key != name} for jwk, name in whole))

    def key_not_base64url(self):
        n, x = self.rsa_jwk()["n"], self.ec_jwk()["x"]
        wrong = (f"{n}=", f"{n}==", f"+{n[1:]}", f"/{n[1:]}", f"{n[:5]}\n{n[5:]}")
        points = (self.ec_jwk(x=one) for one in (f"+{x[1:]}", f"{x}="))
        return self.register_each(*(self.rsa_jwk(n=one) for one in wrong), *points)

    def key_no_kid(self):
        without = {name: value for name, value in self.ec_jwk().items() if name != "kid"}
        return self.register_each(without, self.ec_jwk(kid=""), self.ec_jwk(kid=7))

    def key_same_under_new_kid(self):
        old = self.key.public.to_dict()
        new = {**old, "kid": "a new name"}
        return [self.patch(*keys) for keys in ([new], [old, new], [new, old])]


TABLE = {
    "baseline": lambda b: [b.send()],
    "exp-at-limit": lambda b: b.with_claims(exp=b.now + 300),
    "nbf-8s-future": lambda b: b.with_claims(nbf=b.now + 8, iat=b.now + 8),
    "extra-claim": lambda b: b.with_claims(foo="bar"),
    "json-body": lambda b: [b.post(json=b.parameters(b.assertion()))],
    "aud-array-with-endpoint": lambda b: b.with_claims(aud=[b.endpoint, OTHER]) + b.with_claims(aud=[b.endpoint]),
    "aud-is-issuer": lambda b: b.with_claims(aud=b.sandbox.tenant.base_url),
    "exp-float": lambda b: b.with_claims(exp=b.now + 60.5),
    "typ-absent": lambda b: [b.send(b.assertion(header={"alg": b.key.alg, "kid": b.key.kid}))],
    "typ-client-authentication": lambda b: b.with_header(typ="client-authentication+jwt"),
    "no-assertion": lambda b: [b.send(remove=["client_assertion"]), b.send("")],
    "type-missing": lambda b: [b.send(remove=["client_assertion_type"])],
    "type-wrong": lambda b: [b.send(client_assertion_type="urn:ietf:params:oauth:client-assertion-type:saml2-bearer")],
    "client-id-mismatch": lambda b: [b.send(client_id=b.sandbox.client(b.more[0]).client_id)],
    **{f"no-{claim}": partial(Cases.without, claim=claim) for claim in ("iss", "sub", "aud", "jti", "exp", "iat")},
    "wrong-iss": lambda b: b.with_claims(iss=b.sandbox.client(b.more[0]).client_id),
    "wrong-sub": lambda b: b.with_claims(sub=b.sandbox.client(b.more[0]).client_id),
    "wrong-aud": lambda b: b.with_claims(aud=f"{OTHER}/oauth/token"),
    "aud-trailing-slash": lambda b: b.with_claims(aud=f"{b.endpoint}/"),
    "aud-case": lambda b: b.with_claims(aud=b.endpoint.replace("acme", "ACME")),
    "aud-http": lambda b: b.with_claims(aud=b.endpoint.replace("https://", "http://")),
    "aud-other-tenant": lambda b: b.with_claims(aud=b.endpoint.replace("acme", "other")),
    "aud-empty-array": lambda b: b.with_claims(aud=[]),
    "aud-array-without-endpoint": lambda b: b.with_claims(aud=[OTHER]),
    "aud-array-non-string": lambda b: b.with_claims(aud=[b.endpoint, 1]),
    "aud-object": lambda b: b.with_claims(aud={b.endpoint: 1}),
    "exp-5-min-past": lambda b: b.with_claims(exp=b.now - 300, iat=b.now - 420),
    "exp-now": lambda b: b.with_claims(exp=b.now, iat=b.now - 60),
    "exp-too-far": lambda b: b.with_claims(exp=b.now + 301),
    "exp-a-day": lambda b: b.with_claims(exp=b.now + 90000),
    "exp-string": lambda b: b.with_claims(exp=str(b.now + 60)),
    "exp-true": lambda b: b.with_claims(exp=True),
    "exp-huge": lambda b: b.with_claims(exp=1e30) + b.with_claims(exp=10**400),
    "exp-nan": lambda b: b.with_claims(exp=float("nan")) + b.with_claims(exp=float("inf")),
    "exp-before-iat": lambda b: b.with_claims(iat=b.now, exp=b.now - 1) + b.with_claims(iat=b.now + 9, exp=b.now + 8),
    "iat-over-60s-future": lambda b: b.with_claims(iat=b.now + 61, nbf=b.now + 61, exp=b.now + 120),
    "nbf-over-60s-future": lambda b: b.with_claims(nbf=b.now + 61),
    "jti-empty": lambda b: b.with_claims(jti=""),
    "jti-not-string": lambda b: b.with_claims(jti=5),
    "sub-not-string": lambda b: b.with_claims(sub=5),
    "payload-array": lambda b: [b.send(b.assertion(payload="[1]"))],
    "payload-empty": lambda b: [b.send(b.assertion(payload=""))],
    "no-kid": lambda b: [b.send(b.assertion(header={"alg": b.key.alg, "typ": "JWT"}))],
    "kid-unknown": lambda b: b.with_header(kid="other"),
    "alg-not-allowed": lambda b: b.with_header(alg="PS256"),
    "crit-unknown": lambda b: b.with_header(crit=["x"], x=1),
    "b64-false": lambda b: b.with_header(b64=False, crit=["b64"]) + b.with_header(b64=False),
    "typ-at-jwt": lambda b: b.with_header(typ="at+jwt") + b.with_header(typ="application/at+jwt"),
    "header-json-null": lambda b: [b.send(b.assertion(header="null"))],
    "signature-altered": lambda b: b.with_signature(
        lambda one: [bytes([one[0] ^ 1]) + one[1:], one[:-1] + bytes([one[-1] ^ 128])]
    ),
    "signature-missing": lambda b: b.with_signature(lambda _: [b""]),
    "extra-part": lambda b: [b.send(f"{b.assertion()}.x"), b.send(f"{b.assertion()}.")],
    **{f"key-rsa-{bits}": partial(Cases.rsa_of, bits=bits) for bits in (1024, 2047)},
    "key-exponent-1": lambda b: b.register(b.rsa_jwk(e="AQ")),
    "key-p256": lambda b: b.ec_on(ec.SECP256R1(), "P-256"),
    "key-alg-curve-mismatch": lambda b: b.ec_on(ec.SECP521R1(), "P-521"),
    "key-private-on-unknown-curve": lambda b: b.register(b.ec_jwk(crv="X-999", d="c2VjcmV0LW51bWJlcg")),
    "key-symmetric": lambda b: b.register({**NEW_KEY, "kty": "oct", "alg": "HS256", "k": "c2VjcmV0"}),
    "key-use-enc": lambda b: b.register(b.ec_jwk(use="enc")),
    "key-ops-wrong": lambda b: b.register_each(b.ec_jwk(key_ops=["sign"]), b.ec_jwk(key_ops=["verify"])),
    "key-duplicate-kid": lambda b: b.register(b.ec_jwk(kid="k"), {**b.more[2].public.to_dict(), "kid": "k"}),
    "key-shared-by-clients": lambda b: [*b.register(b.key.public.to_dict()), b.send()],
}


def builder(case):
    return TABLE.get(case) or getattr(Cases, case.replace("-", "_"))


def test_each_case_of_the_file_has_a_builder_and_each_policy_case_a_decision():
    methods = {name.replace("_", "-") for name in vars(Cases) if not name.startswith("_")}
    assert set(TABLE) | methods == set(CASES)
    assert set(POLICY) == {name for name, expect in CASES.items() if expect == "policy"}


@pytest.fixture(scope="session")
def bench_keys(client_keys, more_keys):
    rsa_key = client_keys["RS256"]
    return {
        **client_keys,
        "more": more_keys,
        "forger": qk.generate(qk.KeySpec("RS256", bits=2048)),
        "RS256 as RS512": qk.PrivateKey.from_pem(rsa_key.reveal(), alg="RS512", kid=rsa_key.kid),
    }


RUNS = [(case, alg) for case in CASES for alg in ("RS256", "ES384")]
ONCE = [(case, alg) for case, alg in RUNS if alg == "ES384" or not case.startswith(("key-", "es384-"))]


@pytest.mark.parametrize(("case", "alg"), [*ONCE, ("baseline", "RS512")])
def test_case(case, alg, http_door, bench_keys):
    answers = builder(case)(Cases(http_door, bench_keys[alg], bench_keys))
    expected = POLICY[case][0] if case in POLICY else CASES[case]
    assert answers
    for answer in answers:
        if expected == "accept":
            assert answer.status_code in ACCEPTED, answer.text
        else:
            assert 400 <= answer.status_code < 500, answer.text
            (error,) = answer.json()["errors"]
            assert error["code"]
            assert error["title"]
            assert case != "aud-is-issuer" or "token endpoint" in error["detail"]
