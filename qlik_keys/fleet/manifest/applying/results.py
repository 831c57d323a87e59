"""What became of a plan: of each change, and of all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from qlik_keys.core import tables

if TYPE_CHECKING:
    from qlik_keys.core.secret import Secret
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.fleet.manifest.comparing.changes import PlannedChange


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
