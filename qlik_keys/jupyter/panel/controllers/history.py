"""The calls and the requests for tokens of the tab "Try a token"."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from qlik_keys.errors import TenantError, TenantThrottled, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from qlik_keys.auth.inspection import Called
    from qlik_keys.jupyter.panel.controllers.clients import Parts

    Result = TypeVar("Result")

_REMEMBERED = 1000
_SHOWN = 10
_OK = 200


class CallHistory:
    """Every call since the panel was connected, at most a thousand.

    Args:
        parts: what every controller works with.
    """

    def __init__(self, parts: Parts) -> None:
        self._store, self._work, connection, self._clients = parts
        self._calls: deque[Called] = deque(maxlen=_REMEMBERED)
        connection.on_release(self._calls.clear)

    def record(self, client_id: str, method: str, address: str, call: Callable[[], Result]) -> Result:
        """Make a call and record it, whether it succeeds or fails; return its result."""
        from qlik_keys.auth.inspection import Called  # noqa: PLC0415  # brings httpx
        from qlik_keys.tenant.resources.raw import RawAnswer  # noqa: PLC0415  # brings httpx

        at, started = self._work.now(), self._work.clock.monotonic()
        status: int | None = None
        fields: dict[str, Any] = {}
        try:
            result = call()
            status = result.status if isinstance(result, RawAnswer) else _OK
        except (TenantError, TokenError) as problem:
            status = problem.status
            fields = {"trace_id": problem.trace_id, "error": type(problem).__name__}
            if isinstance(problem, TenantThrottled):
                fields["retry_after"] = problem.retry_after
            raise
        finally:
            called = Called(
                time=at,
                client_id=client_id,
                client=self._clients.name_of(client_id),
                method=method,
                path=address,
                status=status,
                milliseconds=(self._work.clock.monotonic() - started) * 1000,
                **fields,
            )
            self._calls.append(called)
            self._store.update("calls", newest=tuple(self._calls)[-_SHOWN:])
        return result

    def last_milliseconds(self) -> float:
        """Return how long the newest call took."""
        return self._calls[-1].milliseconds

    def frame(self) -> pd.DataFrame:
        """Return the history as a DataFrame, the oldest call first."""
        from qlik_keys.inventory.frames import calls_frame  # noqa: PLC0415  # brings pandas

        connection = self._store.state.connection
        tenant_url = connection.tenant_url if connection else ""
        return calls_frame(tuple(self._calls), tenant_url=tenant_url, clock=self._work.clock)
