"""Clients that a second attempt made of the same key: how they are told from all others, and removed.

They come of an answer that was lost, or of two people who made the same client at once and of whom one was interrupted.
No one logs in as such a client: the private half is in our store under another client, or was destroyed there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from qlik_keys.errors import StoreNotFound, TenantNotFound
from qlik_keys.lifecycle.actions import Action
from qlik_keys.tenant.resources.requests import eq

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.tenant import OAuthClient

# Two attempts at one client are made within seconds; clocks of this machine play no part.
_TOGETHER = timedelta(hours=1)


@dataclass(slots=True)
class Duplicate:
    """A client that may be one too many.

    Attributes:
        client: the client.
        owners: ids of the client that qlik_keys manages of whose key it was made.
    """

    client: OAuthClient
    owners: set[str] = field(default_factory=set)


def find_duplicates(clients: Iterable[OAuthClient], records: Mapping[str, ClientRecord]) -> list[Duplicate]:
    """Return the clients without a record that bear the name of one that qlik_keys manages and were made of its key.

    Args:
        clients: the tenant's, or all of them that have a certain name.
        records: our records by client id.
    """
    of_name: dict[str, list[Duplicate]] = {}
    ours = []
    for client in clients:
        if client.client_id in records:
            ours.append(client)
        else:
            of_name.setdefault(client.client_name, []).append(Duplicate(client))
    for client in ours:
        for other in of_name.get(client.client_name, ()):
            if _is_made_of(other.client, client, records[client.client_id]):
                other.owners.add(client.client_id)
    return [other for others in of_name.values() for other in others if len(other.owners) == 1]


def _is_made_of(other: OAuthClient, client: OAuthClient, record: ClientRecord) -> bool:
    """Tell whether a client was made of a key that the record of another has, or had.

    A key that was removed since may be registered elsewhere on purpose, where its owner brought it along: so both
    clients must have been made at about the same time.
    """
    kids = {key.kid for key in other.public_keys}
    if not kids.isdisjoint(record.keys):
        return True
    if kids.isdisjoint(record.removed_kids) or other.created_at is None or client.created_at is None:
        return False
    return abs(other.created_at - client.created_at) <= _TOGETHER


def remove_duplicate(work: OperationContext, duplicate: Duplicate, *, operation: str) -> bool:
    """Remove a client that is one too many; return False where it has a record by now, or is gone.

    Raises:
        QlikKeysError: tenant or store could not be asked.
    """
    client = duplicate.client
    try:
        work.store.read(work.tenant.host, client.client_id)
    except StoreNotFound as problem:
        # A managed client whose record was deleted or destroyed raises a subclass.
        is_unknown = type(problem) is StoreNotFound
    else:
        is_unknown = False
    if not is_unknown:
        return False
    try:
        work.step(
            operation,
            Action.REMOVE_DUPLICATE,
            client.client_name,
            lambda: work.tenant.oauth_clients.delete(client.client_id),
        )
    except TenantNotFound:
        return False
    return True


def remove_duplicates_of(work: OperationContext, client: OAuthClient, record: ClientRecord, *, operation: str) -> None:
    """Remove the duplicates of one client before its record goes: without the record they cannot be found any more.

    Raises:
        QlikKeysError: as `remove_duplicate`.
    """
    alike = work.tenant.oauth_clients.iterate(filter=eq("clientName", client.client_name))
    for duplicate in find_duplicates([client, *alike], {client.client_id: record}):
        remove_duplicate(work, duplicate, operation=operation)
