"""What a runner takes and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from qlik_keys.core import tables

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from qlik_keys.errors import QlikKeysError
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)


class Connects(Protocol):
    """What opens a tenant and its key store: a `TenantReference`, or a pair that is open already."""

    def connect(self) -> AbstractContextManager[tuple[QlikTenant, KeyStore]]:
        """Yield the tenant and the key store."""


class TenantWork(Protocol[Value_co]):
    """What is done for one tenant. For a cluster it must be picklable: a function of a module, or a dataclass.

    A cluster may do it again, where a worker dies: it must go on from what tenant and store say. Work whose result
    holds a secret has an attribute `stays_because` with the reason: it is done in this process, and sent nowhere.
    """

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> Value_co:
        """Do it.

        Args:
            name: the tenant's name in the fleet.
            tenant: the tenant.
            store: its key store.
            told: takes what happened on the way, for example a `FleetResult`; called from any thread.
            cancel: when set, the work stops between two steps.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantOutcome(Generic[Value]):
    """What came of one tenant.

    Attributes:
        tenant: its name in the fleet.
        value: what the work returned; None where it failed.
        error: why it failed; None where it did not.
    """

    tenant: str
    value: Value | None = None
    error: QlikKeysError | None = None


class TenantOutcomes(list[TenantOutcome[Value]], Generic[Value]):
    """What came of each tenant; a notebook shows it as a table, a value by its kind alone."""

    def _repr_html_(self) -> str:
        failed = sum(each.error is not None for each in self)
        rows = [
            [each.tenant, "done" if each.error is None else "failed", _told(each)]
            for each in sorted(self, key=lambda each: each.error is None)
        ]
        return tables.table(f"{len(self) - failed:,} done, {failed:,} failed.", ("Tenant", "Outcome", "What"), rows)


def _told(outcome: TenantOutcome[Any]) -> str:
    """Return why it failed, or what was returned: a value of another kind may hold anything, a secret too."""
    if outcome.error is not None:
        return tables.failure(outcome.error)
    value = outcome.value
    if value is None or isinstance(value, bool | int | float):
        return "" if value is None else str(value)
    size = f", {len(value):,} entries" if hasattr(value, "__len__") and not isinstance(value, str) else ""
    return f"{type(value).__name__}{size}"


class Runner(Protocol):
    """Does the same work for many tenants; one that fails stops no other.

    A runner whose results travel from other machines has an attribute `sends_results` that is True: then no work is
    done that makes a secret.
    """

    def run(
        self,
        work: TenantWork[Value],
        members: Sequence[tuple[str, Connects]],
        *,
        told: Callable[[str, object], None],
        cancel: threading.Event,
    ) -> list[TenantOutcome[Value]]:
        """Return what came of each tenant, in the order of `members`.

        Args:
            work: what is done.
            members: names and references.
            told: takes a tenant's name and what its work told; called from any thread.
            cancel: when set, no further tenant is started, and the started ones stop between two steps.
        """
