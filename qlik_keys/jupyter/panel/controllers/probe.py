"""The probe of the tab "Connect": what the tenant does where Qlik's public documents leave it open."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from qlik_keys.jupyter.panel.model.state import ProbeState
from qlik_keys.jupyter.panel.model.words import counted

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.clients import Parts


class ProbeController:
    """The probe of the connected tenant.

    Args:
        parts: what every controller works with.
    """

    def __init__(self, parts: Parts) -> None:
        self._store, self._work, self._connection, self._clients = parts

    def plan(self) -> None:
        """Show what a probe would do, which `start` then does."""
        self._work.run("Planning the probe", self._plan, at="probe")

    def discard(self) -> None:
        """Remove the plan; nothing is done."""
        self._store.update("probe", plan="")

    def start(self, *, read_only: bool = False, wait: bool = False) -> None:
        """Probe the tenant.

        Args:
            read_only: make no client, and measure what needs none.
            wait: return when it is done, and raise its error.
        """
        task = functools.partial(self._start, read_only=read_only)
        self._work.run("Probing the tenant", task, at="probe", wait=wait)

    def _plan(self) -> None:
        from qlik_keys.diagnosis.probe.run import what_it_does  # noqa: PLC0415  # brings httpx

        tenant, _ = self._connection.connected()
        self._store.set(probe=ProbeState(plan=what_it_does(tenant.host)))

    def _start(self, *, read_only: bool) -> None:
        from qlik_keys.diagnosis.probe import probe  # noqa: PLC0415  # brings httpx

        tenant, key_store = self._connection.connected()
        self._store.set(probe=ProbeState())
        report = probe(
            tenant,
            key_store,
            confirm="" if read_only else tenant.host,
            read_only=read_only,
            on_look=lambda question, done, total: self._work.report(
                f"Probing the tenant: {question} ({done + 1} of {total})"
            ),
            cancel=self._work.steps.cancelled,
            clock=self._work.clock,
        )
        self._store.set(probe=ProbeState(report=report.to_text()))
        different = ", ".join(one.name for one in report.differences)
        looked = counted(len(report.observations), "answer")
        words = (
            f"{looked}, all as expected."
            if not different
            else f"{looked}; different from what is expected: {different}."
        )
        self._work.result(words, kind="warning" if different else "good")
