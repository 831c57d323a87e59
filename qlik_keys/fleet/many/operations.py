"""What can be done to many clients, and the facts about each operation: one table.

The requests are those that one client takes where nothing fails; `tests/fleet/test_many.py` holds them to what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from qlik_keys.errors import ConfigurationError
from qlik_keys.keys import PrivateKey
from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.lifecycle.actions import ACTIONS, Action
from qlik_keys.lifecycle.options import (
    AdoptOptions,
    Options,
    ResumeOptions,
    RetireOptions,
    RevokeOptions,
    RotateOptions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.fleet.selection import Selection

OperationOnMany = Literal["rotate", "retire", "adopt", "trust", "revoke", "resume"]
Requests = tuple[int, int]  # of tier 1 and of tier 2
_AT_ONCE: Requests = (2, 1)  # what an old key costs that is removed in the same run


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustOptions(Options):
    """To trust a client has no options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFacts:
    """The facts about one operation on many clients.

    Attributes:
        options: what it may be asked for.
        requests: how many requests of tier 1 and tier 2 one client takes, at least.
        criteria: which criteria of a state it takes: "age", "findings", "secret_only".
        needs: at least one of these must be given; "any" stands for any criterion at all. None are needed where the
            state of a client alone says whether anything is to be done.
        hint: what to give.
        failed: what the error says of those that failed.
    """

    options: type[Options]
    requests: Requests
    failed: str
    criteria: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    hint: str = ""


FACTS: Mapping[str, OperationFacts] = MappingProxyType(
    {
        "rotate": OperationFacts(
            options=RotateOptions,
            requests=(5, 2),
            failed="clients could not be rotated.",
            criteria=frozenset({"age", "findings"}),
            needs=frozenset({"age", "findings"}),
            hint="Say which keys to replace: due (with within), older_than, or a finding. Without it, a second run "
            "would rotate the same clients again.",
        ),
        "retire": OperationFacts(
            options=RetireOptions,
            requests=(5, 2),
            failed="clients could not be processed: their old keys are still registered.",
            criteria=frozenset({"findings"}),
        ),
        "adopt": OperationFacts(
            options=AdoptOptions,
            requests=(6, 2),
            failed="clients could not be adopted.",
            criteria=frozenset({"secret_only", "findings"}),
            needs=frozenset({"secret_only", "findings", "clients"}),
            hint="Say which clients to adopt: secret_only, a finding, or their ids or names.",
        ),
        "trust": OperationFacts(
            options=TrustOptions,
            requests=(2, 1),
            failed="clients could not be trusted.",
            criteria=frozenset({"findings"}),
        ),
        "revoke": OperationFacts(
            options=RevokeOptions,
            requests=(9, 4),
            failed="clients could not be revoked: a compromised key may still log in.",
            criteria=frozenset({"age", "findings"}),
            needs=frozenset({"any"}),
            hint="Say which keys are compromised: clients by id or name, a name pattern, a scope or a finding.",
        ),
        "resume": OperationFacts(
            options=ResumeOptions, requests=(5, 2), failed="interrupted operations could not be finished."
        ),
    }
)
assert set(FACTS) == set(get_args(OperationOnMany))


def options_for(operation: str, given: Mapping[str, Any]) -> Options:
    """Return the options of an operation.

    Raises:
        ConfigurationError: there is no such operation, a value is out of bounds, or one key is given for many clients.
        TypeError: the operation has no such option, or a value is of another type.
    """
    if operation not in FACTS:
        raise ConfigurationError(
            f"There is no operation {operation!r} on many clients.", hint=f"One of: {', '.join(FACTS)}."
        )
    if isinstance(given.get("key"), PrivateKey):
        raise ConfigurationError("One key cannot be given to many clients.", hint="Give a KeySpec, or no key.")
    return FACTS[operation].options(**given)


def check_selection(operation: str, selection: Selection, options: Options) -> None:
    """Refuse a selection by which the operation could not be asked for again without harm.

    Raises:
        ConfigurationError: a criterion is missing, has no meaning for the operation, or always fits.
    """
    facts = FACTS[operation]
    states = {"age": selection.has_age, "findings": bool(selection.findings), "secret_only": selection.secret_only}
    given = {name for name, is_given in states.items() if is_given}
    wrong = given - facts.criteria
    if wrong:
        raise ConfigurationError(
            f"{operation} cannot select clients by {' or '.join(sorted(wrong))}.", hint=facts.hint or "Leave it out."
        )
    if operation == "resume" and not selection.is_empty:
        raise ConfigurationError(
            "resume finishes whatever was interrupted; it takes no selection.", hint="Leave the selection out."
        )
    given |= {"clients"} if selection.clients else set()
    given |= set() if selection.is_empty else {"any"}
    if facts.needs and not facts.needs & given:
        raise ConfigurationError(f"It is not said which clients to {operation}.", hint=facts.hint)
    longest = options.rotate_after or ROTATE_AFTER if isinstance(options, RotateOptions) else None
    if longest is not None and selection.due and selection.within >= longest:
        raise ConfigurationError(
            "`within` is not shorter than the time after which a new key is due: each run would rotate them again.",
            hint="Give a shorter `within`, or a longer `rotate_after`.",
        )
    if isinstance(options, RotateOptions) and selection.older_than == timedelta(0):
        raise ConfigurationError(
            "Every key is older than no time at all: each run would rotate the same clients again.",
            hint="Give a longer `older_than`. For all keys of before a moment, use `rotate_due` with `before`.",
        )


def requests_of(operation: str, options: Options) -> dict[int, int]:
    """Return how many requests of each tier one client takes, at least."""
    first, second = FACTS[operation].requests
    if isinstance(options, RotateOptions) and options.overlap == timedelta(0):
        first, second = first + _AT_ONCE[0], second + _AT_ONCE[1]
    if isinstance(options, AdoptOptions) and options.remove_secrets:
        first, second = first + 2, second + 2
    return {1: first, 2: second}


def irreversible_of(operation: str, options: Options, *, is_at_once: bool = False) -> tuple[str, ...]:
    """Return what of the operation cannot be undone, as titles of its steps.

    Args:
        operation: which.
        options: its options.
        is_at_once: a client of it is declared to have no overlap.
    """
    actions: tuple[Action, ...] = ()
    has_no_overlap = is_at_once or (isinstance(options, RotateOptions) and options.overlap == timedelta(0))
    if operation in ("retire", "revoke") or (operation == "rotate" and has_no_overlap):
        actions = (Action.RETIRE, Action.PURGE)
    if operation == "revoke":
        actions = (*actions, Action.END_TOKENS)
    if isinstance(options, AdoptOptions) and options.remove_secrets:
        actions = (Action.REMOVE_SECRETS,)
    return tuple(ACTIONS[action].title for action in actions)
