"""The way to Vault: requests, with an end to every exchange and a bound on every answer.

requests' own time-out holds for each wait alone, and it decodes whatever comes; `core.network.bounded` has both bounds.

Not done here: what is asked, and what its failures mean (`api`, `failures`).
"""

from __future__ import annotations

import http.client
import io
import logging
from typing import TYPE_CHECKING, Any

import requests
import urllib3
import urllib3.connection
import urllib3.connectionpool

from qlik_keys.core.network.bounded import DEADLINE_FACTOR, AnswerNotDecodable, AnswerTooLong, Deadline, decoded

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_PIECE = 65_536
_deadline = Deadline()


class _Wordless(logging.Filter):
    """Leaves a server's words out of what urllib3 logs of our calls.

    It warns of headers that it cannot parse, which a program without logging shows on standard error, and quotes them:
    a gateway may have put back what was sent to it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the error out of the record, whose text has the words; let it pass."""
        if record.exc_info and _deadline.is_running:
            record.msg, record.args = "An answer of Vault has headers that cannot be parsed.", ()
            record.exc_info = record.exc_text = None
        return True


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_Wordless())


class _Reads(io.RawIOBase):
    """Reads of a socket, none of which waits beyond the end of the exchange."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._socket = sock
        self._timeout = self._set = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        wait_seconds = _deadline.wait_seconds(self._timeout)
        if wait_seconds != self._set:  # a call to the system, and the lock of all threads given away and taken again
            self._socket.settimeout(wait_seconds)
            self._set = wait_seconds
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class BoundedResponse(http.client.HTTPResponse):
    """An answer none of whose reads waits beyond the end of the exchange."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        raw: Any = self.fp.detach()  # `fp` is what `socket.makefile` made: buffered
        self.fp = io.BufferedReader(_Reads(raw, sock))


class HttpConnection(urllib3.connection.HTTPConnection):
    """A plain connection whose answers end with their exchange."""

    response_class = BoundedResponse


class HttpPool(urllib3.connectionpool.HTTPConnectionPool):
    """A pool of such connections."""

    ConnectionCls = HttpConnection


def exchanged(send: Callable[[], requests.Response], *, timeout: Any) -> requests.Response:
    """Send a request and return its answer, read whole.

    Args:
        send: sends it and returns the answer unread (requests' `stream=True`), over connections of this module.
        timeout: as requests takes it; the whole exchange may take four times as long, in seconds.

    Raises:
        requests.exceptions.ReadTimeout: the exchange took longer than that.
        requests.exceptions.ContentDecodingError: the answer is longer than 64 MiB, or encoded more than once.
        requests.exceptions.RequestException: as requests does.
        ValueError: there is no time-out.
    """
    longest = max((each for each in (timeout if isinstance(timeout, tuple) else (timeout,)) if each), default=None)
    if longest is None:
        raise ValueError("a call to Vault needs a time-out")
    with _deadline.within(DEADLINE_FACTOR * longest):
        answer = send()
        try:
            body = _read(answer)
        except BaseException:
            answer.close()
            raise
    # Everything was read, so the connection is back in its pool.
    answer.raw = io.BytesIO(body)
    answer.headers.pop("content-encoding", None)
    return answer


def _read(answer: requests.Response) -> bytes:
    """Return the body, decoded; urllib3's errors become those that requests has for them."""
    pieces = answer.raw.stream(_PIECE, decode_content=False)
    try:
        return decoded(pieces, answer.headers.get("content-encoding", ""))
    except (AnswerTooLong, AnswerNotDecodable) as error:
        raise requests.exceptions.ContentDecodingError(str(error)) from None
    except urllib3.exceptions.ReadTimeoutError:
        raise requests.exceptions.ReadTimeout("the answer took too long") from None
    except urllib3.exceptions.ProtocolError:
        raise requests.exceptions.ChunkedEncodingError("the answer was incomplete") from None
    except urllib3.exceptions.HTTPError:
        raise requests.exceptions.ConnectionError("the answer could not be read") from None
