"""Deleting a client and its keys: what is interrupted is finished, since the record says that it was to be deleted."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.core.outcomes import after_effect
from qlik_keys.errors import (
    ConfigurationError,
    StoreConflict,
    StoreNotFound,
    StoreProtocolError,
    TenantNotFound,
)
from qlik_keys.keystore.lookup import CLIENT_ID, ClientLookup, checked
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.duplicates import remove_duplicates_of
from qlik_keys.lifecycle.in_progress import merged
from qlik_keys.lifecycle.record_changes import abandoned

if TYPE_CHECKING:
    from qlik_keys.keystore.base import ClientRecord, PendingClient
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.options import DeleteOptions
    from qlik_keys.tenant import OAuthClient


def delete(work: OperationContext, client: str, options: DeleteOptions) -> str:
    """See `operations.delete`. Returns the client's id."""
    client, confirm = checked(client), options.confirm

    def perform(client_id: str) -> str:
        if confirm != client_id:
            whose = "" if client == client_id else f", which for {client!r} is {client_id},"
            raise ConfigurationError(
                f"The client's id{whose} was not repeated, so nothing was deleted.", hint=f"Pass confirm={client_id!r}."
            )
        delete_client(work, client_id, keep_secret=options.keep_secret)
        return client_id

    # A name may look like an id; the id that is repeated tells which client is meant, before anything is looked for.
    if confirm is not None and confirm != client and CLIENT_ID.fullmatch(client):
        client = confirm if ClientLookup.of(work.tenant, work.store).ids_named(client) == [confirm] else client
    return work.resolved(client, perform)


def delete_client(work: OperationContext, client_id: str, *, keep_secret: bool, is_resumed: bool = False) -> None:
    """Delete a client and, unless they should stay, its keys; `is_resumed` is quiet where nothing is left of it.

    Raises:
        TenantNotFound: there is nothing to delete.
        QlikKeysError: as `operations.delete`.
    """
    pending: list[PendingClient] = []
    client: OAuthClient | None = None
    try:
        client = work.tenant.oauth_clients.get(client_id)
        pending = pending_of(work, client)
    except TenantNotFound:
        pass
    if client is None and not is_resumed and (keep_secret or client_id not in work.store.client_ids(work.tenant.host)):
        raise TenantNotFound(
            f"There is nothing to delete: the tenant has no client {client_id}"
            + (", and its keys in the store are to be kept." if keep_secret else ", and the store has no keys of it."),
            hint="Check the id and the tenant; if it was deleted before, nothing is left to do.",
        )
    record = _noted_deletion(work, client_id, keep_secret=keep_secret)
    with contextlib.ExitStack() as parts:
        if is_resumed or (record is not None and record.operation is not None):
            parts.enter_context(after_effect())  # that it is being deleted has been written
        if client is not None and record is not None:
            remove_duplicates_of(work, client, record, operation="delete")
        # Before the client: else `resume` would make it again. Without a claim no other user knows whose it was.
        for each in pending:
            work.step("delete", Action.REMOVE_PENDING, each.name, lambda each=each: _remove_pending(work, each))  # type: ignore[misc]
            parts.enter_context(after_effect())

        def delete_there() -> None:
            with contextlib.suppress(TenantNotFound):
                work.tenant.oauth_clients.delete(client_id)

        def delete_record() -> None:
            work.store.delete(work.tenant.host, client_id)

        work.step("delete", Action.DELETE_CLIENT, client_id, delete_there)
        parts.enter_context(after_effect())
        if not keep_secret:
            work.step("delete", Action.DELETE_RECORD, client_id, delete_record)
        elif record is not None and record.is_in_progress:
            work.step("delete", Action.SETTLE, record.client_name, lambda: _abandon(work, record))


def _noted_deletion(work: OperationContext, client_id: str, *, keep_secret: bool) -> ClientRecord | None:
    """Write to the client's record that it is being deleted; return the record, None where none can be read.

    A record that stays and has nothing in progress needs no note: the deletion is one request.
    """
    for is_last in (False, False, True):
        try:
            record = work.read(client_id)
        except (StoreNotFound, StoreProtocolError):
            return None  # nothing to note it in: what is damaged, or deleted softly, may be deleted all the same
        wanted = work.started("delete", keep_secret=keep_secret)
        started = wanted if record.operation is None else merged(record.operation, wanted)
        if started is None or started == record.operation or (keep_secret and not record.is_in_progress):
            return record
        noted = replace(record, operation=started)

        def note(noted: ClientRecord = noted) -> None:
            work.store.write(noted, read_back=False)

        try:
            work.step("delete", Action.NOTE, record.client_name, note)
        except StoreConflict:
            if is_last:
                raise
        else:
            return noted
    raise AssertionError("the last round returns or raises")


def _abandon(work: OperationContext, record: ClientRecord) -> None:
    record = work.store.read(record.tenant_host, record.client_id)
    if record.unpurged:
        work.store.purge(record)
    work.store.write(abandoned(record), read_back=False)


def pending_of(work: OperationContext, client: OAuthClient) -> list[PendingClient]:
    """Return what is pending of a client that is being made."""
    return [pending for pending in work.store.pending(work.tenant.host) if is_pending_of(pending, client)]


def is_pending_of(pending: PendingClient, client: OAuthClient) -> bool:
    """Tell whether what is pending is that client: it bears its id, or its key is registered there."""
    if pending.client_id == client.client_id:
        return True
    return pending.key is not None and any(key.kid == pending.key.kid for key in client.public_keys)


def _remove_pending(work: OperationContext, pending: PendingClient) -> None:
    work.store.remove_pending(pending)
    named = set()
    with after_effect():
        with contextlib.suppress(StoreNotFound):
            named = set(work.store.read(work.tenant.host, pending.client_id).keys) if pending.client_id else set()
        if pending.key is not None and pending.key.kid not in named:
            work.store.discard_key(pending.key)
