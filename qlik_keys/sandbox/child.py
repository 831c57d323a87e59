"""A process of the sandbox as an object: its id, whether it is there, and its end with a `with` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType


class ChildProcess(ABC):
    """A process that was started from here, and ends with its `with` block."""

    _process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    @abstractmethod
    def stop(self) -> None:
        """End the process and wait for its end; quiet when it has ended already."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
