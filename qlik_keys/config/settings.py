"""Where the tenant, the credential and the Vault come from.

In this order: arguments, then the environment, then qlik-cli's context. Each value carries the name of its source. A
credential is taken as a whole from one source. A context's goes to that context's server alone, and the environment's,
where QLIK_TENANT_URL stands next to it, to that tenant alone.
Nothing is asked over the network here; `tenant()` and `store()` build what asks.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from qlik_keys.config.qlik_cli.choice import home_folder
from qlik_keys.config.qlik_cli.contexts import Context, no_contexts, users_contexts
from qlik_keys.config.setting_levels import (
    NORMALIZERS,
    SECRET_FILES,
    Level,
    add_login,
    add_secret_files,
    capitalized,
    read_level,
    read_token_file,
    refuse_contradiction,
)
from qlik_keys.config.vault_environment import LOGIN_VARIABLES as VAULT_LOGIN_VARIABLES
from qlik_keys.config.vault_environment import METHOD, METHODS, VaultEnvironment, read_vault_environment, spellings
from qlik_keys.core.arguments import TEXT, require
from qlik_keys.core.origins import same_origin
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.core.secret import Secret
    from qlik_keys.keystore.vault.store import VaultKeyStore
    from qlik_keys.tenant import QlikTenant

_VARIABLES = {
    "tenant_url": "QLIK_TENANT_URL",
    "api_key": "QLIK_API_KEY",
    "client_id": "QLIK_CLIENT_ID",
    "client_secret": "QLIK_CLIENT_SECRET",
    "login_client": "QLIK_KEYS_LOGIN_CLIENT",
    "vault_mount": "QLIK_KEYS_MOUNT",
    "vault_prefix": "QLIK_KEYS_PREFIX",
    "custody": "QLIK_KEYS_CUSTODY",
}
_CREDENTIAL = ("api_key", "client_id", "client_secret", "login_client")
# What a program that is started with a token of its own does not get.
LOGIN_VARIABLES = (
    *(_VARIABLES[name] for name in _CREDENTIAL),
    *SECRET_FILES.values(),
    *(spelling for name in VAULT_LOGIN_VARIABLES for spelling in spellings(name)),
    METHOD,
)
_OF_ANOTHER_TENANT = "which QLIK_TENANT_URL says is for another tenant"
_TOKEN_FILE = ".vault-token"  # noqa: S105 - a file name


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that were found; what was not found is empty.

    Attributes:
        tenant_url: the tenant's base URL, normalized.
        api_key: an API key, or the bearer of a qlik-cli context.
        client_id: the OAuth client to log in as, instead of an API key.
        client_secret: its secret.
        login_client: instead of both: the id or name of a client whose private key is in the Vault.
        vault_url: the Vault's address, without a trailing slash.
        vault_token: the Vault token.
        vault_namespace: the Vault's namespace, "" for none.
        vault_ca_cert: a file with the certificate authority of the Vault.
        vault_mount: the KV mount that has the records, "" for the default.
        vault_prefix: the folder in it, "" for the default.
        custody: who holds the keys that are made from now on, "kv" or "transit"; "" for the default, "kv".
        vault: what else the environment says of the Vault: TLS, proxy, time-out, and how to log in.
        sources: where each value came from, by its name here: "argument", a variable's name, a file, or a context.
        notices: in words, what was normalized or ignored.

    Example:
        >>> settings = Settings.resolve()
        >>> with settings.tenant() as tenant, settings.store() as store:
        ...     tenant.users.me().name
    """

    tenant_url: str = ""
    api_key: Secret | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    login_client: str = ""
    vault_url: str = ""
    vault_token: Secret | None = None
    vault_namespace: str = ""
    vault_ca_cert: Path | None = None
    vault_mount: str = ""
    vault_prefix: str = ""
    custody: str = ""
    vault: VaultEnvironment = field(default_factory=VaultEnvironment)
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
        context: str | Context | None = None,
        login: bool = True,
    ) -> Self:
        """Look the settings up.

        Args:
            tenant_url: the tenant's URL; nearly right ones are normalized, and `notices` says how.
            api_key: an API key.
            client_id: an OAuth client, with `client_secret`.
            client_secret: its secret.
            vault_url: the Vault's address.
            vault_token: a Vault token.
            vault_namespace: the Vault's namespace.
            vault_ca_cert: a file in PEM.
            custody: who holds the keys that are made from now on, "kv" or "transit".
            context: a qlik-cli context, by its name or as it was read; named here, it outranks the environment.
            login: False where no one logs in by these settings: a context then serves for the tenant's address alone,
                and the current one is not looked at where that is known.

        An argument that is None is not given. An empty one is refused: it would mean whatever the environment has.

        Raises:
            ConfigurationError: a value is empty, malformed or unsafe, two contradict each other, or a file cannot be
                read. No secret is quoted.
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
        arguments = read_level(
            {name: (f"the argument {name}", value) for name, value in given.items()}, may_be_empty=False
        )
        # What was typed is Secret now; the names that still hold it plain would stand in a traceback.
        del given, api_key, client_secret, vault_token
        search.take(arguments)
        if context is not None:
            search.take_context(context if isinstance(context, Context) else _named(context), login=login)
        vault = read_vault_environment(os.environ)
        level = read_level(
            {name: (variable, os.environ.get(variable)) for name, variable in _VARIABLES.items()} | vault.level()
        )
        add_secret_files(level, os.environ)
        if search.has_tenant:
            _leave_login_of_another_tenant(level, search.values["tenant_url"], tell=login)
        search.take(level)
        if "vault_url" in search.values:
            search.notices += vault.notices
            if "vault_token" not in search.values and vault.named(METHOD)[1] in (None, "token"):
                search.take(_token_file(vault))
        if context is None and not (search.has_tenant and (search.has_credential or not login)):
            search.take_context("", login=login)
        values: dict[str, Any] = search.values
        if "vault_ca_cert" in values:
            values["vault_ca_cert"] = _file(values["vault_ca_cert"], search.sources["vault_ca_cert"])
        return cls(**values, vault=vault, sources=MappingProxyType(search.sources), notices=tuple(search.notices))

    @property
    def has_credential(self) -> bool:
        """Whether there is a login for the tenant."""
        return self.api_key is not None or self.client_secret is not None or bool(self.login_client)

    def tenant(self, **options: Any) -> QlikTenant:
        """Return the tenant's client, logged in as these settings say; nothing is sent yet.

        Args:
            options: further arguments of `QlikTenant`, for example `timeout_seconds`.

        Raises:
            ConfigurationError: the tenant's URL or a credential is missing, or the Vault with the client's key is.
        """
        from qlik_keys.auth.http_auth import ClientSecret, StoredKeyLogin  # noqa: PLC0415 - brings httpx
        from qlik_keys.tenant import ApiKey, QlikTenant  # noqa: PLC0415 - brings httpx

        if not self.tenant_url:
            raise ConfigurationError(
                "No tenant is configured.",
                hint="Set QLIK_TENANT_URL, or create a qlik-cli context, or use the sandbox.",
            )
        if self.api_key is not None:
            return QlikTenant(self.tenant_url, credential=ApiKey(self.api_key), **options)
        if self.client_secret is not None:
            return QlikTenant(self.tenant_url, credential=ClientSecret(self.client_id, self.client_secret), **options)
        if self.login_client:
            with ExitStack() as stack:
                store = stack.enter_context(self.store())
                credential = StoredKeyLogin(store, self.login_client, on_close=store.close)
                tenant = QlikTenant(self.tenant_url, credential=credential, **options)
                stack.pop_all()  # from now on the tenant closes it
                return tenant
        hint = "Set QLIK_API_KEY, or QLIK_CLIENT_ID and QLIK_CLIENT_SECRET, or QLIK_KEYS_LOGIN_CLIENT."
        if any(notice.endswith(_OF_ANOTHER_TENANT) for notice in self.notices):
            hint = (
                "The credential in the environment is only for QLIK_TENANT_URL: set both for this tenant, or "
                "use a qlik-cli context that has a login."
            )
        raise ConfigurationError(f"No credential is configured for {self.tenant_url}.", hint=hint)

    def store(self, **options: Any) -> VaultKeyStore:
        """Return the key store in the Vault; nothing is sent yet.

        Args:
            options: further arguments of `VaultKeyStore`, for example `mount` or `login`.

        Raises:
            ConfigurationError: the Vault's address is missing, or a token is and no `login` is given.
        """
        from qlik_keys.keystore.vault.store import VaultKeyStore  # noqa: PLC0415 - brings hvac

        if not self.vault_url:
            raise ConfigurationError("No Vault is configured.", hint="Set VAULT_ADDR, or use the sandbox.")
        if "login" not in options:
            options |= self.vault_login()
        if self.custody not in ("", "kv", "transit"):
            raise ConfigurationError("The custody is unknown.", hint='Set QLIK_KEYS_CUSTODY to "kv" or "transit".')
        ours = {"mount": self.vault_mount, "prefix": self.vault_prefix, "custody": self.custody}
        options = {name: value for name, value in ours.items() if value} | options
        options = self.vault_network() | options
        return VaultKeyStore(self.vault_url, namespace=self.vault_namespace or None, **options)

    def vault_network(self) -> dict[str, Any]:
        """Return the arguments of `VaultKeyStore` that say how the Vault is reached.

        Raises:
            ConfigurationError: a variable of the environment is refused, or is not understood.
        """
        options = self.vault.options()
        source = self.sources.get("vault_ca_cert", "ca_cert")
        if self.vault_ca_cert is not None and (source.startswith("the argument") or "ca_cert" not in options):
            from qlik_keys.core.network.tls import Place  # noqa: PLC0415 - brings ssl

            options["ca_cert"] = Place(str(self.vault_ca_cert), capitalized(source))
        return options

    def refreshed(self) -> Self:
        """Return these with what the environment says of the way to the Vault at this moment."""
        return replace(self, vault=read_vault_environment(os.environ))

    def vault_login(self) -> dict[str, Any]:
        """Return the arguments of `VaultKeyStore` that log in: a token that was given, or the environment's login.

        Raises:
            ConfigurationError: there is none, or there are two.
        """
        source = self.sources.get("vault_token", "")
        login = None if source.startswith("the argument") else self.vault.login()
        if login is not None and self.vault_token is not None:
            raise ConfigurationError(
                f"{METHOD} names a login method, but {source} is also set; only one of them can be used.",
                hint=f"Unset one of them; {METHOD}=token selects the token.",
            )
        if login is not None:
            return {"login": login}
        if self.vault_token is None:
            raise ConfigurationError(
                f"No token is configured for the Vault at {self.vault_url}.",
                hint="Set VAULT_TOKEN, or run `vault login`, which writes ~/.vault-token; or set another login "
                "method in "
                f"{METHOD}: {', '.join(METHODS[1:])}.",
            )
        return {"token": self.vault_token}


def _token_file(vault: VaultEnvironment) -> Level:
    """Return the token that `vault login` or `bao login` left, if there is one."""
    variable, path = vault.named("VAULT_TOKEN_PATH")
    if path:
        return read_token_file(Path(os.path.expanduser(path)), source=variable)  # noqa: PTH111  # as below
    home = home_folder()
    return Level() if home is None else read_token_file(home / _TOKEN_FILE)


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

    def take(self, level: Level) -> None:
        """Take from a level what is not known yet; refuse what is wrong or contradicts itself."""
        taken = {*self.values, *(_CREDENTIAL if self.has_credential else ())}
        for name, problem in level.problems.items():
            if name not in taken:
                raise problem
        if not self.has_credential:
            refuse_contradiction(level)
        self.notices += level.notices
        for name in [name for name in level.values if name not in taken]:
            value, source = level.values[name], level.sources[name]
            if name in NORMALIZERS:
                value = self._normalized(name, str(value), source)
            self.values[name] = value
            self.sources[name] = source

    def _normalized(self, name: str, text: str, source: str) -> str:
        try:
            url, notices = NORMALIZERS[name](text)
        except ConfigurationError as error:
            raise ConfigurationError(f"{capitalized(source)}: {error.message}", hint=error.hint) from None
        self.notices += [f"{source}: {notice}" for notice in notices]
        return url

    def take_context(self, name: str | Context, *, login: bool) -> None:
        """Take server and login of the named qlik-cli context; without a name of the current one, if there is one."""
        context = name if isinstance(name, Context) else _context_of(name)
        if context is None:
            return
        source = f"qlik-cli context {context.name!r}" if context.name else "config file"
        if not context.server:
            problem = next(iter(context.problems), "it has no server")
            raise ConfigurationError(
                f"The {source} cannot be used: {problem}.",
                hint="Name one of a Qlik Cloud tenant (--context NAME), set QLIK_TENANT_URL, or make it again with: "
                "qlik context create",
            )
        server = self._normalized("tenant_url", context.server, source)
        level = Level(values={"tenant_url": server}, sources={"tenant_url": source})
        if self.has_tenant and not same_origin(self.values["tenant_url"], server):
            if name:
                raise ConfigurationError(
                    f"The {source} is for another tenant than {self.sources['tenant_url']}.",
                    hint="Unset one of them.",
                )
            self.notices.append(f"ignored the {source}, which is for another tenant")
            return
        if login and not self.has_credential:
            add_login(level, context, source)
        if context.insecure:
            level.notices.append(f"{source}: the setting `insecure` is ignored: certificates are always verified")
        self.take(level)


def _context_of(name: str) -> Context | None:
    contexts = users_contexts()
    if contexts is None:
        if name:
            raise no_contexts(name)
        return None
    return contexts.get(name) if name or contexts.current else None


def _named(context: str) -> str:
    require(TEXT, context=context)
    if not context.strip():
        raise ConfigurationError("The name of the context is empty.", hint="Give a name, or omit it.")
    return context


def _leave_login_of_another_tenant(level: Level, tenant_url: str, *, tell: bool) -> None:
    """Take the login out of the environment's level where that names a tenant too, and another one than is called."""
    login = [name for name in _CREDENTIAL if name in level.values or name in level.problems]
    named = level.values.get("tenant_url")
    if not login or (named is None and "tenant_url" not in level.problems):
        return
    try:
        if named is not None and same_origin(NORMALIZERS["tenant_url"](str(named))[0], tenant_url):
            return
    except ConfigurationError:  # it is no one's address, so not this tenant's
        pass
    names = [level.sources.get(name, _VARIABLES[name]) for name in login]
    for name in login:
        for found in (level.values, level.sources, level.problems):
            found.pop(name, None)
    if tell:
        level.notices.append(f"ignored {' and '.join(names)}, {_OF_ANOTHER_TENANT}")


def _file(name: str, source: str) -> Path:
    """Return the path of a file; one that is an argument must be there, a variable's is looked at when it is needed."""
    path = Path(os.path.expanduser(name))  # noqa: PTH111  # the other one raises where there is no such user
    if source.startswith("the argument") and not (path.is_file() and os.access(path, os.R_OK)):
        raise ConfigurationError(
            f"{source} names {path}, which is not a readable file.",
            hint="Set it to a PEM file with the certificate authority of the Vault.",
        )
    return path
