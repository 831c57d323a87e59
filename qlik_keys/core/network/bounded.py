"""Answers within bounds: of bytes after decoding, of encodings, and of time from the request to the last byte.

A time-out of an HTTP library holds for each single wait, so a server that sends a byte a second is waited for without
end, and a body of a kilobyte may decode to gigabytes. Here a whole exchange has one deadline, which every read of the
socket looks at, and a body is decoded piece by piece, never further than its limit.

Not done here: what is said of an answer beyond its bounds (`tenant.http.failures`, `keystore.vault.http.failures`).
"""

from __future__ import annotations

import threading
import time
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

MAXIMUM_ANSWER_BYTES = 64 * 1024 * 1024  # ten thousand clients are some 15 MB
DEADLINE_FACTOR = 4  # a whole exchange may take that many time-outs
ACCEPTED_ENCODINGS = "gzip, deflate"
_GZIP, _ZLIB, _RAW = 31, 15, -15  # window bits of zlib: with a header of gzip, of zlib, of none
_PIECE = 65_536


class AnswerTooLong(Exception):  # internal: each adapter has its own error for people
    """An answer is longer than its limit, after decoding."""


class AnswerNotDecodable(Exception):  # the same
    """An answer is encoded more than once, in a way that was not asked for, or not as it says."""


class DeadlinePassed(TimeoutError):  # the same
    """A whole exchange takes longer than it may."""


class _Exchange:
    """A block with an end; a class, since a generator costs more than the look at the clock."""

    __slots__ = ("_before", "_end", "_local")

    def __init__(self, local: threading.local, end: float) -> None:
        self._local = local
        self._end = end

    def __enter__(self) -> None:
        # An exchange may hold another one: a call that has to get a token first.
        self._before = getattr(self._local, "end", None)
        self._local.end = self._end

    def __exit__(self, *_: object) -> None:
        self._local.end = self._before


class Deadline:
    """The end of the exchange that this thread is in, for whatever reads the socket for it.

    Args:
        monotonic: the clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._local = threading.local()

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Return a block in which everything that this thread reads is over after that many seconds."""
        return _Exchange(self._local, self._monotonic() + seconds)

    @property
    def is_running(self) -> bool:
        """Whether this thread is in such a block."""
        return getattr(self._local, "end", None) is not None

    def wait_seconds(self, timeout: float | None) -> float | None:
        """Return how long the next read may wait: its own time-out in seconds, or less near the end.

        Raises:
            DeadlinePassed: the end is over.
        """
        end = getattr(self._local, "end", None)
        if end is None:
            return timeout
        left: float = end - self._monotonic()
        if left <= 0:
            raise DeadlinePassed("the complete exchange took too long")
        return left if timeout is None else min(timeout, left)


def decoded(pieces: Iterable[bytes], encoding: str, *, limit: int = MAXIMUM_ANSWER_BYTES) -> bytes:
    """Return a body decoded, of which no more than the limit is ever held.

    Args:
        pieces: the body as it is sent, still encoded.
        encoding: the answer's `content-encoding` (RFC 9110 8.4): "", "identity", "gzip" or "deflate", once.
        limit: bytes after decoding.

    Raises:
        AnswerTooLong: there is more.
        AnswerNotDecodable: another encoding, several of them, or a body that is not valid in its encoding.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _joined(pieces, limit)
    if name not in ("gzip", "x-gzip", "deflate"):
        raise AnswerNotDecodable("an encoding that was not requested, or more than one")
    return _joined(_inflated(pieces, gzip=name != "deflate"), limit)


def _joined(pieces: Iterable[bytes], limit: int) -> bytes:
    parts, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > limit:
            raise AnswerTooLong("the answer is too long")
        parts.append(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflated(pieces: Iterable[bytes], *, gzip: bool) -> Iterator[bytes]:
    """Yield the decoded body in pieces of bounded size; a gzip body may have several members (RFC 1952 2.2)."""
    decoder = zlib.decompressobj(_GZIP) if gzip else None
    started = False
    try:
        for piece in pieces:
            data = piece
            while data:
                if decoder is None:
                    # "deflate" means zlib's format (RFC 9110 8.4.1.2); some servers send it without its header.
                    decoder = zlib.decompressobj(_ZLIB if data[0] & 0x0F == 8 else _RAW)  # noqa: PLR2004
                if decoder.eof:
                    if not gzip:
                        return
                    decoder = zlib.decompressobj(_GZIP)
                started = True
                out = decoder.decompress(data, _PIECE)
                if out:
                    yield out
                data = decoder.unconsumed_tail or decoder.unused_data
            while decoder is not None and not decoder.eof and (out := decoder.decompress(b"", _PIECE)):
                yield out
    except zlib.error:
        raise AnswerNotDecodable("not valid in its encoding") from None
    if started and decoder is not None and not decoder.eof:
        raise AnswerNotDecodable("it is incomplete")
