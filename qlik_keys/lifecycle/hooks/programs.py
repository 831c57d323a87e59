"""Runs a program with a limit of time, and keeps the end of what it writes; everything that it started ends with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from qlik_keys.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEPT_BYTES = 4_000  # of its output: the end, where the reason stands
_PIECE = 65_536
_LOOK_SECONDS = 0.2  # how long a cancellation may wait
_OUTPUT_SECONDS = 1.0  # for the output, once the program has ended: what it started may go on and hold the pipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended.

    Attributes:
        problem: "" for success, "timeout", or in words what failed.
        output: the end of what it wrote, on either stream.
    """

    problem: str
    output: str = ""


def run_program(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout_seconds: float,
    cancel: threading.Event | None,
) -> Ended:
    """Run a program in a session of its own, without a shell and without input; return how it ended.

    Args:
        command: its name and its arguments.
        environment: all that it is given.
        timeout_seconds: after which it is killed, with all that it has started.
        cancel: when set, the same.

    Raises:
        Interrupted: cancelled.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  # the user's own program
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ended(problem=f"cannot be started ({type(error).__name__})")
    assert process.stdout is not None
    tail = _Tail(process.stdout)
    try:
        code = _waited(process, time.monotonic() + timeout_seconds, cancel)
    except BaseException:
        _kill(process)
        tail.close()
        raise
    if code == 0:
        return Ended(problem="")  # what it started may go on, and write
    if code is None:
        _kill(process)
    output = tail.text()
    if code is None:
        return Ended(problem="timeout", output=output)
    how = f"ended with the exit code {code}" if code > 0 else f"was ended by the signal {-code}"
    return Ended(problem=how, output=output)


def _waited(process: subprocess.Popen[bytes], end: float, cancel: threading.Event | None) -> int | None:
    """Return the exit code, None where the time is over.

    Raises:
        Interrupted: cancelled.
    """
    while True:
        left = end - time.monotonic()
        try:
            return process.wait(timeout=max(0.0, min(left, _LOOK_SECONDS)))
        except subprocess.TimeoutExpired:
            pass
        if left <= 0:
            return None
        if cancel is not None and cancel.is_set():
            raise Interrupted("Cancelled while a hook was running.", hint="Run `qlik-keys resume` to run it again.")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):  # it has just ended
        if hasattr(os, "killpg") and hasattr(signal, "SIGKILL"):
            os.killpg(process.pid, signal.SIGKILL)  # its session is its group: it started it
        else:
            process.kill()
    process.wait()


class _Tail:
    """Reads a pipe to its end in a thread, so that the program never waits, and keeps its last bytes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return what was kept; the pipe is closed, unless something that goes on in the background holds it."""
        self.close()
        return self._kept.decode(errors="replace")

    def close(self) -> None:
        """Wait for the end of the output for a moment."""
        self._thread.join(_OUTPUT_SECONDS)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._pipe:
            while piece := os.read(self._pipe.fileno(), _PIECE):
                self._kept = (self._kept + piece)[-_KEPT_BYTES:]
