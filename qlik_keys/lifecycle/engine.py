"""What every operation's run shares: look, ask the plan, do the one step that it names, and ask again.

After a failure whose effect is unknown it looks again before anything is repeated (reliability-facts 1.8, R9). Whatever
kills it, the same call again goes on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from qlik_keys.errors import Interrupted, LifecycleError, ManualActionRequired, Outcome, QlikKeysError, StoreConflict
from qlik_keys.lifecycle.actions import ACTIONS, Action
from qlik_keys.lifecycle.events import Phase, StepEvent
from qlik_keys.lifecycle.provisioning.plan import Conflict, Done, Step

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

_LOOKS_PER_ACTION = 4
# An operation takes about seven; more than this means that the two sides go on contradicting each other.
_MOST_STEPS = 60


class Run(ABC):
    """One run of one operation on one client.

    Args:
        tenant: the tenant, with an administrator's credential.
        store: where the keys are.
        on_step: told before and after each step.
        cancel: when set, the run stops between two steps.
        clock: time.

    Attributes:
        operation: what it does.
        has_effect: False where each step is only simulated.
        verification_seconds: how long a refused login is tried again; None for as long as is usual.
    """

    operation: ClassVar[str]
    has_effect: ClassVar[bool] = True
    verification_seconds: float | None = None

    def __init__(
        self,
        tenant: QlikTenant,
        store: KeyStore,
        *,
        on_step: Callable[[StepEvent], None] | None,
        cancel: threading.Event | None,
        clock: Clock,
    ) -> None:
        self._tenant = tenant
        self._store = store
        self._on_step = on_step
        self._cancel = cancel
        self._clock = clock
        self._acted = False
        self._step = ""
        self._client_id = ""

    @property
    @abstractmethod
    def _client_name(self) -> str:
        """Which client it is about, for people."""

    @abstractmethod
    def _observe(self) -> None:
        """Look at both sides."""

    @abstractmethod
    def _plan(self) -> Step | Done | Conflict:
        """Return the next step."""

    @abstractmethod
    def _actions(self) -> Mapping[Action, Callable[[str], None]]:
        """Return what does each action, with the client's id."""

    def _is_last(self, step: Step) -> bool:
        """Tell whether nothing needs to be asked after that step."""
        del step
        return False

    def _drive(self) -> Done:
        """Perform step after step until nothing is left to do.

        After the first step that changed something no failure says that nothing was applied.

        Raises:
            ManualActionRequired: the plan leaves it to a person.
            Interrupted: cancelled between two steps.
            TenantError, TokenError, StoreError: a step failed; asked for again, it goes on from there.
            LifecycleError: it does not come to an end.
        """
        try:
            return self._step_by_step()
        except KeyboardInterrupt as interrupt:
            if self._acted or self._step != Action.CHECK:
                interrupt.add_note(self._interruption_text())
            raise
        except QlikKeysError as problem:
            if self._acted and problem.outcome is Outcome.NOT_APPLIED:
                problem.outcome = Outcome.UNKNOWN
            raise

    def _interruption_text(self) -> str:
        named = f"client {self._client_id}" if self._client_id else "no id known yet"
        return (
            f"The operation {self.operation!r} on {self._client_name!r} ({named}) was interrupted in its step "
            f"{self._step!r}. `qlik-keys resume` finishes it; so does running the same operation again."
        )

    def _step_by_step(self) -> Done:
        self._told(Action.CHECK, self._observe)
        looks: Counter[Action] = Counter()
        for _ in range(_MOST_STEPS):
            step = self._plan()
            if isinstance(step, Conflict):
                raise ManualActionRequired(step.message, hint=step.hint, differences=step.differences)
            if isinstance(step, Done):
                return step
            if self._cancel is not None and self._cancel.is_set():
                raise Interrupted(
                    f'Cancelled before the step "{ACTIONS[step.action].title}".',
                    hint="Run it again to continue from there.",
                )
            problem = self._attempt(step)
            if problem is None:
                if self._is_last(step):
                    return Done(step.client_id)
                continue
            looks[step.action] += 1
            unclear = problem.outcome is Outcome.UNKNOWN or isinstance(problem, StoreConflict)
            if not unclear or looks[step.action] >= _LOOKS_PER_ACTION:
                raise problem
            self._clock.sleep(float(looks[step.action] - 1))
            self._told(Action.CHECK, self._observe)
        raise LifecycleError(
            f"{self._client_name!r} is not finished after {_MOST_STEPS} steps.",
            hint="Another user seems to be changing the same client: agree on who does it, then try again.",
        )

    def _attempt(self, step: Step) -> QlikKeysError | None:
        perform = self._actions()[step.action]
        self._client_id = step.client_id
        try:
            self._told(step.action, lambda: perform(step.client_id))
        except QlikKeysError as problem:
            if problem.outcome is not Outcome.NOT_APPLIED:
                self._note_effect()  # perhaps: what fails next must not deny it
            return problem
        if ACTIONS[step.action].system != "both":
            self._note_effect()
        return None

    def _note_effect(self) -> None:
        """Take note that something was changed, also in the middle of a step, whose rest may fail."""
        self._acted = self.has_effect

    def _told(self, step: Action, perform: Callable[[], None]) -> None:
        self._step = str(step)
        self._tell(step, "before")
        try:
            perform()
        except QlikKeysError as problem:
            self._tell(step, "failed", problem)
            raise
        self._tell(step, "after")

    def _tell(self, step: Action, phase: Phase, error: QlikKeysError | None = None) -> None:
        if self._on_step is None:
            return
        event = StepEvent.of(step, phase, operation=self.operation, client_name=self._client_name, error=error)
        self._on_step(event)
