"""Keys that never leave Vault: its Transit engine makes them, signs with them, and does not give them out.

A key's name in the engine says whose it is, `<prefix>.<tenant host>.<hash of the client's name>.<client id>.<chance>`,
so that a policy can allow one client's keys alone, and so that a key that no document names can be traced to the
documents that could have named it (`sweep`). The names hold nothing secret. Measured: reliability-facts 0.14.

Not done here: the documents, which say what state a key is in (`kv`).
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from base64 import b64decode, b64encode, urlsafe_b64decode
from typing import TYPE_CHECKING, Any, NamedTuple

import hvac.exceptions
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from qlik_keys.core.clock import utc_now
from qlik_keys.core.outcomes import after_effect
from qlik_keys.errors import KeyMaterialError, Outcome, StoreConflict, StoreError, StoreNotFound, StoreProtocolError
from qlik_keys.keys import PublicJwk
from qlik_keys.keystore.base import KeyOwner, StoredKey, pending_document_name
from qlik_keys.keystore.vault.documents.fields import moment_made
from qlik_keys.keystore.vault.http import refusals as rights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.core.clock import Clock
    from qlik_keys.keys import Algorithm, KeySpec, PrivateKey
    from qlik_keys.keys.signer import Signer
    from qlik_keys.keystore.vault.http.api import VaultApi
    from qlik_keys.keystore.vault.http.connection import VaultConnection

_NEW = "new"
_HASHES = {"RS256": "sha2-256", "RS512": "sha2-512", "ES384": "sha2-384"}
_WRAPPING_KEY_BYTES = 32


class TransitName(NamedTuple):
    """What a key's name says.

    Attributes:
        document_name: the name of the pending record of its client's name.
        client_id: the client's id as the name has it, "" for a key that was made before there was one.
    """

    document_name: str
    client_id: str


class TransitKeys:
    """The keys in one Transit mount that are ours.

    Args:
        connection: the mount.
        prefix: the folder of our documents, whose name begins our keys' names.
        clock: time.
    """

    def __init__(self, connection: VaultConnection, *, prefix: str, clock: Clock) -> None:
        self._connection = connection
        self._mount = connection.mount
        self._prefix = prefix
        self._clock = clock

    def make(self, spec: KeySpec, owner: KeyOwner) -> StoredKey:
        """Have Vault make a key.

        Raises:
            StoreError: it was not made; by its `outcome` a key that nothing names may be there, which `sweep` finds.
        """
        name = self._new_name(owner)
        kind = _kind_of(spec)

        def make(api: VaultApi) -> str:
            # Neither ever: what can be exported or backed up can leave.
            answer = api.transit.create_key(
                name, key_type=kind, exportable=False, allow_plaintext_backup=False, mount_point=self._mount
            )
            # Older servers answer without a body.
            return _newest_public(answer) if isinstance(answer, dict) and answer.get("data") else ""

        # The name is of chance, so doing it twice is doing it once.
        pem = self._connection.call(make, rights.MAKE_KEY, name) or self._new_public_pem(name)
        made_at = utc_now(self._clock)
        public = PublicJwk.from_pem(pem, alg=spec.alg, made_on=made_at.date())
        return StoredKey(public=public, state="next", made_at=made_at, reference=name)

    def take(self, key: PrivateKey, owner: KeyOwner) -> StoredKey:
        """Bring a key into the engine, wrapped for it alone; it does not come out again.

        Raises:
            KeyMaterialError: the engine has no such kind of key.
            StoreError: it was not taken.
        """
        spec = key.public.spec
        if spec is None:
            raise KeyMaterialError(
                f"Vault's Transit engine does not accept RSA keys of {key.public.bits} bits.",
                hint="Import a key of 2048, 3072 or 4096 bits, or let Vault generate one.",
            )
        name = self._new_name(owner)
        url = f"/v1/{self._mount}/keys/{name}/import"

        def wrapping_key(api: VaultApi) -> str:
            return str(api.adapter.get(f"/v1/{self._mount}/wrapping_key")["data"]["public_key"])

        wrapping_pem = self._connection.call(wrapping_key, rights.READ_WRAPPING_KEY, "")

        def take(api: VaultApi) -> None:
            body = {"ciphertext": _wrapped(key, wrapping_pem), "type": _kind_of(spec), "hash_function": "SHA256"}
            api.adapter.post(url=url, json=body)

        try:
            self._connection.call(take, rights.IMPORT_KEY, name, repeatable=False)
        except StoreError as error:
            if error.outcome is not Outcome.UNKNOWN or not self.has(name):
                raise
        taken = PublicJwk.from_pem(self._new_public_pem(name), alg=key.alg, kid=key.kid)
        if taken != key.public:
            raise self._odd(name)
        made_at = moment_made(key.kid, now=utc_now(self._clock))
        return StoredKey(public=key.public, state="next", made_at=made_at, reference=name)

    def has(self, name: str) -> bool:
        """Tell whether there is a key of that name.

        Raises:
            StoreError: Vault cannot be asked.
        """
        try:
            self._public_pem(name)
        except StoreNotFound:
            return False
        return True

    def export_paths(self, name: str) -> Sequence[str]:
        """Return how a key could be got out of the engine: "exportable", "plaintext backup"; none where it cannot.

        Raises:
            StoreNotFound: there is no such key.
            StoreError: Vault cannot be asked.
        """
        told = self._read(name)
        ways = {"exportable": told.get("exportable"), "plaintext backup": told.get("allow_plaintext_backup")}
        return [way for way, is_open in ways.items() if is_open]

    def destroy(self, name: str) -> None:
        """Destroy a key permanently; quiet when there is none.

        Raises:
            StoreError: it may still be there.
        """

        def destroy(api: VaultApi) -> None:
            try:
                api.transit.update_key_configuration(name, deletion_allowed=True, mount_point=self._mount)
                api.transit.delete_key(name, mount_point=self._mount)
            except hvac.exceptions.InvalidRequest:
                # Vault says 400 of a key that is not there; whether that was it is looked at.
                try:
                    api.transit.read_key(name, mount_point=self._mount)
                except hvac.exceptions.InvalidPath:
                    return
                raise

        self._connection.call(destroy, rights.DESTROY_KEY, name)

    def names(self, tenant_host: str) -> Sequence[str]:
        """Return the names of our keys for that tenant.

        Raises:
            StoreError: they cannot be listed.
        """

        def names(api: VaultApi) -> list[str]:
            try:
                found = api.transit.list_keys(mount_point=self._mount)
            except hvac.exceptions.InvalidPath as error:
                if error.errors:
                    raise  # no engine there
                return []
            return [str(name) for name in found["data"]["keys"]]

        begin = self._beginning(tenant_host)
        return [name for name in self._connection.call(names, rights.LIST_KEYS, "") if name.startswith(begin)]

    def parse(self, name: str, tenant_host: str) -> TransitName | None:
        """Return what a key's name says, None if it is not one that qlik_keys manages for that tenant."""
        parts = name.removeprefix(self._beginning(tenant_host)).split(".")
        if len(parts) != 3:  # noqa: PLR2004  # see `_new_name`
            return None
        return TransitName(parts[0], "" if parts[1] == _NEW else parts[1])

    def is_of(self, name: TransitName, client_id: str) -> bool:
        """Tell whether a name is of that client."""
        return name.client_id == plain(client_id).replace(".", "_")

    def signer(self, key: StoredKey) -> Signer:
        """Return what signs with a key by asking Vault each time: about 2 ms on the same machine, 8 for RSA-4096."""
        return TransitSigner(self._connection, key)

    def _public_pem(self, name: str) -> str:
        return _newest_public({"data": self._read(name)})

    def _read(self, name: str) -> dict[str, Any]:
        """Return what the engine tells of a key."""

        def read(api: VaultApi) -> dict[str, Any]:
            try:
                answer = api.transit.read_key(name, mount_point=self._mount)
            except hvac.exceptions.InvalidPath as error:
                if error.errors:
                    raise  # no engine there
                answer = None
            if answer is None:
                raise StoreNotFound(
                    f"There is no key {name} in the Transit engine at {self._mount!r}.",
                    path=f"{self._mount}/keys/{name}",
                )
            return dict(answer["data"])

        return self._connection.call(read, rights.READ_KEY, name)

    def _new_public_pem(self, name: str) -> str:
        """Return the public half of a key that was just made, and that someone's sweep may have met already."""
        with contextlib.suppress(StoreNotFound), after_effect():
            return self._public_pem(name)
        raise swept()

    def _beginning(self, tenant_host: str) -> str:
        return f"{plain(self._prefix)}.{plain(tenant_host)}."

    def _new_name(self, owner: KeyOwner) -> str:
        client = plain(owner.client_id).replace(".", "_") if owner.client_id else _NEW
        chance = uuid.uuid4().hex[:8]
        return f"{self._beginning(owner.tenant_host)}{pending_document_name(owner.client_name)}.{client}.{chance}"

    def _odd(self, name: str) -> StoreProtocolError:
        return StoreProtocolError(
            f"The key {name} in the Transit engine at {self._mount!r} is not the one that was imported.",
            path=f"{self._mount}/keys/{name}",
            hint="Try again; if the problem persists, ask the Vault's operator.",
            outcome=Outcome.UNKNOWN,
        )


class TransitSigner:
    """Signs by asking Vault; a `Signer`.

    Attributes:
        kid: key id.
        alg: JWS algorithm.
    """

    def __init__(self, connection: VaultConnection, key: StoredKey) -> None:
        self.kid = key.kid
        self.alg: Algorithm = key.alg
        self._name = key.reference
        self._connection = connection

    def sign(self, data: bytes, /) -> bytes:
        """Return the JWS signature of the bytes (RFC 7518 3.3, 3.4).

        Raises:
            StoreNotFound: the key is no longer there.
            StoreError: Vault did not sign.
        """
        wanted: dict[str, Any] = {"hash_algorithm": _HASHES[self.alg], "mount_point": self._connection.mount}
        is_elliptic = self.alg == "ES384"
        wanted |= {"marshaling_algorithm": "jws"} if is_elliptic else {"signature_algorithm": "pkcs1v15"}

        def sign(api: VaultApi) -> bytes:
            answer = api.transit.sign_data(self._name, hash_input=b64encode(data).decode(), **wanted)
            text = str(answer["data"]["signature"]).rpartition(":")[2]
            return urlsafe_b64decode(text + "=" * (-len(text) % 4)) if is_elliptic else b64decode(text)

        return self._connection.call(sign, rights.SIGN, self._name)

    def __repr__(self) -> str:
        return f"<TransitSigner kid={self.kid} alg={self.alg}>"


def swept() -> StoreConflict:
    """Return the error for a new key that was destroyed as one that no one names."""
    return StoreConflict(
        "Another user removed unused keys at this moment, and with them the new key.", hint="Try again."
    )


def _newest_public(answer: Any) -> str:
    """Return the public half of a key's newest version, PEM, from what the engine tells of the key."""
    versions = answer["data"]["keys"]
    return str(versions[max(versions, key=int)]["public_key"])


def _kind_of(spec: KeySpec) -> str:
    return "ecdsa-p384" if spec.bits is None else f"rsa-{spec.bits}"


def plain(text: str) -> str:
    """Return a text as part of a key's name, which has no slash and no colon."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text.replace("/", "-"))


def _wrapped(key: PrivateKey, wrapping_pem: str) -> str:
    """Return a private key that only the engine can open: AES-KWP under a key of chance, that one under RSA-OAEP."""
    wrapping = serialization.load_pem_public_key(wrapping_pem.encode())
    assert isinstance(wrapping, rsa.RSAPublicKey)  # the engine's documentation promises RSA-4096
    once = os.urandom(_WRAPPING_KEY_BYTES)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    body = b64decode("".join(key.reveal("pem").splitlines()[1:-1]))
    return b64encode(wrapping.encrypt(once, oaep) + keywrap.aes_key_wrap_with_padding(once, body)).decode()
