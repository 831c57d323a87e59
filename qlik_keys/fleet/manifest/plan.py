"""The difference between a fleet file and what is there: pure, from values to values.

What the file does not declare, and what has no mark of it, has no part in a plan.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from qlik_keys.fleet.manifest.comparing.changes import PlannedChange
from qlik_keys.fleet.manifest.comparing.comparison import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from qlik_keys.fleet.manifest.comparing.facts import FoundClient, TenantFacts
    from qlik_keys.fleet.manifest.declared import DeclaredClient
    from qlik_keys.keystore.base import KeySummary
    from qlik_keys.lifecycle.hooks.definition import Hook


def plan_tenant(
    tenant: str,
    declared: Sequence[DeclaredClient],
    facts: TenantFacts,
    *,
    fleet: str,
    now: datetime,
    hooks: Sequence[Hook] = (),
    take_over: str = "",
) -> tuple[list[PlannedChange], int]:
    """Compare what is declared of one tenant with what is there.

    Args:
        tenant: the tenant's name in the file.
        declared: the clients that should be on it.
        facts: what is there.
        fleet: the name of the file's fleet.
        now: the time.
        hooks: those that are defined for the tenant.
        take_over: the name of another fleet: its clients that are declared here become clients of this one.

    Returns:
        What differs, and how many clients are as declared.
    """
    by_name, by_mark = defaultdict(list), defaultdict(list)
    for client in facts.clients:
        by_name[client.name].append(client)
        if _is_of(fleet, client.summary) or (take_over and _is_of(take_over, client.summary)):
            assert client.summary is not None  # it has a mark
            by_mark[client.summary.client_name].append(client)
    names = {client.name for client in declared}
    matched: set[str] = set()
    changes: list[PlannedChange] = []
    unchanged = 0
    for wanted in declared:
        alike = by_mark.get(wanted.name) or [
            each for each in by_name.get(wanted.name, ()) if not _is_others(each, fleet, names - {wanted.name})
        ]
        if len(alike) > 1:  # a namesake that no one manages is no reason to doubt
            alike = [each for each in alike if each.summary is not None] or alike
        comparison = Comparison(
            tenant=tenant,
            declared=wanted,
            alike=alike,
            facts=facts,
            fleet=fleet,
            now=now,
            hooks=hooks,
            take_over=take_over,
        )
        found = comparison.changes()
        matched |= {each.client_id for each in alike}
        changes += found
        unchanged += not found
    return [*changes, *_removed(tenant, facts, fleet, matched)], unchanged


def _is_of(fleet: str, summary: KeySummary | None) -> bool:
    return summary is not None and summary.declaration is not None and summary.declaration.fleet == fleet


def _is_others(client: FoundClient, fleet: str, names: set[str]) -> bool:
    """Tell whether a client belongs to another declared name of the file: someone has renamed it on the tenant."""
    return _is_of(fleet, client.summary) and client.summary is not None and client.summary.client_name in names


def _removed(tenant: str, facts: TenantFacts, fleet: str, matched: set[str]) -> Iterator[PlannedChange]:
    for client in facts.clients:
        if client.client_id not in matched and _is_of(fleet, client.summary):
            yield PlannedChange(
                tenant=tenant,
                kind="removed",
                client=client.name,
                client_id=client.client_id,
                reason="it was declared in this file, and is no longer; --prune deletes it",
            )
    for summary in facts.left:
        if _is_of(fleet, summary):
            yield PlannedChange(
                tenant=tenant,
                kind="removed",
                client=summary.client_name,
                client_id=summary.client_id,
                reason="the client is no longer on the tenant, its record is left; --prune destroys it",
            )
