"""Doing what a plan of one tenant says, by the operations of `lifecycle`; nothing else changes anything.

What was interrupted is finished first. A client that was finished or adopted is then looked at again, so that one
`apply` ends with it as declared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from qlik_keys import lifecycle
from qlik_keys.core import tables
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import QlikKeysError
from qlik_keys.fleet.manifest.facts import facts_of
from qlik_keys.fleet.manifest.plan import PlannedChange, plan_tenant
from qlik_keys.fleet.many.side_by_side import DEFAULT_WORKERS
from qlik_keys.keys.spec import DEFAULT_KEY, DEFAULT_OVERLAP, ROTATE_AFTER
from qlik_keys.keystore.other_custody import in_custody
from qlik_keys.lifecycle.context import OperationContext
from qlik_keys.lifecycle.declaring import ClientFields, declare, finish_pending, update_client
from qlik_keys.lifecycle.many import SharedFailure
from qlik_keys.lifecycle.provisioning.operations import resume_client_in
from qlik_keys.lifecycle.provisioning.run import Provisioned, Provisioning
from qlik_keys.lifecycle.provisioning.specification import CLIENT_SECRET, PRIVATE_KEY_JWT
from qlik_keys.lifecycle.provisioning.without_secrets import WithoutNewSecrets
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS, IMPERSONATION

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from qlik_keys.core.clock import Clock
    from qlik_keys.core.secret import Secret
    from qlik_keys.fleet.manifest.declared import DeclaredClient
    from qlik_keys.fleet.manifest.facts import FoundClient, TenantFacts
    from qlik_keys.fleet.manifest.plan import Kind
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.keystore.declarations import Declaration
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import QlikTenant

_ROUNDS = 3
_LOOKED_AT_AGAIN = frozenset({"finish", "unmanaged"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedChange:
    """What became of a planned change.

    Attributes:
        change: what was planned.
        outcome: "done"; "failed"; "left", it is not done without being asked for, or by a person alone; "skipped", what
            failed before concerns all.
        client_id: the client, also one that was made.
        kid: the key that consumers use now, where a key was made.
        client_secret: a new client secret; the tenant shows it this once.
        warnings: what a person should know.
        error: why it failed.
    """

    change: PlannedChange
    outcome: Literal["done", "failed", "left", "skipped"]
    client_id: str = ""
    kid: str = ""
    client_secret: Secret | None = None
    warnings: tuple[str, ...] = ()
    error: QlikKeysError | None = None

    @property
    def name(self) -> str:
        """The client and its tenant, for people."""
        return f"{self.change.client} on {self.change.tenant}" if self.change.client else self.change.tenant

    @property
    def is_of_tenant(self) -> bool:
        """Whether it is no change of a client, but a tenant that could not be asked."""
        return not self.change.client and not self.client_id and self.error is not None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values; a client secret is no part of them."""
        error = None if self.error is None else {"message": self.error.message, "hint": self.error.hint}
        told = {"outcome": self.outcome, "client_id": self.client_id, "kid": self.kid}
        return {**self.change.to_dict(), **told, "warnings": [*self.warnings], "error": error}

    def to_row(self) -> list[str]:
        """Return it as texts for people, one a column; a client secret is no part of them."""
        change = self.change
        texts = [tables.failure(self.error)] if self.error is not None else [change.reason] if change.reason else []
        texts += [f"{name}: {there or 'none'} -> {declared or 'none'}" for name, there, declared in change.fields]
        texts += [f"The current key is {self.kid}."] if self.kid else []
        texts += ["It has a new client secret, in `client_secret` of the change."] if self.client_secret else []
        who = (change.tenant, change.kind, change.client, self.client_id or change.client_id, self.outcome)
        return [*who, "\n".join([*texts, *self.warnings])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of a plan.

    Attributes:
        changes: each planned change, and what became of it.
        unchanged: how many declared clients were as declared before.
    """

    changes: tuple[AppliedChange, ...] = ()
    unchanged: int = 0

    @property
    def left(self) -> tuple[AppliedChange, ...]:
        """What still differs: it is not done without being asked for, or by a person alone."""
        return tuple(each for each in self.changes if each.outcome == "left")

    @property
    def is_as_declared(self) -> bool:
        """Whether everything is as declared now."""
        return all(each.outcome == "done" for each in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values; no client secret is in them."""
        return {"unchanged": self.unchanged, "changes": [each.to_dict() for each in self.changes]}

    def _repr_html_(self) -> str:
        counts = Counter(each.outcome for each in self.changes)
        told = ", ".join(
            [*(f"{count:,} {outcome}" for outcome, count in counts.items()), f"{self.unchanged:,} unchanged"]
        )
        columns = ("Tenant", "Change", "Client", "Client id", "Outcome", "What became of it")
        return tables.table(f"{told}.", columns, [each.to_row() for each in self.changes])


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyWork:
    """What is done for one tenant; picklable.

    Attributes:
        fleet: the name of the file's fleet.
        declared: the clients that should be on each tenant, by its name.
        shown: the changes that a person has seen, by kind and name, or id for a removal; None for all.
        prune: delete what is declared no longer.
        adopt: give a key to clients of a declared name that are not managed.
        makes_secrets: what is done may bring a client secret; not where the result travels.
        hooks: those of each tenant, by its name.
        clock: time.
    """

    fleet: str
    declared: dict[str, tuple[DeclaredClient, ...]]
    shown: frozenset[tuple[str, str, str]] | None = None
    prune: bool = False
    adopt: bool = False
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
        self._options: dict[str, Any] = {"cancel": cancel, "clock": work.clock}
        self._of_keys = self._options | {"hooks": self._context.hooks}
        store = self._context.store
        # One for each custody: the tenant keeps what it knows of a store's folder by the store.
        self._in_custody = {each: in_custody(store, each) for each in (None, "kv", "transit")}
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
            facts = self._facts()
            changes, as_declared = plan_tenant(
                self._name,
                [*self._declared.values()],
                facts,
                fleet=self._work.fleet,
                now=utc_now(self._work.clock),
                hooks=self._context.hooks,
            )
            if number == 0:
                unchanged = as_declared
                wanted = [each for each in changes if self._was_shown(each)]
            else:
                wanted = [each for each in changes if names is not None and each.client in names]
            done = self._round(wanted, facts)
            results += done
            again = [each for each in done if each.outcome == "done" and each.change.kind in _LOOKED_AT_AGAIN]
            names = {each.change.client for each in again}
            if not names or self._is_over:
                break
        return Applied(changes=tuple(results), unchanged=unchanged)

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
                results.append(AppliedChange(change=change, outcome="left", client_id=change.client_id))
                continue
            if self._is_over:
                results.append(AppliedChange(change=change, outcome="skipped", client_id=change.client_id))
                continue
            result = self._one(change, found.get(change.client_id))
            self._failure.saw(result.client_id, result.error)
            results.append(result)
            self._told(result)
        return results

    def _is_left(self, change: PlannedChange) -> bool:
        needs = {"removed": self._work.prune, "unmanaged": self._work.adopt, "blocked": False}
        return not needs.get(change.kind, True)

    def _one(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        """Do one change; what was made before a failure is part of the result."""
        result = AppliedChange(change=change, outcome="done", client_id=change.client_id)
        steps: dict[Kind, Callable[[PlannedChange, FoundClient | None], AppliedChange]] = {
            "create": self._create,
            "finish": self._finish,
            "change": self._change,
            "mark": self._change,
            "retire": self._retire,
            "rotate": self._rotate,
            "unmanaged": self._adopt,
            "removed": self._delete,
        }
        try:
            return steps[change.kind](change, there)
        except QlikKeysError as problem:
            return replace(result, outcome="failed", error=problem)

    # --- each kind ---

    def _create(self, change: PlannedChange, _: FoundClient | None) -> AppliedChange:
        declared = self._declared[change.client]
        made = lifecycle.provision(
            self._context.tenant,
            self._in_custody[declared.custody],
            name=declared.name,
            scopes=declared.scopes,
            key=(declared.key or DEFAULT_KEY) if declared.has_key else None,
            client_secret=declared.has_secret,
            description=declared.description or "",
            impersonation=bool(declared.impersonation),
            trusted=declared.consent != "required",
            rotate_after=declared.rotate_after,
            **self._options,
        )
        result = AppliedChange(
            change=change,
            outcome="done",
            client_id=made.client_id,
            kid=made.kid,
            client_secret=made.client_secret,
            warnings=made.warnings,
        )
        try:
            self._declare(made.client_id, declared.mark(self._work.fleet, None), None)
        except QlikKeysError as problem:
            return replace(result, outcome="failed", error=problem)  # the client is there, and so is its secret
        return result

    def _finish(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        result = AppliedChange(change=change, outcome="done", client_id=change.client_id)
        if there is not None and there.summary is not None:
            finished = [each.result for each in resume_client_in(self._context, there.client_id)]
            secrets = [each.client_secret for each in finished if isinstance(each, Provisioned)]
            return replace(result, client_secret=next((each for each in secrets if each is not None), None))
        made = finish_pending(self._context, change.client)
        if made is None:
            return result
        return replace(result, client_id=made.client_id, kid=made.kid, client_secret=made.client_secret)

    def _change(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        assert there is not None  # it was found
        declared, fields = self._declared[change.client], {name for name, _, _ in change.fields}
        result = AppliedChange(change=change, outcome="done", client_id=change.client_id)
        mark = there.summary.declaration if there.summary is not None else None
        # The record first: nothing may fail between a change that brings a client secret and its report.
        self._declare(change.client_id, declared.mark(self._work.fleet, mark), self._serves(declared, fields, mark))
        removes_secret = "methods" in fields and not declared.has_secret and CLIENT_SECRET in there.auth_methods
        if removes_secret:
            lifecycle.adopt(
                self._context.tenant, self._context.store, change.client_id, remove_secrets=True, **self._options
            )
        secret = update_client(self._context, change.client_id, _wanted(declared, there, fields))
        return replace(result, client_secret=secret)

    @staticmethod
    def _serves(declared: DeclaredClient, fields: set[str], mark: Declaration | None) -> timedelta | None:
        """Return how long the current key should serve, None where that stays as it is."""
        return declared.rotate_after if "rotate-after" in fields or mark is None else None

    def _declare(self, client_id: str, mark: Declaration, rotate_after: timedelta | None) -> None:
        declare(self._context, client_id, declaration=mark, rotate_after=rotate_after)

    def _retire(self, change: PlannedChange, _: FoundClient | None) -> AppliedChange:
        retired = lifecycle.retire_due(self._context.tenant, self._context.store, change.client_id, **self._options)
        warnings = tuple(warning for each in retired for warning in each.warnings)
        return AppliedChange(change=change, outcome="done", client_id=change.client_id, warnings=warnings)

    def _rotate(self, change: PlannedChange, there: FoundClient | None) -> AppliedChange:
        declared = self._declared[change.client]
        if there is None or there.summary is None or not there.summary.current_kid:
            return self._adopt(change, there)
        rotated = lifecycle.rotate(
            self._context.tenant,
            self._context.store,
            change.client_id,
            key=declared.key,
            overlap=DEFAULT_OVERLAP if declared.overlap is None else declared.overlap,
            rotate_after=declared.rotate_after,
            custody=declared.custody,
            **self._of_keys,
        )
        return AppliedChange(
            change=change, outcome="done", client_id=change.client_id, kid=rotated.kid, warnings=rotated.warnings
        )

    def _adopt(self, change: PlannedChange, _: FoundClient | None) -> AppliedChange:
        declared = self._declared[change.client]
        adopted = lifecycle.adopt(
            self._context.tenant,
            self._context.store,
            change.client_id,
            key=declared.key,
            remove_secrets=declared.methods == (PRIVATE_KEY_JWT,),
            rotate_after=declared.rotate_after or ROTATE_AFTER,
            custody=declared.custody,
            **self._of_keys,
        )
        return AppliedChange(
            change=change, outcome="done", client_id=change.client_id, kid=adopted.kid, warnings=adopted.warnings
        )

    def _delete(self, change: PlannedChange, _: FoundClient | None) -> AppliedChange:
        deleted = lifecycle.delete(
            self._context.tenant, self._context.store, change.client_id, confirm=change.client_id
        )
        return AppliedChange(
            change=change, outcome="done", client_id=change.client_id, warnings=tuple(deleted.warnings)
        )


def _wanted(declared: DeclaredClient, there: FoundClient, fields: set[str]) -> ClientFields:
    """Return what the fields of a client should be, of those that the plan names; grants of others' are kept."""
    grants, methods = None, None
    if {"machine-to-machine", "impersonation"} & fields:
        kept = [grant for grant in there.grant_types if declared.impersonation is None or grant != IMPERSONATION]
        grants = tuple(dict.fromkeys([*kept, CLIENT_CREDENTIALS, *([IMPERSONATION] if declared.impersonation else [])]))
    if "methods" in fields and declared.methods is not None:
        others = [method for method in there.auth_methods if method not in (PRIVATE_KEY_JWT, CLIENT_SECRET)]
        methods = (*others, *declared.methods)
    return ClientFields(
        name=declared.name if "name" in fields else None,
        description=declared.description if "description" in fields else None,
        scopes=declared.scopes if "scopes" in fields else None,
        grant_types=grants,
        auth_methods=methods,
        consent=declared.consent if "consent" in fields else None,
    )
