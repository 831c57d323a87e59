"""Comparing and applying a fleet file on all of its tenants, side by side; a tenant that fails stops no other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qlik_keys.core.arguments import CALLBACK, CLOCK, FLAG, TEXT, optional, require
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import ConfigurationError, FleetError
from qlik_keys.fleet.manifest.apply import ApplyWork
from qlik_keys.fleet.manifest.applying.results import Applied, AppliedChange
from qlik_keys.fleet.manifest.comparing.changes import ManifestPlan, PlannedChange
from qlik_keys.fleet.manifest.comparing.facts import facts_of
from qlik_keys.fleet.manifest.comparing.name_doubts import doubt_of
from qlik_keys.fleet.manifest.plan import plan_tenant

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping

    from qlik_keys.core.clock import Clock
    from qlik_keys.fleet.manifest.comparing.name_doubts import NameDoubt
    from qlik_keys.fleet.manifest.declared import DeclaredClient, Manifest
    from qlik_keys.fleet.tenants import Fleet
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import QlikTenant

_MOST_NAMES = 5


Where = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWork:
    """What is done for one tenant; picklable.

    Attributes:
        fleet: the name of the file's fleet.
        declared: the clients that should be on each tenant, by its name.
        consent: as for `facts_of`.
        take_over: as for `plan_tenant`.
        hooks: those of each tenant, by its name.
        clock: time.
    """

    fleet: str
    declared: dict[str, tuple[DeclaredClient, ...]]
    consent: bool | None = None
    take_over: str = ""
    hooks: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict)
    clock: Clock = field(default=SYSTEM_CLOCK)

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> tuple[list[PlannedChange], int, Where, NameDoubt | None]:
        """Return what differs, how many clients are as declared, where the tenant is, and a doubt; see `TenantWork`."""
        del told, cancel
        declared = self.declared[name]
        asked = frozenset(client.name for client in declared if client.consent is not None)
        facts = facts_of(tenant, store, consent_of=asked, consent=self.consent)
        hooks = self.hooks.get(name, ())
        now = utc_now(self.clock)
        changes, unchanged = plan_tenant(
            name, declared, facts, fleet=self.fleet, now=now, hooks=hooks, take_over=self.take_over
        )
        doubt = doubt_of(name, self.fleet, {client.name for client in declared}, facts, changes)
        return changes, unchanged, where_is(tenant, store), doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereWork:
    """Tells where a tenant and its keys are; picklable."""

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> Where:
        """Return it; see `TenantWork`."""
        del name, told, cancel
        return where_is(tenant, store)


def where_is(tenant: QlikTenant, store: KeyStore) -> Where:
    """Return what is the same for two names of one tenant with the same keys."""
    host = tenant.host
    return host, str(getattr(store, "url", "")), store.location(host, "client")


def _refuse_same(places: Iterable[tuple[str, Where | None]]) -> None:
    """Refuse a tenant that has two names.

    Raises:
        ConfigurationError: so it is.
    """
    taken: dict[Where, str] = {}
    for name, where in places:
        if where is not None and taken.setdefault(where, name) != name:
            raise ConfigurationError(
                f"The tenants {taken[where]!r} and {name!r} of the fleet file are the same one, {where[0]}: a client "
                "of one name would count as removed under the other.",
                hint="Name each tenant once.",
            )


def plan_fleet(
    manifest: Manifest, fleet: Fleet, *, consent: bool | None, take_over: str, clock: Clock | None
) -> ManifestPlan:
    """Return the difference of all tenants; see `Manifest.plan`."""
    optional(FLAG, consent=consent)
    require(TEXT, take_over=take_over)
    optional(CLOCK, clock=clock)
    declared = {name: manifest.on(name) for name in manifest.tenants}
    work = PlanWork(
        fleet=manifest.fleet,
        declared=declared,
        consent=consent,
        take_over=take_over,
        hooks=manifest.hooks,
        clock=clock or SYSTEM_CLOCK,
    )
    changes: list[PlannedChange] = []
    doubts: list[NameDoubt] = []
    unchanged, failures = 0, {}
    outcomes = fleet.each(work)
    _refuse_same((each.tenant, None if each.value is None else each.value[2]) for each in outcomes)
    for outcome in outcomes:
        if outcome.error is not None:
            failures[outcome.tenant] = outcome.error
        elif outcome.value is not None:
            changes += outcome.value[0]
            unchanged += outcome.value[1]
            doubts += [each for each in outcome.value[3:] if each is not None]
    return ManifestPlan(changes=tuple(changes), unchanged=unchanged, failures=failures, doubts=tuple(doubts))


def apply_fleet(
    manifest: Manifest,
    fleet: Fleet,
    *,
    shown: ManifestPlan | None,
    work: Mapping[str, Any],
    on_change: Callable[[AppliedChange], None] | None,
    clock: Clock | None,
) -> Applied:
    """Make all tenants what the file says; see `Manifest.apply`.

    Args:
        manifest: the file.
        fleet: the tenants.
        shown: the plan that a person has seen.
        work: `prune`, `adopt`, `take_over` and `same_fleet`, as for `Manifest.apply`.
        on_change: likewise.
        clock: likewise.

    Raises:
        FleetError: some changes failed; its `results` has all of them, and what was made: a new client secret too.
        ConfigurationError: two names are for one tenant; or a cluster does the work, and a client is declared with the
            method client-secret.
    """
    require(FLAG, **{name: value for name, value in work.items() if name != "take_over"})
    require(TEXT, take_over=work["take_over"])
    optional(CALLBACK, on_change=on_change)
    optional(CLOCK, clock=clock)
    if fleet.sends_results:
        refuse_new_secrets(manifest)
    if shown is None and len(manifest.tenants) > 1:
        _refuse_same((each.tenant, each.value) for each in fleet.each(WhereWork()))
    of_tenant = ApplyWork(
        fleet=manifest.fleet,
        declared={name: manifest.on(name) for name in manifest.tenants},
        shown=None if shown is None else _shown(shown),
        **work,
        makes_secrets=not fleet.sends_results,
        hooks=manifest.hooks,
        clock=clock or SYSTEM_CLOCK,
    )

    def tell(_: str, what: object) -> None:
        if on_change is not None and isinstance(what, AppliedChange):
            on_change(what)

    results: list[AppliedChange] = []
    unchanged = 0
    for outcome in fleet.each(of_tenant, told=tell):
        if outcome.error is not None:
            asked = PlannedChange(tenant=outcome.tenant, kind="blocked", client="", reason="it could not be asked")
            results.append(AppliedChange(change=asked, outcome="failed", error=outcome.error))
        elif outcome.value is not None:
            results += outcome.value.changes
            unchanged += outcome.value.unchanged
    skipped = sum(each.outcome == "skipped" for each in results)
    if any(each.error is not None for each in results):
        tried = [each for each in results if each.outcome != "skipped"]
        raise FleetError(tried, what="changes could not be made.", left=skipped)
    return Applied(changes=tuple(results), unchanged=unchanged)


def refuse_new_secrets(manifest: Manifest) -> None:
    """Refuse a file that asks for client secrets: where a cluster makes one, it would travel.

    Raises:
        ConfigurationError: a client is declared with the method client-secret.
    """
    names = [client.name for client in manifest.clients if client.has_secret]
    if names:
        shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
        raise ConfigurationError(
            "A cluster does not apply a file with the method client-secret, because a new client secret would travel "
            f"from a worker to this machine. Declared so: {shown}.",
            hint="Apply it without the cluster (without --dask), or declare the method private-key-jwt alone.",
        )


def _shown(plan: ManifestPlan) -> frozenset[tuple[str, str, str]]:
    """Return of which clients a person has seen a change."""
    return frozenset(
        (each.tenant, each.client, each.client_id if each.kind == "removed" else "") for each in plan.changes
    )
