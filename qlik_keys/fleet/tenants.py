"""Several tenants at once, each with its login and its key store."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from qlik_keys.core.arguments import texts
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.core.names import name_problem
from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.many.methods import WorksOnMany
from qlik_keys.fleet.references import TenantReference
from qlik_keys.fleet.runners.base import TenantOutcomes
from qlik_keys.fleet.runners.choice import chosen_runner
from qlik_keys.keystore.lookup import check_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime, timedelta
    from pathlib import Path

    import distributed

    from qlik_keys.auth.token_endpoint import UserLookup
    from qlik_keys.core.clock import Clock
    from qlik_keys.fleet.diagnoses import FleetDiagnosis
    from qlik_keys.fleet.overviews import FleetProgress
    from qlik_keys.fleet.runners.base import Connects, Runner, TenantWork, Value
    from qlik_keys.inventory.several import Table
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import QlikTenant


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTenant:
    """A tenant and a key store that are open already, and stay open.

    Attributes:
        tenant: the tenant.
        store: its key store.
    """

    tenant: QlikTenant
    store: KeyStore

    @contextmanager
    def connect(self) -> Iterator[tuple[QlikTenant, KeyStore]]:
        """Yield the two."""
        yield self.tenant, self.store

    def __reduce__(self) -> Any:
        """Refuse to be pickled: an open tenant holds a credential."""
        raise TypeError("an open tenant holds a credential and cannot be pickled; use a TenantReference")


class Fleet(WorksOnMany):
    """Tenants by name, each with its login and its key store.

    Args:
        tenants: by name, a `TenantReference`, or a pair of a `QlikTenant` and a key store, which stay open.
        runner: who does the work: "threads" of this process (the default), "dask", or a runner.
        address: of "dask": the scheduler's address, for example "tcp://scheduler:8786", or a `distributed.Client`.

    Attributes:
        notices: in words, what was left out when the tenants were looked up.

    Raises:
        ConfigurationError: there is no tenant, a name is none, there is no such runner, or Dask is not installed.
        TypeError: a tenant is neither, or the runner is none.

    Example:
        >>> fleet = Fleet({"test": TenantReference(url="https://acme-test.eu.qlikcloud.com", login_client="rotation")})
        >>> fleet.names
        ('test',)
    """

    def __init__(
        self,
        tenants: Mapping[str, TenantReference | tuple[QlikTenant, KeyStore]],
        *,
        runner: Runner | Literal["threads", "dask"] | None = None,
        address: str | distributed.Client | None = None,
    ) -> None:
        if not tenants:
            raise ConfigurationError("The fleet has no tenants.", hint="Name at least one.")
        self._members: dict[str, Connects] = {name: _checked(name, each) for name, each in tenants.items()}
        self._runner: Runner = chosen_runner(runner, address=address)
        self._hooks: Mapping[str, tuple[Hook, ...]] = {}
        self.notices: tuple[str, ...] = ()

    @classmethod
    def of_contexts(cls, names: Iterable[str] = ()) -> Fleet:
        """Return the tenants of this user's qlik-cli contexts, by the contexts' names.

        If several contexts are for one tenant, the current one is used, or else the first; one with a login comes
        before one without. `notices` names the others. The key store is that of the environment.

        Args:
            names: the contexts; without any all that are for a Qlik Cloud tenant. One that cannot be used is a tenant
                that cannot be asked.

        Raises:
            ConfigurationError: there are no contexts, or none of a name.
        """
        from qlik_keys.fleet.contexts import tenants_of_contexts  # noqa: PLC0415  # for those who have contexts

        members, notices = tenants_of_contexts(texts("names", names))
        fleet = cls._with(members, chosen_runner("threads"))
        fleet.notices = notices
        return fleet

    @classmethod
    def from_file(cls, path: str | Path, *, runner: Runner | None = None) -> Fleet:
        """Return the tenants of a fleet file; its clients are `Manifest.from_file`'s.

        Args:
            path: the file.
            runner: who does the work; by default threads of this process.

        Raises:
            ManifestError: the file has mistakes; its `problems` has each with line and column.
            ConfigurationError: it cannot be read.
        """
        from qlik_keys.fleet.manifest.reading import read_fleet  # noqa: PLC0415  # it makes a Fleet

        found = read_fleet(path)
        return found if runner is None else found.with_runner(runner)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tenants, in the order in which they were given."""
        return tuple(self._members)

    @property
    def sends_results(self) -> bool:
        """Whether other machines do the work, so that what it returns travels, and no secret may be in it."""
        return bool(getattr(self._runner, "sends_results", False))

    @property
    def references(self) -> dict[str, TenantReference]:
        """By name, the tenants that are not open already, as they were given."""
        return {name: each for name, each in self._members.items() if isinstance(each, TenantReference)}

    def only(self, names: Sequence[str]) -> Fleet:
        """Return a fleet of some of these tenants, in the order of `names`.

        Raises:
            ConfigurationError: there is no tenant of that name.
        """
        return self._with({name: self._member(name) for name in names}, self._runner, self._hooks)

    def with_runner(
        self, runner: Runner | Literal["threads", "dask"], *, address: str | distributed.Client | None = None
    ) -> Fleet:
        """Return the same tenants, for which another runner does the work.

        Args:
            runner: as for the constructor.
            address: as for the constructor.

        Raises:
            ConfigurationError: there is no such runner, or Dask is not installed.
            TypeError: it is none.
        """
        return self._with(self._members, chosen_runner(runner, address=address), self._hooks)

    @property
    def hooks(self) -> Mapping[str, tuple[Hook, ...]]:
        """By tenant, what runs once a client has a new key, where a call is given no hooks: those of a fleet file."""
        return self._hooks

    def with_hooks(self, hooks: Mapping[str, tuple[Hook, ...]]) -> Fleet:
        """Return the same tenants with these hooks, by tenant.

        Raises:
            ConfigurationError, TypeError: as for `rotate`.
        """
        from qlik_keys.lifecycle.hooks.definition import checked_hooks  # noqa: PLC0415  # for those who have hooks

        checked = {name: checked_hooks(each) for name, each in hooks.items()}
        return self._with(self._members, self._runner, checked)

    @contextmanager
    def connect(self, name: str) -> Iterator[tuple[QlikTenant, KeyStore]]:
        """Yield one of the tenants and its key store.

        Raises:
            ConfigurationError: there is no tenant of that name, or it has no login.
        """
        with self._member(name).connect() as sides:
            yield sides

    def each(
        self,
        work: TenantWork[Value],
        *,
        told: Callable[[str, object], None] = lambda _name, _what: None,
        cancel: threading.Event | None = None,
    ) -> TenantOutcomes[Value]:
        """Do the same work for each tenant, side by side; return what came of each, in the order of the names.

        Args:
            work: what is done for one tenant; see `TenantWork`.
            told: takes a tenant's name and what its work told on the way; called from any thread.
            cancel: when set, no further tenant is started, and the started ones stop between two steps.
        """
        cancel = cancel or threading.Event()
        return TenantOutcomes(self._runner.run(work, [*self._members.items()], told=told, cancel=cancel))

    def clients(
        self,
        *,
        consent: bool | None = None,
        usage: bool = False,
        on_progress: FleetProgress | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> Table:
        """Return the clients of all tenants, a row a client, in the order of the tenants.

        Args:
            consent: as for `clients`.
            usage: as for `clients`.
            on_progress: takes a tenant's name, and what `clients` tells of it; called from any thread.
            clock: says what now is.

        Returns:
            A DataFrame: "tenant", then the columns of `clients`. A tenant that could not be asked is a row without a
            client id, with the finding "tenant-not-asked". `attrs` has "time", "tenants" (by name, what `clients` has
            there) and "not_asked" (by name, "error", "message" and "hint").

        Raises:
            TypeError: an argument is of another type.

        Example:
            >>> table = fleet.clients()
            >>> table.groupby("tenant").size()  # doctest: +SKIP
        """
        from qlik_keys.fleet import overviews  # noqa: PLC0415  # brings pandas

        return overviews.clients(self, consent=consent, usage=usage, on_progress=on_progress, clock=clock)

    def audit(
        self,
        *,
        consent: bool | None = None,
        usage: bool = False,
        due_within: timedelta | None = None,
        on_progress: FleetProgress | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> Table:
        """Return the findings of all tenants, a row a finding, highest severity first.

        Args:
            consent: as for `clients`.
            usage: as for `audit`.
            due_within: as for `audit`.
            on_progress: as for `Fleet.clients`.
            clock: says what now is.

        Returns:
            A DataFrame: "tenant", then the columns of `audit`. A tenant that could not be asked is the finding
            "tenant-not-asked", whose meaning says why. `attrs` as for `Fleet.clients`.

        Raises:
            TypeError: an argument is of another type.
            ValueError: `due_within` is negative.

        Example:
            >>> found = fleet.audit()
            >>> found[found.severity <= "high"]  # doctest: +SKIP
        """
        from qlik_keys.fleet import overviews  # noqa: PLC0415  # brings pandas

        return overviews.audit(
            self, consent=consent, usage=usage, due_within=due_within, on_progress=on_progress, clock=clock
        )

    def report(self, *, since: date | datetime | None = None, clock: Clock = SYSTEM_CLOCK) -> Table:
        """Return who did what to clients and their keys on all tenants, and when, oldest first: for auditors.

        Args:
            since: as for `report`.
            clock: says what now is.

        Returns:
            A DataFrame: "tenant", then the columns of `report`. A tenant that could not be asked is the event
            "tenant-not-asked". `attrs` as for `Fleet.clients`, with "since" and "unknown".

        Raises:
            TypeError, ValueError: as `report`.

        Example:
            >>> fleet.report(since=date(2026, 10, 1)).to_csv("report.csv")  # doctest: +SKIP
        """
        from qlik_keys.fleet import overviews  # noqa: PLC0415  # brings pandas

        return overviews.report(self, since=since, clock=clock)

    def doctor(
        self, client: str, *, scopes: Iterable[str] = (), user: UserLookup | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> FleetDiagnosis:
        """Find out why a client cannot log in, on each tenant that has it.

        Args:
            client: its id or name; it is looked for on every tenant.
            scopes: as for `doctor`.
            user: as for `doctor`.
            clock: says when it was.

        Raises:
            ConfigurationError: no client is named.
            TypeError: an argument is of another type.

        Example:
            >>> print(fleet.doctor("nightly-etl").to_text())  # doctest: +SKIP
        """
        from qlik_keys.fleet import overviews  # noqa: PLC0415  # brings httpx

        return overviews.doctor(self, client, scopes=scopes, user=user, clock=clock)

    def _member(self, name: str) -> Connects:
        if name not in self._members:
            raise ConfigurationError(
                f"There is no tenant {name!r} in the fleet.", hint=f"There are: {', '.join(self._members)}."
            )
        return self._members[name]

    @staticmethod
    def _with(
        members: Mapping[str, Connects], runner: Runner, hooks: Mapping[str, tuple[Hook, ...]] | None = None
    ) -> Fleet:
        fleet = object.__new__(Fleet)
        fleet._members, fleet._runner, fleet._hooks, fleet.notices = dict(members), runner, hooks or {}, ()
        return fleet

    def __repr__(self) -> str:
        return f"<Fleet {', '.join(self._members)}>"


def _checked(name: str, given: object) -> Connects:
    if not isinstance(name, str):
        raise TypeError(f"a tenant's name must be text (str), not {type(name).__name__}")
    problem = name_problem(name)
    if problem:
        raise ConfigurationError(f"The name of a tenant {problem}.", hint="Give each tenant a name.")
    if isinstance(given, TenantReference):
        return given
    if isinstance(given, tuple) and len(given) == 2:  # noqa: PLR2004  # a pair
        tenant, store = given
        check_sides(tenant, store)
        return OpenTenant(tenant=tenant, store=store)
    raise TypeError(f"a tenant must be a TenantReference or a pair of a QlikTenant and a key store, not {type(given)}")
