"""Our documents in a KV version 2 store: how records and pending clients are written and read. Pure.

The layout is in docs/reference/vault.md. Whatever may be secret is written as a string, since Vault's audit log
hashes strings and nothing else. `encode_…` reveals private keys: its result belongs into a call that is shielded, and
into no variable. Reading is strict: a document without `keys` is not managed by qlik_keys; one that qlik_keys manages
that cannot be read is damaged.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

from qlik_keys.errors import ConfigurationError, StoreDamaged
from qlik_keys.keystore.base import ClientRecord, Custody, KeySummary, PendingClient, pending_document_name
from qlik_keys.keystore.vault.documents.declarations import (
    DECLARATION_NAMES,
    declaration_shown,
    decode_declaration,
    encode_declaration,
    rotate_after_shown,
    shown_declaration,
)
from qlik_keys.keystore.vault.documents.fields import (
    damaged,
    parse_time,
    parsed,
    seconds_of,
    text_of,
    texts_of,
    time_of,
    time_text,
    unmanaged_document,
)
from qlik_keys.keystore.vault.documents.key_entries import check_keys, decode_keys, encode_key
from qlik_keys.keystore.vault.documents.operations import (
    check_operation,
    decode_operation,
    encode_operation,
    operation_shown,
    shown_operation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PENDING_FOLDER = ".staged"
NAMES_FOLDER = ".names"
_SEGMENT = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9._:\[\]-]*")
_MOST_METADATA_BYTES = 512  # Vault's own limit on a value
CUSTODIES: tuple[Custody, ...] = get_args(Custody)
METADATA_NAMES = frozenset(
    {
        "client_name",
        "tenant",
        "kid",
        "made_on",
        "rotate_by",
        "custody",
        "custody_before",
        "transit_key",
        "retire_at",
        "done_at_version",
        "operation",
        "pending_hooks",
        "hooks_since",
        *DECLARATION_NAMES,
    }
)


def check_segment(text: str, *, what: str) -> str:
    """Return a tenant host or a client id if it is fit to be one part of a path.

    Raises:
        ConfigurationError: it is empty, leads elsewhere (`..`, `/`), begins with a dot, or has a character other than
            letters, digits and `. _ : [ ] -`.
    """
    if not _SEGMENT.fullmatch(text):
        raise ConfigurationError(
            f"The {what} {text!r} cannot be part of a path in the key store.",
            hint="Use only letters, digits and . _ : [ ] -, and do not begin with a dot.",
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
            a moment without time zone; another custody than the current key's.
    """
    check_keys(record.keys)
    time_text(record.rotate_by)
    check_operation(record.operation)
    if len(record.in_state("current")) > 1:
        raise ValueError("a record has at most one current key")
    if record.current is not None and record.custody != record.current.custody:
        raise ValueError(f"the record's custody is {record.custody!r}, but that of its current key is not")


def check_pending(pending: PendingClient) -> None:
    """Refuse a pending client that could not be read again.

    Raises:
        ValueError: its key lacks the private half, or a moment its time zone.
        TypeError: its specification is not JSON-ready.
    """
    check_keys({} if pending.key is None else {pending.key.kid: pending.key})
    time_text(pending.pending_at)
    json.dumps(pending.specification)


def encode_record(record: ClientRecord) -> dict[str, Any]:
    """Return the document of a checked record, with the private keys in the clear."""
    document: dict[str, Any] = {
        "client_id": record.client_id,
        "client_name": record.client_name,
        "token_url": record.token_url,
        "custody": record.custody,
        "rotate_by": time_text(record.rotate_by),
        "overlap_seconds": "" if record.overlap_seconds is None else str(record.overlap_seconds),
        "unpurged": "yes" if record.unpurged else "",
        "custody_before": record.custody_before or "",
        "operation": encode_operation(record.operation),
        "removed_kids": json.dumps(record.removed_kids) if record.removed_kids else "",
        "pending_hooks": json.dumps(record.pending_hooks) if record.pending_hooks else "",
        "declaration": encode_declaration(record.declaration),
        "keys": {kid: encode_key(key) for kid, key in record.keys.items()},
    }
    current = record.current
    if current is not None:
        document |= {"kid": current.kid, "alg": current.alg}
        if current.private is None:
            document["transit_key"] = current.reference
        else:
            document["private_key"] = current.private.reveal("pem")
    return document


def decode_record(document: Any, *, host: str, client_id: str, version: int, path: str) -> ClientRecord:
    """Return the record in a document.

    Raises:
        StoreConflict: it is not managed by qlik_keys.
        StoreProtocolError: it is ours and damaged, or its current fields do not fit its keys.
    """
    if not is_record_of(document, client_id):
        raise unmanaged_document(path)
    try:
        return _decoded(document, host=host, client_id=client_id, version=version, path=path)
    except StoreDamaged as error:
        # Neither is secret, and what they say may be wrong too: the doctor looks.
        for name in ("kid", "token_url"):
            if isinstance(document.get(name), str):
                setattr(error, name, document[name])
        raise


def _decoded(document: Any, *, host: str, client_id: str, version: int, path: str) -> ClientRecord:
    keys = decode_keys(document, path)
    record = ClientRecord(
        tenant_host=host,
        client_id=client_id,
        client_name=text_of(document, "client_name", path),
        token_url=text_of(document, "token_url", path),
        custody=_custody_of(document, path),
        keys=keys,
        rotate_by=time_of(document.get("rotate_by"), path),
        overlap_seconds=seconds_of(document.get("overlap_seconds"), path),
        unpurged=bool(document.get("unpurged")),
        custody_before=_custody_named(document.get("custody_before")),
        operation=decode_operation(document.get("operation"), path),
        removed_kids=texts_of(document, "removed_kids", path),
        pending_hooks=texts_of(document, "pending_hooks", path),
        declaration=decode_declaration(document.get("declaration"), path),
        version=version,
    )
    if len(record.in_state("current")) > 1:
        raise damaged(path, "it has several current keys")
    current = record.current
    if current is None:
        if document.get("private_key"):
            raise damaged(path, "it has a private key that belongs to none of its keys")
    elif (document.get("kid"), document.get("alg"), document.get("transit_key") or "", record.custody) != (
        current.kid,
        current.alg,
        current.reference,
        current.custody,
    ):
        raise damaged(path, "the fields of its current key belong to another key")
    elif not current.reference and not document.get("private_key"):
        # What consumers read; the same key under `keys` does not log them in.
        raise damaged(path, "its field private_key is empty")
    return record


def is_record_of(document: Any, client_id: str) -> bool:
    """Tell whether a document is our record of that client, sound or damaged."""
    return _is_ours(document) and document.get("client_id") == client_id


def owner_of(document: Any, client_id: str) -> str | None:
    """Return the name in our record of that client, "" where it is damaged; None for a foreign document."""
    if not is_record_of(document, client_id):
        return None
    name = document.get("client_name")
    return name if isinstance(name, str) else ""


def same_record(first: ClientRecord, second: ClientRecord) -> bool:
    """Tell whether two records say the same, whatever their versions; keys are compared by their numbers."""
    return _comparable(first) == _comparable(second)


def _comparable(record: ClientRecord) -> tuple[object, ...]:
    names = (record.tenant_host, record.client_id, record.client_name, record.token_url, record.custody)
    state = (record.rotate_by, record.overlap_seconds, record.unpurged, record.custody_before, record.operation)
    more = (record.removed_kids, record.pending_hooks, record.declaration)
    return (*names, *state, *more, dict(record.keys))


# --- pending clients ---


def encode_pending(pending: PendingClient) -> dict[str, Any]:
    """Return the document of a checked pending client, with its private key in the clear."""
    return {
        "name": pending.name,
        "specification": json.dumps(pending.specification),
        "pending_at": time_text(pending.pending_at),
        "client_id": pending.client_id,
        "keys": {} if pending.key is None else {pending.key.kid: encode_key(pending.key)},
    }


def decode_pending(document: Any, *, host: str, document_name: str, version: int, path: str) -> PendingClient:
    """Return the pending client in a document.

    Raises:
        StoreConflict: it is not managed by qlik_keys.
        StoreProtocolError: it is ours and damaged.
    """
    name = document.get("name") if isinstance(document, dict) else None
    if not _is_ours(document) or not isinstance(name, str) or pending_document_name(name) != document_name:
        raise unmanaged_document(path)
    keys = list(decode_keys(document, path).values())
    pending_at = time_of(document.get("pending_at"), path)
    if len(keys) > 1 or pending_at is None:
        raise damaged(path, "it has several keys" if keys else "it has no date")
    return PendingClient(
        tenant_host=host,
        name=name,
        specification=parsed(text_of(document, "specification", path), path),
        pending_at=pending_at,
        key=keys[0] if keys else None,
        client_id=text_of(document, "client_id", path),
        version=version,
    )


def same_pending(first: PendingClient, second: PendingClient) -> bool:
    """Tell whether two pending clients say the same, whatever their versions."""
    return _comparable_pending(first) == _comparable_pending(second)


def same_attempt(first: PendingClient, second: PendingClient) -> bool:
    """Tell whether two pending clients come of one attempt, whatever has been noted in them since."""
    return (first.name, first.pending_at, first.key and first.key.kid) == (
        second.name,
        second.pending_at,
        second.key and second.key.kid,
    )


def _comparable_pending(pending: PendingClient) -> tuple[object, ...]:
    # A list that was a tuple before it was written is the same specification.
    specification = json.loads(json.dumps(pending.specification))
    return (pending.tenant_host, pending.name, specification, pending.pending_at, pending.key, pending.client_id)


# --- custom metadata ---


def metadata_of(record: ClientRecord, version: int) -> dict[str, str]:
    """Return what people who browse Vault are shown, and what `summary` reads.

    Args:
        record: the record.
        version: the version of its document.
    """
    current = record.current
    shown = {
        "client_name": record.client_name,
        "tenant": record.tenant_host,
        "kid": current.kid if current else "",
        "made_on": time_text(current.made_at) if current else "",
        "rotate_by": time_text(record.rotate_by),
        "custody": record.custody,
        "custody_before": record.custody_before or "",
        "transit_key": current.reference if current else "",
        "retire_at": time_text(record.old_keys_end),
        "done_at_version": str(_done_at(record, version)),
        "operation": shown_operation(record.operation),
        "pending_hooks": ", ".join(record.pending_hooks),
        "hooks_since": time_text(record.hooks_since),
        **shown_declaration(record),
    }
    return {name: value for name, text in shown.items() if (value := presentable(text))}


def _done_at(record: ClientRecord, version: int) -> int:
    """Return the version at which nothing is in progress any more, 0 where that is not known yet.

    So that who reads metadata alone sees by the number of the current version whether an operation is in progress,
    while most of its writes leave the metadata alone. A wrong guess costs one more write of the metadata at the end.
    """
    if not record.is_in_progress:
        return version
    operation = record.operation
    is_open = operation is not None and operation.is_serious and record.overlap_seconds is None and not record.unpurged
    if record.in_state("next") or is_open:
        return 0
    if record.overlap_seconds is not None:
        return version + len(record.in_state("previous")) + 1  # each is retired, then older versions are destroyed
    return version + 1


def shows(metadata: Mapping[str, str], record: ClientRecord, version: int) -> bool:
    """Tell whether custom metadata says what a record of that version says."""
    found, wanted = own_metadata(metadata), metadata_of(record, version)
    if found == wanted:
        return True
    told = found.pop("done_at_version", "")
    del wanted["done_at_version"]
    return found == wanted and record.is_in_progress and told not in ("", str(version))


def own_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what of custom metadata is ours."""
    return {name: text for name, text in metadata.items() if name in METADATA_NAMES}


def others_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what of custom metadata is not managed by qlik_keys, and is kept."""
    return {name: text for name, text in metadata.items() if name not in METADATA_NAMES}


def summary_of(metadata: Mapping[str, str], *, client_id: str, version: int) -> KeySummary | None:
    """Return what custom metadata tells of a client whose document has that version, None for a foreign one."""
    custody = _custody_named(metadata.get("custody"))
    if custody is None:
        return None
    return KeySummary(
        client_id=client_id,
        client_name=metadata.get("client_name", ""),
        custody=custody,
        current_kid=metadata.get("kid", ""),
        made_at=parse_time(metadata.get("made_on")),
        rotate_by=parse_time(metadata.get("rotate_by")),
        custody_before=_custody_named(metadata.get("custody_before")),
        reference=metadata.get("transit_key", ""),
        retire_at=parse_time(metadata.get("retire_at")),
        is_in_progress=metadata.get("done_at_version", str(version)) != str(version),
        operation=operation_shown(metadata.get("operation")),
        pending_hooks=tuple(name for name in metadata.get("pending_hooks", "").split(", ") if name),
        hooks_since=parse_time(metadata.get("hooks_since")),
        declaration=declaration_shown(metadata),
        rotate_after=rotate_after_shown(metadata),
    )


def presentable(text: str) -> str:
    """Return a text as Vault takes it in custom metadata: printable, and of limited length."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    printable = text.strip()
    return printable.encode()[:_MOST_METADATA_BYTES].decode(errors="ignore")


def _custody_named(text: object) -> Custody | None:
    return next((known for known in CUSTODIES if known == text), None)


def _custody_of(document: dict[str, Any], path: str) -> Custody:
    """Return who holds a record's keys; records of before there were two custodies do not say."""
    custody = document.get("custody", "kv")
    for known in CUSTODIES:
        if custody == known:
            return known
    raise damaged(path, "its custody is unknown")


def _is_ours(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("keys"), dict)
