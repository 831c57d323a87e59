"""The least scopes for the calls that someone names.

Qlik publishes no table of scopes by call. What is here follows from the published meaning of each scope
(`oauth-scopes.tsv`) and from qlik-cloud-contract (OAuth clients, audits). A call that it does not say is unknown, and
never guessed: a proposal that is too small is found at the first call, one that is too large never.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qlik_keys.tenant.resources.scopes import without_covered

if TYPE_CHECKING:
    from collections.abc import Iterable

_READS = frozenset({"GET", "HEAD"})
_METHODS = _READS | {"POST", "PUT", "PATCH", "DELETE"}
_API = re.compile(r"(?:/?api)?/?v\d+/(?P<path>.*)")
_SPACES = ("spaces.shared", "spaces.managed", "spaces.data")
# Path below /api/v1/ as a pattern, the scopes to read it, the scopes to change it; None where nothing published says.
# The first that fits counts.
_RULES: tuple[tuple[str, tuple[str, ...] | None, tuple[str, ...] | None], ...] = (
    ("users/me|tenants/me|tenants/[^/]+", (), None),
    ("users(/.*)?", ("users:read",), ("admin.users",)),
    ("spaces", tuple(f"{one}:read" for one in _SPACES), ("spaces.shared:create", "spaces.managed", "spaces.data")),
    ("spaces(/.*)?", tuple(f"{one}:read" for one in _SPACES), _SPACES),
    ("apps/[^/]+/export", None, ("apps:export",)),
    ("apps(/.*)?", ("apps:read",), ("apps",)),
    ("items(/.*)?", ("apps:read",), None),
    ("reloads(/.*)?", ("apps:read",), ("apps",)),
    ("reports(/.*)?", None, ("apps.report:export",)),
    ("automations(/.*)?", ("automations:read",), ("automations",)),
    ("data-connections(/.*)?", ("data-connections:read",), ("data-connections",)),
    ("data-sets(/.*)?", ("dataset",), ("dataset",)),
    ("data-products(/.*)?", ("dataproduct:consume",), ("dataproduct",)),
    ("data-qualities(/.*)?", ("dataquality:read",), ("dataquality",)),
    ("lineage-graphs(/.*)?", ("lineage:read",), ("lineage:create",)),
    ("glossaries/[^/]+/terms(/.*)?", None, ("glossary:update",)),
    ("glossaries(/.*)?", None, ("glossary:manage",)),
    ("assistants(/.*)?", ("assistants:read",), ("assistants",)),
    ("knowledgebases/[^/]+/actions/search", None, ("knowledgebases:search",)),
    ("knowledgebases(/.*)?", ("knowledgebases:read",), ("knowledgebases",)),
    ("ml/deployments/[^/]+/(realtime|batch)-predictions(/.*)?", None, ("automl-deployments:predict",)),
    ("ml/deployments(/.*)?", ("automl-deployments",), ("automl-deployments",)),
    ("ml/experiments(/.*)?", ("automl-experiments:no_gen_ai_assist",), ("automl-experiments:no_gen_ai_assist",)),
    ("webhooks(/.*)?", ("webhooks",), ("webhooks",)),
    ("extensions(/.*)?", None, ("admin.extensions",)),
    ("themes(/.*)?", None, ("admin.themes",)),
    ("ip-policies(/.*)?", ("admin.ip-policies",), ("admin.ip-policies",)),
    ("oauth-tokens(/.*)?", (), ()),
    ("(audits|oauth-clients)(/.*)?", ("admin_classic",), ("admin_classic",)),
)
_NOTES = {
    "spaces": "one for each kind of space: omit the kinds that are not needed",
    "users": "changing users is administration",
    "oauth-tokens": "every token may, for the tokens of its own user; those of others need admin_classic",
    "items": "for the apps among the items; other kinds need their own",
}
# qlik-cli's nouns where they are not the path without its plural "s", and its verbs.
_NOUNS = {"item": "items", "glossary": "glossaries", "data-set": "data-sets", "dataset": "data-sets"}
_NOUNS |= {"ml": "ml/experiments", "knowledgebase": "knowledgebases", "data-connection": "data-connections"}
_READING_VERBS = frozenset({"count", "get", "ls", "me", "types"})
_PROGRAMS = frozenset({"qlik", "qlik-keys", "%qlik", "%%qlik", "!qlik", "$", "curl"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCall:
    """One call of a proposal.

    Attributes:
        text: as it was typed.
        is_known: whether the published meanings say what it needs.
        is_call: whether it was understood as a call at all.
        scopes: the least that it needs; none where every token may.
        note: what else there is to say, or "".
    """

    text: str
    is_known: bool
    scopes: tuple[str, ...] = ()
    note: str = ""
    is_call: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeProposal:
    """The least scopes for some calls.

    Attributes:
        scopes: those that all the known calls need together, without any that another covers.
        calls: each of the calls, in their order.
    """

    scopes: tuple[str, ...]
    calls: tuple[NamedCall, ...]


def least_scopes(calls: str | Iterable[str]) -> ScopeProposal:
    r"""Return the least scopes for calls that are named as a person names them.

    Args:
        calls: a call to a line (or to an item): `GET /v1/apps`, `v1/apps`, `POST https://…/api/v1/reloads`, or in
            qlik-cli's words, `qlik app reload`. An empty line or one that starts with `#` is passed over.

    Example:
        >>> least_scopes("GET /v1/apps\nqlik user ls").scopes
        ('apps:read', 'users:read')
    """
    lines = calls.splitlines() if isinstance(calls, str) else calls
    stripped = (line.strip() for line in lines)
    found = tuple(_named(line) for line in stripped if line and not line.startswith("#"))
    scopes = without_covered(scope for call in found for scope in call.scopes)
    return ScopeProposal(scopes=tuple(scopes), calls=found)


def _named(line: str) -> NamedCall:
    method, path = _read(line)
    for pattern, reading, changing in _RULES:
        if path and re.fullmatch(pattern, path):
            scopes = reading if method in _READS else changing
            if scopes is None:
                break
            root = path.partition("/")[0]
            has_note = root != "users" or method not in _READS
            note = _NOTES.get(root, "") if has_note else ""
            note = note or ("" if scopes else "every token may")
            return NamedCall(text=line, is_known=True, scopes=scopes, note=note)
    return NamedCall(text=line, is_known=False, is_call=bool(path))


def _read(line: str) -> tuple[str, str]:
    """Return method and path below /api/v1/ of a typed call; an empty path where it is none."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    while words and words[0] in _PROGRAMS:
        words = words[1:]
    if words[:1] == ["raw"]:
        words = words[1:]
    words = [word for word in words if not word.startswith("-")]
    method = "GET"
    if words and words[0].upper() in _METHODS:
        method, words = words[0].upper(), words[1:]
    if not words:
        return method, ""
    # In the panel's curl the path stands behind a variable with the tenant's address, which has a ? of its own.
    address = words[0][max(words[0].find("/api/v"), 0) :]
    path = urlsplit(address).path if "://" in address else address.partition("?")[0]
    found = _API.fullmatch(path)
    if found:
        return method, found["path"].strip("/")
    return _by_words([word.lower() for word in words])


def _by_words(words: list[str]) -> tuple[str, str]:
    """Return method and path of a call in qlik-cli's words: noun and verb."""
    noun, verb = words[0], words[1] if len(words) > 1 else ""
    if not verb or not re.fullmatch(r"[a-z-]+", noun):
        return "GET", ""
    root = _NOUNS.get(noun, f"{noun}s")
    if (noun, verb) in (("user", "me"), ("tenant", "me")):
        return "GET", f"{root}/me"
    if (noun, verb) == ("app", "export"):
        return "POST", "apps/ID/export"
    return ("GET" if verb in _READING_VERBS else "POST"), root
