"""What a worker of a Dask cluster does for one tenant.

It takes and returns plain texts and bytes, so that neither the scheduler nor a log shows more than names. Two leases of
Dask (`distributed.Semaphore`, which a process that is gone loses after `distributed.scheduler.locks.lease-timeout`)
order the work: the worker holds that of the tenant, so that no other works on it at the same time, and the process that
asked holds that of its run: once it gives it up or dies, the work stops between two steps.

Not done here: sending the work, and what becomes of a worker's answer (`fleet.runners.dask`).
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from distributed import Semaphore, get_worker

from qlik_keys.core.version import __version__
from qlik_keys.errors import ClusterError, ConfigurationError, Interrupted, Outcome, PartlyFailed, QlikKeysError
from qlik_keys.fleet.runners.base import TenantOutcome
from qlik_keys.fleet.runners.threads import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlik_keys.fleet.references import TenantReference
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

# The topic of the cluster's events to which the works of all runs tell what happens on the way.
TOPIC = "qlik_keys"
POLL_SECONDS = 0.5

_logger = logging.getLogger(__name__)


def lease_of_run(run: str) -> str:
    """Return the name of the lease that the process that asked holds while it waits."""
    return f"qlik_keys-run-{run}"


def lease_of_tenant(host: str) -> str:
    """Return the name of the lease that a worker holds while it works on a tenant."""
    return f"qlik_keys-tenant-{host}"


def do_tenant(version: str, run: str, name: str, packed: bytes, is_retried: bool, /) -> bytes:  # noqa: FBT001  # of a pickle
    """Do the work for one tenant, and return its `TenantOutcome`, pickled.

    Args:
        version: the version of qlik_keys that asks.
        run: the id of the run.
        name: the tenant's name in the fleet.
        packed: the work and the tenant's reference, pickled.
        is_retried: Dask does a task that raises again; one that fails for a passing reason then raises.

    Raises:
        QlikKeysError: it failed for a passing reason, and is to be done again.
        Exception: what the work raises and is no `QlikKeysError`.
    """
    if version != __version__:
        problem = ConfigurationError(
            f"A worker has qlik_keys {__version__}, and qlik_keys {version} asks for work.",
            hint="Install the same version on the workers and on the machine that asks.",
        )
        refused: TenantOutcome[None] = TenantOutcome(tenant=name, error=problem)
        return pickle.dumps(refused)
    work, reference = pickle.loads(packed)  # noqa: S301  # from the cluster's own client, which can run any code here
    with _Asker(run, name) as asker:
        member = _AloneOnTenant(reference=reference, cancel=asker.gone)
        outcome: TenantOutcome[Any] = outcome_of(work, name, member, told=asker.tell, cancel=asker.gone)
    problem_or_none = outcome.error
    if is_retried and problem_or_none is not None and _is_passing(problem_or_none):
        raise problem_or_none.with_traceback(None) from None
    return _packed_outcome(outcome)


def _is_passing(problem: QlikKeysError) -> bool:
    # Of many clients the others are done: to do all again would report them as not due.
    return problem.retryable and not isinstance(problem, PartlyFailed)


def _packed_outcome(outcome: TenantOutcome[Any]) -> bytes:
    try:
        return pickle.dumps(outcome)
    except Exception as problem:  # noqa: BLE001  # whatever it is: the work is done, and that is reported
        unsent = ClusterError(
            f"The work was done, but its result cannot be sent ({type(problem).__name__}).",
            hint="Look at the tenant; do this work in threads (runner='threads').",
            outcome=Outcome.APPLIED,
        )
        done: TenantOutcome[None] = TenantOutcome(tenant=outcome.tenant, error=unsent)
        return pickle.dumps(done)


class _Asker:
    """The process that asked for the work: it is told of progress, and may give up or die.

    Attributes:
        gone: it has given up, or cannot be reached any longer.
    """

    def __init__(self, run: str, tenant: str) -> None:
        self._run, self._tenant = run, tenant
        self._worker = get_worker()
        self._lease = Semaphore(
            name=lease_of_run(run), scheduler_rpc=self._worker.scheduler, loop=self._worker.loop
        )  # looked at, never taken
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="qlik_keys-asker", daemon=True)
        self.gone = threading.Event()

    def tell(self, what: object) -> None:
        """Send what happened to the process that asked; what cannot be sent is left out, since the work goes on."""
        try:
            told = pickle.dumps(what)
        except Exception as problem:  # noqa: BLE001  # a report of progress never ends the work
            _logger.warning("a %s cannot be sent (%s)", type(what).__name__, type(problem).__name__)
            return
        self._worker.log_event(TOPIC, {"run": self._run, "tenant": self._tenant, "told": told})

    def _is_there(self) -> bool:
        try:
            return bool(self._lease.get_value())
        except Exception:  # noqa: BLE001  # the scheduler is gone, and with it the run
            return False

    def _watch(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            if not self._is_there():
                self.gone.set()
                return

    def __enter__(self) -> Self:
        if not self._is_there():
            self.gone.set()
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class _AloneOnTenant:
    """A tenant that is connected to while no other worker works on it.

    Attributes:
        reference: the tenant.
        cancel: when set, the wait for it ends.
    """

    reference: TenantReference
    cancel: threading.Event

    @contextmanager
    def connect(self) -> Iterator[tuple[QlikTenant, KeyStore]]:
        """Yield the tenant and its key store.

        Raises:
            ConfigurationError: as `TenantReference.connect`.
            Interrupted: the process that asked gave up while another worker worked on the tenant.
        """
        with self.reference.connect() as (tenant, store):
            worker = get_worker()
            lease = Semaphore(name=lease_of_tenant(tenant.host), scheduler_rpc=worker.scheduler, loop=worker.loop)
            while not lease.acquire(timeout=POLL_SECONDS):
                if self.cancel.is_set():
                    raise Interrupted("Cancelled before this tenant was started.")
            try:
                yield tenant, store
            finally:
                with contextlib.suppress(Exception):  # the cluster is closing: the lease ends by itself
                    lease.release()
