"""Writes the one qlik-cli context that this package makes: a token's, for qlik-cli to call with.

qlik-cli logs in by client secret only; a context whose bearer is a short-lived token lets it call as a client that has
a private key. Everything else in the file stays, letter by letter (`text`), and the new file takes the old
one's place at once and whole. A context that another user made, or added to, is never replaced unless that was asked
for by name: its credential would be lost.

Writers take turns by a lock that ends with its process, however that ends; its file stays, since a writer that
waits for it would otherwise wait for another file than the next writer locks.

The file holds secrets in the clear, so nothing of it is quoted, and no function that has it among its names raises.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from qlik_keys.config.qlik_cli.contexts import TOKEN_MARK, load_contexts
from qlik_keys.config.qlik_cli.text import entry_of, with_entry
from qlik_keys.core.names import name_problem
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qlik_keys.config.qlik_cli.contexts import ContextFile
    from qlik_keys.core.secret import Secret

_LOGINS = ("headers", "oauth-client-id", "oauth-client-secret")
_OURS = frozenset({"server", "server-type", "comment", "headers"})
_LOCK_PATIENCE_SECONDS = 5.0


def write_token_context(
    path: Path, name: str, *, server: str, token: Secret, comment: str, replace: bool = False
) -> None:
    """Put a context with a token into the file, which is made where there is none; its mode becomes 0600.

    Args:
        path: the file of contexts.
        name: the context's name; one that an earlier call made is renewed.
        server: the tenant's URL.
        token: the bearer.
        comment: the context's comment, which begins with `TOKEN_MARK`.
        replace: also replace the login of a context that another user made; its unknown keys stay.

    Raises:
        ConfigurationError: the name is taken or is none, or the file cannot be read or written; it is as it was then.
    """
    check_context_name(name)
    fields = {"server": server, "server-type": "cloud", "comment": comment}

    def check(target: Path, known: ContextFile | None) -> None:
        if known is not None and name in known.contexts and not replace and not _is_ours(target, name):
            raise ConfigurationError(
                f"There is a context {name!r} already, and it contains more than a token of this program; its "
                "login would be lost.",
                hint="Choose another name, or use --replace to replace it.",
            )

    def edit(old: str) -> str | None:
        return with_entry(old, name, fields | {"headers": {"Authorization": _bearer(token)}}, without=_LOGINS)

    change_contexts(path, check=check, edit=edit)


def check_context_name(name: str) -> None:
    """Refuse a name that no context should get.

    Raises:
        ConfigurationError: it is empty, or has a space around it or a character that cannot be displayed.
    """
    problem = name_problem(name)
    if not problem and name.strip() != name:
        problem = "has a space before or after it"
    if problem:
        raise ConfigurationError(f"The context's name {problem}.", hint="Choose a name of plain letters.")


def change_contexts(
    path: Path, *, check: Callable[[Path, ContextFile | None], None], edit: Callable[[str], str | None]
) -> None:
    """Change the file of contexts, which is made where there is none; its mode becomes 0600.

    Args:
        path: the file.
        check: raises where it is not to be changed; it gets the file, and what it holds, None where there is none.
        edit: returns its new text, None where the old one cannot be kept; it does not raise.

    Raises:
        ConfigurationError: the file cannot be read or written; it is as it was then. Or what `check` raises.
    """
    target = Path(os.path.realpath(path))  # a link to the file stays one
    problem = _make_folder(target.parent)
    if not problem:
        with _turn(target) as in_the_way:
            if not in_the_way:
                check(target, load_contexts(target) if target.exists() else None)
            problem = in_the_way or _write(target, edit)
    if problem:
        raise ConfigurationError(
            f"The context cannot be written to {path}: {problem}.",
            hint="The file was not changed. Solve this problem and try again.",
        )


@contextlib.contextmanager
def locked(path: Path, *, patience_seconds: float = _LOCK_PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock that a file stands for, which is made where there is none and stays.

    Args:
        path: the file.
        patience_seconds: how long to wait for the process that holds it.

    Raises:
        TimeoutError: another process holds it for longer than that.
        OSError: the file cannot be opened.
    """
    from filelock import FileLock  # noqa: PLC0415  # for those who write alone

    with FileLock(path, timeout=patience_seconds, mode=0o600):
        yield


@contextlib.contextmanager
def _turn(target: Path) -> Iterator[str]:
    """Yield "" when it is our turn to write the file, else what is in the way."""
    with contextlib.ExitStack() as stack:
        problem = ""
        try:
            stack.enter_context(locked(target.with_name(f".{target.name}.qlik-keys-lock")))
        except TimeoutError:
            problem = "another program is writing the file"
        except OSError as error:
            problem = type(error).__name__
        yield problem


# Below, nothing raises but what is no error of qlik_keys to tell: see the module's docstring.


def _make_folder(folder: Path) -> str:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return f"its folder cannot be made ({type(error).__name__})"
    return "" if os.access(folder, os.W_OK) else "its folder cannot be written to"


def _is_ours(target: Path, name: str) -> bool:
    """Whether the context is one that this module wrote, and no one added to."""
    try:
        entry = entry_of(_read(target), name)
    except (OSError, UnicodeError):
        return False
    headers = entry.get("headers") if isinstance(entry, dict) else None
    return (
        isinstance(entry, dict)
        and entry.keys() <= _OURS
        and str(entry.get("comment")).startswith(TOKEN_MARK)
        and isinstance(headers, dict)
        and [*headers] == ["Authorization"]
    )


def _read(target: Path) -> str:
    return target.read_bytes().decode()  # line ends as they are


def _bearer(token: Secret) -> str:
    return f"Bearer {token.reveal()}"


def _write(target: Path, edit: Callable[[str], str | None]) -> str:
    """Write the file again next to itself and put it in place; return what was in the way, "" for nothing."""
    sibling = target.with_name(f".{target.name}.qlik-keys-new")
    try:
        new = edit(_read(target) if target.exists() else "")
        if new is None:
            return "its YAML has a form that cannot be preserved"
        sibling.unlink(missing_ok=True)  # of a writer that was killed
        descriptor = os.open(sibling, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor
            file.write(new.encode())
            file.flush()
            os.fsync(file.fileno())
        sibling.replace(target)
    except (OSError, UnicodeError) as error:
        with contextlib.suppress(OSError):
            sibling.unlink(missing_ok=True)
        return type(error).__name__
    return ""
