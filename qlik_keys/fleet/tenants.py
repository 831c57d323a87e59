"""Several tenants at once, each with its login and its key store."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qlik_keys.core.names import name_problem
from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.references import TenantReference
from qlik_keys.fleet.runners.threads import ThreadRunner
from qlik_keys.keystore.lookup import check_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from qlik_keys.fleet.runners.base import Connects, Runner, TenantOutcome, TenantWork, Value
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTenant:
    """A tenant and a key store that are open already; whoever opened them closes them.

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


class Fleet:
    """Tenants by name, each with its login and its key store.

    Args:
        tenants: by name, a `TenantReference`, or a pair of a `QlikTenant` and a key store, which stay open.
        runner: who does the work; by default threads of this process.

    Raises:
        ConfigurationError: there is no tenant, or a name is none.
        TypeError: a tenant is neither.

    Example:
        >>> fleet = Fleet({"test": TenantReference(url="https://acme-test.eu.qlikcloud.com", login_client="rotation")})
        >>> fleet.names
        ('test',)
    """

    def __init__(
        self,
        tenants: Mapping[str, TenantReference | tuple[QlikTenant, KeyStore]],
        *,
        runner: Runner | None = None,
    ) -> None:
        if not tenants:
            raise ConfigurationError("The fleet has no tenants.", hint="Name at least one.")
        self._members: dict[str, Connects] = {name: _checked(name, each) for name, each in tenants.items()}
        self._runner: Runner = ThreadRunner() if runner is None else runner

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

    def only(self, names: Sequence[str]) -> Fleet:
        """Return a fleet of some of these tenants, in the order of `names`.

        Raises:
            ConfigurationError: there is no tenant of that name.
        """
        return self._with({name: self._member(name) for name in names}, self._runner)

    def with_runner(self, runner: Runner) -> Fleet:
        """Return the same tenants, for which another runner does the work."""
        return self._with(self._members, runner)

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
    ) -> list[TenantOutcome[Value]]:
        """Do the same work for each tenant, side by side; return what came of each, in the order of the names.

        Args:
            work: what is done for one tenant; see `TenantWork`.
            told: takes a tenant's name and what its work told on the way; called from any thread.
            cancel: when set, no further tenant is started, and the started ones stop between two steps.
        """
        cancel = cancel or threading.Event()
        return self._runner.run(work, [*self._members.items()], told=told, cancel=cancel)

    def _member(self, name: str) -> Connects:
        if name not in self._members:
            raise ConfigurationError(
                f"There is no tenant {name!r} in the fleet.", hint=f"There are: {', '.join(self._members)}."
            )
        return self._members[name]

    @staticmethod
    def _with(members: Mapping[str, Connects], runner: Runner) -> Fleet:
        fleet = object.__new__(Fleet)
        fleet._members, fleet._runner = dict(members), runner
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
