"""The HTTP libraries' logs: httpx writes addresses at INFO (reliability-facts, section 3), httpcore headers at DEBUG.

An address that the tenant named, or a header that it sent, may have a secret in it. What is logged that qlik_keys
manages is redacted;
where no one listens at that level, nothing of this runs.
"""

from __future__ import annotations

import logging
import re
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qlik_keys.core.redaction import Redactor

# A logger's filter does not see what the loggers below it write.
_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
_HAS_WORDS = re.compile(r"headers\.complete return_value=|exception=")
_redactors: weakref.WeakSet[Redactor] = weakref.WeakSet()


class _Redacting(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record's texts and addresses; let it pass."""
        if isinstance(record.msg, str) and not record.args:  # httpcore's texts, whose values are a server's words
            record.msg = _redacted(record.msg, of_server=_HAS_WORDS.search(record.msg) is not None)
        if isinstance(record.args, tuple):
            record.args = tuple(each if isinstance(each, int) else _redacted(str(each)) for each in record.args)
        return True


_filter = _Redacting()


def redact_http_logs(redactor: Redactor) -> None:
    """Redact what httpx and httpcore log by this redactor too, for as long as it lives."""
    _redactors.add(redactor)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_filter)  # the same one again is no second one


def _redacted(text: str, *, of_server: bool = False) -> str:
    for redactor in [*_redactors]:
        text = redactor.server_line(text) if of_server else redactor.redact(text)
    return text
