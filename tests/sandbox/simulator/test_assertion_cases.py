"""All of assertion-cases.json against the sandbox's token and registration endpoints, over real HTTP.

`TABLE` maps each case's id to how it is built. A builder answers with all the responses that must have the case's
verdict; what else it needs on the way, it asserts itself. `POLICY` holds the decision, and its reason, where the
sources of the file differ. The token cases run with a key of each algorithm.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
from base64 import urlsafe_b64decode
from concurrent.futures import ThreadPoolExecutor
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
    "exp-float": ("accept", "RFC 7519 2 allows fractions, and nobody is safer without them; the product emits none"),
    "key-roca": ("reject", "such a key can be factored from its public half"),
    "key-ops-wrong": ("reject", "the contract lists the members of a JWK, and key_ops is none of them"),
    "key-shared-by-clients": (
        "accept",
        "no rule forbids it, and to refuse it would hide a client that was made twice after a lost answer",
    ),
}
ACCEPTED = {200, 201, 204}
OTHER = "https://other.example"


class Bench:
    """One case at work: a client with one key, and everything about its login that can be changed."""

    def __init__(self, sandbox, key, keys):
        self.sandbox = sandbox
        self.key = key
        self.keys = keys
        self.more = keys["more"]
        self.now = sandbox.now()
        self.endpoint = sandbox.token_url
        self.client = sandbox.client(key)

    def header(self, key=None, **changes):
        key = key or self.key
        return {"alg": key.alg, "kid": key.kid, "typ": "JWT", **changes}

    def claims(self, *, remove=(), **changes):
        claims = {**self.sandbox.claims(self.client.client_id), **changes}
        return {name: value for name, value in claims.items() if name not in remove}

    def assertion(self, *, key=None, header=None, payload=None, remove=(), **changes):
        key = key or self.key
        payload = json.dumps(self.claims(remove=remove, **changes)) if payload is None else payload
        return sign(key, payload, self.header(key) if header is None else header)

    def parameters(self, assertion, **changes):
        return {
            "grant_type": "client_credentials",
            "client_id": self.client.client_id,
            "client_assertion": assertion,
            "client_assertion_type": ASSERTION_TYPE,
            **changes,
        }

    def send(self, assertion=None, *, remove=(), **changes):
        sent = self.parameters(self.assertion() if assertion is None else assertion, **changes)
        return self.sandbox.http.post("/oauth/token", data={n: v for n, v in sent.items() if n not in remove})

    def with_claims(self, **changes):
        return [self.send(self.assertion(**changes))]

    def with_header(self, **changes):
        return [self.send(self.assertion(header=self.header(**changes)))]

    def without(self, claim):
        return [self.send(self.assertion(remove=[claim]))]

    def with_signature(self, make):
        """Send assertions whose signatures were made from the right one."""
        head, _, signature = self.assertion().rpartition(".")
        return [self.send(f"{head}.{base64url(one)}") for one in make(from_base64url(signature))]

    def signed_text(self, payload_text):
        """Send an assertion whose payload part is spelled as given, and signed like that."""
        signing_input = f"{base64url(json.dumps(self.header()))}.{payload_text}"
        return self.send(f"{signing_input}.{base64url(self.key.signer().sign(signing_input.encode()))}")

    def register(self, *jwks):
        """Register keys in both ways; what is refused must leave no trace, and must not be quoted."""
        listed = self.total()
        before = self.sandbox.call("GET", f"/{self.client.client_id}").json()
        document = {"appType": "web", "clientName": "n", "allowedAuthMethods": ["private_key_jwt"]}
        made = self.sandbox.call("POST", json={**document, "publicKeys": list(jwks)})
        patch = [{"op": "replace", "path": "/publicKeys", "value": list(jwks)}]
        patched = self.sandbox.call("PATCH", f"/{self.client.client_id}", json=patch)
        if made.status_code != 201:
            assert self.total() == listed
            assert self.sandbox.call("GET", f"/{self.client.client_id}").json() == before
            for jwk in jwks:
                for value in (jwk.get("d"), jwk.get("k"), jwk.get("p"), jwk.get("n"), jwk.get("x")):
                    assert not value or (value not in made.text and value not in patched.text)
        return [made, patched]

    def total(self):
        return self.sandbox.call("GET", "?totalResults=true&limit=1").json()["totalResults"]

    def ec_jwk(self, **changes):
        return {**self.more[1].public.to_dict(), **changes}

    def rsa_jwk(self, **changes):
        return {**self.keys["RS256"].public.to_dict(), **changes}


def from_base64url(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def json_body(b):
    return [b.sandbox.http.post("/oauth/token", json=b.parameters(b.assertion()))]


def two_keys(b, index):
    b.client = b.sandbox.client(b.key, b.more[0])
    return [b.send(b.assertion(key=[b.key, b.more[0]][index]))]


def repeated_parameter(b):
    assertion = b.assertion()
    body = urlencode([*b.parameters(assertion).items(), ("client_assertion", assertion)])
    form = {"content-type": "application/x-www-form-urlencoded"}
    repeated_name = json.dumps(b.parameters(assertion))[:-1] + f', "client_assertion": "{assertion}"}}'
    return [
        b.sandbox.http.post("/oauth/token", content=body, headers=form),
        b.sandbox.http.post("/oauth/token", content=repeated_name, headers={"content-type": "application/json"}),
    ]


def unknown_client(b):
    unknown = secrets.token_hex(16)
    return [
        b.send(b.assertion(iss=unknown, sub=unknown)),
        b.send(b.assertion(iss=unknown, sub=unknown), client_id=unknown),
    ]


def deleted_client(b):
    assert b.send().status_code == 200
    confirm = {"qlik-confirm-delete": b.client.client_id}
    assert b.sandbox.call("DELETE", f"/{b.client.client_id}", headers=confirm).status_code == 204
    return [b.send()]


def replayed(b):
    assertion = b.assertion()
    assert b.send(assertion).status_code == 200
    return [b.send(assertion), b.send(b.assertion(jti=b.claims()["jti"], exp=b.now - 1)), b.send(assertion)]


def replayed_interleaved(b):
    first, second = b.assertion(), b.assertion()
    assert [b.send(one).status_code for one in (first, second)] == [200, 200]
    return [b.send(first)]


def replayed_concurrently(b):
    assertion = b.assertion()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: b.send(assertion), range(16)))
    accepted = [answer for answer in answers if answer.status_code == 200]
    assert len(accepted) == 1
    return [answer for answer in answers if answer.status_code != 200]


def same_jti_other_client(b):
    jti = "one jti"
    first = b.send(b.assertion(jti=jti))
    b.client = b.sandbox.client(b.key)
    return [first, b.send(b.assertion(jti=jti))]


def not_burnt_by_bad_signature(b):
    claims = json.dumps(b.claims())
    forged = sign(b.more[3] if b.key.alg == "ES384" else b.keys["forger"], claims, b.header())
    assert b.send(forged).status_code == 401
    return [b.send(b.assertion(payload=claims))]


def duplicate_claim(b):
    claims = b.claims()
    return [b.send(b.assertion(payload=f'{json.dumps(claims)[:-1]}, "sub": "{claims["sub"]}"}}'))]


def duplicate_header(b):
    return [b.send(b.assertion(header=f'{{"alg": "none", "alg": "{b.key.alg}", "kid": "{b.key.kid}"}}'))]


def kid_of_other_client(b):
    b.sandbox.client(b.more[2])
    return [b.send(b.assertion(key=b.more[2]))]


def kid_of_removed_key(b):
    assert b.send().status_code == 200
    patch = [{"op": "replace", "path": "/publicKeys", "value": [b.more[2].public.to_dict()]}]
    assert b.sandbox.call("PATCH", f"/{b.client.client_id}", json=patch).status_code == 204
    assert b.send(b.assertion(key=b.more[2])).status_code == 200
    return [b.send()]


def unsigned(b, alg):
    signing_input = f"{base64url(json.dumps(b.header(alg=alg)))}.{base64url(json.dumps(b.claims()))}"
    return [b.send(f"{signing_input}."), b.send(signing_input), b.send(f"{signing_input}.{base64url('x')}")]


def symmetric_confusion(b):
    public = (ECKey if b.key.alg == "ES384" else RSAKey).import_key(b.key.public.to_dict())
    answers = []
    for secret in (
        public.as_pem(private=False),
        public.as_der(private=False),
        json.dumps(b.key.public.to_dict()).encode(),
    ):
        signing_input = f"{base64url(json.dumps(b.header(alg='HS256')))}.{base64url(json.dumps(b.claims()))}"
        mac = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
        answers.append(b.send(f"{signing_input}.{base64url(mac)}"))
    return answers


def alg_not_registered(b):
    """A key that was registered for one RSA algorithm signs by the other, correctly."""
    registered, other = b.keys["RS256"], b.keys["RS256 as RS512"]
    b.client = b.sandbox.client(registered)
    return [b.send(b.assertion(key=other, header={"alg": "RS512", "kid": registered.kid}))]


def alg_kty_mismatch(b):
    b.client = b.sandbox.client(b.keys["RS256"])
    header = {"alg": "ES384", "kid": b.keys["RS256"].kid}
    return [b.send(b.assertion(key=b.more[0], header=header)), b.send(b.assertion(key=b.keys["RS256"], header=header))]


def embedded_jwk(b):
    attacker = b.more[3]
    jwk = attacker.public.to_dict()
    return [
        b.send(b.assertion(key=attacker, header={"alg": "ES384", "kid": b.key.kid, "jwk": jwk})),
        b.send(b.assertion(key=attacker, header={"alg": "ES384", "kid": attacker.kid, "jwk": jwk})),
        b.send(b.assertion(key=attacker, header={"alg": "ES384", "jwk": jwk})),
        b.send(b.assertion(header=b.header(jwk=b.key.public.to_dict()))),
    ]


def remote_keys(b):
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.setblocking(False)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/x"
        values = {"jku": address, "x5u": address, "x5c": ["MAA="]}
        answers = [b.send(b.assertion(header=b.header(**{name: value}))) for name, value in values.items()]
        with pytest.raises(BlockingIOError):  # nobody has knocked
            trap.accept()
    return answers


def malformed(b):
    header, payload, signature = b.assertion().split(".")
    texts = ["..", ".", "x", "...", f".{payload}.{signature}", f"{header}..{signature}", f"{header}.{payload}", "é.é.é"]
    return [b.send(text) for text in texts]


def payload_altered(b):
    header, _, signature = b.assertion().split(".")
    return [b.send(f"{header}.{base64url(json.dumps(b.claims(foo='bar')))}.{signature}")]


def json_serialization(b):
    header, payload, signature = b.assertion().split(".")
    flattened = {"payload": payload, "protected": header, "signature": signature}
    general = {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
    return [b.send(json.dumps(flattened)), b.send(json.dumps(general))] + [
        b.sandbox.http.post("/oauth/token", json=b.parameters(one)) for one in (flattened, general)
    ]


def odd_payload(b):
    """A payload whose last base64url character has bits to spare."""
    claims = b.claims()
    while len(json.dumps(claims)) % 3 == 0:
        claims["pad"] = claims.get("pad", "") + "x"
    return json.dumps(claims)


def padded(b):
    payload = base64url(odd_payload(b))
    header, plain, signature = b.assertion().split(".")
    return [b.signed_text(payload + "=" * (-len(payload) % 4)), b.send(f"{header}.{plain}.{signature}=")]


def spaced(b):
    payload = base64url(json.dumps(b.claims()))
    return [b.signed_text(f"{payload[:9]}{blank}{payload[9:]}") for blank in " \n\t"] + [b.send(f" {b.assertion()}")]


def unused_bits(b):
    payload = base64url(odd_payload(b))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    altered = payload[:-1] + alphabet[alphabet.index(payload[-1]) + 1]
    assert from_base64url(altered) == from_base64url(payload)
    return [b.signed_text(altered)]


def on_p384(make):
    """A builder for a client whose key is on P-384, whatever the run's algorithm."""

    def build(b):
        b.key = b.keys["ES384"]
        b.client = b.sandbox.client(b.key)
        return make(b)

    return build


def halves(signature):
    return signature[:48], signature[48:]


def der_form(b):
    def make(signature):
        r, s = (int.from_bytes(half, "big") for half in halves(signature))
        return [encode_dss_signature(r, s)]

    return b.with_signature(make)


def short_signature(b):
    """Cut at the end, at the start, in both halves; and a leading zero left out, which changes no number."""
    answers = b.with_signature(lambda one: [one[:-1], one[1:], one[1:48] + one[49:], one[:48], b"\0" * 95])
    while True:
        assertion = b.assertion()
        head, _, signature = assertion.rpartition(".")
        raw = from_base64url(signature)
        if raw[0] == 0:
            return [*answers, b.send(f"{head}.{base64url(raw[1:])}")]


def long_signature(b):
    def make(signature):
        r, s = halves(signature)
        return [b"\0" + signature, signature + b"\0", b"\0" + r + b"\0" + s]

    return b.with_signature(make)


def oversized(b):
    answers = [b.send(b.assertion(foo="x" * 2**20)), json_body_of(b, b.assertion(foo="x" * 2**20))]
    return [*answers, b.send(b.assertion(foo="x" * 9000))]


def json_body_of(b, assertion):
    return b.sandbox.http.post("/oauth/token", json=b.parameters(assertion))


def rsa_of(bits):
    def build(b):
        numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
        n = numbers.n.to_bytes((bits + 7) // 8, "big")
        return b.register({"kid": "k", "kty": "RSA", "alg": "RS256", "use": "sig", "n": base64url(n), "e": "AQAB"})

    return build


def ec_on(curve, crv):
    def build(b):
        point = ec.generate_private_key(curve).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        x, y = point[1 : len(point) // 2 + 1], point[len(point) // 2 + 1 :]
        jwk = {"kid": "k", "kty": "EC", "alg": "ES384", "use": "sig", "x": base64url(x), "y": base64url(y)}
        return b.register({**jwk, "crv": crv}) + b.register({**jwk, "crv": "P-384"})

    return build


def roca(b):
    (group,) = [one for one in vector_groups("json_web_key_test") if one["comment"] == "jws_rsa_roca_key"]
    (public,) = group["public"].get("keys", [group["public"]])
    return b.register({"kid": "k", "kty": "RSA", "alg": "RS256", "use": "sig", "n": public["n"], "e": public["e"]})


def off_curve(b):
    y = bytearray(from_base64url(b.ec_jwk()["y"]))
    y[-1] ^= 1
    return b.register(b.ec_jwk(y=base64url(bytes(y)))) + b.register(
        b.ec_jwk(x=base64url(bytes(48)), y=base64url(bytes(48)))
    )


def private_members(b):
    whole_ec = json.loads(b.more[1].reveal("jwk"))
    whole_rsa = json.loads(b.keys["RS256"].reveal("jwk"))
    answers = b.register(whole_ec) + b.register(whole_rsa)
    for name in ("d", "p", "q", "dp", "dq", "qi"):
        answers += b.register(b.rsa_jwk(**{name: whole_rsa[name]}))
    assert all("private" in answer.json()["errors"][0]["detail"] for answer in answers)
    return answers


def missing_members(b):
    answers = []
    for jwk, names in ((b.rsa_jwk(), "ne"), (b.ec_jwk(), "xy")):
        for name in names:
            answers += b.register({key: value for key, value in jwk.items() if key != name})
    return answers


def not_base64url(b):
    n, x = b.rsa_jwk()["n"], b.ec_jwk()["x"]
    answers = []
    for jwk in (
        b.rsa_jwk(n=f"{n}="),
        b.rsa_jwk(n=f"{n}=="),
        b.rsa_jwk(n=f"+{n[1:]}"),
        b.rsa_jwk(n=f"/{n[1:]}"),
        b.rsa_jwk(n=f"{n[:5]}\n{n[5:]}"),
        b.ec_jwk(x=f"+{x[1:]}"),
        b.ec_jwk(x=f"{x}="),
    ):
        answers += b.register(jwk)
    return answers


def same_key_new_kid(b):
    old = b.key.public.to_dict()
    new = {**old, "kid": "a new name"}
    patches = [[{"op": "replace", "path": "/publicKeys", "value": value}] for value in ([new], [old, new], [new, old])]
    return [b.sandbox.call("PATCH", f"/{b.client.client_id}", json=patch) for patch in patches]


def shared_by_clients(b):
    jwk = b.key.public.to_dict()
    return [*b.register(jwk), b.send()]


TABLE = {
    "baseline": lambda b: [b.send()],
    "exp-at-limit": lambda b: b.with_claims(exp=b.now + 300),
    "nbf-8s-future": lambda b: b.with_claims(nbf=b.now + 8, iat=b.now + 8),
    "extra-claim": lambda b: b.with_claims(foo="bar"),
    "second-key-of-two": lambda b: two_keys(b, 1),
    "first-key-of-two": lambda b: two_keys(b, 0),
    "json-body": json_body,
    "aud-array-with-endpoint": lambda b: b.with_claims(aud=[b.endpoint, OTHER]) + b.with_claims(aud=[b.endpoint]),
    "aud-is-issuer": lambda b: b.with_claims(aud=b.sandbox.tenant.base_url),
    "exp-float": lambda b: b.with_claims(exp=b.now + 60.5),
    "typ-absent": lambda b: [b.send(b.assertion(header={"alg": b.key.alg, "kid": b.key.kid}))],
    "typ-client-authentication": lambda b: b.with_header(typ="client-authentication+jwt"),
    "no-assertion": lambda b: [b.send(remove=["client_assertion"]), b.send("")],
    "type-missing": lambda b: [b.send(remove=["client_assertion_type"])],
    "type-wrong": lambda b: [b.send(client_assertion_type="urn:ietf:params:oauth:client-assertion-type:saml2-bearer")],
    "client-id-mismatch": lambda b: [b.send(client_id=b.sandbox.client(b.more[0]).client_id)],
    "two-auth-methods": lambda b: [
        b.send(client_secret="x"),
        b.sandbox.http.post("/oauth/token", data=b.parameters(b.assertion()), auth=(b.client.client_id, "x")),
    ],
    "repeated-parameter": repeated_parameter,
    "unknown-client": unknown_client,
    "deleted-client": deleted_client,
    "no-iss": lambda b: b.without("iss"),
    "no-sub": lambda b: b.without("sub"),
    "no-aud": lambda b: b.without("aud"),
    "no-jti": lambda b: b.without("jti"),
    "no-exp": lambda b: b.without("exp"),
    "no-iat": lambda b: b.without("iat"),
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
    "jti-replayed": replayed,
    "jti-replayed-interleaved": replayed_interleaved,
    "jti-replayed-concurrently": replayed_concurrently,
    "jti-same-other-client": same_jti_other_client,
    "jti-not-burnt-by-bad-signature": not_burnt_by_bad_signature,
    "jti-empty": lambda b: b.with_claims(jti=""),
    "jti-not-string": lambda b: b.with_claims(jti=5),
    "sub-not-string": lambda b: b.with_claims(sub=5),
    "payload-array": lambda b: [b.send(b.assertion(payload="[1]"))],
    "payload-empty": lambda b: [b.send(b.assertion(payload=""))],
    "claims-duplicate-name": duplicate_claim,
    "no-kid": lambda b: [b.send(b.assertion(header={"alg": b.key.alg, "typ": "JWT"}))],
    "kid-unknown": lambda b: b.with_header(kid="other"),
    "kid-of-other-client": kid_of_other_client,
    "kid-of-removed-key": kid_of_removed_key,
    "alg-none": lambda b: unsigned(b, "none"),
    "alg-none-mixed-case": lambda b: unsigned(b, "nOnE"),
    "alg-hs256-with-public-key": symmetric_confusion,
    "alg-not-registered": alg_not_registered,
    "alg-not-allowed": lambda b: b.with_header(alg="PS256"),
    "alg-kty-mismatch": alg_kty_mismatch,
    "embedded-jwk": embedded_jwk,
    "embedded-jku-x5u-x5c": remote_keys,
    "crit-unknown": lambda b: b.with_header(crit=["x"], x=1),
    "b64-false": lambda b: b.with_header(b64=False, crit=["b64"]) + b.with_header(b64=False),
    "typ-at-jwt": lambda b: b.with_header(typ="at+jwt") + b.with_header(typ="application/at+jwt"),
    "header-duplicate-name": duplicate_header,
    "header-json-null": lambda b: [b.send(b.assertion(header="null"))],
    "malformed": malformed,
    "signature-altered": lambda b: b.with_signature(
        lambda one: [bytes([one[0] ^ 1]) + one[1:], one[:-1] + bytes([one[-1] ^ 128])]
    ),
    "payload-altered": payload_altered,
    "signature-missing": lambda b: b.with_signature(lambda _: [b""]),
    "extra-part": lambda b: [b.send(f"{b.assertion()}.x"), b.send(f"{b.assertion()}.")],
    "json-serialization": json_serialization,
    "base64-padding": padded,
    "base64-space": spaced,
    "base64-unused-bits": unused_bits,
    "es384-signature-der": on_p384(der_form),
    "es384-signature-short": on_p384(short_signature),
    "es384-signature-long": on_p384(long_signature),
    "oversized": oversized,
    "key-rsa-1024": rsa_of(1024),
    "key-rsa-2047": rsa_of(2047),
    "key-exponent-1": lambda b: b.register(b.rsa_jwk(e="AQ")),
    "key-roca": roca,
    "key-p256": ec_on(ec.SECP256R1(), "P-256"),
    "key-alg-curve-mismatch": ec_on(ec.SECP521R1(), "P-521"),
    "key-point-off-curve": off_curve,
    "key-private-member": private_members,
    "key-private-on-unknown-curve": lambda b: b.register(b.ec_jwk(crv="X-999", d="c2VjcmV0LW51bWJlcg")),
    "key-symmetric": lambda b: b.register({"kid": "k", "kty": "oct", "alg": "HS256", "use": "sig", "k": "c2VjcmV0"}),
    "key-use-enc": lambda b: b.register(b.ec_jwk(use="enc")),
    "key-ops-wrong": lambda b: b.register(b.ec_jwk(key_ops=["sign"])) + b.register(b.ec_jwk(key_ops=["verify"])),
    "key-no-kid": lambda b: (
        b.register({n: v for n, v in b.ec_jwk().items() if n != "kid"})
        + b.register(b.ec_jwk(kid=""))
        + b.register(b.ec_jwk(kid=7))
    ),
    "key-duplicate-kid": lambda b: b.register(b.ec_jwk(kid="k"), {**b.more[2].public.to_dict(), "kid": "k"}),
    "key-missing-member": missing_members,
    "key-not-base64url": not_base64url,
    "key-same-under-new-kid": same_key_new_kid,
    "key-shared-by-clients": shared_by_clients,
}


def test_the_table_has_every_case_of_the_file_and_no_other():
    assert set(TABLE) == set(CASES)


def test_the_policy_cases_are_all_decided():
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


RUNS = [(case, alg) for case in TABLE for alg in ("RS256", "RS512", "ES384")]
ONCE = [(case, alg) for case, alg in RUNS if alg == "ES384" or not case.startswith(("key-", "es384-"))]


@pytest.mark.parametrize(("case", "alg"), ONCE)
def test_case(case, alg, http_knock, bench_keys):
    answers = TABLE[case](Bench(http_knock, bench_keys[alg], bench_keys))
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


def test_an_audience_that_is_the_issuer_gets_a_hint(http_knock, bench_keys):
    (answer,) = TABLE["aud-is-issuer"](Bench(http_knock, bench_keys["ES384"], bench_keys))
    assert "token endpoint" in answer.json()["errors"][0]["detail"]
