"""Our documents in a KV version 2 store: how records and staged clients are written and read. Pure.

The layout is in design.md, "The key store". Whatever may be secret is written as a string, since Vault's audit log
hashes strings and nothing else. `encode_…` reveals private keys: its result belongs into a call that is shielded, and
into no variable. Reading is strict: a document without `keys` is not ours; one of ours that cannot be read is damaged.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

from qlik_keys.errors import ConfigurationError, KeyMaterialError, StoreConflict, StoreProtocolError
from qlik_keys.keys import ALGORITHMS, PrivateKey
from qlik_keys.keystore.base import ClientRecord, KeyState, KeySummary, StagedClient, StoredKey, staged_document_name

if TYPE_CHECKING:
    from collections.abc import Mapping

STAGED_FOLDER = ".staged"
_SEGMENT = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9._:\[\]-]*")
_MOST_METADATA_BYTES = 512  # Vault's own limit on a value
_STATES = get_args(KeyState)
METADATA_NAMES = frozenset({"client_name", "tenant", "kid", "made_on", "rotate_by", "custody"})


def check_segment(text: str, *, what: str) -> str:
    """Return a tenant host or a client id if it is fit to be one part of a path.

    Raises:
        ConfigurationError: it is empty, leads elsewhere (`..`, `/`), begins with a dot, or has any character besides
            letters, digits and `. _ : [ ] -`.
    """
    if not _SEGMENT.fullmatch(text):
        raise ConfigurationError(
            f"The {what} {text!r} cannot be part of a path in the key store.",
            hint="It is made of letters, digits and . _ : [ ] - and does not begin with a dot.",
        )
    return text


def check_folder(text: str, *, what: str) -> str:
    """Return a mount or prefix without the slashes around it.

    Raises:
        ConfigurationError: it is empty or one of its parts is not fit for a path.
    """
    folder = text.strip("/")
    for part in folder.split("/"):
        check_segment(part, what=what)
    return folder


# --- records ---


def check_record(record: ClientRecord) -> None:
    """Refuse a record that could not be read again.

    Raises:
        ValueError: a key without its private half, under another kid, or two current ones;
            a moment without time zone.
    """
    _check_keys(record.keys)
    _time_text(record.rotate_by)
    if len(record.in_state("current")) > 1:
        raise ValueError("a record has one current key at most")
    if record.custody != "kv":
        raise ValueError(f"this store keeps records of custody 'kv', not {record.custody!r}")


def check_staged(staged: StagedClient) -> None:
    """Refuse a staged client that could not be read again.

    Raises:
        ValueError: its key lacks the private half, or a moment its time zone.
        TypeError: its specification is not JSON-ready.
    """
    _check_keys({} if staged.key is None else {staged.key.kid: staged.key})
    _time_text(staged.staged_at)
    json.dumps(staged.specification)


def encode_record(record: ClientRecord) -> dict[str, Any]:
    """Return the document of a checked record, with the private keys in the clear."""
    document: dict[str, Any] = {
        "client_id": record.client_id,
        "client_name": record.client_name,
        "token_url": record.token_url,
        "rotate_by": _time_text(record.rotate_by),
        "overlap_seconds": "" if record.overlap_seconds is None else str(record.overlap_seconds),
        "unpurged": "yes" if record.unpurged else "",
        "keys": {kid: _encode_key(key) for kid, key in record.keys.items()},
    }
    current = record.current
    if current is not None and current.private is not None:
        document |= {"kid": current.kid, "alg": current.alg, "private_key": current.private.reveal("pem")}
    return document


def decode_record(document: Any, *, host: str, client_id: str, version: int, path: str) -> ClientRecord:
    """Return the record in a document.

    Raises:
        StoreConflict: it is not ours.
        StoreProtocolError: it is ours and damaged, or its current fields do not fit its keys.
    """
    if not is_record_of(document, client_id):
        raise not_ours(path)
    keys = _decode_keys(document, path)
    record = ClientRecord(
        tenant_host=host,
        client_id=client_id,
        client_name=_text(document, "client_name", path),
        token_url=_text(document, "token_url", path),
        custody="kv",
        keys=keys,
        rotate_by=_time(document.get("rotate_by"), path),
        overlap_seconds=_seconds(document.get("overlap_seconds"), path),
        unpurged=bool(document.get("unpurged")),
        version=version,
    )
    if len(record.in_state("current")) > 1:
        raise _damaged(path, "it has several current keys")
    current = record.current
    if current is None:
        if document.get("private_key"):
            raise _damaged(path, "it has a private key that none of its keys is")
    elif (document.get("kid"), document.get("alg")) != (current.kid, current.alg):
        raise _damaged(path, "the fields of its current key are another key's")
    return record


def is_record_of(document: Any, client_id: str) -> bool:
    """Tell whether a document is our record of that client, sound or damaged."""
    return _is_ours(document) and document.get("client_id") == client_id


def same_record(first: ClientRecord, second: ClientRecord) -> bool:
    """Tell whether two records say the same, whatever their versions; keys are compared by their numbers."""
    return _comparable(first) == _comparable(second)


def _comparable(record: ClientRecord) -> tuple[object, ...]:
    names = (record.tenant_host, record.client_id, record.client_name, record.token_url, record.custody)
    return (*names, record.rotate_by, record.overlap_seconds, record.unpurged, dict(record.keys))


# --- staged clients ---


def encode_staged(staged: StagedClient) -> dict[str, Any]:
    """Return the document of a checked staged client, with its private key in the clear."""
    return {
        "name": staged.name,
        "specification": json.dumps(staged.specification),
        "staged_at": _time_text(staged.staged_at),
        "client_id": staged.client_id,
        "keys": {} if staged.key is None else {staged.key.kid: _encode_key(staged.key)},
    }


def decode_staged(document: Any, *, host: str, document_name: str, version: int, path: str) -> StagedClient:
    """Return the staged client in a document.

    Raises:
        StoreConflict: it is not ours.
        StoreProtocolError: it is ours and damaged.
    """
    name = document.get("name") if isinstance(document, dict) else None
    if not _is_ours(document) or not isinstance(name, str) or staged_document_name(name) != document_name:
        raise not_ours(path)
    keys = list(_decode_keys(document, path).values())
    staged_at = _time(document.get("staged_at"), path)
    if len(keys) > 1 or staged_at is None:
        raise _damaged(path, "it has several keys" if keys else "it lacks its date")
    return StagedClient(
        tenant_host=host,
        name=name,
        specification=_parsed(_text(document, "specification", path), path),
        staged_at=staged_at,
        key=keys[0] if keys else None,
        client_id=_text(document, "client_id", path),
        version=version,
    )


def same_staged(first: StagedClient, second: StagedClient) -> bool:
    """Tell whether two staged clients say the same, whatever their versions."""
    return _comparable_staged(first) == _comparable_staged(second)


def same_attempt(first: StagedClient, second: StagedClient) -> bool:
    """Tell whether two staged clients come of one attempt, whatever has been noted in them since."""
    return (first.name, first.staged_at, first.key and first.key.kid) == (
        second.name,
        second.staged_at,
        second.key and second.key.kid,
    )


def _comparable_staged(staged: StagedClient) -> tuple[object, ...]:
    # A list that was a tuple before it was written is the same specification.
    specification = json.loads(json.dumps(staged.specification))
    return (staged.tenant_host, staged.name, specification, staged.staged_at, staged.key, staged.client_id)


# --- custom metadata ---


def metadata_of(record: ClientRecord) -> dict[str, str]:
    """Return what people who browse Vault are shown, and what `summary` reads."""
    current = record.current
    shown = {
        "client_name": record.client_name,
        "tenant": record.tenant_host,
        "kid": current.kid if current else "",
        "made_on": _time_text(current.made_at) if current else "",
        "rotate_by": _time_text(record.rotate_by),
        "custody": record.custody,
    }
    return {name: value for name, text in shown.items() if (value := _presentable(text))}


def own_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what of custom metadata is ours."""
    return {name: text for name, text in metadata.items() if name in METADATA_NAMES}


def others_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what of custom metadata is not ours, and is kept."""
    return {name: text for name, text in metadata.items() if name not in METADATA_NAMES}


def summary_of(metadata: Mapping[str, str], *, client_id: str) -> KeySummary | None:
    """Return what custom metadata tells of a client, None if it is not ours."""
    if metadata.get("custody") != "kv":
        return None
    return KeySummary(
        client_id=client_id,
        client_name=metadata.get("client_name", ""),
        custody="kv",
        current_kid=metadata.get("kid", ""),
        made_at=parse_time(metadata.get("made_on")),
        rotate_by=parse_time(metadata.get("rotate_by")),
    )


def _presentable(text: str) -> str:
    """Return a text as Vault takes it in custom metadata: printable, and of limited length."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return printable.encode()[:_MOST_METADATA_BYTES].decode(errors="ignore")


# --- keys ---


def _check_keys(keys: Mapping[str, StoredKey]) -> None:
    for kid, key in keys.items():
        if kid != key.kid:
            raise ValueError(f"the key {key.kid} stands under another kid, {kid}")
        if key.private is None or key.private.public != key.public:
            raise ValueError(f"the key {kid} lacks its private half, and this store keeps it")
        for moment in (key.made_at, key.promoted_at, key.retire_at):
            _time_text(moment)


def _encode_key(key: StoredKey) -> dict[str, str]:
    assert key.private is not None  # checked
    return {
        "state": key.state,
        "alg": key.alg,
        "made_at": _time_text(key.made_at),
        "promoted_at": _time_text(key.promoted_at),
        "retire_at": _time_text(key.retire_at),
        "private_jwk": key.private.reveal("jwk"),
    }


def _decode_keys(document: dict[str, Any], path: str) -> dict[str, StoredKey]:
    flat = _load_pem(document, path) if document.get("private_key") else None
    if flat is not None:
        # What consumers use is loaded first, and remembered in both its forms: the same key as a JWK below is then not
        # validated again (290 ms for RSA-4096), and another key under that name is found out.
        flat.reveal("jwk")
    keys = {str(kid): _decode_key(str(kid), entry, path) for kid, entry in document["keys"].items()}
    if flat is not None and (flat.kid not in keys or keys[flat.kid].public != flat.public):
        raise _damaged(path, "its private key is not the one that its keys list as current")
    return keys


def _load_pem(document: dict[str, Any], path: str) -> PrivateKey:
    if document.get("alg") not in ALGORITHMS:
        raise _damaged(path, "its algorithm is none that a tenant accepts")
    try:
        return PrivateKey.from_pem(_text(document, "private_key", path), alg=document["alg"], kid=document.get("kid"))
    except KeyMaterialError as error:
        problem = error.message
    raise _damaged(path, f"its private key cannot be read: {problem}")


def _decode_key(kid: str, entry: Any, path: str) -> StoredKey:
    if not isinstance(entry, dict) or entry.get("state") not in _STATES or entry.get("alg") not in ALGORITHMS:
        raise _damaged(path, f"the entry of its key {kid} is malformed")
    made_at = _time(entry.get("made_at"), path)
    if made_at is None:
        raise _damaged(path, f"its key {kid} lacks its date")
    problem = ""
    try:
        private = PrivateKey.from_jwk(_text(entry, "private_jwk", path), alg=entry["alg"], kid=kid)
    except KeyMaterialError as error:
        problem = error.message
    if problem:
        raise _damaged(path, f"its key {kid} cannot be read: {problem}")
    return StoredKey(
        public=private.public,
        state=entry["state"],
        made_at=made_at,
        promoted_at=_time(entry.get("promoted_at"), path),
        retire_at=_time(entry.get("retire_at"), path),
        private=private,
    )


# --- fields ---


def not_ours(path: str) -> StoreConflict:
    """Return the error for a document that we did not write."""
    return StoreConflict(
        f"The document at {path} is not ours, so it is left alone.",
        path=path,
        hint="Move it away, or use another `prefix` or `mount`.",
    )


def _is_ours(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("keys"), dict)


def _damaged(path: str, what: str) -> StoreProtocolError:
    return StoreProtocolError(
        f"The document at {path} is damaged: {what}.",
        path=path,
        hint="Somebody has edited it. An earlier version may be whole: `vault kv rollback` brings it back.",
    )


def _text(document: dict[str, Any], name: str, path: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise _damaged(path, f"its field {name} is missing or no text")
    return value


def _parsed(text: str, path: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _damaged(path, "its specification is no JSON object")
    return value


def _seconds(text: object, path: str) -> int | None:
    if text is None or text == "":
        return None
    if not isinstance(text, str) or not text.isdecimal():
        raise _damaged(path, "its overlap is malformed")
    return int(text)


def _time_text(moment: datetime | None) -> str:
    """Return a moment in ISO 8601, UTC, "" for none."""
    if moment is None:
        return ""
    if moment.tzinfo is None:
        raise ValueError("a moment must know its time zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: object) -> datetime | None:
    """Return the moment in an ISO 8601 text, None for none or a malformed one."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _time(text: object, path: str) -> datetime | None:
    if text is None or text == "":
        return None
    moment = parse_time(text)
    if moment is None:
        raise _damaged(path, "one of its dates is malformed")
    return moment
