"""The hooks of a fleet file: which are for which clients on which tenant.

A hook is for the clients that name it (`hooks:` of the client, its group or the defaults), and for those that its own
`clients:` fit. Clients of one name may have other hooks on another tenant.

Not done here: what a hook is, and running it (`lifecycle.hooks`); a file of hooks alone (`fleet.hook_files`).
"""

from __future__ import annotations

import glob
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import ConfigurationError
from qlik_keys.lifecycle.hooks.definition import Hook, checked_hooks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qlik_keys.fleet.manifest.declared import DeclaredClient
    from qlik_keys.fleet.manifest.model import FleetFile, HookPart
    from qlik_keys.fleet.written_yaml import Path, Written


def check_hook_names(written: Written, values: dict[str, Any], sections: Iterable[tuple[Path, dict[str, Any]]]) -> None:
    """Note the names of hooks that the file does not define, and the hooks that are for no client.

    Args:
        written: takes the problems.
        values: the plain values of the file.
        sections: each section that may name hooks, with its path.
    """
    known = values.get("hooks") if isinstance(values.get("hooks"), dict) else {}
    assert isinstance(known, dict)
    named: set[str] = set()
    for path, section in sections:
        hooks = section.get("hooks")
        for at, name in enumerate(hooks if isinstance(hooks, list) else ()):
            if isinstance(name, str):
                check_reference(written, (*path, "hooks", at), name, known, what="hook")
                named.add(name)
    for name, hook in known.items():
        if isinstance(hook, dict) and not hook.get("clients") and name not in named:
            hint = f"Add `clients:` to it, or `hooks: [{name}]` to a client, a group or the defaults."
            written.note(written.place(("hooks", name), key=True), "This hook is for no client.", hint)


def check_reference(written: Written, path: Path, name: str, known: Mapping[str, Any], *, what: str) -> None:
    """Note a name that the file does not define.

    Args:
        written: takes the problem.
        path: where the name is.
        name: the name.
        known: what the file defines, by its names.
        what: what it is, for people.
    """
    if name in known or written.is_told(written.place(path)):
        return
    likely = get_close_matches(name, known, 1)
    hint = f"Did you mean {likely[0]}?" if likely else f"There are: {', '.join(known) or 'none'}."
    written.note(written.place(path), f"There is no such {what} in this file.", hint)


def hooks_by_tenant(
    written: Written, found: FleetFile, clients: Sequence[DeclaredClient]
) -> dict[str, tuple[Hook, ...]]:
    """Return the hooks of each tenant, by its name; note what is wrong with a hook.

    Args:
        written: takes the problems.
        found: the file.
        clients: what it declares.
    """
    by_tenant: dict[str, tuple[Hook, ...]] = {}
    for tenant in found.tenants:
        there = [client for client in clients if tenant in client.tenants]
        hooks = []
        for name, part in found.hooks.items():
            patterns = [*(part.clients or ()), *(glob.escape(each.name) for each in there if name in each.hooks)]
            hook = _hook(written, name, part, patterns)
            if hook is not None and patterns:
                hooks.append(hook)
        try:
            by_tenant[tenant] = checked_hooks(hooks)
        except ConfigurationError as problem:
            written.note(written.place(("hooks",), key=True), problem.message, problem.hint)
            return {}
    return by_tenant


def _hook(written: Written, name: str, part: HookPart, patterns: Sequence[str]) -> Hook | None:
    try:
        return Hook(
            name,
            command=part.command,
            url_variable=part.url_variable,
            timeout=part.timeout,
            clients=tuple(patterns) or ("*",),  # without any it is used for nothing, and its form is checked
        )
    except ConfigurationError as problem:
        hint = "Give it `command` or `url-variable`." if "command" in problem.hint else problem.hint
        what = problem.message.replace("url_variable", "url-variable")
    written.note(written.place(("hooks", name), key=True), what, hint)
    return None
