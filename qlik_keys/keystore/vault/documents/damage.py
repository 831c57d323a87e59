"""What happened to a record of qlik_keys that cannot be read, and what brings it back.

A record that was deleted, destroyed or edited by hand is not one that never was. Only where a record cannot be read,
Vault is asked what else there is of it: its history, and whether an older version is whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.core.clock import utc_now
from qlik_keys.errors import StoreConflict, StoreDamaged, StoreDeleted, StoreDestroyed, StoreError
from qlik_keys.keystore.vault.documents.fields import keep_permanently, remove_all, roll_back_to, undelete
from qlik_keys.keystore.vault.documents.records import CUSTODIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import ClientRecord, KeySummary
    from qlik_keys.keystore.vault.documents.folder import Found, History, VaultFolder

_MOST_LOOKS = 5


class DamageReports:
    """Tells what happened to records.

    Args:
        folder: the documents.
        clock: time.
    """

    def __init__(self, folder: VaultFolder, *, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def shown(self, summary: KeySummary, history: History, path: str) -> KeySummary:
        """Return a summary that says what happened, or will happen, to its record."""
        mount, version = self._folder.mount, history.current_version
        if history.current_is_destroyed:
            return replace(summary, gone="destroyed")
        if history.current_is_gone:
            return replace(summary, gone="deleted", gone_at=history.gone_at, remedy=undelete(mount, path, version))
        return replace(summary, gone_at=history.gone_at, remedy=keep_permanently(mount, path, version))

    def told(
        self,
        problem: StoreDestroyed | StoreDamaged | StoreConflict,
        path: str,
        client_id: str,
        read: Callable[[int], Found[ClientRecord] | None],
    ) -> StoreError:
        """Return the error with what brings the record back; as it is for a document that never was ours.

        Args:
            problem: why it cannot be read.
            path: where in the mount.
            client_id: whose record it is.
            read: reads an older version.
        """
        try:
            history = self._folder.history(path, now=utc_now(self._clock))
        except StoreError:
            return problem  # anyone who only logs in may not look
        if history is None:
            return problem
        states = ((number, _state(read, number)) for number in self._older(history))
        whole, state = next(((number, state) for number, state in states if state), (None, ""))
        full_path, mount = self._folder.full_path(path), self._folder.mount
        is_foreign = isinstance(problem, StoreConflict)
        if is_foreign and state != "whole" and history.metadata.get("custody") not in CUSTODIES:
            return problem
        message = problem.message
        if is_foreign:
            message = f"The record at {full_path} was edited manually: it no longer contains the client's keys."
        # What can be rolled back is not lost: only where nothing can is there room for a new record.
        is_lost = isinstance(problem, StoreDestroyed) and whole is None
        kind = StoreDestroyed if is_lost else StoreDamaged
        if whole is not None and state == "whole":
            hint = f"Version {whole} is intact: {roll_back_to(mount, path, whole)} makes it the current version again."
        elif whole is not None:
            hint = (
                f"Version {whole} was soft-deleted and may be intact: {undelete(mount, path, whole)} and then "
                f"{roll_back_to(mount, path, whole)} make it the current version again."
            )
        else:
            clear = "" if is_lost else f"{remove_all(mount, path)} removes what is left, then "
            hint = (
                f"No version is intact, so its keys are lost: {clear}`qlik-keys adopt {client_id}` gives it a new one."
            )
        told = kind(message, path=full_path, hint=hint)
        if isinstance(told, StoreDamaged) and isinstance(problem, StoreDamaged):
            told.kid, told.token_url = problem.kid, problem.token_url
        return told

    def _older(self, history: History) -> list[int]:
        older = [number for number in reversed(history.kept) if number < history.current_version]
        return older[:_MOST_LOOKS]


def _state(read: Callable[[int], Found[ClientRecord] | None], version: int) -> str:
    """Return "whole" for a version that can be read as our record, "deleted" for one that could be undeleted, or ""."""
    try:
        return "whole" if read(version) is not None else ""
    except StoreDeleted:
        return "deleted"
    except StoreError:
        return ""
