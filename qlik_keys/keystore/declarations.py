"""What a fleet file says of a client that the tenant has no place for: the store keeps it in the client's record.

It marks the client as one that is declared in that file: what has no such mark is never changed by the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from qlik_keys.core.names import name_problem
from qlik_keys.errors import ConfigurationError

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")  # the name of a fleet, a tag
MOST_TAGS = 20
LONGEST_OWNER = 120  # letters; Vault's custom metadata take 512 bytes a value
_LONGEST_TAGS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """The mark of a fleet file on a client's record.

    Attributes:
        fleet: the name of the fleet in whose file the client is declared.
        owner: who answers for the client, for people; "" for no one named.
        tags: labels, sorted, each once.
        overlap_seconds: how long an old key goes on at a rotation; None where the file does not say.
        awaits_secret: a client secret is being made for the file, and no one has been shown it yet.

    Raises:
        ConfigurationError: a value is malformed or too long. It is not quoted.
    """

    fleet: str
    owner: str = ""
    tags: tuple[str, ...] = ()
    overlap_seconds: int | None = None
    awaits_secret: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not be shown in Vault's metadata, and read again from there."""
        check_label(self.fleet, what="The name of the fleet")
        check_owner(self.owner)
        for tag in self.tags:
            check_label(tag, what="The tag")
        check_tags(self.tags)
        object.__setattr__(self, "tags", tuple(sorted(set(self.tags))))


def check_label(text: str, *, what: str) -> None:
    """Refuse a text that is no label.

    Raises:
        ConfigurationError: it is none.
    """
    if not LABEL.fullmatch(text):
        raise ConfigurationError(
            f"{what} is not a label.",
            hint="Use 1 to 64 letters, digits and . _ : / -, and begin with a letter or a digit.",
        )


def check_owner(owner: str) -> None:
    """Refuse a text that cannot be shown as an owner; "" is none.

    Raises:
        ConfigurationError: it cannot.
    """
    problem = name_problem(owner, longest=LONGEST_OWNER) if owner else ""
    if problem or owner != owner.strip():
        raise ConfigurationError(
            f"The owner {problem or 'begins or ends with a blank'}.", hint="Give a name or an e-mail address."
        )


def check_tags(tags: tuple[str, ...]) -> None:
    """Refuse more tags than a record shows.

    Raises:
        ConfigurationError: there are too many.
    """
    if len(tags) > MOST_TAGS or len(" ".join(tags)) > _LONGEST_TAGS:
        raise ConfigurationError(
            "There are too many tags.", hint=f"Give at most {MOST_TAGS}, of {_LONGEST_TAGS} characters together."
        )
