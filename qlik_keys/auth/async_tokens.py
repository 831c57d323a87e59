"""Tokens for coroutines: a token is got in a worker thread, so that nothing of it holds the event loop up.

All of it may wait: the key store's answer, the loading of a key, the signature, the tenant's answer. Of all tasks of an
event loop that ask a source at the same time one has a thread, and the others wait for it without any; the threads
of several loops and those of synchronous callers meet in `TokenSource`, where one request is in progress.

Runs on asyncio and trio (`anyio`, as httpx does). Not done here: getting a token (`token_source`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import anyio.to_thread

from qlik_keys.errors import QlikKeysError, copy_of_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.auth.access_token import Token

_Key = tuple[int, ...]


@dataclass(slots=True)
class _Flight:
    """A token that a thread is getting for tasks of one event loop."""

    done: anyio.Event
    token: Token | None = None
    failure: QlikKeysError | None = None


_flights_of_the_loop: anyio.lowlevel.RunVar[dict[_Key, _Flight]] = anyio.lowlevel.RunVar("qlik_keys_flights")


async def in_a_thread(ask: Callable[[], Token], *about: object) -> Token:
    """Return what `ask` returns, without holding the event loop up; tasks that ask about the same share one thread.

    A task may be cancelled at any time: the thread goes on, and its token is kept by its source. Where it was the one
    that had the thread, another task takes over.

    Args:
        ask: gets the token, and may wait.
        *about: what it is about, compared by identity.

    Raises:
        QlikKeysError: as `ask` raises it, each task an error of its own.
    """
    flights = _flights_of_the_loop.get(None)
    if flights is None:
        flights = {}
        _flights_of_the_loop.set(flights)
    key = tuple(map(id, about))  # the task that leads holds them, so that no other object gets the same id
    while (flight := flights.get(key)) is not None:
        await flight.done.wait()
        if flight.token is not None:
            return flight.token
        if flight.failure is not None:
            raise copy_of_error(flight.failure)
    flight = flights[key] = _Flight(anyio.Event())
    try:
        # A limiter of its own: the tasks of a program may have taken all threads that anyio allows by default.
        flight.token = await anyio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
    except QlikKeysError as error:
        flight.failure = error
        raise
    finally:
        del flights[key]
        flight.done.set()
    return flight.token
