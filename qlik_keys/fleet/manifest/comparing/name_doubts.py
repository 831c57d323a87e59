"""Whether a fleet's name may belong to another file: most clients with its mark are missing from this one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from qlik_keys.fleet.manifest.comparing.changes import PlannedChange
    from qlik_keys.fleet.manifest.comparing.facts import TenantFacts


_FEWEST = 3  # that fewer are missing is everyday work: a client gets another name, the last one goes


@dataclass(frozen=True, slots=True, kw_only=True)
class NameDoubt:
    """Most of the clients that carry the mark of a fleet on a tenant are not in the file of that name.

    Attributes:
        tenant: the tenant's name in the file.
        fleet: the fleet's name.
        marked: how many clients carry its mark.
        absent: how many of them the file does not declare.
    """

    tenant: str
    fleet: str
    marked: int
    absent: int

    def holds(self, change: PlannedChange) -> bool:
        """Tell whether a change waits until a person has confirmed that it is the same fleet.

        Where some clients are the file's, removals wait. Where none is, a second file has that name until the opposite
        is known, and nothing is done: it would mark its clients as the other file's.
        """
        return change.kind == "removed" or self.absent == self.marked

    def to_text(self) -> str:
        """Return it for people, with what to do."""
        return (
            f"{self.absent} of {self.marked} clients with the mark of the fleet {self.fleet!r} on {self.tenant} are "
            "not in this file. If another file has this name too, write another name after `fleet:` in this one. If "
            "it is the same fleet, confirm it once: `qlik-keys apply --same-fleet`."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {"tenant": self.tenant, "fleet": self.fleet, "marked": self.marked, "absent": self.absent}


def doubt_of(
    tenant: str, fleet: str, names: Collection[str], facts: TenantFacts, changes: Sequence[PlannedChange]
) -> NameDoubt | None:
    """Return the doubt about a fleet's name on one tenant, None where few of its clients are missing from the file.

    Args:
        tenant: the tenant's name in the file.
        fleet: the name of the file's fleet.
        names: the names of the clients that the file declares there.
        facts: what is there.
        changes: the plan.
    """
    summaries = [*(each.summary for each in facts.clients if each.summary is not None), *facts.left]
    marked = sum(each.declaration is not None and each.declaration.fleet == fleet for each in summaries)
    # A record that is left of a client that is to be made again says nothing against the name.
    absent = sum(each.kind == "removed" and each.client not in names for each in changes)
    if absent < _FEWEST or 2 * absent <= marked:
        return None
    return NameDoubt(tenant=tenant, fleet=fleet, marked=marked, absent=absent)
