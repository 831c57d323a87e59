"""Which scopes of a token let it read what, and the refusal that names them (oauth-scopes, "meaning").

An API key has all that its user may. Qlik publishes no table of scopes by call: assumed here is what the meanings say,
that `user_default` gives the own content, and that `admin_classic` gives everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.sandbox.simulator.messages import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlik_keys.sandbox.simulator.state import Caller

_EVERYTHING = "admin_classic"
READS_APPS = ("apps:read", "apps", "user_default")
READS_ALL_APPS = ("admin.apps:read", "admin.apps")
READS_ALL_SPACES = ("admin.spaces:read", "admin.spaces")
SPACE_TYPES = ("data", "managed", "shared")
LOOKS_USERS_UP = ("users:read", "users")
READS_ALL_USERS = ("admin.users:read", "admin.users")
WRITES_ALL_USERS = ("admin.users",)


def has_one(caller: Caller, scopes: Iterable[str]) -> bool:
    """Tell whether the caller's credential has one of the scopes; an API key has them all."""
    return caller.scopes is None or bool({_EVERYTHING, *scopes} & set(caller.scopes))


def sees_all(caller: Caller, scopes: Iterable[str]) -> bool:
    """Tell whether the caller sees what is others': the role of an administrator, and one of the scopes."""
    return "TenantAdmin" in caller.user.roles and has_one(caller, scopes)


def space_types(caller: Caller) -> tuple[str, ...]:
    """Return the types of spaces of which the caller may read its own."""
    return tuple(one for one in SPACE_TYPES if has_one(caller, (*_reads_spaces(one), "user_default")))


def all_space_scopes() -> tuple[str, ...]:
    """Return every scope that lets some space be read."""
    return (*(scope for one in SPACE_TYPES for scope in _reads_spaces(one)), "user_default")


def require(caller: Caller, scopes: Iterable[str]) -> None:
    """Let a caller pass whose credential has one of the scopes.

    Raises:
        Refusal: it has none of them; the text names them all.
    """
    if not has_one(caller, scopes):
        named = ", ".join((*scopes, _EVERYTHING))
        raise Refusal(
            403, "HTTP-403", "Forbidden", f"The token lacks a scope for this. One of these gives it: {named}."
        )


def _reads_spaces(kind: str) -> tuple[str, ...]:
    return f"spaces.{kind}:read", f"spaces.{kind}"
