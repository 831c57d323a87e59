"""What a fleet offers for many clients: `Fleet` inherits it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.fleet.many.side_by_side import DEFAULT_WORKERS

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import datetime

    from qlik_keys.core.clock import Clock
    from qlik_keys.fleet.many.operations import OperationOnMany
    from qlik_keys.fleet.many.plan import FleetPlan
    from qlik_keys.fleet.many.results import FleetResults
    from qlik_keys.fleet.selection import Selection
    from qlik_keys.fleet.tenants import Fleet
    from qlik_keys.lifecycle.many import FleetResult


class WorksOnMany:
    """Plans and runs operations on many clients of the tenants of a fleet."""

    def plan(
        self,
        operation: OperationOnMany,
        selection: Selection | None = None,
        *,
        made_before: datetime | None = None,
        clock: Clock = SYSTEM_CLOCK,
        **options: Any,
    ) -> FleetPlan:
        """Return what an operation on many clients would do; nothing is changed, and no key is read.

        Args:
            operation: "rotate", "retire", "adopt", "trust", "revoke" or "resume".
            selection: which clients are meant; "rotate", "adopt" and "revoke" need a criterion, "resume" takes none.
            made_before: of "revoke": a key that was made at this moment or later is replaced already. Give the moment
                of the order, and the same one again after an interruption, so that no client is done twice.
            clock: time.
            **options: the operation's own arguments, e.g. `overlap` for "rotate".

        Raises:
            ConfigurationError: a criterion is missing or contradicts another one, or a value is out of bounds.
            TypeError: the operation has no such option, or a value is of another type.
            ValueError: `made_before` has no time zone.

        Example:
            >>> print(fleet.plan("rotate", Selection(due=True, within=timedelta(days=14))).to_text())  # doctest: +SKIP
        """
        from qlik_keys.fleet.many.over_tenants import ALL, plan_many  # noqa: PLC0415  # only where it is called for

        chosen = ALL if selection is None else selection
        return plan_many(cast("Fleet", self), operation, chosen, made_before=made_before, clock=clock, **options)

    def run(
        self,
        operation: OperationOnMany | FleetPlan,
        selection: Selection | None = None,
        *,
        made_before: datetime | None = None,
        workers: int = DEFAULT_WORKERS,
        on_client: Callable[[FleetResult], None] | None = None,
        cancel: threading.Event | None = None,
        clock: Clock = SYSTEM_CLOCK,
        **options: Any,
    ) -> FleetResults:
        """Do an operation on many clients, tenants and clients side by side; called again, it goes on.

        Args:
            operation: as for `plan`, or what `plan` returned: then that is done, and no more.
            selection: as for `plan`.
            made_before: as for `plan`.
            workers: how many clients of a tenant at a time.
            on_client: told of each client when it is done, from several threads.
            cancel: when set, no further client is started, and the started ones stop between two steps.
            clock: time.
            **options: as for `plan`.

        Returns:
            One entry a client; a notebook shows them as a table.

        Raises:
            FleetError: some failed, or a tenant could not be asked; its `results` has all. The others were done.
            Interrupted: cancelled.
            ConfigurationError, TypeError, ValueError: as `plan`, or there is no worker.
        """
        from qlik_keys.fleet.many.over_tenants import ALL, as_plan, run_plan  # noqa: PLC0415  # only where it is called for

        chosen = ALL if selection is None else selection
        plan = as_plan(cast("Fleet", self), operation, chosen, made_before=made_before, clock=clock, **options)
        return run_plan(cast("Fleet", self), plan, workers=workers, on_client=on_client, cancel=cancel, clock=clock)

    def rotate_due(
        self,
        *,
        on_client: Callable[[FleetResult], None] | None = None,
        cancel: threading.Event | None = None,
        **options: Any,
    ) -> FleetResults:
        """Rotate the clients of all tenants whose keys are due.

        Args:
            on_client: told of each client when it is done, from several threads.
            cancel: when set, each run stops between two steps.
            **options: those of `qlik_keys.rotate_due`: before, overlap, allow_swap, hooks, workers, clock.

        Raises:
            FleetError, Interrupted, ConfigurationError, TypeError, ValueError: as `qlik_keys.rotate_due`.
        """
        from qlik_keys.fleet.many.over_tenants import over_tenants  # noqa: PLC0415  # only where it is called for
        from qlik_keys.fleet.many.work import RotateDue  # noqa: PLC0415

        fleet, work = cast("Fleet", self), RotateDue(options=options, hooks=cast("Fleet", self).hooks)
        failed = "clients could not be rotated."
        return over_tenants(fleet, work, fleet.names, failed=failed, on_client=on_client, cancel=cancel)

    def retire_due(self, selection: Selection | None = None, *, force: bool = False, **told: Any) -> FleetResults:
        """Remove the old keys whose overlap is over, of all tenants.

        Args:
            selection: as for `plan`.
            force: also those whose overlap is not over.
            **told: workers, on_client, cancel and clock, as for `run`.

        Raises:
            FleetError, Interrupted, ConfigurationError, TypeError, ValueError: as `run`.
        """
        return self.run("retire", selection, force=force, **told)

    def resume(self, **told: Any) -> FleetResults:
        """Finish whatever was interrupted, at all tenants; each result has what it was as `resumed`.

        Args:
            **told: hooks and drop_hooks, as for `qlik_keys.resume`; on_client, cancel and clock, as for `run`.

        Raises:
            FleetError, Interrupted, TypeError: as `run`.
        """
        return self.run("resume", **told)
