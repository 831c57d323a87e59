"""Key pairs: what is made, in which forms a key is taken, what is refused and why, and what never shows."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import pickle
import shutil
import subprocess
from datetime import date

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PublicFormat, pkcs12
from fixtures.canaries import find_canaries
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto.jwk import JWK

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import KeySpec, PrivateKey, PublicJwk, generate, kid_made_on
from qlik_keys.sandbox.authority import Authority

PKCS8, TRADITIONAL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
OPENSSH = serialization.PrivateFormat.OpenSSH
PRIVATE_NAMES = ("d", "p", "q", "dp", "dq", "qi")
ALL = pytest.mark.parametrize("alg", ["RS256", "RS512", "ES384"])
BOTH = pytest.mark.parametrize("kind", ["rsa", "ec"])


def bytes_of(native, kind=PKCS8, *, passphrase=b"", encoding=Encoding.PEM):
    protection = serialization.BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return native.private_bytes(encoding, kind, protection)


@pytest.fixture(scope="module")
def natives():
    return {"rsa": rsa.generate_private_key(65537, 2048), "ec": ec.generate_private_key(ec.SECP384R1())}


@pytest.fixture(scope="module")
def certificate():
    return x509.load_pem_x509_certificate(Authority().pem)


def native_of(key):
    return serialization.load_pem_private_key(key.reveal().encode(), password=None)


def jwk_of(key):
    return json.loads(key.reveal("jwk"))


def private_jwk(native):
    members = json.loads(JWK.from_pyca(native).export_private())
    del members["kid"]  # jwcrypto's own notion of one
    return members


def only(members, *names):
    return {name: members[name] for name in names}


def one_line(pem):
    return " ".join(pem.decode().split("\n")).strip()


@pytest.mark.parametrize(("alg", "bits"), [("ES384", None), ("RS256", 2048), ("RS512", 3072)])
def test_a_generated_key_is_what_was_asked_for(alg, bits):
    key = generate(KeySpec(alg, bits=bits), made_on=date(2026, 11, 24))
    kty, numbers = ("RSA", {"n", "e"}) if bits else ("EC", {"crv", "x", "y"})
    assert (key.alg, key.public.kty, key.public.bits) == (alg, kty, bits or 384)
    assert key.public.spec == KeySpec(alg, bits=bits)
    assert key.kid == f"2026-11-24_{key.public.thumbprint}"
    assert kid_made_on(key.kid) == date(2026, 11, 24)
    assert set(key.public.to_dict()) == {"kid", "kty", "alg", "use"} | numbers


def test_a_spec_has_defaults_and_refuses_a_kind_that_no_tenant_accepts():
    assert KeySpec("RS256").bits == KeySpec("RS512").bits == 4096
    assert KeySpec() == KeySpec("ES384")
    unsupported = [("RS384", None), ("PS256", None), ("ES256", None), ("EdDSA", None)]
    for alg, bits in [*unsupported, ("RS256", 1024), ("RS256", 2049), ("ES384", 256)]:
        with pytest.raises(KeyMaterialError) as caught:
            KeySpec(alg, bits=bits)
        assert caught.value.hint


@ALL
def test_a_key_survives_pem_and_jwk_and_its_thumbprint_is_jwcryptos(alg, client_keys):
    key, shown = client_keys[alg], jwk_of(client_keys[alg])
    assert PrivateKey.from_pem(key.reveal(), alg=alg, kid=key.kid) == key
    assert PublicJwk.from_jwk(key.public.to_dict()) == key.public
    assert PrivateKey.from_jwk(key.reveal("jwk")) == key
    again = PrivateKey.from_jwk(json.dumps({"keys": [shown]}))
    assert (again, again.kid, again.alg) == (key, key.kid, alg)
    assert {name: shown[name] for name in shown if name not in ("kid", "alg", "use")} == private_jwk(native_of(key))
    assert key.public.thumbprint == JWK.from_pyca(native_of(key)).thumbprint()
    if alg == "RS256":
        assert PrivateKey.from_pem(key.reveal(), alg="RS512").public.to_dict()["alg"] == "RS512"


def test_a_short_number_of_a_p384_key_keeps_its_leading_zeros():
    # RFC 7518 6.2.1.2 requires 48 bytes for it too. The first of these has a short y, the others a short x.
    for scalar in (176, 197, 234):
        document = jwk_of(PrivateKey.from_pem(bytes_of(ec.derive_private_key(scalar, ec.SECP384R1()))))
        assert {len(base64.urlsafe_b64decode(document[name] + "==")) for name in ("x", "y", "d")} == {48}


@ALL
def test_a_signature_is_verified_for_this_key_and_these_bytes_alone(alg, client_keys):
    key = client_keys[alg]
    signature = key.signer().sign(b"data")
    assert key.public.verifies(b"data", signature)
    assert not key.public.verifies(b"date", signature)
    changed = bytes([signature[0] ^ 1]) + signature[1:]
    for wrong in (b"", b"\0" * len(signature), signature[:-1], signature + b"\0", changed):
        assert not key.public.verifies(b"data", wrong)
    others = {**client_keys, alg: generate(KeySpec(alg, bits=None if alg == "ES384" else 2048))}
    assert not any(other.public.verifies(b"data", signature) for other in others.values())


def test_a_private_key_does_not_show_itself(client_keys):
    for key in client_keys.values():
        secrets = [value for member, value in jwk_of(key).items() if member in PRIVATE_NAMES]
        assert not find_canaries(f"{key!r}{key}{key.signer()!r}{[key]}{vars(type(key)).keys()}", secrets)
        assert not hasattr(key, "__dict__")
        for leak in (pickle.dumps, copy.copy, copy.deepcopy, dict, json.dumps, list):
            for value in (key, key.signer()):
                with pytest.raises(TypeError):
                    leak(value)


PUBLIC_HALF = {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}
# Each takes a native key and returns what a user may pass in, all of which are that key.
TAKEN = {
    "PKCS#8": bytes_of,
    "PKCS#1 or SEC1": lambda key: bytes_of(key, TRADITIONAL),
    "line ends of old Macs": lambda key: bytes_of(key).replace(b"\n", b"\r"),
    "line ends written out": lambda key: bytes_of(key).replace(b"\n", b"\\n"),
    "written out, in quotes": lambda key: json.dumps(bytes_of(key).decode()),
    "on one line": lambda key: one_line(bytes_of(key)),
    "without any line end": lambda key: bytes_of(key).decode().replace("\n", ""),
    "indented": lambda key: "".join(f"    {line}\n" for line in bytes_of(key).decode().splitlines()),
    "UTF-8 with a mark": lambda key: b"\xef\xbb\xbf" + bytes_of(key),
    "UTF-16 with a mark": lambda key: bytes_of(key).decode().encode("utf-16"),
    "UTF-16 without a mark": lambda key: bytes_of(key).decode().encode("utf-16-le"),
    "UTF-16 without a mark, big end first": lambda key: bytes_of(key).decode().encode("utf-16-be"),
    "UTF-32": lambda key: bytes_of(key).decode().encode("utf-32"),
    "text around it": lambda key: b"Bag Attributes\n  friendlyName: me\n" + bytes_of(key) + b"\nkeep it safe\n",
    "text in an old encoding": lambda key: b"# clef priv\xe9e\n" + bytes_of(key),
    "DER, PKCS#8": lambda key: bytes_of(key, encoding=Encoding.DER),
    "DER, PKCS#1 or SEC1": lambda key: bytes_of(key, TRADITIONAL, encoding=Encoding.DER),
    "DER in base64": lambda key: base64.b64encode(bytes_of(key, encoding=Encoding.DER)),
    "PEM in base64": lambda key: base64.encodebytes(bytes_of(key)).decode(),
    "JWK": lambda key: json.dumps(private_jwk(key)),
    "JWK in base64url": lambda key: base64.urlsafe_b64encode(json.dumps(private_jwk(key)).encode()).rstrip(b"="),
    "line ends written out twice": lambda key: json.dumps(json.dumps(bytes_of(key).decode())),
    "the label of PKCS#1 around PKCS#8": lambda key: bytes_of(key).replace(b" PRIVATE", b" RSA PRIVATE"),
    "the label of PKCS#8": lambda key: bytes_of(key, TRADITIONAL).replace(b" RSA", b"").replace(b" EC", b""),
    "a set with another's public half": lambda key: json.dumps({"keys": [PUBLIC_HALF, private_jwk(key)]}),
}


@pytest.mark.parametrize("form", TAKEN)
@BOTH
def test_what_has_one_reading_is_taken(form, kind, natives):
    given = TAKEN[form](natives[kind])
    key = PrivateKey.from_pem(given)
    assert native_of(key).private_numbers() == natives[kind].private_numbers()
    assert key.alg == ("RS256" if kind == "rsa" else "ES384")
    if isinstance(given, bytes) and not form.startswith("DER, "):  # a page reads files as text
        assert PrivateKey.from_pem(given.decode("latin-1")) == key


@pytest.mark.parametrize("form", ["PKCS#8", "PKCS#1 or SEC1", "on one line", "written out", "DER"])
@BOTH
def test_what_is_encrypted_is_opened_in_every_form(kind, form, natives):
    encoding = Encoding.DER if form == "DER" else Encoding.PEM
    private_format = TRADITIONAL if form == "PKCS#1 or SEC1" else PKCS8
    given = bytes_of(natives[kind], private_format, passphrase=b"horse", encoding=encoding)
    given = {"on one line": one_line, "written out": lambda pem: pem.replace(b"\n", b"\\n")}.get(form, bytes)(given)
    assert (
        native_of(PrivateKey.from_pem(given, passphrase="horse")).private_numbers() == natives[kind].private_numbers()
    )
    for passphrase, words in ((None, "encrypted"), ("", "encrypted"), ("mule", "is wrong")):
        with pytest.raises(KeyMaterialError, match=words) as caught:
            PrivateKey.from_pem(given, passphrase=passphrase)
        assert "assphrase" in caught.value.hint


def test_of_several_blocks_the_key_is_taken(natives, certificate):
    pem, other = bytes_of(natives["ec"]), certificate.public_bytes(Encoding.PEM)
    parameters = b"-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"
    for blocks in (pem + other, other + pem, parameters + bytes_of(natives["ec"], TRADITIONAL)):
        assert PrivateKey.from_pem(blocks).alg == "ES384"


@pytest.mark.parametrize("names", [("n", "e", "d"), ("kty", "n", "e", "d"), ("kty", "n", "e", "d", "p", "q")])
def test_of_rsa_three_numbers_are_enough_if_they_belong_together(names, natives):
    members = only(private_jwk(natives["rsa"]), *names)
    key = PrivateKey.from_jwk(members)
    assert native_of(key).private_numbers().d == natives["rsa"].private_numbers().d
    assert key.public.verifies(b"data", key.signer().sign(b"data"))
    with pytest.raises(KeyMaterialError, match="damaged") as caught:
        PrivateKey.from_jwk(members | {"d": "AQAB"})
    assert caught.value.__context__ is None


def test_a_key_that_does_not_go_with_its_options_is_refused(natives):
    for native, options, reason in (
        (rsa.generate_private_key(public_exponent=3, key_size=2048), {}, "exponent is 3"),
        (natives["ec"], {"passphrase": "correct horse"}, "not encrypted"),
        (natives["rsa"], {"alg": "ES384"}, "cannot be used with"),
        (natives["ec"], {"kid": f"2026-11-24_{'A' * 43}"}, "thumbprint"),
    ):
        with pytest.raises(KeyMaterialError, match=reason) as caught:
            PrivateKey.from_pem(bytes_of(native), **options)
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_jwk_is_refused_for_its_reason_and_not_quoted(client_keys):
    rsa_jwk, ec_jwk = jwk_of(client_keys["RS256"]), jwk_of(client_keys["ES384"])
    public, point = client_keys["RS256"].public.to_dict(), client_keys["ES384"].public.to_dict()
    cases = [
        (PrivateKey, {**ec_jwk, "crv": "P-256"}, "a curve other than"),
        (PrivateKey, {**rsa_jwk, "e": "AQAA"}, "even"),
        (PrivateKey, {**rsa_jwk, "e": "AQ"}, "exponent is 1"),
        (PrivateKey, {name: value for name, value in rsa_jwk.items() if name != "n"}, "`n`"),
        (PrivateKey, {**rsa_jwk, "n": 5}, "`n`"),
        (PrivateKey, {**rsa_jwk, "n": rsa_jwk["n"] + "="}, "base64url"),
        (PrivateKey, {**rsa_jwk, "d": rsa_jwk["n"]}, "numbers"),
        (PrivateKey, {**rsa_jwk, "alg": "PS256"}, "`alg`"),
        (PrivateKey, "{", "not a JSON"),
        (PrivateKey, "[]", "not a JSON object"),
        *((PublicJwk, document, "private members") for document in (rsa_jwk, ec_jwk, json.dumps(ec_jwk))),
        (PublicJwk, {**public, "kid": ""}, "`kid`"),
        (PublicJwk, {name: value for name, value in public.items() if name != "alg"}, "`alg`"),
        (PublicJwk, {**public, "use": "enc"}, "`use`"),
        (PublicJwk, {**public, "key_ops": ["encrypt"]}, "key_ops"),
        (PublicJwk, {**public, "alg": "ES384"}, "cannot be used with"),
        (PublicJwk, {**point, "y": point["x"]}, "do not form a valid key"),
    ]
    secrets = [ec_jwk["d"], *(rsa_jwk[member] for member in PRIVATE_NAMES)]
    for kind, document, reason in cases:
        with pytest.raises(KeyMaterialError, match=reason) as caught:
            kind.from_jwk(document)
        assert not find_canaries(f"{caught.value!r}{caught.value}", secrets), reason
        assert caught.value.hint, reason
        assert caught.value.__context__ is None, reason


NAMES = ["kty", "n", "e", "d", "crv", "x", "y", "k", "kid", "alg", "use"]
VALUES = st.text() | st.integers() | st.none() | st.lists(st.text())


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.binary(max_size=400) | st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_document_and_any_bytes_give_a_key_or_our_own_error(document, data):
    for load in (PrivateKey.from_jwk, PublicJwk.from_jwk):
        with contextlib.suppress(KeyMaterialError):
            load(document)
    with pytest.raises(KeyMaterialError):
        PrivateKey.from_pem(data)


PGP = b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n-----END PGP PRIVATE KEY BLOCK-----"


def p12(native):
    protection = serialization.BestAvailableEncryption(b"horse")
    return pkcs12.serialize_key_and_certificates(b"x", native, None, None, protection)


def test_what_is_no_key_is_named_with_what_to_do_and_never_quoted(natives, certificate):
    native_rsa, native_ec = natives.values()
    pem, der, spki = Encoding.PEM, Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    public, short = native_rsa.public_key(), rsa.generate_private_key(65537, 1024)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(native_ec, hashes.SHA384())
    jwk, other = private_jwk(native_rsa), private_jwk(native_ec)
    openssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    der_as_text = bytes_of(native_ec, encoding=der).decode("utf-8", "replace")
    account = json.dumps({"type": "service_account", "private_key": bytes_of(native_rsa).decode()})
    cases = {
        "OpenSSH": (bytes_of(native_rsa, OPENSSH), "an OpenSSH private key", "ssh-keygen -p -m pkcs8 -f "),
        "OpenSSH, public": (openssh, "a public key of OpenSSH", "without .pub"),
        "SSH.com": (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n", "SSH.com", "ssh-keygen -i -f"),
        "PuTTY": (b"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPrivate-Lines: 1\n", "PuTTY", "puttygen"),
        "PKCS#12, encrypted": (p12(native_rsa), "PKCS#12", "openssl pkcs12 -in KEY.p12 -nocerts -nodes"),
        "DER read as text": (der_as_text, "binary file (DER, or PKCS#12", "openssl pkey -inform DER"),
        "Java": (b"\xfe\xed\xfe\xed\0\0\0\2", "Java key store", "keytool"),
        "a public key": (public.public_bytes(pem, spki), "public key", "private key's PEM"),
        "a public key in DER": (public.public_bytes(der, spki), "a public key in DER", "private key"),
        "a certificate": (certificate.public_bytes(pem), "a certificate", "private key"),
        "a certificate in DER": (certificate.public_bytes(der), "a certificate in DER", "private key"),
        "a request": (request.public_bytes(pem), "certificate request", "private key"),
        "a request in DER": (request.public_bytes(der), "certificate request in DER", "private key"),
        "two keys": (bytes_of(native_rsa) + bytes_of(native_ec), "2 private keys", "Pass only one"),
        "a set of two": (json.dumps({"keys": [jwk, other]}), "set with 2 keys", "one of them"),
        "an empty set": (json.dumps({"keys": []}), "a JWK set without a key", "this client's key"),
        "a public JWK": (json.dumps(only(other, "kty", "crv", "x", "y")), "public key", "`d`"),
        "a JWE": (json.dumps({"protected": "e30", "ciphertext": "x", "iv": "y"}), "encrypted JWK", "Decrypt"),
        "a service account's file": (account, "in its field private_key", "the value of that field"),
        "a PGP key": (PGP, "PGP", "new key"),
        "DSA": (bytes_of(dsa.generate_private_key(1024)), "DSA", "RS256"),
        "secp256k1": (bytes_of(ec.generate_private_key(ec.SECP256K1())), "secp256k1", "P-384"),
        "Ed25519": (bytes_of(ed25519.Ed25519PrivateKey.generate()), "Ed25519", "RS256"),
        "RSA of 1024 bits": (bytes_of(short), "1024 bits", "2048 bits"),
        "RSA of 1024 bits, JWK": (json.dumps(only(private_jwk(short), "n", "e", "d")), "1024 bits", "2048"),
        "truncated": (bytes_of(native_rsa)[:900], "damaged", "completely"),
        "half of the DER": (bytes_of(native_rsa, encoding=der)[:600], "damaged", "RS256"),
        "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "binary", "RS256"),
        "JSON that is no key": ('{"a": 1}', "kty", "`d`"),
        "nothing": (b" \n", "the input is empty", "file's bytes"),
        "a web page": (b"<!DOCTYPE html><html><title>Sign in</title></html>", "a web page", "save the key itself"),
        "a JWE in five parts": ("eyJhbGciOiJkaXIifQ..a-b.c_d.e", "encrypted JWK", "Decrypt"),
        "a token": ("eyJhbGciOiJFUzM4NCJ9.eyJzdWIiOiJ4In0.c2ln", "a token (a JWT)", "private key"),
        "a file's name": ("/home/ada/keys/client.pem", "a file name", "read_bytes()"),
        "a file's name on Windows": (r"C:\Users\Ada Lovelace\client key.PEM".lower(), "a file name", "read_bytes()"),
        "an address": ("https://acme.example/key.p8", "a file name or an address", "read_bytes()"),
        "Ansible Vault": (b"$ANSIBLE_VAULT;1.1;AES256\n6162\n", "Ansible Vault", "ansible-vault view"),
        "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS", "git lfs pull"),
        "XML": ("<RSAKeyValue><Modulus>AA==</Modulus></RSAKeyValue>", "in XML", "ExportPkcs8PrivateKeyPem"),
        "a symmetric JWK": ('{"kty": "oct", "k": "AAAA"}', "symmetric", "RS256"),
        "an Ed25519 JWK": ('{"kty": "OKP", "crv": "Ed25519", "d": "AAAA", "x": "AAAA"}', "Edwards", "RS256"),
        "words": ("my key", "neither PEM", "RS256"),
        "base64 of words": (base64.b64encode(b"no key at all, but words in base64" * 3), "neither PEM", "RS256"),
    }
    secrets = [value for key in natives.values() for name, value in private_jwk(key).items() if name in "dpq"]
    secrets += [line for key in natives.values() for line in bytes_of(key).decode().split("\n")[1:-2]]
    for name, (content, words, hint) in cases.items():
        with pytest.raises(KeyMaterialError) as caught:
            PrivateKey.from_pem(content)
        assert words in caught.value.message, name
        assert hint in caught.value.hint, name
        assert (caught.value.__cause__, caught.value.__context__) == (None, None), name
        assert find_canaries(f"{caught.value} {vars(caught.value)}", secrets) == [], name
        for entry in caught.traceback[1:]:  # a verbose traceback prints these
            assert all(value is not content for value in entry.frame.f_locals.values()), (name, entry.name)


@pytest.mark.parametrize("program", ["ssh-keygen", "openssl"])
def test_the_command_that_a_hint_gives_converts_the_key(program, tmp_path, natives):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    given, made = tmp_path / "given", tmp_path / "pem"
    if program == "ssh-keygen":  # converts in place
        content, made, options = bytes_of(natives["ec"], OPENSSH), given, ["-N", "", "-P", ""]
    else:
        content, options = p12(natives["ec"]), ["-passin", "pass:horse"]
    given.write_bytes(content)
    given.chmod(0o600)
    with pytest.raises(KeyMaterialError) as caught:
        PrivateKey.from_pem(content)
    words = caught.value.hint.split(": ", 1)[1].replace("COPY", str(given)).replace("KEY.p12", str(given))
    subprocess.run([*words.replace("key.pem", str(made)).split(), *options], check=True, capture_output=True)
    assert PrivateKey.from_pem(made.read_bytes()).alg == "ES384"
