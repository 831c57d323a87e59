"""The keys within our documents in a KV store: how each is written and read. Pure.

A key that the store keeps is written with its private half; one that Vault's Transit engine keeps is written with its
name there and its public half. `encode_key` reveals private keys: its result belongs into a call that is shielded.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import ALGORITHMS, PrivateKey, PublicJwk
from qlik_keys.keystore.base import KeyState, StoredKey
from qlik_keys.keystore.vault.documents.fields import damaged, text_of, time_of, time_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATES = get_args(KeyState)


def check_keys(keys: Mapping[str, StoredKey]) -> None:
    """Refuse keys that could not be read again.

    Raises:
        ValueError: a key has neither its private half nor a name in Transit, is filed under another kid, or has a
            moment without time zone.
    """
    for kid, key in keys.items():
        if kid != key.kid:
            raise ValueError(f"the key {key.kid} is filed under another kid, {kid}")
        if not key.reference and (key.private is None or key.private.public != key.public):
            raise ValueError(f"the key {kid} has no private key, and no other engine holds it")
        for moment in (key.made_at, key.promoted_at, key.retire_at):
            time_text(moment)


def encode_key(key: StoredKey) -> dict[str, str]:
    """Return a checked key as it is written, with the private half in the clear where the store keeps it."""
    if key.reference:
        half = {"reference": key.reference, "public_jwk": json.dumps(key.public.to_dict())}
    else:
        assert key.private is not None  # checked
        half = {"private_jwk": key.private.reveal("jwk")}
    return {
        "state": key.state,
        "alg": key.alg,
        "made_at": time_text(key.made_at),
        "promoted_at": time_text(key.promoted_at),
        "retire_at": time_text(key.retire_at),
        **half,
    }


def decode_keys(document: dict[str, Any], path: str) -> dict[str, StoredKey]:
    """Return the keys in one of our documents, by kid.

    Raises:
        StoreProtocolError: one cannot be read, or the document's own private key is none of them.
    """
    # What consumers use is loaded first, and remembered by its numbers: the same key as a JWK below is then not
    # validated again (290 ms for RSA-4096), and another key under that name is found out.
    flat = _load_pem(document, path) if document.get("private_key") else None
    keys = {str(kid): _decode_key(str(kid), entry, path) for kid, entry in document["keys"].items()}
    if flat is not None and (flat.kid not in keys or keys[flat.kid].public != flat.public):
        raise damaged(path, "its private key is not the one that `keys` lists as current")
    return keys


def _load_pem(document: dict[str, Any], path: str) -> PrivateKey:
    if document.get("alg") not in ALGORITHMS:
        raise damaged(path, "its algorithm is not one that a tenant accepts")
    try:
        return PrivateKey.from_pem(text_of(document, "private_key", path), alg=document["alg"], kid=document.get("kid"))
    except KeyMaterialError as error:
        problem = error.message
    raise damaged(path, f"its private key cannot be read: {problem}")


def _decode_key(kid: str, entry: Any, path: str) -> StoredKey:
    if not isinstance(entry, dict) or entry.get("state") not in _STATES or entry.get("alg") not in ALGORITHMS:
        raise damaged(path, f"the entry of its key {kid} is malformed")
    made_at = time_of(entry.get("made_at"), path)
    if made_at is None:
        raise damaged(path, f"its key {kid} has no date")
    reference = text_of(entry, "reference", path) if entry.get("reference") else ""
    private, problem = None, ""
    try:
        if reference:
            public = PublicJwk.from_jwk(text_of(entry, "public_jwk", path))
        else:
            private = PrivateKey.from_jwk(text_of(entry, "private_jwk", path), alg=entry["alg"], kid=kid)
            public = private.public
    except KeyMaterialError as error:
        problem = error.message
    if not problem and (public.kid, public.alg) != (kid, entry["alg"]):
        problem = "its public key belongs to another key."
    if problem:
        raise damaged(path, f"its key {kid} cannot be read: {problem}")
    return StoredKey(
        public=public,
        state=entry["state"],
        made_at=made_at,
        promoted_at=time_of(entry.get("promoted_at"), path),
        retire_at=time_of(entry.get("retire_at"), path),
        private=private,
        reference=reference,
    )
