"""What the parts of the key stores' contract share: the fixtures, the values, and a signature check of its own."""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from qlik_keys.keys import KeySpec
from qlik_keys.keystore.base import ClientRecord, KeyOwner, KeyStore, PendingClient, StoredKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.keys import PublicJwk

MADE_AT = datetime(2026, 11, 24, 3, 42, 35, tzinfo=UTC)
ROTATE_BY = MADE_AT + timedelta(days=90)
OWNER = KeyOwner("acme.eu.qlikcloud.com", "nightly-etl")
ODD_NAMES = {
    "plain": "nightly-etl",
    "letters": "Ünïcode ☃ 漢字 עברית",
    "emoji": "emoji 👩‍🔬",
    "blanks": " blanks around ",
    "path": "a/b/../c",
    "parent": "..",
    "hidden": ".staged",
    "quoted": "%2e%2e%2f",
    "markup": "<img src=x onerror=alert(1)>",
    "formula": "=HYPERLINK(1)",
    "template": "{{identity.entity.name}}",
    "controls": "line\nbreak\ttab",
    "zero": "zero\x00byte",
    "invisible": "no-break\u00a0space \u202e turned",
    "long": "x" * 2000,
    "long in bytes": "ü" * 400,
    "empty": "",
}


class Backdoor(Protocol):
    """What the contract needs to see and do in addition to the store."""

    def put_foreign_record(self, tenant_host: str, client_id: str) -> None:
        """Put a document of another user's where that client's record would be."""
        ...

    def put_foreign_pending(self, tenant_host: str, name: str) -> None:
        """Put a document of another user's where that pending client would be."""
        ...

    def snapshot(self, tenant_host: str) -> str:
        """Return all that the store's place holds for that tenant as text: every version, and what is shown of it."""
        ...


class ContractFixtures:
    """What the tests of the contract are given; a subclass gives `open_store` and `backdoor`."""

    @pytest.fixture
    def open_store(self) -> Callable[[], KeyStore]:
        """What opens the store; each call another object on the same place, as two people have it."""
        raise NotImplementedError

    @pytest.fixture
    def backdoor(self) -> Backdoor:
        """The way round the store."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, open_store: Callable[[], KeyStore]) -> KeyStore:
        """The store under test."""
        return open_store()

    @pytest.fixture
    def other_store(self, open_store: Callable[[], KeyStore]) -> KeyStore:
        """Another person's store on the same place."""
        return open_store()

    @pytest.fixture
    def host(self) -> str:
        """A tenant that no one has used yet."""
        return f"t{uuid.uuid4().hex}.eu.qlikcloud.com"

    @pytest.fixture
    def record(self, store: KeyStore, host: str) -> ClientRecord:
        """A client's record that is not written yet, with a current key."""
        return make_record(store, host)


def make_key(store: KeyStore, spec: KeySpec | None = None) -> StoredKey:
    """Have a store make a key, of the kind that is quickest by default."""
    return store.make_key(spec or KeySpec("ES384"), OWNER)


def make_record(
    store: KeyStore, host: str, *, client_id: str | None = None, keys: list[StoredKey] | None = None
) -> ClientRecord:
    """Return a record that is not written yet; with a current key, unless its keys are given."""
    if keys is None:
        keys = [replace(make_key(store), state="current", made_at=MADE_AT, promoted_at=MADE_AT)]
    return ClientRecord(
        tenant_host=host,
        client_id=client_id or uuid.uuid4().hex,
        client_name="nightly-etl",
        token_url=f"https://{host}/oauth/token",
        custody=store.custody,
        keys={key.kid: key for key in keys},
        rotate_by=ROTATE_BY,
    )


def make_pending(
    store: KeyStore, host: str, *, name: str = "nightly-etl", pending_at: datetime = MADE_AT
) -> PendingClient:
    """Return a pending client that is not written yet, with a key of its own."""
    return PendingClient(
        tenant_host=host,
        name=name,
        specification={"scopes": ["user_default"], "description": "", "impersonation": False, "key": {"alg": "ES384"}},
        pending_at=pending_at,
        key=replace(make_key(store), made_at=pending_at),
    )


def check_signature(public: PublicJwk, signature: bytes, data: bytes) -> None:
    """Verify a JWS signature (RFC 7518, sections 3.3 and 3.4) by `cryptography` alone.

    Raises:
        cryptography.exceptions.InvalidSignature: it does not fit.
    """

    def number(member: str) -> int:
        text = public.to_dict()[member]
        return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    if public.alg == "ES384":
        half = len(signature) // 2
        encoded = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
        point = ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP384R1())
        point.public_key().verify(encoded, data, ec.ECDSA(hashes.SHA384()))
    else:
        digest = hashes.SHA256() if public.alg == "RS256" else hashes.SHA512()
        key = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
        key.verify(signature, data, padding.PKCS1v15(), digest)
