"""What a run tells anyone who watches it: each step, in words, before and after it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from qlik_keys.lifecycle.actions import ACTIONS, Action

if TYPE_CHECKING:
    from qlik_keys.errors import QlikKeysError

Phase = Literal["before", "after", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """What is being done, for progress displays.

    Attributes:
        operation: "provision", "rotate", "retire", "revoke", "adopt" or "delete".
        step: the name of an `actions.Action`.
        title: the step in words.
        phase: "before", "after" or "failed".
        client_name: which client it is about.
        error: what went wrong, in phase "failed".
    """

    operation: str
    step: str
    title: str
    phase: Phase
    client_name: str
    error: QlikKeysError | None = None

    @classmethod
    def of(
        cls, action: Action, phase: Phase, *, operation: str, client_name: str, error: QlikKeysError | None = None
    ) -> StepEvent:
        """Return the event of an action, with its title."""
        return cls(
            operation=operation,
            step=str(action),
            title=ACTIONS[action].title,
            phase=phase,
            client_name=client_name,
            error=error,
        )
