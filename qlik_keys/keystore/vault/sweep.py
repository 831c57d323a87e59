"""Finding keys in Transit that no document names, and destroying them without harming who is just about to name one.

A run that is interrupted between "Vault has made the key" and "a document names it" leaves a key that no one can use
and whose public half is nowhere. Before such a key is destroyed, the document that could still come to name it is
written again as it is: anyone who had read it before loses the compare-and-set. Where there is no such document yet,
its writer looks after the first write whether the key is still there (`VaultKeyStore.write_pending`).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qlik_keys.core.outcomes import after_effect
from qlik_keys.errors import (
    ConfigurationError,
    StoreConflict,
    StoreDeleted,
    StoreDenied,
    StoreError,
    StoreNotFound,
    StoreProtocolError,
)
from qlik_keys.keystore.base import pending_document_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from qlik_keys.keystore.vault.kv import KvKeys
    from qlik_keys.keystore.vault.transit import TransitKeys, TransitName


def sweep(
    documents: KvKeys,
    transit: TransitKeys,
    tenant_host: str,
    *,
    of: Collection[str] | None = None,
    known: Collection[str] = (),
) -> Sequence[str]:
    """Destroy the keys of a tenant that no document names; return their names.

    Args:
        documents: the documents that may name a key.
        transit: the keys.
        tenant_host: host of the tenant.
        of: names of clients: only keys that were made for clients of these names are looked at; by default all.
        known: names of keys that are known to be named: where these are all, no document is read.

    Raises:
        StoreError: the store cannot be asked.
    """
    names = transit.names(tenant_host)  # before the documents: what is made from now on is not looked at
    if of is not None:
        asked = {pending_document_name(name) for name in of}
        parts = {name: transit.parse(name, tenant_host) for name in {*names} - {*known}}
        names = [name for name, part in parts.items() if part is not None and part.document_name in asked]
    named, is_whole = _named(documents, tenant_host) if names else (set(), True)
    destroyed: list[str] = []
    for name in sorted(set(names) - named):
        parsed = transit.parse(name, tenant_host)
        # What cannot be read may name any key that was made before its client was.
        if parsed is None or not (is_whole or parsed.client_id):
            continue
        if not _fenced(documents, transit, tenant_host, parsed):
            continue
        with after_effect() if destroyed else contextlib.nullcontext():
            if name not in _named(documents, tenant_host)[0]:
                transit.destroy(name)
                destroyed.append(name)
    return destroyed


def _named(documents: KvKeys, tenant_host: str) -> tuple[set[str], bool]:
    """Return the names of keys in all documents of a tenant, and whether all of them could be read.

    Pending records first: a name goes from there to a record, and is in both for a while.
    """
    damaged: list[StoreError] = []
    all_pending = documents.pending(tenant_host, on_damaged=damaged.append)
    named = {pending.key.reference for pending in all_pending if pending.key is not None}
    is_whole = not damaged
    for client_id in documents.client_ids(tenant_host):
        try:
            record = documents.read(tenant_host, client_id)
        except (StoreDeleted, StoreConflict, StoreProtocolError, StoreDenied, ConfigurationError):
            is_whole = False  # it could be undeleted or rolled back, or is another user's
        except StoreNotFound:
            continue  # announced and never written, or gone permanently
        else:
            named |= {key.reference for key in record.keys.values()}
    return named - {""}, is_whole


def _fenced(documents: KvKeys, transit: TransitKeys, tenant_host: str, name: TransitName) -> bool:
    """Make sure that who read the key's document before cannot write it any more; return whether that was done."""
    try:
        if name.client_id:
            for client_id in documents.client_ids(tenant_host):
                if transit.is_of(name, client_id):
                    _rewrite(documents, tenant_host, client_id)
        else:
            pending = documents.pending_as(tenant_host, name.document_name)
            if pending is not None:
                documents.write_pending(pending)
    except (StoreDeleted, StoreConflict, StoreProtocolError, StoreDenied):
        return False  # someone is at it, or it could be undeleted or rolled back: another time
    return True


def _rewrite(documents: KvKeys, tenant_host: str, client_id: str) -> None:
    try:
        record = documents.read(tenant_host, client_id)
    except StoreDeleted:
        raise
    except StoreNotFound:
        return
    documents.write(record)
