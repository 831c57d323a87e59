"""Writes the one qlik-cli context that this package makes: a token's, for qlik-cli to call with.

qlik-cli logs in by client secret only; a context whose bearer is a short-lived token lets it call as a client that has
a private key. Everything else in the file stays: other entries, comments and unknown keys (a round-trip YAML library),
and the result is read back and compared before it takes the file's place, at once and whole. A context that somebody
else made is never replaced unless that was asked for by name: its credential would be lost.

The file holds secrets in the clear, so nothing of it is quoted, and no function that has it among its names raises.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from qlik_keys.contexts import load_contexts
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from qlik_keys.secret import Secret

_MARK = "qlik-keys: "
_LOGINS = ("headers", "oauth-client-id", "oauth-client-secret")
_LOCK_PATIENCE_SECONDS = 5.0
_STALE_LOCK_SECONDS = 30.0
_PAUSE_SECONDS = 0.02
_NESTED = re.compile(r"^[^\s#-][^\n]*:[ \t]*\n( +)[^\s#]", re.MULTILINE)


def write_token_context(
    path: Path, name: str, *, server: str, token: Secret, remark: str, replace: bool = False
) -> None:
    """Put a context with a token into the file, which is made where there is none; its mode becomes 0600.

    Args:
        path: the file of contexts.
        name: the context's name; one that an earlier call made is renewed.
        server: the tenant's URL.
        token: the bearer.
        remark: whose token, and when it ends; it is the context's comment.
        replace: also replace the login of a context that somebody else made; its unknown keys stay.

    Raises:
        ConfigurationError: the name is taken, or the file cannot be read or written; it is as it was then.
    """
    if not name.strip() or not name.isprintable():
        raise ConfigurationError("That is no name for a context.", hint="Give it one of plain letters.")
    target = Path(os.path.realpath(path))  # a link to the file stays one
    problem = _make_folder(target.parent)
    if not problem:
        with _locked(target) as lock:
            problem = "another program is writing it" if lock is None else ""
            if lock is not None:
                known = load_contexts(target).contexts.get(name) if target.exists() else None
                if known is not None and not replace and not known.comment.startswith(_MARK):
                    raise ConfigurationError(
                        f"There is a context {name!r} already that was not made for a token; its login would be lost.",
                        hint="Give another name, or say --replace if that is what you want.",
                    )
                entry = {"server": server, "server-type": "cloud", "comment": f"{_MARK}{remark}"}
                problem = _write(target, lock, name, entry, token)
    if problem:
        raise ConfigurationError(
            f"The context cannot be written to {path}: {problem}.", hint="The file is as it was. Mend that, ask again."
        )


@contextlib.contextmanager
def _locked(target: Path) -> Any:
    """Yield a new file beside the target that only one writer can make, None where another one holds it."""
    lock = target.with_name(f".{target.name}.qlik-keys")
    give_up_at = time.monotonic() + _LOCK_PATIENCE_SECONDS
    descriptor = -1
    while descriptor < 0:
        try:
            descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            with contextlib.suppress(OSError):
                # Its writer was killed: nobody takes that long.
                if time.time() - lock.stat().st_mtime > _STALE_LOCK_SECONDS:
                    lock.unlink()
            if time.monotonic() > give_up_at:
                break
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            break
    if descriptor < 0:
        yield None
        return
    ours = os.fstat(descriptor)
    os.close(descriptor)
    try:
        yield lock
    finally:
        # Once it has taken the file's place, what is there by now is the next writer's.
        with contextlib.suppress(OSError):
            if os.path.samestat(lock.stat(), ours):
                lock.unlink()


# Below, nothing raises but what is no error of ours to tell: see the module's docstring.


def _make_folder(folder: Path) -> str:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return f"its folder cannot be made ({type(error).__name__})"
    return "" if os.access(folder, os.W_OK) else "its folder cannot be written to"


def _write(target: Path, lock: Path, name: str, entry: dict[str, str], token: Secret) -> str:
    """Write the file anew beside itself and put it in place; return what was in the way, "" for nothing."""
    try:
        old = target.read_text(encoding="utf-8") if target.exists() else ""
        new = _with_entry(old, name, entry, token)
        if new is None:
            return "its YAML is of a kind that cannot be kept as it is"
        with lock.open("w", encoding="utf-8") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        lock.replace(target)
    except (OSError, UnicodeError) as error:
        return type(error).__name__
    return ""


def _with_entry(old: str, name: str, entry: dict[str, str], token: Secret) -> str | None:
    """Return the file's text with the entry, None where everything else would not be just as it was."""
    library = YAML(typ="rt")
    library.preserve_quotes = True
    library.width = 1_000_000
    nested = _NESTED.search(old)
    if nested is not None:
        library.indent(mapping=len(nested[1]))
    out = io.StringIO()
    try:
        before = yaml.load(old, Loader=yaml.BaseLoader) or {}  # noqa: S506  # texts only
        document = library.load(old) or CommentedMap()
        if document.get("contexts") is None:
            document["contexts"] = CommentedMap()
        known = document["contexts"].get(name)
        made = known if isinstance(known, CommentedMap) else CommentedMap()
        for login in _LOGINS:
            made.pop(login, None)
        made.update(entry)
        made["headers"] = CommentedMap({"Authorization": f"Bearer {token.reveal()}"})
        document["contexts"][name] = made
        library.dump(document, out)
        new = out.getvalue()
        after = yaml.load(new, Loader=yaml.BaseLoader)  # noqa: S506  # texts only
    except (YAMLError, yaml.YAMLError, RecursionError, ValueError, TypeError, AttributeError, KeyError, OverflowError):
        return None
    contexts = before.get("contexts") or {}
    kept = {field: value for field, value in (contexts.get(name) or {}).items() if field not in _LOGINS}
    kept |= entry | {"headers": {"Authorization": f"Bearer {token.reveal()}"}}
    return new if after == before | {"contexts": contexts | {name: kept}} else None
