"""Writing documents by compare-and-set, and believing a write only when it is certain.

A write whose answer was lost, or that met a conflict, is looked at: what is there may be what was to be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from qlik_keys.errors import (
    Outcome,
    StoreConflict,
    StoreError,
    StoreProtocolError,
    StoreSealed,
    StoreUnreachable,
)
from qlik_keys.keystore.base import ClientRecord, PendingClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.keystore.vault.documents.folder import Found, Put, VaultFolder

Content = TypeVar("Content", ClientRecord, PendingClient)


class CarefulWrites:
    """Writes documents of one mount.

    Args:
        folder: the documents.
    """

    def __init__(self, folder: VaultFolder) -> None:
        self._folder = folder

    def write(
        self,
        path: str,
        *,
        cas: int,
        make: Callable[[], dict[str, Any]],
        read: Callable[[int | None], Found[Content] | None],
        is_wanted: Callable[[Content], bool],
    ) -> Put | Found[Content]:
        """Write a document; return what the answer says, or what was found where there was no answer."""
        for may_repeat in (True, False):
            problem: StoreError
            try:
                return self._folder.put(path, make, cas=cas)
            except StoreConflict as error:
                problem = error
            except StoreError as error:
                if error.outcome is Outcome.NOT_APPLIED:
                    raise
                problem = error
            found, was_seen = self._look(read, problem)
            if not was_seen:
                if not may_repeat:
                    problem.outcome = Outcome.UNKNOWN  # even a conflict: it may be with our own first attempt
                raise problem
            if found is not None and is_wanted(found.content):
                return found  # the conflict was with our own write, whose answer was lost
            there = 0 if found is None else found.version
            if isinstance(problem, StoreConflict) or there != cas:
                raise self._lost(path, cas, there)
            # Compare-and-set makes it safe to send it again: should the first still land, this one does not.
            if not (may_repeat and problem.retryable and not isinstance(problem, StoreSealed)):
                raise problem
        raise AssertionError("unreachable")

    def _look(
        self, read: Callable[[int | None], Found[Content] | None], problem: StoreError
    ) -> tuple[Found[Content] | None, bool]:
        """Return what is there after a write that failed with that problem, and whether it could be seen."""
        try:
            return read(None), True
        except (StoreUnreachable, StoreSealed):
            return None, False
        except StoreError as error:
            error.outcome = problem.outcome  # of the write
            raise

    def read_back(
        self,
        path: str,
        read: Callable[[], Found[Content] | None],
        is_wanted: Callable[[Content], bool],
        *,
        superseded: Callable[[], Found[Content] | None] | None = None,
    ) -> Found[Content]:
        """Return what is there after a write, once what was written is seen.

        Args:
            path: where in the mount.
            read: reads it.
            is_wanted: tells whether that is what was written.
            superseded: reads the version that was written, where `read` gives what another user has made of it since.

        Raises:
            StoreProtocolError: it is not there.
        """
        try:
            found = read()
            seen = found
            if superseded is not None and found is not None and not is_wanted(found.content):
                seen = superseded()
        except StoreError as error:
            error.outcome = Outcome.UNKNOWN  # of the write, which no one has seen
            raise
        if found is None or seen is None or not is_wanted(seen.content):
            raise self.not_there(path)
        return found

    def not_there(self, path: str) -> StoreProtocolError:
        """Return the error for what was written and is not there."""
        full_path = self._folder.full_path(path)
        return StoreProtocolError(
            f"What was written to {full_path} is missing when it is read back.",
            path=full_path,
            hint="Check that the address leads to one Vault, not to several Vaults with separate storage.",
            outcome=Outcome.UNKNOWN,
        )

    def _lost(self, path: str, cas: int, there: int) -> StoreConflict:
        full_path = self._folder.full_path(path)
        if there == 0:
            what = "was removed in the meantime"
        elif cas == 0:
            what = f"exists already (version {there})"
        else:
            what = f"was changed in the meantime (version {there}; version {cas} was read)"
        return StoreConflict(f"The document at {full_path} {what}.", path=full_path, hint="Read it again, then retry.")
