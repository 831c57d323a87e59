"""Which clients of a tenant an operation on many is for: a pure match on what a listing and the store's summaries tell.

A selection has two kinds of criteria. *Who* it is about stays the same while the operation works: `clients`,
`name_pattern`, `scopes`. *How it stands* changes once the operation is done, so that a client is not done twice:
`due`, `older_than`, `findings`, `secret_only`. A client whose operation was interrupted is told by the first kind
alone: in the middle of an operation the second kind may no longer fit, and the client would be forgotten.

Not done here: asking tenant or store (`fleet.many.candidates`, which asks only for what a selection needs).
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from qlik_keys.core.arguments import DURATION, FLAG, TEXT, optional, require, texts
from qlik_keys.core.durations import format_duration
from qlik_keys.errors import ConfigurationError
from qlik_keys.rules.catalogue import FINDINGS

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """What is known of a client without reading its keys; what was not asked for is None.

    Attributes:
        client_id: its id.
        name: its name.
        scopes: what it may have.
        findings: the names of what the audit says of it.
        key_made: when its current key was made, UTC.
        rotate_by: when that key should be replaced, UTC.
        serves: how long the key after it will serve, where a fleet file declares it.
        by_secret_alone: it is a machine that logs in by a client secret and has no key.
    """

    client_id: str
    name: str = ""
    scopes: tuple[str, ...] | None = None
    findings: tuple[str, ...] | None = None
    key_made: datetime | None = None
    rotate_by: datetime | None = None
    serves: timedelta | None = None
    by_secret_alone: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which clients are meant: those that every given criterion fits; of several values of one, any.

    Attributes:
        clients: ids or names.
        name_pattern: a shell pattern that the whole name fits, in its case: "etl-*".
        scopes: a client that has one of these.
        findings: codes or names of the audit: a client that has one of these.
        due: the key's `rotate_by` has passed.
        within: with `due`: also what is due within this time from now; of a client whose declared keys serve for less
            than twice this time, what is in the second half of its time. Otherwise each run would rotate it again.
        older_than: the current key was made longer ago than this.
        secret_only: machines that log in by a client secret and have no key.

    Raises:
        ConfigurationError: a criterion contradicts another one, is out of bounds, or there is no such finding.
        TypeError: a value is of another type.

    Example:
        >>> Selection(name_pattern="etl-*", due=True, within=timedelta(days=14)).to_text()
        'due within 14d, named etl-*'
    """

    clients: tuple[str, ...] = ()
    name_pattern: str = ""
    scopes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    due: bool = False
    within: timedelta = timedelta(0)
    older_than: timedelta | None = None
    secret_only: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself; have findings by their names."""
        require(TEXT, name_pattern=self.name_pattern)
        require(FLAG, due=self.due, secret_only=self.secret_only)
        require(DURATION, within=self.within)
        optional(DURATION, older_than=self.older_than)
        for name in ("clients", "scopes", "findings"):
            object.__setattr__(self, name, tuple(dict.fromkeys(texts(name, getattr(self, name)))))
        object.__setattr__(self, "findings", tuple(dict.fromkeys(_finding_named(each) for each in self.findings)))
        if not all(each.strip() for each in (*self.clients, *self.scopes)):
            raise ConfigurationError("A client or a scope of the selection is empty.", hint="Leave it out.")
        if self.within and not self.due:
            raise ConfigurationError("`within` is an addition to `due`.", hint="Give `due` as well.")
        if self.due and self.older_than is not None:
            raise ConfigurationError("`due` and `older_than` are both given.", hint="Give one of the two.")
        if min(self.within, self.older_than or timedelta(0)) < timedelta(0):
            raise ConfigurationError("A duration of the selection is negative.", hint="Give it as 0 or more.")

    @property
    def is_empty(self) -> bool:
        """Whether there is no criterion: every client is meant."""
        return not (self.clients or self.name_pattern or self.scopes or self.has_state)

    @property
    def has_state(self) -> bool:
        """Whether there is a criterion that an operation may change: after it, the client is no longer selected."""
        return self.has_age or bool(self.findings) or self.secret_only

    @property
    def has_age(self) -> bool:
        """Whether there is a criterion of the key's age."""
        return self.due or self.older_than is not None

    def is_about(self, client: ClientFacts) -> bool:
        """Tell whether the client is one of those that are meant, however it stands."""
        named = not self.clients or client.client_id in self.clients or client.name in self.clients
        pattern = not self.name_pattern or fnmatch.fnmatchcase(client.name, self.name_pattern)
        scopes = not self.scopes or not set(self.scopes).isdisjoint(client.scopes or ())
        return named and pattern and scopes

    def is_of_age(
        self, *, key_made: datetime | None, rotate_by: datetime | None, now: datetime, serves: timedelta | None = None
    ) -> bool:
        """Tell whether a key is due by its age; a client without a key has nothing to replace.

        Args:
            key_made: as in `ClientFacts`.
            rotate_by: likewise.
            now: the time, UTC.
            serves: as in `ClientFacts`.
        """
        within = self.within if serves is None else min(self.within, serves / 2)
        if self.due and (rotate_by is None or rotate_by > now + within):
            return False
        return self.older_than is None or (key_made is not None and key_made < now - self.older_than)

    def fits(self, client: ClientFacts, now: datetime) -> bool:
        """Tell whether every criterion fits.

        Args:
            client: with everything that the criteria need.
            now: the time, UTC.
        """
        if not self.is_about(client):
            return False
        if self.findings and set(self.findings).isdisjoint(client.findings or ()):
            return False
        if self.secret_only and not client.by_secret_alone:
            return False
        return self.is_of_age(key_made=client.key_made, rotate_by=client.rotate_by, now=now, serves=client.serves)

    def to_text(self) -> str:
        """Return the criteria for people; "all clients" where there is none."""
        parts = []
        if self.due:
            parts.append(f"due within {format_duration(self.within)}" if self.within else "due")
        if self.older_than is not None:
            parts.append(f"with a key older than {format_duration(self.older_than)}")
        if self.secret_only:
            parts.append("that log in by secret alone")
        if self.clients:
            parts.append(f"{len(self.clients)} named" if len(self.clients) > 1 else self.clients[0])
        if self.name_pattern:
            parts.append(f"named {self.name_pattern}")
        if self.scopes:
            parts.append(f"with the scope {' or '.join(self.scopes)}")
        if self.findings:
            parts.append(f"with the finding {' or '.join(self.findings)}")
        return ", ".join(parts) or "all clients"


def _finding_named(text: str) -> str:
    """Return the name of the finding with that code or name.

    Raises:
        ConfigurationError: there is none.
    """
    wanted = text.strip()
    for name, rule in FINDINGS.items():
        if wanted.lower() == name or wanted.upper() == rule.code:
            return name
    raise ConfigurationError(
        f"There is no finding {wanted!r}.",
        hint="`qlik-keys audit` shows the codes and names of findings.",
    )
