"""The OAuth scopes that Qlik Cloud publishes: their meanings, and which one covers which.

The list is data (`oauth-scopes.tsv`), read once when it is first asked for. A tenant may know scopes that it lacks, so
an unknown scope is worth a warning and never a refusal. Which scopes a call needs is in `scope_proposal`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALL_OF_ADMINISTRATION = "admin_classic"
_ADMINISTRATION = "admin."
# What the names do not show, but Qlik's meanings of these scopes do: the first is "all", the others a part of it.
_COVERED_BY_MEANING = {
    "apps.data:export": ("apps.image:export",),
    "apps.report:all": ("apps.report:export",),
    "geo-operations": ("geo-operations.limited",),
    "glossary:all": ("glossary:manage", "glossary:update"),
    "glossary:manage": ("glossary:update",),
    "sprints:all": ("sprints:contribute",),
}
_WORD = re.compile(r"[a-z][a-z_.:-]*[a-z]")


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope that Qlik publishes.

    Attributes:
        name: what is asked for, for example "apps:read".
        group: "admin" or "user".
        meaning: one sentence: what it allows, and what it does not.
    """

    name: str
    group: str
    meaning: str


@cache
def known_scopes() -> Mapping[str, Scope]:
    """Return the published scopes by name, in the order in which Qlik lists them."""
    text = files("qlik_keys.tenant.resources").joinpath("oauth-scopes.tsv").read_text(encoding="utf-8")
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
    return parent == child or parent in parents(child)


def parents(name: str) -> tuple[str, ...]:
    """Return the scopes that give all that this one gives, and more, published or not.

    Example:
        >>> parents("apps:read"), parents("admin.apps:read")
        (('apps',), ('admin_classic', 'admin.apps'))
    """
    found = [ALL_OF_ADMINISTRATION] if name.startswith(_ADMINISTRATION) else []
    if ":" in name:
        found.append(name.partition(":")[0])
    return (*found, *(parent for parent, covered in _COVERED_BY_MEANING.items() if name in covered))


@cache
def _children() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for child in known_scopes():
        for parent in parents(child):
            found.setdefault(parent, []).append(child)
    return {parent: tuple(covered) for parent, covered in found.items()}


def children(name: str) -> tuple[str, ...]:
    """Return the published scopes of which this one gives all.

    Example:
        >>> children("apps")
        ('apps:read', 'apps:export', 'apps:manage')
    """
    return _children().get(name, ())


def explanation(name: str) -> str:
    """Return the scope's meaning, with the scopes around it; "" for one that Qlik does not publish.

    Example:
        >>> explanation("apps:export").endswith("Included in apps.")
        True
    """
    scope = known_scopes().get(name)
    if scope is None:
        return ""
    parts = [scope.meaning]
    if name != ALL_OF_ADMINISTRATION and children(name):  # its own meaning says which
        parts.append(f"Includes {', '.join(children(name))}.")
    published = [parent for parent in parents(name) if parent in known_scopes()]
    if published:
        parts.append(f"Included in {', '.join(published)}.")
    return " ".join(parts)


def named_in(text: str) -> tuple[str, ...]:
    """Return the published scopes that a server's text names, in its order.

    A name that is a plain word too ("apps", "users") counts only where the text speaks of scopes.

    Example:
        >>> named_in("Missing permission: apps:read"), named_in("The apps are locked.")
        (('apps:read',), ())
    """
    speaks_of_scopes = "scope" in text.casefold()
    found = (word for word in _WORD.findall(text) if word in known_scopes())
    return tuple(dict.fromkeys(one for one in found if speaks_of_scopes or not one.replace("-", "").isalpha()))


def lacks_scope(text: str) -> bool:
    """Tell whether a server's refusal says that a scope is missing, in any of the wordings that are met.

    `admin_classic` alone says nothing: a text that names it asks for the role just as well.
    """
    return "scope" in text.casefold() or any(one != ALL_OF_ADMINISTRATION for one in named_in(text))


def missing_scope_hint(text: str) -> str:
    """Return what to do about a refusal that says that a scope is missing; "" for any other refusal.

    Args:
        text: what the tenant says: code, title and detail.
    """
    if not lacks_scope(text):
        return ""
    return f"The token lacks a scope: give the client {wanted_scope(text)}, then request a new token with it."


def wanted_scope(text: str) -> str:
    """Return the scope that a refusal wants, in words: of those that it names the one that gives least.

    Example:
        >>> wanted_scope("needs a scope: apps:read, apps"), wanted_scope("insufficient_scope")
        ('apps:read (or another one that the tenant names)', 'the scope that the tenant requires')
    """
    named = named_in(text)
    if not named:
        return "the scope that the tenant requires"
    least = max(
        named, key=lambda one: (not one.startswith(_ADMINISTRATION), sum(covers(parent, one) for parent in named))
    )
    return least if len(named) == 1 else f"{least} (or another one that the tenant names)"


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
        warnings.append("admin_classic allows this client to administer the whole tenant.")
    return tuple(warnings)
