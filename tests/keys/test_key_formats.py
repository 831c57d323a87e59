"""What is handed in as a private key: taken where it has one reading, else named; never quoted."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PublicFormat, pkcs12
from fixtures.canaries import find_canaries
from jwcrypto.jwk import JWK

from qlik_keys.core.secret import Secret
from qlik_keys.errors import KeyMaterialError
from qlik_keys.jupyter.panel.operations.own_key import load_own_key
from qlik_keys.keys import PrivateKey

PKCS8, TRADITIONAL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
OPENSSH = serialization.PrivateFormat.OpenSSH
NONE = NoEncryption()


def bytes_of(native, kind=PKCS8, *, passphrase=b"", encoding=Encoding.PEM):
    protection = serialization.BestAvailableEncryption(passphrase) if passphrase else NONE
    return native.private_bytes(encoding, kind, protection)


@pytest.fixture(scope="module")
def native_rsa():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def native_ec():
    return ec.generate_private_key(ec.SECP384R1())


@pytest.fixture(scope="module")
def certificate(native_ec):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(native_ec.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(native_ec, hashes.SHA384())


def private_jwk(native):
    members = json.loads(JWK.from_pyca(native).export_private())
    del members["kid"]  # jwcrypto's own notion of one
    return members


def only(members, *names):
    return {name: members[name] for name in names}


def one_line(pem):
    return " ".join(pem.decode().split("\n")).strip()


# Each takes a native key and returns what somebody might hand in, all of which are that key.
TAKEN = {
    "PKCS#8": bytes_of,
    "as text": lambda key: bytes_of(key).decode(),
    "PKCS#1 or SEC1": lambda key: bytes_of(key, TRADITIONAL),
    "line ends of Windows": lambda key: bytes_of(key).replace(b"\n", b"\r\n"),
    "line ends of old Macs": lambda key: bytes_of(key).replace(b"\n", b"\r"),
    "line ends written out": lambda key: bytes_of(key).replace(b"\n", b"\\n"),
    "line ends of Windows written out": lambda key: bytes_of(key).decode().replace("\n", "\\r\\n"),
    "written out, in quotes": lambda key: json.dumps(bytes_of(key).decode()),
    "in single quotes": lambda key: f"'{bytes_of(key).decode()}'",
    "on one line": lambda key: one_line(bytes_of(key)),
    "PKCS#1 or SEC1 on one line": lambda key: one_line(bytes_of(key, TRADITIONAL)),
    "without any line end": lambda key: bytes_of(key).decode().replace("\n", ""),
    "indented": lambda key: "".join(f"    {line}\n" for line in bytes_of(key).decode().splitlines()),
    "UTF-8 with a mark": lambda key: b"\xef\xbb\xbf" + bytes_of(key),
    "a text with a mark": lambda key: "\ufeff" + bytes_of(key).decode(),
    "UTF-16 with a mark": lambda key: bytes_of(key).decode().encode("utf-16"),
    "UTF-16, big end first": lambda key: b"\xfe\xff" + bytes_of(key).decode().encode("utf-16-be"),
    "UTF-16 without a mark": lambda key: bytes_of(key).decode().encode("utf-16-le"),
    "UTF-16 without a mark, big end first": lambda key: bytes_of(key).decode().encode("utf-16-be"),
    "UTF-16 taken for Latin-1": lambda key: bytes_of(key).decode().encode("utf-16").decode("latin-1"),
    "UTF-32": lambda key: bytes_of(key).decode().encode("utf-32"),
    "text around it": lambda key: b"Bag Attributes\n  friendlyName: me\n" + bytes_of(key) + b"\nkeep it safe\n",
    "text in an old encoding": lambda key: b"# clef priv\xe9e\n" + bytes_of(key),
    "DER, PKCS#8": lambda key: bytes_of(key, encoding=Encoding.DER),
    "DER, PKCS#1 or SEC1": lambda key: bytes_of(key, TRADITIONAL, encoding=Encoding.DER),
    "DER in base64": lambda key: base64.b64encode(bytes_of(key, encoding=Encoding.DER)),
    "PEM in base64": lambda key: base64.encodebytes(bytes_of(key)).decode(),
    "JWK": lambda key: json.dumps(private_jwk(key)),
    "JWK, indented, with a mark": lambda key: "\ufeff" + json.dumps(private_jwk(key), indent=2),
    "JWK in UTF-16": lambda key: json.dumps(private_jwk(key)).encode("utf-16"),
    "JWK in base64": lambda key: base64.b64encode(json.dumps(private_jwk(key)).encode()).decode(),
    "JWK in base64url": lambda key: base64.urlsafe_b64encode(json.dumps(private_jwk(key)).encode()).rstrip(b"="),
    "line ends written out twice": lambda key: json.dumps(json.dumps(bytes_of(key).decode())),
    "the label of PKCS#1 around PKCS#8": lambda key: bytes_of(key).replace(b" PRIVATE", b" RSA PRIVATE"),
    "the label of PKCS#8 around PKCS#1 or SEC1": lambda key: (
        bytes_of(key, TRADITIONAL).replace(b" RSA", b"").replace(b" EC", b"")
    ),
    "a set with the public half of another": lambda key: json.dumps(
        {"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}, private_jwk(key)]}
    ),
    "a set with one JWK": lambda key: json.dumps({"keys": [private_jwk(key)]}),
}


@pytest.mark.parametrize("form", TAKEN)
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_what_has_one_reading_is_taken(form, kind, native_rsa, native_ec):
    native = native_rsa if kind == "rsa" else native_ec
    given = TAKEN[form](native)
    key = PrivateKey.from_pem(given)
    again = serialization.load_pem_private_key(key.reveal().encode(), password=None)
    assert again.private_numbers() == native.private_numbers()
    assert key.alg == ("RS256" if kind == "rsa" else "ES384")
    text = given if isinstance(given, str) else given.decode("latin-1")
    if form not in ("DER, PKCS#8", "DER, PKCS#1 or SEC1"):  # the panel's page reads files as text
        assert load_own_key(Secret(text, any_text=True), None) == key


@pytest.mark.parametrize("kind", ["pkcs8", "traditional"])
@pytest.mark.parametrize("form", ["as it is", "on one line", "written out", "DER"])
@pytest.mark.parametrize("alg", ["rsa", "ec"])
def test_what_is_encrypted_is_opened_in_every_form(alg, kind, form, native_rsa, native_ec):
    if form == "DER" and kind == "traditional":
        return  # there is no such thing
    encoding = Encoding.DER if form == "DER" else Encoding.PEM
    native = native_rsa if alg == "rsa" else native_ec
    given = bytes_of(native, PKCS8 if kind == "pkcs8" else TRADITIONAL, passphrase=b"horse", encoding=encoding)
    changed = {"on one line": one_line, "written out": lambda pem: pem.replace(b"\n", b"\\n")}
    given = changed.get(form, lambda same: same)(given)
    opened = PrivateKey.from_pem(given, passphrase="horse").reveal().encode()
    assert serialization.load_pem_private_key(opened, password=None).private_numbers() == native.private_numbers()
    for passphrase, words in ((None, "encrypted"), ("", "encrypted"), ("mule", "is wrong")):
        with pytest.raises(KeyMaterialError, match=words) as caught:
            PrivateKey.from_pem(given, passphrase=passphrase)
        assert "assphrase" in caught.value.hint


@pytest.mark.parametrize("first", [True, False])
def test_of_several_blocks_the_key_is_taken(first, native_ec, certificate):
    parts = [bytes_of(native_ec), certificate.public_bytes(Encoding.PEM)]
    assert PrivateKey.from_pem(b"".join(parts if first else parts[::-1])).alg == "ES384"
    parameters = b"-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"
    assert PrivateKey.from_pem(parameters + bytes_of(native_ec, TRADITIONAL)).alg == "ES384"


@pytest.mark.parametrize("names", [("n", "e", "d"), ("kty", "n", "e", "d"), ("kty", "n", "e", "d", "p", "q")])
def test_of_rsa_three_numbers_are_enough(names, native_rsa):
    key = PrivateKey.from_jwk(only(private_jwk(native_rsa), *names))
    assert key.public.to_dict()["n"] == private_jwk(native_rsa)["n"]
    again = serialization.load_pem_private_key(key.reveal().encode(), password=None)
    assert again.private_numbers().d == native_rsa.private_numbers().d
    assert key.public.verifies(b"data", key.signer().sign(b"data"))


def test_three_numbers_that_do_not_belong_together_are_refused(native_rsa):
    members = only(private_jwk(native_rsa), "n", "e", "d") | {"d": "AQAB"}
    with pytest.raises(KeyMaterialError, match="damaged") as caught:
        PrivateKey.from_jwk(members)
    assert caught.value.__context__ is None


def test_the_private_jwk_is_what_jwcrypto_makes_of_it(native_rsa, native_ec):
    for native in (native_rsa, native_ec):
        key = PrivateKey.from_pem(bytes_of(native))
        shown = json.loads(key.reveal("jwk"))
        assert {name: shown[name] for name in shown if name not in ("kid", "alg", "use")} == private_jwk(native) | {
            "kty": shown["kty"]
        }
        assert key.public.thumbprint == JWK.from_pyca(native).thumbprint()


def test_the_kid_and_alg_of_a_jwk_in_a_set_are_kept(client_keys):
    for key in client_keys.values():
        again = PrivateKey.from_jwk(json.dumps({"keys": [json.loads(key.reveal("jwk"))]}))
        assert (again, again.kid, again.alg) == (key, key.kid, key.alg)


PGP = b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n-----END PGP PRIVATE KEY BLOCK-----"


def p12(native, certificate, protection):
    return pkcs12.serialize_key_and_certificates(b"x", native, certificate, None, protection)


def refused(native_rsa, native_ec, certificate):
    """What is handed in, the words of the refusal, and those of its hint."""
    pem = Encoding.PEM
    der = Encoding.DER
    spki = PublicFormat.SubjectPublicKeyInfo
    public = native_rsa.public_key()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(native_ec, hashes.SHA384())
    jwk, other, short = private_jwk(native_rsa), private_jwk(native_ec), rsa.generate_private_key(65537, 1024)
    public_jwk, horse = only(jwk, "kty", "n", "e"), serialization.BestAvailableEncryption(b"horse")
    openssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    der_as_text = bytes_of(native_ec, encoding=der).decode("utf-8", "replace")
    account = json.dumps({"type": "service_account", "private_key": bytes_of(native_rsa).decode()})
    return {
        "OpenSSH": (bytes_of(native_rsa, OPENSSH), "an OpenSSH private key", "ssh-keygen -p -m pkcs8 -f "),
        "OpenSSH on P-384": (bytes_of(native_ec, OPENSSH).decode(), "an OpenSSH private key", "ssh-keygen -p -m pkcs8"),
        "OpenSSH on one line": (one_line(bytes_of(native_ec, OPENSSH)), "an OpenSSH private key", "ssh-keygen"),
        "OpenSSH in UTF-16": (bytes_of(native_ec, OPENSSH).decode().encode("utf-16"), "an OpenSSH", "ssh-keygen"),
        "OpenSSH, public": (openssh, "a public key of OpenSSH", "without .pub"),
        "SSH.com": (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n", "SSH.com", "ssh-keygen -i -f"),
        "PuTTY": (b"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPrivate-Lines: 1\n", "PuTTY", "puttygen"),
        "PKCS#12": (p12(native_ec, certificate, NONE), "PKCS#12", "openssl"),
        "PKCS#12, encrypted": (p12(native_rsa, None, horse), "PKCS#12", "openssl pkcs12 -in KEY.p12 -nocerts -nodes"),
        "DER read as text": (der_as_text, "binary file (DER, or PKCS#12", "openssl pkey -inform DER"),
        "Java": (b"\xfe\xed\xfe\xed\0\0\0\2", "Java key store", "keytool"),
        "a public key": (public.public_bytes(pem, spki), "public key", "private key's PEM"),
        "a public key, PKCS#1": (public.public_bytes(pem, PublicFormat.PKCS1), "public key", "private"),
        "a public key in DER": (public.public_bytes(der, spki), "a public key in DER", "private key"),
        "a certificate": (certificate.public_bytes(pem), "a certificate", "private key"),
        "a certificate in DER": (certificate.public_bytes(der), "a certificate in DER", "private key"),
        "a request": (request.public_bytes(pem), "certificate request", "private key"),
        "a request in DER": (request.public_bytes(der), "certificate request in DER", "private key"),
        "two keys": (bytes_of(native_rsa) + bytes_of(native_ec), "2 private keys", "Pass only one"),
        "a set of two": (json.dumps({"keys": [jwk, other]}), "set with 2 keys", "one of them"),
        "an empty set": (json.dumps({"keys": []}), "a JWK set without a key", "this client's key"),
        "a set with a public one": (json.dumps({"keys": [jwk, other, public_jwk]}), "set with 3 keys", "one of them"),
        "a set with one public key": (json.dumps({"keys": [public_jwk]}), "public key", "private member `d`"),
        "a public JWK": (json.dumps(only(other, "kty", "crv", "x", "y")), "public key", "`d`"),
        "a JWE": (json.dumps({"protected": "e30", "ciphertext": "x", "iv": "y"}), "encrypted JWK", "Decrypt"),
        "a service account's file": (account, "in its field private_key", "the value of that field"),
        "a PGP key": (PGP, "PGP", "new key"),
        "DSA": (bytes_of(dsa.generate_private_key(1024)), "DSA", "RS256"),
        "DSA, traditional": (bytes_of(dsa.generate_private_key(1024), TRADITIONAL), "DSA", "RS256"),
        "P-256": (bytes_of(ec.generate_private_key(ec.SECP256R1()), TRADITIONAL), "P-256", "P-384"),
        "P-521 in DER": (bytes_of(ec.generate_private_key(ec.SECP521R1()), encoding=der), "P-521", "P-384"),
        "secp256k1": (bytes_of(ec.generate_private_key(ec.SECP256K1())), "secp256k1", "P-384"),
        "brainpool": (bytes_of(ec.generate_private_key(ec.BrainpoolP384R1())), "brainpoolP384r1", "P-384"),
        "Ed25519": (bytes_of(ed25519.Ed25519PrivateKey.generate()), "Ed25519", "RS256"),
        "RSA of 1024 bits": (bytes_of(short), "1024 bits", "2048 bits"),
        "RSA of 1024 bits, JWK": (json.dumps(only(private_jwk(short), "n", "e", "d")), "1024 bits", "2048"),
        "cut off": (bytes_of(native_rsa)[:900], "damaged", "completely"),
        "a letter lost": (bytes_of(native_rsa)[:200] + bytes_of(native_rsa)[203:], "damaged", "completely"),
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
        "a certificate of OpenSSH": (b"ssh-rsa-cert-v01@openssh.com AAAA", "a public key of OpenSSH", "without .pub"),
        "a symmetric JWK": ('{"kty": "oct", "k": "AAAA"}', "symmetric", "RS256"),
        "an Ed25519 JWK": ('{"kty": "OKP", "crv": "Ed25519", "d": "AAAA", "x": "AAAA"}', "Edwards", "RS256"),
        "a P-256 JWK": ('{"kty": "EC", "crv": "P-256", "d": "AA", "x": "AA", "y": "AA"}', "curve", "P-384"),
        "an encrypted key": (bytes_of(native_ec, passphrase=b"horse"), "encrypted", "Give its passphrase"),
        "words": ("my key", "neither PEM", "RS256"),
        "base64 of words": (base64.b64encode(b"no key at all, but words in base64" * 3), "neither PEM", "RS256"),
    }


def test_what_is_no_key_is_named_with_what_to_do_and_never_quoted(native_rsa, native_ec, certificate):
    secrets = [value for key in (native_rsa, native_ec) for name, value in private_jwk(key).items() if name in "dpq"]
    secrets += [line for key in (native_rsa, native_ec) for line in bytes_of(key).decode().split("\n")[1:-2]]
    for name, (given, words, hint) in refused(native_rsa, native_ec, certificate).items():
        with pytest.raises(KeyMaterialError) as caught:
            PrivateKey.from_pem(given)
        error = caught.value
        assert words in error.message, name
        assert hint in error.hint, name
        assert (error.__cause__, error.__context__) == (None, None), name
        assert find_canaries(f"{error} {vars(error)}", secrets) == [], name
        for entry in caught.traceback[1:]:  # a verbose traceback prints these
            assert all(value is not given for value in entry.frame.f_locals.values()), (name, entry.name)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_the_command_for_openssh_keys_does_it(kind, tmp_path, native_rsa, native_ec):
    native = native_rsa if kind == "rsa" else native_ec
    path = tmp_path / "key"
    path.write_bytes(bytes_of(native, OPENSSH))
    path.chmod(0o600)
    with pytest.raises(KeyMaterialError) as caught:
        PrivateKey.from_pem(path.read_bytes())
    words = caught.value.hint.split(": ", 1)[1].replace("COPY", str(path)).split()
    subprocess.run([*words, "-N", "", "-P", ""], check=True, capture_output=True)
    assert PrivateKey.from_pem(path.read_bytes()).public.kty == ("RSA" if kind == "rsa" else "EC")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_the_command_for_pkcs12_does_it(tmp_path, native_ec, certificate):
    path = tmp_path / "key.p12"
    path.write_bytes(p12(native_ec, certificate, serialization.BestAvailableEncryption(b"horse")))
    with pytest.raises(KeyMaterialError) as caught:
        PrivateKey.from_pem(path.read_bytes())
    words = caught.value.hint.split(": ", 1)[1].replace("KEY.p12", str(path)).replace("key.pem", str(tmp_path / "pem"))
    subprocess.run([*words.split(), "-passin", "pass:horse"], check=True, capture_output=True)
    assert PrivateKey.from_pem((tmp_path / "pem").read_bytes()).alg == "ES384"
