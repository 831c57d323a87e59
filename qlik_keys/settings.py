"""Where the tenant, the credential and the Vault come from.

In this order: arguments, then the environment, then qlik-cli's context. Each value carries the name of its source. A
credential is taken as a whole from one source, and a context's credential goes to that context's server alone.
Nothing is asked over the network here; `tenant()` and `store()` build what asks.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from qlik_keys.contexts import no_contexts, users_contexts
from qlik_keys.errors import ConfigurationError
from qlik_keys.origins import require_https, same_origin
from qlik_keys.secret import Secret
from qlik_keys.tenant.url import normalise_tenant_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qlik_keys.contexts import Context
    from qlik_keys.keystore.vault import VaultKeyStore
    from qlik_keys.tenant import QlikTenant

_VARIABLES = {
    "tenant_url": "QLIK_TENANT_URL",
    "api_key": "QLIK_API_KEY",
    "client_id": "QLIK_CLIENT_ID",
    "client_secret": "QLIK_CLIENT_SECRET",
    "vault_url": "VAULT_ADDR",
    "vault_token": "VAULT_TOKEN",
    "vault_namespace": "VAULT_NAMESPACE",
    "vault_ca_cert": "VAULT_CACERT",
    "vault_mount": "QLIK_KEYS_MOUNT",
    "vault_prefix": "QLIK_KEYS_PREFIX",
    "custody": "QLIK_KEYS_CUSTODY",
}
_SECRETS = {"api_key": "API key", "client_secret": "client secret", "vault_token": "Vault token"}
_CREDENTIAL = ("api_key", "client_id", "client_secret")
_TOKEN_FILE = ".vault-token"  # noqa: S105 - a file name
_MAXIMUM_TOKEN_BYTES = 65_536
_VAULT_EXAMPLE = "Write it as https://vault.example.com:8200."


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that were found; what was not found is empty.

    Attributes:
        tenant_url: the tenant's base URL, normalised.
        api_key: an API key, or the bearer of a qlik-cli context.
        client_id: the OAuth client to log in as, instead of an API key.
        client_secret: its secret.
        vault_url: the Vault's address, without a trailing slash.
        vault_token: the Vault token.
        vault_namespace: the Vault's namespace, "" for none.
        vault_ca_cert: a file with the certificate authority of the Vault.
        sources: where each value came from, by its name here: "argument", a variable's name, a file, or a context.
        notices: in words, what was mended or left aside.

    Example:
        >>> settings = Settings.resolve()
        >>> with settings.tenant() as tenant, settings.store() as store:
        ...     tenant.users.me().name
    """

    tenant_url: str = ""
    api_key: Secret | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    vault_url: str = ""
    vault_token: Secret | None = None
    vault_namespace: str = ""
    vault_ca_cert: Path | None = None
    vault_mount: str = ""
    vault_prefix: str = ""
    custody: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @classmethod
    def resolve(
        cls,
        *,
        tenant_url: str | None = None,
        api_key: str | Secret | None = None,
        client_id: str | None = None,
        client_secret: str | Secret | None = None,
        vault_url: str | None = None,
        vault_token: str | Secret | None = None,
        vault_namespace: str | None = None,
        vault_ca_cert: str | Path | None = None,
        custody: str | None = None,
        context: str | None = None,
    ) -> Self:
        """Look the settings up.

        Args:
            tenant_url: the tenant's URL; nearly right ones are mended, and `notices` says how.
            api_key: an API key.
            client_id: an OAuth client, with `client_secret`.
            client_secret: its secret.
            vault_url: the Vault's address.
            vault_token: a Vault token.
            vault_namespace: the Vault's namespace.
            vault_ca_cert: a file in PEM.
            custody: who holds the keys that are made from now on, "kv" or "transit".
            context: a qlik-cli context; named here, it outranks the environment.

        Raises:
            ConfigurationError: a value is malformed or unsafe, two contradict each other, or a file cannot be read.
                No secret is quoted.
        """
        search = _Search()
        given = {
            "tenant_url": tenant_url,
            "api_key": api_key,
            "client_id": client_id,
            "client_secret": client_secret,
            "vault_url": vault_url,
            "vault_token": vault_token,
            "vault_namespace": vault_namespace,
            "vault_ca_cert": None if vault_ca_cert is None else str(vault_ca_cert),
            "custody": custody,
        }
        arguments = _read_level({name: (f"the argument {name}", value) for name, value in given.items()})
        # What was typed is Secret now; the names that still hold it plain would stand in a traceback.
        del given, api_key, client_secret, vault_token
        search.take(arguments)
        if context:
            search.take_context(context)
        search.take(_read_level({name: (variable, os.environ.get(variable)) for name, variable in _VARIABLES.items()}))
        if "vault_url" in search.values and "vault_token" not in search.values:
            search.take(_read_token_file(Path.home() / _TOKEN_FILE))
        if not context and not (search.has_tenant and search.has_credential):
            search.take_context("")
        values: dict[str, Any] = search.values
        if "vault_ca_cert" in values:
            values["vault_ca_cert"] = _readable_file(values["vault_ca_cert"], search.sources["vault_ca_cert"])
        return cls(**values, sources=MappingProxyType(search.sources), notices=tuple(search.notices))

    @property
    def has_credential(self) -> bool:
        """Whether there is a login for the tenant."""
        return self.api_key is not None or self.client_secret is not None

    def tenant(self, **options: Any) -> QlikTenant:
        """Return the tenant's client, logged in as these settings say; nothing is sent yet.

        Args:
            options: further arguments of `QlikTenant`, for instance `timeout_seconds`.

        Raises:
            ConfigurationError: the tenant's URL or a credential is missing.
        """
        from qlik_keys.tenant import ApiKey, QlikTenant  # noqa: PLC0415 - brings httpx
        from qlik_keys.tokens import ClientSecret  # noqa: PLC0415 - brings httpx

        if not self.tenant_url:
            raise ConfigurationError(
                "No tenant is set.", hint="Set QLIK_TENANT_URL, or make a qlik-cli context, or use the sandbox."
            )
        if self.api_key is not None:
            return QlikTenant(self.tenant_url, credential=ApiKey(self.api_key), **options)
        if self.client_secret is not None:
            return QlikTenant(self.tenant_url, credential=ClientSecret(self.client_id, self.client_secret), **options)
        raise ConfigurationError(
            f"No credential is set for {self.tenant_url}.",
            hint="Set QLIK_API_KEY, or QLIK_CLIENT_ID and QLIK_CLIENT_SECRET.",
        )

    def store(self, **options: Any) -> VaultKeyStore:
        """Return the key store in the Vault; nothing is sent yet.

        Args:
            options: further arguments of `VaultKeyStore`, for instance `mount` or `login`.

        Raises:
            ConfigurationError: the Vault's address is missing, or a token is and no `login` is given.
        """
        from qlik_keys.keystore.vault import VaultKeyStore  # noqa: PLC0415 - brings hvac

        if not self.vault_url:
            raise ConfigurationError("No Vault is set.", hint="Set VAULT_ADDR, or use the sandbox.")
        if "login" not in options:
            if self.vault_token is None:
                raise ConfigurationError(
                    f"No token is set for the Vault at {self.vault_url}.",
                    hint="Set VAULT_TOKEN, or run `vault login`, which writes ~/.vault-token.",
                )
            options["token"] = self.vault_token
        if self.custody not in ("", "kv", "transit"):
            raise ConfigurationError("The custody is unknown.", hint='Set QLIK_KEYS_CUSTODY to "kv" or "transit".')
        ours = {"mount": self.vault_mount, "prefix": self.vault_prefix, "custody": self.custody}
        options = {name: value for name, value in ours.items() if value} | options
        ca_cert = None if self.vault_ca_cert is None else str(self.vault_ca_cert)
        return VaultKeyStore(self.vault_url, namespace=self.vault_namespace or None, ca_cert=ca_cert, **options)


@dataclass(slots=True)
class _Level:
    """What one source has: the values, where each stands, and what is to be said of them."""

    values: dict[str, str | Secret] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


class _Search:
    """What has been found so far; an earlier level outranks a later one."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.notices: list[str] = []

    @property
    def has_tenant(self) -> bool:
        return "tenant_url" in self.values

    @property
    def has_credential(self) -> bool:
        return any(name in self.values for name in _CREDENTIAL)

    def take(self, level: _Level) -> None:
        """Take from a level what is not known yet; refuse what is wrong or contradicts itself."""
        taken = {*self.values, *(_CREDENTIAL if self.has_credential else ())}
        for name, problem in level.problems.items():
            if name not in taken:
                raise ConfigurationError(f"{problem}.", hint="Copy it again, whole and alone.")
        if not self.has_credential:
            _refuse_contradiction(level)
        self.notices += level.notices
        for name in [name for name in level.values if name not in taken]:
            value, source = level.values[name], level.sources[name]
            if name in _NORMALISERS:
                value = self._normalised(name, str(value), source)
            self.values[name] = value
            self.sources[name] = source

    def _normalised(self, name: str, text: str, source: str) -> str:
        try:
            url, notices = _NORMALISERS[name](text)
        except ConfigurationError as error:
            raise ConfigurationError(f"{_capitalised(source)}: {error.message}", hint=error.hint) from None
        self.notices += [f"{source}: {notice}" for notice in notices]
        return url

    def take_context(self, name: str) -> None:
        """Take server and login of the named qlik-cli context; without a name of the current one, if there is one."""
        contexts = users_contexts()
        if contexts is None:
            if name:
                raise no_contexts(name)
            return
        if not name and not contexts.current:
            return
        context = contexts.get(name)
        source = f"qlik-cli context {context.name!r}"
        if not context.server:
            problem = next(iter(context.problems), "it has no server")
            raise ConfigurationError(
                f"The {source} cannot be used: {problem}.", hint="Make it again with: qlik context create"
            )
        server = self._normalised("tenant_url", context.server, source)
        level = _Level(values={"tenant_url": server}, sources={"tenant_url": source})
        if self.has_tenant and not same_origin(self.values["tenant_url"], server):
            if name:
                raise ConfigurationError(
                    f"The {source} is for another tenant than {self.sources['tenant_url']} says.",
                    hint="Leave one of them out.",
                )
            self.notices.append(f"left the {source} aside, which is for another tenant")
            return
        if not self.has_credential:
            _add_login(level, context, source)
        if context.insecure:
            level.notices.append(f"{source}: certificates are verified, though it says `insecure`")
        self.take(level)


def _add_login(level: _Level, context: Context, source: str) -> None:
    """Add a context's login to a level; its own client before a bearer, which may be a token that has expired."""
    if context.client_id and context.client_secret:
        level.values |= {"client_id": context.client_id, "client_secret": context.client_secret}
    elif context.api_key:
        level.values["api_key"] = context.api_key
    elif context.problems:
        level.problems["api_key"] = f"The {source} cannot be used: {context.problems[0]}"
    elif context.client_id:
        level.problems["client_id"] = f"The {source} has a client id, but no client secret"
    level.sources |= dict.fromkeys(level.values, source)


def _refuse_contradiction(level: _Level) -> None:
    where = level.sources
    if "api_key" in where and ("client_id" in where or "client_secret" in where):
        other = where.get("client_id") or where["client_secret"]
        raise ConfigurationError(
            f"{where['api_key']} and {other} are both set, and only one of them can log in.",
            hint="Leave one of them out.",
        )
    if ("client_id" in where) != ("client_secret" in where):
        known, lacking = ("client_id", "secret") if "client_id" in where else ("client_secret", "id")
        raise ConfigurationError(
            f"{where[known]} is set, but no client {lacking} beside it.",
            hint="A client logs in with both; give them in the same place.",
        )


def _normalise_vault_url(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a Vault's address without a trailing slash, and in words what had to be mended."""
    notices = []
    if not text.isprintable() or " " in text:
        raise ConfigurationError("The Vault address has a blank or a control character in it.", hint=_VAULT_EXAMPLE)
    if "://" not in text:
        text = f"https://{text}"
        notices.append("added https://")
    require_https(text, what="Vault address")
    parts = urlsplit(text)
    if parts.query or parts.fragment:
        notices.append("left out what follows the path")
    path = _VAULT_PAGES.sub("", parts.path)
    if path != parts.path:
        notices.append("left out the path of the API or the user interface")
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}", tuple(notices)


# What a person copies from a browser or from an API's description, behind the address.
_VAULT_PAGES = re.compile(r"/(v1|ui)(/.*)?$")
_NORMALISERS: Mapping[str, Callable[[str], tuple[str, tuple[str, ...]]]] = {
    "tenant_url": normalise_tenant_url,
    "vault_url": _normalise_vault_url,
}


def _readable_file(name: str, source: str) -> Path:
    path = Path(name).expanduser()
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise ConfigurationError(
            f"{source} names {path}, which is no file that can be read.",
            hint="It is a file in PEM with the certificate authority of the Vault.",
        )
    return path


# Below, nothing raises: a frame that has a plain secret among its names is in no traceback.


def _read_level(found: Mapping[str, tuple[str, object]]) -> _Level:
    """Return what arguments or variables say, with blanks cut off and secrets wrapped."""
    level = _Level()
    for name, (source, given) in found.items():
        if given is None or given == "":
            continue
        if isinstance(given, Secret):
            level.values[name] = given
            level.sources[name] = source
            continue
        if not isinstance(given, str):
            level.problems[name] = f"{_capitalised(source)} is not text"
            continue
        text = given.strip()
        if text != given:
            level.notices.append(f"{source}: {'cut off the blanks around it' if text else 'is blank, left aside'}")
        if not text:
            continue
        if name in _NORMALISERS and "@" in text:
            level.problems[name] = f"{_capitalised(source)} has a user or a password in it"
            continue
        try:
            level.values[name] = Secret(text, what=_SECRETS[name]) if name in _SECRETS else text
            level.sources[name] = source
        except ConfigurationError:
            level.problems[name] = f"{_capitalised(source)} has a character that no HTTP header may carry"
    return level


def _read_token_file(path: Path) -> _Level:
    """Return the token that `vault login` left, if there is one."""
    source = f"~/{path.name}"
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAXIMUM_TOKEN_BYTES)
    except FileNotFoundError:
        return _Level()
    except (OSError, UnicodeDecodeError) as error:
        return _Level(problems={"vault_token": f"{source} cannot be read ({type(error).__name__})"})
    level = _read_level({"vault_token": (source, text)})
    level.notices.clear()  # a file ends in a line end
    return level


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]
