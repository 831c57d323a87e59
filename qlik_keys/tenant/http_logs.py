"""The HTTP library's log: httpx writes the whole address of each request at INFO (reliability-facts, section 3).

An address that the tenant named may have a piece of a secret in it. What is logged of ours is redacted; where nobody
listens at that level, nothing of this runs.
"""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlik_keys.core.redaction import Redactor

_redactors: weakref.WeakSet[Redactor] = weakref.WeakSet()


class _Redacting(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record's texts and addresses; let it pass."""
        if isinstance(record.args, tuple):
            record.args = tuple(each if isinstance(each, int) else _redacted(str(each)) for each in record.args)
        return True


_filter = _Redacting()


def redact_http_logs(redactor: Redactor) -> None:
    """Redact what httpx logs by this redactor too, for as long as it lives."""
    _redactors.add(redactor)
    logging.getLogger("httpx").addFilter(_filter)  # the same one again is no second one


def _redacted(text: str) -> str:
    for redactor in [*_redactors]:
        text = redactor.redact(text)
    return text
