"""What is asked of each tenant of a fleet at a glance: its clients, its audit, and one client's health.

The tenants are asked side by side by the fleet's runner. Not done here: what is asked of one tenant (`inventory`,
`diagnosis`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlik_keys.core.arguments import CALLBACK, CLOCK, FLAG, optional, require, texts
from qlik_keys.core.clock import SYSTEM_CLOCK, Clock
from qlik_keys.errors import Interrupted, QlikKeysError
from qlik_keys.fleet.diagnoses import FleetDiagnosis

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable
    from datetime import date, datetime, timedelta

    from qlik_keys.auth.token_endpoint import UserLookup
    from qlik_keys.diagnosis import Diagnosis
    from qlik_keys.fleet.runners.base import TenantOutcome
    from qlik_keys.fleet.tenants import Fleet
    from qlik_keys.inventory.several import Table
    from qlik_keys.inventory.tables import Progress
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

    FleetProgress = Callable[[str, str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListClients:
    """Lists the clients of one tenant: a `TenantWork`.

    Attributes:
        consent, usage: as for `qlik_keys.clients`.
        clock: says what now is.
    """

    consent: bool | None = None
    usage: bool = False
    clock: Clock = field(default=SYSTEM_CLOCK)

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> Table:
        """Return the table of clients; see `TenantWork`."""
        from qlik_keys.inventory.tables import clients  # noqa: PLC0415  # brings pandas

        del name
        progress = _progress(told, cancel)
        return clients(tenant, store, consent=self.consent, usage=self.usage, on_progress=progress, clock=self.clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTenant:
    """Audits one tenant: a `TenantWork`.

    Attributes:
        consent, usage, due_within: as for `qlik_keys.audit`.
        clock: says what now is.
    """

    consent: bool | None = None
    usage: bool = False
    due_within: timedelta | None = None
    clock: Clock = field(default=SYSTEM_CLOCK)

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> Table:
        """Return the findings; see `TenantWork`."""
        from qlik_keys.inventory.audit import audit  # noqa: PLC0415  # brings pandas

        del name
        progress = _progress(told, cancel)
        options = {"consent": self.consent, "usage": self.usage, "due_within": self.due_within}
        return audit(tenant, store, **options, on_progress=progress, clock=self.clock)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHistory:
    """Reports who did what on one tenant: a `TenantWork`.

    Attributes:
        since: as for `qlik_keys.report`.
        clock: says what now is.
    """

    since: date | datetime | None = None
    clock: Clock = field(default=SYSTEM_CLOCK)

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> Table:
        """Return the report; see `TenantWork`."""
        from qlik_keys.inventory.history import report  # noqa: PLC0415  # brings pandas

        del name, told, cancel
        return report(tenant, store, since=self.since, clock=self.clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamineClient:
    """Examines a client on one tenant: a `TenantWork`.

    Attributes:
        client, scopes, user: as for `qlik_keys.doctor`.
        clock: says when it was.
    """

    client: str
    scopes: tuple[str, ...] = ()
    user: UserLookup | None = None
    clock: Clock = field(default=SYSTEM_CLOCK)

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> Diagnosis:
        """Return what was found; see `TenantWork`."""
        from qlik_keys.diagnosis import doctor  # noqa: PLC0415  # brings httpx

        del name, told, cancel
        return doctor(tenant, store, self.client, scopes=self.scopes, user=self.user, clock=self.clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixClient:
    """Applies fixes of the doctor to a client on one tenant: a `TenantWork`.

    Attributes:
        client_id: the client.
        fixes: names of fixes.
    """

    client_id: str
    fixes: tuple[str, ...]

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> list[tuple[str, str | QlikKeysError]]:
        """Return of each fix what was done, or why not; see `TenantWork`."""
        from qlik_keys.diagnosis import fix  # noqa: PLC0415  # brings httpx

        del name, told, cancel
        done: list[tuple[str, str | QlikKeysError]] = []
        for each in self.fixes:
            try:
                done.append((each, fix(tenant, store, self.client_id, each)))
            except QlikKeysError as problem:
                done.append((each, problem))
        return done


def clients(
    fleet: Fleet, *, consent: bool | None, usage: bool, on_progress: FleetProgress | None, clock: Clock
) -> Table:
    """Return the clients of all tenants; see `Fleet.clients`."""
    from qlik_keys.inventory.several import clients_of_several  # noqa: PLC0415  # brings pandas

    _check(consent=consent, usage=usage, on_progress=on_progress, clock=clock)
    work = ListClients(consent=consent, usage=usage, clock=clock)
    return clients_of_several(_told(fleet.each(work, told=_handed_on(on_progress))), usage=usage, clock=clock)


def audit(
    fleet: Fleet,
    *,
    consent: bool | None,
    usage: bool,
    due_within: timedelta | None,
    on_progress: FleetProgress | None,
    clock: Clock,
) -> Table:
    """Return the findings of all tenants; see `Fleet.audit`."""
    from qlik_keys.inventory.audit import refuse_negative  # noqa: PLC0415  # brings pandas
    from qlik_keys.inventory.several import audits_of_several  # noqa: PLC0415  # brings pandas

    _check(consent=consent, usage=usage, on_progress=on_progress, clock=clock)
    refuse_negative(due_within)
    work = AuditTenant(consent=consent, usage=usage, due_within=due_within, clock=clock)
    return audits_of_several(_told(fleet.each(work, told=_handed_on(on_progress))), clock=clock)


def report(fleet: Fleet, *, since: date | datetime | None, clock: Clock) -> Table:
    """Return the report of all tenants; see `Fleet.report`."""
    from qlik_keys.inventory.history import check_since  # noqa: PLC0415  # brings pandas
    from qlik_keys.inventory.several import histories_of_several  # noqa: PLC0415  # brings pandas

    require(CLOCK, clock=clock)
    check_since(since)
    return histories_of_several(_told(fleet.each(ReportHistory(since=since, clock=clock))), clock=clock)


def doctor(
    fleet: Fleet, client: str, *, scopes: Iterable[str], user: UserLookup | None, clock: Clock
) -> FleetDiagnosis:
    """Examine a client on all tenants that have it; see `Fleet.doctor`."""
    from qlik_keys.keystore.lookup import checked  # noqa: PLC0415

    require(CLOCK, clock=clock)
    work = ExamineClient(client=checked(client), scopes=tuple(texts("scopes", scopes)), user=user, clock=clock)
    return FleetDiagnosis.of(work.client, fleet.each(work))


def _check(*, consent: bool | None, usage: bool, on_progress: FleetProgress | None, clock: Clock) -> None:
    """Refuse what is of another type before a tenant is asked.

    Raises:
        TypeError: it is.
    """
    optional(FLAG, consent=consent)
    require(FLAG, usage=usage)
    optional(CALLBACK, on_progress=on_progress)
    require(CLOCK, clock=clock)


def _told(outcomes: list[TenantOutcome[Table]]) -> dict[str, Table | QlikKeysError]:
    return {each.tenant: each.value if each.error is None else each.error for each in outcomes}  # type: ignore[misc]


def _progress(told: Callable[[object], None], cancel: threading.Event) -> Progress:
    """Return what hands the progress of one tenant on, and ends its work when it is cancelled."""

    def on_progress(what: str, done: int, total: int) -> None:
        if cancel.is_set():
            raise Interrupted("Cancelled before everything was looked up.")
        told((what, done, total))

    return on_progress


def _handed_on(on_progress: FleetProgress | None) -> Callable[[str, object], None]:
    def told(name: str, what: object) -> None:
        if on_progress is not None and isinstance(what, tuple):
            on_progress(name, *what)

    return told
