"""Writing a fleet file from what exists: read again, it differs in nothing from what is there."""

from __future__ import annotations

import re
import secrets
from collections import Counter, defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import yaml

from qlik_keys.core.durations import format_duration, parse_duration
from qlik_keys.errors import ConfigurationError, FleetError
from qlik_keys.fleet.manifest.comparing.changes import TenantFailure
from qlik_keys.fleet.manifest.comparing.facts import FoundClient, facts_of
from qlik_keys.fleet.manifest.declared import methods_text
from qlik_keys.fleet.manifest.model import SCHEMA_ADDRESS
from qlik_keys.fleet.tenants import Fleet
from qlik_keys.fleet.written_yaml import looks_secret
from qlik_keys.keystore.declarations import LABEL
from qlik_keys.lifecycle.provisioning.specification import APP_TYPE, CLIENT_SECRET, PRIVATE_KEY_JWT
from qlik_keys.tenant.resources.grants import IMPERSONATION
from qlik_keys.tenant.resources.scopes import known_scopes

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from qlik_keys.fleet.references import TenantReference, VaultReference
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

_MOST_IN_NAME = 40
_SHARED = ("key", "custody", "methods", "consent", "rotate-after", "overlap", "owner")
_OF_KEYS = ("key", "custody", "rotate-after", "overlap")
_IN_GROUP = ("scopes", "owner", "tags")
_LEAST_IN_GROUP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A fleet file that was written from what exists.

    Attributes:
        text: the file.
        clients: how many clients it declares.
        left_out: how many clients of the tenants it does not.
        fleet: the fleet's name.
        notices: what a person should know of that name.
    """

    text: str
    clients: int
    left_out: int
    fleet: str = ""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LookWork:
    """What is done for one tenant; picklable."""

    def __call__(
        self, name: str, tenant: QlikTenant, store: KeyStore, *, told: Callable[[object], None], cancel: threading.Event
    ) -> tuple[FoundClient, ...]:
        """Return the clients of a tenant; see `TenantWork`."""
        del name, told, cancel
        return facts_of(tenant, store, consent_of=None, consent=True).clients


def export_fleet(
    references: Mapping[str, TenantReference],
    *,
    fleet: Fleet | None = None,
    name: str = "",
    include_all: bool = False,
) -> Exported:
    """Return a fleet file of the clients that qlik_keys manages.

    Args:
        references: where each tenant is, as the file is to say.
        fleet: the same tenants, if they are open already.
        name: the fleet's name; by default that with which the clients are marked, else a new one, which no other
            file has.
        include_all: name the clients that are not managed too, in comments.

    Raises:
        ConfigurationError: the name is no label, there is no tenant, or the clients have marks of several fleets.
        FleetError: a tenant could not be asked: a file without its clients would say that they are to be deleted.
    """
    if name and not LABEL.fullmatch(name):
        raise ConfigurationError("That is no name of a fleet.", hint="Use letters, digits and . _ : / -, at most 64.")
    found: dict[str, tuple[FoundClient, ...]] = {}
    outcomes = (Fleet(references) if fleet is None else fleet).each(LookWork())
    if any(outcome.error is not None for outcome in outcomes):
        results = [TenantFailure(name=each.tenant, error=each.error) for each in outcomes]
        raise FleetError(results, what="tenants could not be asked, so that no file was written.")
    for outcome in outcomes:
        found[outcome.tenant] = outcome.value or ()
    marks = _marks(found)
    named = name or _name_of(marks, references)
    entries, left_out = _entries(found, named)
    text = _text(named, references, entries, left_out if include_all else [])
    notices = () if name or not marks else (_same_name_notice(named, marks[named]),)
    return Exported(text=text, clients=len(entries), left_out=len(left_out), fleet=named, notices=notices)


def _same_name_notice(name: str, count: int) -> str:
    return (
        f"The file has the name {name!r}, whose mark {count} of the clients carry: it takes the place of the file of "
        "that fleet. For a file of your own, give another name: --name."
    )


def _name_of(marks: Counter[str], references: Mapping[str, TenantReference]) -> str:
    """Return the name of the fleet whose marks there are; without any, a new one that no other file has.

    Raises:
        ConfigurationError: there are marks of several fleets.
    """
    if len(marks) > 1:
        told = ", ".join(f"{name!r} ({count})" for name, count in marks.most_common())
        raise ConfigurationError(
            f"The clients carry the marks of {len(marks)} fleets: {told}.",
            hint="Say which fleet the file is for, or give a new name: --name (in Python, name=).",
        )
    if marks:
        return next(iter(marks))
    # Two teams that export the same tenant must not get the same name: each would take the other's clients for removed.
    tenant = re.sub("[^A-Za-z0-9._-]+", "-", next(iter(references), "") if len(references) == 1 else "").strip("._-")
    return f"{tenant[:_MOST_IN_NAME] or 'fleet'}-{secrets.token_hex(2)}"


def _marks(found: Mapping[str, Sequence[FoundClient]]) -> Counter[str]:
    """Return the fleets whose marks the clients carry, and how many each."""
    return Counter(
        client.summary.declaration.fleet
        for clients in found.values()
        for client in clients
        if client.summary is not None and client.summary.declaration is not None
    )


def _entries(
    found: Mapping[str, Sequence[FoundClient]], fleet: str
) -> tuple[list[dict[str, Any]], list[tuple[str, FoundClient, str]]]:
    """Return what is declared, a client once where it is alike on several tenants, and what is left out and why."""
    alike: dict[tuple[str, str], tuple[dict[str, Any], list[str]]] = {}
    left_out = []
    for tenant, clients in found.items():
        names = Counter(_name(client) for client in clients if _reason_against(client, fleet) == "")
        for client in clients:
            reason = _reason_against(client, fleet)
            if not reason and names[_name(client)] > 1:
                reason = "several clients have this name"
            if reason:
                left_out.append((tenant, client, reason))
                continue
            entry = _entry(client)
            _, tenants = alike.setdefault((_name(client), repr(entry)), (entry, []))
            tenants.append(tenant)
    entries = []
    for entry, tenants in alike.values():
        everywhere = len(tenants) == len(found)
        entries.append(entry if everywhere else {**entry, "tenants": tenants})
    return sorted(entries, key=lambda each: str(each["name"])), left_out


def _name(client: FoundClient) -> str:
    """Return the name under which a client is declared: a marked record's, whatever the client is called now."""
    summary = client.summary
    return client.name if summary is None or summary.declaration is None else summary.client_name


def _reason_against(client: FoundClient, fleet: str) -> str:
    """Return why a client is not declared, "" for no reason."""
    summary = client.summary
    if summary is None or summary.gone:
        return "not managed by qlik_keys"
    if client.problem or client.app_type != APP_TYPE or not {PRIVATE_KEY_JWT, CLIENT_SECRET} & {*client.auth_methods}:
        return "its record is damaged, or it is no machine-to-machine client"
    if summary.declaration is not None and summary.declaration.fleet != fleet:
        return f"declared in the fleet {summary.declaration.fleet}"
    if looks_secret(_name(client), may_be_chance=True) or not _name(client).isprintable():
        return "its name cannot be written to a file"
    return ""


def _entry(client: FoundClient) -> dict[str, Any]:
    summary = client.summary
    assert summary is not None  # `_reason_against`
    mark = summary.declaration
    overlap = None if mark is None else mark.overlap_seconds
    fields: dict[str, Any] = {
        "name": _name(client),
        "scopes": sorted(client.scopes),
        "key": client.key,
        "custody": summary.custody if summary.current_kid else "",
        "methods": methods_text(client.auth_methods),
        "consent": "" if client.consent is None else "trusted" if client.consent == "trusted" else "required",
        "impersonation": IMPERSONATION in client.grant_types,
        "description": "" if looks_secret(client.description) else client.description.strip(),
        "rotate-after": f"{summary.serves_days}d" if (summary.serves_days or 0) >= 1 else "",
        "overlap": "" if overlap is None else format_duration(parse_duration(f"{overlap}s")),
        "owner": "" if mark is None else mark.owner,
        "tags": [] if mark is None else [*mark.tags],
    }
    return {name: value for name, value in fields.items() if value}


def _text(
    fleet: str,
    references: Mapping[str, TenantReference],
    entries: list[dict[str, Any]],
    left_out: Sequence[tuple[str, FoundClient, str]],
) -> str:
    defaults = _defaults(entries)
    entries = [{name: value for name, value in each.items() if defaults.get(name) != value} for each in entries]
    groups, entries = _grouped(entries)
    scopes = {scope for each in (*entries, *groups.values()) for scope in each.get("scopes", ())}
    extra = sorted(scopes - known_scopes().keys())
    lines = [
        f"# yaml-language-server: $schema={SCHEMA_ADDRESS}",
        "# Written by `qlik-keys export`. No secret is in this file, and none may be.",
        "version: 1",
        f"fleet: {_flow(fleet)}",
        *([f"extra-scopes: {_flow(extra)}"] if extra else []),
        *([f"defaults: {_flow(defaults)}"] if defaults else []),
        *_section("groups", groups),
        *_section("tenants", {name: _reference(each) for name, each in references.items()}),
        *(["clients:"] if entries else ["clients: []"]),
        *(f"  - {_flow(each)}" for each in entries),
        *_comments(left_out),
    ]
    return "\n".join(lines) + "\n"


def _section(name: str, values: Mapping[str, dict[str, Any]]) -> list[str]:
    return [f"{name}:", *(f"  {_flow(each)}: {_flow(value)}" for each, value in values.items())] if values else []


def _flow(value: Any) -> str:
    """Return a value as YAML writes it on one line."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf"), explicit_end=False
    )
    return text.removesuffix("...\n").rstrip("\n")


def _comments(left_out: Sequence[tuple[str, FoundClient, str]]) -> Iterator[str]:
    if left_out:
        yield "# Not declared:"
    for tenant, client, reason in left_out:
        name = "".join(letter if letter.isprintable() else " " for letter in client.name)
        shown = "its name is left out" if looks_secret(name, may_be_chance=True) else name
        yield f"#   {tenant}: {shown} ({client.client_id}): {reason}"


def _defaults(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the values that most clients share, of what each of them has: a default holds for all."""
    found = {}
    for name in _SHARED:
        asked = [each for each in entries if name not in _OF_KEYS or "private-key-jwt" in each["methods"]]
        values = [repr(each[name]) for each in asked if name in each]
        if len(values) < len(asked) or len(values) <= 1:
            continue
        value, count = Counter(values).most_common(1)[0]
        if 2 * count > len(values):
            found[name] = next(each[name] for each in asked if repr(each[name]) == value)
    return found


def _grouped(entries: Sequence[dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Return groups of clients with the same scopes, owner and tags, and the clients with what is left to say."""
    alike: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in entries:
        alike[repr([each.get(name) for name in _IN_GROUP])].append(each)
    groups: dict[str, dict[str, Any]] = {}
    named: dict[int, str] = {}
    for members in alike.values():
        shared = {name: members[0][name] for name in _IN_GROUP if name in members[0]}
        if len(members) < _LEAST_IN_GROUP or not shared:
            continue
        wanted = str(shared["tags"][0] if "tags" in shared else str(shared.get("owner", "group")).partition("@")[0])
        name = next(one for one in (wanted, *(f"{wanted}-{n}" for n in range(2, len(alike) + 2))) if one not in groups)
        groups[name] = shared
        named |= {id(each): name for each in members}
    clients = []
    for each in entries:
        group = named.get(id(each))
        rest = {name: value for name, value in each.items() if group is None or name not in groups[group]}
        clients.append(rest if group is None else {"name": rest.pop("name"), "group": group, **rest})
    return groups, clients


def _reference(reference: TenantReference) -> dict[str, Any]:
    """Return where a tenant is as the file says it; what is not given is left out."""
    told = {each.name: getattr(reference, each.name) for each in fields(reference) if each.name != "vault"}
    return _written(told) | ({"vault": vault} if (vault := _vault(reference.vault)) else {})


def _vault(reference: VaultReference) -> dict[str, Any]:
    return _written({each.name: getattr(reference, each.name) for each in fields(reference)})


def _written(fields: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in fields.items() if value}
