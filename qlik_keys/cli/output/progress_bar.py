"""How far an operation on many clients is: a bar with the time left on a terminal, else a line a client."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import typer

from qlik_keys.cli.output.results import current_notebook, is_terminal
from qlik_keys.core.clock import SYSTEM_CLOCK, describe_duration

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from qlik_keys.core.clock import Clock

_START_OF_LINE = "\r\x1b[K"
_WIDTH = 24


class ProgressBar:
    """Shows the progress on standard error; called from any thread.

    Args:
        total: how many clients there are.
        is_silent: nothing is shown.
        clock: measures how long it takes.
    """

    def __init__(self, total: int, *, is_silent: bool, clock: Clock = SYSTEM_CLOCK) -> None:
        self._total = total
        self._is_silent = is_silent or current_notebook() is not None
        self._is_bar = is_terminal(sys.stderr)
        self._clock = clock
        self._lock = threading.Lock()
        self._start = clock.monotonic()
        self._done = 0
        self._failed = 0

    def __enter__(self) -> Self:
        if self._is_bar and not self._is_silent:
            self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_bar and not self._is_silent:
            typer.echo(_START_OF_LINE, nl=False, err=True)

    def advance(self, line: str, *, has_failed: bool = False) -> None:
        """Note that a client is done.

        Args:
            line: what became of it.
            has_failed: it failed.
        """
        with self._lock:
            self._done += 1
            self._failed += has_failed
            if self._is_silent:
                return
            if self._is_bar:
                self._draw()
            else:
                typer.echo(f"[{self._done}/{max(self._total, self._done)}] {line}", err=True)

    def to_text(self) -> str:
        """Return the bar: how many are done, how many failed, and how long the rest takes at the same rate."""
        total = max(self._total, self._done, 1)
        filled = _WIDTH * self._done // total
        failed = f", {self._failed} failed" if self._failed else ""
        left = ""
        if 0 < self._done < total:
            seconds = (self._clock.monotonic() - self._start) / self._done * (total - self._done)
            left = f", about {describe_duration(max(1.0, seconds))} left"
        return f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {self._done}/{total}{failed}{left}"

    def _draw(self) -> None:
        typer.echo(f"{_START_OF_LINE}{self.to_text()}", nl=False, err=True)
