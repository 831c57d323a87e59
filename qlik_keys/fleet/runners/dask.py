"""Tenants on the workers of an existing Dask cluster: one task a tenant, which logs in by the worker's own means.

Dask places the tasks, repeats one whose worker dies (`distributed.scheduler.allowed-failures`), and orders two runs
that meet at a tenant (`fleet.runners.dask_worker`); nothing of that is done here. A task is safe to repeat, since every
operation goes on from what tenant and store say. What travels are names, references and results; an open tenant and
everything that holds a secret are refused before anything is sent.

Not done here: starting a cluster, TLS (Dask's own configuration).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import pickle
import queue
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qlik_keys.core.arguments import SECONDS, WHOLE_NUMBER, Kind, optional, require
from qlik_keys.core.version import __version__
from qlik_keys.errors import ClusterError, ConfigurationError, Interrupted, Outcome, QlikKeysError
from qlik_keys.fleet.runners.base import TenantOutcome
from qlik_keys.fleet.runners.dask_client import connected, scheduler_of
from qlik_keys.fleet.runners.packing import packed_tasks

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    import distributed

    from qlik_keys.fleet.runners.base import Connects, TenantWork, Value

WAIT_SECONDS = 60.0
CONNECT_SECONDS = 30.0
_POLL_SECONDS = 0.2
_RESOURCES = Kind((Mapping,), "a mapping of Dask's resources and how much of each")


class DaskRunner:
    """Does the work on the workers of a Dask cluster; nothing is connected until there is work.

    Each worker needs the same version of qlik_keys, and the variables, files and contexts that the references name. It
    does as many tenants at a time as it has threads.

    Args:
        cluster: the scheduler's address, for example "tcp://scheduler:8786", or a `distributed.Client` of it; without
            one, the address of Dask's own configuration (`DASK_SCHEDULER_ADDRESS`).
        retries: how often Dask repeats a tenant that failed for a passing reason; one whose worker died is repeated in
            any case.
        resources: Dask's resources that a worker must have, for example `{"vault": 1}`.
        wait_seconds: how long to wait for the first worker to join.
        connect_seconds: how long to try to reach the scheduler.

    Raises:
        ConfigurationError: the package `distributed` is not installed, or there is no address.
        TypeError: an argument is of another type.
        ValueError: `retries` is negative, or a time is not above 0.

    Example:
        >>> runner = DaskRunner("tcp://scheduler:8786", retries=1)
        >>> runner
        <DaskRunner tcp://scheduler:8786>
    """

    sends_results = True

    def __init__(
        self,
        cluster: str | distributed.Client = "",
        *,
        retries: int = 0,
        resources: Mapping[str, float] | None = None,
        wait_seconds: float = WAIT_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        require(WHOLE_NUMBER, retries=retries)
        for name, seconds in (("wait_seconds", wait_seconds), ("connect_seconds", connect_seconds)):
            require(SECONDS, **{name: seconds})
            if seconds <= 0:
                raise ValueError(f"{name} must be above 0, not {seconds}")
        optional(_RESOURCES, resources=resources)
        if retries < 0:
            raise ValueError(f"retries must be 0 or more, not {retries}")
        if importlib.util.find_spec("distributed") is None:
            raise ConfigurationError(
                "Dask needs the package distributed, which is not installed.",
                hint="Install it with: pip install 'qlik_keys[dask]'",
            )
        self.address, self._security = scheduler_of(cluster)
        self._retries = retries
        self._resources = dict(resources or {})
        self._wait_seconds = wait_seconds
        self._connect_seconds = connect_seconds

    def run(
        self,
        work: TenantWork[Value],
        members: Sequence[tuple[str, Connects]],
        *,
        told: Callable[[str, object], None],
        cancel: threading.Event,
    ) -> list[TenantOutcome[Value]]:
        """Return what came of each tenant; see `Runner.run`.

        `told` is called by the thread that asks.

        Raises:
            ClusterError: the cluster cannot be reached, or has no worker.
            ConfigurationError: a tenant is open already, the work cannot be sent, or the address is none; nothing was
                sent.
        """
        packed = packed_tasks(work, members)
        if not packed:
            return []
        if cancel.is_set():
            return [TenantOutcome(tenant=name, error=_cancelled("started")) for name in packed]
        with connected(self.address, self._security, connect_seconds=self._connect_seconds) as client:
            asked = _Run(client, told=told, cancel=cancel)
            return asked.outcomes(
                packed,
                operation=getattr(work, "__name__", type(work).__name__),
                wait_seconds=self._wait_seconds,
                retries=self._retries,
                resources=self._resources,
            )

    def __reduce__(self) -> Any:
        """Travel by the address: what a client's TLS context holds stays here."""
        options = {"retries": self._retries, "resources": self._resources}
        options |= {"wait_seconds": self._wait_seconds, "connect_seconds": self._connect_seconds}
        return _runner_at, (self.address, options)

    def __repr__(self) -> str:
        return f"<DaskRunner {self.address}>"


def _runner_at(address: str, options: Mapping[str, Any]) -> DaskRunner:
    return DaskRunner(address, **options)


class _Run:
    """One run: it holds its lease, takes in what workers tell, and knows which tenants are not finished."""

    def __init__(self, client: Any, *, told: Callable[[str, object], None], cancel: threading.Event) -> None:
        from distributed import Semaphore  # noqa: PLC0415

        from qlik_keys.fleet.runners import dask_worker  # noqa: PLC0415  # brings distributed

        self._client, self._told, self._cancel = client, told, cancel
        self._worker_side = dask_worker
        self._id = uuid.uuid4().hex
        self._lease = Semaphore(
            name=dask_worker.lease_of_run(self._id), scheduler_rpc=client.scheduler, loop=client.loop
        )
        self._is_stopping = False
        self._arrived: queue.SimpleQueue[tuple[str, object]] = queue.SimpleQueue()
        self._waiting: dict[str, Any] = {}
        self._outcomes: dict[str, TenantOutcome[Any]] = {}

    def outcomes(
        self,
        packed: Mapping[str, bytes],
        *,
        operation: str,
        wait_seconds: float,
        retries: int,
        resources: Mapping[str, float],
    ) -> list[TenantOutcome[Any]]:
        """Do it, and return what came of each tenant, in order.

        Raises:
            ClusterError: no worker has joined in time.
            Exception: what the work raised and is no `QlikKeysError`; the other tenants have stopped between two steps.
        """
        topic = self._worker_side.TOPIC
        self._client.subscribe_topic(topic, self._hear)
        try:
            self._lease.acquire()
            for name, payload in packed.items():
                future = self._client.submit(
                    pickle.loads,  # of the standard library, so that a cluster without qlik_keys can say what it lacks
                    pickle.dumps(_Call(__version__, self._id, name, payload, retries > 0)),
                    key=f"qlik_keys-{operation}-{name}-{self._id}",
                    pure=False,
                    retries=retries,
                    resources=dict(resources) or None,
                )
                self._waiting[name] = future
                future.add_done_callback(lambda done, name=name: self._arrived.put((name, done)))
            self._wait_for_workers(wait_seconds)
            while self._waiting:
                self._take_one()
        except BaseException:
            self._cancel.set()
            while self._waiting:  # those that have started stop between two steps; a second interrupt ends the wait
                self._take_one(is_quiet=True)
            raise
        finally:
            self._end(topic)
        return [self._outcomes[name] for name in packed]

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        message = event[1]
        if message["run"] == self._id:
            self._arrived.put((message["tenant"], message["told"]))

    def _wait_for_workers(self, seconds: float) -> None:
        try:
            self._client.wait_for_workers(1, timeout=seconds)
        except TimeoutError:
            problem = ClusterError(
                f"The Dask cluster has had no worker for {seconds:g} seconds.",
                hint="Start workers, or wait longer (wait_seconds).",
                retryable=True,
            )
        else:
            return
        raise problem

    def _take_one(self, *, is_quiet: bool = False) -> None:
        """Wait for a moment, and take in what has arrived, if anything has."""
        if self._cancel.is_set():
            self._stop()
        try:
            name, what = self._arrived.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return
        if isinstance(what, bytes):
            if not is_quiet:
                self._told(name, pickle.loads(what))  # noqa: S301  # from the cluster that was chosen to do the work
            return
        del self._waiting[name]
        self._outcomes[name] = self._outcome(name, what, is_quiet=is_quiet)

    def _outcome(self, name: str, future: Any, *, is_quiet: bool) -> TenantOutcome[Any]:
        try:
            outcome: TenantOutcome[Any] = pickle.loads(future.result())  # noqa: S301
        except (Exception, asyncio.CancelledError) as raised:  # noqa: BLE001  # anything that a work may raise
            problem = self._in_our_words(name, raised, is_of_work=future.status == "error")
        else:
            return outcome
        if isinstance(problem, QlikKeysError):
            return TenantOutcome(tenant=name, error=problem)
        if is_quiet:
            return TenantOutcome(tenant=name)
        raise problem

    def _in_our_words(self, name: str, problem: BaseException, *, is_of_work: bool) -> BaseException:
        """Return why a tenant has no outcome, in our words where it is Dask that says so."""
        from distributed.scheduler import KilledWorker  # noqa: PLC0415

        if not is_of_work:  # Dask has no result: cancelled, or lost with the scheduler
            if self._is_stopping:
                return _cancelled("finished")
            return ClusterError(
                f"The connection to the Dask scheduler was lost before {name} was finished.",
                hint="Run it again: it goes on where it stopped.",
                retryable=True,
                outcome=Outcome.UNKNOWN,
            )
        if isinstance(problem, KilledWorker):
            return ClusterError(
                f"The workers that worked on {name} died, one after the other.",
                hint="Look at their logs and their memory, and run it again: it goes on where it stopped.",
                outcome=Outcome.UNKNOWN,
            )
        if isinstance(problem, ImportError) or str(problem).startswith("Can't get attribute"):
            return ConfigurationError(
                f"A worker cannot import what it needs: {problem}.",
                hint=f"Install qlik_keys {__version__} and the module of the work on the workers.",
            )
        return problem

    def _stop(self) -> None:
        """Give up the lease, by which the workers see it; where there is no worker, no task would ever end."""
        if self._client.status != "running":
            return  # the scheduler is gone, and Dask ends the tasks
        with contextlib.suppress(OSError):  # it goes in this moment
            if not self._is_stopping:
                self._is_stopping = True
                self._lease.release()
            if not self._client.nthreads():
                self._client.cancel([*self._waiting.values()])

    def _end(self, topic: str) -> None:
        if self._client.status != "running":
            return
        with contextlib.suppress(OSError):  # what was done is reported, even if the scheduler goes in this moment
            if not self._is_stopping:
                self._lease.release()
            self._lease.close()
            self._client.unsubscribe_topic(topic)


class _Call:
    """A call of `dask_worker.do_tenant`, which is made where this is unpickled."""

    def __init__(self, *arguments: object) -> None:
        self._arguments = arguments

    def __reduce__(self) -> Any:
        from qlik_keys.fleet.runners.dask_worker import do_tenant  # noqa: PLC0415  # brings distributed

        return do_tenant, self._arguments


def _cancelled(when: str) -> Interrupted:
    return Interrupted(f"Cancelled before this tenant was {when}.", hint="Run it again to continue.")
