"""Where a tenant of a fleet is, and how to log in to it and to its Vault, without any secret.

A reference names what holds a secret: a variable, a file, a qlik-cli context, or a client whose private key is in the
Vault. It is looked up on the machine that connects: a reference can be pickled, written to a file and sent to another
machine.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qlik_keys.config.settings import Settings
from qlik_keys.config.vault_environment import NAMED_VARIABLES, read_secret_file
from qlik_keys.core.arguments import TEXT, require
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultReference:
    """A Vault, and where in it the records are. What is not given comes from the environment (docs/environment.md).

    Attributes:
        address: its URL.
        namespace: its namespace.
        mount: the KV mount that has the records.
        prefix: the folder in it.
        custody: who holds the keys that are made from now on, "kv" or "transit".
        ca_cert: a file with the certificate authority of the Vault.
        token_variable: the variable that holds a token.
        token_file: the file that holds a token.
    """

    address: str = ""
    namespace: str = ""
    mount: str = ""
    prefix: str = ""
    custody: str = ""
    ca_cert: str = ""
    token_variable: str = ""
    token_file: str = ""

    def __post_init__(self) -> None:
        """Refuse what is of another type, and two tokens."""
        _require_texts(self)
        _at_most_one(self, "token_variable", "token_file")
        NAMED_VARIABLES.update(filter(None, (self.token_variable,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantReference:
    """A tenant, and how to log in to it.

    At most one login is given; without one, that of the environment is used, as a single command uses it.

    Attributes:
        url: the tenant's URL; it may be left out where `context` has one.
        context: a qlik-cli context, with its server and its login.
        api_key_variable: the variable that holds an API key.
        api_key_file: the file that holds an API key.
        client_id: an OAuth client, with `client_secret_variable` or `client_secret_file`.
        client_secret_variable: the variable that holds its secret.
        client_secret_file: the file that holds its secret.
        login_client: a client, by id or name, whose private key is in the Vault: no other secret is needed.
        vault: where the tenant's keys are.

    Raises:
        ConfigurationError: two logins are given, half of one, or neither a URL nor a context.
        TypeError: a value is of another type.

    Example:
        >>> TenantReference(url="https://acme.eu.qlikcloud.com", login_client="key-rotation").url
        'https://acme.eu.qlikcloud.com'
    """

    url: str = ""
    context: str = ""
    api_key_variable: str = ""
    api_key_file: str = ""
    client_id: str = ""
    client_secret_variable: str = ""
    client_secret_file: str = ""
    login_client: str = ""
    vault: VaultReference = field(default_factory=VaultReference)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        _require_texts(self)
        if not isinstance(self.vault, VaultReference):
            raise TypeError(f"vault must be a VaultReference, not {type(self.vault).__name__}")
        if not (self.url or self.context):
            raise ConfigurationError("A tenant has neither a URL nor a context.", hint="Give one of the two.")
        _at_most_one(self, "api_key_variable", "api_key_file", "client_id", "login_client")
        _at_most_one(self, "client_secret_variable", "client_secret_file")
        NAMED_VARIABLES.update(filter(None, (self.api_key_variable, self.client_secret_variable)))
        if bool(self.client_id) != bool(self.client_secret_variable or self.client_secret_file):
            raise ConfigurationError(
                "An OAuth client that logs in by secret needs both its id and where its secret is.",
                hint="Give client_id, and client_secret_variable or client_secret_file.",
            )

    def settings(self, *, login: bool = True) -> Settings:
        """Look up what this refers to, in the environment, the files and the contexts of this machine.

        Args:
            login: False where no one logs in to the tenant.

        Raises:
            ConfigurationError: a variable is not set, a file cannot be read, or there is no such context.
        """
        vault = self.vault
        wanted: dict[str, Any] = {
            "tenant_url": self.url,
            "context": self.context,
            "vault_url": vault.address,
            "vault_namespace": vault.namespace,
            "vault_ca_cert": vault.ca_cert,
            "custody": vault.custody,
        }
        secrets = {"vault_token": (vault.token_variable, vault.token_file)}
        if login:
            wanted["client_id"] = self.client_id
            secrets["api_key"] = (self.api_key_variable, self.api_key_file)
            secrets["client_secret"] = (self.client_secret_variable, self.client_secret_file)
        given = {name: value for name, value in wanted.items() if value}
        given |= {name: _secret(*where) for name, where in secrets.items() if any(where)}
        found = Settings.resolve(**given, login=login and not self.login_client)
        return replace(
            found, vault_mount=vault.mount or found.vault_mount, vault_prefix=vault.prefix or found.vault_prefix
        )

    @contextmanager
    def connect(self) -> Iterator[tuple[QlikTenant, KeyStore]]:
        """Yield the tenant and the key store, and close both.

        Raises:
            ConfigurationError: as `settings`, or there is no login.
        """
        settings = self.settings()
        with ExitStack() as stack:
            store = stack.enter_context(settings.store())
            if self.login_client:
                from qlik_keys.auth.http_auth import StoredKeyLogin  # noqa: PLC0415  # brings httpx
                from qlik_keys.tenant import QlikTenant  # noqa: PLC0415  # brings httpx

                tenant = QlikTenant(settings.tenant_url, credential=StoredKeyLogin(store, self.login_client))
            else:
                tenant = settings.tenant()
            yield stack.enter_context(tenant), store


def _secret(variable: str, file: str) -> Secret:
    """Return what a variable or a file holds.

    Raises:
        ConfigurationError: there is nothing, or it cannot be read.
    """
    NAMED_VARIABLES.update(filter(None, (variable,)))  # on a worker, the reference was not made but unpickled
    if file:
        found = read_secret_file(file, file)
    elif os.environ.get(variable, "").strip():
        return Secret(os.environ[variable], what=variable, any_text=True)
    else:
        found = ConfigurationError(f"{variable} is not set.", hint="Set the variable, or name another one.")
    if isinstance(found, ConfigurationError):
        raise found
    return found


def _require_texts(reference: TenantReference | VaultReference) -> None:
    for name in reference.__slots__:
        if name != "vault":
            require(TEXT, **{name: getattr(reference, name)})


def _at_most_one(reference: TenantReference | VaultReference, *names: str) -> None:
    given = [name for name in names if getattr(reference, name)]
    if len(given) > 1:
        raise ConfigurationError(f"{' and '.join(given)} are both given.", hint="Give one of them.")
