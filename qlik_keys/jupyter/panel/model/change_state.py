"""What is wished for the keys of a client, what its plan shows, and what an action came to, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.model.state import ErrorCard

ResultKind = Literal["good", "warning", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeForm:
    """A wish for the keys of a client that is there.

    Attributes:
        operation: a name of `words.OPERATIONS`: "rotate", "delete", ...; "resume" is for all that was interrupted.
        client_id: which client, "" for "resume".
        overlap_hours: how long the old key goes on, for "rotate".
        key_choice: which kind of key, a name of `KEY_CHOICES`; "" for the kind that there is.
        allow_swap: where the tenant takes one key only, put the new one in its place.
        force: retire also where the overlap is not over.
        remove_secrets: adopt, and then delete the client secrets.
        keep_secret: delete, and leave the keys in the Vault.
        hint: which client secret, for "remove_secret".
        confirm: the client's id once more, for "delete".
    """

    operation: str
    client_id: str = ""
    overlap_hours: str = "24"
    key_choice: str = ""
    allow_swap: bool = False
    force: bool = False
    remove_secrets: bool = False
    keep_secret: bool = False
    hint: str = ""
    confirm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPlan:
    """What an operation would do, before it is done.

    Attributes:
        form: what was wished for.
        client_name: whose keys, "" for several.
        notes: what a person should know.
        irreversible: titles of the steps that nobody can take back.
        blocked: why it would be refused now, "" if it would not.
        hint: what to do about that.
        is_empty: there is nothing to do.
        hints: the client secrets to choose from, for "remove_secret".
        opened: tells it from every plan that was opened before: each one starts from the defaults.
    """

    form: ChangeForm
    client_name: str
    notes: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    blocked: str = ""
    hint: str = ""
    is_empty: bool = False
    hints: tuple[str, ...] = ()
    opened: int = field(default=0, compare=False)

    def is_for(self, form: ChangeForm) -> bool:
        """Tell whether these choices lead to this plan; what confirms it changes nothing of it."""
        return replace(self.form, confirm="", hint="") == replace(form, confirm="", hint="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResult:
    """What an action came to; it is shown where its button stands.

    Attributes:
        kind: whether it succeeded, succeeded with a warning, or failed.
        words: what it came to; "" where the card says it.
        card: what went wrong, None for nothing.
        number: which result of the session it is: a new one is brought into view, one that is drawn again is not.
        retry: the change to plan again after it failed, None for none.
    """

    kind: ResultKind
    words: str
    number: int
    card: ErrorCard | None = None
    retry: ChangeForm | None = None
