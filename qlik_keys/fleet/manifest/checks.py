"""What the values of a fleet file must say together: names that exist, each client once, scopes that are published.

It looks at the plain values, so that these mistakes are told together with those of single values. Where there is none,
it returns the manifest.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from qlik_keys.core.names import name_problem
from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.manifest.declared import DeclaredClient, Manifest, methods_of
from qlik_keys.fleet.manifest.hooks import check_hook_names, check_reference, hooks_by_tenant
from qlik_keys.fleet.manifest.model import is_scope
from qlik_keys.fleet.references import TenantReference, VaultReference
from qlik_keys.keystore.declarations import check_tags
from qlik_keys.tenant.resources.scopes import known_scopes
from qlik_keys.tenant.url import checked_tenant_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from qlik_keys.fleet.manifest.model import Choices, ClientPart, FleetFile, TenantPart
    from qlik_keys.fleet.written_yaml import Path, Written

_NO_TENANT = " is no tenant: "  # before it there is a host, which is not quoted
_FROM_VAULT = ("address", "namespace", "mount", "prefix", "custody", "ca_cert", "token_variable", "token_file")
_CHOICES = (
    "scopes",
    "key",
    "custody",
    "methods",
    "consent",
    "impersonation",
    "description",
    "rotate_after",
    "overlap",
    "owner",
    "tags",
    "hooks",
)


def check_together(written: Written, found: FleetFile | None) -> Manifest | None:
    """Note what contradicts itself in a file; return the manifest where nothing is wrong.

    Args:
        written: the plain values with their places; takes the problems.
        found: the values as models, None where one of them is wrong.
    """
    values = written.values if isinstance(written.values, dict) else {}
    tenants, groups = _mapping(values.get("tenants")), _mapping(values.get("groups"))
    _check_names(written, "tenants", tenants)
    _check_names(written, "groups", groups)
    references = (
        {} if found is None else {name: _reference(written, name, each) for name, each in found.tenants.items()}
    )
    _check_same(written, references)
    _check_scopes(written, values)
    _check_clients(written, values, tenants, groups)
    check_hook_names(written, values, _sections(values))
    if found is None or written.problems:
        return None
    clients = tuple(_declared(found, part) for part in found.clients)
    for at, client in enumerate(clients):
        _check_tags(written, ("clients", at), client)
    if written.problems:
        return None
    known = {name: each for name, each in references.items() if each is not None}
    hooks = hooks_by_tenant(written, found, clients)
    if written.problems:
        return None
    return Manifest(fleet=found.fleet or "", tenants=known, clients=clients, hooks=hooks)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _check_names(written: Written, section: str, named: Iterable[str]) -> None:
    for name in named:
        if name_problem(name):
            place = written.place((section, name), key=True)
            written.note(place, "This name is empty, or cannot be displayed.", "Choose a short name.")


def _reference(written: Written, name: str, part: TenantPart) -> TenantReference | None:
    """Return where a tenant is; note what contradicts itself in it."""
    fields = {each: getattr(part, each) for each in type(part).model_fields if each != "vault"}
    try:
        vault = VaultReference(**{each: getattr(part.vault, each) for each in _FROM_VAULT})
        return TenantReference(**fields, vault=vault)
    except ConfigurationError as problem:
        message, hint = problem.message.replace("_", "-"), problem.hint.replace("_", "-")
    written.note(written.place(("tenants", name), key=True), message, hint)
    return None


def _check_same(written: Written, references: Mapping[str, TenantReference | None]) -> None:
    """Note a tenant that has two names; what only the tenants can tell is refused by `run`."""
    taken: dict[object, str] = {}
    for name, each in references.items():
        if each is None:
            continue
        url = checked_tenant_url(each.url) if each.url else ("",)
        if isinstance(url, ConfigurationError):
            what = f"This{url.message[url.message.index(_NO_TENANT) :]}" if _NO_TENANT in url.message else url.message
            written.note(written.place(("tenants", name, "url")), what, url.hint)
        where = (name if isinstance(url, ConfigurationError) else url[0], each.context, each.vault)
        first = taken.setdefault(where, name)
        if first != name:
            line = written.place(("tenants", first), key=True)[0]
            place = written.place(("tenants", name), key=True)
            written.note(place, f"This is the tenant of line {line} again.", "Name each tenant once.")


def _check_scopes(written: Written, values: dict[str, Any]) -> None:
    extra = {each for each in _list(values.get("extra-scopes")) if isinstance(each, str)}
    for path, section in _sections(values):
        for at, scope in enumerate(_list(section.get("scopes"))):
            if not isinstance(scope, str) or not is_scope(scope) or scope in extra or scope in known_scopes():
                continue
            likely = get_close_matches(scope, known_scopes(), 1, cutoff=0.7)
            asked = f"Did you mean {likely[0]}? " if likely else ""
            written.note(
                written.place((*path, "scopes", at)),
                "Qlik publishes no such scope.",
                f"{asked}If the tenant knows it all the same, add it to `extra-scopes` at the top of the file.",
            )


def _sections(values: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each section that may say what a client is."""
    yield ("defaults",), _mapping(values.get("defaults"))
    for name, group in _mapping(values.get("groups")).items():
        yield ("groups", name), _mapping(group)
    for at, client in enumerate(_list(values.get("clients"))):
        yield ("clients", at), _mapping(client)


def _check_clients(
    written: Written, values: dict[str, Any], tenants: Mapping[str, Any], groups: Mapping[str, Any]
) -> None:
    taken: dict[tuple[str, str], int] = {}
    clients = [(at, _mapping(each)) for at, each in enumerate(_list(values.get("clients")))]
    if clients and not values.get("fleet"):
        place = written.place(("clients",), key=True)
        written.note(place, "The file has clients and no name.", "Add `fleet:` with a name of your choice at the top.")
    for at, client in clients:
        path: Path = ("clients", at)
        if isinstance(client.get("group"), str):
            check_reference(written, (*path, "group"), client["group"], groups, what="group")
        asked = client.get("tenants")
        names = [each for each in _list(asked) if isinstance(each, str)] if asked is not None else [*tenants]
        for number, name in enumerate(names if asked is not None else ()):
            check_reference(written, (*path, "tenants", number), name, tenants, what="tenant")
        called = str(client.get("name") or "").strip()
        if called:
            first = next((taken[called, one] for one in names if (called, one) in taken), None)
            place = written.place((*path, "name"))
            if first is not None:
                written.note(place, f"A client of this name is in line {first}, for the same tenant.", "Rename one.")
            taken |= {(called, one): place[0] for one in names}
        group = client.get("group")
        if group is not None and group not in groups:
            continue  # what it would say is not known
        sections = (client, _mapping(groups.get(str(group))), _mapping(values.get("defaults")))
        if next((section["scopes"] for section in sections if "scopes" in section), []) == []:
            written.note(written.place(path), "The client has no scope.", "Add for example scopes: [user_default].")


def _declared(found: FleetFile, part: ClientPart) -> DeclaredClient:
    """Return a client with what its group and the defaults say; the nearest one counts."""
    levels: list[Choices] = [part, *([found.groups[part.group]] if part.group else []), found.defaults]
    chosen: dict[str, Any] = {
        name: next((value for level in levels if (value := getattr(level, name)) is not None), None)
        for name in _CHOICES
    }
    chosen["scopes"] = tuple(sorted(set(chosen["scopes"])))
    chosen["methods"] = methods_of(chosen["methods"])
    chosen["hooks"] = tuple(dict.fromkeys(chosen["hooks"] or ()))
    if chosen["tags"] is not None:
        chosen["tags"] = tuple(sorted(set(chosen["tags"])))
    return DeclaredClient(name=part.name, tenants=part.tenants or tuple(found.tenants), **chosen)


def _check_tags(written: Written, path: Path, client: DeclaredClient) -> None:
    try:
        check_tags(client.tags or ())
    except ConfigurationError as problem:
        written.note(written.place(path), problem.message, problem.hint)
