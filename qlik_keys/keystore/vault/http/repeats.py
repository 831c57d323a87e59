"""Which requests to Vault are sent again, and after how long.

A quota, a standby without a leader and a gateway in front of a Vault that changes its leader pass within seconds. What
was refused before anything was done is sent again whatever it is; what may have been done, only if it reads. A write
whose outcome is unknown is for the writer to decide (`kv`: by compare-and-set). A sealed Vault and a time-out are
told at once: neither passes automatically.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ATTEMPTS = 8
TOTAL_SECONDS = 30.0  # no repeat begins later than this after the first attempt
_LEADER_SECONDS = 10.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.25, 5.0
_READS = frozenset({"GET", "LIST", "HEAD"})
_LIMITED, _ERROR, _GATEWAYS = 429, 500, frozenset({502, 503, 504})
# The server's own words, in lower case; stable for years in Vault and OpenBao.
_NOT_DONE = (b"standby mode", b"active cluster node not found", b"active node not found")
_PERHAPS_DONE = (b"error during forwarding", b"forwarding rpc request")
_FINAL = (b"is sealed", b"not initialized")
_MOST_BYTES = 4096


def wait_after_answer(
    method: str, status: int, headers: Mapping[str, str], body: bytes, *, attempt: int, elapsed_seconds: float
) -> float | None:
    """Return the seconds to wait before a request is sent again, None where its answer stands.

    Args:
        method: of the request.
        status: of the answer.
        headers: of the answer.
        body: of the answer.
        attempt: how often it was sent, 1 for once.
        elapsed_seconds: since it was sent for the first time.
    """
    if status < _LIMITED or not _may_repeat(method, status, body[:_MOST_BYTES].lower()):
        return None
    asked = headers.get("retry-after", "").strip()
    wait = float(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 4 else None  # noqa: PLR2004
    return _bounded(wait, attempt=attempt, elapsed_seconds=elapsed_seconds)


def wait_for_a_leader(*, attempt: int, elapsed_seconds: float) -> float | None:
    """Return the seconds to wait where a standby still names a leader that is gone, None for no more.

    Less than elsewhere: an address that always leads to another origin is a setting to correct.
    """
    wait = wait_after_no_connection(attempt=attempt, elapsed_seconds=elapsed_seconds)
    return None if wait is None or elapsed_seconds + wait > _LEADER_SECONDS else wait


def wait_after_no_connection(*, attempt: int, elapsed_seconds: float) -> float | None:
    """Return the seconds to wait before a Vault that has answered before is called again, None for no more."""
    return _bounded(None, attempt=attempt, elapsed_seconds=elapsed_seconds)


def _may_repeat(method: str, status: int, body: bytes) -> bool:
    if any(words in body for words in _FINAL):
        return False
    if status == _LIMITED or any(words in body for words in _NOT_DONE):
        return True
    return method in _READS and (status in _GATEWAYS or any(words in body for words in _PERHAPS_DONE))


def _bounded(wait: float | None, *, attempt: int, elapsed_seconds: float) -> float | None:
    if wait is None:
        longest = min(_FIRST_WAIT_SECONDS * 2 ** (attempt - 1), _LONGEST_WAIT_SECONDS)
        wait = random.uniform(longest / 2, longest)  # noqa: S311  # spreads repeats, protects nothing
    return None if attempt >= ATTEMPTS or elapsed_seconds + wait > TOTAL_SECONDS else wait
