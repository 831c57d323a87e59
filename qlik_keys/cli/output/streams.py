"""The two streams: what they cannot show is escaped, and what they do not take is reported.

A client's name may have letters that a console's code page lacks (cp1252 on Windows). An error for that would come
after the effect: the client is made, its one-time secret is lost, and the exit code says that nothing was done.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from qlik_keys.errors import QlikKeysError


@dataclass(slots=True)
class Effect:
    """What this command has changed so far, for the case that its result cannot be written.

    Attributes:
        done: what was done, with the ids, "" for nothing.
        advice: where the result is to be had now.
    """

    done: str = ""
    advice: str = ""


_effect = Effect()


def note_effect(done: str, advice: str = "") -> None:
    """Note what was changed: it is told in place of a result that cannot be written.

    Args:
        done: a sentence without its full stop, with ids, without secrets.
        advice: a sentence, how to get at what was not shown.
    """
    _effect.done, _effect.advice = done, advice


def noted_effect() -> tuple[str, str]:
    """Return what was changed, "" for nothing, and how to get at what was not shown."""
    return _effect.done, _effect.advice


def lost_result(reason: str) -> QlikKeysError:
    """Return the error for a result that cannot be written after the effect that was noted.

    Args:
        reason: what the operating system said.
    """
    from qlik_keys.errors import Outcome, QlikKeysError

    return QlikKeysError(
        f"The result cannot be written ({reason}), but the operation was completed: {_effect.done}.",
        hint=_effect.advice,
        outcome=Outcome.APPLIED,
    )


def refuse_nowhere() -> None:
    """Tell of an answer with a one-time secret that has nowhere to go, since there is no standard output.

    Raises:
        QlikKeysError: so it is.
    """
    if sys.stdout is None:
        raise lost_result("standard output is closed")


class SafeStream:
    """A text stream that takes any text: what its encoding lacks is escaped as JSON does, so that JSON stays JSON.

    Args:
        stream: the stream.
        is_optional: whatever it does not take is left out: progress and notes must not stop the work.
    """

    # The program's own check for ASCII streams would put one in UTF-8 in its place.
    encoding = "utf-8"
    errors = "strict"

    def __init__(self, stream: TextIO, *, is_optional: bool) -> None:
        self._stream = stream
        self._is_optional = is_optional

    def write(self, text: str) -> int:
        """Write a text; return how many letters of it were taken, which is all of them.

        Raises:
            OSError: the stream takes no more, and is not optional.
            QlikKeysError: so it is, and an effect was noted before.
        """
        self._try(lambda: self._stream.write(showable(text, self.real_encoding)))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written.

        Raises:
            OSError: the stream takes no more, and is not optional.
        """
        self._try(self._stream.flush)

    def _try(self, write: Callable[[], Any]) -> None:
        try:
            write()
        except (OSError, ValueError) as error:  # ValueError: it was closed
            if self._is_optional:
                return
            if not _effect.done:
                raise
            reason = getattr(error, "strerror", None) or "it is closed"
        else:
            return
        abandon(self._stream)
        raise lost_result(reason)

    @property
    def real_encoding(self) -> str:
        """What the stream beneath encodes by."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def writelines(self, lines: Any) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def showable(text: str, encoding: str) -> str:
    r"""Return a text with what an encoding lacks escaped: `\u65e5`, and half a letter as the half that it is.

    Args:
        text: any text, also with lone surrogates.
        encoding: a codec's name.
    """
    if _fits(text, encoding):
        return text
    return "".join(letter if _fits(letter, encoding) else _escaped(letter) for letter in text)


def as_shown(text: str) -> str:
    """Return a text as standard output will have it, for anyone who counts its letters."""
    stream = sys.stdout
    return showable(text, getattr(stream, "real_encoding", None) or getattr(stream, "encoding", None) or "utf-8")


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeError:
        return False
    return True


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def make_streams_safe() -> None:
    """Put streams that take any text instead of this process's own."""
    for name, is_optional in (("stdout", False), ("stderr", True)):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, SafeStream):
            setattr(sys, name, SafeStream(stream, is_optional=is_optional))


def abandon(stream: TextIO | None) -> None:
    """Have no one try again, when the program ends, to write what a stream did not take."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            return
