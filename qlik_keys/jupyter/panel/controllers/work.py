"""The panel's machinery: one piece of work at a time, its steps as they happen, and who is told of every new state.

Every action runs through `_work`, which puts whatever goes wrong on a card and keeps the exception. Nothing here knows
what is worked at, or how it is drawn.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import ConfigurationError, Interrupted
from qlik_keys.jupyter.panel.model.change_state import ShownResult
from qlik_keys.jupyter.panel.model.showing import error_card, with_event, with_request
from qlik_keys.jupyter.panel.model.state import PanelState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qlik_keys.core.clock import Clock
    from qlik_keys.jupyter.panel.model.change_state import ChangeForm, ResultKind
    from qlik_keys.jupyter.panel.model.state import ShownRequest
    from qlik_keys.lifecycle import StepEvent

    Listener = Callable[[PanelState], None]
    Runner = Callable[[Callable[[], None]], None]


def in_thread(task: Callable[[], None]) -> None:
    """Run a task in a thread that does not keep the process alive."""
    threading.Thread(target=task, name="qlik_keys panel", daemon=True).start()


class Worker:
    """A state, who listens to it, and one piece of work at a time; safe to use from several threads.

    Args:
        run: how work is run that nobody waits for; in a thread by default, so that neither kernel nor page waits.
        clock: time.
    """

    def __init__(self, *, run: Runner = in_thread, clock: Clock = SYSTEM_CLOCK) -> None:
        self._run = run
        self._clock = clock
        self._lock = threading.RLock()
        self._state = PanelState()
        self._listeners: list[Listener] = []
        self._cancel = threading.Event()
        self._go_on = threading.Event()
        self._results = 0  # so many there were
        self.last_error: BaseException | None = None

    @property
    def state(self) -> PanelState:
        """What the panel shows now."""
        return self._state

    def now(self) -> datetime:
        """Return what time it is, UTC."""
        return utc_now(self._clock)

    def listen(self, listener: Listener) -> None:
        """Tell a listener every new state, one after the other."""
        with self._lock:
            self._listeners.append(listener)
            listener(self._state)

    def redraw(self) -> None:
        """Tell every listener the state once more: something next to it has changed, for instance what is typed."""
        self._set()

    def cancel(self) -> None:
        """Stop the work after the step that it is in; what is done so far can be resumed."""
        self._cancel.set()
        self._go_on.set()
        self._set(cancelling=True)

    def go_step_by_step(self, *, wanted: bool) -> None:
        """Wait for `next_step` before each step from now on, or do not."""
        self._set(stepwise=wanted)
        if not wanted:
            self._go_on.set()

    def next_step(self) -> None:
        """Do the step that waits."""
        self._go_on.set()

    def dismiss(self, at: str) -> None:
        """Put away what is told at a place; the exception of an error stays in `last_error`."""
        with self._lock:
            told = self._state.results.get(at)
            is_newest = told is not None and told.card is self._state.error
            left = {place: result for place, result in self._state.results.items() if place != at}
            self._set(results=left, error=None if is_newest else self._state.error)

    def fail(
        self, error: BaseException, doing: str, *, at: str = "", retry: ChangeForm | None = None, **told: str
    ) -> None:
        """Put an error on a card and keep it.

        Args:
            error: what went wrong.
            doing: what was being done, in words.
            at: where it is told; by default where the work in progress was asked for, else on top.
            retry: the change that can be planned again.
            **told: what `error_card` takes next to it.
        """
        self.last_error = error
        steps = tuple(replace(step, phase="failed") if step.phase == "running" else step for step in self._state.steps)
        card = error_card(error, doing, **told)
        with self._lock:
            self._set(error=card, steps=steps)
            self._tell("", kind="bad", card=card, retry=retry, at=at)

    def _tell(self, words: str, *, kind: ResultKind = "good", at: str = "", **more: Any) -> None:
        """Tell what an action came to, where its button stands; it takes the place of what was told there before."""
        with self._lock:
            self._results += 1
            told = ShownResult(kind=kind, words=words, number=self._results, **more)
            self._set(results={**self._state.results, at or self._state.work_at or "top": told})

    def _work(self, doing: str, task: Callable[[], None], *, at: str = "top", wait: bool = False, **told: Any) -> None:
        """Do a piece of work, and put what goes wrong in it on a card.

        Args:
            doing: what it is, in words; an error's card says that this failed.
            task: the work.
            at: where the button stands that asked for it.
            wait: return when it is done, and raise what goes wrong.
            **told: what `fail` takes next to the error.
        """
        with self._lock:
            if self._state.work:
                busy = ConfigurationError(f"The panel is busy: {self._state.work}.", hint="Wait, or cancel it.")
                self.fail(busy, doing, at=at)
                if wait:
                    raise busy
                return
            self._cancel.clear()
            left = {place: result for place, result in self._state.results.items() if place != at}
            self._set(work=doing, work_at=at, cancelling=False, error=None, results=left)

        def guarded() -> None:
            try:
                task()
            except BaseException as error:
                self.fail(error, doing, **told)
                if wait:
                    raise
            finally:
                self._set(work="", work_at="", cancelling=False, waits_for="")

        if wait:
            guarded()
        else:
            self._run(guarded)

    def _set(self, **changes: Any) -> None:
        with self._lock:
            before = self._state
            if "selected" in changes:
                changes.setdefault("selected_here", before.selected_here + 1)
            if changes.get("steps_in", before.steps_in) != before.steps_in:
                # The steps of a plan that was not done go with it; what was done stays in its tab.
                shown = () if before.plan is not None else before.steps
                changes.setdefault("kept_steps", {**before.kept_steps, before.steps_in: shown})
            self._state = replace(before, **changes)
            for listener in self._listeners:
                listener(self._state)

    def _saw_step(self, event: StepEvent) -> None:
        if event.phase == "before" and self._state.stepwise:
            self._wait_for_next(event)
        with self._lock:
            self._set(steps=with_event(self._state.steps, event))

    def _wait_for_next(self, event: StepEvent) -> None:
        self._go_on.clear()
        if not self._cancel.is_set():
            self._set(waits_for=event.title)
            self._go_on.wait()
        if self._cancel.is_set():
            raise Interrupted(f'Cancelled before the step "{event.title}".', hint="Ask again: it goes on from there.")
        self._set(waits_for="")

    def _add_request(self, request: ShownRequest) -> None:
        with self._lock:
            steps = with_request(self._state.steps, request)
            if steps != self._state.steps:  # a listing sends a thousand that no step shows: nothing is drawn for them
                self._set(steps=steps)
