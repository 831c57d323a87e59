"""What an operation works with, and which runs it makes: real ones, or dry runs that only tell their steps."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from qlik_keys.core.arguments import CALLBACK, CLOCK, EVENT, optional, require
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import StoreError
from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.keystore.base import StartedOperation
from qlik_keys.keystore.lookup import ClientLookup, check_sides
from qlik_keys.keystore.tenant_folder import folder_of
from qlik_keys.lifecycle.events import Phase, StepEvent
from qlik_keys.lifecycle.in_progress import actor
from qlik_keys.lifecycle.provisioning.run import Provisioning
from qlik_keys.lifecycle.rotation.run import KeyRun

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import timedelta

    from qlik_keys.core.clock import Clock
    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.keystore.base import ClientRecord, Custody, KeyStore, OperationName
    from qlik_keys.lifecycle.actions import Action
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
    from qlik_keys.lifecycle.rotation.plan import KeyIntent
    from qlik_keys.tenant import QlikTenant


Result = TypeVar("Result")


class MakesKeyRuns(Protocol):
    """What makes the run for a client's keys: `KeyRun`, or its dry run."""

    def __call__(  # noqa: D102  # see KeyRun
        self,
        tenant: QlikTenant,
        store: KeyStore,
        *,
        record: ClientRecord,
        operation: str,
        intent: KeyIntent,
        key: KeySpec | PrivateKey | None,
        rotate_after: timedelta,
        custody: Custody | None,
        on_step: Callable[[StepEvent], None] | None,
        cancel: threading.Event | None,
        clock: Clock,
        hooks: tuple[Hook, ...],
    ) -> KeyRun: ...


class MakesProvisionings(Protocol):
    """What makes the run for a client that is to be made: `Provisioning`, or its dry run."""

    def __call__(  # noqa: D102  # see Provisioning
        self,
        tenant: QlikTenant,
        store: KeyStore,
        specification: ClientSpecification,
        *,
        key: KeySpec | PrivateKey | None,
        on_step: Callable[[StepEvent], None] | None,
        cancel: threading.Event | None,
        clock: Clock,
    ) -> Provisioning: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationContext:
    """What an operation works with.

    Attributes:
        tenant: the tenant, with an administrator's credential.
        store: where the keys are.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.
        make_key_run: makes the runs for clients' keys.
        make_provisioning: makes the runs for new clients.
        is_dry_run: nothing may be changed: steps outside of a run are told, not done.
        hooks: those that are defined here.
        drop_hooks: names of pending hooks that are not to run any more.
        verification_seconds: how long a refused login is tried again; None for as long as is usual.
    """

    tenant: QlikTenant
    store: KeyStore
    on_step: Callable[[StepEvent], None] | None = None
    cancel: threading.Event | None = None
    clock: Clock = SYSTEM_CLOCK
    make_key_run: MakesKeyRuns = KeyRun
    make_provisioning: MakesProvisionings = Provisioning
    is_dry_run: bool = False
    hooks: tuple[Hook, ...] = ()
    drop_hooks: frozenset[str] = frozenset()
    verification_seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is of another type; work in the folder that has the tenant's records."""
        check_sides(self.tenant, self.store)
        object.__setattr__(self, "store", folder_of(self.tenant, self.store))
        optional(CALLBACK, on_step=self.on_step)
        optional(EVENT, cancel=self.cancel)
        require(CLOCK, clock=self.clock)

    def resolved(self, client: str, act: Callable[[str], Result]) -> Result:
        """Return what `act` makes of the client with that id or name; see `ClientLookup.perform`.

        Raises:
            QlikKeysError: as `ClientLookup.perform`.
        """
        return ClientLookup.of(self.tenant, self.store).perform(client, act)

    def read(self, client_id: str) -> ClientRecord:
        """Return a client's record; where the store shows something else of it, correct what it shows.

        Raises:
            StoreError: as `KeyStore.read`.
        """
        record = self.store.read(self.tenant.host, client_id)
        if record.is_shown_wrong and not self.is_dry_run:
            with contextlib.suppress(StoreError):  # it is for display: anyone who may write it corrects it
                self.store.show(record)
        return record

    def started(self, name: OperationName, **options: Any) -> StartedOperation:
        """Return an operation that this process starts now; `options` are fields of `StartedOperation`."""
        return StartedOperation(name=name, started_at=utc_now(self.clock), started_by=actor(), **options)

    def hooks_for(self, client_id: str, client_name: str) -> tuple[str, ...]:
        """Return the names of the hooks that are defined here for a client, as its record is to tell them."""
        return tuple(each.name for each in self.hooks if each.is_for(client_id, client_name))

    def key_run(
        self,
        record: ClientRecord,
        intent: KeyIntent,
        *,
        operation: str,
        key: KeySpec | PrivateKey | None = None,
        rotate_after: timedelta = ROTATE_AFTER,
        custody: Custody | None = None,
    ) -> KeyRun:
        """Return a run for the keys of a client."""
        if self.drop_hooks:
            intent = replace(intent, dropped_hooks=self.drop_hooks)
        run = self.make_key_run(
            self.tenant,
            self.store,
            record=record,
            operation=operation,
            intent=intent,
            key=key,
            rotate_after=rotate_after,
            custody=custody,
            on_step=self.on_step,
            cancel=self.cancel,
            clock=self.clock,
            hooks=self.hooks,
        )
        run.verification_seconds = self.verification_seconds
        return run

    def provisioning(self, specification: ClientSpecification, key: KeySpec | PrivateKey | None) -> Provisioning:
        """Return a run for a client that is to be made."""
        run = self.make_provisioning(
            self.tenant,
            self.store,
            specification,
            key=key,
            on_step=self.on_step,
            cancel=self.cancel,
            clock=self.clock,
        )
        run.verification_seconds = self.verification_seconds
        return run

    def step(self, operation: str, step: Action, client_name: str, perform: Callable[[], None]) -> None:
        """Do one step that belongs to no run, and tell of it; in a dry run only tell.

        Raises:
            QlikKeysError: as `perform` does.
        """

        def tell(phase: Phase) -> None:
            if self.on_step is not None:
                self.on_step(StepEvent.of(step, phase, operation=operation, client_name=client_name))

        tell("before")
        if not self.is_dry_run:
            perform()
        tell("after")
