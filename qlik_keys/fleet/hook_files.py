"""Reads hooks from a file: a YAML mapping `hooks`, each with its program or address, and the clients that it is for.

Each mistake is told with its line and column. A value is never quoted: it may be a secret that was pasted in.

Not done here: what a hook is (`lifecycle.hooks`), and the rest of a fleet's file, which may have the same section.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from qlik_keys.core.files import is_writable_by_all
from qlik_keys.errors import ConfigurationError, ManifestError
from qlik_keys.fleet.written_models import checked, problem
from qlik_keys.fleet.written_yaml import FileKind, read_file
from qlik_keys.lifecycle.hooks.definition import DEFAULT_TIMEOUT, HOOK_NAME, Hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.fleet.written_yaml import Written

VARIABLE = "QLIK_KEYS_HOOKS"
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")
_GUIDE = "docs/guides/hooks.md"
_KIND = FileKind(
    name="hooks file",
    most_bytes=1_000_000,
    where_empty="It needs the key `hooks`.",
    where_repeated="Write the value at each place.",
    may_be_id=frozenset({"clients"}),
    may_be_chance=frozenset(),
)


def hook_name(text: str) -> str:
    """Return the name of a hook, as a validator of a model.

    Raises:
        PydanticCustomError: it is none; it is not quoted.
    """
    if not HOOK_NAME.fullmatch(text):
        raise problem(
            "This is not a name for a hook.",
            "Use 1 to 64 lower-case letters, digits, - and _, with a letter or a digit at both ends.",
        )
    return text


HookName = Annotated[str, AfterValidator(hook_name)]


class HookEntry(BaseModel):
    """One hook as a file has it: all values are text, or lists of texts.

    Attributes:
        command: a program and its arguments.
        url: an address without a secret.
        url_variable: the variable that holds the address.
        timeout: how long it is waited for: `90s`, `5m`, `1h`.
        clients: names, ids or patterns of the clients that it is for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    command: tuple[str, ...] | None = None
    url: str | None = None
    url_variable: str = ""
    timeout: str = ""
    clients: tuple[str, ...] = ("*",)

    def to_hook(self, name: str) -> Hook:
        """Return the hook.

        Raises:
            ConfigurationError: as `Hook`, or the time is none.
        """
        return Hook(
            name,
            command=self.command,
            url=self.url,
            url_variable=self.url_variable,
            timeout=_duration(self.timeout),
            clients=self.clients,
        )


class HooksSection(BaseModel):
    """A file of hooks."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    hooks: dict[HookName, HookEntry] = Field(min_length=1)


def read_hooks(path: str | os.PathLike[str]) -> tuple[Hook, ...]:
    """Return the hooks that a YAML file defines, for `rotate`, `revoke`, `adopt` and `resume`.

    Args:
        path: the file: `hooks: {restart-etl: {command: [systemctl, restart, etl], clients: ["etl-*"], timeout: 2m}}`.

    Raises:
        ManifestError: something in it is wrong; its `problems` has each mistake with line and column, and no value.
        ConfigurationError: it cannot be read, or every user of this machine may write it.

    Example:
        >>> rotate(tenant, store, "nightly-etl", hooks=read_hooks("hooks.yaml"))  # doctest: +SKIP
    """
    found = _read(Path(os.path.expanduser(path)))  # noqa: PTH111  # the other one raises where there is no such user
    if isinstance(found, ConfigurationError):
        raise found
    return found


def refusal_of_open_file(path: Path) -> ConfigurationError | None:
    """Return why the hooks of a file are not run: every user of this machine could say what they run.

    Raises:
        OSError: it cannot be looked at.
    """
    if not is_writable_by_all(path):
        return None
    return ConfigurationError(
        f"Every user of this machine may write {path}, and it defines programs that run with your rights.",
        hint=f"Remove that right: chmod o-w {path}",
    )


def hooks_of_environment(environment: Mapping[str, str] | None = None) -> tuple[Hook, ...]:
    """Return the hooks of the file that QLIK_KEYS_HOOKS names, none where it names none.

    Raises:
        ConfigurationError: as `read_hooks`.
    """
    path = (os.environ if environment is None else environment).get(VARIABLE, "").strip()
    return read_hooks(path) if path else ()


def _read(path: Path) -> tuple[Hook, ...] | ConfigurationError:
    """Return the hooks of a file, or what is wrong with it; no frame that raises holds the text."""
    try:
        written = read_file(path, _KIND)
        refusal = refusal_of_open_file(path)
    except OSError as error:
        return ConfigurationError(
            f"The hooks file {path} cannot be read: {error.strerror or type(error).__name__}.",
            hint="Name another file.",
        )
    if refusal is not None:
        return refusal
    section = checked(written, HooksSection, reference=f"See {_GUIDE}.")
    if section is None or written.problems:
        return ManifestError(str(path), written.in_order(), what=_KIND.name)
    hooks = [_hook(written, name, entry) for name, entry in section.hooks.items()]
    if written.problems:
        return ManifestError(str(path), written.in_order(), what=_KIND.name)
    return tuple(each for each in hooks if each is not None)


def _hook(written: Written, name: str, entry: HookEntry) -> Hook | None:
    """Return a hook; note what contradicts itself in it."""
    try:
        return entry.to_hook(name)
    except ConfigurationError as error:
        what, hint = error.message, error.hint or f"See {_GUIDE}."
    written.note(written.place(("hooks", name), key=True), what, hint)
    return None


def _duration(text: str) -> timedelta:
    """Return how long a text says.

    Raises:
        ConfigurationError: it is none.
    """
    if not text:
        return DEFAULT_TIMEOUT
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ConfigurationError("The time limit is not a duration.", hint="Write 90s, 5m or 1h.")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    try:
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ConfigurationError("The time limit is too long.", hint="Write 90s, 5m or 1h.") from None
