"""The plan of an operation on many clients: how many at which tenant, what cannot be undone, how long it lasts.

A plan changes nothing and reads no key. Not done here: the steps of each client, which `preview` tells of one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qlik_keys.core import tables
from qlik_keys.core.clock import describe_duration
from qlik_keys.keystore.base import names_of_hooks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qlik_keys.errors import QlikKeysError
    from qlik_keys.fleet.many.candidates import PlannedClient
    from qlik_keys.fleet.selection import Selection
    from qlik_keys.lifecycle.many import FleetResult
    from qlik_keys.lifecycle.options import Options

_STATES = {
    "started": "of an interrupted operation",
    "held": "with an old key that stays until pending hooks succeed",
    "overlapping": "refused until the overlap of their last rotation is over",
    "unknown": "known only by its record",
}
_MOST_NAMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPlan:
    """What an operation would do at one tenant.

    Attributes:
        tenant: its name in the fleet.
        host: its host, "" where it could not be asked.
        clients: on which it would work.
        done: how many of the selected clients need nothing.
        unmanaged: how many would be meant, were they managed by qlik_keys; they are left alone.
        missing: clients that the selection names and the tenant has not.
        problems: clients about which the tenant or the store did not tell.
        requests: how many requests to the tenant it takes at least, by tier.
        wait_seconds: how long it takes at least by the tenant's rate limits, counted from what was sent so far.
        hooks: those that run once clients have their new keys, in words, and for how many of the clients.
        pending_hooks: names of the hooks that clients have pending.
        error: why the tenant could not be asked; None where it could.
    """

    tenant: str
    host: str = ""
    clients: tuple[PlannedClient, ...] = ()
    done: int = 0
    unmanaged: int = 0
    missing: tuple[str, ...] = ()
    problems: tuple[FleetResult, ...] = ()
    requests: Mapping[int, int] = field(default_factory=dict)
    wait_seconds: float = 0.0
    hooks: tuple[tuple[str, int], ...] = ()
    pending_hooks: tuple[str, ...] = ()
    error: QlikKeysError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """What an operation would do at all tenants of a fleet. `Fleet.run` takes it, and does that and no more.

    Attributes:
        operation: which.
        selection: which clients are meant.
        options: the operation's.
        tenants: a plan for each tenant, in the fleet's order.
        irreversible: the steps that cannot be undone.
        made_before: of a revocation: a key that was made at that moment or later is replaced already.
    """

    operation: str
    selection: Selection
    options: Options
    tenants: tuple[TenantPlan, ...]
    irreversible: tuple[str, ...] = ()
    made_before: datetime | None = None

    @property
    def count(self) -> int:
        """On how many clients it would work."""
        return sum(len(each.clients) for each in self.tenants)

    @property
    def missing(self) -> tuple[str, ...]:
        """The clients that the selection names and no tenant has; none while a tenant could not be asked."""
        if any(each.error for each in self.tenants):
            return ()
        return tuple(named for named in self.selection.clients if all(named in each.missing for each in self.tenants))

    @property
    def hooks_not_pending(self) -> tuple[str, ...]:
        """The hooks that are to be dropped and that no client has pending; none while that cannot be known yet."""
        if any(each.error or each.problems for each in self.tenants):
            return ()
        if any(client.state == "started" for each in self.tenants for client in each.clients):
            return ()  # its hooks are pending once it is finished
        pending = {name for each in self.tenants for name in each.pending_hooks}
        return tuple(name for name in getattr(self.options, "drop_hooks", ()) if name not in pending)

    @property
    def wait_seconds(self) -> float:
        """How long it takes at least by the rate limits: tenants are worked on side by side."""
        return max((each.wait_seconds for each in self.tenants), default=0.0)

    def to_text(self) -> str:
        """Return the plan for people."""
        clients = "1 client" if self.count == 1 else f"{self.count or 'no'} clients"
        tenants = "" if len(self.tenants) == 1 else f" of {len(self.tenants)} tenants"
        yet = " Nothing is changed yet." if self.count else ""
        meant = "" if self.selection.is_empty else f" ({self.selection.to_text()})"
        lines = [f"{self.operation} {clients}{tenants}{meant}.{yet}"]
        width = max((len(each.tenant) for each in self.tenants), default=0)
        lines += [f"  {each.tenant:<{width}}  {_told(each)}" for each in self.tenants]
        if self.made_before is not None:
            lines.append(f"Keys made from {self.made_before.isoformat()} on count as replaced.")
        if self.missing:
            lines.append(f"No tenant has: {_names(self.missing)}.")
        if self.hooks_not_pending:
            lines.append(f"No client has a pending hook of this name: {names_of_hooks(self.hooks_not_pending)}.")
        if self.count and self.irreversible:
            lines += ["Cannot be undone, for each client:", *(f"  - {title}" for title in self.irreversible)]
        hooks: Counter[str] = Counter()
        for each in self.tenants:
            hooks.update(dict(each.hooks))
        if hooks:
            lines.append("Hooks that run once a client has its new key:")
            lines += [f"  - {text} ({count} {'client' if count == 1 else 'clients'})" for text, count in hooks.items()]
        if self.count:
            lines.append(
                f"The rate limits make it last at least {describe_duration(self.wait_seconds)}."
                if self.wait_seconds
                else "The rate limits add no waiting time."
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        found = [
            [each.tenant, client.name, client.client_id, client.state]
            for each in self.tenants
            for client in each.clients
        ]
        problems = [
            [each.tenant, client.name, client.client_id, tables.failure(client.error)]
            for each in self.tenants
            for client in each.problems
            if client.error is not None
        ]
        columns = ("Tenant", "Client", "Client id")
        parts = [tables.text(self.to_text())]
        parts += [tables.table("Could not be looked at:", (*columns, "Why"), problems)] if problems else []
        parts += [tables.table("The clients:", (*columns, "State"), found)] if found else []
        return "".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values."""
        return {
            "operation": self.operation,
            "selection": self.selection.to_text(),
            "made_before": None if self.made_before is None else self.made_before.isoformat(),
            "clients": self.count,
            "wait_seconds": self.wait_seconds,
            "irreversible": list(self.irreversible),
            "missing": list(self.missing),
            "hooks_not_pending": list(self.hooks_not_pending),
            "tenants": [_document(each) for each in self.tenants],
        }


def _told(plan: TenantPlan) -> str:
    if plan.error is not None:
        return f"could not be asked: {plan.error.message} {plan.error.hint}".rstrip()
    parts = [f"{len(plan.clients)} to do"]
    parts += [
        f"{count} of them {words}"
        for state, words in _STATES.items()
        if (count := sum(each.state == state for each in plan.clients))
    ]
    parts += [f"{plan.done} need nothing"] if plan.done else []
    parts += [f"{plan.unmanaged} not managed by qlik_keys"] if plan.unmanaged else []
    parts += [f"{len(plan.problems)} could not be looked at"] if plan.problems else []
    return ", ".join(parts)


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _document(plan: TenantPlan) -> dict[str, Any]:
    return {
        "tenant": plan.tenant,
        "host": plan.host,
        "clients": [{"client_id": each.client_id, "name": each.name, "state": each.state} for each in plan.clients],
        "done": plan.done,
        "hooks": [{"hook": text, "clients": count} for text, count in plan.hooks],
        "unmanaged": plan.unmanaged,
        "problems": [
            {"client_id": each.client_id, "name": each.name, "error": "" if each.error is None else each.error.message}
            for each in plan.problems
        ],
        "requests": {f"tier_{tier}": count for tier, count in sorted(plan.requests.items())},
        "wait_seconds": plan.wait_seconds,
        "error": None if plan.error is None else plan.error.message,
    }
