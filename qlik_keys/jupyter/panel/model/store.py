"""The one place that holds the panel's state, and tells each listener of the groups that it listens to."""

from __future__ import annotations

import threading
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys.jupyter.panel.model.state import PanelState

if TYPE_CHECKING:
    from collections.abc import Callable

    Listener = Callable[[PanelState], None]


class PanelStore:
    """The state, and who listens to it; safe to use from several threads.

    Attributes:
        lock: held while the state changes and is drawn; hold it to read and change the state as one step.
        last_error: the exception behind the newest error card.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.last_error: BaseException | None = None
        self._state = PanelState()
        self._listeners: list[tuple[Listener, frozenset[str]]] = []
        self._changed: set[str] = set()
        self._is_telling = False

    @property
    def state(self) -> PanelState:
        """What the panel shows now."""
        return self._state

    def listen(self, listener: Listener, *groups: str) -> None:
        """Tell a listener the state now, and again whenever one of these groups has changed; any group for none."""
        with self.lock:
            self._listeners.append((listener, frozenset(groups)))
            self.tell(listener)

    def set(self, **groups: Any) -> None:
        """Put new groups in the place of the old ones, and tell those who listen to any of them once."""
        with self.lock:
            self._state = replace(self._state, **groups)
            self._changed |= groups.keys()
            if self._is_telling:  # a listener did it: its change is told next
                return
            self._is_telling = True
            try:
                while self._changed:
                    changed, self._changed = frozenset(self._changed), set()
                    for listener, wanted in self._listeners:
                        if not wanted or wanted & changed:
                            self.tell(listener)
            finally:
                self._is_telling = False

    def update(self, group: str, **changes: Any) -> None:
        """Change some facts of one group."""
        with self.lock:
            self.set(**{group: replace(getattr(self._state, group), **changes)})

    def tell(self, listener: Listener) -> None:
        """Tell one listener the state once more: something of its own has changed, for instance what is typed."""
        with self.lock:
            try:
                listener(self._state)
            except Exception as error:  # noqa: BLE001  # one view that fails must not take the work down with it
                self.last_error = error
                warnings.warn(f"the panel could not be drawn: {type(error).__name__}", RuntimeWarning, stacklevel=2)
