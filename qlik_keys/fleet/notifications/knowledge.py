"""What the tenants of a fleet remember of what was told, each in its own store, or else in another tenant's.

A tenant that cannot be asked, and whose Vault cannot be read either, would be told at each run: no one would know that
it was told before. So the first tenant whose store can be written keeps it, until the own store can.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qlik_keys.errors import QlikKeysError
from qlik_keys.fleet.notifications.memory import Remembered, remember, remember_of_other

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.fleet.notifications.memory import Memory, ToldFinding

    Told = Mapping[str, tuple[str, ToldFinding]]


class Knowledge:
    """What was told about each tenant.

    Args:
        memories: where each tenant remembers, by its name.

    Attributes:
        forgetful: tenants of which nothing could be written down, with the error of their own store.
        elsewhere: tenants of which another one's store keeps it, with the name of that one.

    Raises:
        StoreError: no memory can be read.
    """

    def __init__(self, memories: Mapping[str, Memory]) -> None:
        self._memories = memories
        self._known: dict[str, Remembered] = {}
        self._problems: dict[str, QlikKeysError] = {}
        self.forgetful: dict[str, QlikKeysError] = {}
        self.elsewhere: dict[str, str] = {}
        for name, memory in memories.items():
            try:
                self._known[name] = memory.read()
            except QlikKeysError as problem:
                self._problems[name] = problem
        if self._problems and not self._known:
            raise next(iter(self._problems.values()))

    def of(self, tenant: str) -> Remembered:
        """Return what was told about a tenant, wherever that is remembered."""
        known = self._known.get(tenant) or Remembered()
        for host in self._hosts(tenant):
            if tenant in self._known[host].others:
                known = known.with_other(self._known[host].others[tenant])
        return known

    def note(self, tenant: str, destination: str, told: Told) -> None:
        """Write down what a destination knows now; a tenant of which no store takes it is noted.

        Args:
            tenant: what it is about.
            destination: the identity of the destination.
            told: by key, the hash of what was told and the finding.
        """
        changes = {key: change for key, (change, _) in told.items()}
        hosts = [each for each in self._hosts(tenant) if self._kept_at(each, tenant, destination) is not None]
        if tenant not in self._problems:
            try:
                if hosts or self._known[tenant].told.get(destination, {}) != changes:
                    self._known[tenant] = remember(self._memories[tenant], self._known[tenant], destination, told)
            except QlikKeysError as problem:
                self._problems[tenant] = problem
            else:
                self._forget_elsewhere(hosts, tenant, destination)
                return
        if not (told or hosts):
            return
        for host in [*hosts, *(each for each in self._hosts(tenant) if each not in hosts)]:
            if self._kept_at(host, tenant, destination) == changes:
                self.elsewhere[tenant] = host
                return
            with contextlib.suppress(QlikKeysError):  # the next one may take it
                known = self._known[host]
                self._known[host] = remember_of_other(self._memories[host], known, tenant, destination, told)
                self.elsewhere[tenant] = host
                return
        self.forgetful[tenant] = self._problems[tenant]

    def _hosts(self, tenant: str) -> list[str]:
        """Return the other tenants whose stores can be read."""
        return [each for each in self._known if each != tenant]

    def _kept_at(self, host: str, tenant: str, destination: str) -> Mapping[str, str] | None:
        other = self._known[host].others.get(tenant)
        return None if other is None else other.told.get(destination)

    def _forget_elsewhere(self, hosts: list[str], tenant: str, destination: str) -> None:
        for host in hosts:
            with contextlib.suppress(QlikKeysError):  # at worst the end of a finding is told again
                known = self._known[host]
                self._known[host] = remember_of_other(self._memories[host], known, tenant, destination, None)
