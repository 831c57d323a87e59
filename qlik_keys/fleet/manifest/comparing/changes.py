"""What a plan says: each change, and the difference of all tenants; for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from qlik_keys.core import tables
from qlik_keys.errors import FleetError

if TYPE_CHECKING:
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.fleet.manifest.comparing.name_doubts import NameDoubt

Kind = Literal["create", "finish", "change", "retire", "rotate", "unmanaged", "removed", "blocked", "mark"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """One thing that differs.

    Attributes:
        tenant: the tenant's name in the file.
        kind: "create"; "finish", an operation that was interrupted; "change", fields of the client or of its record;
            "retire", old keys whose overlap is over; "rotate"; "unmanaged", a client of that name without a key of
            qlik_keys; "removed", declared before and no longer; "blocked", what a person must decide; or "mark", it is
            as declared, and its record does not say yet that it belongs to the file: that is no drift.
        client: the client's name in the file, or in its record.
        client_id: its id, "" for one that is to be made.
        fields: of a change, by name: (there, declared), as texts.
        reason: why, a sentence; "" where the kind says it all.
        hooks: names of the hooks that run once the client has its new key.
    """

    tenant: str
    kind: Kind
    client: str
    client_id: str = ""
    fields: tuple[tuple[str, str, str], ...] = ()
    reason: str = ""
    hooks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        told = {"tenant": self.tenant, "change": self.kind, "client": self.client, "client_id": self.client_id}
        differences = [{"field": name, "there": there, "declared": declared} for name, there, declared in self.fields]
        return {**told, "fields": differences, "reason": self.reason, "hooks": [*self.hooks]}

    def to_text(self) -> str:
        """Return it for people, a line for it and one for each field."""
        named = f"{self.client} ({self.client_id})" if self.client_id else self.client
        lines = [f"{self.kind:9}  {self.tenant}  {named}{f': {self.reason}' if self.reason else ''}"]
        if self.kind == "create":
            return f"{lines[0]}: {'; '.join(f'{name} {declared}' for name, _, declared in self.fields)}"
        lines += [f"{'':11}{name}: {there or 'none'} -> {declared or 'none'}" for name, there, declared in self.fields]
        if self.hooks:
            lines.append(f"{'':11}then these hooks run: {', '.join(self.hooks)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFailure:
    """A tenant that could not be asked.

    Attributes:
        name: its name.
        client_id: "": it is no client.
        error: why.
    """

    name: str
    client_id: str = ""
    error: QlikKeysError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPlan:
    """The difference of all tenants.

    Attributes:
        changes: what differs, tenant by tenant in the order of the file.
        unchanged: how many declared clients are as declared.
        failures: why a tenant could not be asked, by its name.
        doubts: where another file may have the same name.
    """

    changes: tuple[PlannedChange, ...]
    unchanged: int = 0
    failures: dict[str, QlikKeysError] = field(default_factory=dict)
    doubts: tuple[NameDoubt, ...] = ()

    @property
    def has_drift(self) -> bool:
        """Whether anything differs; a record that lacks nothing but the file's mark does not."""
        return any(each.kind != "mark" for each in self.changes)

    @property
    def counts(self) -> dict[str, int]:
        """How many changes there are of each kind that there is."""
        counted = {kind: sum(each.kind == kind for each in self.changes) for kind in KINDS}
        return {kind: count for kind, count in counted.items() if count}

    def raise_failures(self) -> None:
        """Raise what failed, if anything did.

        Raises:
            FleetError: a tenant could not be asked.
        """
        if self.failures:
            results = [TenantFailure(name=name, error=error) for name, error in self.failures.items()]
            raise FleetError(results, what="tenants could not be asked.", left=0)

    def raise_if_all_failed(self) -> None:
        """Raise what failed, if there is nothing else to show.

        Raises:
            FleetError: no tenant could be asked.
        """
        if not (self.changes or self.unchanged):
            self.raise_failures()

    def _repr_html_(self) -> str:
        return tables.text(self.to_text())

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        failures = {name: {"message": each.message, "hint": each.hint} for name, each in self.failures.items()}
        return {
            "drift": self.has_drift,
            "counts": self.counts,
            "unchanged": self.unchanged,
            "changes": [each.to_dict() for each in self.changes],
            "failures": failures,
            "warnings": [each.to_text() for each in self.doubts],
        }

    def to_text(self) -> str:
        """Return it for people."""
        shown = [each.to_text() for each in self.changes if each.kind != "mark"]
        shown += [f"failed     {name}: {each.message} {each.hint}".rstrip() for name, each in self.failures.items()]
        shown += [f"WARNING    {each.to_text()}" for each in self.doubts]
        marks = self.counts.get("mark", 0)
        if marks:
            shown.append(
                f"Clients without the mark of this file: {marks}. `apply` writes it, and changes nothing else."
            )
        counts = ", ".join(f"{count} {kind}" for kind, count in self.counts.items() if kind != "mark")
        as_declared = f"{self.unchanged + marks} as declared."
        found = f"{counts}; {as_declared}" if counts else f"No differences: {as_declared}"
        unknown = f" Not compared: {', '.join(self.failures)}." if self.failures else ""
        return "\n".join([*shown, *([""] if shown else []), found + unknown])
