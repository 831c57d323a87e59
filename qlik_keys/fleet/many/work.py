"""What is done for each tenant of a fleet, as values that can be sent to another machine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import FleetError, HookNotPending, Interrupted, QlikKeysError, ResumeError
from qlik_keys.fleet.many.candidates import candidates_of
from qlik_keys.fleet.many.operations import requests_of
from qlik_keys.fleet.many.plan import TenantPlan
from qlik_keys.fleet.many.rotation import rotate_due
from qlik_keys.fleet.many.side_by_side import DEFAULT_WORKERS, each_client
from qlik_keys.lifecycle.context import OperationContext
from qlik_keys.lifecycle.many import FleetResult, SharedFailure
from qlik_keys.lifecycle.options import ResumeOptions
from qlik_keys.lifecycle.provisioning.operations import resume_in
from qlik_keys.lifecycle.provisioning.run import Provisioning
from qlik_keys.lifecycle.provisioning.without_secrets import WithoutNewSecrets

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from qlik_keys.core.clock import Clock
    from qlik_keys.fleet.many.candidates import PlannedClient
    from qlik_keys.fleet.many.treatments import Treatment
    from qlik_keys.fleet.selection import Selection
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle import Resumed
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.lifecycle.options import Options
    from qlik_keys.tenant import QlikTenant


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantResults:
    """What became of the clients of one tenant.

    Attributes:
        results: those that were treated.
        left: how many were not, because what failed concerns all of them, or it was cancelled.
        hooks_not_pending: the hooks that were to be dropped and that no client of the tenant has pending.
    """

    results: tuple[FleetResult, ...]
    left: int = 0
    hooks_not_pending: tuple[HookNotPending, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTenant:
    """Plans an operation for one tenant; see `candidates_of`."""

    operation: str
    selection: Selection
    options: Options
    made_before: datetime | None = None
    hooks: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict)
    clock: Clock = SYSTEM_CLOCK

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> TenantPlan:
        """Return the plan; nothing is changed."""
        del told
        work = OperationContext(tenant=tenant, store=store, cancel=cancel, clock=self.clock, is_dry_run=True)
        found = candidates_of(
            work,
            self.operation,
            self.selection,
            self.options,
            now=utc_now(self.clock),
            made_before=self.made_before,
        )
        each = requests_of(self.operation, self.options)
        requests = {tier: count * len(found.clients) for tier, count in each.items()}
        return TenantPlan(
            tenant=name,
            host=tenant.host,
            clients=tuple(found.clients),
            done=found.done,
            unmanaged=found.unmanaged,
            missing=tuple(found.missing),
            problems=tuple(replace(problem, tenant=name) for problem in found.problems),
            requests=requests,
            wait_seconds=tenant.http.budget.seconds_for(requests),
            hooks=_planned_hooks(hooks_for(self.options, self.hooks, name), found.clients),
            pending_hooks=tuple(sorted(found.pending_hooks)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTenant:
    """Treats the planned clients of one tenant, side by side.

    Attributes:
        treatment: what is done with each.
        clients: by the tenant's name, those that were planned.
        hooks: by the tenant's name, those that run where the options have none.
        workers: how many at a time.
        clock: time.
    """

    treatment: Treatment
    clients: Mapping[str, Sequence[PlannedClient]]
    hooks: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict)
    workers: int = DEFAULT_WORKERS
    clock: Clock = SYSTEM_CLOCK

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> TenantResults:
        """Return what became of them."""
        hooks = hooks_for(self.treatment.options, self.hooks, name)
        work = OperationContext(tenant=tenant, store=store, cancel=cancel, clock=self.clock, hooks=hooks)
        clients = self.clients[name]
        results = each_client(
            clients,
            lambda client: replace(self.treatment.of(work, client), tenant=name),
            shared_failure=SharedFailure(work.store, tenant.host, in_a_row=max(self.workers, DEFAULT_WORKERS)),
            workers=self.workers,
            told=told,
            cancel=cancel,
        )
        return TenantResults(results=tuple(results), left=len(clients) - len(results))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTenant:
    """Finishes whatever was interrupted on one tenant; see `lifecycle.resume`.

    Attributes:
        options: of `lifecycle.resume`.
        hooks: by the tenant's name, those that run where the options have none.
        makes_secrets: a client that is to have a client secret is finished too; not where the result travels.
        clock: time.
    """

    options: ResumeOptions = field(default_factory=ResumeOptions)
    hooks: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict)
    makes_secrets: bool = True
    clock: Clock = SYSTEM_CLOCK

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> TenantResults:
        """Return what was finished, and what could not be."""
        resumed: list[Resumed]

        def note(item: Resumed) -> None:
            if not isinstance(item.error, HookNotPending):
                told(_result_of(name, item))

        try:
            resumed = resume_in(
                OperationContext(
                    tenant=tenant,
                    store=store,
                    cancel=cancel,
                    clock=self.clock,
                    make_provisioning=Provisioning if self.makes_secrets else WithoutNewSecrets,
                    **self.options.context | {"hooks": hooks_for(self.options, self.hooks, name)},
                ),
                told=note,
            )
        except ResumeError as problem:
            resumed = problem.results
        except Interrupted:
            return TenantResults(results=(), left=1)
        absent = tuple(each.error for each in resumed if isinstance(each.error, HookNotPending))
        results = tuple(_result_of(name, each) for each in resumed if not isinstance(each.error, HookNotPending))
        return TenantResults(results=results, hooks_not_pending=absent)


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateDue:
    """Rotates the clients of one tenant whose keys are due; see `rotate_due`, whose options these are."""

    options: Mapping[str, Any] = field(default_factory=dict)
    hooks: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict)

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> TenantResults:
        """Return what became of the clients."""
        results: list[FleetResult] = []
        left = 0

        def note(result: FleetResult) -> None:
            named = replace(result, tenant=name)
            results.append(named)
            told(named)

        try:
            options = {"hooks": self.hooks.get(name, ()), **self.options}
            rotate_due(tenant, store, on_client=note, cancel=cancel, **options)
        except Interrupted:
            left = 1
        except FleetError as problem:
            left = problem.left
        return TenantResults(results=tuple(sorted(results, key=lambda each: each.client_id)), left=left)


def hooks_for(options: Options, of_fleet: Mapping[str, tuple[Hook, ...]], tenant: str) -> tuple[Hook, ...]:
    """Return the hooks that an operation runs on a tenant: those that it was given, else those of the fleet."""
    if not hasattr(options, "hooks"):
        return ()
    return tuple(options.hooks) or tuple(of_fleet.get(tenant, ()))


def _planned_hooks(hooks: Sequence[Hook], clients: Sequence[PlannedClient]) -> tuple[tuple[str, int], ...]:
    """Return for people which hooks would run, and for how many of the clients."""
    told = ((each.to_text(), sum(each.is_for(client.client_id, client.name) for client in clients)) for each in hooks)
    return tuple((text, count) for text, count in told if count)


def _result_of(tenant: str, resumed: Resumed) -> FleetResult:
    error: QlikKeysError | None = resumed.error
    return FleetResult(
        tenant=tenant,
        client_id=resumed.client_id,
        name=resumed.name,
        outcome="finished" if error is None else "failed",
        resumed=resumed,
        error=error,
    )
