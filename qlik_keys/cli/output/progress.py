"""How far the tenants of a fleet are, on one line of a terminal that is overwritten, and removed at the end."""

from __future__ import annotations

import shutil
import sys
import threading
from typing import TYPE_CHECKING

import typer

from qlik_keys.cli.output.results import current_notebook, is_terminal
from qlik_keys.cli.output.table import printable

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_START_OF_LINE = "\r\x1b[K"


class ProgressLine:
    """Shows the progress on standard error, if that is a terminal; called from any thread.

    Args:
        is_silent: nothing is shown.
    """

    def __init__(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent or current_notebook() is not None or not is_terminal(sys.stderr)
        self._lock = threading.Lock()
        self._states: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._states:
            typer.echo(_START_OF_LINE, nl=False, err=True)

    def show(self, tenant: str, what: str, done: int, total: int) -> None:
        """Show how far one tenant is.

        Args:
            tenant: its name.
            what: what is looked up.
            done: how many are done.
            total: of how many.
        """
        if self._is_silent or not total:
            return
        with self._lock:
            self._states[tenant] = f"{tenant}: {what} {done}/{total}"
            line = printable(", ".join(self._states.values()), shutil.get_terminal_size().columns - 2)
            typer.echo(f"{_START_OF_LINE}{line}", nl=False, err=True)
