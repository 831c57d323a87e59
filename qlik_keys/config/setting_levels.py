"""What each source of the settings says: arguments, variables, the file of `vault login`, a qlik-cli context.

A level is read whole before anything of it is taken or refused, since a lower one may not be needed. Nothing here
raises but the normalizers: a frame that has a plain secret among its names is in no traceback.

Not done here: which source outranks which (`settings`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qlik_keys.config.vault_environment import read_secret_file
from qlik_keys.core.origins import require_https
from qlik_keys.core.secret import COPY_AGAIN, NOT_FOR_A_HEADER, Secret
from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.url import normalise_tenant_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from qlik_keys.config.qlik_cli.contexts import Context

SECRET_FILES = {"api_key": "QLIK_API_KEY_FILE", "client_secret": "QLIK_CLIENT_SECRET_FILE"}
_SECRETS = {"api_key": "API key", "client_secret": "client secret", "vault_token": "Vault token"}
_MAXIMUM_TOKEN_BYTES = 65_536
_VAULT_EXAMPLE = "Write it as https://vault.example.com:8200."
_CONTEXT_LOGINS = (
    "A context logs in by a bearer, or by a client's id and secret: make it again with qlik context create, set"
    " QLIK_API_KEY, or call as a client whose key is in the Vault: --client NAME."
)


@dataclass(slots=True)
class Level:
    """What one source has: the values, where each stands, and what is to be said of them."""

    values: dict[str, str | Secret] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    problems: dict[str, ConfigurationError] = field(default_factory=dict)


def add_login(level: Level, context: Context, source: str) -> None:
    """Add a context's login to a level; its own client before a bearer, which may be a token that has expired."""
    if context.client_id and context.client_secret:
        level.values |= {"client_id": context.client_id, "client_secret": context.client_secret}
    elif context.api_key:
        level.values["api_key"] = context.api_key
        if context.token is not None and context.token[0] < datetime.now(UTC):
            ended_at, renew = context.token
            level.problems["api_key"] = ConfigurationError(
                f"The token in the {source} ended on {ended_at:%Y-%m-%d at %H:%M:%S} UTC.", hint=f"Renew it: {renew}"
            )
    elif context.problems:
        level.problems["api_key"] = ConfigurationError(
            f"The {source} cannot be used: {context.problems[0]}.", hint=_CONTEXT_LOGINS
        )
    elif context.client_id:
        level.problems["client_id"] = ConfigurationError(
            f"The {source} has a client id, but no client secret.", hint=_CONTEXT_LOGINS
        )
    level.sources |= dict.fromkeys(level.values, source)


def add_secret_files(level: Level, environment: Mapping[str, str]) -> None:
    """Add to the environment's level the secrets that its variables name files of."""
    for name, variable in SECRET_FILES.items():
        file = environment.get(variable, "").strip()
        if not file:
            continue
        if name in level.values or name in level.problems:
            level.problems[name] = ConfigurationError(
                f"{level.sources.get(name, variable.removesuffix('_FILE'))} and {variable} are both set.",
                hint="Unset one of them.",
            )
            continue
        read = read_secret_file(file, variable)
        if isinstance(read, ConfigurationError):
            level.problems[name] = read
            continue
        found = read_level({name: (variable, read.reveal())})
        level.values |= found.values
        level.sources |= found.sources
        level.problems |= found.problems


def _normalize_vault_url(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a Vault's address without a trailing slash, and in words what had to be normalized."""
    notices = []
    if not text.isprintable() or " " in text:
        raise ConfigurationError("The Vault address contains a space or a control character.", hint=_VAULT_EXAMPLE)
    if "://" not in text:
        text = f"https://{text}"
        notices.append("added https://")
    require_https(text, what="Vault address")
    parts = urlsplit(text)
    if parts.query or parts.fragment:
        notices.append("removed the part after the path")
    path = _VAULT_PAGES.sub("", parts.path)
    if path != parts.path:
        notices.append("removed the path of the API or the user interface")
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}", tuple(notices)


# What a person copies from a browser or from an API's description, behind the address.
_VAULT_PAGES = re.compile(r"/(v1|ui)(/.*)?$")
NORMALIZERS: Mapping[str, Callable[[str], tuple[str, tuple[str, ...]]]] = {
    "tenant_url": normalise_tenant_url,
    "vault_url": _normalize_vault_url,
}


def read_level(found: Mapping[str, tuple[str, object]], *, may_be_empty: bool = True) -> Level:
    """Return what arguments or variables say, with blanks removed and secrets wrapped."""
    level = Level()
    for name, (source, given) in found.items():
        if given is None:
            continue
        if not may_be_empty and isinstance(given, str) and not given.strip():
            level.problems[name] = _unusable(source, "is empty", hint="Remove it if it is not needed.")
            continue
        if given == "":
            continue
        if isinstance(given, Secret):
            level.values[name] = given
            level.sources[name] = source
            continue
        if not isinstance(given, str):
            level.problems[name] = _unusable(source, "is not text")
            continue
        text = given.strip()
        if text != given:
            level.notices.append(f"{source}: {'removed the spaces around it' if text else 'is blank, ignored'}")
        if not text:
            continue
        if name in NORMALIZERS and "@" in text:
            level.problems[name] = _unusable(source, "has a user or a password in it")
            continue
        try:
            level.values[name] = Secret(text, what=_SECRETS[name]) if name in _SECRETS else text
            level.sources[name] = source
        except ConfigurationError:
            level.problems[name] = _unusable(source, NOT_FOR_A_HEADER)
    return level


def read_token_file(path: Path, *, source: str = "") -> Level:
    """Return the token that `vault login` left, if there is one.

    Args:
        path: the file.
        source: what names it, "" for its usual place.
    """
    source = source or f"~/{path.name}"
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAXIMUM_TOKEN_BYTES)
    except FileNotFoundError:
        return Level()
    except (OSError, UnicodeDecodeError) as error:
        problem = _unusable(source, f"cannot be read ({type(error).__name__})", hint="Log in again: vault login.")
        return Level(problems={"vault_token": problem})
    level = read_level({"vault_token": (source, text)})
    level.notices.clear()  # a file ends in a line end
    return level


def refuse_contradiction(level: Level) -> None:
    """Refuse two logins of one source, and half of one.

    Raises:
        ConfigurationError: that is so; the sources are named.
    """
    where = level.sources
    clients = where.get("client_id") or where.get("client_secret")
    ways = [way for way in (where.get("api_key"), clients, where.get("login_client")) if way]
    if len(ways) > 1:
        raise ConfigurationError(
            f"{ways[0]} and {ways[1]} are both set, but only one of them can be used.", hint="Unset one of them."
        )
    if ("client_id" in where) != ("client_secret" in where):
        known, lacking = ("client_id", "secret") if "client_id" in where else ("client_secret", "id")
        raise ConfigurationError(
            f"{where[known]} is set, but no client {lacking} next to it.",
            hint="A client needs both to log in; set them in the same place.",
        )


def _unusable(source: str, why: str, *, hint: str = COPY_AGAIN) -> ConfigurationError:
    return ConfigurationError(f"{capitalized(source)} {why}.", hint=hint)


def capitalized(text: str) -> str:
    """Return a text, not an empty one, with a capital at its beginning."""
    return text[0].upper() + text[1:]
