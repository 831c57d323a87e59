"""The OAuth scopes that Qlik Cloud publishes: their meanings, and which one covers which.

The list is data (`oauth-scopes.tsv`), read once when it is first asked for. A tenant may know scopes that it lacks, so
an unknown scope is worth a warning and never a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALL_OF_ADMINISTRATION = "admin_classic"


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope that Qlik publishes.

    Attributes:
        name: what is asked for, for instance "apps:read".
        group: "admin" or "user".
        meaning: in Qlik's words; where several scopes share a line there, the meanings stand in their order.
    """

    name: str
    group: str
    meaning: str


@cache
def known_scopes() -> Mapping[str, Scope]:
    """Return the published scopes by name, in the order in which Qlik lists them."""
    text = files("qlik_keys.tenant").joinpath("oauth-scopes.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines()[1:] if line)
    return MappingProxyType({name: Scope(name, group, meaning) for name, group, meaning in rows})


def covers(parent: str, child: str) -> bool:
    """Return whether a scope gives all that another one gives.

    `apps` covers `apps:read`, and `admin_classic` all of administration. Names that share only the part before a dot
    (`apps` and `apps.data:export`) are scopes of their own: Qlik publishes no rule that one gives the other.

    Example:
        >>> covers("spaces.shared", "spaces.shared:read"), covers("apps:read", "apps")
        (True, False)
    """
    if parent == child:
        return True
    if parent == ALL_OF_ADMINISTRATION:
        return child.startswith("admin.")
    return ":" not in parent and child.startswith(parent + ":")


def unknown(scopes: Iterable[str]) -> list[str]:
    """Return those of the scopes that Qlik does not publish, in their order."""
    return [scope for scope in scopes if scope not in known_scopes()]


def without_covered(scopes: Iterable[str]) -> list[str]:
    """Return the scopes without those that another one of them covers, in their order and each once."""
    chosen = list(dict.fromkeys(scopes))
    return [child for child in chosen if not any(parent != child and covers(parent, child) for parent in chosen)]


def families() -> Mapping[str, Mapping[str, tuple[Scope, ...]]]:
    """Return the scopes for a picker: group -> the part before the first colon -> its scopes."""
    grouped: dict[str, dict[str, list[Scope]]] = {}
    for scope in known_scopes().values():
        grouped.setdefault(scope.group, {}).setdefault(scope.name.partition(":")[0], []).append(scope)
    return {
        group: {family: tuple(scopes) for family, scopes in families_.items()} for group, families_ in grouped.items()
    }


def __getattr__(name: str) -> Mapping[str, Scope]:
    if name == "KNOWN_SCOPES":
        return known_scopes()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def scope_warnings(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return what a person should know about these scopes, a sentence each."""
    chosen = list(scopes)
    warnings = [
        f"{scope!r} is not among the scopes that Qlik publishes: check its spelling." for scope in unknown(chosen)
    ]
    if ALL_OF_ADMINISTRATION in chosen:
        warnings.append("admin_classic lets this client administer the whole tenant.")
    return tuple(warnings)
