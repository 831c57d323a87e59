"""Applying a plan to one tenant: in which order, and when to stop; each change is done by `applying.steps`.

What was interrupted is finished first. A client that was finished or adopted is then looked at again, so that one
`apply` ends with it as declared.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.fleet.manifest.applying.results import Applied, AppliedChange
from qlik_keys.fleet.manifest.applying.steps import ChangeSteps
from qlik_keys.fleet.manifest.comparing.facts import facts_of
from qlik_keys.fleet.manifest.comparing.name_doubts import doubt_of
from qlik_keys.fleet.manifest.plan import plan_tenant
from qlik_keys.fleet.many.side_by_side import DEFAULT_WORKERS
from qlik_keys.lifecycle.context import OperationContext
from qlik_keys.lifecycle.many import SharedFailure
from qlik_keys.lifecycle.provisioning.run import Provisioning
from qlik_keys.lifecycle.provisioning.without_secrets import WithoutNewSecrets

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping, Sequence

    from qlik_keys.core.clock import Clock
    from qlik_keys.fleet.manifest.comparing.changes import PlannedChange
    from qlik_keys.fleet.manifest.comparing.facts import FoundClient, TenantFacts
    from qlik_keys.fleet.manifest.comparing.name_doubts import NameDoubt
    from qlik_keys.fleet.manifest.declared import DeclaredClient
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import QlikTenant

_ROUNDS = 3
_HELD = "not done: another file may have the name of this fleet; --same-fleet says that it is the same one"
_LOOKED_AT_AGAIN = frozenset({"finish", "unmanaged"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyWork:
    """What is done for one tenant; picklable.

    Attributes:
        fleet: the name of the file's fleet.
        declared: the clients that should be on each tenant, by its name.
        shown: the changes that a person has seen, by kind and name, or id for a removal; None for all.
        prune: delete what is declared no longer.
        adopt: give a key to clients of a declared name that are not managed.
        take_over: as for `plan_tenant`.
        same_fleet: go on where another file may have the same name (`NameDoubt`).
        makes_secrets: what is done may bring a client secret; not where the result travels.
        hooks: those of each tenant, by its name.
        clock: time.
    """

    fleet: str
    declared: dict[str, tuple[DeclaredClient, ...]]
    shown: frozenset[tuple[str, str, str]] | None = None
    prune: bool = False
    adopt: bool = False
    take_over: str = ""
    same_fleet: bool = False
    makes_secrets: bool = True
    hooks: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict)
    clock: Clock = field(default=SYSTEM_CLOCK)

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> Applied:
        """Apply the file to one tenant; see `TenantWork`."""
        declared = self.declared[name]
        return _TenantRun(self, name, declared, tenant, store, told=told, cancel=cancel).run()


class _TenantRun:
    """One tenant, from the first look to the last change."""

    def __init__(
        self,
        work: ApplyWork,
        name: str,
        declared: Sequence[DeclaredClient],
        tenant: QlikTenant,
        store: KeyStore,
        *,
        told: Callable[[object], None],
        cancel: threading.Event,
    ) -> None:
        self._work, self._name, self._told = work, name, told
        self._declared = {client.name: client for client in declared}
        self._context = OperationContext(
            tenant=tenant,
            store=store,
            cancel=cancel,
            clock=work.clock,
            hooks=work.hooks.get(name, ()),
            make_provisioning=Provisioning if work.makes_secrets else WithoutNewSecrets,
        )
        self._cancel = cancel
        self._steps = ChangeSteps(self._context, fleet=work.fleet, declared=self._declared)
        self._doubt: NameDoubt | None = None
        self._failure = SharedFailure(self._context.store, tenant.host, in_a_row=DEFAULT_WORKERS)

    def run(self) -> Applied:
        """Look, do what differs, and look again at what was finished or adopted.

        Raises:
            TenantError, StoreError: tenant or store could not be asked at all.
        """
        names: set[str] | None = None
        results: list[AppliedChange] = []
        unchanged = 0
        for number in range(_ROUNDS):
            facts = _without_awaited(self._facts(), {each.client_id for each in results if each.client_secret})
            changes, as_declared = plan_tenant(
                self._name,
                [*self._declared.values()],
                facts,
                fleet=self._work.fleet,
                now=utc_now(self._work.clock),
                hooks=self._context.hooks,
                take_over=self._work.take_over,
            )
            if number == 0:
                unchanged = as_declared
                if not self._work.same_fleet:
                    self._doubt = doubt_of(self._name, self._work.fleet, {*self._declared}, facts, changes)
                wanted = [each for each in changes if self._was_shown(each)]
            else:
                wanted = [each for each in changes if names is not None and each.client in names]
            done = self._round(wanted, facts)
            results += done
            again = [each for each in done if each.outcome == "done" and each.change.kind in _LOOKED_AT_AGAIN]
            names = {each.change.client for each in again}
            if not names or self._is_over:
                break
        results = self._with_secrets_noted(results)
        return Applied(changes=tuple(results), unchanged=unchanged)

    def _with_secrets_noted(self, results: Sequence[AppliedChange]) -> list[AppliedChange]:
        """Note in the records that new client secrets were handed over; what cannot be noted is a warning."""
        return [each if each.client_secret is None else self._steps.note_secret(each) for each in results]

    @property
    def _is_over(self) -> bool:
        """Whether nothing further is started: it was cancelled, or what failed concerns all."""
        return self._failure.found or self._cancel.is_set()

    def _facts(self) -> TenantFacts:
        asked = [client.name for client in self._declared.values() if client.consent is not None]
        return facts_of(self._context.tenant, self._context.store, consent_of=frozenset(asked))

    def _was_shown(self, change: PlannedChange) -> bool:
        shown = self._work.shown
        return (
            shown is None or (self._name, change.client, change.client_id if change.kind == "removed" else "") in shown
        )

    def _round(self, changes: Sequence[PlannedChange], facts: TenantFacts) -> list[AppliedChange]:
        of_client: defaultdict[tuple[str, str], list[PlannedChange]] = defaultdict(list)
        for change in changes:
            of_client[change.client, change.client_id if change.kind == "removed" else ""].append(change)
        found = {client.client_id: client for client in facts.clients}
        self._steps.remove_left_keys([each for each in changes if not self._is_left(each)], found)
        with ThreadPoolExecutor(DEFAULT_WORKERS) as pool:
            try:
                done = pool.map(lambda each: self._client(each, found), of_client.values())
                return [result for results in done for result in results]
            except BaseException:
                self._cancel.set()  # an interrupt: the pool waits for what has started
                raise

    def _client(self, changes: Sequence[PlannedChange], found: dict[str, FoundClient]) -> list[AppliedChange]:
        """Do the changes of one client, one after the other; none of them needs another one."""
        results: list[AppliedChange] = []
        for change in changes:
            if self._is_left(change):
                if self._is_held(change):
                    change = replace(change, reason="; ".join(filter(None, (change.reason, _HELD))))  # noqa: PLW2901
                results.append(AppliedChange(change=change, outcome="left", client_id=change.client_id))
                continue
            if self._is_over:
                results.append(AppliedChange(change=change, outcome="skipped", client_id=change.client_id))
                continue
            result = self._steps.perform(change, found.get(change.client_id))
            self._failure.saw(result.client_id, result.error)
            results.append(result)
            self._told(result)
        return results

    def _is_left(self, change: PlannedChange) -> bool:
        needs = {"removed": self._work.prune, "unmanaged": self._work.adopt, "blocked": False}
        return not needs.get(change.kind, True) or self._is_held(change)

    def _is_held(self, change: PlannedChange) -> bool:
        return self._doubt is not None and self._doubt.holds(change)


def _without_awaited(facts: TenantFacts, client_ids: Collection[str]) -> TenantFacts:
    """Return the facts as if the client secrets that this run has made were handed over: that is noted at its end."""
    clients = []
    for each in facts.clients:
        mark = None if each.summary is None else each.summary.declaration
        if each.summary is not None and mark is not None and each.client_id in client_ids:
            each = replace(each, summary=replace(each.summary, declaration=replace(mark, awaits_secret=False)))  # noqa: PLW2901
        clients.append(each)
    return replace(facts, clients=tuple(clients)) if client_ids else facts
