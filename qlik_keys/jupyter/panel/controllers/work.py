"""One piece of work at a time, its steps as they happen, and the result of each action at its button.

Every action runs through `Work.run`, which puts any error on a card and keeps the exception. Nothing here knows what is
done, or how it is drawn.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.errors import ConfigurationError, Interrupted
from qlik_keys.jupyter.panel.model.conversion import error_card, with_event, with_request
from qlik_keys.jupyter.panel.model.shown import ShownResult
from qlik_keys.jupyter.panel.model.state import WorkState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from qlik_keys.core.clock import Clock
    from qlik_keys.jupyter.panel.model.forms import ChangeForm
    from qlik_keys.jupyter.panel.model.shown import ResultKind, ShownRequest, ShownStep
    from qlik_keys.jupyter.panel.model.state import StepsOf
    from qlik_keys.jupyter.panel.model.store import PanelStore
    from qlik_keys.lifecycle import StepEvent

    Runner = Callable[[Callable[[], None]], None]


def in_thread(task: Callable[[], None]) -> None:
    """Run a task in a thread that does not keep the process alive."""
    threading.Thread(target=task, name="qlik_keys panel", daemon=True).start()


class Steps:
    """The steps of the work in progress: shown as they happen, one by one on request, cancelled between two of them.

    Args:
        store: the panel's state.

    Attributes:
        cancelled: set when the work is to stop after its step.
    """

    def __init__(self, store: PanelStore) -> None:
        self._store = store
        self._go_on = threading.Event()
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop the work after the step that it is in; what is done so far can be resumed."""
        self.cancelled.set()
        self._go_on.set()
        self._store.update("work", cancelling=True)

    def go_step_by_step(self, *, wanted: bool) -> None:
        """Wait for `do_next` before each step from now on, or do not."""
        self._store.update("work", stepwise=wanted)
        if not wanted:
            self._go_on.set()

    def do_next(self) -> None:
        """Do the step that waits."""
        self._go_on.set()

    def begin(self, of: StepsOf) -> None:
        """Show the events and requests from now on at the steps of a group."""
        self._store.update("work", steps_of=of)

    def saw(self, event: StepEvent) -> None:
        """Show a step that starts, is done or failed.

        Raises:
            Interrupted: it waited, and the user cancelled the work.
        """
        if event.phase == "before" and self._store.state.work.stepwise:
            self._wait_for_next(event)
        with self._store.lock:
            self._show(with_event(self._shown(), event))

    def add_request(self, request: ShownRequest) -> None:
        """Show a request at the step that is running; of a listing with its thousand requests none is shown."""
        with self._store.lock:
            before = self._shown()
            after = with_request(before, request)
            if after != before:
                self._show(after)

    def fail_running(self) -> None:
        """Mark the step that is running as failed."""
        with self._store.lock:
            before = self._shown()
            after = tuple(replace(step, phase="failed") if step.phase == "running" else step for step in before)
            if after != before:
                self._show(after)

    def _shown(self) -> tuple[ShownStep, ...]:
        group = self._store.state.work.steps_of
        steps: tuple[ShownStep, ...] = getattr(self._store.state, group).steps if group else ()
        return steps

    def _show(self, steps: tuple[ShownStep, ...]) -> None:
        group = self._store.state.work.steps_of
        if group:
            self._store.update(group, steps=steps)

    def _wait_for_next(self, event: StepEvent) -> None:
        self._go_on.clear()
        if not self.cancelled.is_set():
            self._store.update("work", waits_for=event.title)
            self._go_on.wait()
        if self.cancelled.is_set():
            raise Interrupted(
                f'Cancelled before the step "{event.title}".', hint="Start it again: it continues from there."
            )
        self._store.update("work", waits_for="")


class Work:
    """Runs one piece of work at a time, and shows each result at its button.

    Args:
        store: the panel's state.
        run: how work is run that no caller waits for; in a thread by default, so that neither kernel nor page waits.
        clock: time.

    Attributes:
        clock: time.
        steps: the steps of the work in progress.
    """

    def __init__(self, store: PanelStore, *, run: Runner = in_thread, clock: Clock = SYSTEM_CLOCK) -> None:
        self._store = store
        self._run = run
        self._number = 0  # of the newest result
        self.clock = clock
        self.steps = Steps(store)

    def now(self) -> datetime:
        """Return what time it is, UTC."""
        return utc_now(self.clock)

    def run(
        self,
        doing: str,
        task: Callable[[], None],
        *,
        at: str = "top",
        is_planning: bool = False,
        wait: bool = False,
        **card: Any,
    ) -> None:
        """Do a piece of work; an error is put on a card.

        Args:
            doing: what it is, in words; an error's card says that this failed.
            task: the work.
            at: the place of the button that asked for it.
            is_planning: it only computes what a change would do.
            wait: return when it is done, and raise its error.
            **card: what `fail` takes in addition to the error.
        """
        with self._store.lock:
            state = self._store.state
            if state.work.doing:
                busy = ConfigurationError(f"The panel is busy: {state.work.doing}.", hint="Wait, or cancel it.")
                self.fail(busy, doing, at=at)
                if wait:
                    raise busy
                return
            self.steps.cancelled.clear()
            started = WorkState(doing=doing, at=at, is_planning=is_planning, stepwise=state.work.stepwise)
            self._store.set(work=started, results=self._results_without(at))

        def guarded() -> None:
            try:
                task()
            except BaseException as error:
                self.fail(error, doing, **card)
                if wait:
                    raise
            finally:
                with self._store.lock:
                    self._store.set(work=WorkState(stepwise=self._store.state.work.stepwise))

        if wait:
            guarded()
        else:
            self._run(guarded)

    def run_next_to(self, task: Callable[[], None]) -> None:
        """Run a task that changes nothing, next to any work; it handles its own errors."""
        self._run(task)

    def report(self, doing: str) -> None:
        """Say how far the work in progress is."""
        self._store.update("work", doing=doing)

    def result(self, words: str, *, kind: ResultKind = "good", at: str = "", **more: Any) -> None:
        """Show the result of an action at its button, in the place of the result before it."""
        with self._store.lock:
            self._number += 1
            shown = ShownResult(kind=kind, words=words, number=self._number, **more)
            state = self._store.state
            self._store.set(results={**state.results, at or state.work.at or "top": shown})

    def fail(
        self, error: BaseException, doing: str, *, at: str = "", retry: ChangeForm | None = None, **card: str
    ) -> None:
        """Put an error on a card and keep it.

        Args:
            error: what went wrong.
            doing: what was being done, in words.
            at: where it is shown; by default at the button of the work in progress, else on top.
            retry: the change that can be planned again.
            **card: what `error_card` takes in addition to the error.
        """
        with self._store.lock:
            self._store.last_error = error
            self.steps.fail_running()
            self.result("", kind="bad", card=error_card(error, doing, **card), retry=retry, at=at)

    def dismiss(self, at: str) -> None:
        """Remove the result at a place; the exception of an error stays in `last_error`."""
        with self._store.lock:
            self._store.set(results=self._results_without(at))

    def _results_without(self, at: str) -> dict[str, ShownResult]:
        return {place: shown for place, shown in self._store.state.results.items() if place != at}
