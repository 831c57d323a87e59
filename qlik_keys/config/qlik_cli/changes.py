"""Changes to qlik-cli's contexts that a person asked for: an entry made, changed, renamed or removed, or none current.

Nothing else in the file changes (`text`, `writing`). An entry gets a server of Qlik Cloud and one
login: a bearer, or a client's id and secret; a new login takes the place of the old one, of either kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qlik_keys.config.qlik_cli.choice import chosen_context, drop_choice, keep_choice
from qlik_keys.config.qlik_cli.text import entry_of, with_current, with_entry, with_other_name, without_entry
from qlik_keys.config.qlik_cli.writing import change_contexts, check_context_name
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from qlik_keys.config.qlik_cli.contexts import ContextFile
    from qlik_keys.core.secret import Secret

_CLIENT = ("oauth-client-id", "oauth-client-secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is written of a context; what is empty or None is left as it is.

    Attributes:
        server: the tenant's URL, normalized.
        comment: a remark, None for none.
        api_key: a bearer.
        client_id: an OAuth client, with `client_secret`.
        client_secret: its secret.
        headers: further headers.
    """

    server: str = ""
    comment: str | None = None
    api_key: Secret | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def changes_nothing(self) -> bool:
        """Whether nothing of it is given."""
        return not (
            self.server
            or self.comment is not None
            or self.api_key
            or self.client_id
            or self.client_secret
            or self.headers
        )


def create_context(path: Path, name: str, entry: Entry, *, make_current: bool = False) -> None:
    """Put a context into the file, which is made where there is none.

    Args:
        path: the file of contexts.
        name: the context's name.
        entry: what it has.
        make_current: make it qlik-cli's current one, and the one that was chosen here.

    Raises:
        ConfigurationError: the name is taken or is none, or the file cannot be read or written; it is as it was.
    """
    check_context_name(name)

    def check(_: Path, known: ContextFile | None) -> None:
        refuse_known(known, name)

    def edit(old: str) -> str | None:
        new = _with(old, name, entry)
        return with_current(new, name) if make_current and new is not None else new

    change_contexts(path, check=check, edit=edit)
    if make_current and chosen_context(path):
        keep_choice(path, name)


def update_context(path: Path, name: str, entry: Entry) -> None:
    """Change a context; what is not given stays, and so do fields that this package does not know.

    Raises:
        ConfigurationError: there is none of that name, it would be left with half a login, or the file cannot be read
            or written; it is as it was.
    """

    def check(_: Path, known: ContextFile | None) -> None:
        before = _known(known, name)
        has_id, has_secret = entry.client_id or before.client_id, entry.client_secret or before.client_secret
        if (entry.client_id or entry.client_secret) and not (has_id and has_secret):
            raise ConfigurationError(
                f"The context {name!r} would have only one half of a client's credentials.",
                hint="Give both: --oauth-client-id and --oauth-client-secret.",
            )

    change_contexts(path, check=check, edit=lambda old: _with(old, name, entry))


def rename_context(path: Path, name: str, new_name: str) -> None:
    """Give a context another name; where it is the current one, it stays so.

    Raises:
        ConfigurationError: there is none of that name, the other one is taken or is none, or the file cannot be read or
            written; it is as it was.
    """
    check_context_name(new_name)
    current: list[str] = []

    def check(_: Path, known: ContextFile | None) -> None:
        _known(known, name)
        refuse_known(known, new_name)
        current.append(known.current if known is not None else "")

    def edit(old: str) -> str | None:
        new = with_other_name(old, name, new_name)
        return with_current(new, new_name) if new is not None and current == [name] else new

    change_contexts(path, check=check, edit=edit)
    if chosen_context(path) == name:
        keep_choice(path, new_name)


def remove_contexts(path: Path, names: Collection[str]) -> None:
    """Remove contexts with their logins; where the current one is among them, none is current.

    Raises:
        ConfigurationError: there is none of such a name, or the file cannot be read or written; it is as it was.
    """
    current: list[str] = []

    def check(_: Path, known: ContextFile | None) -> None:
        for name in names:
            _known(known, name)
        current.append(known.current if known is not None else "")

    def edit(old: str) -> str | None:
        new: str | None = old
        for name in names:
            new = None if new is None else without_entry(new, name)
        return with_current(new, "") if new is not None and current[0] in names else new

    change_contexts(path, check=check, edit=edit)
    if chosen_context(path) in names:
        drop_choice(path)


def clear_current(path: Path) -> None:
    """Make no context the current one, for qlik-cli and here.

    Raises:
        ConfigurationError: the file cannot be read or written; it is as it was.
    """
    current: list[str] = []

    def check(_: Path, known: ContextFile | None) -> None:
        current.append(known.current if known is not None else "")

    change_contexts(path, check=check, edit=lambda old: with_current(old, "") if current[0] else old)
    drop_choice(path)


def refuse_known(known: ContextFile | None, name: str) -> None:
    """Refuse a name that is taken.

    Raises:
        ConfigurationError: there is a context of that name.
    """
    if known is not None and name in known.contexts:
        raise ConfigurationError(
            f"The context {name!r} exists already.", hint="Change it with context update, or choose another name."
        )


def _known(known: ContextFile | None, name: str) -> Any:
    if known is None:
        raise ConfigurationError(f"There is no qlik-cli context {name!r}.", hint="Create it with context create.")
    return known.get(name)


# Below, nothing raises: a frame that has the file's content among its names is in no traceback.


def _with(old: str, name: str, entry: Entry) -> str | None:
    before = entry_of(old, name)
    known = before if isinstance(before, dict) else {}
    headers = known.get("headers")
    others = {
        key: value
        for key, value in (headers.items() if isinstance(headers, dict) else ())
        if not (isinstance(key, str) and key.strip().lower() == "authorization")
    }
    fields: dict[str, Any] = {}
    without: list[str] = []
    if entry.server:
        fields |= {"server": entry.server, "server-type": "cloud"}
    if entry.comment is not None:
        fields["comment"] = entry.comment
    if entry.api_key is not None:
        fields["headers"] = {**others, **entry.headers, "Authorization": f"Bearer {entry.api_key.reveal()}"}
        without = [*_CLIENT]
    elif entry.client_id or entry.client_secret is not None:
        if others or entry.headers:
            fields["headers"] = {**others, **entry.headers}
        elif headers is not None:
            without = ["headers"]
    elif entry.headers:
        kept = headers if isinstance(headers, dict) else {}
        fields["headers"] = {**kept, **entry.headers}
    if entry.client_id:
        fields["oauth-client-id"] = entry.client_id
    if entry.client_secret is not None:
        fields["oauth-client-secret"] = entry.client_secret.reveal()
    return with_entry(old, name, fields, without=without)
