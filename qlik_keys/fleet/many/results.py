"""What became of the clients of a fleet, as a list that a notebook shows as a table."""

from __future__ import annotations

from collections import Counter

from qlik_keys.core import tables
from qlik_keys.lifecycle.many import FleetResult

_ORDER = {"failed": 0, "foreign": 1, "skipped": 3}  # what was done is between them


class FleetResults(list[FleetResult]):
    """One entry a client, in their order.

    Example:
        >>> done = fleet.run("rotate", qk.Selection(due=True))  # doctest: +SKIP
        >>> done  # a table: the failed ones first, each with its reason  # doctest: +SKIP
        >>> [each.client_id for each in done if each.outcome == "rotated"]  # doctest: +SKIP
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        counts = Counter(each.outcome for each in self)
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.most_common())
        has_tenants = any(each.tenant for each in self)
        shown = sorted(self, key=lambda each: _ORDER.get(each.outcome, 2))
        rows = [_row(each, has_tenants=has_tenants) for each in shown[: tables.MOST_ROWS]]
        columns = [*(["Tenant"] if has_tenants else []), "Client", "Client id", "Outcome", "What became of it"]
        return tables.table(f"{told or 'No client'}.", columns, rows, total=len(self))


def _row(item: FleetResult, *, has_tenants: bool) -> list[str]:
    name = item.name or (item.result.name if item.result is not None else "")
    return [*([item.tenant] if has_tenants else []), name, item.client_id, item.outcome, _told(item)]


def _told(item: FleetResult) -> str:
    if item.error is not None:
        why = tables.failure(item.error)
        return why if item.client_id or item.name else f"The tenant could not be asked, or not be worked on. {why}"
    if item.resumed is not None:
        return item.resumed.to_text()
    if item.result is not None:
        return item.result.to_text()
    return {
        "skipped": "Nothing was to be done.",
        "foreign": "A document that qlik_keys does not manage: it was left alone.",
    }.get(item.outcome, "")
