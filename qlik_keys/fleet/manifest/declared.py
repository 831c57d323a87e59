"""A fleet as it is declared: each client with what its group and the defaults say, ready to be compared and applied.

The values are picklable and hold no secret: they travel to the workers of a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.tenants import Fleet
from qlik_keys.keystore.declarations import Declaration
from qlik_keys.lifecycle.provisioning.specification import CLIENT_SECRET, PRIVATE_KEY_JWT
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS, IMPERSONATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta
    from pathlib import Path
    from typing import Literal

    from qlik_keys.core.clock import Clock
    from qlik_keys.fleet.manifest.applying.results import Applied, AppliedChange
    from qlik_keys.fleet.manifest.comparing.changes import ManifestPlan
    from qlik_keys.fleet.references import TenantReference
    from qlik_keys.keys import KeySpec
    from qlik_keys.keystore.base import Custody
    from qlik_keys.lifecycle.hooks.definition import Hook

_METHODS = {"private-key-jwt": PRIVATE_KEY_JWT, "client-secret": CLIENT_SECRET}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredClient:
    """A client as it should be. What is None is not declared: it is left as it is.

    Attributes:
        name: its name.
        tenants: on which tenants, by their names in the file.
        scopes: what it may ask tokens for, sorted.
        key: the kind of its key.
        custody: who holds its key.
        methods: how it may log in, sorted, as the tenant names it ("private_key_jwt", "client_secret").
        consent: its consent method.
        impersonation: whether it may ask for tokens of users.
        description: shown in Qlik's console.
        rotate_after: how long a key should serve.
        overlap: how long the old key goes on at a rotation.
        owner: who answers for it.
        tags: labels, sorted.
        hooks: names of the hooks that it names.
    """

    name: str
    tenants: tuple[str, ...]
    scopes: tuple[str, ...]
    key: KeySpec | None = None
    custody: Custody | None = None
    methods: tuple[str, ...] | None = None
    consent: Literal["trusted", "required"] | None = None
    impersonation: bool | None = None
    description: str | None = None
    rotate_after: timedelta | None = None
    overlap: timedelta | None = None
    owner: str | None = None
    tags: tuple[str, ...] | None = None
    hooks: tuple[str, ...] = ()

    @property
    def has_key(self) -> bool:
        """Whether it should log in by a key; where the file does not say, a new client does."""
        return self.methods is None or PRIVATE_KEY_JWT in self.methods

    @property
    def has_secret(self) -> bool:
        """Whether it should log in by a client secret; where the file does not say, a new client does not."""
        return self.methods is not None and CLIENT_SECRET in self.methods

    @property
    def grant_types(self) -> tuple[str, ...] | None:
        """What it may ask tokens for, None where the file does not say."""
        if self.impersonation is None:
            return None
        return (CLIENT_CREDENTIALS, IMPERSONATION) if self.impersonation else (CLIENT_CREDENTIALS,)

    def mark(self, fleet: str, there: Declaration | None) -> Declaration:
        """Return the mark that its record should have.

        Args:
            fleet: the name of the fleet.
            there: the mark that it has; what the file does not say is kept of it.
        """
        kept = Declaration(fleet=fleet) if there is None else there
        return Declaration(
            fleet=fleet,
            owner=kept.owner if self.owner is None else self.owner,
            tags=kept.tags if self.tags is None else self.tags,
            overlap_seconds=kept.overlap_seconds if self.overlap is None else int(self.overlap.total_seconds()),
            awaits_secret=kept.awaits_secret and self.has_secret,
        )


def methods_of(written: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return methods as the tenant names them, of those of the file."""
    return None if written is None else tuple(sorted({_METHODS[each] for each in written}))


def methods_text(methods: tuple[str, ...]) -> list[str]:
    """Return methods as the file names them, of those of the tenant that it has a name for."""
    return [written for written, known in _METHODS.items() if known in methods]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A fleet file that was read: tenants, and the clients that should be on them.

    Attributes:
        fleet: the fleet's name, which marks its clients in the key stores; "" for a file without clients.
        tenants: where each tenant is and how to log in, by its name.
        clients: the clients.
        hooks: by tenant, what runs once a client has a new key.

    Example:
        >>> manifest = Manifest.from_file("qlik-keys.yaml")  # doctest: +SKIP
        >>> print(manifest.plan().to_text())  # doctest: +SKIP
        >>> manifest.apply().to_dict()  # doctest: +SKIP
    """

    fleet: str
    tenants: Mapping[str, TenantReference]
    clients: tuple[DeclaredClient, ...] = field(default=(), repr=False)
    hooks: Mapping[str, tuple[Hook, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_file(cls, path: str | Path) -> Manifest:
        """Read a fleet file.

        Raises:
            ManifestError: the file has mistakes; its `problems` has each with line and column.
            ConfigurationError: it cannot be read.
        """
        from qlik_keys.fleet.manifest.reading import read_manifest  # noqa: PLC0415  # it reads into this class

        return read_manifest(path)

    def on(self, tenant: str) -> tuple[DeclaredClient, ...]:
        """Return the clients that are declared on a tenant, in the order of the file."""
        return tuple(client for client in self.clients if tenant in client.tenants)

    def fleet_of_tenants(self) -> Fleet:
        """Return the tenants as a `Fleet`, with the file's hooks."""
        fleet = Fleet(self.tenants)
        return fleet.with_hooks(self.hooks) if any(self.hooks.values()) else fleet

    def plan(
        self,
        fleet: Fleet | None = None,
        *,
        consent: bool | None = None,
        take_over: str = "",
        clock: Clock | None = None,
    ) -> ManifestPlan:
        """Compare the file with what is there, and return the difference; nothing is changed.

        Args:
            fleet: the tenants, if they are open already; by default those of the file.
            consent: look up each client's consent method, which takes a request per client; by default only where
                a tenant has at most 1,000 declared clients.
            take_over: the former name of this fleet, or that of a fleet that gives clients away: its clients that this
                file declares become clients of this fleet.
            clock: says what now is.

        Raises:
            ConfigurationError: the file declares no client, the fleet lacks one of its tenants, or two names are for
                one tenant.
        """
        from qlik_keys.fleet.manifest.run import plan_fleet  # noqa: PLC0415  # brings the operations

        return plan_fleet(self, self._checked(fleet), consent=consent, take_over=take_over, clock=clock)

    def apply(
        self,
        fleet: Fleet | None = None,
        *,
        plan: ManifestPlan | None = None,
        prune: bool = False,
        adopt: bool = False,
        take_over: str = "",
        same_fleet: bool = False,
        on_change: Callable[[AppliedChange], None] | None = None,
        clock: Clock | None = None,
    ) -> Applied:
        """Make what is there what the file says; applied again, nothing is changed.

        Clients are done several at a time, tenants side by side. One that fails stops no other.

        Args:
            fleet: as for `plan`.
            plan: what was shown: nothing is done to a client that has no part in it. By default the plan of now.
            prune: delete the clients that the file declared before and declares no longer. This cannot be undone.
            adopt: give a key to the clients of a declared name that qlik_keys does not manage.
            take_over: as for `plan`.
            same_fleet: go on where most clients with the mark of this fleet are not in the file
                (`ManifestPlan.doubts`). Without it nothing is deleted there, and nothing is done at all where the
                file has none of them.
            on_change: told of each change that was done or failed, a new client secret with it; called from any thread.
            clock: time.

        Returns:
            What was done, what failed, and what is left; a new client secret is in it, once.

        Raises:
            ConfigurationError: as `plan`; or a cluster does the work, and a client has the method client-secret.
        """
        from qlik_keys.fleet.manifest.run import apply_fleet  # noqa: PLC0415  # brings the operations

        return apply_fleet(
            self,
            self._checked(fleet),
            shown=plan,
            work={"prune": prune, "adopt": adopt, "take_over": take_over, "same_fleet": same_fleet},
            on_change=on_change,
            clock=clock,
        )

    def _checked(self, fleet: Fleet | None) -> Fleet:
        if not self.clients and not self.fleet:
            raise ConfigurationError(
                "The fleet file declares no clients.", hint="Add `fleet:` with a name, and the section `clients:`."
            )
        return self.fleet_of_tenants() if fleet is None else fleet.only([*self.tenants])
