"""Sending what is new, changed or gone: audit, compare with what was told, send, remember."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from qlik_keys.core.arguments import FLAG, TEXT, optional, require, texts
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.fleet.notifications.destinations import destinations_of
from qlik_keys.fleet.notifications.knowledge import Knowledge
from qlik_keys.fleet.notifications.memory import FleetMemory, StoreMemory
from qlik_keys.fleet.notifications.messages import Message, message_of, news_of
from qlik_keys.inventory.audit import audit
from qlik_keys.inventory.formats.rows import attrs_by_tenant, found_rows, require_audit, tenants_of
from qlik_keys.rules.catalogue import finding_named
from qlik_keys.rules.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from qlik_keys.core.clock import Clock
    from qlik_keys.core.secret import Secret
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.fleet.notifications.destinations import Destination
    from qlik_keys.fleet.notifications.memory import Memory, ToldFinding
    from qlik_keys.fleet.notifications.messages import News
    from qlik_keys.fleet.tenants import Fleet
    from qlik_keys.inventory.formats.rows import AuditTable, FoundRow
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of one destination.

    Attributes:
        destination: its place among the URLs, from 1.
        service: the service's name, for example "Slack".
        new: how many findings it was told first.
        changed: how many changes.
        gone: how many that are no more.
        message: what was sent, or would be; None where there is nothing to tell.
        sent: the service has accepted it.
        reason: why it was not sent, "" where it was, or where nothing was to be.
    """

    destination: int
    service: str
    new: int
    changed: int
    gone: int
    message: Message | None = None
    sent: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """What became of all.

    Attributes:
        deliveries: one a destination.
        forgetful: tenants whose store did not take what was told, with the error: it will be told again.
        elsewhere: tenants whose own store could not be read or written, with the tenant in whose store it is kept what
            was told about them: it is not told again.
    """

    deliveries: Sequence[Delivery]
    forgetful: Mapping[str, QlikKeysError] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def failures(self) -> list[Delivery]:
        """The deliveries that failed."""
        return [each for each in self.deliveries if each.reason]


def notify(
    tenant: QlikTenant,
    store: KeyStore,
    urls: Iterable[str | Secret],
    *,
    only: Iterable[str] = (),
    severity: str | None = None,
    usage: bool = False,
    due_within: timedelta | None = None,
    dry_run: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> Notified:
    """Audit a tenant, and send what a destination was not told yet: what is new, what has changed, what is gone.

    Each destination gets one message, the first time with all findings. What was accepted is remembered in the store,
    so a finding is told once, whichever machine runs this; a program that is killed in between tells it again.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are, and what was told.
        urls: apprise's URLs, each a secret; from a variable or a file, never written in a notebook.
        only: codes or names of findings; none for all.
        severity: the least severity that is told.
        usage: as for `audit`.
        due_within: as for `audit`.
        dry_run: send and remember nothing; the result has the messages.
        clock: says what now is.

    Raises:
        ConfigurationError: apprise is not installed, or a URL is none; it is not quoted.
        TenantError, StoreError: one of them could not be asked; nothing was sent.
        TypeError, ValueError: an argument is of another type, or no severity.

    Example:
        >>> qk.notify(tenant, store, os.environ["QLIK_KEYS_NOTIFY"].split(), severity="high")  # doctest: +SKIP
    """
    destinations = destinations_of(urls)
    del urls
    chosen = _Chosen.of(only, severity)
    found = audit(tenant, store, usage=usage, due_within=due_within, clock=clock)
    memories = {each: StoreMemory(tenant, store) for each in tenants_of(found)}
    return notify_found(found, memories, destinations, only=chosen.names, severity=severity, dry_run=dry_run)


def notify_fleet(
    found: AuditTable,
    fleet: Fleet,
    urls: Iterable[str | Secret],
    *,
    only: Iterable[str] = (),
    severity: str | None = None,
    dry_run: bool = False,
) -> Notified:
    """Send the findings of several tenants, one message a destination; see `notify`.

    Args:
        found: an audit with a column "tenant".
        fleet: the tenants of that column; each remembers in its own store.
        urls: as for `notify`.
        only: as for `notify`.
        severity: as for `notify`.
        dry_run: as for `notify`.

    Raises:
        ConfigurationError: as for `notify`.
        StoreError: no tenant's store could be asked; nothing was sent.
        TypeError, ValueError: an argument is of another type.
    """
    memories = {name: FleetMemory(fleet, name) for name in fleet.names}
    return notify_found(found, memories, destinations_of(urls), only=only, severity=severity, dry_run=dry_run)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Which findings are told."""

    names: tuple[str, ...]
    codes: frozenset[str]
    severities: frozenset[str]

    @classmethod
    def of(cls, only: Iterable[str], severity: str | None) -> _Chosen:
        optional(TEXT, severity=severity)
        if severity is not None and severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, not {severity!r}")
        rules = [finding_named(each) for each in texts("only", only)]
        kept = SEVERITIES if severity is None else SEVERITIES[: SEVERITIES.index(severity) + 1]
        return cls(tuple(rule.name for rule in rules), frozenset(rule.code for rule in rules), frozenset(kept))

    def has(self, told: ToldFinding) -> bool:
        return told.severity in self.severities and (not self.codes or told.code in self.codes)


def notify_found(
    found: AuditTable,
    memories: Mapping[str, Memory],
    destinations: Sequence[Destination],
    *,
    only: Iterable[str] = (),
    severity: str | None = None,
    dry_run: bool = False,
) -> Notified:
    """Send the findings of an audit of one or several tenants; see `notify`.

    Args:
        found: the audit, whole: what is not wanted is left out by `only` and `severity`.
        memories: where each tenant remembers, by its name in the column "tenant", or by its host without that column.
        destinations: where it goes.
        only: as for `notify`.
        severity: as for `notify`.
        dry_run: as for `notify`.

    Raises:
        StoreError: no tenant's memory could be read; nothing was sent.
        TypeError, ValueError: an argument is of another type, or the table is no audit.
    """
    require_audit(found)
    require(FLAG, dry_run=dry_run)
    chosen = _Chosen.of(only, severity)
    knowledge = Knowledge(memories)
    rows: dict[str, list[FoundRow]] = {name: [] for name in memories}
    for row in found_rows(found):
        rows.setdefault(row.tenant, []).append(row)
    attrs = dict(attrs_by_tenant(found))
    deliveries = []
    for destination in destinations:
        news = [
            news_of(
                name,
                rows[name],
                knowledge.of(name),
                destination.identity,
                is_wanted=chosen.has,
                attrs=attrs.get(name, {}),
            )
            for name in rows
        ]
        delivery = _delivered(destination, news, dry_run=dry_run)
        deliveries.append(delivery)
        if not dry_run and not delivery.reason:
            for each in news:
                knowledge.note(each.tenant, destination.identity, each.knows)
    return Notified(deliveries=deliveries, forgetful=knowledge.forgetful, elsewhere=knowledge.elsewhere)


def _delivered(destination: Destination, news: Sequence[News], *, dry_run: bool) -> Delivery:
    """Send one message about all that is to be told, if there is anything."""
    delivery = Delivery(
        destination=destination.number,
        service=destination.service,
        new=sum(len(each.new) for each in news),
        changed=sum(len(each.changed) for each in news),
        gone=sum(len(each.gone) for each in news),
    )
    if all(each.is_empty for each in news):
        return delivery
    message = message_of(news)
    if dry_run:
        return replace(delivery, message=message)
    reason = destination.deliver(message.title, message.body, message.kind)
    return replace(delivery, message=message, sent=not reason, reason=reason)
