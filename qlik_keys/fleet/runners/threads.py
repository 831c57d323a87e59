"""Tenants side by side in threads of this process: they wait for the network, not for the processor."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from qlik_keys.core.arguments import WHOLE_NUMBER, require
from qlik_keys.errors import Interrupted, QlikKeysError
from qlik_keys.fleet.runners.base import TenantOutcome

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from qlik_keys.fleet.runners.base import Connects, TenantWork, Value

TENANTS_AT_ONCE = 128


class ThreadRunner:
    """Does the work in threads.

    Args:
        tenants_at_once: for how many tenants at a time, at least 1.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is less than 1.
    """

    def __init__(self, tenants_at_once: int = TENANTS_AT_ONCE) -> None:
        require(WHOLE_NUMBER, tenants_at_once=tenants_at_once)
        if tenants_at_once < 1:
            raise ValueError(f"tenants_at_once must be 1 or more, not {tenants_at_once}")
        self._at_once = tenants_at_once

    def run(
        self,
        work: TenantWork[Value],
        members: Sequence[tuple[str, Connects]],
        *,
        told: Callable[[str, object], None],
        cancel: threading.Event,
    ) -> list[TenantOutcome[Value]]:
        """Return what came of each tenant; see `Runner.run`."""

        def one(member: tuple[str, Connects]) -> TenantOutcome[Value]:
            return outcome_of(work, *member, told=functools.partial(told, member[0]), cancel=cancel)

        with ThreadPoolExecutor(min(self._at_once, max(1, len(members)))) as pool:
            try:
                return list(pool.map(one, members))
            except BaseException:
                cancel.set()  # an interrupt: the pool waits for what has started, which now stops between two steps
                raise


def outcome_of(
    work: TenantWork[Value],
    name: str,
    member: Connects,
    *,
    told: Callable[[object], None],
    cancel: threading.Event,
) -> TenantOutcome[Value]:
    """Connect to one tenant and do the work there; what fails is part of the outcome."""
    if cancel.is_set():
        return TenantOutcome(tenant=name, error=Interrupted("Cancelled before this tenant was started."))
    try:
        with member.connect() as (tenant, store):
            value = work(name, tenant, store, told=told, cancel=cancel)
    except QlikKeysError as problem:
        return TenantOutcome(tenant=name, error=problem)
    return TenantOutcome(tenant=name, value=value)
