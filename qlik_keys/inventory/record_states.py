"""How the few records stand of which Vault's metadata alone cannot tell: for the table and the audit.

Metadata show an interrupted operation and a record that was edited by hand alike, by its version number. These records
are read, where that is allowed, and what they say counts. Not done here: what is said of it (`inventory`, `findings`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from qlik_keys.core.side_by_side import side_by_side
from qlik_keys.errors import (
    ConfigurationError,
    QlikKeysError,
    StoreConflict,
    StoreDamaged,
    StoreError,
    StoreNotFound,
    StoreSealed,
    StoreUnreachable,
)
from qlik_keys.keystore.base import KeySummary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qlik_keys.keystore.base import ClientRecord, KeyStore


@dataclass(slots=True)
class RecordStates:
    """What is known of clients' records.

    Attributes:
        summaries: by client id, what a record says where it was read, else what the store shows of it.
        damaged: ids of the records that cannot be read any more: someone has edited them.
        shown_wrong: ids of the records of which the store shows something else than they say.
        unread: ids of the records that are in progress, or were edited: no one was allowed to read which.
        returned: ids of the clients of which a key is registered that their record says was removed.
    """

    summaries: dict[str, KeySummary]
    damaged: set[str] = field(default_factory=set)
    shown_wrong: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)


def record_states(
    store: KeyStore,
    tenant_host: str,
    shown: Mapping[str, KeySummary],
    registered: Mapping[str, Sequence[str]],
) -> RecordStates:
    """Return how records stand; those that are in progress or doubtful by what the store shows are read.

    Args:
        store: where they are.
        tenant_host: of which tenant.
        shown: what the store shows, by client id.
        registered: kids on the tenant, by client id; where they are not those that the store shows, its record is read.

    Raises:
        StoreError: the store is sealed or cannot be reached.
    """

    def read(client_id: str) -> tuple[ClientRecord | None, StoreError | None]:
        try:
            return store.read(tenant_host, client_id), None
        except (StoreSealed, StoreUnreachable):
            raise
        except StoreError as problem:
            return None, problem  # of this record alone: a policy that forbids all of them is an auditor's

    states = RecordStates(dict(shown))
    wanted = [
        of
        for of, told in shown.items()
        if not told.gone and (told.is_in_progress or _is_doubtful(told, registered.get(of)))
    ]
    for client_id, answer in zip(wanted, side_by_side(read, wanted), strict=True):
        record, problem = (None, answer) if isinstance(answer, QlikKeysError) else answer
        told = shown[client_id]
        if record is not None:
            states.summaries[client_id] = summary_of(record)
            if record.is_shown_wrong and not record.is_in_progress:
                states.shown_wrong.add(client_id)
            if record.returned(registered.get(client_id, ())):
                states.returned.add(client_id)
        elif isinstance(problem, StoreDamaged | StoreConflict):
            states.summaries[client_id] = replace(told, is_in_progress=False, operation=None)
            states.damaged.add(client_id)
        elif told.is_in_progress:
            states.unread.add(client_id)
    return states


def _is_doubtful(told: KeySummary, kids: Sequence[str] | None) -> bool:
    """Tell whether a client has other keys than what the store shows lets expect."""
    if kids is None or not told.current_kid:
        return False
    return told.current_kid not in kids or len(kids) > (2 if told.retire_at else 1)


def summary_of(record: ClientRecord) -> KeySummary:
    """Return what a record says, in the form of what a store shows of it."""
    current = record.current
    return KeySummary(
        client_id=record.client_id,
        client_name=record.client_name,
        custody=record.custody,
        current_kid="" if current is None else current.kid,
        made_at=None if current is None else current.made_at,
        rotate_by=record.rotate_by,
        custody_before=record.custody_before,
        reference="" if current is None else current.reference,
        retire_at=record.old_keys_end,
        is_in_progress=record.is_in_progress,
        operation=record.operation,
        pending_hooks=record.pending_hooks,
        hooks_since=record.hooks_since,
        declaration=record.declaration,
        rotate_after=None if record.declaration is None else record.rotate_after,
        gone_at=record.gone_at,
        remedy=record.remedy,
    )


def foreign_documents(store: KeyStore, tenant_host: str, unknown: Sequence[str]) -> set[str]:
    """Return which of the documents of which the store shows nothing are not managed by qlik_keys.

    The others are announced records, which an interrupted call has not written, or are gone in the meantime.
    """

    def is_foreign(client_id: str) -> bool:
        try:
            store.read(tenant_host, client_id)
        except StoreNotFound:
            return False
        except (StoreError, ConfigurationError):
            return True  # it may not be read, is another document, or has no name of a record
        return False

    answers = side_by_side(is_foreign, unknown)
    return {client_id for client_id, answer in zip(unknown, answers, strict=True) if answer is True}
