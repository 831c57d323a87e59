"""Deleting a client and its keys: what is interrupted is finished, since the record says that it was to be deleted."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.core.clock import utc_now
from qlik_keys.core.outcomes import after_effect
from qlik_keys.errors import (
    ConfigurationError,
    ManualActionRequired,
    Outcome,
    StoreConflict,
    StoreNotFound,
    StoreProtocolError,
    TenantAuthError,
    TenantNotFound,
    TenantRejected,
)
from qlik_keys.keystore.lookup import CLIENT_ID, ClientLookup, checked
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.duplicates import remove_duplicates_of
from qlik_keys.lifecycle.in_progress import merged
from qlik_keys.lifecycle.provisioning.effects import first_record
from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
from qlik_keys.lifecycle.record_changes import abandoned
from qlik_keys.lifecycle.remains import Remains, end_tokens, remains_of, tokens_for_users
from qlik_keys.tenant.resources.users import is_region_bot

if TYPE_CHECKING:
    from typing import Self

    from qlik_keys.errors import TenantError
    from qlik_keys.keystore.base import ClientRecord, PendingClient
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.options import DeleteOptions
    from qlik_keys.lifecycle.remains import EndedTokens
    from qlik_keys.tenant import OAuthClient, User


class Deleted(str):
    """The id of a client that was deleted, as text, with what became of its tokens and its bot user.

    Attributes:
        tokens_ended: how many living access tokens were ended.
        bot: its bot user; None where the tenant shows none.
        bot_removed: the bot user was deleted too.
        warnings: what a person should know: what still lives.
    """

    __slots__ = ("bot", "bot_removed", "tokens_ended", "warnings")

    tokens_ended: int
    bot: User | None
    bot_removed: bool
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls, client_id: str, ended: EndedTokens | None = None, *, bot_removed: bool = False, more: tuple[str, ...] = ()
    ) -> Self:
        """Return the result of a deletion; `ended` is None in a dry run, and `more` are further warnings."""
        result = cls(client_id)
        result.bot_removed = bot_removed
        result.bot = None if ended is None else ended.remains.bot
        result.tokens_ended = 0 if ended is None else ended.ended
        result.warnings = () if ended is None else (*ended.warnings(), *more)
        if ended is not None and result.bot is not None and not bot_removed:
            result.warnings = (_bot_stays(client_id, ended.remains), *result.warnings)
        return result

    @property
    def client_id(self) -> str:
        """The client's id."""
        return str(self)

    def __getnewargs__(self) -> tuple[str]:
        return (str(self),)


def delete(work: OperationContext, client: str, options: DeleteOptions) -> Deleted:
    """See `operations.delete`."""
    client, confirm = checked(client), options.confirm

    def perform(client_id: str) -> Deleted:
        if confirm != client_id:
            whose = "" if client == client_id else f", which for {client!r} is {client_id},"
            raise ConfigurationError(
                f"The client's id{whose} was not repeated, so nothing was deleted.", hint=f"Pass confirm={client_id!r}."
            )
        return delete_client(work, client_id, keep_secret=options.keep_secret, remove_bot=options.remove_bot)

    # A name may look like an id; the id that is repeated tells which client is meant, before anything is looked for.
    if confirm is not None and confirm != client and CLIENT_ID.fullmatch(client):
        client = confirm if ClientLookup.of(work.tenant, work.store).ids_named(client) == [confirm] else client
    return work.resolved(client, perform)


def delete_client(
    work: OperationContext, client_id: str, *, keep_secret: bool, remove_bot: bool = False, is_resumed: bool = False
) -> Deleted:
    """Delete a client, end its tokens and, unless they should stay, its keys; if asked for, its bot user too.

    Of a client that is gone already, tokens and bot are looked after all the same. `is_resumed` is quiet where nothing
    is left of it.

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
    if client is None and not is_resumed:
        has_record = client_id in work.store.client_ids(work.tenant.host)
        if keep_secret or not has_record:
            return _remains_removed(work, client_id, has_record=has_record, remove_bot=remove_bot)
    unrecorded = pending[0] if pending and not keep_secret else None
    record = _noted_deletion(work, client_id, unrecorded, keep_secret=keep_secret, remove_bot=remove_bot)
    if record is not None and record.operation is not None:
        remove_bot = remove_bot or record.operation.remove_bot
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
        # Behind the client, which can request no further one; before the record, which says that this is to be done.
        remains = _RemainsRemoval(work, client_id, remove_bot=remove_bot, more=tokens_for_users(client))
        remains.perform()
        if not keep_secret:
            work.step("delete", Action.DELETE_RECORD, client_id, delete_record)
        elif record is not None and record.is_in_progress:
            work.step("delete", Action.SETTLE, record.client_name, lambda: _abandon(work, record))
    return remains.result()


class _RemainsRemoval:
    """Ends the tokens of a client that is gone and, if asked for, deletes its bot user."""

    def __init__(self, work: OperationContext, client_id: str, *, remove_bot: bool, more: tuple[str, ...] = ()) -> None:
        self._work = work
        self._client_id = client_id
        self._remove_bot = remove_bot
        self._more = more
        self._ended: EndedTokens | None = None
        self._refusal: TenantError | None = None

    def perform(self) -> None:
        """Take the steps; a refusal is told by `result`, so that what else is to be done is done.

        Raises:
            TenantError: the bot user was to be deleted, and the tenant cannot be asked now.
        """
        self._work.step("delete", Action.END_TOKENS, self._client_id, self._end_tokens)
        if self._remove_bot:
            self._work.step("delete", Action.REMOVE_BOT, self._client_id, self._delete_bot)

    def _end_tokens(self) -> None:
        self._ended = end_tokens(self._work.tenant, self._client_id)

    def _delete_bot(self) -> None:
        assert self._ended is not None
        try:
            bot = self._ended.remains.bot or self._work.tenant.users.bot_of(self._client_id)
            if bot is not None:
                with contextlib.suppress(TenantNotFound):
                    self._work.tenant.users.delete(bot.id)
        except (TenantAuthError, TenantRejected) as refusal:
            self._refusal = refusal  # to try again would be refused again

    def result(self) -> Deleted:
        """Return the result.

        Raises:
            ManualActionRequired: the tenant refuses to delete the bot user; all else is done.
        """
        if self._refusal is not None:
            found = self._ended.remains if self._ended is not None else Remains()
            raise ManualActionRequired(
                f"The client {self._client_id} is deleted, but its bot user {found.bot_text} is not: "
                f"{self._refusal.message}",
                hint="A Tenant Admin deletes it in Qlik's console, under Users.",
                outcome=Outcome.APPLIED,
            )
        return Deleted.of(self._client_id, self._ended, bot_removed=self._remove_bot, more=self._more)


def _remains_removed(work: OperationContext, client_id: str, *, has_record: bool, remove_bot: bool) -> Deleted:
    """End the tokens of a client that is gone, and delete its bot if asked for.

    Raises:
        TenantNotFound: nothing of that is left, or is to be deleted.
        ManualActionRequired: the bot is that of a region's client.
    """
    found = remains_of(work.tenant, client_id)
    if found.bot is not None and not has_record and is_region_bot(found.bot):
        raise ManualActionRequired(
            f"{found.bot.name!r} is the bot user of a region's OAuth client, which is in no tenant's list of clients. "
            "It was not changed.",
            hint="Check the client's id. Regions' clients are managed in Qlik's My Qlik portal.",
        )
    if not found.tokens and (found.bot is None or not remove_bot):
        kept = ", and its keys in the store are to be kept." if has_record else ", and the store has no keys of it."
        stays = "" if found.bot is None else f" {_bot_stays(client_id, found)}"
        raise TenantNotFound(
            f"There is nothing to delete: the tenant has no client {client_id}{kept}{stays}",
            hint="Check the id and the tenant; if it was deleted before, nothing is left to do.",
        )
    remains = _RemainsRemoval(work, client_id, remove_bot=remove_bot)
    remains.perform()
    return remains.result()


def _bot_stays(client_id: str, found: Remains) -> str:
    return f"Its bot user {found.bot_text} stays on the tenant: `qlik-keys delete {client_id} --remove-bot` deletes it."


def _noted_deletion(
    work: OperationContext, client_id: str, pending: PendingClient | None, *, keep_secret: bool, remove_bot: bool
) -> ClientRecord | None:
    """Write to the client's record that it is being deleted; return the record, None where none can be read.

    A client that is still being made (`pending`) has no record yet: it gets its first one for the note, so that
    `resume` finishes the deletion also after the pending record is gone.

    A record that stays and has nothing in progress needs no note: asked for again, the deletion goes on without it.
    """
    for is_last in (False, False, True):
        try:
            record = work.read(client_id)
        except (StoreNotFound, StoreProtocolError) as problem:
            if pending is None or type(problem) is not StoreNotFound:
                return None  # nothing to note it in: what is damaged, or deleted softly, may be deleted all the same
            record = first_record(
                pending,
                ClientSpecification.from_document(pending.specification),
                client_id=client_id,
                token_url=work.tenant.token_url,
                custody=work.store.custody,
                now=utc_now(work.clock),
            )
        wanted = work.started("delete", keep_secret=keep_secret, remove_bot=remove_bot)
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
