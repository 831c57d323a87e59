"""An operation on many clients over the tenants of a fleet: plan and run (`Fleet.plan`, `Fleet.run`)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from qlik_keys.core.arguments import CALLBACK, CLOCK, EVENT, MOMENT, WHOLE_NUMBER, Kind, optional, require
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.errors import ConfigurationError, FleetError, HookNotPending, Interrupted, TenantNotFound
from qlik_keys.fleet.many.operations import FACTS, check_selection, irreversible_of, options_for
from qlik_keys.fleet.many.plan import FleetPlan, TenantPlan
from qlik_keys.fleet.many.results import FleetResults
from qlik_keys.fleet.many.side_by_side import DEFAULT_WORKERS
from qlik_keys.fleet.many.treatments import Treatment
from qlik_keys.fleet.many.work import PlanTenant, ResumeTenant, RunTenant, TenantResults
from qlik_keys.fleet.selection import Selection
from qlik_keys.lifecycle.many import FleetResult
from qlik_keys.lifecycle.options import ResumeOptions
from qlik_keys.lifecycle.provisioning.results import hook_not_pending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from qlik_keys.core.clock import Clock
    from qlik_keys.fleet.runners.base import TenantWork
    from qlik_keys.fleet.tenants import Fleet

_SELECTION = Kind((Selection,), "a Selection")
ALL = Selection()


def plan_many(
    fleet: Fleet,
    operation: str,
    selection: Selection = ALL,
    *,
    made_before: datetime | None = None,
    clock: Clock = SYSTEM_CLOCK,
    **options: Any,
) -> FleetPlan:
    """Return the plan for all tenants; see `Fleet.plan`."""
    require(_SELECTION, selection=selection)
    require(CLOCK, clock=clock)
    optional(MOMENT, made_before=made_before)
    chosen = options_for(operation, options)
    check_selection(operation, selection, chosen)
    moment = _checked_moment(operation, made_before)
    work = PlanTenant(
        operation=operation,
        selection=selection,
        options=chosen,
        made_before=moment,
        hooks=fleet.hooks,
        clock=clock,
    )
    tenants = [
        TenantPlan(tenant=outcome.tenant, error=outcome.error) if outcome.value is None else outcome.value
        for outcome in fleet.each(work)
    ]
    return FleetPlan(
        operation=operation,
        selection=selection,
        options=chosen,
        tenants=tuple(tenants),
        irreversible=irreversible_of(
            operation, chosen, is_at_once=any(client.is_at_once for each in tenants for client in each.clients)
        ),
        made_before=moment,
    )


def run_plan(
    fleet: Fleet,
    plan: FleetPlan,
    *,
    workers: int = DEFAULT_WORKERS,
    on_client: Callable[[FleetResult], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> FleetResults:
    """Do what a plan says; see `Fleet.run`."""
    _check_run(workers, on_client, cancel, clock)
    treatment = Treatment(
        operation=plan.operation, options=plan.options, selection=plan.selection, made_before=plan.made_before
    )
    clients = {each.tenant: each.clients for each in plan.tenants if each.clients}
    work: TenantWork[TenantResults]
    if isinstance(plan.options, ResumeOptions):
        # Also what no record tells: duplicates, keys that came back, keys that no document names.
        work, names = (
            ResumeTenant(options=plan.options, hooks=fleet.hooks, makes_secrets=not fleet.sends_results, clock=clock),
            [each.tenant for each in plan.tenants if each.error is None],
        )
    else:
        work, names = (
            RunTenant(treatment=treatment, clients=clients, hooks=fleet.hooks, workers=workers, clock=clock),
            [*clients],
        )
    problems = [
        FleetResult(tenant=each.tenant, client_id="", outcome="failed", error=each.error)
        for each in plan.tenants
        if each.error is not None
    ]
    problems += [problem for each in plan.tenants for problem in each.problems]
    problems += [
        FleetResult(
            client_id="",
            name=named,
            outcome="failed",
            error=TenantNotFound(
                f"No tenant has a client {named!r}.", hint="Check the id or the name, and the tenant."
            ),
        )
        for named in plan.missing
    ]
    return over_tenants(
        fleet, work, names, problems=problems, failed=FACTS[plan.operation].failed, on_client=on_client, cancel=cancel
    )


def over_tenants(
    fleet: Fleet,
    work: TenantWork[TenantResults],
    names: Sequence[str],
    *,
    failed: str,
    problems: Sequence[FleetResult] = (),
    on_client: Callable[[FleetResult], None] | None = None,
    cancel: threading.Event | None = None,
) -> FleetResults:
    """Do the work for these tenants; return what became of each client.

    Raises:
        FleetError: some failed; the others were done.
        Interrupted: cancelled.
    """
    cancel = cancel or threading.Event()

    def told(_: str, what: object) -> None:
        if on_client is not None and isinstance(what, FleetResult):
            on_client(what)

    results = FleetResults(problems)
    left = 0
    absent: list[Sequence[HookNotPending]] = []
    for problem in problems:
        told("", problem)
    for outcome in fleet.only(names).each(work, told=told, cancel=cancel) if names else ():
        if outcome.value is not None:
            results += outcome.value.results
            left += outcome.value.left
            absent.append(outcome.value.hooks_not_pending)
        elif not (isinstance(outcome.error, Interrupted) and cancel.is_set()):
            results.append(FleetResult(tenant=outcome.tenant, client_id="", outcome="failed", error=outcome.error))
            told("", results[-1])
    results += _hooks_not_pending(absent)
    if cancel.is_set():
        done = sum(item.error is None for item in results)
        raise Interrupted(f"Cancelled: {done} clients were processed.", hint="Run it again to continue.")
    if any(item.error is not None for item in results):
        raise FleetError(results, what=failed, left=left)
    return results


def _hooks_not_pending(absent: Sequence[Sequence[HookNotPending]]) -> list[FleetResult]:
    """Return a failure for each hook that was to be dropped and is pending on none of the tenants."""
    names = [{each.hook for each in of_tenant} for of_tenant in absent]
    pending = {name for of_tenant in absent for each in of_tenant for name in each.pending}
    return [
        FleetResult(
            client_id="",
            name=name,
            outcome="failed",
            error=hook_not_pending(
                name, pending, told="No client of the tenants that were asked has a pending hook of this name."
            ),
        )
        for name in sorted(set.intersection(*names) if names else ())
    ]


def as_plan(fleet: Fleet, operation: str | FleetPlan, selection: Selection, **options: Any) -> FleetPlan:
    """Return a plan that was given, or make one.

    Raises:
        ConfigurationError: a plan has its selection and its options already.
        QlikKeysError: as `plan_many`.
    """
    if not isinstance(operation, FleetPlan):
        return plan_many(fleet, operation, selection, **options)
    given = {name for name, value in options.items() if name != "clock" and value is not None}
    if given or selection != ALL:
        raise ConfigurationError(
            "A plan has its selection and its options already.",
            hint="Give them to `plan`, or the operation's name to `run`.",
        )
    return operation


def _check_run(workers: int, on_client: object, cancel: object, clock: object) -> None:
    require(WHOLE_NUMBER, workers=workers)
    require(CLOCK, clock=clock)
    optional(CALLBACK, on_client=on_client)
    optional(EVENT, cancel=cancel)
    if workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")


def _checked_moment(operation: str, moment: datetime | None) -> datetime | None:
    """Return a moment in whole seconds, as the store's are: a key of that very second was made after it.

    Raises:
        ConfigurationError: the operation has no use for it.
        ValueError: it has no time zone.
    """
    if moment is None:
        return None
    if operation != "revoke":
        raise ConfigurationError(f"{operation} has no `made_before`.", hint="It belongs to `revoke`.")
    if moment.tzinfo is None:
        raise ValueError("`made_before` must have a time zone")
    return moment.replace(microsecond=0)
