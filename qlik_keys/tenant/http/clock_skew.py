"""How far this machine's clock is from the tenant's, by what every answer says (RFC 9110 6.6.1)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlik_keys.tenant.http.calls import Answer

_MOST_DIGITS = 9


def skew_seconds(answer: Answer) -> float | None:
    """Return our clock minus the server's by its `Date` header, None where it has none that can be read.

    The server wrote it at some moment between the sending and the end of the answer: the middle is the best guess. A
    cache hands on the `Date` of what it has kept, and by `Age` for how long (RFC 9111 5.1).
    """
    try:
        date = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    age = answer.headers.get("age", "").strip()
    kept_seconds = int(age) if age.isascii() and age.isdigit() and len(age) <= _MOST_DIGITS else 0
    return (answer.sent_at + answer.received_at) / 2 - date - kept_seconds
