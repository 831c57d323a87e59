"""The contexts of qlik-cli, read as they are (qlik-cloud-contract, "qlik-cli").

Nothing of them is changed here: `context use` keeps its choice in a file of our own, and the one context that is ever
written, a token's, is written by `writing`.

The file holds API keys in the clear, so an error says what is wrong and where the file is, and quotes nothing but names
of contexts. Secrets become `Secret` as they are read; names and servers can be shown without them.

Every value is read as text (YAML's own notion of a number or a date would turn a secret of digits into something else),
and neither YAML's tags nor its merge keys are used; a context that has one says so among its problems.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qlik_keys.config.qlik_cli.choice import chosen_context, home_folder, keep_choice
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTEXT_VARIABLE = "QLIK_CLI_USER_HOME_DIR"
_MAXIMUM_BYTES = 1_000_000
_FILE_NAME = "contexts.yml"
_FOLDER_NAME = ".qlik"
TOKEN_MARK = "qlik-keys: "  # noqa: S105  # begins the comment of what this package wrote
_END = "%Y-%m-%d %H:%M:%S"
# What qlik-cli can call in addition to Qlik Cloud, by a context's `server-type`.
_OTHER_SERVERS = {
    "windows": "Qlik Sense Enterprise on Windows (server-type windows)",
    "engine": "a Qlik engine (server-type engine)",
}
_TOKEN_COMMENT = re.compile(re.escape(TOKEN_MARK) + r"a token, ends (?P<end>[-0-9]{10} [:0-9]{8}) UTC; (?P<renew>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One context: a server, and how to log in there.

    Attributes:
        name: what the user calls it.
        server: the tenant's URL as it is written there, "" for none, and for a server that is no tenant.
        comment: the user's own remark.
        api_key: the bearer of its Authorization header: an API key, or a token that `qlik context login` got.
        client_id: its OAuth client, "" for none.
        client_secret: that client's secret.
        insecure: it asks not to verify certificates, which this package does not do.
        problems: what of it cannot be used, in words.
    """

    name: str
    server: str = ""
    comment: str = ""
    api_key: Secret | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    insecure: bool = False
    problems: tuple[str, ...] = ()

    @property
    def token(self) -> tuple[datetime, str] | None:
        """When its token ends, UTC, and what renews it; None where its comment does not say so (`token_comment`)."""
        found = _TOKEN_COMMENT.fullmatch(self.comment)
        if found is None or not self.comment.isprintable():
            return None
        try:
            return datetime.strptime(found["end"], _END).replace(tzinfo=UTC), found["renew"]
        except ValueError:
            return None


def token_comment(renew: str, ends_at: datetime | None) -> str:
    """Return the comment of a context that holds a token; `Context.token` reads it.

    Args:
        renew: the command that renews it.
        ends_at: when the token ends, UTC, None where that is not known.
    """
    end = "end unknown" if ends_at is None else f"ends {ends_at.astimezone(UTC):{_END}} UTC"
    return f"{TOKEN_MARK}a token, {end}; {renew}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFile:
    """The contexts of one file.

    Attributes:
        path: where it is.
        current: the name of the current context, "" for none: the one chosen by `choose_context`, or qlik-cli's own.
        contexts: all of them by name.
    """

    path: Path
    current: str
    contexts: Mapping[str, Context]

    def get(self, name: str = "") -> Context:
        """Return the named context, or the current one.

        Raises:
            ConfigurationError: there is none of that name.
        """
        wanted = name or self.current
        if not wanted:
            raise ConfigurationError(
                f"{self.path} has no current context.", hint="Choose one with: qlik-keys context use NAME"
            )
        if wanted not in self.contexts:
            raise ConfigurationError(
                f"There is no qlik-cli context {wanted!r} in {self.path}.",
                hint=f"There are: {', '.join(sorted(self.contexts)) or 'none'}. Choose: qlik-keys context use NAME.",
            )
        return self.contexts[wanted]


def find_context_file(home: Path | None, override: str = "") -> Path | None:
    """Return where qlik-cli keeps its contexts, None where there is no such file.

    Args:
        home: the user's home folder, None for none.
        override: the value of `QLIK_CLI_USER_HOME_DIR`: a folder, or the file itself.

    Raises:
        ConfigurationError: the override names the home folder of a user who is not there.
    """
    folder = _overriding(override) if override else home
    if folder is None:
        return None
    candidates = [folder / _FOLDER_NAME / _FILE_NAME]
    if override:
        candidates += [folder / _FILE_NAME, folder]
    return next((path for path in candidates if _is_file(path)), None)


def users_context_file() -> Path | None:
    """Return where this user's qlik-cli keeps its contexts, None where it has none.

    Raises:
        ConfigurationError: `QLIK_CLI_USER_HOME_DIR` names the home folder of a user who is not there.
    """
    return find_context_file(home_folder(), os.environ.get(CONTEXT_VARIABLE, "").strip())


def new_context_file() -> Path:
    """Return where this user's qlik-cli would look for its contexts, for a user who has none yet.

    Raises:
        ConfigurationError: there is no home folder, or `QLIK_CLI_USER_HOME_DIR` names one that is not there.
    """
    override = os.environ.get(CONTEXT_VARIABLE, "").strip()
    place = _overriding(override) if override else home_folder()
    if place is None:
        raise ConfigurationError(
            "There is no home folder for a file of contexts.", hint=f"Set HOME, or {CONTEXT_VARIABLE} to a folder."
        )
    return place if place.suffix in (".yml", ".yaml") else place / _FOLDER_NAME / _FILE_NAME


def _overriding(override: str) -> Path:
    try:
        return Path(override).expanduser()
    except RuntimeError:
        pass
    raise ConfigurationError(
        f"{CONTEXT_VARIABLE} names a home folder that does not exist.", hint="Write the full path, without the ~."
    )


def users_contexts() -> ContextFile | None:
    """Read this user's contexts; the current one is the one chosen here, or else qlik-cli's. None where there are none.

    Raises:
        ConfigurationError: the file cannot be read, or is not such a file. Its content is not quoted.
    """
    path = users_context_file()
    if path is None:
        return None
    found = load_contexts(path)
    return replace(found, current=chosen_context(path) or found.current)


def choose_context(name: str) -> None:
    """Make a context the current one for this package from now on; qlik-cli's own choice stays as it is.

    The choice holds for the file that it was made in: where `QLIK_CLI_USER_HOME_DIR` names another one, it does not.

    Raises:
        ConfigurationError: there is none of that name, or the choice cannot be kept.
    """
    contexts = users_contexts()
    if contexts is None:
        raise no_contexts(name)
    contexts.get(name)
    keep_choice(contexts.path, name)


def no_contexts(name: str) -> ConfigurationError:
    """Return the error for a context that is wanted where qlik-cli has none."""
    wanted = f"There is no qlik-cli context {name!r}: " if name else ""
    return ConfigurationError(
        f"{wanted}qlik-cli has no contexts here.",
        hint=f"It keeps them in ~/.qlik/contexts.yml; {CONTEXT_VARIABLE} sets another place.",
    )


def load_contexts(path: Path) -> ContextFile:
    """Read a file of contexts.

    Raises:
        ConfigurationError: it cannot be read, or is not such a file. Its content is not quoted.
    """
    found = _read(path)
    if isinstance(found, str):
        raise ConfigurationError(
            f"qlik-cli's contexts in {path} {found}.", hint="Fix the file, or set QLIK_TENANT_URL and a credential."
        )
    return found


def config_context(path: Path) -> tuple[Context, dict[str, str], dict[str, str]]:
    """Read qlik-cli's config file (`-c`), whose top has what a context has, and options.

    Returns:
        What is there of a context, the texts at the top without secrets, and the headers without the login.

    Raises:
        ConfigurationError: it cannot be read, or is not such a file. Its content is not quoted.
    """
    found = _read_config(path)
    if isinstance(found, str):
        raise ConfigurationError(f"The config file {path} {found}.", hint="It is YAML: server, headers, and options.")
    return found


def known_contexts() -> dict[str, str]:
    """Return name -> server of the qlik-cli contexts that have a server and a login; {} where there are none."""
    try:
        path = users_context_file()
    except ConfigurationError:
        return {}
    found = None if path is None else _read(path)
    if not isinstance(found, ContextFile):
        return {}
    usable = (each for each in found.contexts.values() if each.server and (each.api_key or each.client_secret))
    return {each.name: each.server for each in usable}


# Below, nothing raises: a frame that has the file's content among its names is in no traceback.


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no right to look there; a NUL in the name
        return False


def _read_config(path: Path) -> tuple[Context, dict[str, str], dict[str, str]] | str:
    """Return what a config file holds, or what is wrong with it."""
    document = _document(path)
    if isinstance(document, str):
        return document
    headers = document.get("headers")
    others = {
        name: value
        for name, value in (headers.items() if isinstance(headers, dict) else ())
        if isinstance(name, str) and isinstance(value, str) and name.strip().lower() != "authorization"
    }
    texts = {
        name: value.strip() if isinstance(value, str) else ""
        for name, value in document.items()
        if isinstance(name, str) and name != "oauth-client-secret"
    }
    return _context("", document), texts, others


def _read(path: Path) -> ContextFile | str:
    """Return what the file holds, or what is wrong with it."""
    document = _document(path)
    if isinstance(document, str):
        return document
    listed = document.get("contexts") or {}
    if not isinstance(listed, dict):
        return "is not a file of contexts: `contexts` has no names"
    contexts = {
        name: _context(name, fields if isinstance(fields, dict) else {})
        for name, fields in listed.items()
        if isinstance(name, str) and name.isprintable()
    }
    return ContextFile(path=path, current=_text(document, "current-context"), contexts=contexts)


def _document(path: Path) -> dict[object, object] | str:
    """Return what a file of YAML has at its top, every value as text, or what is wrong with it."""
    import yaml  # noqa: PLC0415  # for those who have such a file

    try:
        if path.stat().st_size > _MAXIMUM_BYTES:
            return "is too large to be a file of contexts"
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 - texts only
    except OSError as error:
        return f"cannot be read ({type(error).__name__})"
    except UnicodeDecodeError:
        return "is not text in UTF-8"
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):  # the last two: "\\UFFFFFFFF"
        return "is not valid YAML"
    if document is None or document == "":
        document = {}
    return document if isinstance(document, dict) else "is not a file of contexts: it has no names at its top"


def _context(name: str, fields: Mapping[object, object]) -> Context:
    problems: list[str] = []
    if "<<" in fields:
        problems.append("it has a YAML merge key (<<), which is not supported: write the fields in full")
    headers = fields.get("headers")
    bearer = _bearer(headers if isinstance(headers, dict) else {}, problems)
    secret = _text(fields, "oauth-client-secret")
    server, kind = _text(fields, "server"), _text(fields, "server-type").lower()
    if "@" in server:
        server = ""
        problems.insert(0, "its server has a user or a password in it")
    if kind not in ("", "cloud"):
        # Not even the address is handed on: anyone who has that would send the login there.
        server = ""
        other = _OTHER_SERVERS.get(kind, "another kind of server")
        problems.insert(0, f"it is for {other}, not for a Qlik Cloud tenant")
    return Context(
        name=name,
        server=server,
        comment=_text(fields, "comment"),
        api_key=_secret(bearer, "API key", problems),
        client_id=_text(fields, "oauth-client-id"),
        client_secret=_secret(secret, "client secret", problems),
        insecure=_text(fields, "insecure").lower() == "true",
        problems=tuple(problems),
    )


def _bearer(headers: Mapping[object, object], problems: list[str]) -> str:
    for name in headers:
        if isinstance(name, str) and name.strip().lower() == "authorization":
            scheme, _, value = _text(headers, name).partition(" ")
            if scheme.lower() == "bearer" and value.strip():
                return value.strip()
            problems.append("its Authorization header has no bearer token")
    return ""


def _secret(text: str, what: str, problems: list[str]) -> Secret | None:
    if not text:
        return None
    try:
        return Secret(text, what=what)
    except ConfigurationError:
        problems.append(f"its {what} contains a character that is not allowed in an HTTP header")
        return None


def _text(fields: Mapping[object, object], name: str) -> str:
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""
