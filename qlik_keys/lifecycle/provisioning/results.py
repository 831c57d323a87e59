"""What became of the operations that `resume` finishes, and the one wait that all of them share.

A tenant may need time to see a new key. The first refused login is tried again as long as usual. The ones after it are
tried briefly, and again once all keys are published: so one wait serves all of them. Not done here: the operations.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qlik_keys.errors import (
    AssertionRejected,
    ClientUntrusted,
    HookNotPending,
    LifecycleError,
    Outcome,
    QlikKeysError,
    ResumeError,
)
from qlik_keys.keystore.base import names_of_hooks
from qlik_keys.lifecycle.verification import BRIEFLY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from qlik_keys.core.secret import Secret
    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.deletion import Deleted
    from qlik_keys.lifecycle.provisioning.run import Provisioned
    from qlik_keys.lifecycle.rotation.finishing import Rotated

    FinishesIt = Callable[[OperationContext], "Provisioned | Rotated | Deleted | None"]

DROP_HOOK = "drop_hook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """One operation that had been interrupted, and what became of it.

    Attributes:
        operation: "provision", "remove_duplicate", or the operation that was started: "rotate", "retire", "revoke",
            "adopt" or "delete"; or "hooks", where hooks were pending and nothing else; or "drop_hook", a hook of that
            name was to be dropped and is pending nowhere.
        name: the client's name.
        client_id: the client that is there now, or that was removed; "" when it failed before there was one.
        result: what that operation would have returned; None for "remove_duplicate".
        error: why it could not be finished.
    """

    operation: str
    name: str
    client_id: str = ""
    result: Provisioned | Rotated | Deleted | None = None
    error: QlikKeysError | None = None

    @property
    def client_secret(self) -> Secret | None:
        """A client secret that was made on the way; the tenant shows it this once."""
        return getattr(self.result, "client_secret", None)  # a client that was made has one, a rotated one does not

    def to_text(self) -> str:
        """Return what became of it, for people; a client secret that it made is not in it."""
        from qlik_keys.core import tables  # noqa: PLC0415  # for people alone
        from qlik_keys.lifecycle.deletion import Deleted  # noqa: PLC0415  # imports operations that import this module
        from qlik_keys.lifecycle.rotation.finishing import Rotated  # noqa: PLC0415

        if self.error is not None:
            return tables.failure(self.error)
        result = self.result
        if result is None:
            return "Removed."
        if isinstance(result, Rotated):
            return result.to_text()
        if isinstance(result, Deleted):
            return " ".join(["Deleted.", *result.warnings])
        texts = [f"The current key is {result.kid}."] if result.kid else []
        texts += ["It has a new client secret, in `client_secret`."] if self.client_secret else []
        return " ".join([*texts, *result.warnings])


class ResumeResults(list[Resumed]):
    """What became of the operations so far; a notebook shows it as a table.

    Args:
        done: what is known before the first one.
        told: takes each one when nothing more is tried of it.
    """

    def __init__(self, done: Iterable[Resumed] = (), *, told: Callable[[Resumed], None] = lambda _: None) -> None:
        super().__init__(done)
        self._told = told
        self._has_waited = False
        self._refused: dict[int, tuple[Resumed, FinishesIt]] = {}
        for item in self:
            told(item)

    def _repr_html_(self) -> str:
        from qlik_keys.core import tables  # noqa: PLC0415  # for a notebook alone

        failed = sum(item.error is not None for item in self)
        counted = f"Interrupted operations: {len(self):,}, failed: {failed:,}." if self else "Nothing was interrupted."
        rows = [[item.name, item.client_id, item.operation, item.to_text()] for item in self]
        return tables.table(counted, ("Client", "Client id", "Operation", "What became of it"), rows)

    def add(self, item: Resumed) -> None:
        """Take note of what became of one operation."""
        self.append(item)
        self._told(item)

    def finish(self, work: OperationContext, item: Resumed, finish_it: FinishesIt, *, briefly: bool = True) -> Resumed:
        """Finish one operation, take note of what became of it, and return that.

        Args:
            work: what it works with.
            item: the operation.
            finish_it: finishes it; None for nothing that anyone needs to know.
            briefly: its key stays published when it is refused, so that it can be tried again.

        Raises:
            Interrupted: cancelled between two steps.
        """
        waits = self._has_waited and briefly
        done = _tried(replace(work, verification_seconds=BRIEFLY_SECONDS) if waits else work, item, finish_it)
        self._has_waited = True
        if waits and is_refused(done.error):
            self._refused[len(self)] = (item, finish_it)
            self.append(done)
        elif done.result is not None or done.error is not None:
            self.add(done)
        return done

    def wait_together(self, work: OperationContext, *, is_hopeless: bool = False) -> None:
        """Try again what was refused: all keys are published now, so once one has waited, no other needs to.

        Args:
            work: what it works with.
            is_hopeless: what failed concerns all, so nothing is tried again.

        Raises:
            Interrupted: cancelled between two steps.
        """
        for at, (item, finish_it) in self._refused.items():
            if not is_hopeless:
                self[at] = _tried(work, item, finish_it)
            self._told(self[at])
            if is_refused(self[at].error):
                work = replace(work, verification_seconds=BRIEFLY_SECONDS)
        self._refused = {}

    def note_hooks_not_pending(self, names: Iterable[str], records: Iterable[ClientRecord], *, told: str) -> None:
        """Take note of the hooks that were to be dropped and that no record names: a name may be misspelled.

        Args:
            names: of the hooks that were to be dropped.
            records: as they were read.
            told: the sentence that says so.
        """
        pending = dict.fromkeys(
            name
            for record in records
            for name in (*record.pending_hooks, *(record.operation.hooks if record.operation is not None else ()))
        )
        for name in sorted({*names} - {*pending}):
            self.add(Resumed(operation=DROP_HOOK, name=name, error=hook_not_pending(name, [*pending], told=told)))

    def raise_failures(self, *, left: int = 0) -> None:
        """Raise what failed, if anything did.

        Raises:
            ResumeError: so it is.
        """
        failed = [item for item in self if item.error is not None]
        if failed:
            of_hooks = all(item.operation == DROP_HOOK for item in failed)
            what = "tasks could not be done." if of_hooks else "interrupted operations could not be finished."
            raise ResumeError(self, what=what, left=left)

    @contextlib.contextmanager
    def told_of(self) -> Iterator[None]:
        """Let what ends the whole early not deny what is done by then.

        Raises:
            QlikKeysError: what fails in the block.
        """
        try:
            yield
        except QlikKeysError as problem:
            if problem.outcome is Outcome.NOT_APPLIED and any(_may_be_done(item) for item in self):
                problem.outcome = Outcome.UNKNOWN
            raise


def hook_not_pending(name: str, pending: Iterable[str], *, told: str) -> HookNotPending:
    """Return the error about a hook that was to be dropped and is pending nowhere.

    Args:
        name: the hook.
        pending: names of those that are pending.
        told: the sentence that says so.
    """
    there = sorted({*pending})
    hint = f"Pending hooks: {names_of_hooks(there)}." if there else "No hook is pending."
    return HookNotPending(told, hint=hint, hook=name, pending=there)


def is_refused(error: QlikKeysError | None) -> bool:
    """Tell whether a login was refused that may not be refused later."""
    return isinstance(error, AssertionRejected) and not isinstance(error, ClientUntrusted)


def _may_be_done(item: Resumed) -> bool:
    return item.error is None or item.error.outcome is not Outcome.NOT_APPLIED


def _tried(work: OperationContext, item: Resumed, finish_it: FinishesIt) -> Resumed:
    """Return what became of one operation.

    Raises:
        Interrupted: cancelled between two steps.
    """
    try:
        result = finish_it(work)
    except QlikKeysError as problem:
        if isinstance(problem, LifecycleError) and work.cancel is not None and work.cancel.is_set():
            raise
        return replace(item, error=problem)
    return item if result is None else replace(item, client_id=result.client_id, result=result)
