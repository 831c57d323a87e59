r"""What someone handed in as a private key: its format, and what of it is the key. Pure; nothing is loaded here.

Taken is whatever has one reading: PEM however it was pasted (line ends written out as `\n`, one line, UTF-16, text
around it), DER, base64 of either, a JWK, a set with one JWK. What is another format is named, with the command that
converts it.

Functions here return what is wrong instead of raising it, and quote nothing: the text is, or may be, a key.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any, Literal

from qlik_keys.keys.spec import WANTED

_PRIVATE_LABELS = frozenset({"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"})
_GIVE_PRIVATE = "Give the private key's file."
# What a block of PEM may hold in addition to a key that can be read (RFC 7468, OpenSSL, OpenSSH), and what to do.
_OTHER_LABELS = {
    "OPENSSH PRIVATE KEY": (
        "This is an OpenSSH private key, but a key in PEM (PKCS#8) is needed here.",
        "Convert a copy of the file, in place: ssh-keygen -p -m pkcs8 -f COPY",
    ),
    "PUBLIC KEY": ("This PEM is a public key, but a private key is needed here.", "Give the private key's PEM."),
    "RSA PUBLIC KEY": ("This PEM is a public key, but a private key is needed here.", "Give the private key's PEM."),
    "CERTIFICATE": ("This is a certificate, which contains only a public key.", _GIVE_PRIVATE),
    "X509 CERTIFICATE": ("This is a certificate, which contains only a public key.", _GIVE_PRIVATE),
    "TRUSTED CERTIFICATE": ("This is a certificate, which contains only a public key.", _GIVE_PRIVATE),
    "CERTIFICATE REQUEST": ("This is a certificate request, which contains only a public key.", _GIVE_PRIVATE),
    "NEW CERTIFICATE REQUEST": ("This is a certificate request, which contains only a public key.", _GIVE_PRIVATE),
    "PKCS7": ("This is a PKCS#7 bundle of certificates, which contains no private key.", _GIVE_PRIVATE),
    "DSA PRIVATE KEY": ("This is a DSA key.", WANTED),
    "EC PARAMETERS": ("These are the parameters of an elliptic curve, without a key.", _GIVE_PRIVATE),
    "PGP PRIVATE KEY BLOCK": ("This is a PGP key.", f"It cannot be converted: make a new key. {WANTED}"),
    "PGP PUBLIC KEY BLOCK": ("This is a public PGP key.", f"It cannot be converted: make a new key. {WANTED}"),
}
_PUTTY = (
    "This is a PuTTY key (.ppk), but a key in PEM is needed here.",
    "Convert it: puttygen KEY.ppk -O private-openssh -o key.pem && ssh-keygen -p -m pkcs8 -f key.pem",
)
_SSH_PUBLIC = (
    "This is a public key of OpenSSH, but a private key is needed here.",
    "Give the file without .pub, converted: ssh-keygen -p -m pkcs8 -f COPY",
)
_SSH2 = (
    "This is a key in the format of SSH.com (RFC 4716), but a key in PEM is needed here.",
    "Convert it: ssh-keygen -i -f KEY > key.pem",
)
_PAGE = (
    "This is a web page, not a key. Perhaps the download returned a sign-in page or an error.",
    "Open the address in a browser and save the key itself.",
)
_FILE_NAME = (
    "This is a file name or an address, but the key itself is needed here.",
    'Pass the content of the file: Path("key.pem").read_bytes().',
)
_JWT = ("This is a token (a JWT), not a key.", "Give the private key that signs tokens.")
_JWE = ("This is an encrypted JWK (a JWE).", "Decrypt it and pass the JWK that it contains.")
_OTHERS_BY_BEGINNING = {
    ("<!doctype html", "<!DOCTYPE html", "<html", "<HTML"): _PAGE,
    ("$ANSIBLE_VAULT;",): ("This file is encrypted by Ansible Vault.", "Decrypt it: ansible-vault view KEY > key.pem"),
    ("version https://git-lfs",): (
        "This is a Git LFS pointer, not the file itself.",
        "Download the file: git lfs pull",
    ),
    ("AGE-SECRET-KEY-",): ("This is a key of the tool age, which can encrypt but not sign.", WANTED),
    ("<RSAKeyValue",): ("This is a key in XML, in .NET's format.", "Export it as PEM: ExportPkcs8PrivateKeyPem()."),
    ("PuTTY-User-Key-File-",): _PUTTY,
    ("ssh-rsa ", "ssh-rsa-cert-", "ssh-ed25519", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "ssh-dss "): _SSH_PUBLIC,
    ("---- BEGIN SSH2",): _SSH2,
}
_PKCS12 = (
    "This is a PKCS#12 file (.p12, .pfx), but a key in PEM is needed here.",
    "Extract the key: openssl pkcs12 -in KEY.p12 -nocerts -nodes -out key.pem",
)
_KEYSTORE = (
    "This is a Java key store (.jks), but a key in PEM is needed here.",
    "Convert it: keytool -importkeystore -srckeystore KEY.jks -destkeystore key.p12 -deststoretype PKCS12",
)
_READ_AS_TEXT = (
    "This is a binary file (DER, or PKCS#12 as .p12 and .pfx) that was read as text, but a key in PEM is needed here.",
    "Convert it: openssl pkey -inform DER -in KEY -out key.pem, or openssl pkcs12 -in KEY -nocerts -nodes -out key.pem",
)
_EMPTY = ("No private key could be read: the input is empty.", "Give the key's text, or its file's bytes.")
_NO_PEM = ("No private key could be read: the input is neither PEM nor a JWK.", WANTED)
_CUT = (
    "No private key could be read: the input is damaged, because it lacks a correct END line.",
    "Copy it again completely.",
)
_COMPACT = re.compile(r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2}(?:(?:\.[A-Za-z0-9_-]*){2})?")
_PLACE = re.compile(
    r"(?:~|\.{0,2}/|[A-Za-z]:\\|https?://)?[^\n<>]{1,300}\.(?:pem|key|p8|der|p12|pfx|json|ppk|crt|cer|txt)"
)
_ALPHABET = re.compile(r"[A-Za-z0-9+/_=\s-]{40,}")
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_ENCRYPTED_HEADERS = re.compile(
    r"\s*Proc-Type:\s*4,ENCRYPTED\s+DEK-Info:\s*([A-Za-z0-9-]+,[0-9A-Fa-f]+)(.*)", re.DOTALL
)
_LINE = 64
_SEQUENCE = 0x30  # of ASN.1, with which every key in DER begins
_OID_OF_PKCS7_DATA = bytes.fromhex("06092a864886f70d010701")
_DEEPEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInput:
    """What was handed in, told apart.

    Attributes:
        kind: what `data` or `members` hold, "" for nothing that can be loaded.
        data: PEM or DER.
        members: those of a JWK.
        problem: why there is nothing, "" where there is.
        hint: what to do.
    """

    kind: Literal["pem", "der", "jwk", ""] = ""
    data: bytes = field(default=b"", repr=False)
    members: dict[str, Any] = field(default_factory=dict, repr=False)
    problem: str = ""
    hint: str = ""


def detect_key_format(content: str | bytes, depth: int = 0) -> KeyInput:
    """Return what someone handed in as a private key; never raises.

    Args:
        content: a file's bytes, or a text.
        depth: how often something was unpacked already.
    """
    if isinstance(content, bytes) and content[:1] == bytes([_SEQUENCE]) and not _is_utf16(content):
        return _in_der(content)
    if isinstance(content, bytes) and content[:4] in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
        return _nothing(_KEYSTORE)
    text = content if isinstance(content, str) else _as_text(content)
    if text is None:
        return _nothing(("No private key could be read: the input is a binary file, not PEM.", WANTED))
    # UTF-16 that was taken for another encoding has a zero byte next to each letter.
    text = text.replace("\0", "").strip().strip("\ufeff\ufffe\ufffd\u200b\u00ff\u00fe").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`" and not text.startswith('"-----BEGIN PGP'):
        text = text[1:-1].strip()  # as a shell or a program writes a text
    if "-----BEGIN" in text and not text.startswith("{"):
        return _in_pem(text)
    said = _other_format(text)
    if said is not None:
        return _nothing(said)
    if text.startswith(("{", "[")):
        return jwk_of(text)
    if isinstance(content, str) and "\ufffd" in content[:20]:
        return _nothing(_READ_AS_TEXT)  # as a page does with a file that is chosen
    if depth < _DEEPEST and _ALPHABET.fullmatch(text):
        return _in_base64(text, depth)
    return _nothing(_NO_PEM)


def _other_format(text: str) -> tuple[str, str] | None:
    """Return what a text is that is no key, and what to do; None where it may be one."""
    if not text:
        return _EMPTY
    for beginnings, said in _OTHERS_BY_BEGINNING.items():
        if text.startswith(beginnings):
            return said
    if _COMPACT.fullmatch(text):
        return _JWE if text.count(".") > 2 else _JWT  # noqa: PLR2004  # five parts (RFC 7516 3.1), or three
    return _FILE_NAME if _PLACE.fullmatch(text) else None


def jwk_of(document: Any) -> KeyInput:
    """Return the members of a JWK, as a mapping or as JSON text, or of the one JWK in a set; never raises."""
    try:
        parsed: Any = json.loads(document) if isinstance(document, str) else document
        members = {str(name): value for name, value in parsed.items()}
    except (ValueError, AttributeError, RecursionError):
        return _nothing(("This is not a JWK, because it is not a JSON object.", WANTED))
    if "kty" not in members and isinstance(members.get("keys"), list | tuple):
        keys = [each for each in members["keys"] if hasattr(each, "items")]
        private = [each for each in keys if each.get("d")]
        if len(keys) == 1 or len(private) == 1:
            return jwk_of(private[0] if private else keys[0])
        if not keys:
            return _nothing(("This is a JWK set without a key.", "Give the JWK of this client's key."))
        return _nothing(
            (
                f"This is a JWK set with {len(keys)} keys, so it is not clear which one to use.",
                'Pass only one of them: the JSON object in "keys" that is this client\'s key.',
            )
        )
    if "kty" not in members and {"ciphertext", "protected"} <= members.keys():
        return _nothing(_JWE)
    if "kty" not in members and "-----BEGIN" in str(members.get("private_key")):
        return _nothing(
            (
                "This is not a JWK, but a JSON document with a key in its field private_key.",
                "Pass only the value of that field.",
            )
        )
    if "kty" not in members:
        for kty, names in (("RSA", ("n", "e", "d")), ("EC", ("crv", "x", "y", "d"))):
            if all(isinstance(members.get(name), str) for name in names):
                members["kty"] = kty
    return KeyInput(kind="jwk", members=members)


def _nothing(said: tuple[str, str]) -> KeyInput:
    return KeyInput(problem=said[0], hint=said[1])


def _is_utf16(data: bytes) -> bool:
    """Tell UTF-16 without a mark: one half of each of the first letters, which are all of ASCII, is zero."""
    start = data[:40]
    return len(start) > 3 and (not any(start[0::2]) or not any(start[1::2]))  # noqa: PLR2004  # two letters


def _as_text(data: bytes) -> str | None:
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        encoding = "utf-32"
    elif data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif _is_utf16(data):
        encoding = "utf-16-be" if data[0] == 0 else "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        # Text around a key, a comment for example, may be in an old encoding: the key itself is ASCII.
        return data.decode("latin-1") if b"-----BEGIN" in data else None


def _in_pem(text: str) -> KeyInput:
    # Line ends written out, once or more often: a text in JSON that is a text in JSON.
    text = re.sub(r"\\+r", "", text)
    text = re.sub(r"\\+n", "\n", text)
    blocks = _BLOCK.findall(text)
    keys = [(label, body) for label, body in blocks if label in _PRIVATE_LABELS]
    if len(keys) > 1:
        count = len(keys)
        return _nothing(
            (f"There are {count} private keys in this PEM.", "Pass only one, from its BEGIN line to its END line.")
        )
    if keys:
        return KeyInput(kind="pem", data=_written_well(*keys[0]).encode())
    for label, _ in blocks:
        if label in _OTHER_LABELS:
            return _nothing(_OTHER_LABELS[label])
    if blocks:
        return _nothing(("This PEM contains no private key.", _GIVE_PRIVATE))
    return _nothing(_CUT)


def _written_well(label: str, body: str) -> str:
    """Return a block as RFC 7468 has it, whatever line ends and blanks it came with."""
    headers = ""
    encrypted = _ENCRYPTED_HEADERS.fullmatch(body)
    if encrypted:
        headers, body = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: {encrypted[1]}\n\n", encrypted[2]
    letters = "".join(body.split())
    lines = "".join(f"{letters[at : at + _LINE]}\n" for at in range(0, len(letters), _LINE))
    return f"-----BEGIN {label}-----\n{headers}{lines}-----END {label}-----\n"


def _in_der(data: bytes) -> KeyInput:
    # PKCS#12 (RFC 7292 4): SEQUENCE { INTEGER 3, SEQUENCE { OBJECT IDENTIFIER pkcs7-data ...
    if b"\x02\x01\x03" in data[:10] and _OID_OF_PKCS7_DATA in data[:40]:
        return _nothing(_PKCS12)
    return KeyInput(kind="der", data=data)


def _in_base64(text: str, depth: int) -> KeyInput:
    letters = "".join(text.split()).translate({ord("-"): "+", ord("_"): "/"}).rstrip("=")
    try:
        inside = b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except (ValueError, binascii.Error):
        return _nothing(_NO_PEM)
    found = detect_key_format(inside, depth + 1)
    return _nothing(_NO_PEM) if found.problem == _NO_PEM[0] or "binary file" in found.problem else found
